//! The files of a list, read one after the other: from a tar stream, a folder, or a single file.
//!
//! An archive is never unpacked: its files go from the stream to the compiler, so that no path of it is ever opened on
//! this machine and nothing is left behind. Whether it is compressed, an archive or plain text is told by its first
//! bytes, not by its name.

use flate2::read::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Component, Path, PathBuf};

/// How deep a folder is read.
pub(crate) const DEPTH: usize = 4;
/// The longest file of a list.
const FILE_BYTES: u64 = 1 << 30;
/// The longest archive, uncompressed: a few kilobytes can unfold into terabytes.
const ARCHIVE_BYTES: u64 = 8 << 30;
/// How many times its length an archive may unfold into. Lists of names come to ten.
const UNFOLDS: u64 = 100;
/// What may always be unfolded, however short the archive: a list of a few lines repeats itself a lot.
const UNFOLDS_FREELY: u64 = 16 << 20;

/// Bytes of a file that are held at a time.
const HELD: usize = 64 << 10;

/// One thing found in a list's material; paths are relative to it, with `/`.
pub(crate) enum Entry<'a> {
    /// A file.
    File {
        /// Where it stands.
        path: &'a str,
        /// What it holds, to be read.
        text: &'a mut dyn BufRead,
    },
    /// A symbolic or hard link to another place of the same material.
    Link {
        /// Where it stands.
        path: &'a str,
        /// Where it leads.
        target: &'a str,
    },
}

/// What entries are given to, with the bytes read of those there are. It fails as the text that it reads.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Entry<'_>, u64, u64) -> io::Result<()>;

/// Reads an archive or a single file. `sink` has seen what came before an error.
pub(crate) fn file(path: &Path, sink: Sink<'_>) -> io::Result<()> {
    let file = File::open(path)?;
    let total = file.metadata()?.len();
    let read = Cell::new(0);
    let (head, file) = peek(Counted { inner: file, read: &read })?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let most = ARCHIVE_BYTES.min(UNFOLDS_FREELY.max(total.saturating_mul(UNFOLDS)));
        let (head, text) = peek(Bounded { inner: MultiGzDecoder::new(file), left: most })?;
        return contents(path, &head, text, &read, total, sink);
    }
    contents(path, &head, file, &read, total, sink)
}

fn contents(path: &Path, head: &[u8], text: impl Read, read: &Cell<u64>, total: u64, sink: Sink<'_>) -> io::Result<()> {
    refuse_strangers(head)?;
    if head.get(257..262) == Some(b"ustar") {
        return tar(text, read, total, sink);
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    give(&name, text, sink, read.get(), total)
}

/// What servers send in place of a list, and archives of other kinds.
fn refuse_strangers(head: &[u8]) -> io::Result<()> {
    let visible = head.trim_ascii_start();
    let begins = |with: &[u8]| visible.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let what = if begins(b"<!doctype") || begins(b"<html") || begins(b"<?xml") {
        "a web page, not a list"
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        "compressed with zstd; a .tar.gz is read"
    } else if head.starts_with(b"PK\x03\x04") {
        "a zip archive; a .tar.gz is read"
    } else if head.starts_with(b"BZh") || head.starts_with(b"\xfd7zXZ") {
        "compressed with bzip2 or xz; a .tar.gz is read"
    } else if head.is_empty() {
        "empty"
    } else {
        return Ok(());
    };
    Err(invalid(format!("it is {what}")))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn tar(stream: impl Read, read: &Cell<u64>, total: u64, sink: Sink<'_>) -> io::Result<()> {
    let mut archive = tar::Archive::new(stream.take(ARCHIVE_BYTES));
    // Raw: long names and extended headers, which no list needs, are passed over instead of being read into memory, where a
    // few kilobytes could unfold into gigabytes.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        let Some(path) = inside(&entry.path()?) else {
            // Nothing is ever unpacked; but whoever packed this did not mean to make a list.
            if kind.is_file() {
                let path = String::from_utf8_lossy(&entry.path_bytes()).escape_debug().to_string();
                return Err(invalid(format!("a file of it leads outside of it: `{path}`")));
            }
            continue;
        };
        if kind.is_file() {
            give(&path, &mut entry, sink, read.get(), total)?;
        } else if kind.is_symlink() || kind.is_hard_link() {
            let Some(target) = entry.link_name()? else { continue };
            // A symbolic link starts from its folder, a hard link from the archive's top.
            let base =
                if kind.is_symlink() { Path::new(&path).parent().unwrap_or(Path::new("")) } else { Path::new("") };
            if let Some(target) = inside(&base.join(target)) {
                sink(Entry::Link { path: &path, target: &target }, read.get(), total)?;
            }
        }
    }
    // Behind the last file stands the check sum of all: a bit that was changed shows there.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(())
}

