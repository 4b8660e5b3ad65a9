//! What counts hop by hop: Max-Forwards, Via and loops, fields of one connection, the forms of OPTIONS.
use harness::{Answer, Bare, Origin, Setup};

fn ask(authority: &str, method: &str, fields: &str) -> String {
    format!("{method} http://{authority}/path?q HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n")
}

#[test]
fn trace_is_sent_back_by_the_last_hop_without_what_is_secret() {
    let gate = Setup::new().start();
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    let mut client = gate.client();
    let secrets = "Authorization: Basic c2VjcmV0\r\nCookie: secret=1\r\nProxy-Authorization: Basic c2VjcmV0\r\n";
    client.send(ask(&authority, "TRACE", &format!("Max-Forwards: 0\r\n{secrets}X-A: b\r\n"))).expect("a request");
    let answer = client.response("TRACE").expect("an answer");
    assert_eq!((answer.status(), answer.head.field("content-type")), (200, Some("message/http")));
    assert_eq!(answer.head.field("proxy-status"), Some("octroi"));
    assert_eq!(answer.text(), ask(&authority, "TRACE", "Max-Forwards: 0\r\nX-A: b\r\n"));

    client.send(ask(&authority, "OPTIONS", "Max-Forwards: 0\r\n")).expect("the connection is kept");
    let answer = client.response("OPTIONS").expect("an answer");
    assert_eq!((answer.status(), answer.text().as_str()), (200, ""));
    assert!(answer.head.field("allow").is_some_and(|allow| allow.contains("GET") && allow.contains("CONNECT")));
    assert_eq!(answer.head.field("proxy-status"), Some("octroi"));

    assert!(origin.is_alone(), "nothing went on");
    for record in gate.log_of(2) {
        assert_eq!((record.status, record.outcome.as_str(), record.action.as_str()), (Some(200), "completed", "allow"));
        assert_eq!((record.destination_ip.as_deref(), record.bytes_received), (None, 0));
    }
}

#[test]
fn what_may_go_no_farther_is_still_decided_on() {
    let gate = Setup::new().start();
    let mut client = gate.client();
    client.send(ask("blocked.test", "TRACE", "Max-Forwards: 0\r\n")).expect("a request");
    assert_eq!(client.response("TRACE").expect("a refusal").status(), 403);
}

#[test]
fn hops_are_counted_for_trace_and_options_alone() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    let authority = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    for (method, given, left) in
        [("OPTIONS", "3", "2"), ("TRACE", "1", "0"), ("GET", "3", "3"), ("GET", "0", "0"), ("GET", "many", "many")]
    {
        client.send(ask(&authority, method, &format!("Max-Forwards: {given}\r\n"))).expect("a request");
        assert_eq!(client.response(method).expect("an answer").status(), 200, "{method} {given}");
        let seen = origin.seen();
        assert_eq!(seen.last().map(|seen| seen.head.all("max-forwards")), Some(vec![left]), "{method} {given}");
    }
    for wrong in ["many", "-1", "1, 2", ""] {
        let mut client = gate.client();
        client.send(ask(&authority, "OPTIONS", &format!("Max-Forwards: {wrong}\r\n"))).expect("a request");
        assert_eq!(client.response("OPTIONS").expect("an answer").status(), 400, "{wrong:?}");
    }
    assert_eq!(origin.seen().len(), 5);
}

#[test]
fn options_of_a_whole_server_are_asked_of_the_whole_server() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    let authority = format!("allowed.test:{}", origin.port());
    for (asked, line) in [
        (format!("OPTIONS http://{authority}"), "OPTIONS * HTTP/1.1"),
        (format!("OPTIONS http://{authority}/"), "OPTIONS / HTTP/1.1"),
        (format!("OPTIONS http://{authority}?q"), "OPTIONS /?q HTTP/1.1"),
        (format!("GET http://{authority}"), "GET / HTTP/1.1"),
    ] {
        let mut client = gate.client();
        client.send(format!("{asked} HTTP/1.1\r\nHost: {authority}\r\n\r\n")).expect("a request");
        assert_eq!(client.response("OPTIONS").expect("an answer").status(), 200, "{asked}");
        assert_eq!(origin.seen().last().map(|seen| seen.head.line.clone()).as_deref(), Some(line));
    }
}

