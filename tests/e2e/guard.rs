//! Addresses the gate doesn't dial, in every spelling and behind every name.
//!
//! The check is on the address really dialled, so that neither a spelling nor a name server can get round it: no way
//! into the company's own network, the machine's metadata service or the gate itself.
use harness::{Answer, Gate, Origin, Setup};

fn refused(gate: &Gate, url: &str) -> Result<(), String> {
    let answer = gate.client().get(url).map_err(|error| error.to_string())?;
    let told = answer.head.field("proxy-status").unwrap_or("").to_owned();
    match answer.status() {
        403 if told.contains("error=") => Ok(()),
        status => Err(format!("{url}: {status} {told}")),
    }
}

#[test]
fn every_spelling_of_the_loopback_address_is_one() {
    let gate = Setup::new().config("[destinations]\nallow_private = []").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let spellings = [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.01",
        "127.255.255.254",
        "%31%32%37.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "0.0.0.0",
        "0",
        "[::]",
        "localhost",
        "LOCALHOST.",
    ];
    let passed: Vec<String> =
        spellings.iter().filter_map(|host| refused(&gate, &origin.url(host, "/")).err()).collect();
    assert!(passed.is_empty(), "{passed:#?}");
    assert_eq!(origin.connections(), 0);
    let records = gate.log_of(spellings.len());
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
