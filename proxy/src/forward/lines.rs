//! Records as lines of JSON, in tracing-appender's rolling files: `records.2026-11-23.jsonl`.
//!
//! Lines wait for the disk in a queue of a size that does not change, in front of a thread of its own: nobody else ever
//! waits, and a line that finds the queue full is lost and counted. tracing-appender says nothing of a write that failed;
//! it is seen here, between the two of them, and its line is counted as lost too.
//!
//! The files turn by the clock, at midnight UTC, and a record is written when it has ended: one that was opened before
//! midnight may stand in the file of the next day. Nothing older does, see [`Files::add`]. A copy dies with its day, or
//! before it, never after: therefore a file goes as soon as the day before its own is past its term. What is of its own day
//! dies a day early there; the register still has it.

use super::Counts;
use crate::files;
use crate::shown::Shown;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};
use logstore::Record;
use logstore::pseudonym::Pseudonyms;
use logstore::retention::{self, Term};
use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

const PREFIX: &str = "records";
const SUFFIX: &str = "jsonl";
/// Lines that may wait to be written: what recovery tells at once, and as many again.
const WAITING: usize = 16_384;
/// Octets in front of a line.
const OPENED: usize = size_of::<i64>();

/// The way into the files.
pub(super) struct Lines {
    pseudonyms: Option<Pseudonyms>,
    queue: NonBlocking,
    /// Lines that found the queue full.
    dropped: ErrorCounter,
    guard: WorkerGuard,
    counts: Arc<Counts>,
    /// Records there were, written or not.
    all: u64,
    /// The queue has been full, and is not half empty yet.
    full: bool,
}

impl Lines {
    /// Starts the thread that writes; nobody waits for it. A folder that cannot be written is tried again with each line.
    pub(super) fn start(folder: PathBuf, pseudonyms: Option<Pseudonyms>, counts: Arc<Counts>) -> Lines {
        let files = Files::new(folder, counts.clone());
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING);
        let (mut queue, guard) = builder.thread_name("forward-json").finish(files);
        // Without a line: whether there is a folder to write to shows before there is anything to write.
        let _ = queue.write_all(&Timestamp::now().as_microsecond().to_be_bytes());
        Lines { pseudonyms, dropped: queue.error_counter(), queue, guard, counts, all: 0, full: false }
    }

    /// Hands over whatever comes, until `last` is cancelled and nothing more is there, or the register has gone; then
    /// waits a second at most for what is in the queue.
    pub(super) async fn run(mut self, mut records: Receiver<Arc<Record>>, last: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                next = records.recv() => match next {
                    Ok(record) => self.hand_over(&record),
                    Err(RecvError::Lagged(lost)) => {
                        self.all += lost;
                        self.lose(lost);
                    }
                    Err(RecvError::Closed) => break,
                },
                () = last.cancelled() => break,
            }
        }
        let Lines { counts, guard, all, .. } = self;
        // The guard waits for the thread, though not for ever.
        let _ = tokio::task::spawn_blocking(move || drop(guard)).await;
        counts.connected.store(false, Ordering::Relaxed);
        let left = all.saturating_sub(counts.settled());
        if left > 0 {
            counts.lost.fetch_add(left, Ordering::Relaxed);
            tracing::warn!(lost = left, "stopped before the files of JSON lines had taken these records");
        }
    }

    fn hand_over(&mut self, record: &Record) {
        self.all += 1;
        let shown = Shown::new(record.clone(), self.pseudonyms.as_ref());
        let mut message = record.opened_at.to_be_bytes().to_vec();
        if serde_json::to_writer(&mut message, &shown).is_err() {
            // A record has no keys but texts, and no numbers that are none: this does not happen.
            return self.lose(1);
        }
        message.push(b'\n');
        let before = self.dropped.dropped_lines();
        // It never fails and never waits; a line for which there was no room is counted.
        let _ = self.queue.write_all(&message);
        match self.dropped.dropped_lines() - before {
            0 => self.full &= self.all.saturating_sub(self.counts.settled()) > WAITING as u64 / 2,
            dropped => self.lose(dropped as u64),
        }
    }

    fn lose(&mut self, lost: u64) {
        self.counts.lost.fetch_add(lost, Ordering::Relaxed);
        if !std::mem::replace(&mut self.full, true) {
            tracing::warn!(
                "the files of JSON lines take fewer records than there are; what finds no room is lost to them"
            );
        }
    }
}

