//! Records carried to rsyslog, to files, and to receivers that fail.

use super::*;
use harness::services::Syslog;
use harness::{Authority, LIMIT, wait};
use logstore::{Action, Auth, Entry, Outcome, Register, Settings, Verdict};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::TcpListener;

/// A record of 2026-11-23, told from others by its id.
pub(crate) fn record(id: i64) -> Record {
    Record {
        id,
        node: "gate1".to_owned(),
        opened_at: 1_795_459_500_123_456 + id,
        closed_at: Some(1_795_459_501_623_456 + id),
        user: Some("zoé \"d'Été\" 🦀".to_owned()),
        auth: Auth::Basic,
        client_ip: "10.0.0.12".parse().expect("an address"),
        method: "GET".to_owned(),
        scheme: "http".to_owned(),
        host: Some("a.test".to_owned()),
        port: 80,
        tls_name: None,
        masked: None,
        path: Some("/[1]\\\"".to_owned()),
        destination_ip: Some("192.0.2.7".parse().expect("an address")),
        status: Some(200),
        bytes_sent: 10,
        bytes_received: 20,
        action: Action::Allow,
        outcome: Some(Outcome::Completed),
        rule: None,
        article: None,
        category: None,
        charter: "1@abc".to_owned(),
    }
}

/// A gate's forwarding, and a register that says what the test says.
struct Gate {
    dir: tempfile::TempDir,
    register: broadcast::Sender<Arc<Record>>,
    forwarding: Forwarding,
}

impl Gate {
    fn start(dir: tempfile::TempDir, section: &str) -> Gate {
        let config = config(dir.path(), section);
        let (register, records) = broadcast::channel(16_384);
        let forwarding = start(&config, &records).expect("started");
        Gate { dir, register, forwarding }
    }

    fn settle(&self, ids: std::ops::Range<i64>) {
        for id in ids {
            self.register.send(Arc::new(record(id))).expect("followed");
        }
    }

    /// The same, opened so many days ago.
    fn settle_of(&self, days_ago: i64, ids: std::ops::Range<i64>) {
        let opened_at = jiff::Timestamp::now().as_microsecond() - days_ago * 86_400_000_000;
        for id in ids {
            let settled = Record { opened_at, closed_at: Some(opened_at + 1), ..record(id) };
            self.register.send(Arc::new(settled)).expect("followed");
        }
    }

    fn syslog(&self) -> Counted {
        self.forwarding.syslog.as_ref().expect("wanted").read()
    }

    fn until(&self, what: &str, reached: impl Fn(Counted) -> bool) -> Counted {
        wait::until(what, LIMIT, || Some(self.syslog()).filter(|counted| reached(*counted)))
    }

    fn lines(&self) -> Vec<Value> {
        lines_in(&folder(&self.dir.path().join("data")))
    }
}

/// The lines of all files; the last may not be whole yet.
fn lines_in(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).expect("read")).collect();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn config(dir: &Path, section: &str) -> Config {
    let path = dir.join("octroi.toml");
    std::fs::write(&path, format!("data_dir = \"data\"\n[log.forward]\n{section}\n")).expect("written");
    Config::load(Some(&path)).expect("good").0
}

