//! Lines as Squids of twenty years have written them, and any other bytes.

use super::*;
use crate::cli::Format;
use crate::commands::log::format;
use crate::shown::{Shown, tests::tunnel};
use jiff::tz::TimeZone;
use logstore::{Action, Record};
use proptest::prelude::*;

fn read(line: &str) -> Line {
    parse(line.as_bytes()).unwrap_or_else(|why| panic!("{why:?}: {line}"))
}

/// What a table of good lines says: line, host, port, path, user, outcome.
type Good = (&'static str, &'static str, u16, &'static str, Option<&'static str>, Outcome);

const GOOD: &[Good] = &[
    // Squid 6, a page of this morning.
    (
        "1795459501.623     85 10.0.0.12 TCP_MISS/200 14203 GET http://www.Example.FR/news/?q=secret#top - HIER_DIRECT/192.0.2.7 text/html",
        "www.example.fr",
        80,
        "/news/",
        None,
        Outcome::Completed,
    ),
    // A tunnel of two hours, by somebody of a Windows domain.
    (
        "1795459501.623 7200123 10.0.0.12 TCP_TUNNEL/200 5123456 CONNECT mail.example.com:443 AUTOCONCEPT%5Cp.dupont HIER_DIRECT/2001:db8::7 -",
        "mail.example.com",
        443,
        "",
        Some("AUTOCONCEPT\\p.dupont"),
        Outcome::Completed,
    ),
    // Squid 2: other words for the way, no way at all.
    (
        "1066036250.603    310 192.168.1.55 TCP_HIT/200 1024 GET http://cache.test/a.gif - NONE/- image/gif",
        "cache.test",
        80,
        "/a.gif",
        None,
        Outcome::Completed,
    ),
    (
        "1066036250.129    284 192.168.1.55 TCP_REFRESH_HIT/304 259 GET http://cache.test:8080/ j%20d DIRECT/10.1.2.3 -",
        "cache.test",
        8080,
        "/",
        Some("j d"),
        Outcome::Completed,
    ),
    // Refused, and asked who they are.
    (
        "1795459501.623      0 10.0.0.12 TCP_DENIED/403 3900 CONNECT casino.test:443 a@EXAMPLE.FR HIER_NONE/- text/html",
        "casino.test",
        443,
        "",
        Some("a@EXAMPLE.FR"),
        Outcome::Refused,
    ),
    (
        "1795459501.623      0 10.0.0.12 TCP_DENIED/407 4012 CONNECT a.test:443 - HIER_NONE/- text/html",
        "a.test",
        443,
        "",
        None,
        Outcome::Refused,
    ),
    // A client that left, an origin that could not be reached or was too slow.
    (
        "1795459501.623     12 10.0.0.12 TCP_MISS_ABORTED/000 0 GET http://slow.test/ - HIER_DIRECT/192.0.2.7 -",
        "slow.test",
        80,
        "/",
        None,
        Outcome::Abandoned,
    ),
    (
        "1795459501.623  60012 10.0.0.12 TCP_MISS/504 4012 GET http://gone.test/ - HIER_NONE/- text/html",
        "gone.test",
        80,
        "/",
        None,
        Outcome::Failed,
    ),
    (
        "1795459501.623  60012 10.0.0.12 TCP_MISS_TIMEDOUT/200 12 GET http://slow.test/ - HIER_DIRECT/192.0.2.7 -",
        "slow.test",
        80,
        "/",
        None,
        Outcome::Failed,
    ),
    // Decrypted, through another proxy; a clock that stepped back; without decimals.
    (
        "1795459501 -12 10.0.0.12 TCP_MISS/200 99 POST https://shop.test/buy%20now - FIRSTUP_PARENT/10.0.0.2 text/html",
        "shop.test",
        443,
        "/buy%20now",
        None,
        Outcome::Completed,
    ),
    // IPv6 in every place, mapped or not.
    (
        "1795459501.623      1 ::ffff:10.0.0.12 TCP_TUNNEL/200 9 CONNECT [2001:DB8::1]:8443 - HIER_DIRECT/2001:db8::1 -",
        "2001:db8::1",
        8443,
        "",
        None,
        Outcome::Completed,
    ),
    (
        "1795459501.623      1 2001:db8::12 TCP_MISS/200 9 GET http://[2001:db8::1]/x - HIER_DIRECT/2001:db8::1 -",
        "2001:db8::1",
        80,
        "/x",
        None,
        Outcome::Completed,
    ),
    // A blank in the URL, credentials in it, a name of another script, headers appended.
    (
        "1795459501.623      1 10.0.0.12 TCP_MISS/200 9 GET http://a.test/my file.pdf?x=y z - HIER_DIRECT/192.0.2.7 -",
        "a.test",
        80,
        "/my%20file.pdf",
        None,
        Outcome::Completed,
    ),
    (
        "1795459501.623      1 10.0.0.12 TCP_MISS/200 9 GET http://me:secret@a.test/ - HIER_DIRECT/192.0.2.7 -",
        "a.test",
        80,
        "/",
        None,
        Outcome::Completed,
    ),
    (
        "1795459501.623      1 10.0.0.12 TCP_MISS/200 9 GET http://bücher.test/é - HIER_DIRECT/192.0.2.7 -",
        "xn--bcher-kva.test",
        80,
        "/%C3%A9",
        None,
        Outcome::Completed,
    ),
    (
        "1795459501.623 1 10.0.0.12 TCP_MISS/200 9 GET http://a.test/ - HIER_DIRECT/192.0.2.7 text/html [Host:%20a.test] [Server:%20x]",
        "a.test",
        80,
        "/",
        None,
        Outcome::Completed,
    ),
    // A name that is no UTF-8 stays as it is written; a percent sign is itself.
    (
        "1795459501.623 1 10.0.0.12 TCP_MISS/200 9 GET http://a.test/ ren%E9 HIER_DIRECT/192.0.2.7 -",
        "a.test",
        80,
        "/",
        Some("ren%E9"),
        Outcome::Completed,
    ),
    (
        "1795459501.623 1 10.0.0.12 TCP_MISS/200 9 GET http://a.test/ 100% HIER_DIRECT/origin.test -",
        "a.test",
        80,
        "/",
        Some("100%"),
        Outcome::Completed,
    ),
];

