//! How long a day is kept, and its end: a day file that is due is deleted, with everything of that day beside it.

use crate::day::Day;
use crate::error::words;
use crate::journal::segment;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What SQLite keeps beside a database that is open, or was when its process died.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Something that is due could not be deleted.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(file, source))]
pub struct PurgeError {
    /// What.
    pub file: PathBuf,
    /// The system's words.
    pub source: io::Error,
}

/// Whether a day is due: a record of day D may live to the end of day D + `retention_days`, and no longer.
///
/// A pure function of its arguments; a clock that steps back only makes it wait.
fn is_due(day: Day, now: i64, retention_days: u16) -> bool {
    day.after(i64::from(retention_days)) < Day::of(now)
}

/// Deletes the days that are due at `now` (UTC, microseconds since 1970), and journal segments put aside as damaged that
/// were last written in one of them. Returns the days deleted, oldest first, as `2026-11-23`.
///
/// Stops at the first failure: what is left is due at the next call. Blocks on the file system.
pub fn purge(dir: &Path, now: i64, retention_days: u16) -> Result<Vec<String>, PurgeError> {
    let mut purged = Vec::new();
    let days = Day::all(dir).map_err(|source| PurgeError { file: dir.to_path_buf(), source })?;
    for day in days.into_iter().filter(|day| is_due(*day, now, retention_days)) {
        let file = day.file(dir);
        // The day itself goes last: a purge that was cut is taken up again by its name.
        for end in BESIDE {
            let mut beside = file.clone().into_os_string();
            beside.push(end);
            delete(beside.into())?;
        }
        delete(file)?;
        purged.push(day.to_string());
    }
    purge_damaged(&segment::folder(dir), now, retention_days)?;
    Ok(purged)
}

fn purge_damaged(folder: &Path, now: i64, retention_days: u16) -> Result<(), PurgeError> {
    let wrong = |source| PurgeError { file: folder.to_path_buf(), source };
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing.map_err(wrong)?,
    };
    for entry in listing {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_none_or(|end| end != "damaged") {
            continue;
        }
        let written = std::fs::metadata(&path).and_then(|data| data.modified()).map_err(wrong)?;
        let micros = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        if is_due(Day::of(i64::try_from(micros).unwrap_or(i64::MAX)), now, retention_days) {
            delete(path)?;
        }
    }
    Ok(())
}

fn delete(file: PathBuf) -> Result<(), PurgeError> {
    match std::fs::remove_file(&file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PurgeError { file, source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-23T00:00:00Z.
    const TODAY: i64 = 1_795_392_000_000_000;
    const DAY: i64 = 86_400_000_000;

    #[test]
    fn a_day_lives_to_the_end_of_its_last_day() {
        let day = Day::of(TODAY + DAY / 2);
        assert!(!is_due(day, TODAY + 365 * DAY + DAY - 1, 365));
        assert!(is_due(day, TODAY + 366 * DAY, 365));
    }

    proptest! {
        #[test]
        fn never_early_and_never_late(opened in 0..4_000 * DAY, age in 0..1_200 * DAY, days in 1u16..1096) {
            let kept_to_the_end_of = Day::of(opened).after(i64::from(days));
            prop_assert_eq!(is_due(Day::of(opened), opened + age, days), Day::of(opened + age) > kept_to_the_end_of);
            if age < i64::from(days) * DAY {
                prop_assert!(!is_due(Day::of(opened), opened + age, days), "purged early");
            }
            if age >= (i64::from(days) + 1) * DAY {
                prop_assert!(is_due(Day::of(opened), opened + age, days), "kept too long");
            }
        }
    }

    #[test]
    fn what_is_due_goes_with_all_that_is_beside_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let make = |name: &str| std::fs::write(dir.path().join(name), "marker").expect("written");
        for name in ["2026-11-20.sqlite", "2026-11-20.sqlite-wal", "2026-11-20.sqlite-shm", "2026-11-22.sqlite"] {
            make(name);
        }
        make("audit.jsonl");
        assert_eq!(purge(dir.path(), TODAY, 1).expect("purged"), ["2026-11-20"]);
        let mut left: Vec<_> =
            std::fs::read_dir(dir.path()).expect("listed").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["2026-11-22.sqlite", "audit.jsonl"]);
        assert!(purge(dir.path(), TODAY, 1).expect("nothing to do").is_empty());
    }

    #[test]
    fn what_cannot_be_deleted_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("2026-01-01.sqlite")).expect("a folder in the way");
        let error = purge(dir.path(), TODAY, 1).expect_err("a folder is no file");
        assert!(error.to_string().contains("2026-01-01.sqlite"), "{error}");
        assert!(purge(&dir.path().join("none"), TODAY, 1).expect("no register yet").is_empty());
    }
}
