//! Records as lines of JSON, in one file for each UTC day: `records.2026-11-23.jsonl`.
//!
//! A copy dies with its day. It therefore lies in the file of the day its record was opened in, however late that record
//! was settled: files that are changed by the clock, as those of the operational log are, would keep the end of a long
//! tunnel for as many days too long as it lasted.

use super::carry::{Destination, Numbered};
use crate::files;
use crate::shown::Shown;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};
use logstore::pseudonym::Pseudonyms;
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const PREFIX: &str = "records.";
const SUFFIX: &str = ".jsonl";

/// The files of a folder.
pub(super) struct Lines {
    folder: PathBuf,
    pseudonyms: Option<Pseudonyms>,
    /// The file written to last.
    open: Option<(Date, File)>,
}

impl Lines {
    pub(super) fn new(folder: PathBuf, pseudonyms: Option<Pseudonyms>) -> Lines {
        Lines { folder, pseudonyms, open: None }
    }
}

impl Destination for Lines {
    async fn open(&mut self) -> Result<(), String> {
        self.open = None;
        files::private_dir(&self.folder).map_err(|why| why.to_string())
    }

    async fn deliver(&mut self, records: &[Numbered]) -> Result<(), String> {
        let mut days: BTreeMap<Date, String> = BTreeMap::new();
        for (_, record) in records {
            let lines = days.entry(day(record.opened_at)).or_default();
            let shown = Shown::new(record.as_ref().clone(), self.pseudonyms.as_ref());
            lines.push_str(&serde_json::to_string(&shown).map_err(|why| why.to_string())?);
            lines.push('\n');
        }
        let (folder, open) = (self.folder.clone(), self.open.take());
        let written = tokio::task::spawn_blocking(move || write(&folder, open, &days)).await;
        // A file that could not be written is opened anew.
        self.open = written.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
        Ok(())
    }

    async fn closed(&mut self) -> String {
        // A folder closes nothing: a failure shows when it is written to.
        std::future::pending().await
    }

    async fn finish(&mut self) -> Result<(), String> {
        self.open = None;
        Ok(())
    }
}

/// The UTC day of an instant in microseconds since 1970.
fn day(at: i64) -> Date {
    Offset::UTC.to_datetime(Timestamp::from_microsecond(at).unwrap_or_default()).date()
}

/// Appends lines to the files of their days. Returns the file of the last day, to go on with.
fn write(
    folder: &Path,
    mut open: Option<(Date, File)>,
    days: &BTreeMap<Date, String>,
) -> io::Result<Option<(Date, File)>> {
    for (&day, lines) in days {
        let mut file = match open.take() {
            Some((of, file)) if of == day && is_there(&file, &path(folder, day)) => file,
            _ => append(&path(folder, day))?,
        };
        file.write_all(lines.as_bytes())?;
        open = Some((day, file));
    }
    Ok(open)
}

/// Whether the open file is the one of that name: deleted or replaced meanwhile, it leads nowhere.
fn is_there(file: &File, path: &Path) -> bool {
    let identity = |data: Metadata| (data.dev(), data.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

/// Opens a file to add to; a line that was not written whole is ended first, so that it spoils no other.
fn append(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

fn path(folder: &Path, day: Date) -> PathBuf {
    folder.join(format!("{PREFIX}{day}{SUFFIX}"))
}

/// The day a file's name stands for.
fn day_of(name: &str) -> Option<Date> {
    let text = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    // Only the one spelling that is written here: others are read too.
    text.parse::<Date>().ok().filter(|day| day.to_string() == text)
}

/// The oldest day whose copies may be kept at `now` (UTC, microseconds since 1970): a record of day D may live to the
/// end of day D + `retention_days`.
pub(crate) fn kept_from(now: i64, retention_days: u16) -> Date {
    day(now).saturating_sub(i64::from(retention_days).days())
}

/// Deletes the files of the days before `keep_from`, whether records are forwarded now or were once. Returns the days,
/// oldest first. Stops at the first failure: what is left is due at the next call. Blocks on the file system.
pub(crate) fn purge(folder: &Path, keep_from: Date) -> io::Result<Vec<Date>> {
    let listing = match std::fs::read_dir(folder) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut due = Vec::new();
    for entry in listing {
        due.extend(entry?.file_name().to_str().and_then(day_of).filter(|day| *day < keep_from));
    }
    due.sort_unstable();
    for &day in &due {
        match std::fs::remove_file(path(folder, day)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_day_is_kept_as_long_as_its_records() {
        // 2026-11-23 18:45 UTC.
        let now = 1_795_459_500_000_000;
        assert_eq!(kept_from(now, 1), date(2026, 11, 22));
        assert_eq!(kept_from(now, 365), date(2025, 11, 23));
        let dir = tempfile::tempdir().expect("a folder");
        let names = [
            "records.2025-11-21.jsonl",
            "records.2025-11-22.jsonl",
            "records.2025-11-23.jsonl",
            "records.2026-11-23.jsonl",
            "records.20251122.jsonl",
            "records.2025-11-22.txt",
            "notes",
        ];
        for name in names {
            std::fs::write(dir.path().join(name), "{}\n").expect("written");
        }
        let purged = purge(dir.path(), kept_from(now, 365)).expect("purged");
        assert_eq!(purged, [date(2025, 11, 21), date(2025, 11, 22)]);
        let left = |name: &&str| dir.path().join(name).exists();
        assert_eq!(names.iter().filter(|name| left(name)).count(), names.len() - 2);
        assert!(left(&"records.2025-11-23.jsonl"));
        assert_eq!(purge(dir.path(), kept_from(now, 365)).expect("purged"), []);
        assert_eq!(purge(&dir.path().join("none"), kept_from(now, 1)).expect("nothing there"), []);
    }

    #[test]
    fn lines_go_to_their_own_day_and_half_a_line_spoils_no_other() {
        let dir = tempfile::tempdir().expect("a folder");
        let (one, two) = (date(2026, 11, 22), date(2026, 11, 23));
        let lines = |day: Date, text: &str| BTreeMap::from([(day, text.to_owned())]);
        let read = |day: Date| std::fs::read_to_string(path(dir.path(), day)).expect("read");
        std::fs::write(path(dir.path(), two), "{\"ha").expect("written");
        let open = write(dir.path(), None, &lines(two, "{}\n")).expect("written");
        let open = write(dir.path(), open, &lines(one, "{\"late\":1}\n")).expect("written");
        let open = write(dir.path(), open, &lines(two, "{}\n")).expect("written");
        assert_eq!((read(one).as_str(), read(two).as_str()), ("{\"late\":1}\n", "{\"ha\n{}\n{}\n"));
        let mode = std::fs::metadata(path(dir.path(), one)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A purge under the writer's hands leaves nothing written to a file that is gone.
        std::fs::remove_file(path(dir.path(), two)).expect("deleted");
        write(dir.path(), open, &lines(two, "{}\n")).expect("written");
        assert_eq!(read(two), "{}\n");
    }
}
