//! What is asked, in any spelling: one normal form, the host that browsers read, one decision.
#![no_main]

use arbitrary::Unstructured;
use fuzz::{decided, in_force};
use libfuzzer_sys::fuzz_target;
use policy::{Scheme, Target, TargetError};
use std::net::{IpAddr, Ipv4Addr};

// The first line is what is asked; the rest chooses other spellings of it.
fuzz_target!(|bytes: &[u8]| {
    let (line, choices) = bytes.split_at(bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len()));
    let text = String::from_utf8_lossy(line);
    if let Ok(target) = Target::of_url(&text) {
        browsers_read_the_same(&text, &target);
        assert!(target.path_and_query().starts_with(['/', '?']) && target.path().starts_with('/'));
        holds(&target, choices);
    }
    for target in [Target::of_authority(&text), Target::of_host(&text)].into_iter().flatten() {
        assert_eq!((target.scheme(), target.path(), target.path_and_query()), (Scheme::Https, "", ""));
        holds(&target, choices);
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        assert_eq!(Target::of_host(&text).map(|target| target.ip()), Ok(Some(ip.to_canonical())));
    }
});

fn holds(target: &Target, choices: &[u8]) {
    let host = target.host();
    // Whatever an address is called, it isn't a name; and no name ends in a number, which some resolver would take for one.
    assert_eq!(host.parse::<IpAddr>().ok(), target.ip());
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => last.bytes().all(|b| b.is_ascii_digit()),
    };
    assert!(target.ip().is_some() || !number, "{host}");
    assert!(host.len() <= 253 && !host.is_empty() && !host.ends_with('.'));
    assert!(host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':')), "{host}");
    assert!(target.path_and_query().bytes().all(|b| b.is_ascii_graphic()), "{}", target.path_and_query());

    // The normal form of what is normal is itself.
    let mut authority = target.authority();
    if target.port() == target.scheme().default_port() {
        authority.push_str(&format!(":{}", target.port()));
    }
    let again = parse(target, &authority, target.path(), query(target)).expect("a normal form is a target");
    same(target, &again);
    assert!(!is_url(target) || again.path_and_query().starts_with(target.path()), "the path was not normal");

    // Other spellings of the same. Where an empty segment meets `..`, there may be two readings: that is no target.
    let mut choices = Unstructured::new(choices);
    let authority = other_authority(target, &mut choices);
    let (path, query) = (other_path(target.path(), &mut choices), escaped(query(target), &mut choices));
    match parse(target, &authority, &path, &query) {
        Ok(other) => same(target, &other),
        Err(why) => assert_eq!(why, TargetError::AmbiguousPath, "{authority}{path}{query}"),
    }
}

/// The same destination, and the same decision, down to the line that decided.
fn same(target: &Target, other: &Target) {
    assert_eq!((target.host(), target.ip(), target.port()), (other.host(), other.ip(), other.port()));
    assert_eq!((target.scheme(), target.path()), (other.scheme(), other.path()));
    assert_eq!(decided(in_force(), target), decided(in_force(), other), "{target:?}\n{other:?}");
}

fn is_url(target: &Target) -> bool {
    !target.path().is_empty()
}

/// The query as asked, with its question mark.
fn query(target: &Target) -> &str {
    let asked = target.path_and_query();
    asked.find('?').and_then(|at| asked.get(at..)).unwrap_or_default()
}

/// As `like` was asked for: by a URL, or as a tunnel.
fn parse(like: &Target, authority: &str, path: &str, query: &str) -> Result<Target, TargetError> {
    if is_url(like) {
        return Target::of_url(&format!("{}://{authority}{path}{query}", like.scheme().as_str()));
    }
    Target::of_authority(authority)
}

