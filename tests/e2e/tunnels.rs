//! Tunnels to their end: halves, resets, silence, bulk, thousands at once; and plain HTTP inside.
use harness::raw::{self, Client};
use harness::{Answer, Gate, LIMIT, Origin, Setup, wait};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

fn tunnel(gate: &Gate, port: u16) -> Client {
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("allowed.test:{port}")).expect("an answer").status(), 200);
    client
}

/// An origin that does this with its first connection.
fn origin<T: Send + 'static>(work: impl FnOnce(TcpStream) -> T + Send + 'static) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    (port, thread::spawn(move || work(listener.accept().expect("the gate connects").0)))
}

/// Bytes that show when some are lost, doubled or in the wrong place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64 / 8).flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect()
}

#[test]
fn bulk_both_ways_at_once_arrives_whole_and_counted() {
    const DOWN: usize = 64 << 20;
    const UP: usize = 32 << 20;
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        let mut writer = stream.try_clone().expect("a socket");
        let sender = thread::spawn(move || writer.write_all(&pattern(DOWN)).expect("the client reads"));
        let mut received = vec![0; UP];
        stream.read_exact(&mut received).expect("all of it");
        sender.join().expect("the sender ends");
        received
    });
    let mut client = tunnel(&gate, port);
    let mut writer = client.stream().try_clone().expect("a socket");
    let sender = thread::spawn(move || writer.write_all(&pattern(UP)).expect("the tunnel takes it"));
    assert!(client.rest().expect("all of it") == pattern(DOWN), "downwards");
    sender.join().expect("the sender ends");
    assert!(server.join().expect("the origin ends") == pattern(UP), "upwards");
    drop(client);
    let record = &gate.log_of(1)[0];
    assert_eq!((record.bytes_sent, record.bytes_received), (UP as u64, DOWN as u64));
    assert_eq!(record.outcome, "completed");
}

#[test]
fn a_receiver_that_stops_holds_the_sender_up_and_loses_nothing() {
    const LENGTH: usize = 48 << 20;
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| stream.write_all(&pattern(LENGTH)).expect("the client reads at last"));
    let mut client = tunnel(&gate, port);
    let mut first = client.take(1 << 20).expect("the beginning");
    // The origin can't be done while most of it is nowhere but in a few sockets.
    assert!(!server.is_finished());
    first.extend(client.rest().expect("the rest"));
    assert!(first == pattern(LENGTH));
    drop(client);
    assert_eq!(gate.log_of(1)[0].bytes_received, LENGTH as u64);
}

#[test]
fn the_origins_half_may_end_first() {
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        stream.write_all(b"bye").expect("the client reads");
        stream.shutdown(std::net::Shutdown::Write).expect("a socket");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the client's half");
        rest.len()
    });
    let mut client = tunnel(&gate, port);
    assert_eq!(client.rest().expect("the origin's half"), b"bye");
    client.send(vec![b's'; 300_000]).expect("the tunnel takes it");
    client.finish().expect("half closed");
    assert_eq!(server.join().expect("the origin ends"), 300_000);
    let record = &gate.log_of(1)[0];
    assert_eq!((record.bytes_sent, record.bytes_received, record.outcome.as_str()), (300_000, 3, "completed"));
}

#[test]
fn a_reset_of_the_origin_is_one_for_the_client() {
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).expect("a question");
        raw::reset(stream);
    });
    let mut client = tunnel(&gate, port);
    client.send("\x01ask").expect("the tunnel takes it");
    assert_eq!(client.rest().expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    server.join().expect("the origin ends");
    let record = &gate.log_of(1)[0];
    assert_eq!((record.outcome.as_str(), record.bytes_sent, record.bytes_received), ("failed", 4, 0));
}

#[test]
fn a_reset_of_the_client_is_one_for_the_origin() {
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).expect("a question");
        stream.read(&mut asked).map_err(|error| error.kind())
    });
    let mut client = tunnel(&gate, port);
    client.send("\x01ask").expect("the tunnel takes it");
    wait::until("the question to have left", LIMIT, || gate.log().first().map(drop));
    client.reset();
    // The question may still be on its way when the reset overtakes it: then there is nothing to see but an end.
    match server.join() {
        Ok(end) => assert_eq!(end, Err(ErrorKind::ConnectionReset)),
        Err(_) => panic!("the question was lost"),
    }
    assert_eq!(gate.log_of(1)[0].outcome, "abandoned");
}