fn folder_of_a_test() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_whole_and_in_order_under_pseudonyms() {
    let server = Syslog::start(None);
    let gate = Gate::start(folder_of_a_test(), &format!("syslog = \"tcp://127.0.0.1:{}\"", server.port()));
    gate.settle(0..1000);
    let taken = server.until(1000);
    assert_eq!(taken.len(), 1000);
    for (n, message) in taken.iter().enumerate() {
        assert_eq!((message.priority, message.host.as_str(), message.program.as_str()), (134, "gate1", "octroi"));
        assert_eq!((message.kind.as_str(), &message.data), ("record", &format!("[meta sequenceId=\"{}\"]", n + 1)));
        let shown: Value = serde_json::from_str(&message.text).expect("JSON");
        assert_eq!(shown["id"], n, "{}", message.text);
        assert_eq!((&shown["path"], &shown["pseudonyms"]), (&Value::from("/[1]\\\""), &Value::from(true)));
        let (user, client) = (shown["user"].as_str().expect("a text"), shown["client_ip"].as_str().expect("a text"));
        assert!(user.starts_with("p-") && client.starts_with("a-"), "{}", message.text);
        assert!(message.time.starts_with("2026-11-23T18:45:01.62"), "{}", message.time);
    }
    assert_eq!(gate.syslog(), Counted { sent: 1000, lost: 0, connected: true });
    gate.settle(1000..1010);
    gate.forwarding.finish().await;
    assert_eq!(server.until(1010).len(), 1010, "what is waiting at the end is forwarded");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_go_over_tls_to_whom_the_file_of_authorities_vouches_for_alone() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Syslog::start(Some(&authority));
    let section = format!("syslog = \"tls://127.0.0.1:{}\"\nca_file = \"ca.pem\"\nnames = true", server.port());
    let gate = |authority: &Authority| {
        let dir = folder_of_a_test();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).expect("written");
        let gate = Gate::start(dir, &section);
        gate.settle(0..3);
        gate
    };
    let fooled = gate(&other);
    let gate = gate(&authority);
    let taken = server.until(3);
    let shown: Value = serde_json::from_str(&taken[2].text).expect("JSON");
    assert_eq!((&shown["user"], &shown["client_ip"]), (&"zoé \"d'Été\" 🦀".into(), &"10.0.0.12".into()));
    gate.forwarding.finish().await;
    let counts = fooled.forwarding.syslog.clone().expect("wanted");
    fooled.forwarding.finish().await;
    assert_eq!(counts.read(), Counted { sent: 0, lost: 3, connected: false });
    assert_eq!(server.taken().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_outage_the_newest_arrive_and_the_rest_is_counted() {
    let mut server = Syslog::start(None);
    let gate = Gate::start(folder_of_a_test(), &format!("syslog = \"tcp://127.0.0.1:{}\"", server.port()));
    gate.settle(0..10);
    server.until(10);
    server.stop();
    gate.until("the loss to be noticed", |counted| !counted.connected);
    gate.settle(10..10_010);
    let away = gate.until("the oldest to be given up", |counted| counted.lost >= 10_000 - 8192);
    assert_eq!(away, Counted { sent: 10, lost: 10_000 - 8192, connected: false });
    server.resume();
    let taken = server.until(10 + 8192);
    let ids: BTreeSet<i64> =
        taken.iter().filter_map(|message| serde_json::from_str::<Value>(&message.text).ok()?["id"].as_i64()).collect();
    assert_eq!(ids, (0..10).chain(10 + 10_000 - 8192..10_010).collect());
    assert_eq!(taken.last().map(|message| message.data.as_str()), Some("[meta sequenceId=\"10010\"]"));
    gate.until("the count", |counted| counted == Counted { sent: 10 + 8192, lost: 10_000 - 8192, connected: true });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_reads_nothing_holds_nobody_up() {
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = deaf.local_addr().expect("an address").port();
    let gate = Gate::start(folder_of_a_test(), &format!("syslog = \"tcp://127.0.0.1:{port}\"\njson = true"));
    gate.until("the connection", |counted| counted.connected);
    // More than sockets, queue and channel hold.
    gate.settle(0..60_000);
    let counts = gate.forwarding.syslog.clone().expect("wanted");
    gate.forwarding.finish().await;
    let Counted { sent, lost, connected } = counts.read();
    assert_eq!((sent + lost, connected), (60_000, false));
    assert!(lost > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_what_a_search_shows() {
    let gate = Gate::start(folder_of_a_test(), "json = true");
    gate.settle_of(0, 0..500);
    let lines = wait::until("500 lines", LIMIT, || Some(gate.lines()).filter(|lines| lines.len() == 500));
    let key = gate.dir.path().join("data.keys/pseudonyms");
    let pseudonyms = logstore::pseudonym::Pseudonyms::open(&key).expect("the key a search uses");
    let opened_at =
        lines[7]["opened_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok()).expect("an instant");
    let opened_at = opened_at.as_microsecond();
    let settled = Record { opened_at, closed_at: Some(opened_at + 1), ..record(7) };
    let shown = serde_json::to_string(&crate::shown::Shown::new(settled, Some(&pseudonyms))).expect("JSON");
    assert_eq!(lines[7], serde_json::from_str::<Value>(&shown).expect("JSON"));
    let counts = gate.forwarding.json.clone().expect("wanted");
    wait::until("the count", LIMIT, || {
        (counts.read() == Counted { sent: 500, lost: 0, connected: true }).then_some(())
    });
    // What recovery finds of a gate that was down for days stays out: the file would outlive it.
    gate.settle_of(2, 0..3);
    gate.settle_of(1, 500..501);
    gate.forwarding.finish().await;
    assert_eq!(counts.read(), Counted { sent: 501, lost: 3, connected: false });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_register_files_at_its_end_is_forwarded_too() {
    let dir = folder_of_a_test();
    let config = config(dir.path(), "json = true");
    let durability = logstore::Durability::Process;
    crate::register::pseudonyms(&config).expect("made before the register is");
    let (dir, keys) = (config.register_dir(), config.keys_dir());
    let settings = Settings { dir, keys, node: "gate1".to_owned(), durability };
    let (register, _) = Register::start(settings).await.expect("started");
    let forwarding = start(&config, &register.follow()).expect("started");
    let entry = |n: i64| Entry {
        opened_at: jiff::Timestamp::now().as_microsecond() + n,
        user: None,
        auth: Auth::Address,
        client_ip: "10.0.0.12".parse().expect("an address"),
        method: "GET".into(),
        scheme: "http",
        host: Some("a.test".into()),
        port: 80,
        path: None,
        masked: None,
        verdict: Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "1@abc".into() },
    };
    let mut owed = Vec::new();
    for n in 0..50 {
        owed.push(register.open(entry(n)).await.expect("opened"));
    }
    owed.drain(..40).for_each(|record| record.settle(Outcome::Completed));
    // The last are interrupted: some as a shutdown does it, some because they are still owed when the register ends.
    register.interrupting();
    let held = owed.split_off(5);
    drop(owed);
    assert_eq!(register.finish().await, 0);
    drop(held);
    let counts = forwarding.json.clone().expect("wanted");
    forwarding.finish().await;
    assert_eq!(counts.read(), Counted { sent: 50, lost: 0, connected: false });
    let lines = lines_in(&folder(&config.data_dir));
    let interrupted = lines.iter().filter(|line| line["outcome"] == "interrupted").count();
    assert_eq!((lines.len(), interrupted), (50, 10), "{lines:#?}");
}
