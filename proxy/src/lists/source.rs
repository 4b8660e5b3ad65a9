//! Where a list's files are, now, on this machine; and what tells one state of them from another.

use super::fetch::Fetched;
use crate::config::Config;
use policy::Charter;
use policy::charter::ListSource;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The list that comes with the program.
const BUILTIN: &str = "builtin:starter";

/// A list of the charter, and what there is of it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// As the charter declares it.
    pub(crate) list: ListSource,
    /// What there is.
    pub(crate) material: Material,
    /// What the last download left, for a list that has an address.
    pub(crate) fetched: Option<Fetched>,
}

/// What there is of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// Compiled into the program.
    Builtin,
    /// An archive, or a single list.
    File(PathBuf),
    /// A folder.
    Folder(PathBuf),
    /// Nothing, and why.
    Missing(String),
}

impl Found {
    /// The list has to be fetched.
    pub(crate) fn address(&self) -> Option<&str> {
        is_address(&self.list.source).then_some(self.list.source.as_str())
    }
}

/// Finds every list of a charter, in its order.
pub(crate) fn find_all(config: &Config, charter: &Charter) -> Vec<Found> {
    charter.lists().iter().map(|list| find(list, &config.lists_dir(), config.charter_dir())).collect()
}

fn find(list: &ListSource, lists_dir: &Path, charter_dir: &Path) -> Found {
    let (material, fetched) = if list.source == BUILTIN {
        (Material::Builtin, None)
    } else if is_address(&list.source) {
        let folder = folder(lists_dir, &list.name);
        // What was fetched from another address is another list.
        let fetched = Fetched::read(&folder).filter(|fetched| fetched.url == list.source);
        let archive = folder.join(super::versions::ARCHIVE);
        let material = match &fetched {
            Some(fetched) if fetched.fetched_at.is_some() && archive.is_file() => Material::File(archive),
            Some(Fetched { failure: Some(failure), .. }) => {
                Material::Missing(format!("it could not be fetched: {}", failure.why))
            }
            _ => Material::Missing("it has never been fetched; `octroi lists update` fetches it".to_owned()),
        };
        (material, fetched)
    } else {
        (local(&charter_dir.join(&list.source)), None)
    };
    Found { list: list.clone(), material, fetched }
}

fn is_address(source: &str) -> bool {
    let scheme = source.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

fn local(path: &Path) -> Material {
    match std::fs::metadata(path) {
        Ok(data) if data.is_dir() => Material::Folder(path.to_owned()),
        Ok(data) if data.is_file() => Material::File(path.to_owned()),
        Ok(_) => Material::Missing(format!("{} is neither a file nor a folder", path.display())),
        Err(why) => Material::Missing(format!("{}: {why}", path.display())),
    }
}

/// The folder of a fetched list. A name is the charter's own word: what a file name may not hold is written out.
pub(crate) fn folder(lists_dir: &Path, name: &str) -> PathBuf {
    let mut safe = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            // Writing into a String does not fail.
            _ => {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    lists_dir.join(safe)
}

/// What tells one state of all lists from another without reading them: their declarations, and the sizes and dates of
/// their files. The program's version is part of it, since another version may read the same line differently.
pub(crate) fn fingerprint(found: &[Found]) -> String {
    let mut hasher = Hashed(Sha256::new());
    hasher.text(env!("CARGO_PKG_VERSION"));
    for Found { list, material, .. } in found {
        for text in [&list.name, list.format.as_str(), &list.source] {
            hasher.text(text);
        }
        match material {
            Material::Builtin => {
                for (path, text) in policy::charter::starter() {
                    hasher.text(path);
                    hasher.text(text);
                }
            }
            Material::File(path) => hasher.file(path),
            Material::Folder(path) => hasher.folder(path, super::archive::DEPTH),
            Material::Missing(_) => hasher.text("missing"),
        }
    }
    hasher.0.finalize().iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Hashed(Sha256);

impl Hashed {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    fn file(&mut self, path: &Path) {
        self.text(&path.to_string_lossy());
        if let Ok(data) = std::fs::symlink_metadata(path) {
            self.dated(&data);
        }
    }

    fn dated(&mut self, data: &Metadata) {
        for number in [data.size(), data.mtime().cast_unsigned(), data.mtime_nsec().cast_unsigned()] {
            self.0.update(number.to_le_bytes());
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in entries {
            self.file(&entry);
            if depth > 0 && !entry.is_symlink() && entry.is_dir() {
                self.folder(&entry, depth - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_name_stays_inside_the_lists_folder() {
        let dir = Path::new("/data/lists");
        assert_eq!(folder(dir, "ut1"), dir.join("ut1"));
        assert_eq!(folder(dir, "../é"), dir.join("%2E%2E%2F%C3%A9"));
    }

    #[test]
    fn addresses_are_told_from_paths() {
        assert!(is_address("https://example.fr/a.tgz") && is_address("HTTP://x"));
        assert!(!is_address("lists/ut1") && !is_address("ftp://x") && !is_address(BUILTIN));
    }
}