#[test]
fn a_silent_client_has_the_idle_time_and_not_the_heads() {
    let gate = Setup::new().config("[limits]\nheader_timeout = \"100ms\"\nidle_timeout = \"2s\"").start();
    let (port, _server) = origin(|mut stream| stream.read(&mut [0]).map(drop));
    let mut client = tunnel(&gate, port);
    let since = Instant::now();
    assert!(client.ended());
    assert!(since.elapsed() > Duration::from_secs(1), "nothing had begun that could be late");
    assert_eq!(gate.log_of(1)[0].outcome, "abandoned");
}

#[test]
fn a_client_that_takes_nothing_is_broken_off_and_has_not_had_it_all() {
    let gate = Setup::new().config("[limits]\nidle_timeout = \"400ms\"").start();
    let (port, server) = origin(|mut stream| stream.write_all(&vec![7; 64 << 20]).is_err());
    let mut client = tunnel(&gate, port);
    assert!(server.join().expect("the origin ends"), "the origin sees that it was not taken");
    let record = &gate.log_of(1)[0];
    assert_eq!(record.outcome, "abandoned");
    assert!(record.bytes_received < 64 << 20);
    assert!(client.rest().is_err(), "a reset");
}

#[test]
fn half_a_hello_has_the_time_of_a_head() {
    let gate = Setup::new().config("[limits]\nheader_timeout = \"200ms\"\nidle_timeout = \"1h\"").start();
    for half in [&b"\x16\x03\x01\x02\x00\x01"[..], b"PROPFIND /"] {
        let (port, server) = origin(|mut stream| {
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        let mut client = tunnel(&gate, port);
        client.send(half).expect("the tunnel takes it");
        assert!(client.ended());
        assert!(server.join().expect("the origin ends").is_empty());
    }
    assert!(gate.log_of(2).iter().all(|record| record.outcome == "abandoned"));
}

#[test]
fn what_follows_a_refused_tunnel_is_no_request() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let behind = format!("GET {} HTTP/1.1\r\nHost: allowed.test\r\n\r\n", origin.url("allowed.test", "/"));
    let asked = format!("CONNECT blocked.test:443 HTTP/1.1\r\nHost: blocked.test:443\r\n\r\n{behind}");
    let told = raw::exchange(gate.proxy(), asked).expect("the gate ends it");
    assert!(told.starts_with("HTTP/1.1 403 ") && told.matches("HTTP/1.1").count() == 1, "{told}");
    assert_eq!((gate.log_of(1).len(), origin.connections()), (1, 0));
}

#[test]
fn an_origin_that_speaks_first_is_heard() {
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        stream.write_all(b"220 ready\r\n").expect("the client reads");
        let mut line = [0; 6];
        stream.read_exact(&mut line).expect("a line");
        line
    });
    let mut client = tunnel(&gate, port);
    assert_eq!(client.take(11).expect("a greeting"), b"220 ready\r\n");
    client.send("QUIT\r\n").expect("the tunnel takes it");
    assert_eq!(&server.join().expect("the origin ends"), b"QUIT\r\n");
}

#[test]
fn a_client_of_another_protocol_that_speaks_first_is_heard() {
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        let mut line = [0; 21];
        stream.read_exact(&mut line).expect("a line");
        line
    });
    let mut client = tunnel(&gate, port);
    client.send("SSH-2.0-OpenSSH_9.2\r\n").expect("the tunnel takes it");
    assert_eq!(&server.join().expect("the origin ends"), b"SSH-2.0-OpenSSH_9.2\r\n");
}

#[test]
fn the_answer_to_connect_says_whose_it_is() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    let answer = gate.client().connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer");
    assert_eq!((answer.status(), answer.head.field("proxy-status")), (200, Some("octroi")));
}

