//! Deadlines and bounds on what a client may ask of the gate.
use harness::{Answer, Blackhole, Latch, Origin, Setup};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

#[test]
fn a_head_that_never_ends_has_a_deadline() {
    let gate = Setup::new().config("[limits]\nheader_timeout = \"1s\"").start();
    let mut client = gate.client();
    client.send("GET http://allowed.test/ HTTP/1.1\r\nHost: allow").expect("half a head");
    let answer = String::from_utf8(client.rest().expect("the gate ends it")).expect("text");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_client_that_says_nothing_has_one_too() {
    let gate = Setup::new().config("[limits]\nheader_timeout = \"1s\"\nidle_timeout = \"1s\"").start();
    let silent = gate.client().rest().expect("the gate ends it");
    let answer = String::from_utf8_lossy(&silent).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_tunnel_without_traffic_is_ended() {
    let gate = Setup::new().config("[limits]\nidle_timeout = \"1s\"").start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer").status(), 200);
    client.send("\x01 no request, and no end").expect("the tunnel takes it");
    assert!(client.ended(), "ended by the gate");
    assert_eq!(gate.log_of(1).len(), 1);
}

#[test]
fn an_origin_that_keeps_silent_is_given_up() {
    let gate = Setup::new().config("[limits]\nidle_timeout = \"1s\"").start();
    let latch = Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::ok("late").after(&held));
    let answer = gate.client().get(&origin.url("allowed.test", "/")).expect("an answer");
    assert_eq!(answer.status(), 504);
    assert_eq!(gate.log_of(1)[0].outcome, "failed");
    latch.open();
}

#[test]
fn each_limit_that_ends_something_is_counted() {
    let limits = "[limits]\nheader_bytes = 1024\nheader_timeout = \"200ms\"\nconnect_timeout = \"200ms\"\nidle_timeout = \"400ms\"";
    let gate = Setup::new().config(limits).start();
    let mut large = gate.client();
    large.send(format!("GET http://allowed.test/{} HTTP/1.1\r\n\r\n", "x".repeat(2000))).expect("sent");
    assert!(large.rest().expect("the gate ends it").starts_with(b"HTTP/1.1 4"));
    let mut slow = gate.client();
    slow.send("GET http").expect("sent");
    assert!(slow.rest().expect("the gate ends it").starts_with(b"HTTP/1.1 408 "));
    assert_eq!(gate.client().rest().expect("the gate ends it"), b"");
    let origin = Origin::http(|_| Answer::ok("never"));
    let mut half = gate.client();
    half.connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer");
    half.send("GE").expect("the tunnel takes it");
    assert!(half.ended(), "by the time a head has");
    let dead = Blackhole::at(SocketAddr::from(([127, 0, 0, 1], harness::ports::free())));
    let nowhere = format!("http://allowed.test:{}/", dead.address().port());
    assert_eq!(gate.client().get(&nowhere).expect("an answer").status(), 504);
    let metrics = gate.page("/metrics").text();
    for (limit, times) in
        [("header_bytes", 1), ("header_timeout", 2), ("connect_timeout", 1), ("idle_timeout", 1), ("shutdown_grace", 0)]
    {
        let line = format!("octroi_limits_reached_total{{limit=\"{limit}\"}} {times}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[test]
fn one_client_does_not_take_every_place() {
    let gate = Setup::new().config("[limits]\nconnections_per_client = 4").start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    let mut kept: Vec<_> = (0..4).map(|_| gate.client()).collect();
    for client in &mut kept {
        assert_eq!(client.get(&url).expect("an answer").status(), 200);
    }
    let one_more = gate.client().get(&url);
    assert!(one_more.as_ref().map_or(true, |answer| answer.status() == 503 || answer.status() == 429), "{one_more:?}");
    drop(kept);
    harness::wait::until("a place to be free again", harness::LIMIT, || {
        gate.client().get(&url).ok().filter(|answer| answer.status() == 200)
    });
}

#[test]
fn an_address_where_nobody_answers_has_a_deadline() {
    let gate = Setup::new().config("[limits]\nconnect_timeout = \"1s\"").start();
    // A listener whose queue is full lets further connections hang, as a machine that is off does.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("a bound listener has an address");
    let mut queue = Vec::new();
    while let Ok(waiting) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(waiting);
    }
    let answer = gate.client().get(&format!("http://allowed.test:{}/", address.port())).expect("an answer");
    assert_eq!(answer.status(), 504);
    assert_eq!(gate.log_of(1)[0].outcome, "failed");
}

/// One client had a gibibyte of requests read ahead of their turn.
#[test]
fn requests_sent_ahead_without_end_are_left_where_they_are() {
    let gate = Setup::new().start();
    let latch = Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::ok("late").after(&held));
    let mut client = gate.client();
    let request = format!("GET {} HTTP/1.1\r\nHost: allowed.test\r\n\r\n", origin.url("allowed.test", "/"));
    let many = request.repeat(1000);
    client.stream().set_write_timeout(Some(Duration::from_secs(1))).expect("a socket");
    let mut taken = 0;
    while let Ok(count) = client.stream().write(many.as_bytes()) {
        taken += count;
        // What the two sockets hold is the system's affair, and a few mebibytes.
        assert!(taken < 64 << 20, "the gate reads what it cannot answer yet");
    }
    latch.open();
}
