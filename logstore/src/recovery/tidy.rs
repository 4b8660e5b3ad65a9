//! What a crash left besides the journal: drafts of files, keys that nothing is hidden under.

use crate::StartError;
use crate::day::Day;
use crate::dayfile::{self, restore};
use crate::keys::Keys;
use crate::seal::{self, Sealed};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Puts day files in place that were being saved, and deletes drafts. Nobody may write the register meanwhile.
pub(super) async fn files(dir: &Path) -> Result<(), StartError> {
    let wrong = |error: io::Error| StartError::io(dir, &error);
    let listing = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing.map_err(wrong)?,
    };
    for entry in listing {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "converting" {
            std::fs::remove_dir_all(&path).map_err(|error| StartError::io(&path, &error))?;
        }
        let Some((day, end)) = name.split_once('.').and_then(|(day, end)| Some((Day::parse(day)?, end))) else {
            continue;
        };
        if end == restore::SAVED {
            restore::put_back(dir, day).map_err(|error| StartError::io(&path, &error))?;
        } else if end.starts_with("sealing") || end.starts_with(restore::SAVING) {
            std::fs::remove_file(&path).map_err(|error| StartError::io(&path, &error))?;
        } else if end == "sqlite-journal"
            && let Err(error) = dayfile::undo_cut(&day.file(dir)).await
        {
            // One that recovery needs is named when it comes to it.
            tracing::error!(%error, "a day file that a crash cut cannot be mended");
        }
    }
    Ok(())
}

/// What was sealed, or sealed anew, when a crash came.
pub(super) struct TakenUp {
    /// Seals that the chain was given now.
    pub(super) sealed: Vec<Sealed>,
    /// Days that have several keys.
    pub(super) several_keys: Vec<Day>,
}

/// Gives the chain the seals that it lacks. `None`, and it is said, when that cannot be done now: the keeper tries again.
pub(super) async fn seals(dir: &Path, keys: &Keys) -> Result<Option<TakenUp>, StartError> {
    let mut by_day: BTreeMap<Day, u32> = BTreeMap::new();
    for (day, _) in keys.all().map_err(|error| StartError::Unusable(error.0))? {
        *by_day.entry(day).or_default() += 1;
    }
    let several_keys: Vec<Day> = by_day.into_iter().filter(|(_, count)| *count > 1).map(|(day, _)| day).collect();
    match seal::take_up(dir, &several_keys, keys).await {
        Ok(sealed) => Ok(Some(TakenUp { sealed, several_keys })),
        Err(error) => {
            tracing::error!(%error, "a seal that a crash cut cannot be taken up");
            Ok(None)
        }
    }
}

/// Destroys the keys that a day has besides the one its file is hidden under: a sealing anew was cut before or after the
/// new file took the place of the old. The journal must be filed by now: it may be hidden under one of them.
pub(super) async fn keys(dir: &Path, keys: &Keys, several: &[Day]) -> Result<(), StartError> {
    for day in several {
        match dayfile::key_name_of(&day.file(dir)).await {
            Ok(Some(name)) => {
                keys.destroy(*day, Some(&name)).map_err(|error| StartError::Unusable(error.0))?;
            }
            Ok(None) => {}
            // An old day that is broken must not keep the gate shut.
            Err(error) => tracing::error!(%day, %error, "a day file cannot be read"),
        }
    }
    Ok(())
}
