//! A register that can't be written: the gate stays shut, says why, and opens again by itself.
use harness::{Answer, Curl, LIMIT, Origin, Setup, wait};

#[test]
fn a_full_disk_shuts_the_gate_until_there_is_room() {
    let mut gate = Setup::new().prepare();
    gate.start_on_a_disk_that_may_fill();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    assert_eq!(Curl::through(&gate).get(&url).status, 200);

    gate.fill_disk();
    let before = origin.seen().len();
    let shut = Curl::through(&gate).field("Accept-Language", "en").get(&url);
    assert_eq!(shut.status, 503, "no byte without a record: {}", shut.text());
    assert!(shut.text().contains("<html"), "a page for people");
    assert!(shut.field("proxy-status").is_some());
    let tunnel = gate.client().connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer");
    assert_eq!(tunnel.status(), 503);
    assert_eq!(origin.seen().len(), before, "the origin saw nothing");
    let ready = gate.page("/readyz");
    assert_eq!(ready.status(), 503);
    assert!(ready.text().contains("register"), "it says why: {}", ready.text());
    assert_eq!(gate.page("/healthz").status(), 200, "the process itself is well");

    gate.free_disk();
    wait::until("the gate to open again", LIMIT, || (Curl::through(&gate).get(&url).status == 200).then_some(()));
    wait::until("readiness", LIMIT, || (gate.page("/readyz").status() == 200).then_some(()));
    let allowed = gate.log().iter().filter(|record| record.outcome == "completed").count();
    assert_eq!(allowed, origin.seen().len(), "one record for each request that went out");
}
