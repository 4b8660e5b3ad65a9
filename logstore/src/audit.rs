//! The audit trail: who looked at the register or did something to it, when and why.
//!
//! A chain of signed entries in `audit.jsonl`, beside the day files; entries are added, each on the disk before the act
//! goes on, and erased at its beginning when their own term is over, which a certificate attests.

use crate::chain::{self, Chain, ChainError, Line};
use crate::cipher::{Hash, PublicKey, hex, unhex};
use crate::day::Day;
use crate::keys::Keys;
use crate::retention::{self, Certificate, ErasedActs, PurgeError, Purged};
use crate::{clock, crash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The kind of an act's entry.
pub(crate) const ACT: &str = "act";

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// RFC 3339, UTC, microseconds. Empty when it is added: the trail dates it.
    #[serde(default)]
    pub at: String,
    /// The account of whoever acts.
    pub who: String,
    /// What was done: "search", "export"…
    pub act: String,
    /// The declared purpose, when names were opened.
    pub purpose: Option<String>,
    /// The reason given.
    pub reason: Option<String>,
    /// What it reached: the filters as they were given.
    pub scope: BTreeMap<String, String>,
    /// How many records it showed or touched.
    pub count: u64,
}

/// What was read of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    /// The acts, oldest first.
    pub acts: Vec<Act>,
    /// Lines that are no act: their numbers, from 1. A trail has none unless it was torn or touched.
    pub unreadable: Vec<u64>,
}

/// The trail's file.
pub(crate) fn file(dir: &Path) -> PathBuf {
    dir.join("audit.jsonl")
}

/// What an act's scope says when the clock was behind the act before it: what the clock showed.
const CLOCK_BEHIND: &str = "clock_behind";

/// Adds an act to the trail of the register in `dir`, dated now, and never before the act that stands before it: nobody
/// hides behind a clock that they set back, which is said in its scope. When this returns, it is on the disk.
///
/// Several processes may do so at once. Blocks for the time of a sync.
pub fn add(dir: &Path, keys: &Keys, mut act: Act) -> Result<(), ChainError> {
    let file = file(dir);
    let mut chain = Chain::open(&file, ACT)?;
    let last = match last_at(&chain.last_line()?, &keys.public()) {
        // Torn, or of nobody's: what stands before it counts.
        None => chain::lines(&chain::text(&file)?).rev().find_map(|line| last_at(line, &keys.public())),
        last => last,
    };
    // Nobody adds to it now.
    let now = clock::rfc3339(clock::now());
    // Of one form and in UTC: what is later sorts behind.
    act.at = match last.filter(|last| *last > now) {
        Some(last) => {
            act.scope.insert(CLOCK_BEHIND.into(), now);
            last
        }
        None => now,
    };
    let line = chain.next(keys, &act)?;
    chain.add(keys, &line).map(drop)
}

/// The time of an act that this register has signed.
fn last_at(line: &str, public: &PublicKey) -> Option<String> {
    let line = Line::of(line).filter(|line| public.verifies(line.entry.as_bytes(), line.signature))?;
    Some(line.read::<Act>()?.body.at)
}

/// Reads the trail; none when nothing was ever done. Nothing is checked: see [`verify`](crate::verify()).
pub fn read(dir: &Path) -> Result<Trail, ChainError> {
    let (mut trail, mut begun) = (Trail::default(), false);
    for (line, number) in chain::lines(&chain::text(&file(dir))?).zip(1..) {
        match read_line(line, &mut begun) {
            Some(act) => trail.acts.push(act),
            None if line.is_empty() => {}
            None => trail.unreadable.push(number),
        }
    }
    Ok(trail)
}

/// The act of a line. Before there was a chain, a line was an act and nothing else; behind its first entry it is none.
fn read_line(line: &str, begun: &mut bool) -> Option<Act> {
    match Line::of(line) {
        Some(parts) => {
            *begun = true;
            parts.read::<Act>().map(|link| link.body)
        }
        None if *begun => None,
        None => serde_json::from_str(line).ok(),
    }
}

