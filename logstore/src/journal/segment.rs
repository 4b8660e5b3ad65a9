//! A segment: one file of the journal, made once, appended to, deleted whole.

use super::frame::{self, Scan};
use crate::error::words;
use crate::{Durability, clock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"octjrnl1";
/// `MAGIC`, number, next identifier, made at, flags, crc32 of all before.
const HEADER: usize = 40;
/// Flag: the register was finished, all is filed, no record is open anywhere.
const FINISHED: u32 = 1;
const SUFFIX: &str = ".journal";

/// The journal's folder inside the register's.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// Makes a folder that only its owner enters, with its parents.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}{SUFFIX}"))
}

/// The numbers of the segments there are, lowest first.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<u64>().ok()));
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
}

impl Segment {
    /// Makes the segment `number`. `next_id`: above every identifier of the segments before it.
    pub(crate) fn create(folder: &Path, number: u64, next_id: i64, durability: Durability) -> Result<Segment, String> {
        Segment::make(folder, number, next_id, durability, 0).map_err(|error| words(&path(folder, number), &error))
    }

    /// Makes the segment that says: finished, nothing is owed; `next_id` is where to go on.
    pub(crate) fn create_finished(folder: &Path, number: u64, next_id: i64) -> Result<(), String> {
        Segment::make(folder, number, next_id, Durability::Power, FINISHED)
            .map(drop)
            .map_err(|error| words(&path(folder, number), &error))
    }

    fn make(folder: &Path, number: u64, next_id: i64, durability: Durability, flags: u32) -> io::Result<Segment> {
        let path = path(folder, number);
        let made_at = clock::now();
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&number.to_le_bytes());
        header.extend_from_slice(&next_id.to_le_bytes());
        header.extend_from_slice(&made_at.to_le_bytes());
        header.extend_from_slice(&flags.to_le_bytes());
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut segment = Segment { file, path, made_at, good: 0, durability };
        let written = segment.write(&header).and_then(|()| match durability {
            // The name must survive too.
            Durability::Power => File::open(folder)?.sync_all(),
            Durability::Process => Ok(()),
        });
        if let Err(error) = written {
            let _ = std::fs::remove_file(&segment.path);
            return Err(error);
        }
        Ok(segment)
    }

    pub(crate) fn made_at(&self) -> i64 {
        self.made_at
    }

    pub(crate) fn len(&self) -> u64 {
        self.good
    }

    /// Whether nothing has been appended yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.good == HEADER as u64
    }

    /// Appends and commits. On failure nothing counts as written: see [`Segment::cut_back`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.write(bytes).map_err(|error| words(&self.path, &error))
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
    pub(crate) fn on(file: File, folder: &Path, number: u64) -> Segment {
        let path = path(folder, number);
        Segment { file, path, made_at: clock::now(), good: 0, durability: Durability::Process }
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

/// Reads a segment.
pub(crate) fn replay(folder: &Path, number: u64) -> Result<Replay, String> {
    let path = path(folder, number);
    let bytes = std::fs::read(&path).map_err(|error| words(&path, &error))?;
    let Some(header) = read_header(&bytes) else {
        // A crash while it was made, or damage: frames, if any, are found all the same.
        return Ok(Replay { path, made_at: None, next_id: None, finished: false, scan: frame::scan(&bytes) });
    };
    let scan = frame::scan(bytes.get(HEADER..).unwrap_or_default());
    let finished = header.flags & FINISHED != 0 && scan.frames.is_empty();
    Ok(Replay { path, made_at: Some(header.made_at), next_id: Some(header.next_id), finished, scan })
}

struct Header {
    next_id: i64,
    made_at: i64,
    flags: u32,
}

fn read_header(bytes: &[u8]) -> Option<Header> {
    let (header, _) = bytes.split_first_chunk::<HEADER>()?;
    let (body, crc) = header.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let rest = body.strip_prefix(&MAGIC)?;
    let (_number, rest) = rest.split_first_chunk::<8>()?;
    let (next_id, rest) = rest.split_first_chunk()?;
    let (made_at, rest) = rest.split_first_chunk()?;
    let (flags, _) = rest.split_first_chunk()?;
    Some(Header {
        next_id: i64::from_le_bytes(*next_id),
        made_at: i64::from_le_bytes(*made_at),
        flags: u32::from_le_bytes(*flags),
    })
}
