//! The files of the repository, as git knows them: kept, or new and not ignored.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, str};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate stands in tests/repo")
}

/// A file, by its path from the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File(pub(crate) String);

impl File {
    /// Its whole text.
    pub(crate) fn text(&self) -> String {
        let path = root().join(&self.0);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Its last name.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

/// All files whose name ends so (`.rs`), sorted.
pub(crate) fn files(ending: &str) -> Vec<File> {
    let mut files: Vec<File> = all().into_iter().filter(|file| file.0.ends_with(ending)).collect();
    assert!(!files.is_empty(), "no file ends in {ending}: this rule looks at nothing");
    files.sort();
    files
}

/// All files.
pub(crate) fn all() -> Vec<File> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = str::from_utf8(&output.stdout).expect("paths of the tree are UTF-8");
    listed.split_terminator('\0').filter(|path| root().join(path).exists()).map(|path| File(path.to_owned())).collect()
}

/// Whether a path from the root leads to a file or a folder.
pub(crate) fn exists(path: &str) -> bool {
    root().join(PathBuf::from(path)).exists()
}
