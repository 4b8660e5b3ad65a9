//! Fair share: a rule's `bandwidth` for each person, the organisation's line, one person's downloads and a colleague's page.
//!
//! A time is only ever held to be at least what the clock allows: so many bytes at such a rate, but for what one moment holds.
use harness::raw::Client;
use harness::{Answer, Curl, Gate, Origin, Setup};
use std::io::Read;
use std::time::{Duration, Instant};

/// What is slow: `allowed.test`, at that rate.
fn charter(bandwidth: &str) -> String {
    format!(
        r#"
        version = "debit"
        [categories.video]
        domains = ["allowed.test"]
        [[rule]]
        id = "video"
        article = "3"
        action = "allow"
        categories = ["video"]
        {bandwidth}
        "#
    )
}

fn slow(rate: &str) -> Setup {
    Setup::new().charter(&charter(&format!("bandwidth = \"{rate}\"")))
}

/// What a megabyte takes at a megabyte each second; at the beginning, a fiftieth of a second may come at once.
const A_MEGABYTE: Duration = Duration::from_millis(980);

/// Gets the address on a connection that is there, or through a tunnel that is; the origin's server tells its answer's length.
fn length(client: &mut Client, url: &str) -> usize {
    client.get(url).expect("an answer").body.len()
}

/// Asks for more than can come in a test, and reads the first of it.
fn endless(mut client: Client, url: &str) -> Client {
    let authority = url.split('/').nth(2).expect("an address").to_owned();
    client.send(format!("GET {url} HTTP/1.1\r\nHost: {authority}\r\n\r\n")).expect("a request");
    let mut begun = [0; 1000];
    client.stream().read_exact(&mut begun).expect("it has begun");
    client
}

/// Of a person at another address.
fn colleague(gate: &Gate) -> Curl {
    Curl::through(gate).args(["--interface", "127.0.0.2"])
}

fn waits(gate: &Gate) -> u64 {
    let page = gate.page("/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix("octroi_bandwidth_waits_total "));
    line.and_then(|number| number.parse().ok()).expect("the metric")
}

#[test]
fn a_rule_holds_a_person_to_its_bandwidth() {
    let gate = slow("1MB/s").start();
    let origin = Origin::http(|_| Answer::zeros(1_000_000));
    assert_eq!(waits(&gate), 0);

    let begun = Instant::now();
    assert_eq!(length(&mut gate.client(), &origin.url("allowed.test", "/")), 1_000_000);
    assert!(begun.elapsed() >= A_MEGABYTE, "a plain request: {:?}", begun.elapsed());
    assert!(waits(&gate) > 0);

    let to = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    assert_eq!(client.connect_to(&to).expect("an answer").status(), 200);
    let begun = Instant::now();
    assert_eq!(length(&mut client, &format!("http://{to}/")), 1_000_000);
    assert!(begun.elapsed() >= A_MEGABYTE, "a tunnel: {:?}", begun.elapsed());
    drop(client);

    let origin = Origin::http(|_| Answer::ok("thanks"));
    gate.write("body", vec![b'x'; 1_000_000]);
    let begun = Instant::now();
    let sent = Curl::through(&gate).args(["--data-binary", &format!("@{}", gate.path("body").display())]);
    assert_eq!(sent.get(&origin.url("allowed.test", "/")).text(), "thanks");
    assert!(begun.elapsed() >= A_MEGABYTE, "what is sent: {:?}", begun.elapsed());
    assert_eq!(origin.seen()[0].body.len(), 1_000_000);

    let records = gate.log_of(3);
    assert!(records.iter().all(|record| record.outcome == "completed"), "{records:?}");
}

#[test]
fn all_connections_of_a_person_share_it() {
    let gate = slow("1MB/s").start();
    let origin = Origin::http(|_| Answer::zeros(250_000));
    let to = format!("allowed.test:{}", origin.port());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for tunnel in [false, false, true, true] {
            let (gate, to) = (&gate, &to);
            scope.spawn(move || {
                let mut client = gate.client();
                if tunnel {
                    assert_eq!(client.connect_to(to).expect("an answer").status(), 200);
                }
                assert_eq!(length(&mut client, &format!("http://{to}/")), 250_000);
            });
        }
    });
    assert!(begun.elapsed() >= A_MEGABYTE, "{:?}", begun.elapsed());
}

