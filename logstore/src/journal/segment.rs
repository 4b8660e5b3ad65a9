//! A segment: one file of the journal, made once, appended to, deleted whole.

use super::frame::{self, Form, Scan};
use crate::cipher::random;
use crate::day::Day;
use crate::error::words;
use crate::keys::{DayKey, KeyName, Keys};
use crate::{Durability, crash};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"octjrnl2";
/// `MAGIC`, number, next identifier, made at, flags, name of the day's key, nonce, crc32 of all before.
const HEADER: usize = 56;
/// The first form, in the clear: without key and nonce.
const CLEAR_MAGIC: [u8; 8] = *b"octjrnl1";
const CLEAR_HEADER: usize = 40;
/// No journal comes so far: a name with such a number is somebody's who wants it to end.
const LAST: u64 = 1 << 62;
/// Frames that are hidden together, at most: what is damaged costs no more.
const TOGETHER: usize = 4 << 20;
/// What frames are hidden as.
const FRAMES: &str = "frames";
/// Flag: the register was finished, all is filed, no record is open anywhere.
const FINISHED: u32 = 1;
const SUFFIX: &str = ".journal";

/// The journal's folder inside the register's.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("journal")
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}{SUFFIX}"))
}

/// The numbers of the segments there are, lowest first; none when there is no such folder.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        listing => listing?,
    };
    for entry in listing {
        let name = entry?.file_name();
        numbers.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(SUFFIX)?.parse::<u64>().ok().filter(|number| *number < LAST)),
        );
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes the segments before `number`.
pub(crate) fn delete_before(folder: &Path, number: u64) -> io::Result<()> {
    for old in list(folder)?.into_iter().filter(|old| *old < number) {
        std::fs::remove_file(path(folder, old))?;
    }
    Ok(())
}

/// The segments that were made on one of the days asked for, but for the last, which may be being written.
pub(crate) fn made_on(folder: &Path, is_asked: impl Fn(Day) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    let numbers = list(folder)?;
    for number in numbers.iter().take(numbers.len().saturating_sub(1)) {
        let path = path(folder, *number);
        if day_of(&path)?.is_some_and(&is_asked) {
            made.push(path);
        }
    }
    Ok(made)
}

/// The day the last segment was made on, which its key is of.
pub(crate) fn last_day(folder: &Path) -> io::Result<Option<Day>> {
    list(folder)?.last().map_or(Ok(None), |last| day_of(&path(folder, *last)))
}

fn day_of(path: &Path) -> io::Result<Option<Day>> {
    let mut head = Vec::with_capacity(HEADER);
    File::open(path)?.take(HEADER as u64).read_to_end(&mut head)?;
    Ok(read_header(&head).map(|header| Day::of(header.made_at)))
}

/// Puts a damaged segment aside for whoever wants to look; nothing reads it again.
pub(crate) fn set_aside(folder: &Path, number: u64) -> io::Result<PathBuf> {
    let from = path(folder, number);
    let aside = from.with_extension("damaged");
    std::fs::rename(from, &aside)?;
    Ok(aside)
}

/// The segment being written.
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    made_at: i64,
    /// Bytes that are known to be good; what lies beyond is half-written.
    good: u64,
    durability: Durability,
    hiding: Hiding,
}

/// What frames are hidden under: the key of the day the segment was made on, and a nonce that counts.
struct Hiding {
    day: Day,
    key: DayKey,
    nonce: [u8; 8],
    count: u32,
}

impl Hiding {
    /// The frames hidden, a few together. A count is never given twice, whatever becomes of the bytes.
    fn hide(&mut self, frames: &[u8]) -> Vec<u8> {
        let mut hidden = Vec::with_capacity(frames.len() + 64);
        let mut rest = frames;
        while !rest.is_empty() {
            let (together, behind) = rest.split_at(frame::whole(rest, TOGETHER));
            rest = behind;
            let (count, nonce) = (self.count, nonce(self.nonce, self.count));
            self.count += 1;
            let place = self.day.place(FRAMES);
            frame::hidden(&mut hidden, count, together, |frames| self.key.journal.hide_in_place(nonce, &place, frames));
        }
        hidden
    }
}

