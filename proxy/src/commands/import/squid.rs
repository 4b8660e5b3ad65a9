//! Squid's native access log, a line at a time: `%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt`.
//!
//! Read as Squid and its relatives really write it: blanks in URLs, names in percent-encoding or in no known one, clocks
//! that stepped back, headers appended by `log_mime_hdrs` (which are dropped unread). What a register never keeps is
//! dropped here: credentials in URLs, media types, headers.

use logstore::Outcome;
use policy::{Target, TargetError};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// Longest name of a user, in bytes.
const NAME_BYTES: usize = 256;
/// Longest method, in bytes.
const METHOD_BYTES: usize = 32;

/// What a line says of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// UTC, microseconds since 1970.
    pub(super) opened_at: i64,
    /// The same.
    pub(super) closed_at: i64,
    /// Who asked, where Squid knew it.
    pub(super) user: Option<String>,
    /// From where; an IPv4 address mapped into IPv6 is that IPv4 address.
    pub(super) client: IpAddr,
    /// How.
    pub(super) method: String,
    /// For what.
    pub(super) target: Target,
    /// Where Squid went for it, itself or through another proxy.
    pub(super) destination: Option<IpAddr>,
    /// What the client was answered, if it was.
    pub(super) status: Option<u16>,
    /// Bytes to the client, headers among them: Squid counts no other way.
    pub(super) bytes: u64,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// Why a line says nothing of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoLine {
    /// It is Squid's own affair: a request it could not read, another cache's question, its own pages, an empty line.
    Own,
    /// It cannot be read.
    Bad(Bad),
}

/// What is wrong with a line. Says nothing of its content, which is about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bad {
    /// Fewer than ten fields.
    Fields(usize),
    /// The first field is no time.
    Time,
    /// The second is no duration.
    Elapsed,
    /// The third is no address.
    Client,
    /// The fourth is no `CODE/status`.
    Code,
    /// The fifth is no number of bytes.
    Bytes,
    /// The sixth is no method.
    Method,
    /// The seventh is no target.
    Target(TargetError),
    /// The eighth is no name.
    User,
}

impl fmt::Display for Bad {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Fields(found) => write!(out, "{found} fields instead of 10: this is not Squid's native format"),
            Bad::Time => out.write_str("field 1 is not a time (1795459501.623)"),
            Bad::Elapsed => out.write_str("field 2 is not a duration in milliseconds"),
            Bad::Client => out.write_str("field 3 is not the address of a client"),
            Bad::Code => out.write_str("field 4 is not a code and a status (TCP_MISS/200)"),
            Bad::Bytes => out.write_str("field 5 is not a number of bytes"),
            Bad::Method => out.write_str("field 6 is not a method"),
            Bad::Target(why) => write!(out, "field 7 is not an address: {why}"),
            Bad::User => out.write_str("field 8 is not a name: too long, or with control characters"),
        }
    }
}

impl From<Bad> for NoLine {
    fn from(bad: Bad) -> NoLine {
        NoLine::Bad(bad)
    }
}

/// Reads a line, without its end.
pub(super) fn parse(line: &[u8]) -> Result<Line, NoLine> {
    let all: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect();
    if all.is_empty() {
        return Err(NoLine::Own);
    }
    let [time, took, address, code, bytes, verb, url @ .., name, way, _media_type] = without_headers(&all) else {
        return Err(Bad::Fields(all.len()).into());
    };
    // A blank in a URL is written as it is by Squids told to let it pass: what is left in the middle is the URL.
    let [first, ..] = url else { return Err(Bad::Fields(all.len()).into()) };
    let (code, status) = code_and_status(code).ok_or(Bad::Code)?;
    if is_squids_own(code, first) {
        return Err(NoLine::Own);
    }
    let closed_at = instant(time).ok_or(Bad::Time)?;
    let took = duration(took).ok_or(Bad::Elapsed)?;
    let client = ip(address).ok_or(Bad::Client)?;
    let bytes = text(bytes).and_then(|bytes| bytes.parse().ok()).ok_or(Bad::Bytes)?;
    let method = method(verb).ok_or(Bad::Method)?;
    let target = target(method, &url.join(&b"%20"[..])).map_err(Bad::Target)?;
    let user = user(name)?;
    let (way, destination) = halves(way, b'/').unwrap_or((way, b"-"));
    Ok(Line {
        opened_at: closed_at.saturating_sub(took),
        closed_at,
        user,
        client,
        method: method.to_owned(),
        target,
        destination: ip(destination),
        status: (status != 0).then_some(status),
        bytes,
        outcome: outcome(code, status, way),
    })
}

