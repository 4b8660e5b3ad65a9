//! The index agrees with a search that anyone can check: every entry compared with every target, label by label,
//! character by character. Promise 6: exact.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use policy::index::{Hit, Kind};
use policy::lists::{Compiler, Format};
use policy::{Index, Target};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One line of a list: which source and file it stands in, and its text in normal form.
#[derive(Debug, Clone)]
struct Line {
    source: &'static str,
    kind: Kind,
    removes: bool,
    text: String,
}

/// What a search finds: source, exception or not, kind, entry.
type Found = BTreeSet<(String, bool, &'static str, String)>;

fn index(lines: &[Line]) -> Index {
    let mut compiler = Compiler::default();
    for source in SOURCES {
        for kind in [Kind::Domains, Kind::Urls] {
            let lines = lines.iter().filter(|line| line.source == source && line.kind == kind);
            let text: String =
                lines.map(|line| format!("{}{}\n", if line.removes { "!" } else { "" }, line.text)).collect();
            let report = compiler.file(source, kind, Format::Ut1, "f", text.as_bytes());
            assert_eq!(report.bad, 0, "{report:?}");
        }
    }
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).unwrap();
    Index::open(Arc::new(bytes)).unwrap()
}

fn searched(index: &Index, target: &Target) -> (Vec<Hit>, Found) {
    let mut hits = Vec::new();
    index.hits(target, &mut hits);
    let mut found = Found::new();
    for hit in &hits {
        for source in index.set(hit.set) {
            let source = &index.sources()[usize::from(source.0)];
            found.insert((source.name.clone(), source.removes, hit.kind.as_str(), index.entry(target, *hit)));
        }
    }
    (hits, found)
}

fn naive(lines: &[Line], target: &Target, asked: &str) -> Found {
    let covering = lines.iter().filter(|line| match line.kind {
        Kind::Domains => covers_name(&line.text, target),
        _ => covers_url(&line.text, target.host(), asked),
    });
    covering.map(|line| (line.source.to_owned(), line.removes, line.kind.as_str(), shown(line))).collect()
}

/// A name covers itself and what ends in its labels; an address covers itself.
fn covers_name(entry: &str, target: &Target) -> bool {
    if target.ip().is_some() || entry.parse::<std::net::IpAddr>().is_ok() {
        return entry == target.host();
    }
    let entry: Vec<&str> = entry.rsplit('.').collect();
    let host: Vec<&str> = target.host().rsplit('.').collect();
    host.starts_with(&entry)
}

/// An entry covers a URL of the same host that goes on at a boundary.
fn covers_url(entry: &str, host: &str, asked: &str) -> bool {
    let (entry_host, entry) = split(entry);
    if without_www(entry_host) != without_www(host) {
        return false;
    }
    let asked = if asked.is_empty() { "/" } else { asked };
    let Some(rest) = asked.strip_prefix(entry.as_str()) else {
        return false;
    };
    let boundaries: &[char] = if entry.contains('?') { &['&', ';'] } else { &['/', '?'] };
    let separator = entry.ends_with('/') || entry.contains('?') && entry.ends_with(['=', '&', ';']);
    rest.is_empty() || separator || rest.starts_with(boundaries)
}

fn split(entry: &str) -> (&str, String) {
    let end = entry.find(['/', '?']).unwrap_or(entry.len());
    let path = &entry[end..];
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = format!("{slash}{path}");
    (&entry[..end], path.strip_suffix('?').map(str::to_owned).unwrap_or(path))
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn shown(line: &Line) -> String {
    if line.kind == Kind::Domains {
        return line.text.clone();
    }
    let (host, path) = split(&line.text);
    format!("{}{path}", without_www(host))
}

const SOURCES: [&str; 3] = ["ut1:one", "ut1:two", "own"];

/// Few and short labels, so that names often share endings without sharing labels; and addresses made of the same.
fn host() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "ab", "ba", "a-b", "a_b", "www", "1", "4"]);
    let name = (prop::collection::vec(label, 1..4), prop::sample::select(vec!["a", "com", "xcom"]))
        .prop_map(|(labels, top)| format!("{}.{top}", labels.join(".")));
    let ipv4 = prop::array::uniform4(1..4u8).prop_map(|b| std::net::Ipv4Addr::from(b).to_string());
    prop_oneof![6 => name, 1 => ipv4]
}

fn locator() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["/a", "/ab", "/b", "/", "?", "&x=1", "=", ";", "a", "a.b"]);
    prop::collection::vec(part, 0..5).prop_map(|parts| {
        let text = parts.concat();
        // The normal form is not what is tested here.
        let target =
            Target::of_url(&format!("http://h.example{}{text}", if text.starts_with(['/', '?']) { "" } else { "/" }));
        let target = target.unwrap();
        let query = target.path_and_query().split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", target.path())
    })
}

fn line() -> impl Strategy<Value = Line> {
    let kind = prop::sample::select(vec![Kind::Domains, Kind::Urls]);
    (prop::sample::select(SOURCES.to_vec()), kind, prop::bool::weighted(0.2), host(), locator()).prop_map(
        |(source, kind, removes, host, locator)| {
            let text = if kind == Kind::Domains { host } else { host + &locator };
            Line { source, kind, removes, text }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_finds_what_the_naive_search_finds(
        lines in prop::collection::vec(line(), 0..60),
        asked in prop::collection::vec((host(), locator(), any::<bool>()), 1..20),
        chosen in prop::collection::vec((any::<prop::sample::Index>(), "[a-b]{0,2}", "[/?&a]{0,2}"), 0..20),
    ) {
        let index = index(&lines);
        // Besides any targets, those a little beside an entry.
        let beside = chosen.into_iter().filter(|_| !lines.is_empty()).map(|(at, before, after)| {
            let (host, path) = split(&lines[at.index(lines.len())].text);
            let host = if host.parse::<std::net::IpAddr>().is_ok() { host.to_owned() } else { format!("{before}{host}") };
            (host, format!("{path}{after}"), false)
        });
        for (host, path, tunnel) in asked.into_iter().chain(beside) {
            let target = if tunnel { Target::of_host(&host) } else { Target::of_url(&format!("http://{host}{path}")) }.unwrap();
            let asked = if tunnel { String::new() } else {
                let query = target.path_and_query().split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
                format!("{}{query}", target.path())
            };
            let (hits, found) = searched(&index, &target);
            prop_assert_eq!(&found, &naive(&lines, &target, &asked), "{} {}", host, path);
            for pair in hits.windows(2) {
                let rising = pair[0].kind < pair[1].kind || (pair[0].kind == pair[1].kind && pair[0].entry < pair[1].entry);
                prop_assert!(rising, "less specific entries come first: {:?}", hits);
            }
        }
    }

    #[test]
    fn counts_are_those_of_distinct_entries(lines in prop::collection::vec(line(), 0..60)) {
        let index = index(&lines);
        let distinct: BTreeSet<_> = lines.iter().map(|line| (line.source, line.removes, line.kind, shown(line))).collect();
        prop_assert_eq!(index.entries(), distinct.len() as u64);
    }
}
