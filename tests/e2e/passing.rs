//! Plain requests that are let through: bodies, fields, connections, and what goes wrong on the way.
use harness::message::Framing;
use harness::{Answer, Curl, LIMIT, Latch, Origin, Setup, ports, wait};

#[test]
fn a_request_reaches_its_origin_and_the_answer_comes_back() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::with("201 Created", &[("X-Origin", "yes")], "hello"));
    let brought = Curl::through(&gate).get(&origin.url("allowed.test", "/a/b?c=d"));
    assert_eq!((brought.exit, brought.status, brought.text().as_str()), (0, 201, "hello"));
    assert_eq!(brought.field("x-origin"), Some("yes"));

    let seen = origin.seen();
    assert_eq!(seen[0].head.line, "GET /a/b?c=d HTTP/1.1", "origins are asked in origin form");
    assert_eq!(seen[0].head.all("host"), [format!("allowed.test:{}", origin.port())]);

    let record = &gate.log_of(1)[0];
    assert_eq!((record.method.as_str(), record.scheme.as_str()), ("GET", "http"));
    assert_eq!((record.host.as_deref(), record.port), (Some("allowed.test"), origin.port()));
    assert_eq!((record.path.as_deref(), record.masked.as_deref()), (None, None), "detail is `host` by default");
    assert_eq!((record.client_ip.as_str(), record.destination_ip.as_deref()), ("127.0.0.1", Some("127.0.0.1")));
    assert_eq!((record.status, record.bytes_sent, record.bytes_received), (Some(201), 0, 5));
    assert_eq!((record.action.as_str(), record.outcome.as_str()), ("allow", "completed"));
    assert_eq!((record.rule.as_deref(), record.category.as_deref()), (None, None));
    assert!(record.charter.starts_with("essai-1@"), "{}", record.charter);
    assert!(record.opened_at.ends_with('Z') && record.opened_at.len() == "2026-11-23T18:45:00.123456Z".len());
}

#[test]
fn bodies_come_through_however_they_are_framed() {
    let gate = Setup::new().start();
    let body = "0123456789".repeat(10_000);
    let (length, chunks, close) = (body.clone(), body.clone(), body.clone());
    let origin = Origin::http(move |seen| match seen.target() {
        "/length" => Answer::ok(&length),
        "/chunks" => Answer::chunked(&chunks, 777),
        "/close" => Answer::until_close(&close),
        "/nothing" => Answer::raw("HTTP/1.1 204 No Content\r\n\r\n"),
        _ => Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
    });
    for path in ["/length", "/chunks", "/close"] {
        let brought = Curl::through(&gate).get(&origin.url("allowed.test", path));
        assert_eq!((brought.exit, brought.status, brought.body == body.as_bytes()), (0, 200, true), "{path}");
    }
    for (path, status) in [("/nothing", 204), ("/same", 304)] {
        let brought = Curl::through(&gate).get(&origin.url("allowed.test", path));
        assert_eq!((brought.exit, brought.status, brought.body.len()), (0, status, 0), "{path}");
    }
    let received: Vec<u64> = gate.log_of(5).iter().map(|record| record.bytes_received).collect();
    assert_eq!(received, [100_000, 100_000, 100_000, 0, 0], "payload, without framing");
}

#[test]
fn head_brings_the_fields_and_no_body() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"));
    let brought = Curl::through(&gate).args(["--head"]).get(&origin.url("allowed.test", "/"));
    assert_eq!((brought.exit, brought.status, brought.field("content-length")), (0, 200, Some("12345")));
    assert_eq!(origin.seen()[0].method(), "HEAD");
}

#[test]
fn what_is_posted_arrives_whole() {
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| Answer::ok(&seen.body));
    let url = origin.url("allowed.test", "/");
    let by_length = Curl::through(&gate).args(["--data", "a=1&b=2"]).get(&url);
    let in_chunks = Curl::through(&gate).args(["--data", "a=1&b=2"]).field("Transfer-Encoding", "chunked").get(&url);
    let asking_first = Curl::through(&gate).args(["--data", "a=1&b=2"]).field("Expect", "100-continue").get(&url);
    for brought in [by_length, in_chunks, asking_first] {
        assert_eq!((brought.exit, brought.status, brought.text().as_str()), (0, 200, "a=1&b=2"));
    }
    assert_eq!(origin.seen()[0].framing, Framing::Length(7));
    assert_eq!(origin.seen()[1].framing, Framing::Chunked);
    assert!(gate.log_of(3).iter().all(|record| (record.bytes_sent, record.bytes_received) == (7, 7)));
}

