//! The register followed live, by several, slow ones among them; never by name.
use harness::{Answer, Curl, Gate, LIMIT, Origin, Setup, wait};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// `octroi log tail` at work. Dropped, it is ended.
struct Tail {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Tail {
    /// Started, and following.
    fn of(gate: &Gate, args: &[&str]) -> Tail {
        let mut command = gate.command(&[&["log", "tail"], args].concat());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
        let out = gather(child.stdout.take().expect("it is piped"));
        let err = gather(child.stderr.take().expect("it is piped"));
        let tail = Tail { child, out, err };
        wait::until("tail to follow", LIMIT, || tail.complaint().contains("following").then_some(()));
        tail
    }

    fn told(&self) -> String {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn complaint(&self) -> String {
        self.err.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it told once that holds `text`.
    fn told_of(&self, text: &str) -> String {
        wait::until(&format!("tail to tell of {text}"), LIMIT, || Some(self.told()).filter(|told| told.contains(text)))
    }

    fn end(&mut self) -> ExitStatus {
        wait::until("tail to end", LIMIT, || self.child.try_wait().expect("the child is ours"))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let gathered = Arc::<Mutex<String>>::default();
    let into = gathered.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    });
    gathered
}

fn named_gate() -> Gate {
    Setup::new().config("[identity.address.names]\n\"127.0.0.1\" = \"poste-accueil\"").start()
}

#[test]
fn records_appear_as_they_are_filed_under_pseudonyms() {
    let gate = named_gate();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let forms = ["table", "json", "csv", "squid"].map(|form| (form, Tail::of(&gate, &["--format", form])));
    Curl::through(&gate).get(&origin.url("allowed.test", "/"));
    Curl::through(&gate).get("http://blocked.test/");
    for (form, tail) in &forms {
        let told = tail.told_of("blocked.test");
        assert!(told.contains("allowed.test"), "{form}: {told}");
        assert!(!told.contains("poste-accueil"), "{form}: {told}");
        // The address of the origin is 127.0.0.1 too: it stands last in the line, the client's never does.
        assert!(told.contains("p-") && told.contains("a-") && !told.contains(" 127.0.0.1 "), "{form}: {told}");
    }
    let lines: Vec<Value> =
        forms[1].1.told().lines().map(|line| serde_json::from_str(line).expect("a record a line")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["pseudonyms"], &lines[0]["outcome"]), (&Value::Bool(true), &"completed".into()));
    assert!(lines.iter().all(|line| line["client_ip"].as_str().is_some_and(|client| client.starts_with("a-"))));
    // The pseudonyms are those of a search: what was seen live can be looked for.
    let user = lines[0]["user"].as_str().expect("a pseudonym");
    assert_eq!(gate.log_search(&["--user", user]).len(), 2);
}

#[test]
fn only_what_is_looked_for_is_told() {
    let gate = named_gate();
    let origin = Origin::http(|_| Answer::ok(""));
    let (all, hosts) = (Tail::of(&gate, &["--json"]), Tail::of(&gate, &["--json", "--host", "other.test"]));
    let nobody = Tail::of(&gate, &["--json", "--user", "p-0000000000"]);
    for host in ["allowed.test", "other.test", "allowed.test"] {
        Curl::through(&gate).get(&origin.url(host, "/"));
    }
    let told = wait::until("three records", LIMIT, || Some(all.told()).filter(|told| told.lines().count() == 3));
    assert_eq!(hosts.told_of("other.test").lines().count(), 1);
    assert_eq!(nobody.told(), "");
    let first: Value = serde_json::from_str(told.lines().next().expect("a line")).expect("a record");
    let (user, client) = (first["user"].as_str().expect("a pseudonym"), first["client_ip"].as_str().expect("one too"));
    let this_one = Tail::of(&gate, &["--json", "--user", user, "--client", client]);
    Curl::through(&gate).get("http://blocked.test/");
    this_one.told_of("blocked.test");
    for by_name in [["--user", "poste-accueil"], ["--client", "127.0.0.1"]] {
        let refused = gate.octroi(&["log", "tail", by_name[0], by_name[1]]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    // Each has left its act when it began; who was refused, none.
    let acts: Value = serde_json::from_str(&gate.say(&["audit", "--act", "tail", "--json"])).expect("JSON");
    let scopes: Vec<&Value> = acts.as_array().expect("a list").iter().map(|act| &act["scope"]).collect();
    let filters = [
        serde_json::json!({}),
        serde_json::json!({ "host": "other.test" }),
        serde_json::json!({ "user": "p-0000000000" }),
        serde_json::json!({ "user": user, "client": client }),
    ];
    assert_eq!(scopes, filters.iter().collect::<Vec<_>>());
    assert!(acts[0]["who"].is_string() && acts[0]["purpose"].is_null() && acts[0]["count"] == 0, "{acts}");
}

#[test]
fn a_gate_that_stops_says_so_and_the_last_records_are_told() {
    let mut gate = named_gate();
    let without = Setup::new().prepare();
    assert_eq!(without.octroi(&["log", "tail"]).status.code(), Some(1), "no gate runs there");
    let mut tail = Tail::of(&gate, &["--json"]);
    let mut cut = Tail::of(&gate, &[]);
    Curl::through(&gate).get("http://blocked.test/");
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    assert_eq!((tail.end().code(), cut.end().code()), (Some(0), Some(0)), "{}", tail.complaint());
    tail.told_of("blocked.test");
    wait::until("the last word", LIMIT, || tail.complaint().contains("the gate has stopped").then_some(()));
    gate.start();
    let mut tail = Tail::of(&gate, &[]);
    gate.kill();
    assert_eq!(tail.end().code(), Some(1), "a gate that is killed has not stopped: {}", tail.complaint());
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_at_once() {
    let gate = named_gate();
    let mut command = gate.command(&["log", "tail"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut header = String::new();
    out.read_line(&mut header).expect("a header");
    drop(out);
    let ended = wait::until("tail to end", LIMIT, || child.try_wait().expect("the child is ours"));
    assert_eq!(ended.code(), Some(0), "without waiting for another record");
}

/// A follower that asks and then reads nothing until it wants to.
fn follower(gate: &Gate) -> BufReader<UnixStream> {
    let mut socket = UnixStream::connect(gate.path("data/control.sock")).expect("the gate takes commands");
    socket.set_read_timeout(Some(LIMIT)).expect("a deadline");
    socket.write_all(b"{\"ask\":\"follow\"}\n").expect("asked");
    let mut socket = BufReader::new(socket);
    let mut first = String::new();
    socket.read_line(&mut first).expect("answered");
    assert_eq!(first, "{\"answer\":\"following\"}\n");
    socket
}

#[test]
fn a_slow_follower_delays_nobody_and_is_told_what_it_missed() {
    // More than the register keeps for followers, and the sockets between.
    const VISITS: u64 = 12_000;
    let mut gate = named_gate();
    let mut slow = follower(&gate);
    let visits = |count: u64| {
        let mut client = gate.client();
        for _ in 0..count {
            assert_eq!(client.get("http://blocked.test/").expect("an answer").status(), 403);
        }
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| visits(VISITS / 8));
        }
    });
    gate.say(&["log", "search", "--limit", "1"]);
    let (mut filed, mut missed) = (0, 0);
    let mut line = String::new();
    while filed + missed < VISITS {
        line.clear();
        slow.read_line(&mut line).expect("told");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        match told["answer"].as_str() {
            Some("filed") => filed += 1,
            Some("missed") => missed += told["records"].as_u64().expect("a number"),
            other => panic!("{other:?}: {line}"),
        }
        // Names stay on the other side of the socket.
        assert!(!line.contains("poste-accueil") && !line.contains("127.0.0.1"), "{line}");
    }
    assert_eq!(filed + missed, VISITS);
    assert!(missed > 0, "nothing was missed: this test shows nothing");
    // One that never reads again does not keep the gate from stopping.
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
}

#[test]
fn followers_are_counted_and_leave_their_place() {
    let gate = Setup::new().start();
    let mut all: Vec<_> = (0..8).map(|_| follower(&gate)).collect();
    let refused = gate.octroi(&["log", "tail"]);
    let why = String::from_utf8_lossy(&refused.stderr);
    assert_eq!((refused.status.code(), why.contains("8 others")), (Some(1), true), "{why}");
    // Other commands are answered all the same.
    gate.say(&["status"]);
    all.pop();
    wait::until("a place", LIMIT, || {
        let mut socket = UnixStream::connect(gate.path("data/control.sock")).ok()?;
        socket.write_all(b"{\"ask\":\"follow\"}\n").ok()?;
        let mut first = String::new();
        BufReader::new(socket).read_line(&mut first).ok()?;
        first.contains("following").then_some(())
    });
}
