//! The ClientHello: the same in any pieces; the name that was put in, however it is cut into records; never another name
//! than a TLS server reads in the same bytes.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, unused_imports, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod wire;
}

use arbitrary::{Arbitrary, Unstructured};
use fuzz::{cuts, same_in_pieces};
use gate::wire;
use libfuzzer_sys::fuzz_target;
use rustls::server::Acceptor;
use wire::hello::{Asks, Hello, LIMIT, Passes, Second};

/// `None` while more is needed.
fn read(bytes: &[u8]) -> Option<Hello> {
    match Hello::read(bytes) {
        Hello::More(_) => None,
        said => Some(said),
    }
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() < LIMIT {
        let said = same_in_pieces(bytes, read);
        let theirs = others_read(bytes);
        match (said, theirs) {
            (Some(Hello::Asks(asks, length)), theirs) => {
                asks_for_enough(bytes, length);
                theirs.into_iter().for_each(|theirs| same_name(asks.name.clone(), theirs));
                leaves_the_same_in_pieces(&asks, bytes, length);
            }
            // Stricter than others is no harm: nothing passes.
            (Some(Hello::Malformed), _) | (_, None) => {}
            (other, Some(theirs)) => panic!("{other:?}, and a server reads a hello for {theirs:?}"),
        }
    }
    let Ok(built) = Built::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let (whole, twice) = (built.records(1), built.records(2));
    if twice.len() >= LIMIT {
        return;
    }
    // Two names could be read two ways.
    assert!(built.name.is_none() || same_in_pieces(&twice, read) == Some(Hello::Malformed));
    let said = same_in_pieces(&[&whole[..], &vec![0x14; built.after.into()]].concat(), read);
    let Some(Hello::Asks(asks, length)) = said else { panic!("{said:?} for {built:?}") };
    assert_eq!((&asks.name, asks.encrypted, length), (&built.name(), built.encrypted, whole.len()));
    // A second hello for another name stays here, and what comes behind it.
    let before = [0x14, 3, 3, 0, 1, 1].repeat(usize::from(built.after % 3));
    let other = Built { name: Some(Name("other.example".to_owned())), ..built };
    let both = [&whole[..], &before, &other.records(1), b"behind"].concat();
    let expected = if asks.name == other.name() { both.len() } else { whole.len() + before.len() };
    assert_eq!(left(&asks, &both, length, 1 + both.len() / 200), expected);
    leaves_the_same_in_pieces(&asks, &both, length);
});

/// Whoever waits for as many bytes as it is told to never waits for more than the hello has.
fn asks_for_enough(bytes: &[u8], length: usize) {
    assert!(length <= bytes.len());
    for cut in cuts(length).filter(|cut| *cut < length) {
        let Hello::More(need) = Hello::read(&bytes[..cut]) else { panic!("{cut} of {length} bytes are enough") };
        assert!(need > cut && need <= length, "{need} bytes are asked for, of {length}, when there are {cut}");
    }
}

fn leaves_the_same_in_pieces(asks: &Asks, bytes: &[u8], length: usize) {
    let whole = left(asks, bytes, length, usize::MAX);
    for piece in [1 + bytes.len() / 200, 7] {
        assert_eq!(left(asks, bytes, length, piece), whole, "left: in pieces of {piece}");
    }
}

/// How many of the bytes leave that begin with a hello and come in pieces of that length.
fn left(asks: &Asks, bytes: &[u8], length: usize, piece: usize) -> usize {
    let mut second = Second::after(asks.clone(), length);
    let (mut at, mut seen) = (0, length);
    loop {
        match second.passes(&bytes[at..seen]) {
            Passes::All => return bytes.len(),
            Passes::Never => return at,
            Passes::Some(0) if seen == bytes.len() => return at,
            Passes::Some(0) => seen = bytes.len().min(seen.saturating_add(piece)),
            Passes::Some(count) => {
                second.left(count);
                at += count;
                assert!(at <= seen, "more leaves than there is");
            }
        }
    }
}

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
    /// Another hello inside, encrypted (RFC 9849).
    encrypted: bool,
    /// Where among the extensions the name stands.
    at: u8,
    session: u8,
    suites: Vec<u16>,
    extensions: Vec<Extension>,
    /// Lengths of records, again and again.
    records: Vec<u16>,
    /// How much the client sends behind its hello.
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
            // Those that are counted on are written below.
            Extension::Other(0 | 0xfe0d, content) => (1, content.clone()),
            Extension::Other(kind, content) => (*kind, content.clone()),
        };
        [&kind.to_be_bytes()[..], &block16(&content)].concat()
    }
}

impl Built {
    fn name(&self) -> Option<String> {
        self.name.as_ref().map(|name| name.0.clone())
    }

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
        if self.encrypted {
            let hello = [&[0, 0, 1, 0, 1, self.at][..], &block16(&[1; 32]), &block16(&[2; 40])].concat();
            extensions.push([&[0xfe, 0x0d][..], &block16(&hello)].concat());
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
        bytes
    }
}
