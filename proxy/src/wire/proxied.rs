//! The PROXY protocol (HAProxy, "The PROXY protocol", versions 1 and 2): what a load balancer says first of the client whose
//! connection it passes on.
//!
//! A header is read to its last byte and not beyond: what follows it, HTTP or TLS, is somebody else's to read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// What version 1 begins with.
const WORD: &[u8] = b"PROXY ";
/// Bytes of version 2 before the addresses, the signature among them.
const FIXED: usize = 16;
/// The shortest header of version 1: `PROXY UNKNOWN` and the end of its line.
const SHORTEST: usize = 15;
/// The longest, with the end of its line.
const LONGEST: usize = 107;
/// Most bytes of a header: the addresses of version 2 take 36 at most, and what may follow them (certificates are the longest)
/// is not read.
pub(crate) const LIMIT: usize = 4096;

/// The first bytes of a connection from a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// Not enough bytes to tell: it has so many at least.
    More(usize),
    /// No header.
    Malformed,
    /// Whose connection it is, and how many bytes the header has.
    From(Source, usize),
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A client of this address.
    Client(IpAddr),
    /// The load balancer's own (a health check, LOCAL), or that of a client without an address (UNKNOWN, AF_UNSPEC, AF_UNIX).
    Balancer,
}

impl Header {
    /// Reads the first bytes of a connection.
    pub(crate) fn read(bytes: &[u8]) -> Header {
        let begins = |mark: &[u8]| {
            let known = bytes.len().min(mark.len());
            bytes.get(..known) == mark.get(..known)
        };
        if bytes.is_empty() {
            return Header::More(SHORTEST);
        }
        if begins(SIGNATURE) {
            return if bytes.len() < FIXED { Header::More(FIXED) } else { version_2(bytes) };
        }
        if begins(WORD) { version_1(bytes) } else { Header::Malformed }
    }
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 3128\r\n`.
fn version_1(bytes: &[u8]) -> Header {
    let looked_at = bytes.get(..bytes.len().min(LONGEST)).unwrap_or_default();
    let Some(end) = looked_at.windows(2).position(|pair| pair == b"\r\n") else {
        let missing = if bytes.last() == Some(&b'\r') { 1 } else { 2 };
        let least = (bytes.len() + missing).max(SHORTEST);
        return if least > LONGEST { Header::Malformed } else { Header::More(least) };
    };
    let line = bytes.get(WORD.len()..end).and_then(|line| std::str::from_utf8(line).ok());
    let source = line.and_then(|line| {
        // Whatever follows UNKNOWN is not to be read.
        if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
            return Some(Source::Balancer);
        }
        let mut words = line.split(' ');
        let mut word = || words.next();
        let (family, from, to) = (word()?, word()?, word()?);
        let ports = [word()?, word()?];
        let addressed = match family {
            "TCP4" => to.parse::<Ipv4Addr>().is_ok().then(|| from.parse::<Ipv4Addr>().ok().map(IpAddr::from)),
            "TCP6" => to.parse::<Ipv6Addr>().is_ok().then(|| from.parse::<Ipv6Addr>().ok().map(IpAddr::from)),
            _ => None,
        };
        (words.next().is_none() && ports.into_iter().all(is_port)).then_some(Source::Client(addressed??))
    });
    source.map_or(Header::Malformed, |source| Header::From(source, end + 2))
}

/// A number without a sign or a nought before it.
fn is_port(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain && text.parse::<u16>().is_ok()
}

fn version_2(bytes: &[u8]) -> Header {
    let Some([version_and_command, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Header::More(FIXED);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    let known = matches!(version_and_command, 0x20 | 0x21) && matches!(family, 0x00 | 0x11 | 0x21 | 0x31);
    // LOCAL may come with any family, which is then not read.
    if length > LIMIT || !(known || *version_and_command == 0x20) {
        return Header::Malformed;
    }
    let Some(addresses) = bytes.get(FIXED..length) else { return Header::More(length) };
    let source = match (version_and_command, family) {
        (0x20, _) | (_, 0x00) => Some(Source::Balancer),
        // Source and destination, then their ports.
        (_, 0x11) if addresses.len() >= 12 => addresses.first_chunk().map(|from: &[u8; 4]| client(*from)),
        (_, 0x21) if addresses.len() >= 36 => addresses.first_chunk().map(|from: &[u8; 16]| client(*from)),
        (_, 0x31) if addresses.len() >= 216 => Some(Source::Balancer),
        _ => None,
    };
    source.map_or(Header::Malformed, |source| Header::From(source, length))
}

fn client(address: impl Into<IpAddr>) -> Source {
    Source::Client(address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).expect("short").to_be_bytes();
        [SIGNATURE, &[command, family], &length, addresses].concat()
    }

    fn from(text: &str) -> Source {
        Source::Client(text.parse().expect("an address"))
    }

    #[test]
    fn headers_of_both_versions_name_the_client() {
        let four = [&[192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 4, 0x0c, 0x38][..], &[0x04, 0, 1, 0]].concat();
        let six = [[0x20; 16], [0x10; 16]].concat().into_iter().chain([0, 80, 0, 81]).collect::<Vec<u8>>();
        for (bytes, source) in [
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 3128\r\n".to_vec(), from("192.0.2.1")),
            (b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n".to_vec(), from("2001:db8::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Source::Balancer),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), Source::Balancer),
            (v2(0x21, 0x11, &four), from("192.0.2.1")),
            (v2(0x21, 0x21, &six), from("2020:2020:2020:2020:2020:2020:2020:2020")),
            (v2(0x21, 0x31, &[b'/'; 216]), Source::Balancer),
            (v2(0x21, 0, &[]), Source::Balancer),
            (v2(0x20, 0, &[]), Source::Balancer),
            (v2(0x20, 0x11, &four), Source::Balancer),
        ] {
            assert_eq!(Header::read(&bytes), Header::From(source, bytes.len()), "{}", bytes.escape_ascii());
            let followed = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(Header::read(&followed), Header::From(source, bytes.len()), "what follows is left");
            for cut in 0..bytes.len() {
                match Header::read(&bytes[..cut]) {
                    Header::More(least) => assert!(cut < least && least <= bytes.len(), "{cut}: {least}"),
                    other => panic!("{other:?} of the first {cut} of {}", bytes.escape_ascii()),
                }
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_and_nothing_is_waited_for_in_vain() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"POST / HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"proxy tcp4",
            b"PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n",
            b"PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 ::1 1.1.1.1 1 1\r\n",
            b"PROXY TCP4 1.1.1.1 ::1 1 1\r\n",
            b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n",
            b"PROXY UNKNOWNISH\r\n",
            b"PROXY TCP4 \xff\r\n........",
            &[&b"PROXY UNKNOWN "[..], &[b'x'; 100]].concat(),
            &v2(0x11, 0x11, &[0; 12]),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x21, 0x12, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
            &v2(0x21, 0x21, &[0; 12]),
            &v2(0x21, 0, &[0; LIMIT]),
        ] {
            assert_eq!(Header::read(bytes), Header::Malformed, "{}", bytes.escape_ascii());
        }
        assert_eq!(Header::read(b""), Header::More(SHORTEST));
    }
}