/// The URL standard, by those who wrote it for Firefox: whoever is checked here is whom a browser would have asked.
fn browsers_read_the_same(text: &str, target: &Target) {
    let url = match url::Url::parse(text) {
        Ok(url) => url,
        Err(why) => panic!("{text:?} is {target:?} here and {why} to browsers"),
    };
    let host = match url.host() {
        Some(url::Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Some(url::Host::Ipv4(ip)) => ip.to_string(),
        Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().to_string(),
        None => panic!("{text:?} has no host to browsers"),
    };
    assert_eq!((host.as_str(), url.port_or_known_default()), (target.host(), Some(target.port())), "left: browsers");
    assert!(url.username().is_empty() && url.password().is_none());
}

/// Whether to do what can be left.
fn chosen(choices: &mut Unstructured<'_>) -> bool {
    choices.int_in_range(0..=3).is_ok_and(|choice| choice == 3)
}

/// The host in another spelling, and the port.
fn other_authority(target: &Target, choices: &mut Unstructured<'_>) -> String {
    let host = match target.ip() {
        None => name(target.host(), choices),
        Some(IpAddr::V4(ip)) if chosen(choices) => format!("[::ffff:{ip}]"),
        Some(IpAddr::V4(ip)) => name(&ipv4(ip, choices), choices),
        Some(IpAddr::V6(ip)) if chosen(choices) => {
            format!("[{}]", ip.segments().map(|part| format!("{part:04X}")).join(":"))
        }
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
    };
    let zeros = "0".repeat(choices.int_in_range(0..=3).unwrap_or_default());
    format!("{host}:{zeros}{}", target.port())
}

/// A name, letter by letter: in capitals, as escapes, in full width, with the dots that people type; a dot behind.
fn name(name: &str, choices: &mut Unstructured<'_>) -> String {
    let spelt = |letter: char| {
        let wide = char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter);
        match (choices.int_in_range(0..=15u8).unwrap_or_default(), letter) {
            (1..=3, _) => letter.to_ascii_uppercase().to_string(),
            (4, _) => format!("%{:02x}", u32::from(letter)),
            (5, _) => format!("%{:02X}", u32::from(letter.to_ascii_uppercase())),
            (6, 'a'..='z' | '0'..='9') => wide.to_string(),
            (7, '.') => '\u{3002}'.to_string(),
            _ => letter.to_string(),
        }
    };
    let mut spelt: String = name.chars().map(spelt).collect();
    if chosen(choices) {
        spelt.push('.');
    }
    spelt
}

/// One to four numbers, each in some radix; the last one fills the bytes that are left.
fn ipv4(ip: Ipv4Addr, choices: &mut Unstructured<'_>) -> String {
    let bytes = ip.octets();
    let parts = choices.int_in_range(1..=4).unwrap_or(4);
    let mut numbers: Vec<u32> = bytes[..parts - 1].iter().map(|byte| u32::from(*byte)).collect();
    numbers.push(bytes[parts - 1..].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
    let mut spell = |number: u32| match choices.int_in_range(0..=2).unwrap_or_default() {
        0 => number.to_string(),
        1 => format!("0{number:o}"),
        _ => format!("0x{number:x}"),
    };
    numbers.into_iter().map(&mut spell).collect::<Vec<_>>().join(".")
}

/// A path that leads to the same document.
fn other_path(path: &str, choices: &mut Unstructured<'_>) -> String {
    let mut spelt = String::new();
    for segment in path.split('/').skip(1) {
        spelt.push_str(match choices.int_in_range(0..=31u8).unwrap_or_default() {
            1 => "//",
            2 => "/./",
            3 => "/x/../",
            4 => "/%2E/",
            5 => "/x/.%2e/",
            // The first slash ends the host.
            6 if !spelt.is_empty() => "\\",
            7 if !spelt.is_empty() => "%2f",
            8 if !spelt.is_empty() => "%5C",
            _ => "/",
        });
        spelt.push_str(&escaped(segment, choices));
    }
    spelt
}

/// Unreserved characters as escapes (RFC 3986 §2.3).
fn escaped(text: &str, choices: &mut Unstructured<'_>) -> String {
    let mut after_percent = 0;
    let spell = |letter: char| {
        after_percent = if letter == '%' { 3 } else { u8::saturating_sub(after_percent, 1) };
        let free = after_percent == 0 && (letter.is_ascii_alphanumeric() || "-._~".contains(letter));
        match choices.int_in_range(0..=15u8).unwrap_or_default() {
            1 if free => format!("%{:02x}", u32::from(letter)),
            2 if free => format!("%{:02X}", u32::from(letter)),
            _ => letter.to_string(),
        }
    };
    text.chars().map(spell).collect()
}
