//! The ClientHello: the same in any pieces; the name that was put in, however it is cut into records; never another name
//! than a TLS server reads in the same bytes.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, unused_imports, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod wire;
}

use arbitrary::{Arbitrary, Unstructured};
use fuzz::same_in_pieces;
use gate::wire;
use libfuzzer_sys::fuzz_target;
use rustls::server::Acceptor;
use wire::hello::{Hello, LIMIT};

/// What the first bytes of a tunnel turn out to be.
#[derive(Debug, PartialEq)]
enum Said {
    NotTls,
    Malformed,
    Asks(Option<String>),
}

/// `None` while more is needed.
fn read(bytes: &[u8]) -> Option<Said> {
    match Hello::read(bytes) {
        Hello::More => None,
        Hello::NotTls => Some(Said::NotTls),
        Hello::Malformed => Some(Said::Malformed),
        Hello::Asks(name) => Some(Said::Asks(name)),
    }
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() < LIMIT {
        let said = same_in_pieces(bytes, read);
        if let Some(theirs) = others_read(bytes) {
            match said {
                Some(Said::Asks(ours)) => same_name(ours, theirs),
                // Stricter than others is no harm: nothing passes.
                Some(Said::Malformed) => {}
                other => panic!("{other:?}, and a server reads a hello for {theirs:?}"),
            }
        }
    }
    let Ok(built) = Built::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let (whole, twice) = (built.records(1), built.records(2));
    if twice.len() < LIMIT {
        // Two names could be read two ways.
        assert!(built.name.is_none() || same_in_pieces(&twice, read) == Some(Said::Malformed));
        assert_eq!(same_in_pieces(&whole, read), Some(Said::Asks(built.name.map(|name| name.0))));
    }
});

/// rustls reads addresses, which are no names (RFC 6066 §3), as no name at all, and leaves out a last dot.
fn same_name(ours: Option<String>, theirs: Option<String>) {
    match (ours, theirs) {
        (Some(ours), None) => assert!(ours.parse::<std::net::IpAddr>().is_ok(), "a server sees no name, we {ours:?}"),
        (ours, theirs) => {
            let normal = |name: String| name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase();
            assert_eq!(ours.map(normal), theirs.map(normal), "left: ours");
        }
    }
}

/// The name in the hello that rustls accepts; `None` when it accepts none, or waits.
fn others_read(bytes: &[u8]) -> Option<Option<String>> {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).ok()? == 0 {
            return None;
        }
        if let Some(accepted) = acceptor.accept().ok()? {
            return Some(accepted.client_hello().server_name().map(str::to_owned));
        }
    }
    None
}

/// A hello as clients make them.
#[derive(Debug, Arbitrary)]
struct Built {
    name: Option<Name>,
    /// Where among the extensions the name stands.
    at: u8,
    session: u8,
    suites: Vec<u16>,
    extensions: Vec<Extension>,
    /// Lengths of records, again and again.
    records: Vec<u16>,
    /// What the client sends behind its hello.
    after: u8,
}

#[derive(Debug, Arbitrary)]
enum Extension {
    /// RFC 8701: values that mean nothing, in many places.
    Grease(u8, u8),
    /// Key shares; those that resist quantum computers take more than a kilobyte.
    Shares(u16),
    /// Anything.
    Other(u16, Vec<u8>),
}

/// A name of letters and dots.
#[derive(Debug)]
struct Name(String);

impl<'a> Arbitrary<'a> for Name {
    fn arbitrary(from: &mut Unstructured<'a>) -> arbitrary::Result<Name> {
        let length = from.int_in_range(1..=253)?;
        let letter = |from: &mut Unstructured<'a>| from.choose(b"abcXYZ019-_.").map(|letter| char::from(*letter));
        (0..length).map(|_| letter(from)).collect::<arbitrary::Result<String>>().map(Name)
    }
}

fn block16(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), &content[..usize::from(length)]].concat()
}

impl Extension {
    fn bytes(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Extension::Grease(digit, length) => (u16::from(digit % 16) * 0x1010 + 0x0a0a, vec![0; (length % 4).into()]),
            Extension::Shares(length) => (51, block16(&vec![7; (length % 2000).into()])),
            Extension::Other(0, content) => (1, content.clone()),
            Extension::Other(kind, content) => (*kind, content.clone()),
        };
        [&kind.to_be_bytes()[..], &block16(&content)].concat()
    }
}

impl Built {
    /// The hello, its name said so many times.
    fn message(&self, names: usize) -> Vec<u8> {
        let mut extensions: Vec<Vec<u8>> = self.extensions.iter().map(Extension::bytes).collect();
        if let Some(Name(name)) = &self.name {
            let list = block16(&[&[0][..], &block16(name.as_bytes())].concat());
            for name in 0..names {
                let at = (usize::from(self.at) + name) % (extensions.len() + 1);
                extensions.insert(at, [&[0, 0][..], &block16(&list)].concat());
            }
        }
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let session = vec![5; (self.session % 33).into()];
        let body = [
            &[3, 3][..],
            &[9; 32],
            &[self.session % 33],
            &session,
            &block16(&suites),
            &[1, 0],
            &block16(&extensions.concat()),
        ]
        .concat();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    fn records(&self, names: usize) -> Vec<u8> {
        let message = self.message(names);
        let (mut bytes, mut rest) = (Vec::new(), &message[..]);
        let mut lengths = self.records.iter().cycle();
        while !rest.is_empty() {
            let length = lengths.next().map_or(rest.len(), |length| usize::from(*length) % 1500 + 1);
            let (fragment, after) = rest.split_at(length.min(rest.len()).min(1 << 14));
            bytes.extend([&[0x16, 3, 1][..], &block16(fragment)].concat());
            rest = after;
        }
        bytes.extend(vec![0x14; self.after.into()]);
        bytes
    }
}
