//! Stopping: what is under way is finished, or cut and recorded so.
use harness::raw::Client;
use harness::{Answer, Curl, Gate, LIMIT, Latch, Origin, Setup, wait};
use std::io::Read;

/// A client that has the first half of `0123456789`; the rest comes when the latch opens.
fn half_way(gate: &Gate) -> (Client, Latch) {
    let latch = Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::halves("0123456789", &held));
    let mut client = gate.client();
    let url = origin.url("allowed.test", "/");
    client.send(format!("GET {url} HTTP/1.1\r\nHost: allowed.test\r\n\r\n")).expect("a request");
    let mut first = [0; 1];
    client.stream().read_exact(&mut first).expect("the answer has begun");
    (client, latch)
}

#[test]
fn what_is_under_way_is_finished() {
    let mut gate = Setup::new().start();
    let (mut client, latch) = half_way(&gate);
    gate.terminate();
    wait::until("nobody new to be let in", LIMIT, || Client::connect(gate.proxy()).is_err().then_some(()));
    // A gate that drains can be asked how far it is.
    let ready = gate.page("/readyz");
    assert_eq!((ready.status(), ready.text().contains("stopping")), (503, true), "{}", ready.text());
    let status = gate.octroi(&["status"]);
    let told = String::from_utf8_lossy(&status.stdout);
    assert_eq!((status.status.code(), told.contains("stopping")), (Some(1), true), "{told}");
    latch.open();
    let rest = client.rest().expect("the rest, then the end of the connection");
    assert!(String::from_utf8_lossy(&rest).ends_with("0123456789"), "{}", String::from_utf8_lossy(&rest));
    let ended = gate.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.printed);
    assert_eq!(gate.log()[0].outcome, "completed");
}

#[test]
fn what_outlasts_the_grace_is_cut_and_recorded_as_interrupted() {
    let mut gate = Setup::new().config("[limits]\nshutdown_grace = \"1s\"").start();
    let (mut client, latch) = half_way(&gate);
    let tunnelled = Origin::http(|_| Answer::ok(""));
    let mut tunnel = gate.client();
    assert_eq!(tunnel.connect_to(&format!("allowed.test:{}", tunnelled.port())).expect("an answer").status(), 200);
    gate.terminate();
    let ended = gate.wait();
    assert!(ended.code.is_some(), "it ends by itself: {}", ended.printed);
    latch.open();
    assert!(!client.rest().is_ok_and(|rest| rest.ends_with(b"0123456789")), "cut");
    let records = gate.log();
    let outcomes: Vec<&str> = records.iter().map(|record| record.outcome.as_str()).collect();
    assert_eq!(outcomes, ["interrupted", "interrupted"], "{records:#?}");
}

#[test]
fn an_idle_gate_stops_at_once_and_starts_again_in_the_same_place() {
    let mut gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    let kept = gate.client();
    for round in 1..=3 {
        Curl::through(&gate).get(&origin.url("allowed.test", "/"));
        gate.terminate();
        assert_eq!(gate.wait().code, Some(0));
        assert_eq!(gate.log().len(), round, "found with no gate running");
        gate.start();
    }
    drop(kept);
    let ids: Vec<i64> = gate.log().iter().map(|record| record.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "increasing over restarts: {ids:?}");
}
