//! Addresses the gate doesn't dial, in every spelling and behind every name.
//!
//! The check is on the address really dialled, so that neither a spelling nor a name server can get round it: no way
//! into the company's own network, the machine's metadata service or the gate itself.
use harness::raw::Response;
use harness::{Answer, Gate, Origin, Setup};
use std::net::{Ipv6Addr, TcpListener};

/// Spellings of addresses of this machine, and the status they are answered with: 403, or 400 when they are no address
/// at all to the gate; no request line holds anything but ASCII.
const SPELLINGS: [(&str, u16); 62] = [
    ("127.0.0.1", 403),
    ("127.0.0.1.", 403),
    ("127.1", 403),
    ("127.0.1", 403),
    ("127.0.0.01", 403),
    ("127.000.000.001", 403),
    ("127.255.255.254", 403),
    ("2130706433", 403),
    ("2130706433.", 403),
    ("0x7f000001", 403),
    ("0x7F000001", 403),
    ("0x7f.1", 403),
    ("0X7F.0.0.1", 403),
    ("0x7f.0x0.0x0.0x1", 403),
    ("017700000001", 403),
    ("0177.0.0.1", 403),
    ("0177.0x0.0.1", 403),
    ("127.0x000001", 403),
    ("127.65536", 403),
    ("%31%32%37.0.0.1", 403),
    ("127%2e0%2e0%2e1", 403),
    ("%30%78%37%66.1", 403),
    ("１２７．０．０．１", 400),
    ("%EF%BC%91%EF%BC%92%EF%BC%97%EF%BC%8E%EF%BC%90%EF%BC%8E%EF%BC%90%EF%BC%8E%EF%BC%91", 403),
    ("127。0。0。1", 400),
    ("127%E3%80%820%E3%80%820%E3%80%821", 403),
    ("①②⑦.⓪.⓪.①", 400),
    ("%E2%91%A0%E2%91%A1%E2%91%A6.%E2%93%AA.%E2%93%AA.%E2%91%A0", 403),
    ("𝟏𝟐𝟕.0.0.1", 400),
    ("%F0%9D%9F%8F%F0%9D%9F%90%F0%9D%9F%95.0.0.1", 403),
    ("%EF%BC%91%EF%BC%92%EF%BC%97.1", 403),
    ("０ｘ７ｆ.1", 400),
    ("%EF%BC%90%EF%BD%98%EF%BC%97%EF%BD%86.1", 403),
    ("0", 403),
    ("0.0.0.0", 403),
    ("0x0", 403),
    ("00000000000", 403),
    ("localhost", 403),
    ("LOCALHOST.", 403),
    ("ｌｏｃａｌｈｏｓｔ", 400),
    ("%EF%BD%8C%EF%BD%8F%EF%BD%83%EF%BD%81%EF%BD%8C%EF%BD%88%EF%BD%8F%EF%BD%93%EF%BD%94", 403),
    ("local%68ost", 403),
    ("[::1]", 403),
    ("[0:0:0:0:0:0:0:1]", 403),
    ("[0000:0000:0000:0000:0000:0000:0000:0001]", 403),
    ("[::0.0.0.1]", 403),
    ("[::]", 403),
    ("[::ffff:127.0.0.1]", 403),
    ("[::FFFF:7F00:1]", 403),
    ("[0:0:0:0:0:ffff:127.0.0.1]", 403),
    ("[::127.0.0.1]", 403),
    ("[::ffff:0:127.0.0.1]", 403),
    ("[64:ff9b::127.0.0.1]", 403),
    ("[64:ff9b:1::7f00:1]", 403),
    ("[2002:7f00:1::1]", 403),
    ("[2001:0:7f00:1::1]", 403),
    ("[2001:660:5301::5efe:127.0.0.1]", 403),
    ("[fe80::1%25eth0]", 400),
    ("[::1%25lo]", 400),
    ("[::1%lo]", 400),
    ("[%3A%3A1]", 400),
    ("127.0.0.1.1", 400),
];

fn refused(gate: &Gate, url: &str) -> Result<(), String> {
    let answer = gate.client().get(url).map_err(|error| error.to_string())?;
    is_refused(&answer, 403).map_err(|why| format!("{url}: {why}"))
}

fn is_refused(answer: &Response, status: u16) -> Result<(), String> {
    let told = answer.head.field("proxy-status").unwrap_or("");
    if answer.status() == status && told.contains("error=") {
        return Ok(());
    }
    Err(format!("{} {told}", answer.status()))
}

