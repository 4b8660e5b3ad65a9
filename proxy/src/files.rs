//! Files of the data folder: written whole or not at all, and readable by nobody else.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
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

/// Says that every account of this machine can read a file that holds a secret, and what to do.
pub(crate) fn open_to_others(path: &Path) -> Option<(&'static str, &'static str)> {
    let path = path.canonicalize().ok()?;
    let others_may = |path: &Path, bit: u32| path.metadata().is_ok_and(|about| about.mode() & bit != 0);
    // A folder that others cannot enter closes what is in it.
    let reached = path.ancestors().skip(1).all(|folder| others_may(folder, 0o001));
    (reached && others_may(&path, 0o004)).then_some((
        "can be read by every account of this machine",
        "close it to others: `chmod 600` it, or `chmod 640` with the gate's group",
    ))
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
    fn a_secret_is_open_when_others_reach_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("key");
        std::fs::write(&path, "secret").expect("written");
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
        };
        for (folder, file, open) in [(0o755, 0o644, true), (0o755, 0o640, false), (0o700, 0o644, false)] {
            set(dir.path(), folder);
            set(&path, file);
            assert_eq!(open_to_others(&path).is_some(), open, "{folder:o} {file:o}");
        }
        assert_eq!(open_to_others(&dir.path().join("none")), None);
    }

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
