//! The host's normal form: the host parser of the WHATWG URL standard, a little stricter.
//!
//! Stricter: of ASCII only letters, digits, `-` and `_` make a label (underscores exist in the wild); lengths are those
//! of DNS; one trailing dot is dropped, so that `example.com.` is `example.com`.

use super::TargetError;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All of ASCII that no label holds. The type denies upper case too, after UTS 46 has folded it.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Appends the normal form of a host and gives the address, if it is one. On failure `out` is unspecified.
pub(super) fn push(host: &str, out: &mut String) -> Result<Option<IpAddr>, TargetError> {
    if let Some(rest) = host.strip_prefix('[') {
        return push_ipv6(rest.strip_suffix(']').ok_or(TargetError::Ipv6)?, out).map(Some);
    }
    let start = out.len();
    if is_plain(host) {
        out.push_str(host);
    } else {
        out.push_str(&to_ascii(host)?);
    }
    if out.len() > start && out.ends_with('.') {
        out.pop();
    }
    let name = &out[start..];
    if !ends_in_number(name) {
        check_lengths(name)?;
        return Ok(None);
    }
    let address = parse_ipv4(name)?;
    out.truncate(start);
    write_address(address, out);
    Ok(Some(IpAddr::V4(address)))
}

/// As [`push`], for a host that stands alone, as in lists: an IPv6 address may go without brackets.
pub(crate) fn push_listed(host: &str, out: &mut String) -> Result<Option<IpAddr>, TargetError> {
    if host.bytes().filter(|b| *b == b':').count() > 1 && !host.starts_with('[') {
        return push_ipv6(host, out).map(Some);
    }
    push(host, out)
}

/// [`push`] or [`push_listed`].
pub(super) type Push = fn(&str, &mut String) -> Result<Option<IpAddr>, TargetError>;

/// Most hosts: nothing to map. An `xn--` label is not plain, for what it stands for must be a valid name.
fn is_plain(host: &str) -> bool {
    host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')) && !host.contains("xn--")
}

fn to_ascii(host: &str) -> Result<String, TargetError> {
    let decoded = if host.contains('%') { Cow::Owned(decode(host)?) } else { Cow::Borrowed(host) };
    match Uts46::new().to_ascii(decoded.as_bytes(), DENIED, Hyphens::Allow, DnsLength::Ignore) {
        Ok(ascii) => Ok(ascii.into_owned()),
        Err(_) => Err(match decoded.chars().find(|c| c.is_ascii() && !is_label_char(*c)) {
            Some(c) => TargetError::HostCharacter(c),
            None => TargetError::Idna,
        }),
    }
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn decode(host: &str) -> Result<String, TargetError> {
    let mut bytes = Vec::with_capacity(host.len());
    let mut rest = host.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(super::path::escape(rest).ok_or(TargetError::HostEscape)?);
            rest = &rest[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| TargetError::HostEscape)
}

fn check_lengths(name: &str) -> Result<(), TargetError> {
    if name.is_empty() {
        return Err(TargetError::NoHost);
    }
    if name.len() > 253 {
        return Err(TargetError::NameTooLong);
    }
    for label in name.as_bytes().split(|b| *b == b'.') {
        match label.len() {
            0 => return Err(TargetError::EmptyLabel),
            1..=63 => {}
            _ => return Err(TargetError::LabelTooLong),
        }
    }
    Ok(())
}

/// A last label that is a number makes the whole host an address or an error: no top-level name is a number.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last.as_bytes() {
        [] => false,
        [b'0', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

/// One to four numbers in decimal, octal (`0…`) or hexadecimal (`0x…`); the last fills all bytes that are left.
fn parse_ipv4(name: &str) -> Result<Ipv4Addr, TargetError> {
    let mut numbers = [0u32; 4];
    let mut count = 0;
    for part in name.split('.') {
        *numbers.get_mut(count).ok_or(TargetError::Ipv4)? = parse_number(part).ok_or(TargetError::Ipv4)?;
        count += 1;
    }
    let (last, bytes) = numbers[..count].split_last().ok_or(TargetError::Ipv4)?;
    let free = 8 * (4 - bytes.len());
    if u64::from(*last) >> free != 0 || bytes.iter().any(|b| *b > 255) {
        return Err(TargetError::Ipv4);
    }
    let high = bytes.iter().enumerate().map(|(i, b)| b << (24 - 8 * i)).sum::<u32>();
    Ok(Ipv4Addr::from(high | last))
}

fn parse_number(part: &str) -> Option<u32> {
    match part.as_bytes() {
        // `0x` alone is a spelling of zero to browsers.
        [b'0', b'x'] => Some(0),
        [b'0', b'x', ..] => digits(&part[2..], 16),
        [b'0', _, ..] => digits(&part[1..], 8),
        _ => digits(part, 10),
    }
}

/// `from_str_radix` without its sign.
fn digits(text: &str, radix: u32) -> Option<u32> {
    if text.starts_with('+') { None } else { u32::from_str_radix(text, radix).ok() }
}

fn push_ipv6(text: &str, out: &mut String) -> Result<IpAddr, TargetError> {
    if text.contains('%') {
        return Err(TargetError::Zone);
    }
    let address: Ipv6Addr = text.parse().map_err(|_| TargetError::Ipv6)?;
    // `::ffff:10.0.0.1` is dialled as 10.0.0.1, so it is decided on as 10.0.0.1.
    let address = address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4);
    write_address(address, out);
    Ok(address)
}

fn write_address(address: impl std::fmt::Display, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{address}");
}
