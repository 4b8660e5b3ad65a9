//! What the targets share: how bytes are cut, a charter to decide by.
//!
//! Each file of `targets/` is one parser, and what must hold of it for any bytes at all: that it doesn't panic is the least.
//! Files of the gate are included where they stand. A new target is a file there, a `[[bin]]` in `Cargo.toml`, a folder of
//! real inputs in `corpus/`, and where words help, a file in `dictionaries/`.
use jiff::tz::TimeZone;
use policy::index::Kind;
use policy::lists::{Compiler, Format};
use policy::{Charter, InForce, Index, Query, Source, Target};
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

/// Lengths to cut `length` bytes at, rising, the whole among them: all, or a few hundred when there are more.
pub fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let ending = length.saturating_sub(8);
    (0..ending).step_by(1 + length / 200).chain(ending..=length)
}

/// Reads every beginning of `bytes`, as whoever gets them in pieces does; `None` is to wait for more. After the wait it
/// must say what it says of the whole, and nothing else from there on. Returns what it says of the whole.
pub fn same_in_pieces<T: PartialEq + Debug>(bytes: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let whole = read(bytes);
    let mut said = false;
    for cut in cuts(bytes.len()) {
        match read(&bytes[..cut]) {
            None => assert!(!said, "less than {cut} bytes are enough, and {cut} are not"),
            now => {
                said = true;
                assert_eq!(now, whole, "left: the first {cut} bytes; right: all {}", bytes.len());
            }
        }
    }
    whole
}

const CHARTER: &str = r#"
version = "1"
default = "allow"
[lists.ut1]
format = "ut1"
source = "ut1"
[categories.names]
lists = ["ut1:names"]
domains = ["xn--bcher-kva.example", "1.2.3.4", "[2001:db8::1]", "!white.listed.example"]
[categories.urls]
lists = ["ut1:urls"]
urls = ["a.example/dir", "1.2.3.4/x?id=1", "!a.example/dir/open"]
[categories.words]
expressions = ["casino", "^b[0-9]+\\.example/", "%C3%A9t", "/x/.*/y"]
[[rule]]
id = "names"
action = "block"
categories = ["names"]
[[rule]]
id = "urls"
action = "block"
categories = ["urls"]
[[rule]]
id = "words"
action = "block"
categories = ["words"]
[[rule]]
id = "port"
action = "block"
ports = [8080]
"#;

/// A charter in force that decides by names, addresses, URLs, expressions and a port.
pub fn in_force() -> &'static InForce {
    static IN_FORCE: OnceLock<InForce> = OnceLock::new();
    IN_FORCE.get_or_init(|| InForce::new(charter(CHARTER), index()))
}

fn charter(text: &str) -> Charter {
    let source = Source { name: "charter.toml".into(), text: text.into() };
    match Charter::parse(source, &TimeZone::UTC) {
        Ok((charter, _)) => charter,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

/// An index of the lists `ut1:names`, `ut1:urls` and `ut1:words`.
pub fn index() -> Index {
    static BYTES: OnceLock<Arc<Vec<u8>>> = OnceLock::new();
    let bytes: Arc<Vec<u8>> = BYTES.get_or_init(|| Arc::new(lists())).clone();
    Index::open(bytes).expect("what was just written can be read")
}

fn lists() -> Vec<u8> {
    let mut compiler = Compiler::default();
    for (kind, name, text) in [
        (Kind::Domains, "ut1:names", "listed.example\na\n.b.example\n10.0.0.1\n::1\n127.0.0.1\n"),
        (Kind::Urls, "ut1:urls", "b.example/a/b\nc.example/?q=1\nc.example/f\n127.0.0.1/a\n"),
        (Kind::Expressions, "ut1:words", "(sex|porn)\n"),
    ] {
        compiler.file(name, kind, Format::Ut1, "f", text.as_bytes());
    }
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).expect("writing to a vector cannot fail");
    bytes
}

/// Someone asks for the target, at ten on a Wednesday.
pub fn query(target: &Target) -> Query<'_> {
    Query {
        target,
        method: "GET",
        user: Some("p.dupont"),
        groups: &[],
        client: std::net::Ipv4Addr::new(10, 0, 8, 1).into(),
        at: jiff::Timestamp::constant(1_795_600_800, 0),
    }
}

/// What is decided on a target, in words.
pub fn decided(in_force: &InForce, target: &Target) -> String {
    let query = query(target);
    let decision = in_force.decide(&query);
    let (rule, category) = (in_force.rule(&decision), in_force.category(&decision));
    format!("{:?} {rule:?} {category:?} {:?}", decision.action, in_force.evidence(&query, &decision))
}
