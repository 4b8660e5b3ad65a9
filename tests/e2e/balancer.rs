//! A load balancer in front (PROXY protocol): the address that counts is the one it names, and nobody else may name one.
use crate::listeners;
use harness::services::Haproxy;
use harness::{Answer, Authority, Curl, Gate, LIMIT, Origin, Setup, raw, wait};
use std::io::Write;
use std::net::TcpStream;

/// A gate that knows 127.0.0.1 for a load balancer, set up further by `more`.
fn setup(more: &str) -> Setup {
    Setup::new().config("[listen]\nproxy_protocol = [\"127.0.0.1/32\"]").config(more)
}

/// Curl, through the load balancer, from that address.
fn from(address: &str, balancer: &Haproxy) -> Curl {
    Curl::by(balancer.address()).args(["--interface", address])
}

fn metric(gate: &Gate, name: &str) -> u64 {
    let page = gate.page("/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}: {page}"))
}

#[test]
fn the_address_it_names_is_let_in_named_and_recorded() {
    for says in ["send-proxy", "send-proxy-v2"] {
        let gate = setup(
            "[clients]\nallow = [\"127.0.0.0/29\"]\n[identity.address.names]\n\"127.0.0.4/31\" = \"atelier\"\n\
             \"127.0.0.5\" = \"accueil\"",
        )
        .start();
        let balancer = Haproxy::start(gate.proxy(), says);
        let origin = Origin::http(|_| Answer::ok("hello"));
        let url = origin.url("allowed.test", "/");
        for address in ["127.0.0.4", "127.0.0.5", "127.0.0.6"] {
            assert_eq!(from(address, &balancer).get_all(&[&url, &url]).text(), "hellohello", "{says} {address}");
        }
        assert_eq!(from("127.0.0.9", &balancer).get(&url).status, 403, "{says}: not one that the gate serves");
        let mut seen: Vec<_> = gate.log_of(6).into_iter().map(|record| (record.client_ip, record.user)).collect();
        seen.sort();
        seen.dedup();
        let named = |address: &str, name: Option<&str>| (address.to_owned(), name.map(str::to_owned));
        let expected =
            [named("127.0.0.4", Some("atelier")), named("127.0.0.5", Some("accueil")), named("127.0.0.6", None)];
        assert_eq!(seen, expected, "{says}");
        assert_eq!(metric(&gate, "octroi_proxy_protocol_refused_total"), 0);
        assert_eq!(metric(&gate, "octroi_turned_away_total{reason=\"not_allowed\"}"), 1);
    }
}

#[test]
fn limits_count_each_client_behind_it() {
    let gate = setup("[limits]\nconnections_per_client = 2").start();
    let balancer = Haproxy::start(gate.proxy(), "send-proxy-v2");
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let header = |last: u8| format!("PROXY TCP4 127.0.0.{last} 127.0.0.1 1 2\r\n");
    let held: Vec<_> = (0..2)
        .map(|_| {
            let mut client = gate.client();
            client.send(header(7)).expect("sent");
            assert_eq!(client.get(&url).expect("an answer").status(), 200);
            client
        })
        .collect();
    assert_eq!(from("127.0.0.7", &balancer).get(&url).status, 503, "a third");
    assert_eq!(from("127.0.0.8", &balancer).get(&url).status, 200, "its neighbour");
    drop(held);
    wait::until("room again", LIMIT, || (from("127.0.0.7", &balancer).get(&url).status == 200).then_some(()));
}

#[test]
fn it_stands_before_tls_too() {
    let authority = Authority::new();
    let gate = listeners::gate(&authority, setup("[clients]\nallow = [\"127.0.0.7/32\"]"));
    let balancer = Haproxy::start(gate.secure(), "send-proxy-v2");
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let ca = gate.path("ca.pem").display().to_string();
    let proxy = format!("https://{}", balancer.address());
    for (address, status) in [("127.0.0.7", 200), ("127.0.0.8", 0)] {
        let curl = Curl::direct().args(["--proxy", &proxy, "--proxy-cacert", &ca, "--noproxy", ""]);
        assert_eq!(curl.args(["--interface", address]).get(&url).status, status, "{address}");
    }
    assert!(gate.log_of(1).iter().all(|record| record.client_ip == "127.0.0.7"));
}

#[test]
fn its_own_connections_count_as_its_own() {
    let gate = setup("").start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    for header in [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY UNKNOWN x y\r\n",
        local,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x03\x04\x00\x00",
    ] {
        let mut client = gate.client();
        // In pieces, as the network may cut them.
        for byte in header {
            client.send([*byte]).expect("sent");
        }
        assert_eq!(client.get(&url).expect("an answer").status(), 200, "{}", header.escape_ascii());
    }
    assert!(gate.log_of(4).iter().all(|record| record.client_ip == "127.0.0.1"));
    // A look whether the gate is there.
    drop(TcpStream::connect(gate.proxy()).expect("it listens"));
    assert_eq!(metric(&gate, "octroi_proxy_protocol_refused_total"), 0);
}

#[test]
fn what_is_no_header_is_closed_upon_counted_and_never_read_as_http() {
    let gate = setup("[limits]\nheader_timeout = \"500ms\"").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("allowed.test", "/"));
    let bad = [
        request.clone(),
        format!("PROXY TCP4 1.2.3.4 127.0.0.1 1\r\n{request}"),
        format!("PROXY TCP4 fe80::1 ::1 1 2\r\n{request}"),
        format!("PROXY TCP4 {}\r\n{request}", "1".repeat(200)),
        // And nothing more, ever.
        "PROXY TCP4 1.2.3.4".to_owned(),
    ];
    for bytes in &bad {
        let answered = raw::exchange(gate.proxy(), bytes).expect("closed in time");
        assert_eq!(answered, "", "{bytes:?}");
    }
    let mut long = TcpStream::connect(gate.proxy()).expect("it listens");
    long.write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff").expect("sent");
    assert!(raw::Client::over(long).expect("a socket").ended());
    assert_eq!(metric(&gate, "octroi_proxy_protocol_refused_total"), bad.len() as u64 + 1);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn nobody_else_may_name_an_address() {
    let gate = Setup::new().config("[listen]\nproxy_protocol = [\"127.0.0.2/32\"]").start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    for header in [
        &b"PROXY TCP4 10.0.0.1 127.0.0.1 1 2\r\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x0a\0\0\x01\x7f\0\0\x01\0\x01\0\x02",
    ] {
        let mut client = gate.client();
        client.send(header).expect("sent");
        let answered = client.get(&url).expect("an answer");
        assert_eq!(answered.status(), 400, "{}", header.escape_ascii());
    }
    assert_eq!(origin.connections(), 0);
    assert_eq!(Curl::through(&gate).get(&url).status, 200, "who says nothing is who they are");
    let refused = Setup::new().config("[listen]\nproxy_protocol = [\"0.0.0.0/0\"]").prepare().octroi(&["check"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("anybody may say"), "{said}");
}