#[test]
fn a_request_that_comes_round_is_stopped() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let authority = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    // Passed on by others, gates like this one among them: no loop.
    client
        .send(ask(&authority, "GET", "Via: 1.0 fred, 1.1 octroi-00000000 (x)\r\nVia: 1.1 octroi\r\n"))
        .expect("a request");
    let answer = client.response("GET").expect("an answer");
    assert_eq!(answer.status(), 200);
    let via = origin.seen()[0].head.all("via").join(", ");
    let ours = via.rsplit(' ').next().unwrap_or_default().to_owned();
    assert!(ours.starts_with("octroi-") && ours.len() == 15 && !via.contains("127.0.0.1"), "{via}");
    assert_eq!(answer.head.field("via"), Some(format!("1.1 {ours}").as_str()), "the same both ways");

    for (language, words) in [("fr", "revenue à la passerelle"), ("en", "came back to the gate")] {
        let fields = format!("Via: {via}\r\nAccept-Language: {language}\r\n");
        client.send(ask(&authority, "GET", &fields)).expect("a request");
        let answer = client.response("GET").expect("an answer");
        assert_eq!((answer.status(), answer.text().contains(words)), (502, true), "{}", answer.text());
        assert_eq!(answer.head.field("proxy-status"), Some("octroi; error=proxy_loop_detected"));
    }
    let connect = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nVia: {via}\r\n\r\n");
    client.send(connect).expect("a request");
    assert_eq!(client.response("CONNECT").expect("an answer").status(), 502);
    assert_eq!(origin.seen().len(), 1);
    let failed =
        gate.log_of(4).iter().filter(|record| record.outcome == "failed" && record.status == Some(502)).count();
    assert_eq!(failed, 3);
    let other = Setup::new().start();
    other.client().get(&origin.url("allowed.test", "/")).expect("an answer");
    assert!(!origin.seen()[1].head.field("via").unwrap_or_default().ends_with(&ours), "each gate has its own");
}

#[test]
fn what_is_for_the_other_end_goes_there_whatever_connection_says() {
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| {
        let fields = "Connection: Set-Cookie, Content-Type, Strict-Transport-Security, X-Hop\r\nX-Hop: 1\r\n\
                      Set-Cookie: a=b\r\nContent-Type: text/plain\r\nStrict-Transport-Security: max-age=1\r\n";
        Answer::raw(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", seen.body.len()).into_bytes())
    });
    let authority = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    let named = "Connection: Host, Content-Length, Authorization, Cookie, Via, X-Hop\r\nAuthorization: a\r\nCookie: b\r\n\
                 Content-Length: 2\r\nX-Hop: 1\r\n";
    client.send(ask(&authority, "POST", named) + "hi").expect("a request");
    let head = client.head().expect("an answer");
    for kept in ["set-cookie", "content-type", "strict-transport-security"] {
        assert!(head.field(kept).is_some(), "{kept}: {head:?}");
    }
    assert_eq!(head.field("x-hop"), None);
    let seen = &origin.seen()[0];
    for kept in ["host", "content-length", "authorization", "cookie", "via"] {
        assert_eq!(seen.head.all(kept).len(), 1, "{kept}: {:?}", seen.head);
    }
    assert_eq!(
        (seen.head.field("x-hop"), seen.head.field("connection"), seen.body.as_slice()),
        (None, None, &b"hi"[..])
    );
}

#[test]
fn an_origins_own_proxy_status_is_left_as_it_is() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::with("502 Bad Gateway", &[("Proxy-Status", "inner; error=dns_error")], ""));
    let answer = gate.client().get(&origin.url("allowed.test", "/")).expect("an answer");
    assert_eq!(answer.head.all("proxy-status"), ["inner; error=dns_error"]);
}