fn nonce(of_segment: [u8; 8], count: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&of_segment);
    nonce[8..].copy_from_slice(&count.to_be_bytes());
    nonce
}

impl Segment {
    /// Makes the segment `number`. `next_id`: above every identifier of the segments before it.
    pub(crate) fn create(
        folder: &Path,
        number: u64,
        next_id: i64,
        durability: Durability,
        keys: &Keys,
        now: i64,
    ) -> Result<Segment, String> {
        Segment::make(folder, number, next_id, durability, 0, keys, now)
    }

    /// Makes the segment that says: finished, nothing is owed; `next_id` is where to go on.
    pub(crate) fn create_finished(
        folder: &Path,
        number: u64,
        next_id: i64,
        keys: &Keys,
        now: i64,
    ) -> Result<(), String> {
        Segment::make(folder, number, next_id, Durability::Power, FINISHED, keys, now).map(drop)
    }

    fn make(
        folder: &Path,
        number: u64,
        next_id: i64,
        durability: Durability,
        flags: u32,
        keys: &Keys,
        made_at: i64,
    ) -> Result<Segment, String> {
        let path = path(folder, number);
        let day = Day::of(made_at);
        let key = keys.day_or_new(day).map_err(|error| error.to_string())?;
        let hiding = Hiding { day, key, nonce: random(), count: 0 };
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&number.to_le_bytes());
        header.extend_from_slice(&next_id.to_le_bytes());
        header.extend_from_slice(&made_at.to_le_bytes());
        header.extend_from_slice(&flags.to_le_bytes());
        header.extend_from_slice(&hiding.key.name.bytes());
        header.extend_from_slice(&hiding.nonce);
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| words(&path, &error))?;
        let mut segment = Segment { file, path, made_at, good: 0, durability, hiding };
        crash::point("segment named");
        let written = segment.write(&header).and_then(|()| match durability {
            // The name must survive too.
            Durability::Power => File::open(folder)?.sync_all(),
            Durability::Process => Ok(()),
        });
        if let Err(error) = written {
            let _ = std::fs::remove_file(&segment.path);
            return Err(words(&segment.path, &error));
        }
        crash::point("segment made");
        Ok(segment)
    }

    /// Whether it is of another day: what is written belongs under a key of its own day.
    pub(crate) fn is_of_another_day(&self, now: i64) -> bool {
        Day::of(self.made_at) != Day::of(now)
    }

    /// Whether somebody deleted it: what is written to it would be read by nobody.
    pub(crate) fn is_gone(&self) -> bool {
        self.file.metadata().is_ok_and(|data| data.is_file() && data.nlink() == 0)
    }

    pub(crate) fn len(&self) -> u64 {
        self.good
    }

    /// Whether nothing has been appended yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.good == HEADER as u64
    }

    /// Appends and commits. On failure nothing counts as written: see [`Segment::cut_back`].
    pub(crate) fn append(&mut self, frames: &[u8]) -> Result<(), String> {
        let hidden = self.hiding.hide(frames);
        crash::point("before an append");
        let written = self.write(&hidden).map_err(|error| words(&self.path, &error));
        crash::point("after an append");
        written
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if self.durability == Durability::Power {
            self.file.sync_data()?;
        }
        self.good += bytes.len() as u64;
        Ok(())
    }

    /// Takes back what a failed append may have left. Whether the segment can be written again: not when this fails,
    /// and not after a failed sync, which leaves unsaid what reached the disk.
    pub(crate) fn cut_back(&mut self) -> bool {
        let cut = self.file.set_len(self.good).and_then(|()| self.file.seek(SeekFrom::Start(self.good)));
        cut.is_ok() && self.durability == Durability::Process
    }

    #[cfg(test)]
    pub(crate) fn on(file: File, folder: &Path, number: u64, keys: &Keys, made_at: i64) -> Segment {
        let path = path(folder, number);
        let day = Day::of(made_at);
        let hiding = Hiding { day, key: keys.day_or_new(day).expect("a key"), nonce: random(), count: 0 };
        Segment { file, path, made_at, good: 0, durability: Durability::Process, hiding }
    }
}

