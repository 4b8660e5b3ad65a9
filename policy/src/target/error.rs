//! Why a spelling is no target.

use std::fmt;

/// Why a spelling is no target. All of them are the client's: the answer is 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetError {
    /// No `scheme://` in front.
    NotAbsolute,
    /// A scheme the gate does not carry.
    Scheme(String),
    /// `user@` or `user:password@`: refused, because it is used to make a host look like another.
    UserInfo,
    /// No host.
    NoHost,
    /// Two dots in a row, or a dot in front.
    EmptyLabel,
    /// A label over 63 bytes (RFC 1035 §2.3.4).
    LabelTooLong,
    /// A name over 253 bytes (RFC 1035 §2.3.4, as text).
    NameTooLong,
    /// A character that no host holds.
    HostCharacter(char),
    /// Not a valid internationalised name (UTS 46).
    Idna,
    /// A percent sign without two digits behind it, or bytes that are no text.
    HostEscape,
    /// It ends in a number, so it must be an IPv4 address, and it is none.
    Ipv4,
    /// Not an IPv6 address in brackets.
    Ipv6,
    /// An IPv6 address with a zone, `fe80::1%eth0`: it means something to one machine only.
    Zone,
    /// Not a port from 1 to 65535.
    Port,
    /// CONNECT without a port.
    MissingPort,
    /// A byte that may not stand in a request line: space or control.
    UrlByte(u8),
    /// `..` beside an empty segment: servers disagree on where it leads.
    AmbiguousPath,
    /// Over a mebibyte.
    TooLong,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("not an absolute URL: `http://` or `https://` is missing"),
            Self::Scheme(scheme) => write!(f, "`{scheme}:` is not carried: only `http:` and `https:` are"),
            Self::UserInfo => f.write_str("a user name or password before the host is refused"),
            Self::NoHost => f.write_str("there is no host"),
            Self::EmptyLabel => f.write_str("the host has an empty label: two dots in a row, or one in front"),
            Self::LabelTooLong => f.write_str("a label of the host is over 63 bytes"),
            Self::NameTooLong => f.write_str("the host is over 253 bytes"),
            Self::HostCharacter(c) => write!(f, "the host holds {c:?}, which no host name may"),
            Self::Idna => f.write_str("the host is not a valid internationalised name"),
            Self::HostEscape => f.write_str("the host holds an invalid percent escape"),
            Self::Ipv4 => f.write_str("the host ends in a number but is not an IPv4 address"),
            Self::Ipv6 => f.write_str("the host is not an IPv6 address in brackets"),
            Self::Zone => f.write_str("an IPv6 address with a zone means nothing to the gate"),
            Self::Port => f.write_str("the port is not a number from 1 to 65535"),
            Self::MissingPort => f.write_str("CONNECT needs a port: `host:port`"),
            Self::UrlByte(byte) => write!(f, "the URL holds the byte 0x{byte:02X}, which must be escaped"),
            Self::AmbiguousPath => f.write_str("the path has `..` beside `//`, which servers read in different ways"),
            Self::TooLong => f.write_str("the URL is over a mebibyte"),
        }
    }
}

impl std::error::Error for TargetError {}
