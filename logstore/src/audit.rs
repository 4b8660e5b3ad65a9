//! The audit trail: who looked at the register or did something to it, when and why.
//!
//! One line of JSON per act in `audit.jsonl`, beside the day files; lines are only ever added, each on the disk before
//! the act goes on. Entries are not yet chained or signed.

use crate::clock;
use crate::error::words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "audit.jsonl";

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

/// The trail cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(file, source))]
pub struct AuditError {
    /// The trail's file.
    pub file: PathBuf,
    /// The system's words.
    pub source: io::Error,
}

/// Adds an act to the trail of the register in `dir`, dated now. When this returns, it is on the disk.
///
/// Several processes may do so at once. Blocks for the time of a sync.
pub fn add(dir: &Path, mut act: Act) -> Result<(), AuditError> {
    let file = dir.join(FILE);
    act.at = clock::rfc3339(clock::now());
    append(&file, &act).map_err(|source| AuditError { file, source })
}

/// Reads the trail; none when nothing was ever done.
pub fn read(dir: &Path) -> Result<Trail, AuditError> {
    let file = dir.join(FILE);
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Trail::default()),
        Err(source) => return Err(AuditError { file, source }),
    };
    let mut trail = Trail::default();
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        match serde_json::from_slice(line) {
            Ok(act) => trail.acts.push(act),
            Err(_) if line.is_empty() => {}
            Err(_) => trail.unreadable.push(number),
        }
    }
    Ok(trail)
}

fn append(path: &Path, act: &Act) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    file.lock()?;
    let mut line = Vec::new();
    if !ends_a_line(&mut file)? {
        // A crash tore the last act; this one must not be lost in its line.
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, act)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;

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
        add(dir.path(), look("a")).unwrap();
        add(dir.path(), look("b")).unwrap();
        let trail = read(dir.path()).unwrap();
        assert_eq!(trail.acts.iter().map(|act| act.who.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(trail.acts[0].at <= trail.acts[1].at && trail.acts[0].at.ends_with('Z'));
        assert_eq!(Act { at: String::new(), ..trail.acts[0].clone() }, look("a"));
    }

    #[test]
    fn a_torn_line_is_reported_and_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        add(dir.path(), look("a")).unwrap();
        OpenOptions::new().append(true).open(dir.path().join(FILE)).unwrap().write_all(b"{\"who\":\"b").unwrap();
        add(dir.path(), look("c")).unwrap();
        let trail = read(dir.path()).unwrap();
        assert_eq!(trail.acts.len(), 2);
        assert_eq!(trail.unreadable, [2]);
    }

    #[test]
    fn a_trail_that_cannot_be_written_says_which_file() {
        let missing = Path::new("/nonexistent/register");
        assert!(add(missing, look("a")).unwrap_err().to_string().starts_with("/nonexistent/register/audit.jsonl: "));
    }
}
