//! What a server of lists may send, and what becomes of the list in force: it refuses as before, and status says why.
use crate::lists::archive;
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::{Answer, Curl, Gate, LIMIT, Latch, Origin, Setup, wait};
use jiff::civil::Time;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;
use std::io::Write;
use std::sync::{Arc, Mutex};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("memory takes it")
}

/// An archive of one file; its path is written as it is, wherever it leads.
fn packed(path: &str, text: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_ustar_mut().expect("is one").name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, text).expect("memory takes it");
    gzip(&tar.into_inner().expect("memory takes it"))
}

/// So many names of a category that the charter refuses.
fn casinos(names: std::ops::Range<u32>) -> Vec<u8> {
    let text: String =
        std::iter::once("casino.test\n".to_owned()).chain(names.map(|n| format!("c{n}.test\n"))).collect();
    packed("blacklists/gambling/domains", text.as_bytes())
}

fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect()
}

/// A gate over one list, and a way to say what its server sends next.
struct Lists {
    gate: Gate,
    sends: Arc<Mutex<Answer>>,
    server: Origin,
    origin: Origin,
}

impl Lists {
    fn with(keys: &str, expectations: &str) -> Lists {
        let sends = Arc::new(Mutex::new(Answer::ok(casinos(0..300))));
        let next = sends.clone();
        let server = Origin::http(move |_| next.lock().expect("not poisoned").clone());
        let charter = format!(
            "title = \"Charte d'essai\"\nversion = \"listes-2\"\ndefault = \"allow\"\n\
             [lists.ut1]\nformat = \"ut1\"\nsource = \"{}\"\n{keys}\n\
             [categories.gambling]\nlists = [\"ut1:gambling\"]\n\
             [[rule]]\nid = \"jeux\"\narticle = \"3\"\naction = \"block\"\ncategories = [\"gambling\"]\n{expectations}",
            server.url("127.0.0.1", "/blacklists.tar.gz")
        );
        let mut gate = Setup::new().charter(&charter).host("casino.test", "127.0.0.1").prepare();
        if keys.contains("never") {
            gate.say(&["lists", "update"]);
        }
        gate.start();
        Lists { gate, sends, server, origin: Origin::http(|_| Answer::ok("let through")) }
    }

    fn by_hand() -> Lists {
        Lists::with("hours = \"never\"", "")
    }

    fn send(&self, answer: Answer) {
        *self.sends.lock().expect("not poisoned") = answer;
    }

    fn status_of(&self, host: &str) -> u16 {
        Curl::through(&self.gate).get(&self.origin.url(host, "/")).status
    }