/// Erases the acts that are more than `days` days old, but for the newest act, and attests it in the name of
/// `organisation`. `None` when there is none. The clock must be one by which days would be erased too.
///
/// The certificate is written first: cut between the two, acts stand a while longer than it says, and the next time they
/// go. Blocks on the file system.
pub fn erase(dir: &Path, keys: &Keys, days: u16, organisation: &str, node: &str) -> Result<Option<Purged>, PurgeError> {
    let now = clock::now();
    let before = clock::rfc3339(Day::of(now).after(-i64::from(days)).begins());
    if old(&chain::text(&file(dir))?, &before).is_none() {
        return Ok(None);
    }
    retention::trust(dir, now, &clock::state())?;
    let mut chain = Chain::open(&file(dir), ACT)?;
    let text = chain::text(&file(dir))?;
    let Some(Old { length, acts }) = old(&text, &before) else { return Ok(None) };
    chain.note_end(keys)?;
    let began = clock::rfc3339(now);
    let mut certificate = Certificate {
        organisation: organisation.into(),
        node: node.into(),
        stores: vec!["audit trail".into()],
        trigger: "retention".into(),
        program: env!("CARGO_PKG_VERSION").into(),
        began,
        acts: Some(acts),
        ..Certificate::default()
    };
    certificate.ended = clock::rfc3339(clock::now());
    let hash = chain::append(&retention::certificates_file(dir), retention::CERTIFICATE, keys, &certificate)?;
    crash::point("erasure of acts attested");
    chain.replace(&text[length..])?;
    Ok(Some(Purged { certificate, hash, late: Vec::new() }))
}

/// What is past its term at the beginning of a trail.
struct Old {
    /// How many bytes.
    length: usize,
    acts: ErasedActs,
}

/// Everything up to the last act before this instant (RFC 3339, UTC) behind which the trail goes on with an entry; lines
/// that are no entries go with those they stand between. Acts come in the order of time, but for what a clock does.
fn old(text: &str, before: &str) -> Option<Old> {
    let (mut at, mut count, mut found, mut candidate) = (0, 0, None, None::<(u64, String)>);
    let mut begun = false;
    for line in text.split_inclusive('\n') {
        let parts = Line::of(line.trim_end_matches('\n'));
        if let (Some(parts), Some((through, hash))) = (&parts, candidate.take()) {
            let acts = ErasedActs { through, hash, acts: count, before: before.to_owned() };
            // What follows must name it as the one before: an entry that doesn't is for `verify` to say.
            if parts.read::<serde_json::Value>().is_some_and(|link| link.previous == acts.hash) {
                found = Some(Old { length: at, acts });
            }
        }
        at += line.len();
        let Some(act) = read_line(line.trim_end_matches('\n'), &mut begun) else { continue };
        if act.at.as_str() >= before {
            break;
        }
        count += 1;
        let link = parts.as_ref().and_then(|parts| parts.read::<serde_json::Value>());
        candidate = parts.zip(link).map(|(parts, link)| (link.number, hex(&parts.hash())));
    }
    found
}

/// Where the trail may begin: behind acts that were erased.
pub(crate) fn erased(dir: &Path, public: &PublicKey) -> Result<Vec<(u64, Hash)>, ChainError> {
    let certificates = retention::certificates(dir, public)?;
    let acts = certificates.into_iter().filter_map(|(_, certificate)| certificate.acts);
    Ok(acts.filter_map(|acts| Some((acts.through, unhex(&acts.hash)?))).collect())
}

/// A line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its number, from 1.
    pub line: u64,
    /// What it says, if it is an act.
    pub act: Option<Act>,
    /// Why it doesn't hold.
    pub broken: Option<String>,
}

