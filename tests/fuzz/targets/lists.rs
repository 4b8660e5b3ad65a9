//! Lists as they come, of any bytes: good lines are kept whatever stands beside them, and the index finds what a search
//! line by line finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::index::Kind;
use policy::lists::{Compiler, Format, ut1_file};
use policy::{Index, Target, TargetError};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The ways a list is read.
const WAYS: [(&str, Kind, Format); 4] = [
    ("names", Kind::Domains, Format::Domains),
    ("ut1:names", Kind::Domains, Format::Ut1),
    ("hosts", Kind::Domains, Format::Hosts),
    ("ut1:urls", Kind::Urls, Format::Ut1),
];

/// The longest line that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// An entry in normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    source: &'static str,
    removes: bool,
    host: String,
    ip: Option<IpAddr>,
    /// Path and query of a URL.
    locator: Option<String>,
}

// A list, then behind a byte of nought what is asked, a line each.
fuzz_target!(|bytes: &[u8]| {
    let (text, asked) = bytes.split_at(bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()));
    let asked = String::from_utf8_lossy(asked);
    let _ = ut1_file(&asked);
    // UTF-16 is refused as a whole: its letters are none of these.
    if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
        return;
    }

    let mut compiler = Compiler::default();
    let mut entries = BTreeSet::new();
    for (source, kind, format) in WAYS {
        let report = compiler.file(source, kind, format, "f", text);
        let (mut kept, mut bad) = (0, 0);
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        for whole in text.split(|b| matches!(b, b'\n' | b'\r')) {
            let line = whole[..whole.len().min(LONGEST)].trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if whole.len() > LONGEST {
                bad += 1;
                continue;
            }
            let line = &*decoded(line, kind);
            let of_line = match (kind, format) {
                (Kind::Urls, _) => url(source, line),
                (_, Format::Hosts) => hosts(source, line),
                _ => name(source, line).map(|entry| vec![entry]),
            };
            match of_line {
                Some(of_line) => {
                    kept += u64::from(!of_line.is_empty());
                    entries.extend(of_line);
                }
                None => bad += 1,
            }
            // A hosts line with one bad name is bad, and its good names are kept.
            if format == Format::Hosts {
                entries.extend(hosts_kept(source, line));
            }
        }
        assert_eq!((report.kept, report.bad), (kept, bad), "{source}: {report:?}");
        assert_eq!(report.examples.len() as u64, report.bad.min(5));
    }
    let mut written = Vec::new();
    compiler.write(&mut written, &mut |_| {}).expect("writing to a vector cannot fail");
    let index = Index::open(Arc::new(written)).expect("what was just written can be read");
    assert_eq!(index.entries(), entries.len() as u64);

    let of_lines = asked.lines().take(8).flat_map(|line| [Target::of_url(line), Target::of_host(line)]);
    // Besides what is asked: entries, and what is a little beside them.
    let beside = entries.iter().take(16).flat_map(|entry| {
        let host = if entry.host.contains(':') { format!("[{}]", entry.host) } else { entry.host.clone() };
        let locator = entry.locator.as_deref().unwrap_or("/x");
        let spellings = [format!("{host}{locator}"), format!("www.{host}{locator}/y"), format!("x{host}{locator}&z")];
        spellings.map(|url| Target::of_url(&format!("http://{url}")))
    });
    let beside: Vec<_> = beside.collect();
    for target in of_lines.chain(beside).flatten() {
        assert_eq!(found(&index, &target), searched(&entries, &target), "{target:?} in {entries:#?}");
    }
});

/// Source, exception or not, the entry as evidence shows it.
type Found = BTreeSet<(String, bool, String)>;

fn found(index: &Index, target: &Target) -> Found {
    let mut hits = Vec::new();
    index.hits(target, &mut hits);
    let sources = hits.iter().flat_map(|hit| index.set(hit.set).iter().map(move |source| (hit, source)));
    let named = sources.map(|(hit, source)| {
        let source = &index.sources()[usize::from(source.0)];
        (source.name.clone(), source.removes, index.entry(target, *hit))
    });
    named.collect()
}

fn searched(entries: &BTreeSet<Entry>, target: &Target) -> Found {
    let asked = match locator(target) {
        empty if empty.is_empty() => "/".to_owned(),
        locator => locator,
    };
    let covering = entries.iter().filter(|entry| match &entry.locator {
        None => covers_name(entry, target),
        Some(locator) => entry.host == without_www(target.host()) && covers_locator(locator, &asked),
    });
    let shown = |entry: &Entry| format!("{}{}", entry.host, entry.locator.as_deref().unwrap_or_default());
    covering.map(|entry| (entry.source.to_owned(), entry.removes, shown(entry))).collect()
}

/// A name covers itself and what is under it; an address covers itself.
fn covers_name(entry: &Entry, target: &Target) -> bool {
    let Some(above) = target.host().strip_suffix(&entry.host) else { return false };
    entry.ip == target.ip() && (above.is_empty() || entry.ip.is_none() && above.ends_with('.'))
}

