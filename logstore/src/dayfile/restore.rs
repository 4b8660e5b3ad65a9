//! A day file that was deleted or replaced while it was written. SQLite goes on writing to what has no name any more, so
//! nothing says that the records are lost until the file is closed; but as long as it is open, all of it can be read.
//!
//! So what was written is saved under its own name again, whatever stands there is put aside (`DAY.displaced-N`; it goes
//! when the day goes), and the incident is reported.

use super::open::OpenDay;
use super::{DayError, beside};
use crate::crash;
use crate::day::Day;
use sqlx::Connection as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the name of a copy ends with that is not whole yet.
pub(crate) const SAVING: &str = "saving";
/// What the name of a copy ends with that is whole and takes the day's place.
pub(crate) const SAVED: &str = "saved";
/// What the names of files begin with behind the day that stood where a day file was written.
const DISPLACED: &str = "displaced";

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    /// That of the file of this name.
    pub(crate) fn of(file: &Path) -> io::Result<Identity> {
        let data = std::fs::symlink_metadata(file)?;
        Ok(Identity(data.dev(), data.ino()))
    }
}

impl OpenDay {
    /// Whether the file still stands under its name.
    pub(crate) fn is_in_place(&self) -> bool {
        // A folder that cannot be looked into at present proves nothing.
        match Identity::of(&self.file) {
            Ok(there) => there == self.identity,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Saves everything that was written to a file that has lost its name. On failure it is still open, and may be tried
    /// again: it is the only copy.
    pub(crate) async fn save(&mut self, dir: &Path) -> Result<(), DayError> {
        let draft = dir.join(format!("{}.{SAVING}", self.day));
        let saved = dir.join(format!("{}.{SAVED}", self.day));
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(DayError::of(&draft, &error)),
            _ => {}
        }
        let into = sqlx::query("VACUUM INTO ?").bind(draft.to_string_lossy().into_owned());
        into.execute(&mut self.connection).await.map_err(|error| DayError::of(&draft, &error))?;
        File::open(&draft).and_then(|file| file.sync_all()).map_err(|error| DayError::of(&draft, &error))?;
        crash::point("day saved");
        std::fs::rename(&draft, &saved).map_err(|error| DayError::of(&saved, &error))
    }

    /// Lets go of the file that has no name: before its copy takes its place, for SQLite deletes what is beside it by name.
    pub(crate) async fn let_go(self) {
        let _ = self.connection.close().await;
    }
}

/// Puts the copy of a day that was saved in its place.
pub(crate) fn put_back(dir: &Path, day: Day) -> io::Result<()> {
    let file = day.file(dir);
    for name in beside(&file).iter().chain([&file]) {
        if std::fs::symlink_metadata(name).is_ok() {
            std::fs::rename(name, free(dir, day)?)?;
        }
    }
    crash::point("what stood there displaced");
    std::fs::rename(dir.join(format!("{day}.{SAVED}")), &file)?;
    File::open(dir)?.sync_all()
}

/// Puts the copy of a day in its place, if there is one.
pub(crate) fn finish(dir: &Path, day: Day) -> io::Result<()> {
    if dir.join(format!("{day}.{SAVED}")).exists() { put_back(dir, day) } else { Ok(()) }
}

/// A name that nothing has, to put something aside under.
fn free(dir: &Path, day: Day) -> io::Result<PathBuf> {
    for number in 1..10_000 {
        let name = dir.join(format!("{day}.{DISPLACED}-{number}"));
        if std::fs::symlink_metadata(&name).is_err() {
            return Ok(name);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