/// A segment as it is read back.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) path: PathBuf,
    /// When it was made, if its header can be read.
    pub(crate) made_at: Option<i64>,
    /// The next identifier when it was made, if its header can be read.
    pub(crate) next_id: Option<i64>,
    /// Whether it says that the register was finished.
    pub(crate) finished: bool,
    pub(crate) scan: Scan,
}

/// Reads a segment. Fails when its key cannot be had: what it hides is not lost, but not to be passed over; unless its
/// day was `erased`: then it is gone as it should be.
pub(crate) fn replay(folder: &Path, number: u64, keys: &Keys, erased: impl Fn(Day) -> bool) -> Result<Replay, String> {
    let path = path(folder, number);
    let bytes = std::fs::read(&path).map_err(|error| words(&path, &error))?;
    // Frames in the clear are taken from a register that was never of today's form, and then even without a header.
    let clear = keys.accepts_clear_journal();
    let unread = if clear { Form::Clear } else { Form::Hidden(&|_, _| None) };
    let header = read_header(&bytes).filter(|header| header.key.is_some() || clear);
    let Some(header) = header else {
        // A crash while it was made, or damage, or somebody else's.
        let scan = frame::scan(&bytes, unread);
        return Ok(Replay { path, made_at: None, next_id: None, finished: false, scan });
    };
    let frames = bytes.get(header.length..).unwrap_or_default();
    let day = Day::of(header.made_at);
    let scan = match &header.key {
        None => frame::scan(frames, Form::Clear),
        // Nothing was written but the header: no key is needed, and it may be gone with its day.
        Some(_) if frames.is_empty() => Scan::default(),
        Some((name, _)) if erased(day) && !keys.has(day, name) => Scan::default(),
        Some((name, of_segment)) => {
            let key = keys.day(day, name).map_err(|error| words(&path, &error))?;
            let reveal = |count: u32, hidden: &[u8]| {
                let mut hidden = hidden.to_vec();
                let frames = key.journal.open_in_place(nonce(*of_segment, count), &day.place(FRAMES), &mut hidden);
                frames.ok().map(<[u8]>::to_vec)
            };
            frame::scan(frames, Form::Hidden(&reveal))
        }
    };
    let finished = header.flags & FINISHED != 0 && scan.frames.is_empty();
    Ok(Replay { path, made_at: Some(header.made_at), next_id: Some(header.next_id), finished, scan })
}

struct Header {
    length: usize,
    next_id: i64,
    made_at: i64,
    flags: u32,
    /// The day's key and the segment's nonce; `None` in the first form.
    key: Option<(KeyName, [u8; 8])>,
}

fn read_header(bytes: &[u8]) -> Option<Header> {
    let length = if bytes.starts_with(&CLEAR_MAGIC) { CLEAR_HEADER } else { HEADER };
    let (body, crc) = bytes.get(..length)?.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let rest = body.strip_prefix(&MAGIC).or_else(|| body.strip_prefix(&CLEAR_MAGIC))?;
    let (_number, rest) = rest.split_first_chunk::<8>()?;
    let (next_id, rest) = rest.split_first_chunk()?;
    let (made_at, rest) = rest.split_first_chunk()?;
    let (flags, rest) = rest.split_first_chunk()?;
    let key = match rest.split_first_chunk::<8>() {
        None => None,
        Some((name, nonce)) => Some((KeyName::of_bytes(name), nonce.try_into().ok()?)),
    };
    Some(Header {
        length,
        next_id: i64::from_le_bytes(*next_id).clamp(1, i64::MAX >> 1),
        made_at: i64::from_le_bytes(*made_at),
        flags: u32::from_le_bytes(*flags),
        key,
    })
}
