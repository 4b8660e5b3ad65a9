//! The compiled index on disk, beside the report of what went into it.
//!
//! A new index takes the place of the old by a rename: the file that a running gate has mapped is never written, only
//! forgotten by its name.

use super::compile::{self, Report};
use super::progress::Progress;
use super::source::Found;
use crate::config::Config;
use crate::files;
use memmap2::Mmap;
use policy::Index;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

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
        serde_json::from_slice(&std::fs::read(self.report_path()).ok()?).ok()
    }

    /// Maps the index into memory. It is verified whole: what is corrupt, cut short or foreign is an error.
    pub(crate) fn open(&self) -> Result<Index, String> {
        let path = self.path();
        let said = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let file = File::open(&path).map_err(|why| said(&why))?;
        let bytes = map(&file).map_err(|why| said(&why))?;
        Index::open_at_pace(Arc::new(bytes), super::rest).map_err(|why| said(&why))
    }

    /// Compiles the lists and puts the index in the place of the one before. Two commands at once wait for each other.
    pub(crate) fn compile(&self, found: &[Found], progress: &mut Progress) -> io::Result<(Report, Index)> {
        files::private_dir(&self.dir)?;
        let lock = File::create(self.dir.join("lock"))?;
        lock.lock()?;
        let mut report = files::replace(&self.path(), |file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            let report = compile::write(found, &mut out, progress)?;
            out.flush()?;
            Ok(report)
        })?;
        // Opened before it is vouched for: an index that does not read back must not be called current.
        let index = self.open().map_err(io::Error::other)?;
        report.count(&index);
        let mut text = serde_json::to_vec_pretty(&report).map_err(io::Error::other)?;
        text.push(b'\n');
        files::replace(&self.report_path(), |file| file.write_all(&text))?;
        Ok((report, index))
    }
}

/// Maps a file of the store.
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapped file must not change. Files of this name come about by `files::replace` alone, which writes under
    // another name and renames, so that the bytes behind an open file never change; its folder is closed to other
    // accounts. Whoever edits the file in place with the gate's own rights could as well stop the gate.
    unsafe { Mmap::map(file) }
}
