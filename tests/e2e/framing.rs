//! Where messages end and what comes between: chunks, trailers, interim answers, expectations, answers without a body,
//! cuts; seen from both sockets.
use harness::raw::Client;
use harness::{Bare, Gate, LIMIT, Setup, wait};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// A gate, an origin that does what it is told, and its authority.
fn between() -> (Gate, Bare, String) {
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    (Setup::new().start(), origin, authority)
}

/// `GET` of the root, in HTTP/1.1.
fn get(authority: &str) -> String {
    format!("GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n")
}

/// An answer that needs no more words.
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The `error` of Proxy-Status.
fn error_of(head: &harness::message::Head) -> String {
    let status = head.field("proxy-status").unwrap_or_default();
    status.split("error=").nth(1).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn chunks_go_on_without_their_extensions() {
    let (gate, origin, authority) = between();
    let mut client = gate.client();
    client
        .send(format!(
            "POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;a=\"b\"\r\nabc\r\n002\r\nde\r\n0;z\r\n\r\n"
        ))
        .expect("a request");
    let mut there = origin.accept();
    assert_eq!(there.head().expect("a request").field("transfer-encoding"), Some("chunked"));
    let chunks = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(there.bytes(chunks.len()).expect("a body"), chunks.as_bytes());
    there.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\nf\r\n0\r\n\r\n").expect("an answer");
    client.head().expect("an answer");
    assert_eq!(client.bytes(11).expect("a body"), b"1\r\nf\r\n0\r\n\r\n");
    let record = &gate.log_of(1)[0];
    assert_eq!((record.bytes_sent, record.bytes_received), (5, 1));
}

#[test]
fn trailers_pass_and_those_that_steer_do_not() {
    let (gate, origin, authority) = between();
    let post = format!(
        "POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nTE: trailers\r\nConnection: TE\r\n\
         Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let mut client = gate.client();
    client.send(format!("{post}1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n")).expect("a request");
    let mut there = origin.accept();
    let head = there.head().expect("a request");
    assert_eq!((head.field("te"), head.field("connection")), (Some("trailers"), Some("TE")));
    assert_eq!(head.field("trailer"), Some("X-Sum"));
    assert_eq!(there.bytes(21).expect("a body"), b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n");
    there
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 2\r\n\r\n")
        .expect("an answer");
    client.head().expect("an answer");
    assert_eq!(client.bytes(21).expect("a body"), b"1\r\na\r\n0\r\nX-Sum: 2\r\n\r\n");

    for steers in ["Content-Length: 1", "Transfer-Encoding: chunked", "Host: other.test", "Connection: close"] {
        let mut client = gate.client();
        client.send(format!("{post}1\r\na\r\n")).expect("a request");
        let mut there = origin.accept();
        there.head().expect("the head was fine");
        client.send(format!("0\r\n{steers}\r\n\r\n")).expect("the end of it");
        assert_eq!(client.response("POST").expect("an answer").status(), 400, "{steers}");
        let body = there.rest().expect("the gate ends it");
        assert!(!body.ends_with(b"0\r\n\r\n"), "{steers}: {}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn interim_answers_pass_to_who_knows_them() {
    let (gate, origin, authority) = between();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n";
    let mut client = gate.client();
    client.send(get(&authority)).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    there.send(format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{EMPTY}")).expect("answers");
    assert_eq!(client.head().expect("an interim answer").status(), 100);
    let early = client.head().expect("an interim answer");
    assert_eq!((early.status(), early.field("link")), (103, Some("</a.css>; rel=preload")));
    assert_eq!((early.field("x-hop"), early.field("connection")), (None, None));
    assert_eq!(client.response("GET").expect("an answer").status(), 200);

    let mut old = gate.client();
    old.send(format!("GET http://{authority}/ HTTP/1.0\r\n\r\n")).expect("a request");
    there.head().expect("a request on the kept connection");
    there.send(format!("{hints}{EMPTY}")).expect("answers");
    assert_eq!(old.head().expect("an answer").status(), 200, "HTTP/1.0 knows no interim answers");

    let mut client = gate.client();
    client.send(get(&authority)).expect("a request");
    there.head().expect("a request on the kept connection");
    there.send("HTTP/1.1 102 Processing\r\n\r\n".repeat(17)).expect("answers");
    let answer = client.response("GET").expect("an answer");
    assert_eq!((answer.interim.len(), answer.status()), (16, 502), "they are bounded");
    assert_eq!(error_of(&answer.head), "http_protocol_error");
    assert!(there.ended(), "an origin that is not understood is not asked again");
}

#[test]
fn an_expectation_goes_to_the_origin_and_its_word_comes_back() {
    let (gate, origin, authority) = between();
    let post = |version: &str, expects: &str| {
        format!(
            "POST http://{authority}/ HTTP/{version}\r\nHost: {authority}\r\nExpect: {expects}\r\nContent-Length: 2\r\n\r\n"
        )
    };
    // Refused by the origin without having read anything.
    let mut client = gate.client();
    client.send(post("1.1", "100-continue")).expect("a request");
    let mut there = origin.accept();
    assert_eq!(there.head().expect("a request").field("expect"), Some("100-continue"));
    there.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").expect("an answer");
    let answer = client.response("POST").expect("an answer");
    assert_eq!((answer.interim.len(), answer.status()), (0, 401));
    assert_eq!(answer.head.field("connection"), Some("close"), "the body may still come");
    assert!(there.ended());

    // Expected by nobody.
    let mut old = gate.client();
    old.send(post("1.0", "100-continue") + "hi").expect("a request");
    let mut there = origin.accept();
    assert_eq!(there.head().expect("a request").field("expect"), None, "RFC 9110 §10.1.1: of HTTP/1.0 it is ignored");
    assert_eq!(there.bytes(2).expect("a body"), b"hi");
    there.send(EMPTY).expect("an answer");
    assert_eq!(old.response("POST").expect("an answer").status(), 200);

    // Promised by nobody.
    let mut client = gate.client();
    client.send(post("1.1", "miracles")).expect("a request");
    assert_eq!(client.response("POST").expect("an answer").status(), 417);
    assert!(origin.is_alone());
}

#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_refused_at_once() {
    let gate = Setup::new().start();
    let mut client = gate.client();
    client
        .send("POST http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        .expect("a request");
    let answer = client.response("POST").expect("an answer");
    assert_eq!((answer.interim.len(), answer.status()), (0, 403));
    assert!(client.ended(), "what it may still send is never read as a request");
}

#[test]
fn an_origin_that_does_not_say_go_on_is_the_one_that_is_silent() {
    let gate = Setup::new().config("[limits]\nidle_timeout = \"1s\"").start();
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    let mut client = gate.client();
    let post = format!("POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 2\r\n");
    client.send(format!("{post}Expect: 100-continue\r\n\r\n")).expect("a request");
    let answer = client.response("POST").expect("an answer");
    assert_eq!((answer.status(), error_of(&answer.head).as_str()), (504, "http_response_timeout"));
    // Without the expectation it is the client.
    let mut client = gate.client();
    client.send(format!("{post}\r\nh")).expect("half a request");
    assert_eq!(client.response("POST").expect("an answer").status(), 408);
    let outcomes: Vec<_> = gate.log_of(2).into_iter().map(|record| (record.status, record.outcome)).collect();
    assert!(outcomes.contains(&(Some(504), "failed".into())), "{outcomes:?}");
    assert!(outcomes.contains(&(Some(408), "abandoned".into())), "{outcomes:?}");
}

/// The origin was once taken for silent while it was still being sent the request.
#[test]
fn an_upload_may_last_longer_than_silence_may() {
    let gate = Setup::new().config("[limits]\nidle_timeout = \"1s\"").start();
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    let mut client = gate.client();
    let post = format!("POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(post).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    let begun = Instant::now();
    wait::until("an upload three times as long", LIMIT, || {
        client.send("1\r\nx\r\n").expect("the gate takes it");
        (begun.elapsed() > Duration::from_secs(3)).then_some(())
    });
    client.send("0\r\n\r\n").expect("the end of it");
    there.send(EMPTY).expect("an answer");
    assert_eq!(client.response("POST").expect("an answer").status(), 200);
    assert_eq!(gate.log_of(1)[0].outcome, "completed");
}

#[test]
fn answers_without_a_body_have_none_whatever_they_announce() {
    let (gate, origin, authority) = between();
    let mut client = gate.client();
    let mut there: Option<Client> = None;
    for (method, answer, length, kept) in [
        ("GET", "204 No Content\r\n", None, true),
        ("GET", "204 No Content\r\nContent-Length: 0\r\n", None, true),
        ("GET", "304 Not Modified\r\nContent-Length: 9\r\n", Some("9"), true),
        ("GET", "304 Not Modified\r\nTransfer-Encoding: chunked\r\n", None, true),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n", None, true),
        ("HEAD", "200 OK\r\nContent-Length: 9\r\n", Some("9"), true),
        ("GET", "205 Reset Content\r\nContent-Length: 0\r\n", Some("0"), true),
        // Whether five bytes follow cannot be told: the next answer would begin with them.
        ("GET", "204 No Content\r\nContent-Length: 5\r\n", None, false),
        ("GET", "204 No Content\r\nTransfer-Encoding: chunked\r\n", None, false),
    ] {
        client
            .send(format!("{method} http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n"))
            .expect("the client's connection is kept");
        let mut origin_side = there.take().unwrap_or_else(|| origin.accept());
        origin_side.head().expect("a request");
        origin_side.send(format!("HTTP/1.1 {answer}\r\n")).expect("an answer");
        let got = client.response(method).expect("an answer");
        assert_eq!(got.head.line, format!("HTTP/1.1 {}", answer.lines().next().unwrap_or_default()));
        let said = (got.head.field("content-length"), got.head.field("transfer-encoding"));
        assert_eq!(said, (length, None), "{method} {answer}");
        if kept {
            there = Some(origin_side);
        } else {
            assert!(origin_side.ended(), "{method} {answer}");
        }
    }
    assert!(gate.log_of(9).iter().all(|record| record.bytes_received == 0 && record.outcome == "completed"));
}

#[test]
fn bytes_nobody_asked_for_are_no_answer_to_the_next() {
    let (gate, origin, authority) = between();
    let mut client = gate.client();
    client.send(get(&authority)).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    there.send(format!("{EMPTY}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")).expect("two answers");
    assert_eq!(client.response("GET").expect("an answer").text(), "");
    client.send(get(&authority)).expect("a request");
    let mut again = origin.accept();
    again.head().expect("asked on a connection of its own");
    again.send(EMPTY).expect("an answer");
    assert_eq!(client.response("GET").expect("an answer").text(), "");
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let gate = Setup::new().start();
    let mut client = gate.client();
    let length = 600_000;
    client
        .send(format!("POST http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\nContent-Length: {length}\r\n\r\n"))
        .expect("a head");
    client.send(vec![b'x'; length]).expect("the body is taken, and read by nobody");
    let answer = client.response("POST").expect("the whole page, not a reset");
    assert_eq!((answer.status(), answer.head.field("connection")), (403, Some("close")));
    assert!(answer.text().contains("</html>"));
    assert!(client.ended());
}

#[test]
fn an_answer_that_comes_early_is_passed_on_early() {
    let (gate, origin, authority) = between();
    let mut client = gate.client();
    let head = format!("POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 100000\r\n\r\nsome");
    client.send(head).expect("a request that is not whole");
    let mut there = origin.accept();
    there.head().expect("a request");
    there.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch").expect("an answer");
    let answer = client.response("POST").expect("an answer");
    assert_eq!((answer.status(), answer.text().as_str()), (413, "much"));
    assert_eq!(answer.head.field("connection"), Some("close"));
    assert!(there.rest().expect("not asked again").ends_with(b"some"));
    let record = &gate.log_of(1)[0];
    assert_eq!((record.status, record.outcome.as_str(), record.bytes_received), (Some(413), "completed", 4));
}

#[test]
fn a_refusal_among_requests_sent_ahead_comes_in_its_turn() {
    let (gate, origin, authority) = between();
    let mut client = gate.client();
    let refused = "GET http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\n\r\n";
    client.send(format!("{}{refused}{}", get(&authority), get(&authority))).expect("three requests");
    let mut there = origin.accept();
    for (answer, last) in [("one", false), ("two", true)] {
        there.head().expect("a request");
        there.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{answer}")).expect("an answer");
        assert_eq!(client.response("GET").expect("an answer").text(), answer);
        if !last {
            assert_eq!(client.response("GET").expect("a refusal").status(), 403);
        }
    }
}

#[test]
fn a_client_that_sent_ahead_is_still_seen_to_leave() {
    let (gate, origin, authority) = between();
    let mut client = gate.client();
    client.send(get(&authority).repeat(3)).expect("three requests");
    let mut there = origin.accept();
    there.head().expect("the first");
    drop(client);
    assert!(there.ended(), "nobody waits for the answer");
    let records = gate.log_of(1);
    assert_eq!((records.len(), records[0].outcome.as_str(), records[0].status), (1, "abandoned", None));
}

#[test]
fn http_1_0_on_either_side() {
    let (gate, origin, authority) = between();
    let mut old = gate.client();
    let ask = format!("GET http://{authority}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    old.send(&ask).expect("a request");
    let mut there = origin.accept();
    let head = there.head().expect("a request");
    assert_eq!((head.word(2), head.field("connection")), ("HTTP/1.1", None));
    assert!(head.field("via").is_some_and(|via| via.starts_with("1.0 octroi-")), "{head:?}");
    there.send("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold").expect("an answer");
    let answer = old.response("GET").expect("an answer");
    assert_eq!((answer.text().as_str(), answer.head.field("connection")), ("old", Some("keep-alive")));
    // Both connections are kept. Without its chunks the next answer ends with the connection.
    old.send(&ask).expect("a request");
    there.head().expect("a request");
    there
        .send("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n")
        .expect("an answer");
    let head = old.head().expect("an answer");
    assert_eq!((head.field("connection"), head.field("trailer")), (Some("close"), None));
    assert_eq!(old.rest().expect("a whole body"), b"hi");
    // An origin of HTTP/1.0 that says no length ends its answer with the connection.
    let mut client = gate.client();
    client.send(get(&authority)).expect("a request");
    there.head().expect("a request");
    there.send("HTTP/1.0 200 OK\r\n\r\nto the end").expect("an answer");
    there.finish().expect("the end");
    let answer = client.response("GET").expect("an answer");
    assert_eq!((answer.text().as_str(), answer.head.field("connection")), ("to the end", Some("close")));
}

#[test]
fn a_cut_is_seen_by_the_client_whatever_ends_the_body() {
    let (gate, origin, authority) = between();
    // Client's version, answer, whether only a reset tells.
    for (version, answer, reset) in [
        ("1.1", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false),
        ("1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false),
        ("1.1", "HTTP/1.1 200 OK\r\n\r\nhalf", true),
        ("1.0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", true),
    ] {
        let mut client = gate.client();
        client.send(format!("GET http://{authority}/ HTTP/{version}\r\nHost: {authority}\r\n\r\n")).expect("a request");
        let mut there = origin.accept();
        there.head().expect("a request");
        there.send(answer).expect("half an answer");
        client.head().expect("the answer has begun");
        client.bytes(4).expect("so has its body");
        there.reset();
        match client.rest() {
            Ok(rest) => assert!(!reset && !rest.ends_with(b"0\r\n\r\n"), "HTTP/{version} {answer:?}: it looks whole"),
            Err(error) => assert!(reset && error.kind() == ErrorKind::ConnectionReset, "HTTP/{version} {answer:?}"),
        }
    }
    assert!(gate.log_of(4).iter().all(|record| record.outcome == "failed" && record.bytes_received == 4));
}

#[test]
fn a_head_that_drips_has_a_deadline_in_all() {
    let gate = Setup::new().config("[limits]\nheader_timeout = \"1s\"").start();
    let origin = Bare::new();
    let authority = origin.authority("allowed.test");
    let mut client = gate.client();
    client.send(get(&authority)).expect("a request");
    let mut there = origin.accept();
    there.head().expect("a request");
    there.send("HTTP/1.1 200 OK\r\nX-A: ").expect("the beginning of a head");
    let answer = client.response("GET").expect("an answer");
    assert_eq!((answer.status(), error_of(&answer.head).as_str()), (504, "http_response_timeout"));
    assert!(there.ended());
    assert_eq!(gate.log_of(1)[0].outcome, "failed");
}
