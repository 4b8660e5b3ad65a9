//! Starts that must fail, with one clear line.
use harness::{Curl, Gate, LIMIT, Setup, wait};
use std::net::TcpListener;

/// Exit code 2, and what it printed: no backtrace, no panic.
fn refuses_to_start(gate: &Gate) -> String {
    let ended = gate.run_to_its_end();
    assert_eq!(ended.code, Some(2), "{}", ended.printed);
    assert!(!ended.printed.contains("panicked"), "{}", ended.printed);
    ended.printed
}

#[test]
fn a_port_in_use_is_named() {
    for place in ["proxy", "console"] {
        let gate = Setup::new().prepare();
        let address = if place == "proxy" { gate.proxy() } else { gate.console() };
        let _other = TcpListener::bind(address).expect("the port is free");
        let printed = refuses_to_start(&gate);
        assert!(printed.contains(&address.to_string()), "{place}: {printed}");
    }
}

#[test]
fn one_gate_to_a_data_folder() {
    let mut first = Setup::new().prepare();
    let second = Setup::new().config(&format!("data_dir = {:?}", first.path("data").display().to_string())).prepare();
    first.start();
    let printed = refuses_to_start(&second);
    assert!(printed.contains(&first.path("data").display().to_string()), "{printed}");
    assert_eq!(Curl::through(&first).get("http://blocked.test/").status, 403, "the first goes on");
}

#[test]
fn a_data_folder_that_can_not_be_is_named() {
    // A file in its place stops even root, whom no permission stops.
    let gate = Setup::new().prepare();
    gate.write("data", "not a folder");
    let printed = refuses_to_start(&gate);
    assert!(printed.contains(&gate.path("data").display().to_string()), "{printed}");
}

#[test]
fn all_problems_are_told_at_once() {
    let charter = "title = \"t\"\nversion = \"v\"\ndefault = \"maybe\"\n[[rule]]\nid = \"a\"\naction = \"block\"\ncategories = [\"nowhere\"]\n";
    let gate = Setup::new()
        .config("locale = \"de\"\n[limits]\nidle_timeout = \"soon\"\nconections = 3")
        .charter(charter)
        .prepare();
    let printed = refuses_to_start(&gate);
    for told in ["octroi.toml:", "\"de\"", "soon", "conections", "connections", "charter.toml:", "maybe", "nowhere"] {
        assert!(printed.contains(told), "{told:?} is not told:\n{printed}");
    }
    let checked = gate.octroi(&["check"]);
    assert_eq!(checked.status.code(), Some(2));
    let told = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(told.contains("conections") && told.contains("nowhere"), "`check` tells the same: {told}");
    assert!(!gate.path("data").exists(), "nothing was made before all was proven good");
}

#[test]
fn a_configuration_that_is_named_must_exist() {
    let gate = Setup::new().prepare();
    std::fs::remove_file(gate.path("octroi.toml")).expect("it was written");
    let printed = refuses_to_start(&gate);
    assert!(printed.contains("octroi.toml"), "{printed}");
    let gate = Setup::new().config("charter = \"elsewhere.toml\"").prepare();
    assert!(refuses_to_start(&gate).contains("elsewhere.toml"));
}

#[test]
fn what_this_version_does_not_do_is_refused_rather_than_ignored() {
    for asked in [
        "[inspection]\nmode = \"selected\"",
        "[identity]\nmethods = [\"negotiate\"]",
        "[antivirus]\nicap = \"icap://127.0.0.1:1344/x\"",
    ] {
        let gate = Setup::new().config(asked).prepare();
        let printed = refuses_to_start(&gate);
        assert!(printed.contains("octroi.toml:"), "{asked}: {printed}");
    }
}

#[test]
fn too_few_descriptors_are_said_at_once() {
    let gate = Setup::new().prepare();
    let start = gate.command(&["run"]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 300 && exec \"$@\"", "sh"]).arg(start.get_program()).args(start.get_args());
    limited.current_dir(gate.folder());
    let output = limited.output().expect("a shell");
    assert_eq!(output.status.code(), Some(2));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("LimitNOFILE") && printed.contains("300 descriptors"), "{printed}");
}

#[test]
fn a_start_says_where_what_and_what_next() {
    let gate = Setup::new().built_in_charter().start();
    // It serves as soon as it has printed; who reads the pipe may come later.
    let printed = wait::until("what is said at the start", LIMIT, || {
        Some(gate.printed()).filter(|printed| printed.contains("octroi lists update"))
    });
    let told = [
        gate.proxy().to_string(),
        format!("http://{}/proxy.pac", gate.console()),
        gate.path("data").display().to_string(),
        "octroi lists update".to_owned(),
    ];
    for told in told {
        assert!(printed.contains(&told), "{told:?} is not told:\n{printed}");
    }
    assert!(!printed.to_lowercase().contains("error"), "and nothing to be afraid of: {printed}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(gate.path("data")).expect("the data folder").permissions(),
    );
    assert_eq!(mode & 0o777, 0o700, "nobody else reads the data folder");
}
