//! Search engines dialled at their strict hosts: what the browser asks stays as it was, the address does not.
use harness::raw;
use harness::{Answer, Authority, Curl, Gate, Origin, Setup};
use std::io::Read;
use std::net::TcpListener;
use std::thread::JoinHandle;

const CHARTER: &str = r#"
version = "1"

[safe_search]
google = true
bing = true

[[rule]]
id = "sans-filtre"
action = "allow"
domains = ["bing.com"]
safe_search = false
"#;

/// A gate for which the engines are at 127.0.0.2, and their strict hosts at 127.0.0.1.
fn gate() -> Gate {
    let setup = Setup::new().charter(CHARTER).host("forcesafesearch.google.com", "127.0.0.1");
    let setup = setup.host("strict.bing.com", "127.0.0.1").host("www.bing.com", "127.0.0.2");
    setup.host("www.google.fr", "127.0.0.2").host("www.google.de", "127.0.0.2").start()
}

/// Listens at 127.0.0.2; its thread ends with what the first connection brought.
fn engine(port: u16) -> JoinHandle<Vec<u8>> {
    let listener = TcpListener::bind(("127.0.0.2", port)).expect("the other address of this machine");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the gate connects");
        let mut heard = vec![0; 4096];
        let count = stream.read(&mut heard).expect("a request");
        heard.truncate(count);
        heard
    })
}

#[test]
fn a_plain_request_goes_to_the_strict_host_under_its_own_name() {
    let gate = gate();
    let strict = Origin::http(|seen| Answer::ok(seen.head.field("host").unwrap_or_default()));
    let unused = TcpListener::bind(("127.0.0.2", strict.port())).expect("the other address of this machine");
    unused.set_nonblocking(true).expect("a socket");
    for _ in 0..2 {
        let brought = Curl::through(&gate).get(&strict.url("www.google.fr", "/search?q=x"));
        assert_eq!(brought.text(), format!("www.google.fr:{}", strict.port()));
    }
    assert!(unused.accept().is_err(), "nobody was sent to the other host");
    for record in gate.log_of(2) {
        let said = (record.host.as_deref(), record.destination_ip.as_deref(), record.action.as_str());
        assert_eq!(said, (Some("www.google.fr"), Some("127.0.0.1"), "allow"));
    }
}

#[test]
fn a_tunnel_leads_to_the_strict_host_and_its_hello_is_untouched() {
    let gate = gate();
    let authority = Authority::new();
    let strict = Origin::https(&authority, &["www.google.fr"], |_| Answer::ok("strict"));
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("www.google.fr:{}", strict.port())).expect("an answer").status(), 200);
    let mut tls = client.tls(authority.client(), "www.google.fr").expect("the certificate is that of the name");
    assert_eq!(tls.get("www.google.fr", "/").expect("an answer").text(), "strict");
    drop(tls);
    assert_eq!(gate.log_of(1)[0].destination_ip.as_deref(), Some("127.0.0.1"));
}

#[test]
fn a_tunnel_to_an_address_is_dialled_anew_when_its_hello_names_an_engine() {
    let gate = gate();
    let authority = Authority::new();
    let strict = Origin::https(&authority, &["www.google.fr"], |_| Answer::ok("strict"));
    let heard = engine(strict.port());
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("127.0.0.2:{}", strict.port())).expect("an answer").status(), 200);
    let mut tls = client.tls(authority.client(), "www.google.fr").expect("the certificate is that of the name");
    assert_eq!(tls.get("www.google.fr", "/").expect("an answer").text(), "strict");
    drop(tls);
    assert_eq!(heard.join().expect("it listened"), b"", "the engine heard nothing");
}

#[test]
fn a_strict_host_that_cannot_be_reached_is_not_passed_by() {
    let gate = Setup::new().charter(CHARTER).host("forcesafesearch.google.com", "127.0.0.3");
    let gate = gate.host("www.google.fr", "127.0.0.1").start();
    let origin = Origin::http(|_| Answer::ok("everything"));
    assert_eq!(Curl::through(&gate).get(&origin.url("www.google.fr", "/")).status, 502);
    let mut client = gate.client();
    let hello = raw::hello(Authority::new().client(), "www.google.fr");
    assert_eq!(client.connect_to(&format!("127.0.0.1:{}", origin.port())).expect("an answer").status(), 200);
    client.send(hello).expect("sent");
    client.rest().expect("the gate ends the tunnel");
    assert_eq!(origin.seen().len(), 0, "nothing reached it");
    let outcomes: Vec<String> = gate.log_of(2).into_iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, ["failed", "failed"]);
}

#[test]
fn a_rule_may_leave_an_engine_as_it_is() {
    let gate = gate();
    let port = Origin::http(|_| Answer::ok("strict")).port();
    let heard = engine(port);
    // It hangs up after the request: what counts is that it got it.
    let _ = gate.client().get(&format!("http://www.bing.com:{port}/search"));
    assert!(heard.join().expect("it listened").starts_with(b"GET /search"), "the host that was asked for got it");
    assert_eq!(gate.log_of(1)[0].destination_ip.as_deref(), Some("127.0.0.2"));
}

#[test]
fn explain_names_the_host_that_is_dialled() {
    let gate = Setup::new().charter(CHARTER).prepare();
    let said = gate.say(&["explain", "https://www.google.de/"]);
    assert!(said.contains("forcesafesearch.google.com, in place of www.google.de: safe search"), "{said}");
    let said = gate.say(&["explain", "--json", "https://www.bing.com/"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("an explanation");
    assert!(said["safe_search"].is_null() && said["rule"] == "sans-filtre", "{said}");
}