#[test]
fn each_plain_request_in_a_tunnel_is_decided_on_and_recorded() {
    let gate = Setup::new().start();
    let origin = Origin::http(|seen| Answer::ok(seen.target()));
    let mut client = tunnel(&gate, origin.port());
    let mut ask = |host: &str, path: &str| {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect("the tunnel takes it");
        client.response("GET").expect("an answer")
    };
    assert_eq!(ask("allowed.test", "/one").text(), "/one");
    let refused = ask("blocked.test", "/two");
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("interdits"), "the page of the charter, inside the tunnel");
    // Another name that is let through goes where the tunnel leads.
    assert_eq!(ask("elsewhere.test", "/three").text(), "/three");
    drop(client);

    let seen: Vec<_> = origin.seen().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(seen, ["/one", "/three"]);
    let mut records: Vec<_> = gate
        .log_of(4)
        .into_iter()
        .map(|record| (record.method, record.scheme, record.host.unwrap_or_default(), record.port, record.outcome))
        .collect();
    records.sort();
    let record = |method: &str, scheme: &str, host: &str, outcome: &str| {
        (method.to_owned(), scheme.to_owned(), host.to_owned(), origin.port(), outcome.to_owned())
    };
    assert_eq!(
        records,
        [
            record("CONNECT", "https", "allowed.test", "completed"),
            record("GET", "http", "allowed.test", "completed"),
            record("GET", "http", "blocked.test", "refused"),
            record("GET", "http", "elsewhere.test", "completed"),
        ]
    );
}

#[test]
fn rules_on_addresses_reach_into_tunnels() {
    let charter = r#"
        title = "Essai"
        version = "1"
        default = "allow"
        [[rule]]
        id = "chemin"
        action = "block"
        urls = ["allowed.test/secret"]
    "#;
    let gate = Setup::new().charter(charter).start();
    let origin = Origin::http(|_| Answer::ok("open"));
    let mut client = tunnel(&gate, origin.port());
    client.send("GET /open HTTP/1.1\r\nHost: allowed.test\r\n\r\n").expect("the tunnel takes it");
    assert_eq!(client.response("GET").expect("an answer").text(), "open");
    client.send("GET /secret HTTP/1.1\r\nHost: allowed.test\r\n\r\n").expect("the tunnel takes it");
    assert_eq!(client.response("GET").expect("an answer").status(), 403);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn what_is_nearly_http_is_not_let_through_as_something_else() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    for (sent, status) in [
        ("GET /\r\n\r\n", "400"),
        ("get / http/1.1\r\nHost: blocked.test\r\n\r\n", "400"),
        ("GET\t/ HTTP/1.1\r\nHost: blocked.test\r\n\r\n", "400"),
        ("GET / HTTP/1.1\nHost: blocked.test\n\n", "400"),
        ("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: blocked.test\r\n\r\n", "400"),
        ("CONNECT blocked.test:443 HTTP/1.1\r\nHost: blocked.test:443\r\n\r\n", "400"),
        ("GET http://allowed.test:1/ HTTP/1.1\r\nHost: allowed.test:1\r\n\r\n", "400"),
        ("GET http://blocked.test:PORT/ HTTP/1.1\r\nHost: blocked.test\r\nConnection: close\r\n\r\n", "403"),
    ] {
        let mut client = tunnel(&gate, origin.port());
        client.send(sent.replace("PORT", &origin.port().to_string())).expect("the tunnel takes it");
        let told = String::from_utf8(client.rest().expect("the gate ends it")).expect("text");
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{sent:?}: {told}");
    }
    assert!(origin.seen().is_empty());
}