/// The files, as the writing thread has them: tracing-appender's, and what it does not tell.
struct Files {
    folder: PathBuf,
    open: Option<(Date, RollingFileAppender)>,
    counts: Arc<Counts>,
    /// Records lost before the outage at hand; `None` when there is none.
    outage: Option<u64>,
    /// Records not written because they are too old, since that was last said.
    old: u64,
}

impl Files {
    fn new(folder: PathBuf, counts: Arc<Counts>) -> Files {
        Files { folder, open: None, counts, outage: None, old: 0 }
    }

    /// Writes a line: [`OPENED`] octets that say when its record was opened, then the line.
    ///
    /// One that was opened before yesterday stays out, since the file would outlive it: what recovery finds when a gate
    /// was down for days.
    fn add(&mut self, message: &[u8]) -> io::Result<()> {
        let (opened_at, line) = message.split_first_chunk::<OPENED>().ok_or(io::ErrorKind::InvalidData)?;
        let opened = day(i64::from_be_bytes(*opened_at));
        let (today, appender) = self.today()?;
        if line.is_empty() {
            self.back();
            return Ok(());
        }
        if opened < day_before(today) {
            self.old += 1;
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        appender.write_all(line)?;
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
        self.back();
        Ok(())
    }

    /// The file of today. The appender turns by itself; it is made anew each day all the same, since of a turn that failed
    /// it says nothing, and one that was made by a clock far ahead would not turn back.
    fn today(&mut self) -> io::Result<(Date, &mut RollingFileAppender)> {
        let today = day(Timestamp::now().as_microsecond());
        let open = match self.open.take().filter(|(of, _)| *of == today) {
            Some(open) => open,
            None => (today, appender(&self.folder, today)?),
        };
        let (today, appender) = self.open.insert(open);
        Ok((*today, appender))
    }

    /// Says once that nothing can be written.
    fn out(&mut self, why: &io::Error) {
        self.counts.connected.store(false, Ordering::Relaxed);
        if self.outage.is_none() {
            self.outage = Some(self.counts.lost.load(Ordering::Relaxed));
            let folder = self.folder.display();
            tracing::warn!(%folder, %why, "the files of JSON lines cannot be written; what comes meanwhile is lost to them");
        }
    }

    /// Says once that it can again, and what was lost meanwhile.
    fn back(&mut self) {
        self.counts.connected.store(true, Ordering::Relaxed);
        let Some(before) = self.outage.take() else { return };
        let lost = self.counts.lost.load(Ordering::Relaxed) - before;
        tracing::warn!(lost, "the files of JSON lines are written again; the register has what they lost");
    }
}

impl Write for Files {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        if let Err(why) = self.add(message) {
            // Whatever was written of the line, the next begins a new one.
            self.open = None;
            self.out(&why);
            self.counts.lost.fetch_add(u64::from(message.len() > OPENED), Ordering::Relaxed);
        }
        // Nobody would hear of a failure.
        Ok(message.len())
    }

    /// Called when the queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        if self.old > 0 {
            let lost = std::mem::take(&mut self.old);
            tracing::warn!(lost, "records opened before yesterday are not written to files of JSON lines");
        }
        Ok(())
    }
}

/// tracing-appender's files in that folder, the one of today open; a line that was not written whole is ended.
fn appender(folder: &Path, today: Date) -> io::Result<RollingFileAppender> {
    files::private_dir(folder)?;
    let builder = RollingFileAppender::builder().rotation(Rotation::DAILY);
    let built = builder.filename_prefix(PREFIX).filename_suffix(SUFFIX).build(folder);
    let mut appender = built.map_err(|error| {
        io::Error::other(error.source().map_or_else(|| error.to_string(), |source| source.to_string()))
    })?;
    if !ends_a_line(&path(folder, today))? {
        appender.write_all(b"\n")?;
    }
    Ok(appender)
}

