//! The audit trail: who looked at the register or did something to it, when and why.
//!
//! A chain of signed entries in `audit.jsonl`, beside the day files; entries are only ever added, each on the disk before
//! the act goes on.

use crate::chain::{self, ChainError, Line};
use crate::cipher::{PublicKey, hex};
use crate::clock;
use crate::keys::Keys;
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

/// Adds an act to the trail of the register in `dir`, dated now. When this returns, it is on the disk.
///
/// Several processes may do so at once. Blocks for the time of a sync.
pub fn add(dir: &Path, keys: &Keys, mut act: Act) -> Result<(), ChainError> {
    act.at = clock::rfc3339(clock::now());
    chain::append(&file(dir), ACT, keys, &act).map(drop)
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
    let broken = chain::check(&text, ACT, public).err();
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