#[test]
fn good_lines_are_read() {
    for (line, host, port, path, user, outcome) in GOOD {
        let read = read(line);
        let found = (read.target.host(), read.target.port(), read.target.path(), read.user.as_deref(), read.outcome);
        assert_eq!(found, (*host, *port, *path, *user, *outcome), "{line}");
        assert!(read.opened_at <= read.closed_at, "{line}");
    }
}

#[test]
fn times_addresses_and_numbers_are_kept() {
    let tunnel = read(GOOD[1].0);
    assert_eq!(tunnel.closed_at, 1_795_459_501_623_000);
    assert_eq!(tunnel.closed_at - tunnel.opened_at, 7_200_123_000);
    assert_eq!((tunnel.bytes, tunnel.status, tunnel.method.as_str()), (5_123_456, Some(200), "CONNECT"));
    assert_eq!(tunnel.destination, "2001:db8::7".parse().ok());
    assert_eq!(Some(read(GOOD[10].0).client), "10.0.0.12".parse().ok());
    assert_eq!((read(GOOD[6].0).status, read(GOOD[6].0).bytes), (None, 0));
    assert_eq!(read(GOOD[9].0).closed_at, 1_795_459_501_000_000);
}

#[test]
fn what_is_squids_own_is_no_exchange() {
    for line in [
        "",
        "  \t",
        "1795459501.623 0 10.0.0.12 NONE_NONE/400 3800 - error:invalid-request - HIER_NONE/- text/html",
        "1795459501.623 0 10.0.0.12 TAG_NONE/408 0 - error:transaction-end-before-headers - HIER_NONE/- -",
        "1795459501.623 0 127.0.0.1 TCP_MISS/200 300 GET cache_object://localhost/info - HIER_NONE/- text/plain",
        "1795459501.623 0 10.0.0.3 UDP_MISS/000 50 ICP_QUERY http://a.test/ - HIER_NONE/- -",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(NoLine::Own), "{line}");
    }
}

