//! The texts that stand for something else: durations, sizes, networks, port ranges.
use super::{Located, Table};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::de::DeValue;

impl<'d> Table<'d> {
    /// A text, or a list of texts.
    pub fn one_or_more(&self, key: &str) -> Option<Vec<Located<&'d str>>> {
        match self.value(key)?.value.as_str() {
            Some(_) => self.string(key).map(|text| vec![text]),
            None => self.strings(key),
        }
    }
}

/// A whole number, in whichever base it is written.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A port alone.
pub(super) fn port(value: &DeValue<'_>) -> Option<RangeInclusive<u16>> {
    let port = u16::try_from(integer(value)?).ok().filter(|&port| port > 0)?;
    Some(port..=port)
}

/// `1h30m` and the like; `None` when it is no duration.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (count, tail) = leading_number(rest)?;
        let unit = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let step = match &tail[..unit] {
            "ms" => Duration::from_millis(count),
            "s" => Duration::from_secs(count),
            "m" => Duration::from_secs(count.checked_mul(60)?),
            "h" => Duration::from_secs(count.checked_mul(3600)?),
            "d" => Duration::from_secs(count.checked_mul(86400)?),
            _ => return None,
        };
        total = total.checked_add(step)?;
        rest = &tail[unit..];
    }
    (!text.is_empty()).then_some(total)
}

/// `64KB` and the like in bytes; `None` when it is no size.
pub fn size(text: &str) -> Option<u64> {
    let (count, unit) = leading_number(text)?;
    let factor = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1000 * 1000,
        "GB" => 1000 * 1000 * 1000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    count.checked_mul(factor)
}

/// The network, or the form that was expected.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    match text.parse::<IpNet>() {
        Ok(network) if network == network.trunc() => Ok(network),
        Ok(network) => Err(format!("its network is `{}`; a single address is `{}`", network.trunc(), network.addr())),
        Err(_) => Err("expected an address or a network such as \"10.0.9.0/24\"".to_owned()),
    }
}

/// `"1024-65535"` or `"443"`, from 1, not backwards.
pub(super) fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (whole(first)?, whole(last)?);
    (first > 0 && first <= last).then_some(first..=last)
}

/// A port written in digits alone; `parse` would take `+80` too.
fn whole(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_that_mean_nothing_are_refused() {
        for text in ["", "5", "m", "5 m", "-5s", "5M", "5s3", "99999999999999999999s", "999999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["", "MB", "1.5MB", "-1", "2mb", "99999999999999GB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
