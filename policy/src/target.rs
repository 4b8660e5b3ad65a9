//! What is asked, in one normal form: everything behind this door compares normal forms and can't be given others.
use std::net::IpAddr;

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
}

/// A normalised target. Cannot exist un-normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {}

/// Why a spelling is no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetError {}

impl Target {
    /// From an absolute URL, `http://…` or `https://…` (RFC 9112 §3.2.2).
    pub fn of_url(_url: &str) -> Result<Target, TargetError> {
        todo!()
    }
    /// From the authority of a CONNECT, `host:port` (RFC 9112 §3.2.3).
    pub fn of_authority(_authority: &str) -> Result<Target, TargetError> {
        todo!()
    }
    /// The same destination under another name: the name in a ClientHello.
    pub fn under_name(&self, _name: &str) -> Result<Target, TargetError> {
        todo!()
    }
    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        todo!()
    }
    /// The host in normal form; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        todo!()
    }
    /// The address, when the host is one (v4-mapped IPv6 comes out as IPv4).
    pub fn ip(&self) -> Option<IpAddr> {
        todo!()
    }
    /// The port, the scheme's default filled in.
    pub fn port(&self) -> u16 {
        todo!()
    }
    /// The path in normal form, for decisions and records; empty for a tunnel.
    pub fn path(&self) -> &str {
        todo!()
    }
    /// Path and query as they were asked, for the origin's request line; `/` at least for a URL.
    pub fn path_and_query(&self) -> &str {
        todo!()
    }
    /// `host[:port]` for a Host field: brackets round IPv6, the scheme's default port left out.
    pub fn authority(&self) -> String {
        todo!()
    }
}
