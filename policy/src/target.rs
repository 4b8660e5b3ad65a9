//! What is asked, in one normal form: everything behind this door compares normal forms and can't be given others.
//!
//! Browsers, scripts and people who want around a filter spell one destination in many ways. They all end here in the
//! same value: hosts as the WHATWG URL standard reads them, paths by the normalisations of RFC 3986 §6.2.2.
//! [`Target::path_and_query`] alone keeps what was asked, for the origin's request line.

mod error;
mod host;
mod path;

pub use error::TargetError;
pub(crate) use host::push_listed;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// The longest URL read, in bytes. Browsers stop well before; offsets inside a target fit in 32 bits.
const LONGEST: usize = 1 << 20;

/// How the target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// A plain request in absolute form.
    Http,
    /// A CONNECT tunnel, or a request inspected inside one.
    Https,
}

impl Scheme {
    /// `http` or `https`, as the record and the pages write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port meant when none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A normalised target. Cannot exist un-normalised.
///
/// One buffer holds all its text: the host, what was asked of it, and the normal form of that where it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    ip: Option<IpAddr>,
    port: u16,
    text: String,
    /// The host ends here and what was asked begins.
    host_end: u32,
    /// What was asked ends here.
    asked_end: u32,
    /// The normal form begins here: at `host_end` when what was asked is already normal, else at `asked_end`.
    normal: u32,
    /// The path of the normal form ends here; its query goes on to the end of the text.
    path_end: u32,
}

impl Target {
    /// From an absolute URL, `http://…` or `https://…` (RFC 9112 §3.2.2). A fragment is dropped.
    pub fn of_url(url: &str) -> Result<Target, TargetError> {
        if url.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::NotAbsolute)?;
        let scheme = parse_scheme(scheme)?;
        let (authority, asked) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = split_authority(authority)?;
        let port = match port {
            None | Some("") => scheme.default_port(),
            Some(port) => parse_port(port)?,
        };
        let mut text = String::with_capacity(rest.len() + 1);
        let ip = host::push(host, &mut text)?;
        let host_end = text.len();
        path::push_asked(asked, &mut text)?;
        let asked_end = text.len();
        let (normal, path_end) = path::push_normal(host_end, &mut text)?;
        Ok(Target {
            scheme,
            ip,
            port,
            host_end: offset(host_end)?,
            asked_end: offset(asked_end)?,
            normal: offset(normal)?,
            path_end: offset(path_end)?,
            text,
        })
    }

    /// From the authority of a CONNECT, `host:port` (RFC 9112 §3.2.3). The port must be there.
    pub fn of_authority(authority: &str) -> Result<Target, TargetError> {
        let (host, port) = split_authority(authority)?;
        match port {
            None | Some("") => Err(TargetError::MissingPort),
            Some(port) => Target::tunnel(host, parse_port(port)?, host::push),
        }
    }

    /// From a host alone, as lists and people write it: the tunnel to its port 443. An IPv6 address may go without
    /// brackets.
    pub fn of_host(host: &str) -> Result<Target, TargetError> {
        Target::tunnel(host, 443, host::push_listed)
    }

    fn tunnel(host: &str, port: u16, push: host::Push) -> Result<Target, TargetError> {
        let mut text = String::with_capacity(host.len());
        let ip = push(host, &mut text)?;
        let end = offset(text.len())?;
        Ok(Target { scheme: Scheme::Https, ip, port, text, host_end: end, asked_end: end, normal: end, path_end: end })
    }

    /// The same destination under another name: the name in a ClientHello.
    pub fn under_name(&self, name: &str) -> Result<Target, TargetError> {
        let mut text = String::with_capacity(name.len() + self.text.len() - self.host().len());
        let ip = host::push(name, &mut text)?;
        let host_end = offset(text.len())?;
        text.push_str(&self.text[self.host_end as usize..]);
        let moved = |at: u32| at - self.host_end + host_end;
        Ok(Target {
            scheme: self.scheme,
            ip,
            port: self.port,
            text,
            host_end,
            asked_end: moved(self.asked_end),
            normal: moved(self.normal),
            path_end: moved(self.path_end),
        })
    }

    /// The same at another port: inside a tunnel, a Host names a port, and the tunnel's is the one that is reached.
    pub fn at_port(self, port: u16) -> Target {
        Target { port, ..self }
    }

    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in normal form; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.text[..self.host_end as usize]
    }

    /// The address, when the host is one (v4-mapped IPv6 comes out as IPv4).
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The port, the scheme's default filled in.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path in normal form, for decisions and records; empty for a tunnel.
    ///
    /// RFC 3986 §6.2.2: unreserved characters stand unescaped, everything that may not stand in a path is escaped with
    /// upper-case digits, dot segments are resolved. Beyond the RFC, repeated slashes count as one, and a backslash,
    /// which browsers never send, is an ordinary character (`%5C`). Letters keep their case.
    pub fn path(&self) -> &str {
        &self.text[self.normal as usize..self.path_end as usize]
    }

    /// Path and query as they were asked, for the origin's request line; `/` at least for a URL, empty for a tunnel.
    ///
    /// Bytes outside ASCII are escaped: no request line may carry them (RFC 9112 §3.2).
    pub fn path_and_query(&self) -> &str {
        &self.text[self.host_end as usize..self.asked_end as usize]
    }

    /// `host[:port]` for a Host field: brackets round IPv6, the scheme's default port left out.
    pub fn authority(&self) -> String {
        let host = self.host();
        let default = self.port == self.scheme.default_port();
        match (self.ip, default) {
            (Some(IpAddr::V6(_)), true) => format!("[{host}]"),
            (Some(IpAddr::V6(_)), false) => format!("[{host}]:{}", self.port),
            (_, true) => host.to_owned(),
            (_, false) => format!("{host}:{}", self.port),
        }
    }

    /// Path and query in normal form: what URL entries are compared with.
    pub(crate) fn locator(&self) -> &str {
        let end = if self.normal == self.host_end { self.asked_end as usize } else { self.text.len() };
        &self.text[self.normal as usize..end]
    }

    /// Host, path and query in normal form, in one piece when they stand so in the text.
    pub(crate) fn host_and_locator(&self) -> Cow<'_, str> {
        if self.normal == self.host_end {
            self.text[..self.asked_end as usize].into()
        } else {
            [self.host(), self.locator()].concat().into()
        }
    }
}

