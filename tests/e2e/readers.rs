//! The register in Squid's form, read by programs that read Squid's logs: calamaris, sarg, goaccess.
use crate::identity::{PASSWORD, with_password};
use harness::{Answer, Curl, Gate, Origin, Setup};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// What the readers have to find: two gates' visits, in the order in which they were made.
pub(crate) const REQUESTS: usize = 10;
/// Three accounts, two names of addresses, and whoever has none.
const USERS: [(&str, u64); 5] =
    [("a.martin", 4), ("j.petit@exemple.fr", 1), ("-", 2), ("poste%20d%27accueil%20n%C2%B0%201", 2), ("%2D", 1)];
const HOSTS: [(&str, u64); 3] = [("allowed.test", 5), ("blocked.test", 3), ("[::1]", 1)];

/// The log of a gate that asks for accounts, and of one that gives names to addresses.
pub(crate) fn log() -> String {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");

    let mut gate = Setup::new().config("[identity]\nmethods = [\"basic\"]").prepare();
    for name in ["a.martin", "j.petit@exemple.fr"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    // Who has not said who they are has asked for nothing yet: no record.
    assert_eq!(Curl::through(&gate).get(&url).status, 407);
    let martin = Curl::through(&gate).as_user("a.martin", PASSWORD);
    assert_eq!(martin.get(&url).status, 200);
    assert_eq!(martin.get("http://blocked.test/").status, 403);
    assert_eq!(martin.clone().args(["--proxytunnel"]).get(&url).connect_status, 200);
    let petit = Curl::through(&gate).as_user("j.petit@exemple.fr", PASSWORD);
    assert_eq!(petit.args(["--proxytunnel"]).get("http://blocked.test/").connect_status, 403);
    // What curl asks for inside its tunnel is recorded too.
    let first = squid(&gate, 5);

    let names = "[identity.address.names]\n\"127.0.0.2\" = \"poste d'accueil n° 1\"\n\"127.0.0.3\" = \"-\"";
    let gate = Setup::new().config(names).start();
    let from = |address: &str| Curl::through(&gate).args(["--interface", address]);
    assert_eq!(from("127.0.0.1").get(&url).status, 200);
    assert_eq!(from("127.0.0.1").get("http://[::1]:8080/").status, 403);
    assert_eq!(from("127.0.0.2").get(&url).status, 200);
    assert_eq!(from("127.0.0.2").get("http://nowhere.test/").status, 502);
    assert_eq!(from("127.0.0.3").get("http://blocked.test/").status, 403);
    format!("{first}{}", squid(&gate, 5))
}

fn squid(gate: &Gate, records: usize) -> String {
    gate.log_of(records);
    let open = ["--purpose", "security", "--reason", "incident-12"];
    let log = gate.say(&[&["log", "search", "--format", "squid"], &open[..]].concat());
    assert_eq!(log.lines().count(), records, "{log}");
    log
}

/// What a reader prints; it has no network, no configuration of the tester's, and a folder to write in.
fn read(folder: &Path, program: &str, args: &[&str]) -> String {
    let input = File::open(folder.join("access.log")).expect("the log is written");
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(input).env_clear().env("LANG", "C.UTF-8").env("HOME", folder);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs it"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {}\n{out}{err}", output.status);
    out.into_owned()
}

#[test]
fn programs_that_read_squid_logs_read_the_register() {
    let gate = Setup::new().prepare();
    let folder = gate.folder();
    let log = log();
    fs::write(folder.join("access.log"), &log).expect("the folder is writable");
    calamaris(folder, &log);
    sarg(folder, &log);
    goaccess(folder, &log);
}