/// Reads a folder, in the order of its names.
pub(crate) fn folder(root: &Path, sink: Sink<'_>) -> io::Result<()> {
    let mut paths = Vec::new();
    gather(root, DEPTH, &mut paths)?;
    let total = paths.len() as u64;
    for (n, path) in paths.iter().enumerate() {
        let Some(name) = path.strip_prefix(root).ok().and_then(inside) else { continue };
        let done = n as u64;
        if let (true, Ok(target)) = (path.is_symlink(), std::fs::read_link(path)) {
            let from = Path::new(&name).parent().unwrap_or(Path::new(""));
            if let Some(target) = (!target.is_absolute()).then(|| inside(&from.join(&target))).flatten() {
                sink(Entry::Link { path: &name, target: &target }, done, total)?;
                continue;
            }
        }
        if path.is_file() {
            give(&name, File::open(path)?, sink, done, total)?;
        }
    }
    Ok(())
}

fn gather(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_symlink() || !entry.is_dir() {
            paths.push(entry);
        } else if depth > 0 {
            gather(&entry, depth - 1, paths)?;
        }
    }
    Ok(())
}

/// A path without `.` and `..`, with `/`; `None` when it leads outside or nowhere.
fn inside(path: &Path) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Gives a file to the sink, and reads what that leaves of it: that a file is whole shows at its end.
fn give(path: &str, stream: impl Read, sink: Sink<'_>, done: u64, total: u64) -> io::Result<()> {
    let mut text = BufReader::with_capacity(HELD, stream.take(FILE_BYTES + 1));
    sink(Entry::File { path, text: &mut text }, done, total)?;
    io::copy(&mut text, &mut io::sink())?;
    if text.get_ref().limit() == 0 {
        return Err(invalid("a file of it is longer than 1 GiB".to_owned()));
    }
    Ok(())
}

/// The first bytes of a stream, enough to tell what it is, and the stream as if nothing had been read.
fn peek<R: Read>(mut stream: R) -> io::Result<(Vec<u8>, impl Read)> {
    let mut head = Vec::with_capacity(512);
    stream.by_ref().take(512).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(stream)))
}

/// What is unfolded, as long as it is not too much.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(into)?;
        self.left = self
            .left
            .checked_sub(length as u64)
            .ok_or_else(|| invalid(format!("it unfolds into more than {UNFOLDS} times its length")))?;
        Ok(length)
    }
}