#[test]
fn a_client_that_asks_before_sending_is_told_to_go_on() {
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| Answer::ok(&seen.body));
    let authority = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    let head = format!(
        "POST http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    client.send(head).expect("the head is taken");
    // The body leaves only after the interim answer, as RFC 9110 §10.1.1 allows a client to insist.
    let mut interim = [0; 12];
    std::io::Read::read_exact(client.stream(), &mut interim).expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100");
    client.send("hi").expect("the body is taken");
    let rest = wait::until("the final answer", LIMIT, || client.response("POST").ok().filter(|r| r.status() != 0));
    assert_eq!((rest.status(), rest.text().as_str()), (200, "hi"));
}

#[test]
fn sixty_four_mebibytes_go_both_ways() {
    const SIZE: u64 = 64 << 20;
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| match seen.method() {
        "GET" => Answer::zeros(SIZE),
        _ => Answer::ok(seen.body.len().to_string()),
    });
    let url = origin.url("allowed.test", "/");
    let down = Curl::through(&gate).get(&url);
    assert_eq!((down.exit, down.body.len() as u64), (0, SIZE));
    gate.write("big", vec![1; SIZE as usize]);
    let up = Curl::through(&gate).args(["--upload-file", &gate.path("big").display().to_string()]).get(&url);
    assert_eq!((up.exit, up.text()), (0, SIZE.to_string()));
    let records = gate.log_of(2);
    assert_eq!((records[0].bytes_received, records[1].bytes_sent), (SIZE, SIZE));
}

#[test]
fn connections_are_kept_on_both_sides() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("x"));
    let url = origin.url("allowed.test", "/");
    let brought = Curl::through(&gate).get_all(&[url.as_str(); 20]);
    assert_eq!((brought.text(), brought.connections), ("x".repeat(20), 1), "the client keeps one connection");
    assert_eq!((origin.seen().len(), origin.connections()), (20, 1), "and so does the gate");
    let other = Curl::through(&gate).get(&url);
    assert_eq!((other.status, origin.connections()), (200, 1), "which then serves another client");
}

#[test]
fn a_kept_connection_that_the_origin_closed_is_no_failure() {
    let gate = Setup::new().start();
    // Each answer is followed by an end the gate wasn't told of.
    let origin = Origin::http(|_| Answer::ok("x").closing());
    let url = origin.url("allowed.test", "/");
    let mut client = gate.client();
    for _ in 0..20 {
        assert_eq!(client.get(&url).expect("an answer").status(), 200);
    }
    assert_eq!(origin.seen().len(), 20, "no request was sent twice");
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| Answer::ok(seen.target()));
    let mut client = gate.client();
    let one = |path| format!("GET {} HTTP/1.1\r\nHost: allowed.test\r\n\r\n", origin.url("allowed.test", path));
    client.send(format!("{}{}{}", one("/1"), one("/2"), one("/3"))).expect("three requests at once");
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.response("GET").expect("an answer").text(), path);
    }
}

#[test]
fn fields_of_one_connection_stay_on_it() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| {
        Answer::raw(
            "HTTP/1.1 200 OK\r\nConnection: X-Back, keep-alive\r\nX-Back: 1\r\nKeep-Alive: timeout=5\r\n\
             Proxy-Authenticate: Basic realm=\"x\"\r\nX-End: kept\r\nContent-Length: 0\r\n\r\n",
        )
    });
    let mut client = gate.client();
    let authority = format!("allowed.test:{}", origin.port());
    client
        .send(format!(
            "GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\n\
             Keep-Alive: 300\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: websocket\r\n\
             Proxy-Authorization: Basic eDp5\r\nX-MiXeD: kept\r\nX-Twice: a\r\nX-Twice: b\r\n\r\n"
        ))
        .expect("a request");
    let answer = client.response("GET").expect("an answer");
    let seen = &origin.seen()[0].head;
    for gone in ["X-Hop", "Keep-Alive", "Proxy-Connection", "Upgrade", "Proxy-Authorization"] {
        assert_eq!(seen.field(gone), None, "{gone} went on to the origin: {seen:?}");
    }
    assert!(!seen.field("connection").is_some_and(|value| value.contains("X-Hop")));
    assert!(seen.fields.contains(&("X-MiXeD".into(), "kept".into())), "written as the client wrote it: {seen:?}");
    assert_eq!(seen.all("x-twice"), ["a", "b"]);
    assert!(seen.field("via").is_some_and(|value| value.starts_with("1.1 ")), "RFC 9110 §7.6.3: {seen:?}");
    for gone in ["X-Back", "Keep-Alive", "Proxy-Authenticate"] {
        assert_eq!(answer.head.field(gone), None, "{gone} came back to the client: {:?}", answer.head);
    }
    assert_eq!(answer.head.field("x-end"), Some("kept"));
}