#[test]
fn a_first_line_without_end_is_no_way_round() {
    let gate = Setup::new().config("[limits]\nheader_bytes = 4096").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let request = "GET / HTTP/1.1\r\nHost: blocked.test\r\nConnection: close\r\n\r\n";
    for flood in ["\r\n".repeat(3000), format!("FOO /{}", "x".repeat(6000)), "F".repeat(6000)] {
        let mut client = tunnel(&gate, origin.port());
        client.send(&flood).expect("the tunnel takes it");
        let told = client.rest().expect("the gate ends it");
        assert!(told.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&told));
    }
    let mut client = tunnel(&gate, origin.port());
    client.send(format!("{}{}", "M".repeat(60), &request[3..])).expect("the tunnel takes it");
    let told = client.rest().expect("the gate ends it");
    assert!(told.starts_with(b"HTTP/1.1 403 "), "{}", String::from_utf8_lossy(&told));
    assert!(origin.seen().is_empty());
}

#[test]
fn a_request_that_comes_word_by_word_does_not_arrive_whole() {
    for speaks_first in [false, true] {
        let gate = Setup::new().start();
        let (port, server) = origin(move |mut stream| {
            if speaks_first {
                stream.write_all(b"220 ready\r\n").expect("the tunnel takes it");
            }
            let mut heard = [0; 1];
            stream.read_exact(&mut heard).expect("the first word");
            stream.write_all(b"?").expect("the tunnel takes it");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            rest
        });
        let mut client = tunnel(&gate, port);
        if speaks_first {
            assert_eq!(client.take(11).expect("a greeting"), b"220 ready\r\n");
        }
        client.send("x").expect("the tunnel takes it");
        assert_eq!(client.take(1).expect("it has arrived"), b"?");
        client.send(" / HTTP/1.1\r\nHost: blocked.test\r\n\r\n").expect("the tunnel takes it");
        assert_eq!(client.rest().unwrap_or_default(), b"", "the gate ends it");
        assert!(server.join().expect("the origin ends").is_empty(), "the end of the line has not left");
        let record = &gate.log_of(1)[0];
        assert_eq!((record.outcome.as_str(), record.rule.as_deref()), ("refused", Some("gate:http")));
    }
}

#[test]
fn a_reload_that_refuses_a_host_reaches_the_tunnels_to_it() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let mut client = tunnel(&gate, origin.port());
    let mut ask = || {
        client.send("GET / HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n").expect("the tunnel takes it");
        client.response("GET").expect("an answer").status()
    };
    assert_eq!(ask(), 200);
    let charter = harness::setup::CHARTER.replace("[\"blocked.test\"]", "[\"blocked.test\", \"allowed.test\"]");
    gate.write("charter.toml", charter);
    gate.say(&["reload"]);
    assert_eq!(ask(), 403);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn http_2_without_tls_cannot_be_followed_and_is_refused() {
    let gate = Setup::new().start();
    let (port, server) = origin(|mut stream| {
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    let mut client = tunnel(&gate, port);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the tunnel takes it");
    let told = client.rest().expect("the gate ends it");
    // SETTINGS, then GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 §7).
    assert_eq!((told.len(), told[3], told[12], told[25]), (26, 4, 7, 13));
    assert!(server.join().expect("the origin ends").is_empty());
    let record = &gate.log_of(1)[0];
    assert_eq!((record.outcome.as_str(), record.rule.as_deref()), ("refused", Some("gate:http2")));
}

#[test]
fn thousands_of_idle_tunnels_leave_room_for_others() {
    // Each takes two descriptors here and two in the gate, which has as many as this process.
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux says what a process may have");
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    let tunnels = (files.unwrap_or(1024) / 3).min(3000);
    let gate = Setup::new().config("[limits]\nconnections_per_client = 10000").start();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let origins = thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().take(tunnels).collect();
        kept.len()
    });
    let open: Vec<_> = (0..tunnels).map(|_| tunnel(&gate, port)).collect();
    let connections = || {
        let text = gate.page("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix("octroi_connections ").map(str::to_owned));
        line.expect("the metric").parse::<usize>().expect("a number")
    };
    assert_eq!(connections(), tunnels);
    let origin = Origin::http(|_| Answer::ok("served"));
    assert_eq!(gate.client().get(&origin.url("allowed.test", "/")).expect("an answer").text(), "served");
    drop(open);
    wait::until("all of them to be gone", LIMIT, || (connections() == 0).then_some(()));
    assert_eq!(origins.join().expect("the origins end"), tunnels);
}