/// Reads the trail and checks it: every line, with why it doesn't hold if it doesn't. Behind a line that doesn't hold,
/// each is judged by its signature and by the line before it.
///
/// A line that no entry of the chain is (from before there was one, or torn) holds when the next entry answers for it.
pub fn checked(dir: &Path, public: &PublicKey) -> Result<Vec<Checked>, ChainError> {
    let text = chain::text(&file(dir))?;
    let broken = chain::check_behind(&text, ACT, public, &erased(dir, public)?).err();
    let mut lines = Vec::new();
    let mut begun = false;
    let mut before: Option<String> = None;
    for (text, line) in chain::lines(&text).zip(1..).filter(|(text, _)| !text.is_empty()) {
        let parts = Line::of(text);
        let act = read_line(text, &mut begun);
        let why = match (&broken, &parts) {
            (Some(broken), _) if broken.line == line => Some(broken.why.clone()),
            (Some(broken), Some(parts)) if broken.line < line => {
                let previous = parts.read::<serde_json::Value>().map(|link| link.previous);
                if !public.verifies(parts.entry.as_bytes(), parts.signature) {
                    Some("it was changed: its signature does not fit".to_owned())
                } else if before.is_some() && previous != before {
                    Some("what stands before it was changed".to_owned())
                } else {
                    None
                }
            }
            _ => None,
        };
        // Of a line that is no entry, the next one names other bytes than its own.
        before = parts.map(|parts| hex(&parts.hash()));
        lines.push(Checked { line, act, broken: why });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    fn keys(dir: &Path) -> Keys {
        Keys::open(&dir.join("keys"), &dir.join("register")).unwrap()
    }

    fn look(who: &str) -> Act {
        Act {
            at: String::new(),
            who: who.into(),
            act: "search".into(),
            purpose: Some("security".into()),
            reason: Some("incident \"12\"\nsecond line".into()),
            scope: BTreeMap::from([("user".into(), "p.dupont".into())]),
            count: 3,
        }
    }

    #[test]
    fn what_is_added_is_read_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), Trail::default());
        add(dir.path(), &keys(dir.path()), look("a")).unwrap();
        add(dir.path(), &keys(dir.path()), look("b")).unwrap();
        let trail = read(dir.path()).unwrap();
        assert_eq!(trail.acts.iter().map(|act| act.who.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(trail.acts[0].at <= trail.acts[1].at && trail.acts[0].at.ends_with('Z'));
        assert_eq!(Act { at: String::new(), ..trail.acts[0].clone() }, look("a"));
    }

    #[test]
    fn a_clock_that_is_set_back_hides_no_look_before_the_acts_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(dir.path());
        // As seen by a clock that is behind.
        of_days(dir.path(), &keys, &[9, -5]);
        let ahead = read(dir.path()).unwrap().acts[1].at.clone();
        add(dir.path(), &keys, look("b")).unwrap();
        OpenOptions::new().append(true).open(file(dir.path())).unwrap().write_all(b"{\"who\":\"b").unwrap();
        add(dir.path(), &keys, look("c")).unwrap();
        let trail = read(dir.path()).unwrap();
        for (act, who) in trail.acts[2..].iter().zip(["b", "c"]) {
            assert_eq!((act.who.as_str(), &act.at), (who, &ahead));
            assert!(act.scope["clock_behind"] < ahead && act.scope["user"] == "p.dupont", "{act:?}");
        }
        assert_eq!(trail.acts.len(), 4);
        assert!(checked(dir.path(), &keys.public()).unwrap().iter().all(|line| line.broken.is_none()));
    }

    #[test]
    fn a_torn_line_is_reported_and_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        add(dir.path(), &keys(dir.path()), look("a")).unwrap();
        OpenOptions::new().append(true).open(file(dir.path())).unwrap().write_all(b"{\"who\":\"b").unwrap();
        add(dir.path(), &keys(dir.path()), look("c")).unwrap();
        let trail = read(dir.path()).unwrap();
        assert_eq!(trail.acts.len(), 2);
        assert_eq!(trail.unreadable, [2]);
    }

    #[test]
    fn the_line_that_was_changed_is_marked_and_those_behind_it_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(dir.path());
        for who in ["a", "b", "c", "d"] {
            add(dir.path(), &keys, look(who)).unwrap();
        }
        let marks = || -> Vec<bool> {
            let lines = checked(dir.path(), &keys.public()).unwrap();
            lines.iter().map(|line| line.broken.is_some()).collect()
        };
        assert_eq!(marks(), [false; 4]);
        let whole = std::fs::read_to_string(file(dir.path())).unwrap();
        std::fs::write(file(dir.path()), whole.replace("\"who\":\"b\"", "\"who\":\"x\"")).unwrap();
        // The next names another line before it.
        assert_eq!(marks(), [false, true, true, false]);
        let without: String = whole.split_inclusive('\n').filter(|line| !line.contains("\"who\":\"b\"")).collect();
        std::fs::write(file(dir.path()), without).unwrap();
        assert_eq!(marks(), [false, true, false]);
    }

    /// A trail whose acts are of the days given, as a clock would have written them.
    fn of_days(dir: &Path, keys: &Keys, days: &[i64]) {
        let mut chain = Chain::open(&file(dir), ACT).unwrap();
        for day in days {
            let at = clock::rfc3339(clock::now() - day * 86_400_000_000);
            let line = chain.next(keys, &Act { at, ..look("a") }).unwrap();
            chain.add(keys, &line).unwrap();
        }
    }

    #[test]
    fn acts_past_their_term_are_erased_and_what_is_left_holds() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(dir.path());
        of_days(dir.path(), &keys, &[900, 800, 401, 200, 3]);
        // Nothing keeps the clock here, so that something must bear it out.
        std::fs::write(dir.path().join(format!("{}.sqlite", Day::of(clock::now()).after(-1))), []).unwrap();
        let purged = erase(dir.path(), &keys, 400, "PME", "gate1").unwrap().unwrap();
        let acts = purged.certificate.acts.unwrap();
        assert_eq!((acts.through, acts.acts), (3, 3));
        assert_eq!(read(dir.path()).unwrap().acts.len(), 2);
        add(dir.path(), &keys, look("b")).unwrap();
        let lines = checked(dir.path(), &keys.public()).unwrap();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.broken.is_none()), "{lines:?}");
        assert!(erase(dir.path(), &keys, 400, "PME", "gate1").unwrap().is_none());
        // More goes later, and what was cut off without a certificate is missed.
        assert_eq!(
            erase(dir.path(), &keys, 100, "PME", "gate1").unwrap().unwrap().certificate.acts.unwrap().through,
            4
        );
        assert!(checked(dir.path(), &keys.public()).unwrap().iter().all(|line| line.broken.is_none()));
        let text = std::fs::read_to_string(file(dir.path())).unwrap();
        std::fs::write(file(dir.path()), text.split_inclusive('\n').skip(1).collect::<String>()).unwrap();
        assert!(checked(dir.path(), &keys.public()).unwrap()[0].broken.is_some());
    }

    #[test]
    fn the_newest_act_stays_and_a_clock_that_nothing_bears_out_erases_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(dir.path());
        of_days(dir.path(), &keys, &[900, 800]);
        if !clock::state().synchronised {
            let old = dir.path().join(format!("{}.sqlite", Day::of(clock::now()).after(-9)));
            std::fs::write(&old, []).unwrap();
            assert!(matches!(erase(dir.path(), &keys, 400, "PME", "gate1"), Err(PurgeError::Clock { .. })));
            std::fs::remove_file(old).unwrap();
        }
        std::fs::write(dir.path().join(format!("{}.sqlite", Day::of(clock::now()).after(-1))), []).unwrap();
        assert_eq!(erase(dir.path(), &keys, 400, "PME", "gate1").unwrap().unwrap().certificate.acts.unwrap().acts, 1);
        assert_eq!(read(dir.path()).unwrap().acts.len(), 1);
    }

    #[test]
    fn an_erasure_that_was_cut_is_done_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(dir.path());
        of_days(dir.path(), &keys, &[900, 3]);
        std::fs::write(dir.path().join(format!("{}.sqlite", Day::of(clock::now()).after(-1))), []).unwrap();
        let whole = std::fs::read(file(dir.path())).unwrap();
        erase(dir.path(), &keys, 400, "PME", "gate1").unwrap();
        std::fs::write(file(dir.path()), whole).unwrap();
        assert!(checked(dir.path(), &keys.public()).unwrap().iter().all(|line| line.broken.is_none()));
        assert!(erase(dir.path(), &keys, 400, "PME", "gate1").unwrap().is_some());
        assert_eq!(read(dir.path()).unwrap().acts.len(), 1);
    }

    #[test]
    fn who_waits_for_the_trail_while_it_is_cut_writes_into_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(dir.path());
        of_days(dir.path(), &keys, &[900, 3]);
        let mut held = Chain::open(&file(dir.path()), ACT).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| add(dir.path(), &keys, look("b")));
            let text = std::fs::read_to_string(file(dir.path())).unwrap();
            held.replace(&text).unwrap();
            drop(held);
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(read(dir.path()).unwrap().acts.len(), 3);
    }

    #[test]
    fn a_trail_that_cannot_be_written_says_which_file() {
        let (missing, dir) = (Path::new("/nonexistent/register"), tempfile::tempdir().unwrap());
        assert!(
            add(missing, &keys(dir.path()), look("a"))
                .unwrap_err()
                .to_string()
                .starts_with("/nonexistent/register/audit.jsonl: ")
        );
    }
}