#[test]
fn every_spelling_of_this_machine_is_one() {
    let gate = Setup::new().config("[destinations]\nallow_private = []").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, origin.port())).expect("the port is free for IPv6");
    let mut passed = Vec::new();
    for (host, status) in SPELLINGS {
        let authority = format!("{host}:{}", origin.port());
        let answer = gate.client().get(&format!("http://{authority}/")).expect("an answer");
        passed.extend(is_refused(&answer, status).err().map(|why| format!("GET {host}: {why}")));
        let answer = gate.client().connect_to(&authority).expect("an answer");
        passed.extend(is_refused(&answer, status).err().map(|why| format!("CONNECT {host}: {why}")));
    }
    assert!(passed.is_empty(), "{passed:#?}");
    assert_eq!(origin.connections(), 0);
    six.set_nonblocking(true).expect("a listener has options");
    assert!(six.accept().is_err(), "the IPv6 decoy was reached");
    // What is no address at all is nobody's request, and leaves no record.
    let understood = 2 * SPELLINGS.iter().filter(|(_, status)| *status == 403).count();
    let records = gate.log_of(understood);
    assert_eq!(records.len(), understood);
    assert!(
        records.iter().all(|record| record.outcome == "refused" && record.destination_ip.is_none()),
        "{records:#?}"
    );
}

#[test]
fn networks_that_are_nobodys_web_are_refused() {
    let gate = Setup::new().config("[destinations]\nallow_private = []").start();
    let addresses = [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.0.1",
        "100.64.0.1",
        "0.1.2.3",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2002:a00:1::]",
    ];
    let passed: Vec<String> =
        addresses.iter().filter_map(|host| refused(&gate, &format!("http://{host}/")).err()).collect();
    assert!(passed.is_empty(), "{passed:#?}");
}

#[test]
fn a_name_is_only_as_good_as_where_it_leads() {
    let mut setup = Setup::new().config("[destinations]\nallow_private = []");
    let leads = [
        ("loopback.test", "127.0.0.1"),
        ("private.test", "10.1.2.3"),
        ("metadata.test", "169.254.169.254"),
        ("loopback6.test", "::1"),
        ("mapped.test", "::ffff:127.0.0.1"),
        ("unique-local.test", "fd00::1"),
    ];
    for (name, address) in leads {
        setup = setup.host(name, address);
    }
    let gate = setup.start();
    let origin = Origin::http(|_| Answer::ok("never"));
    for (name, _) in leads {
        refused(&gate, &origin.url(name, "/")).expect("refused");
        let tunnel = gate.client().connect_to(&format!("{name}:{}", origin.port())).expect("an answer");
        assert_eq!(tunnel.status(), 403, "{name}");
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn one_bad_address_among_good_ones_is_not_dialled() {
    let gate = Setup::new()
        .config("[destinations]\nallow_private = [\"127.0.0.1/32\"]")
        .config("[dns.hosts]\n\"mixed.test\" = [\"127.0.0.2\", \"127.0.0.1\"]")
        .start();
    let origin = Origin::http(|_| Answer::ok("by the good one"));
    let answer = gate.client().get(&origin.url("mixed.test", "/")).expect("an answer");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "by the good one"));
    assert_eq!(gate.log_of(1)[0].destination_ip.as_deref(), Some("127.0.0.1"));
}

#[test]
fn there_is_no_way_back_into_the_gate() {
    // Loopback is open here, and still the gate's own doors are not.
    let gate = Setup::new().start();
    for port in [gate.proxy().port(), gate.console().port()] {
        refused(&gate, &format!("http://allowed.test:{port}/")).expect("refused");
        refused(&gate, &format!("http://127.0.0.1:{port}/")).expect("refused");
        let tunnel = gate.client().connect_to(&format!("allowed.test:{port}")).expect("an answer");
        assert_eq!(tunnel.status(), 403, "port {port}");
    }
}

#[test]
fn clients_from_elsewhere_are_not_served() {
    let gate = Setup::new().config("[clients]\nallow = [\"10.0.0.0/8\"]").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let answer = gate.client().get(&origin.url("allowed.test", "/"));
    assert!(answer.as_ref().map_or(true, |answer| answer.status() == 403), "{answer:?}");
    assert_eq!(origin.connections(), 0);
}