struct Counted<'c, R> {
    inner: R,
    read: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(into)?;
        self.read.set(self.read.get() + length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn listed(read: impl FnOnce(Sink<'_>) -> io::Result<()>) -> Vec<String> {
        let mut seen = Vec::new();
        read(&mut |entry, done, total| {
            assert!(done <= total);
            seen.push(match entry {
                Entry::File { path, text } => format!("{path}: {}", io::read_to_string(text)?),
                Entry::Link { path, target } => format!("{path} -> {target}"),
            });
            Ok(())
        })
        .expect("read");
        seen
    }

    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(8);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, "ut1/adult/domains", &b"a.test\nb"[..]).expect("appended");
        for (kind, path, target) in [
            (tar::EntryType::Symlink, "ut1/porn", "adult"),
            (tar::EntryType::Symlink, "ut1/escape", "../../etc/passwd"),
            (tar::EntryType::Symlink, "ut1/root", "/etc/passwd"),
            (tar::EntryType::Link, "ut1/hard", "ut1/adult"),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(0);
            archive.append_link(&mut header, path, target).expect("appended");
        }
        archive.into_inner().expect("finished")
    }

    #[test]
    fn archives_are_told_by_their_bytes_and_lead_nowhere_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let expected = ["ut1/adult/domains: a.test\nb", "ut1/porn -> ut1/adult", "ut1/hard -> ut1/adult"];
        let plain = dir.path().join("plain");
        std::fs::write(&plain, archive()).expect("written");
        assert_eq!(listed(|sink| file(&plain, sink)), expected);
        let packed = dir.path().join("packed.txt");
        let mut gzip = GzEncoder::new(File::create(&packed).expect("created"), Compression::fast());
        gzip.write_all(&archive()).expect("written");
        gzip.finish().expect("finished");
        assert_eq!(listed(|sink| file(&packed, sink)), expected);
        // Cut short, it is an error and no list that ends early.
        let half = std::fs::read(&packed).expect("read");
        std::fs::write(&packed, &half[..half.len() / 2]).expect("written");
        assert!(file(&packed, &mut |_, _, _| Ok(())).is_err());
    }

    #[test]
    fn what_leads_outside_or_unfolds_without_end_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("archive");
        for name in ["../../etc/passwd", "/etc/passwd", "ut1/../../x"] {
            let mut header = tar::Header::new_ustar();
            header.as_ustar_mut().expect("is one").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(0);
            header.set_cksum();
            let mut archive = tar::Builder::new(File::create(&path).expect("created"));
            archive.append(&header, io::empty()).expect("appended");
            archive.finish().expect("finished");
            let why = file(&path, &mut |_, _, _| Ok(())).expect_err(name).to_string();
            assert!(why.contains("leads outside") && why.contains(name), "{why}");
        }
        let mut gzip = GzEncoder::new(File::create(&path).expect("created"), Compression::best());
        io::copy(&mut io::repeat(b'\n').take(64 << 20), &mut gzip).expect("written");
        gzip.finish().expect("finished");
        let why = file(&path, &mut |_, _, _| Ok(())).expect_err("refused").to_string();
        assert!(why.contains("unfolds"), "{why}");
    }

    #[test]
    fn single_files_are_lists_and_web_pages_are_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("hosts.txt");
        std::fs::write(&path, "0.0.0.0 a.test\n").expect("written");
        assert_eq!(listed(|sink| file(&path, sink)), ["hosts.txt: 0.0.0.0 a.test\n"]);
        for (stranger, why) in [
            (&b"\n <!DOCTYPE html><title>404"[..], "web page"),
            (b"<HTML>", "web page"),
            (b"PK\x03\x04....", "zip"),
            (b"\x28\xb5\x2f\xfd....", "zstd"),
            (b"", "empty"),
        ] {
            std::fs::write(&path, stranger).expect("written");
            let refused = file(&path, &mut |_, _, _| Ok(())).expect_err("refused").to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn folders_are_read_in_order_with_their_links() {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in [("b/domains", "b"), ("a/domains", "a"), ("a/urls", "u")] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        }
        std::os::unix::fs::symlink("a", dir.path().join("alias")).expect("linked");
        std::os::unix::fs::symlink("../..", dir.path().join("b/out")).expect("linked");
        let expected = ["a/domains: a", "a/urls: u", "alias -> a", "b/domains: b"];
        assert_eq!(listed(|sink| folder(dir.path(), sink)), expected);
    }
}
