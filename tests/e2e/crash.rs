//! `kill -9` at any instant loses no record of a request an origin saw.
use harness::raw::Client;
use harness::{Answer, Origin, Setup, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const CLIENTS: usize = 64;

/// The promise is made for 20 rounds; more by `OCTROI_CRASH_ROUNDS` when one doubts.
fn rounds() -> usize {
    std::env::var("OCTROI_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20)
}

/// Asks until the gate is gone: three plain requests, then one tunnel, each under a name or a path of its own.
fn busy(proxy: SocketAddr, port: u16, client: usize, round: usize, stop: &AtomicBool) {
    let mut connection = Client::connect(proxy).ok();
    for request in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let path = format!("/{round}-{client}-{request}");
        let gone = if request % 4 == 3 {
            let authority = format!("c{client}.test:{port}");
            Client::connect(proxy).ok().is_none_or(|mut tunnel| {
                let opened = tunnel.connect_to(&authority).is_ok_and(|answer| answer.status() == 200);
                let asked = opened && tunnel.send(format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n")).is_ok();
                !(asked && tunnel.response("GET").is_ok())
            })
        } else {
            let url = format!("http://c{client}.test:{port}{path}");
            connection.as_mut().is_none_or(|connection| connection.get(&url).is_err())
        };
        if gone {
            return;
        }
    }
}

#[test]
fn every_request_an_origin_saw_is_in_the_register() {
    let mut setup = Setup::new().config("[log]\ndetail = \"path\"");
    for client in 0..CLIENTS {
        setup = setup.host(&format!("c{client}.test"), "127.0.0.1");
    }
    let mut gate = setup.start();
    let origin = Origin::http(|seen| Answer::ok(seen.target()));
    let mut interrupted = 0;
    for round in 0..rounds() {
        let before = origin.seen().len();
        let stop = AtomicBool::new(false);
        let (proxy, port) = (gate.proxy(), origin.port());
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let stop = &stop;
                scope.spawn(move || busy(proxy, port, client, round, stop));
            }
            // Not before all are busy, and then at another instant of the work each time.
            wait::until("busy clients", Duration::from_secs(60), || {
                (origin.seen().len() >= before + CLIENTS * 2 + round * 37).then_some(())
            });
            gate.kill();
            stop.store(true, Ordering::SeqCst);
        });
        gate.start();
    }
    let records = gate.log();
    assert!(records.iter().all(|record| record.closed_at.is_some()), "nothing stays open after a restart");

    let plain: BTreeSet<String> =
        records.iter().filter(|record| record.method == "GET").map(harness::Record::place).collect();
    let seen = origin.seen();
    let through_tunnels =
        |target: &str| target.rsplit('-').next().and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n % 4 == 3);
    let host =
        |seen: &harness::Seen| seen.head.field("host").and_then(|host| host.split(':').next()).unwrap_or("").to_owned();
    let lost: Vec<String> = seen
        .iter()
        .filter(|seen| !through_tunnels(seen.target()))
        .map(|seen| format!("{}{}", host(seen), seen.target()))
        .filter(|place| !plain.contains(place))
        .collect();
    assert!(lost.is_empty(), "{} of {} requests are not in the register: {lost:?}", lost.len(), seen.len());

    // A tunnel's record holds no path: as many for each host as the origin saw requests through one, or more.
    let mut tunnels: BTreeMap<String, isize> = BTreeMap::new();
    for record in records.iter().filter(|record| record.method == "CONNECT") {
        *tunnels.entry(record.host.clone().unwrap_or_default()).or_default() += 1;
    }
    for seen in seen.iter().filter(|seen| through_tunnels(seen.target())) {
        *tunnels.entry(host(seen)).or_default() -= 1;
    }
    assert!(tunnels.values().all(|left| *left >= 0), "tunnels without a record: {tunnels:?}");

    for record in &records {
        assert!(["completed", "interrupted", "failed", "abandoned"].contains(&record.outcome.as_str()), "{record:?}");
        interrupted += usize::from(record.outcome == "interrupted");
    }
    assert!(interrupted > 0, "{} kills among {CLIENTS} busy clients cut something", rounds());
    let ids: BTreeSet<i64> = records.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), records.len(), "no record twice");
}

#[test]
fn what_was_open_at_a_crash_is_closed_as_interrupted() {
    let mut gate = Setup::new().start();
    let latch = harness::Latch::new();
    let held = latch.clone();
    let origin = Origin::http(move |_| Answer::ok("late").after(&held));
    let mut client = gate.client();
    client
        .send(format!("GET {} HTTP/1.1\r\nHost: allowed.test\r\n\r\n", origin.url("allowed.test", "/")))
        .expect("a request");
    wait::until("the request at the origin", harness::LIMIT, || (!origin.seen().is_empty()).then_some(()));
    gate.kill();
    // Found by the command line alone, before any gate runs again.
    let record = &gate.log()[0];
    assert_eq!((record.host.as_deref(), record.outcome.as_str()), (Some("allowed.test"), "interrupted"));
    assert!(record.closed_at.is_some());
    gate.start();
    assert_eq!(gate.log().len(), 1, "and once");
    latch.open();
}
