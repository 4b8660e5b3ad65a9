//! A rate of bytes: what `bandwidth` says, in the charter and in the configuration.
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// Bytes each second, from [`Rate::LEAST`] to [`Rate::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

/// The text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARate;

/// Units, the larger of two that fit first: bytes each second, and by how many of them a bit rate is divided.
const UNITS: [(&str, u64, u64); 12] = [
    ("GiB/s", 1 << 30, 1),
    ("GB/s", 1_000_000_000, 1),
    ("MiB/s", 1 << 20, 1),
    ("MB/s", 1_000_000, 1),
    ("KiB/s", 1 << 10, 1),
    ("kB/s", 1000, 1),
    ("B/s", 1, 1),
    ("KB/s", 1000, 1),
    ("Gbit/s", 1_000_000_000, 8),
    ("Mbit/s", 1_000_000, 8),
    ("kbit/s", 1000, 8),
    ("bit/s", 1, 8),
];

impl Rate {
    /// `1kB/s`. Under it a single segment of TCP takes seconds, and what is slowed down looks broken.
    pub const LEAST: u64 = 1000;
    /// `100GB/s`.
    pub const MOST: u64 = 100_000_000_000;

    /// So many bytes each second; `None` out of bounds.
    pub fn new(bytes_per_second: u64) -> Option<Rate> {
        let within = (Rate::LEAST..=Rate::MOST).contains(&bytes_per_second);
        NonZeroU64::new(bytes_per_second).filter(|_| within).map(Rate)
    }

    /// Bytes each second.
    pub fn bytes_per_second(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for Rate {
    type Err = NotARate;

    /// `2MB/s` and the like, or `16Mbit/s`: a whole number and its unit.
    fn from_str(text: &str) -> Result<Rate, NotARate> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = text.split_at(digits);
        let count: u64 = count.parse().map_err(|_| NotARate)?;
        let (_, factor, parts) = UNITS.iter().find(|(name, ..)| *name == unit.trim_start()).ok_or(NotARate)?;
        count.checked_mul(*factor).and_then(|rate| Rate::new(rate / parts)).ok_or(NotARate)
    }
}

/// What is expected where a text that is no rate stands.
pub(crate) fn expected(text: &str) -> String {
    let advice = advice(text).map(|advice| format!(": {advice}")).unwrap_or_default();
    format!("a rate such as \"2MB/s\" or \"16Mbit/s\", from 1kB/s to 100GB/s{advice}")
}

/// What to write instead, when the text tells it.
fn advice(text: &str) -> Option<String> {
    let number = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    let unit = text.trim_start_matches(number);
    let number = &text[..text.len() - unit.len()];
    let unit = unit.trim();
    let meant = match unit.to_ascii_lowercase().strip_suffix("/s").or(unit.to_ascii_lowercase().strip_suffix("ps")) {
        Some(_) if UNITS.iter().any(|(name, ..)| *name == unit) => None,
        // Octets are bytes; between bits and bytes the letter decides, if its case does.
        Some("o") => Some("B/s"),
        Some("ko") => Some("kB/s"),
        Some("mo") => Some("MB/s"),
        Some("go") => Some("GB/s"),
        Some("kio") => Some("KiB/s"),
        Some("mio") => Some("MiB/s"),
        Some("gio") => Some("GiB/s"),
        Some("b") if unit.contains('b') => Some("bit/s"),
        Some("kb") if unit.contains('b') => Some("kbit/s"),
        Some("mb") if unit.contains('b') => Some("Mbit/s"),
        Some("gb") if unit.contains('b') => Some("Gbit/s"),
        Some("b") => Some("B/s"),
        Some("kb") => Some("kB/s"),
        Some("mb") => Some("MB/s"),
        Some("gb") => Some("GB/s"),
        _ => None,
    };
    match (meant, number.contains(['.', ','])) {
        (Some(meant), false) => Some(format!("write `{number}{meant}`")),
        (Some(meant), true) => Some(format!("write `{meant}`, and a whole number")),
        (None, true) => Some("write a whole number, in a smaller unit if need be".to_owned()),
        (None, false) => None,
    }
}

/// In bytes, in the largest unit that leaves a whole number: the charter reads it back.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.bytes_per_second();
        // A byte divides everything.
        let (unit, factor, _) = UNITS.iter().find(|(_, factor, _)| rate.is_multiple_of(*factor)).unwrap_or(&UNITS[6]);
        write!(f, "{}{unit}", rate / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::{NotARate, Rate, advice};

    #[test]
    fn rates_are_read_and_written_back() {
        for (text, rate, written) in [
            ("2MB/s", 2_000_000, "2MB/s"),
            ("2 MB/s", 2_000_000, "2MB/s"),
            ("16Mbit/s", 2_000_000, "2MB/s"),
            ("1Gbit/s", 125_000_000, "125MB/s"),
            ("8001bit/s", 1000, "1kB/s"),
            ("1500B/s", 1500, "1500B/s"),
            ("2500KB/s", 2_500_000, "2500kB/s"),
            ("64KiB/s", 65_536, "64KiB/s"),
            ("1GiB/s", 1 << 30, "1GiB/s"),
            ("100GB/s", Rate::MOST, "100GB/s"),
        ] {
            let read: Rate = text.parse().expect(text);
            assert_eq!((read.bytes_per_second(), read.to_string().as_str()), (rate, written), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn what_was_meant_is_said() {
        for (text, said) in [
            ("2Mo/s", Some("write `2MB/s`")),
            ("500 ko/s", Some("write `500kB/s`")),
            ("1Go/s", Some("write `1GB/s`")),
            ("100Mbps", Some("write `100Mbit/s`")),
            ("100Mb/s", Some("write `100Mbit/s`")),
            ("2MBps", Some("write `2MB/s`")),
            ("1.5MB/s", Some("write a whole number, in a smaller unit if need be")),
            ("1,5Mo/s", Some("write `MB/s`, and a whole number")),
            ("0kB/s", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(advice(text).as_deref(), said, "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "2",
            "2MB",
            "MB/s",
            "-2MB/s",
            "1.5MB/s",
            "2Mb/s",
            "2mb/s",
            "999B/s",
            "0kB/s",
            "101GB/s",
            "99999999999999GB/s",
        ] {
            assert_eq!(text.parse::<Rate>(), Err(NotARate), "{text}");
        }
    }
}