    /// What `lists status` knows of the list.
    fn told(&self) -> Value {
        let output = self.gate.octroi(&["lists", "status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        status["lists"][0].clone()
    }

    /// The update fails for this reason, everybody is told, and the list in force refuses as before.
    fn refuses(&self, what: &str, why: &str) {
        let output = self.gate.octroi(&["lists", "update"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains(why) && said.contains("stays in force"), "{what}: {said}");
        assert_eq!(self.status_of("casino.test"), 403, "{what}");
        assert!(self.told()["failure"]["why"].as_str().is_some_and(|told| told.contains(why)), "{what}");
        let ready = self.gate.page("/readyz");
        assert_eq!(ready.status(), 200, "{what}: an older list is no reason to stop");
        assert!(ready.text().contains(why), "{what}: {}", ready.text());
        let metrics = self.gate.page("/metrics");
        assert!(metrics.text().contains("octroi_list_refused{list=\"ut1\"} 1"), "{what}");
    }
}

#[test]
fn whatever_a_server_sends_the_list_in_force_stays() {
    let lists = Lists::by_hand();
    let good = casinos(0..310);
    let mut torn = good.clone();
    torn.truncate(good.len() / 2);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x40;
    let bomb = packed("blacklists/gambling/domains", &vec![b'\n'; 64 << 20]);
    let endless =
        packed("blacklists/gambling/domains", &noise(3 << 20).into_iter().filter(|b| *b != b'\n').collect::<Vec<_>>());
    let junk: Vec<u8> = noise(200_000).chunks(99).flat_map(|line| [line, b"\n"].concat()).collect();
    let wide: Vec<u8> = "casino.test\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [b"\xFF\xFE".to_vec(), wide].concat();
    for (what, answer, why) in [
        (
            "an excuse",
            Answer::with("200 OK", &[("Content-Type", "text/html")], "<html>please log in</html>"),
            "a web page",
        ),
        ("an error", Answer::with("503 Service Unavailable", &[], "no"), "answered 503"),
        ("a cut", Answer::cut(1_000_000, 1000), "before message length reached"),
        ("half an archive", Answer::ok(torn), "no list"),
        ("a flipped bit", Answer::ok(flipped), "no list"),
        ("a path that leads outside", Answer::ok(packed("../../etc/cron.d/x", b"casino.test\n")), "leads outside"),
        ("a bomb", Answer::ok(bomb), "unfolds into more than 100 times"),
        ("a zip", Answer::ok(b"PK\x03\x04 and so on"), "a zip archive"),
        ("a line without end", Answer::ok(endless), "longer than 16384 bytes"),
        ("junk", Answer::ok(packed("blacklists/gambling/domains", &junk)), "no list"),
        ("two bytes a letter", Answer::ok(packed("blacklists/gambling/domains", &wide)), "UTF-16"),
        ("nothing at all", Answer::ok(""), "empty"),
        ("a shrunken list", Answer::ok(casinos(0..20)), "shrank from 301 to 21 entries"),
        ("a swollen list", Answer::ok(casinos(0..900)), "grew from 301 to 901 entries"),
        (
            "a list of something else",
            Answer::ok(packed("b/press/domains", "a.test\n".repeat(300).as_bytes())),
            "nothing is left of",
        ),
    ] {
        lists.send(answer);
        lists.refuses(what, why);
    }
    lists.send(Answer::ok(good));
    lists.gate.say(&["lists", "update"]);
    assert_eq!(lists.told()["failure"], Value::Null);
    assert!(!lists.gate.page("/readyz").text().contains("ut1"));
}

#[test]
fn what_changed_is_told_and_can_be_taken_back() {
    let lists = Lists::by_hand();
    assert_eq!(lists.gate.octroi(&["lists", "diff"]).status.code(), Some(1), "nothing before the first");
    lists.send(Answer::ok(casinos(1..400)));
    let said = lists.gate.say(&["lists", "update"]);
    assert!(said.contains("ut1:gambling  +100  -1"), "{said}");
    let diff: Value = serde_json::from_str(&lists.gate.say(&["lists", "diff", "--json"])).expect("JSON");
    assert_eq!(diff["categories"][0]["removed_samples"], serde_json::json!(["c0.test"]), "{diff}");
    assert_eq!(lists.gate.octroi(&["lists", "rollback", "ut2"]).status.code(), Some(2));
    lists.gate.octroi(&["lists", "rollback", "ut1"]);
    assert!(lists.gate.say(&["lists", "diff"]).contains("ut1:gambling  +1  -100"));
    // What was taken back does not come in by itself again.
    lists.refuses("the version that was rolled back", "rolled back");
    lists.gate.say(&["lists", "update", "--accept", "ut1"]);
    assert!(lists.gate.say(&["lists", "diff"]).contains("ut1:gambling  +100  -1"));
}

#[test]
fn a_list_that_disappoints_the_charter_is_put_back() {
    let expectation = "[[expect]]\nurl = \"http://banque.test/\"\naction = \"allow\"\n";
    let lists = Lists::with("hours = \"never\"", expectation);
    let bank =
        [b"banque.test\ncasino.test\n".to_vec(), (0..300).flat_map(|n| format!("c{n}.test\n").into_bytes()).collect()];
    lists.send(Answer::ok(packed("blacklists/gambling/domains", &bank.concat())));
    lists.refuses("a bank among casinos", "an expectation of the charter does not hold with it");
}

#[test]
fn a_download_that_was_killed_is_taken_up_again() {
    let whole = casinos(0..5000);
    let latch = Latch::new();
    let (body, held) = (whole.clone(), latch.clone());
    let server = Origin::http(move |seen| {
        let from =
            seen.head.field("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match from {
            None => Answer::halves_with(&[("ETag", "\"v1\"")], &body, &held),
            Some(from) => {
                let rest = body.get(from..).unwrap_or_default();
                let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                Answer::with("206 Partial Content", &[("ETag", "\"v1\""), ("Content-Range", &range)], rest)
            }
        }
    });
    let charter = format!(
        "title = \"t\"\nversion = \"v\"\ndefault = \"allow\"\n[lists.ut1]\nformat = \"ut1\"\nhours = \"never\"\nsource = \"{}\"\n\
         [categories.gambling]\nlists = [\"ut1:gambling\"]\n[[rule]]\nid = \"jeux\"\naction = \"block\"\ncategories = [\"gambling\"]\n",
        server.url("127.0.0.1", "/blacklists.tar.gz")
    );
    let gate = Setup::new().charter(&charter).prepare();
    let mut update = gate.command(&["lists", "update"]).spawn().expect("started");
    let part = gate.path("data/lists/ut1/part");
    let length = || part.metadata().map_or(0, |about| about.len());
    wait::until("half of the list", LIMIT, || (length() as usize >= whole.len() / 2).then_some(()));
    update.kill().and_then(|()| update.wait()).expect("killed");
    latch.open();
    gate.say(&["lists", "update"]);
    let seen = server.seen();
    let range = format!("bytes={}-", whole.len() / 2);
    assert_eq!((seen[1].head.field("range"), seen[1].head.field("if-range")), (Some(range.as_str()), Some("\"v1\"")));
    let lookup = gate.say(&["lists", "lookup", "c4999.test"]);
    assert!(lookup.contains("ut1:gambling"), "{lookup}");
}

/// Hours of the gate's clock that began long enough ago for every installation's minute to be over.
fn hours_now() -> String {
    let zone = TimeZone::get("Europe/Paris").expect("known");
    let shown = |time: Time| time.strftime("%H:%M").to_string();
    let clock = zone.to_datetime(Timestamp::now()).time();
    format!("{}-{}", shown(clock.wrapping_sub(100.minutes())), shown(clock.wrapping_add(80.minutes())))
}

#[test]
fn the_gate_fetches_its_lists_in_their_hours() {
    let lists = Lists::with(&format!("hours = \"{}\"", hours_now()), "");
    wait::until("the list in force", LIMIT, || (lists.status_of("casino.test") == 403).then_some(()));
    assert_eq!(lists.server.seen().len(), 1);
    assert!(lists.gate.page("/metrics").text().contains("octroi_list_refused{list=\"ut1\"} 0"));
}

#[test]
fn a_list_that_nobody_confirms_is_an_alarm() {
    let lists = Lists::with("hours = \"never\"\nrefresh = \"1m\"\nstale_after = \"2m\"", "");
    let source = lists.gate.path("data/lists/ut1/source.json");
    let mut known: Value = serde_json::from_slice(&std::fs::read(&source).expect("there")).expect("JSON");
    let days_ago = Timestamp::now() - 73.hours();
    known["checked_at"] = days_ago.to_string().into();
    std::fs::write(&source, known.to_string()).expect("written");
    lists.gate.say(&["reload"]);
    let ready = lists.gate.page("/readyz");
    assert!(ready.text().contains("the list `ut1` is stale: for 3 days"), "{}", ready.text());
    assert!(lists.gate.page("/metrics").text().contains("octroi_list_stale{list=\"ut1\"} 1"));
    let output = lists.gate.octroi(&["lists", "status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("STALE"));
    assert_eq!(lists.status_of("casino.test"), 403, "it is used all the same");
}

#[test]
fn two_updates_at_once_are_one() {
    let lists = Lists::by_hand();
    let latch = Latch::new();
    lists.send(Answer::ok(archive()).after(&latch));
    let before = lists.server.seen().len();
    let mut first = lists.gate.command(&["lists", "update"]).spawn().expect("started");
    wait::until("the first one", LIMIT, || (lists.server.seen().len() > before).then_some(()));
    let second = lists.gate.octroi(&["lists", "update"]);
    assert_eq!(second.status.code(), Some(2), "{second:?}");
    assert!(String::from_utf8_lossy(&second.stderr).contains("being fetched already"), "{second:?}");
    latch.open();
    first.wait().expect("ended");
}
