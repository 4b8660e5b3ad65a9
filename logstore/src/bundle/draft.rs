//! Files that are not there yet: what is being written beside a bundle's final name, and gone whatever happens.

use super::BundleError;
use crate::cipher::{hex, sha256};
use crate::crash;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const BEGINS: &str = ".octroi-";
const ENDS: &str = ".draft";

/// A file under another name, until it is whole.
pub(super) struct Draft {
    path: PathBuf,
    draft: PathBuf,
    folder: PathBuf,
    file: Option<File>,
    spools: u32,
}

impl Draft {
    /// Begins one, for its owner alone, and deletes what a crash left of others in its folder.
    pub(super) fn begin(path: &Path) -> Result<Draft, BundleError> {
        let nameless = || io::Error::new(io::ErrorKind::InvalidInput, "it names no file");
        let name = path.file_name().ok_or_else(|| BundleError::io(path, nameless()))?;
        let folder =
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf();
        if path.symlink_metadata().is_ok() {
            return Err(BundleError::Exists(path.to_path_buf()));
        }
        tidy(&folder).map_err(|error| BundleError::io(&folder, error))?;
        // The name itself may say who it is about.
        let short = hex(&sha256(name.as_encoded_bytes())[..8]);
        let draft = folder.join(format!("{BEGINS}{short}{ENDS}"));
        let file = match make(&draft) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(BundleError::Busy(path.to_path_buf()));
            }
            Err(error) => return Err(BundleError::io(&draft, error)),
        };
        // Somebody who tidies up may have come before the lock.
        let held = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if held || file.metadata().map_or(0, |data| data.nlink()) == 0 {
            return Err(BundleError::Busy(path.to_path_buf()));
        }
        Ok(Draft { path: path.to_path_buf(), draft, folder, file: Some(file), spools: 0 })
    }

    /// The file itself.
    pub(super) fn file(&self) -> Result<File, BundleError> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let file = self.file.as_ref().ok_or_else(gone).and_then(File::try_clone);
        file.map_err(|error| self.wrong(error))
    }

    /// What is wrong with writing it.
    pub(super) fn wrong(&self, error: io::Error) -> BundleError {
        BundleError::io(&self.path, error)
    }

    /// A file without a name beside it, which is gone when it is closed, by whatever.
    pub(super) fn spool(&mut self) -> Result<Out, BundleError> {
        self.spools += 1;
        let spool = self.draft.with_extension(format!("{}{ENDS}", self.spools));
        let made = make(&spool).and_then(|file| std::fs::remove_file(&spool).map(|()| file));
        crash::point("bundle spool made");
        Ok(Out::new(made.map_err(|error| self.wrong(error))?))
    }

    /// Brings it to the disk and gives it its name, if nobody has it.
    pub(super) fn finish(mut self) -> Result<(), BundleError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.sync_all().map_err(|error| self.wrong(error))?;
        crash::point("bundle whole");
        let named = match renameat_with(CWD, &self.draft, CWD, &self.path, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // Some file systems know no such renaming; a second name is given by all that know names.
            Err(Errno::INVAL | Errno::NOSYS) => std::fs::hard_link(&self.draft, &self.path),
            Err(error) => Err(error.into()),
        };
        crash::point("bundle named");
        match named {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BundleError::Exists(self.path.clone())),
            Err(error) => Err(self.wrong(error)),
            Ok(()) => File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| self.wrong(error)),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is there no more when it has its name.
        let _ = std::fs::remove_file(&self.draft);
    }
}

fn make(file: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(file)
}

/// Deletes what nobody is writing any more.
fn tidy(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(BEGINS) && name.ends_with(ENDS));
        if !ours || !entry.file_type()?.is_file() {
            continue;
        }
        let Ok(left) = File::open(entry.path()) else { continue };
        if left.try_lock().is_ok() {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A file that is written. When it cannot be, that is said once; whoever ends in order afterwards is not told again.
pub(super) struct Out {
    file: BufWriter<File>,
    failed: bool,
}

impl Out {
    pub(super) fn new(file: File) -> Out {
        Out { file: BufWriter::with_capacity(64 << 10, file), failed: false }
    }

    /// The file, with all that was written.
    pub(super) fn end(mut self) -> io::Result<File> {
        if self.failed {
            return Err(io::Error::other("it could not be written"));
        }
        self.file.flush()?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn note<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        self.failed |= done.is_err();
        done
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(bytes.len());
        }
        let done = self.file.write(bytes);
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        let done = self.file.flush();
        self.note(done)
    }
}

impl Seek for Out {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if self.failed {
            return Ok(0);
        }
        let done = self.file.seek(to);
        self.note(done)
    }
}
