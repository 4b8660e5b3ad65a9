//! The compiled index on disk, beside the report of what went into it.
//!
//! A new index takes the place of the old by a rename: the file that a running gate has mapped is never written, only
//! forgotten by its name. The one before it is kept, so that what changed can be told. A list that was good and is spoilt
//! now does not get in: the old index stays.

use super::Missing;
use super::compile::{self, Report};
use super::progress::Progress;
use super::source::Found;
use crate::config::Config;
use crate::files;
use memmap2::Mmap;
use policy::Index;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What came of compiling.
pub(crate) struct Compiled {
    /// What went into the index.
    pub(crate) report: Report,
    /// The index.
    pub(crate) index: Index,
    /// Lists that were good before and are spoilt now. When there are any, report and index are those of before.
    pub(crate) refused: Vec<Missing>,
}

/// Why a new index does not take the place of the old.
#[derive(Debug)]
struct Spoilt(Vec<Missing>);

impl std::fmt::Display for Spoilt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|missing| write!(out, "{missing} "))
    }
}

impl std::error::Error for Spoilt {}

/// Where the index is kept.
pub(crate) struct Store {
    dir: PathBuf,
}

impl Store {
    /// The store of a gate.
    pub(crate) fn of(config: &Config) -> Store {
        Store { dir: config.lists_dir() }
    }

    /// The index's file.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join("index.octroi")
    }

    fn report_path(&self) -> PathBuf {
        self.dir.join("report.json")
    }

    /// What went into the index; `None` when there is none, or none that this version understands.
    pub(crate) fn report(&self) -> Option<Report> {
        read_report(&self.report_path())
    }

    /// The index before this one, and what went into it.
    pub(crate) fn previous(&self) -> Option<(Report, Index)> {
        Some((read_report(&self.dir.join("report.previous.json"))?, open(&self.previous_path()).ok()?))
    }

    fn previous_path(&self) -> PathBuf {
        self.dir.join("index.previous.octroi")
    }

    /// Maps the index into memory. It is verified whole: what is corrupt, cut short or foreign is an error.
    pub(crate) fn open(&self) -> Result<Index, String> {
        open(&self.path())
    }

    /// Compiles the lists and puts the index in the place of the one before. Two commands at once wait for each other.
    pub(crate) fn compile(&self, found: &[Found], progress: &mut Progress) -> io::Result<Compiled> {
        files::private_dir(&self.dir)?;
        let lock = File::create(self.dir.join("lock"))?;
        lock.lock()?;
        let before = self.report().and_then(|report| Some((report, self.open().ok()?)));
        let kept = self.dir.join(".index.before");
        // One that cannot be kept by another name is not there to be compared with, which is no reason to do without the new.
        let is_kept = before.is_some() && {
            let _ = std::fs::remove_file(&kept);
            std::fs::hard_link(self.path(), &kept).is_ok()
        };
        let written = files::replace(&self.path(), |file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            let report = compile::write(found, &mut out, progress)?;
            if let Some((before, _)) = &before {
                let spoilt = report.spoilt_since(before);
                if !spoilt.is_empty() {
                    return Err(io::Error::other(Spoilt(spoilt)));
                }
            }
            out.flush()?;
            Ok(report)
        });
        let mut report = match (written, before) {
            (Ok(report), _) => report,
            (Err(why), Some((report, index))) if why.get_ref().is_some_and(|why| why.is::<Spoilt>()) => {
                let _ = std::fs::remove_file(&kept);
                let refused = why.into_inner().and_then(|why| why.downcast::<Spoilt>().ok());
                return Ok(Compiled { report, index, refused: refused.map_or_else(Vec::new, |spoilt| spoilt.0) });
            }
            (Err(why), _) => return Err(why),
        };
        // Opened before it is vouched for: an index that does not read back must not be called current.
        let index = self.open().map_err(io::Error::other)?;
        report.count(&index);
        if is_kept && !same(&kept, &self.path()) {
            std::fs::rename(&kept, self.previous_path())?;
            std::fs::copy(self.report_path(), self.dir.join("report.previous.json"))?;
        } else {
            let _ = std::fs::remove_file(&kept);
        }
        let mut text = serde_json::to_vec_pretty(&report).map_err(io::Error::other)?;
        text.push(b'\n');
        files::replace(&self.report_path(), |file| file.write_all(&text))?;
        Ok(Compiled { report, index, refused: Vec::new() })
    }
}

fn read_report(path: &Path) -> Option<Report> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn open(path: &Path) -> Result<Index, String> {
    let said = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let file = File::open(path).map_err(|why| said(&why))?;
    let bytes = map(&file).map_err(|why| said(&why))?;
    Index::open_at_pace(Arc::new(bytes), super::rest).map_err(|why| said(&why))
}

/// Whether two indexes are the same: each ends in the check sum of all that it holds.
fn same(a: &Path, b: &Path) -> bool {
    let end = |path: &Path| -> io::Result<(u64, [u8; 16])> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut end = [0; 16];
        file.seek(SeekFrom::End(-16))?;
        file.read_exact(&mut end)?;
        Ok((length, end))
    };
    matches!((end(a), end(b)), (Ok(a), Ok(b)) if a == b)
}

/// Maps a file of the store.
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapped file must not change. Files of this name come about by `files::replace` alone, which writes under
    // another name and renames, so that the bytes behind an open file never change; its folder is closed to other
    // accounts. Whoever edits the file in place with the gate's own rights could as well stop the gate.
    unsafe { Mmap::map(file) }
}