fn ends_a_line(path: &Path) -> io::Result<bool> {
    let mut file = match File::open(path) {
        // Midnight has just passed.
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(true),
        file => file?,
    };
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The UTC day of an instant in microseconds since 1970.
fn day(at: i64) -> Date {
    Offset::UTC.to_datetime(Timestamp::from_microsecond(at).unwrap_or_default()).date()
}

fn day_before(day: Date) -> Date {
    day.saturating_sub(1.days())
}

fn path(folder: &Path, day: Date) -> PathBuf {
    folder.join(format!("{PREFIX}.{day}.{SUFFIX}"))
}

/// The day a file's name stands for.
fn day_of(name: &str) -> Option<Date> {
    let text = name.strip_prefix(PREFIX)?.strip_prefix('.')?.strip_suffix(SUFFIX)?.strip_suffix('.')?;
    // Only the one spelling that is written here: others are read too.
    text.parse::<Date>().ok().filter(|day| day.to_string() == text)
}

/// Whether a file is due at `now` (UTC, microseconds since 1970), by the terms that were announced: as soon as the day
/// before its own is, of which it may have records.
fn is_due(now: i64, file: Date, terms: &[Term]) -> bool {
    let oldest = day_before(file);
    let begins = Offset::UTC.to_timestamp(oldest.at(0, 0, 0, 0)).map_or(i64::MIN, |begins| begins.as_microsecond());
    retention::term(now, begins, terms).is_some_and(|days| oldest.saturating_add(i64::from(days).days()) < day(now))
}

/// Deletes the files that are due, whether records are forwarded now or were once. Returns their days, oldest first.
/// Stops at the first failure: what is left is due at the next call. Blocks on the file system.
pub(crate) fn purge(folder: &Path, now: i64, terms: &[Term]) -> io::Result<Vec<Date>> {
    let listing = match std::fs::read_dir(folder) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut due = Vec::new();
    for entry in listing {
        due.extend(entry?.file_name().to_str().and_then(day_of).filter(|day| is_due(now, *day, terms)));
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
    use crate::forward::tests::record;
    use jiff::civil::date;

    /// 2026-11-23 18:45 UTC.
    const NOW: i64 = 1_795_459_500_000_000;
    const DAY: i64 = 86_400_000_000;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("listed").file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().expect("a name")).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_goes_when_the_day_before_it_is_past_its_term() {
        let dir = tempfile::tempdir().expect("a folder");
        let year = [Term { from: 0, days: 365 }];
        let all = [
            "notes",
            "records.2025-11-22.jsonl",
            "records.2025-11-23.jsonl",
            "records.2025-11-24.jsonl",
            "records.2026-11-22.jsonl",
            "records.2026-11-23.jsonl",
            "records.20251122.jsonl",
            "records.2025-11-22.txt",
        ];
        for name in all {
            std::fs::write(dir.path().join(name), "{}\n").expect("written");
        }
        assert_eq!(purge(dir.path(), NOW, &[]).expect("purged"), [], "no term was announced");
        // Of 2025-11-23, what was opened that day may stay; what was opened on the 22nd may not.
        assert_eq!(purge(dir.path(), NOW, &year).expect("purged"), [date(2025, 11, 22), date(2025, 11, 23)]);
        assert_eq!(names(dir.path()).len(), all.len() - 2);
        assert_eq!(purge(dir.path(), NOW, &year).expect("purged"), []);
        assert_eq!(purge(&dir.path().join("none"), NOW, &year).expect("nothing there"), []);
        // The shortest term leaves the file that is written.
        let a_day = [Term { from: 0, days: 1 }];
        purge(dir.path(), NOW, &a_day).expect("purged");
        let left = ["notes", "records.2025-11-22.txt", "records.20251122.jsonl", "records.2026-11-23.jsonl"];
        assert_eq!(names(dir.path()), left);
    }

    #[test]
    fn a_longer_term_gives_no_copy_more_time_than_its_record_has() {
        let terms = [Term { from: 0, days: 30 }, Term { from: NOW - 10 * DAY, days: 365 }];
        // The last file with records that were promised thirty days is the one of the day on which that changed.
        let file = day(NOW - 10 * DAY);
        assert!(!is_due(NOW + 19 * DAY, file, &terms));
        assert!(is_due(NOW + 20 * DAY, file, &terms));
        assert!(is_due(NOW + 21 * DAY, file.tomorrow().expect("a day"), &terms));
        assert!(!is_due(NOW + 40 * DAY, file.tomorrow().expect("a day").tomorrow().expect("a day"), &terms));
    }

    /// A message about a record opened so many days ago.
    fn message(days_ago: i64, line: &str) -> Vec<u8> {
        let opened_at = Timestamp::now().as_microsecond() - days_ago * DAY;
        [&opened_at.to_be_bytes(), line.as_bytes()].concat()
    }

    #[test]
    fn half_a_line_spoils_no_other_and_what_is_old_stays_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let today = || path(dir.path(), day(Timestamp::now().as_microsecond()));
        std::fs::write(today(), "{\"ha").expect("written");
        let counts = Arc::new(Counts::default());
        let mut files = Files::new(dir.path().to_owned(), counts.clone());
        for days_ago in [1, 0, 3, 2] {
            files.write_all(&message(days_ago, &format!("{{\"ago\":{days_ago}}}\n"))).expect("it never fails");
        }
        assert_eq!(std::fs::read_to_string(today()).expect("read"), "{\"ha\n{\"ago\":1}\n{\"ago\":0}\n");
        assert_eq!(names(dir.path()).len(), 1);
        assert_eq!((counts.read().sent, counts.read().lost, counts.read().connected), (2, 2, true));
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_the_next_is_tried_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let (folder, away) = (dir.path().join("forward"), dir.path().join("away"));
        std::fs::write(&folder, "in the way").expect("written");
        let counts = Arc::new(Counts::default());
        let mut files = Files::new(folder.clone(), counts.clone());
        files.write_all(&message(0, "")).expect("it never fails");
        assert_eq!((counts.read().sent, counts.read().lost, counts.read().connected), (0, 0, false));
        files.write_all(&message(0, "{}\n")).expect("it never fails");
        assert_eq!((counts.read().sent, counts.read().lost, counts.read().connected), (0, 1, false));
        std::fs::rename(&folder, &away).expect("moved");
        files.write_all(&message(0, "{}\n")).expect("it never fails");
        assert_eq!((counts.read().sent, counts.read().lost, counts.read().connected), (1, 1, true));
        // A device on which nothing fits, as a full disk: the write fails, and its file is opened anew.
        let today = path(&folder, day(Timestamp::now().as_microsecond()));
        std::fs::remove_file(&today).expect("deleted");
        std::os::unix::fs::symlink("/dev/full", &today).expect("linked");
        files.open = None;
        files.write_all(&message(0, "{}\n")).expect("it never fails");
        assert_eq!((counts.read().sent, counts.read().lost, counts.read().connected), (1, 2, false));
        std::fs::remove_file(&today).expect("deleted");
        files.write_all(&message(0, "{}\n")).expect("it never fails");
        assert_eq!((counts.read().sent, counts.read().lost, counts.read().connected), (2, 2, true));
    }

    /// A disk that does not answer: the queue is full, and nobody waits.
    #[tokio::test]
    async fn a_disk_that_hangs_costs_lines_and_holds_up_nobody() {
        let dir = tempfile::tempdir().expect("a folder");
        // To open a pipe that nobody reads waits for ever.
        let today = path(dir.path(), day(Timestamp::now().as_microsecond()));
        let counts = Arc::new(Counts::default());
        let pipe = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &today, rustix::fs::FileType::Fifo, pipe, 0).expect("made");
        let mut lines = Lines::start(dir.path().to_owned(), None, counts.clone());
        let now = Timestamp::now().as_microsecond();
        let count = WAITING as u64 + 1000;
        for _ in 0..count {
            lines.hand_over(&Record { opened_at: now, ..record(1) });
        }
        let lost = counts.read().lost;
        assert!((1000..=1001).contains(&lost), "{lost} of {count} are lost, the rest waits");
        let (register, records) = tokio::sync::broadcast::channel(16);
        drop(register);
        lines.run(records, CancellationToken::new()).await;
        assert_eq!((counts.read().sent, counts.read().lost), (0, count), "given up at the end, and counted");
    }
}
