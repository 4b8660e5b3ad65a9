//! The versions of a fetched list: the one in force, the one before it, and the one that was refused.
//!
//! ```text
//! archive, source.json                      in force
//! archive.previous, source.previous.json    before
//! part, part.json                           on its way
//! ```

use super::download::Marks;
use super::fetch::{Failure, Fetched};
use crate::files;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A fetched list's file, in the list's folder.
pub(super) const ARCHIVE: &str = "archive";

/// A version that is not to be taken again, unless somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// The server's marks for it.
    pub(crate) marks: Marks,
    /// The SHA-256 of its bytes.
    pub(crate) sha256: String,
    /// Since when.
    pub(crate) at: Timestamp,
    /// Why, in one clause.
    pub(crate) why: String,
}

impl Fetched {
    /// What is known in a list's folder; `None` when nothing is.
    pub(super) fn read(folder: &Path) -> Option<Fetched> {
        read(&folder.join("source.json"))
    }

    /// What is known of the version before.
    pub(super) fn previous(folder: &Path) -> Option<Fetched> {
        read(&folder.join("source.previous.json")).filter(|_| previous(folder).is_file())
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        self.write_as(&folder.join("source.json"))
    }

    fn write_as(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        files::replace(path, |file| file.write_all(&text))
    }
}

fn read(path: &Path) -> Option<Fetched> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn previous(folder: &Path) -> PathBuf {
    folder.join("archive.previous")
}

/// Puts a file in the place of the one in force, which becomes the one before.
pub(super) fn promote(folder: &Path, new: &Path, known: Option<&Fetched>) -> io::Result<()> {
    let archive = folder.join(ARCHIVE);
    if let Some(known) = known {
        let beside = files::beside(&archive)?;
        let _ = std::fs::remove_file(&beside);
        std::fs::hard_link(&archive, &beside)?;
        std::fs::rename(&beside, previous(folder))?;
        known.write_as(&folder.join("source.previous.json"))?;
    }
    std::fs::rename(new, &archive)
}

/// Puts the version before in force again, and refuses the one that was; says of when the one in force is.
pub(crate) fn roll_back(folder: &Path, url: &str, why: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let in_force = Fetched::read(folder).ok_or("it has never been fetched")?;
    let before = Fetched::previous(folder).filter(|before| before.url == url && before.fetched_at.is_some());
    let before = before.ok_or("no version before the one in force is kept")?;
    let said = |error: io::Error| format!("{}: {error}", folder.display());
    let archive = folder.join(ARCHIVE);
    let aside = files::beside(&archive).map_err(said)?;
    let _ = std::fs::remove_file(&aside);
    std::fs::hard_link(&archive, &aside).map_err(said)?;
    std::fs::rename(previous(folder), &archive).map_err(said)?;
    std::fs::rename(&aside, previous(folder)).map_err(said)?;
    in_force.write_as(&folder.join("source.previous.json")).map_err(said)?;
    let refused =
        Refused { marks: in_force.marks.clone(), sha256: in_force.sha256.clone(), at: now, why: why.to_owned() };
    let failure = Some(Failure { at: now, why: why.to_owned() });
    let back = Fetched { refused: Some(refused), failure, checked_at: in_force.checked_at, ..before };
    back.write(folder).map_err(said)?;
    back.fetched_at.ok_or_else(|| "no version before the one in force is kept".to_owned())
}

/// Of when the version is that a roll-back would put in force.
pub(crate) fn before(folder: &Path, url: &str) -> Option<Timestamp> {
    Fetched::previous(folder).filter(|before| before.url == url)?.fetched_at
}