/// Every line is read, under the right code, to the right host, from the right person.
fn calamaris(folder: &Path, log: &str) {
    let args = ["-a", "-s", "-u", "-n", "-N", "-1", "-d", "-1", "-R", "-1", "-F", "unformatted"];
    let report = read(folder, "calamaris", &args);
    let line = |begin: &str| report.lines().map(str::trim).find(|line| line.starts_with(begin)).unwrap_or_default();
    assert_eq!(line("lines parsed:"), format!("lines parsed: lines {REQUESTS}"), "{report}\n{log}");
    assert_eq!(line("invalid lines:"), "invalid lines: lines 0", "{report}\n{log}");
    assert_eq!(line("Total amount:"), format!("Total amount: requests {REQUESTS}"), "{report}");
    // Readers tell people apart by name and address.
    assert_eq!(line("unique hosts/users:"), "unique hosts/users: hosts 5", "{report}");
    for (of, count) in [("TCP_DENIED ", 4), ("TCP_TUNNEL ", 1), ("HIER_DIRECT ", 5), ("GET ", 8), ("CONNECT ", 2)] {
        assert!(line(of).starts_with(&format!("{of}{count} ")), "{of}{count}: {report}\n{log}");
    }
    // Answered by the origin: refused ones have no host here.
    assert!(line("allowed.test ").starts_with("allowed.test 5 "), "{report}");
    for person in ["a.martin@127.0.0.1 4 ", "j.petit@exemple.fr@127.0.0.1 1 ", "poste d'accueil n° 1@127.0.0.2 2 "] {
        assert!(report.contains(person), "{person}: {report}");
    }
}

fn sarg(folder: &Path, log: &str) {
    for made in ["reports", "work"] {
        fs::create_dir(folder.join(made)).expect("the folder is writable");
    }
    let out = |name: &str| format!("{}/{name}", folder.display());
    read(folder, "sarg", &["-l", &out("access.log"), "-o", &out("reports"), "-w", &out("work")]);
    let mut days = fs::read_dir(out("reports")).expect("a report").flatten().map(|entry| entry.path());
    let day = days.find(|path| path.join("sarg-general").exists()).unwrap_or_else(|| panic!("no report of\n{log}"));
    let file = |name: &str| fs::read_to_string(day.join(name)).expect("a part of the report");
    let total = file("sarg-general");
    assert_eq!(total.split_whitespace().nth(1), Some(REQUESTS.to_string().as_str()), "{total}\n{log}");
    // Of those without a name it counts addresses.
    assert_eq!(file("sarg-users").trim(), USERS.len().to_string(), "{log}");
    let sites = file("sarg-sites");
    let visits = |host: &str| -> u64 {
        let of_host = |line: &&str| {
            let site = line.split_whitespace().last().unwrap_or_default();
            site == host || site.starts_with(&format!("{host}:"))
        };
        let count = |line: &str| line.split_whitespace().next().and_then(|count| count.parse::<u64>().ok());
        sites.lines().filter(of_host).filter_map(count).sum()
    };
    for (host, count) in HOSTS {
        assert_eq!(visits(host), count, "{host}: {sites}\n{log}");
    }
    let denied = file("denied.html");
    assert!(denied.contains("blocked.test") && denied.contains("a.martin"), "{denied}");
}

fn goaccess(folder: &Path, log: &str) {
    let format = "--log-format=%x.%^ %~%L %h %^/%s %b %m %U %e %^";
    let to = ["--date-format=%s", "--time-format=%s", "--no-global-config", "--no-progress", "-o", "report.json"];
    read(folder, "goaccess", &[&["access.log", format][..], &to].concat());
    let report = fs::read(folder.join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["general"]["valid_requests"], REQUESTS, "{report}\n{log}");
    assert_eq!(report["general"]["failed_requests"], 0, "{report}\n{log}");
    let panel = |name: &str| -> BTreeMap<String, u64> {
        let rows = report[name]["data"].as_array().expect("a panel").iter();
        let row = |row: &Value| Some((row["data"].as_str()?.to_owned(), row["hits"]["count"].as_u64()?));
        rows.filter_map(row).collect()
    };
    let users: BTreeMap<String, u64> = USERS.map(|(user, count)| (user.to_owned(), count)).into();
    assert_eq!(panel("remote_user"), users, "{log}");
    let clients = [("127.0.0.1", 7), ("127.0.0.2", 2), ("127.0.0.3", 1)];
    assert_eq!(panel("hosts"), clients.map(|(client, count)| (client.to_owned(), count)).into(), "{log}");
    let answers = [("2xx Success", 5), ("4xx Client Errors", 4), ("5xx Server Errors", 1)];
    assert_eq!(panel("status_codes"), answers.map(|(answer, count)| (answer.to_owned(), count)).into(), "{log}");
    let asked = panel("requests");
    for (host, count) in HOSTS {
        let to_host = |place: &&String| place.trim_start_matches("http://").starts_with(host);
        assert_eq!(asked.iter().filter(|(place, _)| to_host(place)).map(|(_, hits)| hits).sum::<u64>(), count, "{log}");
    }
}
