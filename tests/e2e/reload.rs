//! A new charter in force without dropping anything; a bad one refused.
use harness::raw::Client;
use harness::{Answer, Curl, Gate, LIMIT, Origin, Setup, setup, wait};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The charter of the tests, `other.test` refused as well.
fn stricter() -> String {
    setup::CHARTER.replace("[\"blocked.test\"]", "[\"blocked.test\", \"other.test\"]").replace("essai-1", "essai-2")
}

/// Runs `change` while sixteen clients ask for `url`, half of them on connections they keep; none may fail. `change` is
/// given a way to wait until they have had more answers.
fn while_busy(gate: &Gate, url: &str, change: impl FnOnce(&dyn Fn())) {
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let proxy = gate.proxy();
    let load = |kept: bool| {
        let mut client = Client::connect(proxy).map_err(|error| error.to_string())?;
        while !stop.load(Ordering::SeqCst) {
            if !kept {
                client = Client::connect(proxy).map_err(|error| error.to_string())?;
            }
            let answer = client.get(url).map_err(|error| error.to_string())?;
            if (answer.status(), answer.text().as_str()) != (200, "served") {
                return Err(format!("{answer:?}"));
            }
            served.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|n| scope.spawn(move || load(n % 2 == 0))).collect();
        change(&|| {
            let before = served.load(Ordering::SeqCst);
            wait::until("more requests", LIMIT, || (served.load(Ordering::SeqCst) > before + 50).then_some(()));
        });
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            client.join().expect("no panic").expect("no request failed");
        }
    });
}

#[test]
fn a_reload_under_load_fails_no_request() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("served"));
    let (url, other) = (origin.url("allowed.test", "/"), origin.url("other.test", "/"));
    while_busy(&gate, &url, |more| {
        for round in 0..10 {
            let (charter, expected) = if round % 2 == 0 { (stricter(), 403) } else { (setup::CHARTER.to_owned(), 200) };
            gate.write("charter.toml", charter);
            if round % 4 < 2 {
                gate.say(&["reload"]);
            } else {
                gate.hang_up();
            }
            wait::until("the new charter in force", LIMIT, || {
                (Curl::through(&gate).get(&other).status == expected).then_some(())
            });
            more();
        }
    });
    let charters: std::collections::BTreeSet<String> =
        gate.log().iter().map(|record| record.charter.split('@').next().unwrap_or("").to_owned()).collect();
    assert_eq!(charters.into_iter().collect::<Vec<_>>(), ["essai-1", "essai-2"], "each decided under its own");
}

fn still_as_before(gate: &Gate, origin: &Origin) {
    assert_eq!(Curl::through(gate).get(&origin.url("other.test", "/")).status, 200);
    assert_eq!(Curl::through(gate).get(&origin.url("blocked.test", "/")).status, 403);
}

#[test]
fn new_lists_under_load_fail_no_request() {
    let charter = "title = \"Essai\"\nversion = \"1\"\n[lists.own]\nformat = \"domains\"\nsource = \"own.txt\"\n\
                   [categories.own]\nlabel = { fr = \"Siens\", en = \"Own\" }\nlists = [\"own\"]\n\
                   [[rule]]\nid = \"own\"\naction = \"block\"\ncategories = [\"own\"]\n";
    let mut gate = Setup::new().prepare();
    gate.write("charter.toml", charter);
    gate.write("own.txt", "first.test\n");
    gate.start();
    let origin = Origin::http(|_| Answer::ok("served"));
    while_busy(&gate, &origin.url("allowed.test", "/"), |more| {
        for round in 0..6 {
            let listed = round % 2 == 0;
            gate.write("own.txt", if listed { "first.test\nother.test\n" } else { "first.test\n" });
            gate.say(&["lists", "compile"]);
            let expected = if listed { 403 } else { 200 };
            wait::until("the new lists in force", LIMIT, || {
                (Curl::through(&gate).get(&origin.url("other.test", "/")).status == expected).then_some(())
            });
            more();
        }
    });
}

#[test]
fn a_charter_that_does_not_parse_is_refused_and_the_old_one_stays() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    gate.write("charter.toml", stricter().replace("categories = [\"interdit\"]", "categories = [\"interdits\"]"));
    let refused = gate.octroi(&["reload"]);
    let told = format!("{}{}", String::from_utf8_lossy(&refused.stdout), String::from_utf8_lossy(&refused.stderr));
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("charter.toml:") && told.contains("`interdits`") && told.contains("`interdit`"), "{told}");
    still_as_before(&gate, &origin);
    gate.hang_up();
    wait::until("the refusal in what the gate prints", LIMIT, || gate.printed().contains("interdits").then_some(()));
    still_as_before(&gate, &origin);
}

/// Without its file the built-in charter would apply, which may let through what the company's own refuses.
#[test]
fn a_charter_that_vanishes_is_refused_and_the_old_one_stays() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    std::fs::remove_file(gate.path("charter.toml")).expect("it was there");
    let refused = gate.octroi(&["reload"]);
    let told = format!("{}{}", String::from_utf8_lossy(&refused.stdout), String::from_utf8_lossy(&refused.stderr));
    assert_eq!((refused.status.code(), told.contains("is gone")), (Some(1), true), "{told}");
    still_as_before(&gate, &origin);
}

#[test]
fn a_charter_whose_expectations_fail_is_refused() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    let expectation = "\n[[expect]]\nurl = \"http://other.test/\"\naction = \"allow\"\n";
    gate.write("charter.toml", stricter() + expectation);
    let refused = gate.octroi(&["reload"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    still_as_before(&gate, &origin);
    gate.write("charter.toml", stricter() + &expectation.replace("allow", "block"));
    gate.say(&["reload"]);
    assert_eq!(Curl::through(&gate).get(&origin.url("other.test", "/")).status, 403);
}

#[test]
fn without_a_gate_there_is_nothing_to_reload() {
    let gate = Setup::new().prepare();
    let output = gate.octroi(&["reload"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!output.stderr.is_empty(), "it says why");
}
