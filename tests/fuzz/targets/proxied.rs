//! The PROXY protocol: the same in any pieces, no more bytes waited for than a header may have, and for every address a header
//! of either version that names it.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, unused_imports, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod wire;
}

use arbitrary::{Arbitrary, Unstructured};
use fuzz::same_in_pieces;
use gate::wire::proxied::{Header, LIMIT, Source};
use libfuzzer_sys::fuzz_target;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `None` while more is needed.
fn read(bytes: &[u8]) -> Option<Header> {
    match Header::read(bytes) {
        Header::More(least) => {
            assert!(bytes.len() < least && least <= LIMIT, "{least}");
            None
        }
        said => Some(said),
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(Header::From(source, length)) = same_in_pieces(bytes, read) {
        assert!(length <= bytes.len() && length <= LIMIT);
        // Whoever waits for as many bytes as it is told to reads none behind the header.
        let mut have = 0;
        while let Header::More(least) = Header::read(&bytes[..have]) {
            have = least;
            assert!(have <= length, "{have} of {length}");
        }
        assert_eq!(Header::read(&bytes[..length]), Header::From(source, length));
    }
    let Ok((four, six, ports, more)) =
        <([u8; 4], [u8; 16], [u16; 2], Vec<u8>)>::arbitrary(&mut Unstructured::new(bytes))
    else {
        return;
    };
    let (to, from) = (Ipv4Addr::from(four), Source::Client(Ipv4Addr::from(four).into()));
    let text = format!("PROXY TCP4 {to} {to} {} {}\r\n", ports[0], ports[1]);
    assert_eq!(Header::read(text.as_bytes()), Header::From(from, text.len()));
    let (to, from) = (Ipv6Addr::from(six), Source::Client(Ipv6Addr::from(six).into()));
    let text = format!("PROXY TCP6 {to} {to} {} {}\r\n", ports[0], ports[1]);
    assert_eq!(Header::read(text.as_bytes()), Header::From(from, text.len()));
    let addresses = [&six[..], &six, &[0; 4], &more].concat();
    let Ok(length) = u16::try_from(addresses.len()) else { return };
    let binary = [b"\r\n\r\n\0\r\nQUIT\n\x21\x21", &length.to_be_bytes()[..], &addresses].concat();
    let expected = if binary.len() > LIMIT { Header::Malformed } else { Header::From(from, binary.len()) };
    assert_eq!(Header::read(&binary), expected);
});