#[test]
fn a_name_found_in_the_tunnel_brings_its_own_bandwidth() {
    let gate = slow("1MB/s").start();
    let authority = harness::Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |_| Answer::zeros(1_000_000));
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("other.test:{}", origin.port())).expect("an answer").status(), 200);
    let begun = Instant::now();
    let mut tls = client.tls(authority.client(), "allowed.test").expect("TLS");
    assert_eq!(tls.get("allowed.test", "/").expect("an answer").body.len(), 1_000_000);
    assert!(begun.elapsed() >= A_MEGABYTE, "{:?}", begun.elapsed());
}

#[test]
fn a_colleague_is_served_while_one_person_fills_the_line() {
    let gate = Setup::new().config("[limits]\nbandwidth = \"500kB/s\"").start();
    let origin = Origin::http(|seen| match seen.target() {
        "/page" => Answer::ok([b'p'; 20_000]),
        _ => Answer::zeros(1 << 40),
    });
    let mut busy: Vec<Client> = (0..8).map(|_| endless(gate.client(), &origin.url("allowed.test", "/video"))).collect();
    let mut client = gate.client();
    let to = format!("allowed.test:{}", origin.port());
    assert_eq!(client.connect_to(&to).expect("an answer").status(), 200);
    busy.push(endless(client, &format!("http://{to}/video")));
    // What these ask for takes weeks: whatever is answered now is answered beside them.
    let page = colleague(&gate).get(&origin.url("other.test", "/page"));
    assert_eq!((page.status, page.body.len()), (200, 20_000), "{}", page.complaint);
    let page = colleague(&gate).args(["--proxytunnel"]).get(&origin.url("other.test", "/page"));
    assert_eq!((page.connect_status, page.status, page.body.len()), (200, 200, 20_000), "{}", page.complaint);
    drop(busy);
    assert!(waits(&gate) > 0);
}

#[test]
fn a_person_alone_has_the_line_and_no_more() {
    let gate = Setup::new().config("[limits]\nbandwidth = \"8Mbit/s\"").start();
    let origin = Origin::http(|_| Answer::zeros(1_000_000));
    let begun = Instant::now();
    assert_eq!(length(&mut gate.client(), &origin.url("allowed.test", "/")), 1_000_000);
    assert!(begun.elapsed() >= A_MEGABYTE, "{:?}", begun.elapsed());
}

#[test]
fn a_reload_changes_a_rule_for_what_begins_and_the_line_for_everybody() {
    let gate = slow("20kB/s").start();
    let origin = Origin::http(|_| Answer::zeros(20_000_000));
    let url = origin.url("allowed.test", "/");
    let under_way = endless(gate.client(), &url);
    gate.write("charter.toml", charter("bandwidth = \"1GB/s\""));
    gate.say(&["reload"]);
    assert_eq!(length(&mut gate.client(), &url), 20_000_000, "in a thousand seconds, as it was");
    drop(under_way);

    let setup = Setup::new().config("[limits]\nbandwidth = \"20kB/s\"");
    let gate = setup.clone().start();
    let mut under_way = endless(gate.client(), &url);
    gate.write("octroi.toml", setup.config("[limits]\nbandwidth = \"\"").config_text());
    gate.say(&["reload"]);
    let mut rest = vec![0; 19_000_000];
    under_way.stream().read_exact(&mut rest).expect("it goes on at once");
}

#[test]
fn explain_says_what_each_person_has() {
    let gate = slow("16Mbit/s").prepare();
    let told: serde_json::Value =
        serde_json::from_str(&gate.say(&["explain", "--json", "http://allowed.test/"])).expect("JSON");
    assert_eq!((told["rule"].as_str(), told["bandwidth"].as_str()), (Some("video"), Some("2MB/s")));
    assert!(gate.say(&["explain", "http://allowed.test/"]).contains("2MB/s for each person"));
    let told: serde_json::Value =
        serde_json::from_str(&gate.say(&["explain", "--json", "http://other.test/"])).expect("JSON");
    assert!(told["bandwidth"].is_null());
}
