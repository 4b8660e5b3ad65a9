//! HTTP/2 frame by frame: what no stream may ask, windows, floods, and what a client that leaves leaves behind.
use crate::listeners::{ask, gate, get};
use harness::frames::{
    CONTINUATION, DATA, END, END_HEADERS, Fate, Frames, HEADERS, RST_STREAM, WINDOW_UPDATE, block, frame, number,
};
use harness::{Answer, Authority, LIMIT, Origin, Setup, wait};
use serde_json::json;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn an_origin_that_takes_nothing_stops_its_client() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    // It accepts by its queue, and never reads.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("allowed.test:{}", silent.local_addr().expect("bound").port());
    let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
    frames.ask(1, &[(":method", "CONNECT"), (":authority", &to)], true).expect("sent");
    assert_eq!(frames.fate(1), Fate::Answered);
    frames.socket().set_read_timeout(Some(Duration::from_secs(2))).expect("a socket");
    // What a stream and its connection may send at first (RFC 9113 §6.9.2); the gate says more when it allows more.
    let (mut stream, mut connection, mut sent) = (65_535u32, 65_535u32, 0u64);
    loop {
        let count = stream.min(connection).min(16_384);
        if count > 0 {
            frames.send(DATA, 0, 1, &vec![b'x'; count as usize]).expect("sent");
            (stream, connection, sent) = (stream - count, connection - count, sent + u64::from(count));
            continue;
        }
        match frames.read() {
            Ok(Some(frame)) if frame.kind == WINDOW_UPDATE && frame.stream == 0 => connection += number(&frame.payload),
            Ok(Some(frame)) if frame.kind == WINDOW_UPDATE => stream += number(&frame.payload),
            Ok(Some(_)) => {}
            Ok(None) => panic!("the connection ended"),
            Err(_) => break,
        }
        // What two sockets hold is the system's affair, and a few mebibytes.
        assert!(sent < 64 << 20, "the gate takes what it cannot pass on");
    }
    // Another stream of the connection is served all the same.
    let origin = Origin::http(|_| Answer::ok("served"));
    let host = format!("allowed.test:{}", origin.port());
    frames
        .ask(3, &[(":method", "GET"), (":scheme", "http"), (":authority", &host), (":path", "/")], false)
        .expect("sent");
    assert_eq!(frames.fate(3), Fate::Answered);
}

#[test]
fn what_no_stream_may_ask_is_refused_and_never_forwarded() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|_| Answer::ok(""));
    let host = format!("allowed.test:{}", origin.port());
    let usual = [(":method", "GET"), (":scheme", "http"), (":authority", host.as_str()), (":path", "/")];
    let and = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> { [&usual[..], more].concat() };
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("CR LF in a value", and(&[("x", "a\r\nHost: b.test")])),
        ("NUL in a value", and(&[("x", "a\0b")])),
        ("a colon in a name", and(&[("x:y", "a")])),
        ("an upper-case name", and(&[("X-Upper", "a")])),
        ("no name", and(&[("", "a")])),
        ("Connection", and(&[("connection", "close")])),
        ("Transfer-Encoding", and(&[("transfer-encoding", "chunked")])),
        ("Upgrade", and(&[("upgrade", "websocket")])),
        ("TE that asks for more", and(&[("te", "gzip")])),
        ("another Host", and(&[("host", "blocked.test")])),
        ("two of them", and(&[("host", "a.test"), ("host", "a.test")])),
        ("a pseudo-field behind a field", [&[("x", "y")][..], &usual].concat()),
        ("an unknown pseudo-field", and(&[(":x", "y")])),
        ("a pseudo-field twice", and(&[(":path", "/other")])),
        ("a status", and(&[(":status", "200")])),
        ("no method", usual[1..].to_vec()),
        ("no path", usual[..3].to_vec()),
        ("no scheme", vec![usual[0], usual[2], usual[3]]),
        ("no authority", vec![usual[0], usual[1], usual[3]]),
        ("a path that is none", vec![usual[0], usual[1], usual[2], (":path", "x")]),
        ("somebody in the authority", vec![usual[0], usual[1], (":authority", "me@allowed.test"), usual[3]]),
        ("CONNECT with a path", vec![(":method", "CONNECT"), usual[2], (":path", "/")]),
        ("CONNECT to nowhere", vec![(":method", "CONNECT")]),
        (
            "another protocol over CONNECT",
            vec![(":method", "CONNECT"), (":protocol", "websocket"), usual[1], usual[2], usual[3]],
        ),
        ("a length and no body", and(&[("content-length", "5")])),
    ];
    for (name, fields) in cases {
        let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
        let asked = block(&fields);
        let mut parts = asked.chunks(16_384).peekable();
        let first = parts.next().unwrap_or_default();
        let flags = |last: bool| if last { END_HEADERS } else { 0 };
        frames.send(HEADERS, END | flags(parts.peek().is_none()), 1, first).expect("sent");
        while let Some(part) = parts.next() {
            // The gate may have had enough.
            let _ = frames.send(CONTINUATION, flags(parts.peek().is_none()), 1, part);
        }
        let fate = frames.fate(1);
        // PROTOCOL_ERROR, of the stream or, where `h2` looks no further, of the connection.
        assert!(matches!(fate, Fate::Reset(1) | Fate::GoneAway(1)), "{name}: {fate:?}");
    }
    assert_eq!(origin.seen().len(), 0, "{:?}", origin.seen());
    assert_eq!(gate.log().len(), 0);
}

