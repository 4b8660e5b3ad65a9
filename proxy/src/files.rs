//! Files of the data folder: written whole or not at all, and readable by nobody else.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Creates a folder and what is missing of its parents, closed to other accounts.
///
/// A folder that exists keeps its mode: it may be one that others need, named by mistake.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file by another name, brings it to the disk, then gives it its own name: whoever opens `path` sees the old
/// content or the new, never a part, and who has the old file mapped keeps it.
///
/// On failure the old file stays and nothing is left behind.
pub(crate) fn replace<T>(path: &Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let temporary = beside(path)?;
    let outcome = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let value = write(&mut file)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        // Without this the rename itself could be lost in a power cut.
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(value)
    })();
    if outcome.is_err() {
        // The first failure is the one to tell; a leftover is overwritten next time.
        let _ = std::fs::remove_file(&temporary);
    }
    outcome
}

/// The temporary name of a file: in the same folder, since a rename does not cross file systems; with the process's
/// number, since two commands may run at once.
pub(crate) fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("a file has a name"))?;
    Ok(path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("accounts.json");
        replace(&path, |file| file.write_all(b"old")).expect("written");
        let failed = replace(&path, |file| {
            file.write_all(b"half")?;
            Err::<(), _>(io::Error::other("disk full"))
        });
        assert_eq!(failed.expect_err("refused").to_string(), "disk full");
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1);
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_folder_is_closed_and_an_old_one_left_as_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let before = mode(dir.path());
        private_dir(&dir.path().join("a/b")).expect("created");
        private_dir(dir.path()).expect("there already");
        assert_eq!(mode(&dir.path().join("a/b")), 0o700);
        assert_eq!(mode(dir.path()), before);
    }
}
