//! Tunnels: CONNECT, TLS inside, and the name in the ClientHello.
use harness::raw::Client;
use harness::{Answer, Authority, Curl, Gate, Origin, Setup};
use std::io::{Read, Write};
use std::net::TcpListener;

/// The fatal alert `access_denied` (RFC 8446 §6.2), in its record.
const ACCESS_DENIED: &[u8] = &[21, 3, 3, 0, 2, 2, 49];

fn trusting(gate: &Gate, authority: &Authority) -> Curl {
    gate.write("ca.pem", authority.pem());
    Curl::through(gate).args(["--cacert", &gate.path("ca.pem").display().to_string()])
}

#[test]
fn tls_passes_through_a_tunnel_untouched() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test"], |seen| Answer::ok(seen.target()));
    let brought = trusting(&gate, &authority).get(&origin.url_tls("allowed.test", "/hidden?from=the+gate"));
    assert_eq!((brought.exit, brought.connect_status, brought.status), (0, 200, 200), "{}", brought.complaint);
    assert_eq!(brought.text(), "/hidden?from=the+gate");

    let record = &gate.log_of(1)[0];
    assert_eq!((record.method.as_str(), record.scheme.as_str()), ("CONNECT", "https"));
    assert_eq!(
        (record.host.as_deref(), record.port, record.path.as_deref()),
        (Some("allowed.test"), origin.port(), None)
    );
    assert_eq!((record.action.as_str(), record.outcome.as_str(), record.status), ("allow", "completed", Some(200)));
    assert!(record.bytes_sent > 200 && record.bytes_received > 500, "{record:?}");
}

#[test]
fn a_refused_tunnel_never_leaves_the_gate() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["blocked.test"], |_| Answer::ok("never"));
    let refused = trusting(&gate, &authority).get(&origin.url_tls("blocked.test", "/"));
    assert_eq!((refused.exit, refused.connect_status), (56, 403), "56: the proxy refused the tunnel");
    assert!(refused.heads[0].field("proxy-status").is_some_and(|value| value.contains("http_request_denied")));
    assert_eq!(origin.connections(), 0);
    let record = &gate.log_of(1)[0];
    assert_eq!(
        (record.method.as_str(), record.action.as_str(), record.outcome.as_str()),
        ("CONNECT", "block", "refused")
    );
    assert_eq!((record.host.as_deref(), record.rule.as_deref()), (Some("blocked.test"), Some("interdits")));
}

#[test]
fn a_forbidden_name_behind_an_allowed_one_is_cut() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["allowed.test", "blocked.test"], |_| Answer::ok("never"));
    let to = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    assert_eq!(client.connect_to(&to).expect("an answer").status(), 200);
    let hidden = client.tls(authority.client(), "blocked.test").and_then(|mut tls| tls.get("blocked.test", "/"));
    assert!(hidden.is_err(), "the name in the ClientHello is decided on too");
    assert!(origin.seen().is_empty(), "no request got through");
    let record = &gate.log_of(1)[0];
    assert_eq!((record.action.as_str(), record.outcome.as_str()), ("block", "refused"), "{record:?}");
    assert_eq!(record.rule.as_deref(), Some("interdits"));
}

#[test]
fn another_allowed_name_behind_an_allowed_one_passes() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["other.test"], |_| Answer::ok("fine"));
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer").status(), 200);
    let mut tls = client.tls(authority.client(), "other.test").expect("TLS");
    assert_eq!(tls.get("other.test", "/").expect("an answer").text(), "fine");
}

#[test]
fn a_client_hello_in_many_pieces_is_read_whole() {
    let gate = Setup::new().start();
    let authority = Authority::new();
    let origin = Origin::https(&authority, &["blocked.test"], |_| Answer::ok("never"));
    // The hello of a real client, taken off the wire, then sent a byte at a time.
    let catcher = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = catcher.local_addr().expect("a bound listener has an address");
    let config = authority.client();
    let sender = std::thread::spawn(move || {
        let client = Client::connect(address).expect("the catcher listens");
        client.tls(config, "blocked.test").and_then(|mut tls| tls.get("blocked.test", "/")).is_err()
    });
    let (mut caught, _) = catcher.accept().expect("a client");
    let mut hello = vec![0; 65_536];
    let length = caught.read(&mut hello).expect("a hello");
    hello.truncate(length);
    drop(caught);
    assert!(sender.join().expect("the sender ends"));

    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer").status(), 200);
    for byte in hello {
        if client.send([byte]).is_err() {
            break;
        }
    }
    let told = client.rest().expect("the gate ends the tunnel once it has read the name");
    assert_eq!(told, ACCESS_DENIED, "and says so in the words of TLS");
    assert!(origin.seen().is_empty());
    assert_eq!(gate.log_of(1)[0].action, "block");
}

#[test]
fn bytes_are_counted_both_ways_and_half_closed_tunnels_go_on() {
    let gate = Setup::new().start();
    // Reads all, then answers: it needs to see the end of our half while the other stays open.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the gate connects");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("all of the client's half");
        stream.write_all(&vec![b'r'; 200_000]).expect("the client still reads");
        received.len()
    });
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("allowed.test:{port}")).expect("an answer").status(), 200);
    client.send(vec![b's'; 100_000]).expect("the tunnel takes it");
    client.finish().expect("half closed");
    assert_eq!(client.rest().expect("the other half").len(), 200_000);
    assert_eq!(server.join().expect("the server ends"), 100_000);
    let record = &gate.log_of(1)[0];
    assert_eq!((record.bytes_sent, record.bytes_received, record.outcome.as_str()), (100_000, 200_000, "completed"));
}

#[test]
fn what_a_client_sends_before_the_answer_is_not_lost() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("early"));
    let mut client = gate.client();
    let to = format!("allowed.test:{}", origin.port());
    client
        .send(format!(
            "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\nGET / HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"
        ))
        .expect("a tunnel and what goes through it");
    assert_eq!(client.response("CONNECT").expect("an answer").status(), 200);
    assert_eq!(client.response("GET").expect("the origin's answer").text(), "early");
}

#[test]
fn ports_that_are_not_open_to_tunnels_are_refused() {
    let gate = Setup::new().config("[destinations]\nconnect_ports = [443]").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    for authority in [format!("allowed.test:{}", origin.port()), "allowed.test:25".to_owned()] {
        let answer = gate.client().connect_to(&authority).expect("an answer");
        assert_eq!(answer.status(), 403, "{authority}");
    }
    assert_eq!(origin.connections(), 0);
    assert!(gate.log_of(2).iter().all(|record| record.outcome == "refused"));
}

#[test]
fn a_tunnel_to_nobody_is_answered_for() {
    let gate = Setup::new().start();
    let answer = gate.client().connect_to(&format!("allowed.test:{}", harness::ports::free())).expect("an answer");
    assert_eq!(answer.status(), 502);
    assert_eq!(gate.log_of(1)[0].outcome, "failed");
}