#[test]
fn bad_lines_say_which_field_and_nothing_of_its_content() {
    const GOOD: &str = "1.000 1 10.0.0.9 TCP_MISS/200 9 GET http://a.test/ - HIER_DIRECT/192.0.2.7 -";
    assert!(parse(GOOD.as_bytes()).is_ok());
    for (from, to, why) in [
        (" -", "", "instead of 10"),
        ("1.000", "yesterday", "field 1"),
        ("1.000", "1.0000000", "field 1"),
        ("1.000", "99999999999999999999.0", "field 1"),
        (" 1 ", " x ", "field 2"),
        (" 1 ", " 9223372036854775807 ", "field 2"),
        ("10.0.0.9", "pc-dupont.example.fr", "field 3"),
        ("TCP_MISS/200", "TCP_MISS", "field 4"),
        ("TCP_MISS/200", "TCP_MISS/2000", "field 4"),
        (" 9 ", " -9 ", "field 5"),
        ("GET", "G(ET", "field 6"),
        ("http://a.test/", "/dupont", "field 7"),
        ("http://a.test/", "ftp://dupont.test/", "field 7"),
        ("http://a.test/", "http://du pont.test/", "field 7"),
        ("http://a.test/ -", "http://a.test/ dupont%0A", "field 8"),
    ] {
        match parse(GOOD.replacen(from, to, 1).as_bytes()) {
            Err(NoLine::Bad(bad)) => {
                let said = bad.to_string();
                assert!(said.contains(why) && !said.contains("dupont"), "{from} → {to}: {said}");
            }
            other => panic!("{from} → {to}: {other:?}"),
        }
    }
    let nonsense = b"192.0.2.1 - - [23/Nov/2026:18:45:00 +0100] \"GET / HTTP/1.1\" 200 12 \"-\" \"curl\"";
    assert!(matches!(parse(nonsense), Err(NoLine::Bad(_))), "another server's format");
}

/// Records of what the register and Squid's form both keep.
fn records() -> impl Strategy<Value = Record> {
    let place = prop_oneof![
        Just(("CONNECT", "https", "a.test", 443, None)),
        Just(("CONNECT", "https", "2001:db8::1", 8443, None)),
        Just(("GET", "http", "a.test", 80, Some("/"))),
        Just(("PUT", "http", "10.1.2.3", 8080, Some("/a/b.c%20d"))),
        Just(("GET", "https", "xn--bcher-kva.test", 443, Some("/x"))),
    ];
    let ending = prop_oneof![
        Just((Action::Block, Outcome::Refused, 403)),
        Just((Action::Allow, Outcome::Abandoned, 200)),
        Just((Action::Allow, Outcome::Completed, 404)),
    ];
    let times = (1_000_000_000_000..2_000_000_000_000_i64, 0..100_000_000_i64);
    let who = (proptest::option::of("[^\\p{Cc}]{1,20}"), any::<std::net::Ipv6Addr>(), any::<u32>());
    (place, ending, times, who, any::<u64>()).prop_map(|(place, ending, (end, took), (user, v6, v4), bytes)| {
        let (method, scheme, host, port, path) = place;
        let (action, outcome, status) = ending;
        let client: IpAddr = if v4 % 2 == 0 { v6.into() } else { std::net::Ipv4Addr::from(v4).into() };
        Record {
            opened_at: (end - took) * 1000,
            closed_at: Some(end * 1000),
            user,
            client_ip: client.to_canonical(),
            method: method.to_owned(),
            scheme: scheme.to_owned(),
            host: Some(host.to_owned()),
            port,
            path: path.map(str::to_owned),
            destination_ip: (status != 403).then(|| client.to_canonical()),
            status: Some(status),
            bytes_received: bytes,
            action,
            outcome: Some(outcome),
            ..tunnel()
        }
    })
}

proptest! {
    #[test]
    fn what_the_register_writes_in_squids_form_reads_back(record in records()) {
        let text = format::one(Format::Squid, &Shown::new(record.clone(), None), &TimeZone::UTC).expect("written");
        let line = parse(text.trim_end_matches('\n').as_bytes()).expect("read");
        prop_assert_eq!((line.opened_at, Some(line.closed_at)), (record.opened_at, record.closed_at), "{}", text);
        prop_assert_eq!((&line.user, line.client), (&record.user, record.client_ip), "{}", text);
        prop_assert_eq!((&line.method, line.target.scheme().as_str()), (&record.method, &*record.scheme), "{}", text);
        prop_assert_eq!((Some(line.target.host()), line.target.port()), (record.host.as_deref(), record.port));
        prop_assert_eq!(line.target.path(), record.path.as_deref().unwrap_or(""), "{}", text);
        prop_assert_eq!((line.destination, line.status), (record.destination_ip, record.status), "{}", text);
        prop_assert_eq!((line.bytes, Some(line.outcome)), (record.bytes_received, record.outcome), "{}", text);
    }

    #[test]
    fn no_bytes_stop_it(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_change_to_a_good_line_stops_it(
        (line, at, with) in (0..GOOD.len(), any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..6)),
    ) {
        let mut bytes = GOOD[line].0.as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + with.len() / 2).min(bytes.len());
        bytes.splice(at..end, with);
        if let Ok(line) = parse(&bytes) {
            prop_assert!(line.opened_at <= line.closed_at);
        }
    }
}
