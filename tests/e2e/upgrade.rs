//! Upgrade on plain requests: decided and recorded as requests, then a tunnel; offered only where it cannot smuggle.
use harness::{Bare, Setup};

fn ask(authority: &str, method: &str, fields: &str) -> String {
    format!("{method} http://{authority}/chat HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n")
}

const WEBSOCKET: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[test]
fn a_websocket_passes_and_is_counted() {
    let gate = Setup::new().start();
    let origin = Bare::new();
    let mut client = gate.client();
    client.send(ask(&origin.authority("allowed.test"), "GET", WEBSOCKET)).expect("a request");
    let mut there = origin.accept();
    let head = there.head().expect("a request");
    assert_eq!((head.all("connection"), head.all("upgrade")), (vec!["upgrade"], vec!["websocket"]));
    assert_eq!(head.field("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    // The first word may come in one piece with the answer.
    there.send(format!("{SWITCHED}hello")).expect("an answer");
    let answer = client.head().expect("an answer");
    assert_eq!((answer.status(), answer.field("upgrade")), (101, Some("WebSocket")));
    assert_eq!(answer.field("connection"), Some("upgrade"));
    assert_eq!(answer.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(client.bytes(5).expect("the origin's word"), b"hello");
    client.send("GET http://blocked.test/ HTTP/1.1\r\n\r\n").expect("what looks like a request is none");
    let word = "GET http://blocked.test/ HTTP/1.1\r\n\r\n";
    assert_eq!(there.bytes(word.len()).expect("the client's word"), word.as_bytes());
    client.finish().expect("our half ends");
    assert!(there.rest().expect("theirs is told").is_empty());
    there.send("bye").expect("the other half goes on");
    drop(there);
    assert_eq!(client.rest().expect("the end"), b"bye");
    let record = &gate.log_of(1)[0];
    assert_eq!((record.method.as_str(), record.scheme.as_str(), record.status), ("GET", "http", Some(101)));
    assert_eq!((record.bytes_sent, record.bytes_received, record.outcome.as_str()), (37, 8, "completed"));
}

#[test]
fn a_switch_is_decided_on_like_any_request() {
    let gate = Setup::new().start();
    let mut client = gate.client();
    client.send(ask("blocked.test", "GET", WEBSOCKET)).expect("a request");
    assert_eq!(client.response("GET").expect("a refusal").status(), 403);
    assert_eq!(gate.log_of(1)[0].outcome, "refused");
}

#[test]
fn an_origin_that_does_not_switch_answers_as_ever() {
    let gate = Setup::new().start();
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    let mut client = gate.client();
    client.send(ask(&authority, "GET", WEBSOCKET)).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    there.send("HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nno").expect("an answer");
    let answer = client.response("GET").expect("an answer");
    assert_eq!((answer.text().as_str(), answer.head.field("upgrade")), ("no", None));
    client.send(ask(&authority, "GET", "")).expect("both connections are kept");
    assert_eq!(there.head().expect("a request").field("upgrade"), None);
}

#[test]
fn what_would_smuggle_is_not_offered() {
    let gate = Setup::new().start();
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    let tls = "Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/2.0\r\n";
    let unnamed = "Upgrade: websocket\r\n";
    let body = format!("{WEBSOCKET}Content-Length: 2\r\n");
    for (what, request, behind) in [
        ("HTTP/2", ask(&authority, "GET", h2c), ""),
        ("TLS", ask(&authority, "OPTIONS", tls), ""),
        ("what Connection does not name", ask(&authority, "GET", unnamed), ""),
        ("a body", ask(&authority, "POST", &body), "hi"),
        ("a request sent ahead", ask(&authority, "GET", WEBSOCKET) + &ask("blocked.test", "GET", ""), ""),
        ("HTTP/1.0", ask(&authority, "GET", WEBSOCKET).replace("HTTP/1.1", "HTTP/1.0"), ""),
    ] {
        let mut client = gate.client();
        client.send(format!("{request}{behind}")).expect("a request");
        let mut there = origin.accept();
        let head = there.head().expect("a request");
        for gone in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(head.field(gone), None, "{what}: {head:?}");
        }
        // An origin that switches all the same is not followed.
        there.send(SWITCHED).expect("an answer");
        let answer = client.response("GET").expect("an answer");
        assert_eq!(answer.status(), 502, "{what}");
        let why = answer.head.field("proxy-status").unwrap_or_default();
        assert!(why.ends_with("error=http_upgrade_failed"), "{what}: {why}");
    }
}

#[test]
fn an_origin_switches_only_to_what_was_offered() {
    let gate = Setup::new().start();
    let origin = Bare::new();
    for switched in [
        SWITCHED.replace("WebSocket", "other"),
        SWITCHED.replace("WebSocket", "websocket, other"),
        SWITCHED.replace("Upgrade: WebSocket\r\n", ""),
        SWITCHED.replace("Connection: upgrade\r\n", ""),
    ] {
        let mut client = gate.client();
        client.send(ask(&origin.authority("allowed.test"), "GET", WEBSOCKET)).expect("a request");
        let mut there = origin.accept();
        there.head().expect("a request");
        there.send(&switched).expect("an answer");
        assert_eq!(client.response("GET").expect("an answer").status(), 502, "{switched}");
        assert!(there.ended());
    }
    assert!(gate.log_of(4).iter().all(|record| record.outcome == "failed" && record.status == Some(502)));
}

#[test]
fn a_switched_connection_without_traffic_is_ended() {
    let gate = Setup::new().config("[limits]\nidle_timeout = \"1s\"").start();
    let origin = Bare::new();
    let mut client = gate.client();
    client.send(ask(&origin.authority("allowed.test"), "GET", WEBSOCKET)).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    there.send(SWITCHED).expect("an answer");
    assert_eq!(client.head().expect("an answer").status(), 101);
    assert!(client.ended() && there.ended());
    assert_eq!(gate.log_of(1)[0].outcome, "completed");
}

#[test]
fn who_must_switch_is_told_to_what() {
    let gate = Setup::new().start();
    let origin = Bare::new();
    let mut client = gate.client();
    client.send(ask(&origin.authority("allowed.test"), "GET", "")).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    let fields = "Connection: upgrade\r\nUpgrade: h2c, websocket\r\nContent-Length: 0\r\n\r\n";
    there.send(format!("HTTP/1.1 426 Upgrade Required\r\n{fields}")).expect("an answer");
    let answer = client.response("GET").expect("an answer");
    assert_eq!((answer.status(), answer.head.all("upgrade")), (426, vec!["websocket"]));
    assert_eq!(answer.head.all("connection"), ["upgrade"]);
}