/// Without the two fields in brackets that `log_mime_hdrs` appends.
fn without_headers<'f, 'l>(all: &'f [&'l [u8]]) -> &'f [&'l [u8]] {
    let bracketed = |field: &[u8]| field.starts_with(b"[") && field.ends_with(b"]");
    match all {
        [rest @ .., request, answer] if bracketed(request) && bracketed(answer) => rest,
        all => all,
    }
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

fn halves(field: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(at, field)?;
    Some((field.get(..at)?, field.get(at + 1..)?))
}

fn ip(field: &[u8]) -> Option<IpAddr> {
    text(field)?.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Seconds since 1970, with up to six decimals, in microseconds.
fn instant(field: &[u8]) -> Option<i64> {
    let (seconds, decimals) = halves(field, b'.').unwrap_or((field, b"0"));
    let digits = |field: &[u8], most| (1..=most).contains(&field.len()) && field.iter().all(u8::is_ascii_digit);
    if !digits(seconds, 11) || !digits(decimals, 6) {
        return None;
    }
    let fraction: i64 = format!("{:0<6}", text(decimals)?).parse().ok()?;
    Some(text(seconds)?.parse::<i64>().ok()? * 1_000_000 + fraction)
}

/// Milliseconds, in microseconds. Squid writes less than nothing when its clock stepped back meanwhile.
fn duration(field: &[u8]) -> Option<i64> {
    let milliseconds: i64 = text(field)?.parse().ok()?;
    milliseconds.max(0).checked_mul(1000)
}

fn code_and_status(field: &[u8]) -> Option<(&str, u16)> {
    let (code, status) = text(field)?.split_once('/')?;
    let word = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_'));
    let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    (word && digits).then_some((code, status.parse().ok()?))
}

/// Requests that Squid could not read (`error:invalid-request`), that came from its own parts or from other caches.
fn is_squids_own(code: &str, url: &[u8]) -> bool {
    let own: [&[u8]; 4] = [b"error:", b"cache_object:", b"internal:", b"urn:"];
    let begins = |scheme: &&[u8]| url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    own.iter().any(begins) || code.starts_with("UDP_")
}

/// A token of RFC 9110 §5.6.2.
fn method(field: &[u8]) -> Option<&str> {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    ((1..=METHOD_BYTES).contains(&field.len()) && field.iter().all(token)).then(|| text(field))?
}

/// The normal form. Bytes in no known encoding are escaped, names and passwords in front of a host dropped.
fn target(method: &str, url: &[u8]) -> Result<Target, TargetError> {
    let url = escaped(url);
    if method == "CONNECT" {
        return Target::of_authority(&url);
    }
    let Some((scheme, rest)) = url.split_once("://") else { return Err(TargetError::NotAbsolute) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_credentials, host)) => Target::of_url(&format!("{scheme}://{host}{path}")),
        None => Target::of_url(&url),
    }
}

/// As text; when it is none, with every byte outside ASCII escaped.
fn escaped(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let escape = |byte: &u8| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(escape).collect::<String>().into()
}

/// The name, if there is one. A name that is percent-encoded in another encoding than UTF-8 stays as it is written: two
/// people must not become one.
fn user(field: &[u8]) -> Result<Option<String>, Bad> {
    if field == b"-" {
        return Ok(None);
    }
    let written = escaped(field);
    let name = decoded(&written).unwrap_or_else(|| written.into_owned());
    let good = (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    if good { Ok(Some(name)) } else { Err(Bad::User) }
}

/// Escapes undone, when the result is text. A percent sign that begins none is itself.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if escape(high).is_some() && escape(low).is_some() => {
                bytes.push(escape(high)? << 4 | escape(low)?);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// How it ended, in the register's words. What Squid answered itself because it reached nobody has failed.
fn outcome(code: &str, status: u16, way: &[u8]) -> Outcome {
    let is = |part: &str| code.split('_').any(|word| word == part);
    if is("DENIED") {
        Outcome::Refused
    } else if is("ABORTED") {
        Outcome::Abandoned
    } else if is("TIMEDOUT") || (matches!(status, 502..=504) && way.ends_with(b"NONE")) {
        Outcome::Failed
    } else {
        Outcome::Completed
    }
}

#[cfg(test)]
mod tests;
