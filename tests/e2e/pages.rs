//! What the gate serves itself: PAC file, health, readiness.
use harness::{Answer, Curl, Gate, Origin, Setup, raw};
use std::process::Command;

/// What a PAC file answers, asked by an engine that reads nothing else.
fn pac_says(gate: &Gate, file: &str, url: &str) -> String {
    gate.write("said.pac", file);
    let output = Command::new("pactester").arg("-p").arg(gate.path("said.pac")).args(["-u", url]).output();
    let output = output.expect("pactester is installed: tests/run sees to it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn the_pac_file_leads_every_name_to_the_gate_and_nowhere_else() {
    let gate = Setup::new().start();
    let pac = gate.page("/proxy.pac");
    assert_eq!((pac.status(), pac.head.field("content-type")), (200, Some("application/x-ns-proxy-autoconfig")));
    let to_the_gate = format!("PROXY {}", gate.proxy());
    for host in ["www.example.com", "allowed.test", "8.8.8.8"] {
        assert_eq!(pac_says(&gate, &pac.text(), &format!("http://{host}/")), to_the_gate, "no way around");
        assert_eq!(pac_says(&gate, &pac.text(), &format!("https://{host}/")), to_the_gate, "no way around");
    }
    assert_eq!(pac_says(&gate, &pac.text(), "http://printer/"), "DIRECT", "a name of the own network");
    assert_eq!(gate.page("/wpad.dat").body, pac.body, "the same under the name that discovery asks for");
    assert_eq!(gate.say(&["pac"]), pac.text());
}

#[test]
fn a_browser_that_has_the_pac_file_is_told_so() {
    let gate = Setup::new().start();
    let pac = gate.page("/proxy.pac");
    assert!(pac.head.field("cache-control").is_some_and(|value| value.contains("max-age=")), "{:?}", pac.head);
    let tag = pac.head.field("etag").expect("a validator");
    let url = format!("http://{}/proxy.pac", gate.console());
    let again = Curl::direct().field("If-None-Match", tag).get(&url);
    assert_eq!((again.status, again.body.len(), again.field("etag")), (304, 0, Some(tag)));
    assert_eq!(Curl::direct().field("If-None-Match", "\"other\"").get(&url).status, 200);
}

#[test]
fn health_and_readiness_answer_machines() {
    let gate = Setup::new().start();
    assert_eq!(gate.page("/healthz").status(), 200);
    assert_eq!(gate.page("/readyz").status(), 200);
    assert_eq!(gate.page("/").status(), 200);
    assert_eq!(gate.page("/nowhere").status(), 404);
    let posted = raw::exchange(
        gate.console(),
        "POST /proxy.pac HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(posted.expect("an answer").starts_with("HTTP/1.1 405 "));
}

#[test]
fn the_console_is_no_proxy() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("never"));
    let authority = format!("allowed.test:{}", origin.port());
    for line in [format!("GET http://{authority}/ HTTP/1.1"), format!("CONNECT {authority} HTTP/1.1")] {
        let answer = raw::exchange(gate.console(), format!("{line}\r\nHost: {authority}\r\nConnection: close\r\n\r\n"));
        assert!(!answer.expect("an answer").contains("never"), "{line}");
    }
    assert_eq!(origin.connections(), 0);
}