/// A URL covers those of the same host, `www.` aside, that go on at a boundary; the whole site, the tunnel to it.
fn covers_locator(entry: &str, asked: &str) -> bool {
    let Some(rest) = asked.strip_prefix(entry) else { return false };
    let boundaries: &[char] = if entry.contains('?') { &['&', ';'] } else { &['/', '?'] };
    let open = entry.ends_with('/') || entry.contains('?') && entry.ends_with(['=', '&', ';']);
    rest.is_empty() || open || rest.starts_with(boundaries)
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

/// Path and query in normal form (RFC 3986 §6.2.2).
fn locator(target: &Target) -> String {
    let query = target.path_and_query().split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let (mut normal, mut rest) = (target.path().to_owned(), query.as_str());
    while let Some(letter) = rest.chars().next() {
        let escaped = rest.get(1..3).filter(|_| letter == '%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let escaped = escaped.filter(|_| !rest[1..].starts_with('+'));
        let (byte, length) = match escaped {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => (byte, 3),
            Some(_) => {
                normal.push_str(&rest[..3].to_ascii_uppercase());
                rest = &rest[3..];
                continue;
            }
            None if letter.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?".contains(letter) => (letter as u8, 1),
            None => {
                normal.push_str(&format!("%{:02X}", letter as u8));
                rest = &rest[1..];
                continue;
            }
        };
        normal.push(char::from(byte));
        rest = &rest[length..];
    }
    normal
}

/// An entry without its comment, and whether it is an exception.
fn entry(line: &str) -> Option<(&str, bool)> {
    let line = line.split('#').next()?.trim_ascii();
    Some(line.strip_prefix('!').map_or((line, false), |rest| (rest.trim_ascii_start(), true)))
}

/// What is not UTF-8 is Latin-1; in a URL, its bytes are escaped.
fn decoded(line: &[u8], kind: Kind) -> String {
    let escaped = |byte: &u8| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    match String::from_utf8(line.to_vec()) {
        Ok(text) => text,
        Err(_) if kind == Kind::Urls => line.iter().map(escaped).collect(),
        Err(_) => line.iter().copied().map(char::from).collect(),
    }
}

fn name(source: &'static str, line: &str) -> Option<Entry> {
    let (name, removes) = entry(line)?;
    let name = name.strip_prefix("*.").or(name.strip_prefix('.')).unwrap_or(name);
    // An entry is for every port.
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match name.rsplit_once(':') {
        Some((host, port)) if is_port(port) && (!host.contains(':') || host.ends_with(']')) => host,
        _ => name,
    };
    if name.contains('/') {
        return None;
    }
    let target = Target::of_host(name).ok()?;
    // What covers all that is under a top-level name is somebody's mistake.
    let top_level = target.ip().is_none() && !target.host().contains('.');
    (!top_level).then(|| Entry { source, removes, host: target.host().to_owned(), ip: target.ip(), locator: None })
}

fn url(source: &'static str, line: &str) -> Option<Vec<Entry>> {
    let (url, removes) = entry(line)?;
    let target = match Target::of_url(url) {
        Err(TargetError::NotAbsolute) => Target::of_url(&format!("http://{url}")),
        target => target,
    };
    let target = target.ok()?;
    let locator = locator(&target);
    let locator = locator.strip_suffix('?').unwrap_or(&locator).to_owned();
    let host = without_www(target.host()).to_owned();
    Some(vec![Entry { source, removes, host, ip: target.ip(), locator: Some(locator) }])
}

/// All names of a line, when all are good and stand behind an address that blocks.
fn hosts(source: &'static str, line: &str) -> Option<Vec<Entry>> {
    let (names, blocks) = hosts_line(line)?;
    if !blocks && !names.is_empty() {
        return None;
    }
    names.into_iter().map(|word| name(source, word)).collect()
}

fn hosts_kept(source: &'static str, line: &str) -> Vec<Entry> {
    match hosts_line(line) {
        Some((names, true)) => names.into_iter().filter_map(|word| name(source, word)).collect(),
        _ => Vec::new(),
    }
}

/// The names of a hosts line, those of the machine itself left out, and whether its address is one that blocks.
fn hosts_line(line: &str) -> Option<(Vec<&str>, bool)> {
    const LOCAL: &str = "0.0.0.0 broadcasthost ip6-allhosts ip6-allnodes ip6-allrouters ip6-localhost ip6-localnet \
        ip6-loopback ip6-mcastprefix local localhost localhost.localdomain localhost6 localhost6.localdomain6";
    let (line, _) = entry(line)?;
    let mut words = line.split_ascii_whitespace();
    let address: IpAddr = words.next()?.split('%').next()?.parse().ok()?;
    let names = words.filter(|word| !LOCAL.split(' ').any(|local| local.eq_ignore_ascii_case(word)));
    Some((names.collect(), address.is_unspecified() || address.is_loopback()))
}