/// Schemes have no case. What cannot be one (RFC 3986 §3.1) is something else in front of a `://`.
fn parse_scheme(text: &str) -> Result<Scheme, TargetError> {
    const LONGEST_SHOWN: usize = 32;
    if text.eq_ignore_ascii_case("http") {
        return Ok(Scheme::Http);
    }
    if text.eq_ignore_ascii_case("https") {
        return Ok(Scheme::Https);
    }
    let possible = (1..=LONGEST_SHOWN).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    Err(if possible { TargetError::Scheme(text.to_ascii_lowercase()) } else { TargetError::NotAbsolute })
}

/// Host and port as written; the port is `None` without a colon.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), TargetError> {
    if authority.contains('@') {
        return Err(TargetError::UserInfo);
    }
    let host_end = if authority.starts_with('[') {
        authority.find(']').ok_or(TargetError::Ipv6)? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_end);
    match rest.strip_prefix(':') {
        Some(_) if authority.parse::<Ipv6Addr>().is_ok() => Err(TargetError::Ipv6),
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(TargetError::Ipv6),
    }
}

/// Decimal digits, 1 to 65535; zeros in front are allowed, as in URLs.
fn parse_port(text: &str) -> Result<u16, TargetError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1..) if digits => Ok(port),
        _ => Err(TargetError::Port),
    }
}

fn offset(at: usize) -> Result<u32, TargetError> {
    u32::try_from(at).map_err(|_| TargetError::TooLong)
}

#[cfg(test)]
mod tests;