#[test]
fn the_request_target_wins_over_the_host_field() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    let mut client = gate.client();
    client
        .send(format!("GET {} HTTP/1.1\r\nHost: blocked.test\r\n\r\n", origin.url("allowed.test", "/")))
        .expect("a request");
    client.response("GET").expect("an answer");
    // RFC 9112 §3.2.2: a proxy replaces the Host field by the authority of the target.
    assert_eq!(origin.seen()[0].head.all("host"), [format!("allowed.test:{}", origin.port())]);
}

#[test]
fn clients_of_http_1_0_get_no_chunks() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::chunked("0123456789", 3));
    let answer =
        harness::raw::exchange(gate.proxy(), format!("GET {} HTTP/1.0\r\n\r\n", origin.url("allowed.test", "/")))
            .expect("an answer that ends with the connection");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(!head.to_lowercase().contains("chunked"), "{head}");
    assert_eq!(body, "0123456789");
}

#[test]
fn an_origin_that_fails_is_answered_for() {
    let gate = Setup::new().start();
    let broken = Origin::http(|_| Answer::raw("this is not HTTP\r\n\r\n").closing());
    let silent = Origin::http(|_| Answer::raw("").closing());
    let nobody = ports::free();
    let failures = [
        ("nobody listens", format!("http://allowed.test:{nobody}/")),
        ("no HTTP", broken.url("allowed.test", "/")),
        ("no answer", silent.url("allowed.test", "/")),
        ("no such name", "http://nowhere.invalid/".to_owned()),
    ];
    for (failure, url) in &failures {
        let brought = Curl::through(&gate).get(url);
        assert!([502, 504].contains(&brought.status), "{failure}: {}", brought.status);
        assert!(brought.field("proxy-status").is_some_and(|value| value.contains("error=")), "{failure}");
        assert!(brought.text().contains("<html"), "{failure}: a page for people");
    }
    for record in gate.log_of(failures.len()) {
        assert_eq!((record.action.as_str(), record.outcome.as_str()), ("allow", "failed"), "{record:?}");
    }
}

#[test]
fn an_answer_cut_short_is_cut_short_for_the_client_too() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::cut(1_000_000, 1000));
    let brought = Curl::through(&gate).get(&origin.url("allowed.test", "/"));
    assert_eq!((brought.exit, brought.body.len()), (18, 1000), "18: partial file");
    let record = &gate.log_of(1)[0];
    assert_eq!((record.outcome.as_str(), record.status, record.bytes_received), ("failed", Some(200), 1000));
}

#[test]
fn a_client_that_leaves_is_recorded_as_such() {
    let gate = Setup::new().start();
    let latch = Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::halves("0123456789", &held));
    let mut client = gate.client();
    client
        .send(format!("GET {} HTTP/1.1\r\nHost: allowed.test\r\n\r\n", origin.url("allowed.test", "/")))
        .expect("a request");
    let mut first = [0; 12];
    std::io::Read::read_exact(client.stream(), &mut first).expect("the answer has begun");
    drop(client);
    let record = &gate.log_of(1)[0];
    assert_eq!((record.outcome.as_str(), record.status), ("abandoned", Some(200)));
    latch.open();
}

#[test]
fn a_path_is_kept_only_when_asked_for_and_never_its_query() {
    let origin = Origin::http(|_| Answer::ok(""));
    for (detail, kept) in [("host", None), ("path", Some("/a")), ("url", Some("/a?secret=1"))] {
        let gate = Setup::new().config(&format!("[log]\ndetail = \"{detail}\"")).start();
        Curl::through(&gate).get(&origin.url("allowed.test", "/a?secret=1"));
        assert_eq!(gate.log_of(1)[0].path.as_deref(), kept, "detail = {detail}");
    }
}