#[test]
fn fields_without_end_are_refused() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
    let long = "x".repeat(16_000);
    frames.send(HEADERS, END, 1, &block(&[("x", &long)])).expect("sent");
    let mut sent = 0;
    while frames.send(CONTINUATION, 0, 1, &block(&[("x", &long)])).is_ok() {
        sent += long.len();
        assert!(sent < 64 << 20, "the gate goes on listening");
    }
    assert_eq!(gate.log().len(), 0);
    // Somewhat too long a head is answered.
    let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
    let usual = [(":method", "GET"), (":scheme", "http"), (":authority", "allowed.test"), (":path", "/")];
    let head = block(&[&usual[..], &[("x", long.as_str()); 5]].concat());
    let mut parts = head.chunks(16_384).enumerate().peekable();
    while let Some((n, part)) = parts.next() {
        let flags = if parts.peek().is_none() { END_HEADERS } else { 0 };
        frames
            .send(if n == 0 { HEADERS } else { CONTINUATION }, flags | if n == 0 { END } else { 0 }, 1, part)
            .expect("sent");
    }
    let fate = frames.fate(1);
    assert!(matches!(fate, Fate::Answered | Fate::Reset(_)), "{fate:?}");
}

#[test]
fn streams_begun_and_reset_without_end_are_told_to_calm_down() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let origin = Origin::http(|_| Answer::ok("served"));
    let host = format!("allowed.test:{}", origin.port());
    let fields = block(&[(":method", "GET"), (":scheme", "http"), (":authority", &host), (":path", "/")]);
    let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
    let mut flood = Vec::new();
    for stream in (1..20_001u32).step_by(2) {
        flood.extend(frame(HEADERS, END | END_HEADERS, stream, &fields));
        flood.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    // The gate may be gone before it has taken all.
    let _ = frames.write(&flood);
    let fate = frames.fate(u32::MAX);
    assert!(matches!(fate, Fate::GoneAway(11) | Fate::Closed), "{fate:?}");
    assert!(origin.seen().len() < 1000, "{}", origin.seen().len());
    assert_eq!(ask(&gate, &json!([get(&origin.url("allowed.test", "/"))]))[0]["body"], "served");
}

#[test]
fn no_more_streams_than_connections_may_be_open() {
    let authority = Authority::new();
    let limits = "[limits]\nconnections = 10\nconnections_per_client = 10";
    let gate = gate(&authority, Setup::new().config(limits));
    let latch = harness::Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::ok("late").after(&held));
    let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
    let host = format!("allowed.test:{}", origin.port());
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", host.as_str()), (":path", "/")];
    for n in 0..10 {
        frames.ask(n * 2 + 1, &fields, false).expect("sent");
    }
    assert_eq!(frames.fate(19), Fate::Reset(7), "REFUSED_STREAM: it may be asked again");
    latch.open();
    assert_eq!(frames.fate(1), Fate::Answered);
}

/// A client that leaves while its origin thinks is noticed although its request was whole.
#[test]
fn a_stream_that_is_reset_while_it_waits_is_abandoned() {
    let authority = Authority::new();
    let gate = gate(&authority, Setup::new());
    let latch = harness::Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::ok("late").after(&held));
    let mut frames = Frames::connect(gate.secure(), &authority).expect("a connection");
    let host = format!("allowed.test:{}", origin.port());
    frames
        .ask(1, &[(":method", "GET"), (":scheme", "http"), (":authority", &host), (":path", "/")], false)
        .expect("sent");
    wait::until("the origin to be asked", LIMIT, || (!origin.seen().is_empty()).then_some(()));
    frames.send(RST_STREAM, 0, 1, &8u32.to_be_bytes()).expect("sent");
    assert_eq!(gate.log_of(1)[0].outcome, "abandoned");
    latch.open();
}
