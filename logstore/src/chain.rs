//! Chains: files of signed lines, each naming the hash of the one before. Seals, certificates, acts and terms are kept so.
//!
//! A line is `{"entry":{…},"signature":"…"}`. The signature (Ed25519, base 64) is of the bytes of the entry as they
//! stand there, and so is the hash that the next entry gives as `previous`: nothing has to be written again to be
//! checked. `number` counts from 1, `kind` tells one chain's entries from another's, `key` names the signing key.

use crate::cipher::{Hash, PublicKey, hex, sha256, unhex};
use crate::error::words;
use crate::keys::Keys;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What the first entry names as the one before.
pub(crate) const NOTHING: Hash = [0; 32];

const HEAD: &str = "{\"entry\":";
const MIDDLE: &str = ",\"signature\":\"";
const TAIL: &str = "\"}";

/// A chain cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(file, source))]
pub struct ChainError {
    /// The chain's file.
    pub file: PathBuf,
    /// The system's words.
    pub source: io::Error,
}

/// What every entry has; the rest is its kind's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link<T> {
    pub(crate) kind: String,
    pub(crate) number: u64,
    pub(crate) previous: String,
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) body: T,
}

/// One line taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) entry: &'a str,
    pub(crate) signature: &'a str,
}

impl<'a> Line<'a> {
    /// A line without its end. JSON holds no bare control character: a line that does is none of ours, however a reader
    /// cuts lines.
    pub(crate) fn of(text: &'a str) -> Option<Line<'a>> {
        if text.bytes().any(|byte| byte < 0x20) {
            return None;
        }
        let rest = text.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
        let (entry, signature) = rest.rsplit_once(MIDDLE)?;
        Some(Line { entry, signature })
    }

    /// What the next entry names as the one before.
    pub(crate) fn hash(&self) -> Hash {
        sha256(self.entry.as_bytes())
    }

    pub(crate) fn read<T: for<'de> Deserialize<'de>>(&self) -> Option<Link<T>> {
        serde_json::from_str(self.entry).ok()
    }
}

/// Signs an entry: the line without its end.
pub(crate) fn sign<T: Serialize>(
    keys: &Keys,
    kind: &str,
    number: u64,
    previous: &Hash,
    body: &T,
) -> io::Result<String> {
    let link = Link { kind: kind.into(), number, previous: hex(previous), key: keys.public().fingerprint(), body };
    let entry = serde_json::to_string(&link)?;
    let signature = keys.signer().sign(entry.as_bytes());
    Ok(format!("{HEAD}{entry}{MIDDLE}{signature}{TAIL}"))
}

/// How far a chain has come, as the folder of keys knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The number of its last entry.
    pub(crate) number: u64,
    /// The hash of that.
    pub(crate) hash: String,
    /// The day it is about, of a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<String>,
}

/// A chain open to be added to, held against other processes.
pub(crate) struct Chain {
    path: PathBuf,
    file: File,
    kind: &'static str,
    next: u64,
    previous: Hash,
}

impl Chain {
    /// Opens the chain at its end. Blocks while another process adds to it.
    ///
    /// What a crash tore off the last line, or what stood there before chains were kept, is covered by the next entry:
    /// it names the hash of those bytes as the one before.
    pub(crate) fn open(path: &Path, kind: &'static str) -> Result<Chain, ChainError> {
        let wrong = |source| ChainError { file: path.to_path_buf(), source };
        let file = loop {
            let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
            let file = opened.and_then(|file| file.lock().map(|()| file)).map_err(wrong)?;
            // Whoever held it may have put another file in its place.
            if is_still(path, &file) {
                break file;
            }
        };
        let mut chain = Chain { path: path.to_path_buf(), file, kind, next: 1, previous: NOTHING };
        chain.find_end().map_err(wrong)?;
        Ok(chain)
    }

    fn find_end(&mut self) -> io::Result<()> {
        let text = last_line(&mut self.file)?;
        let link = Line::of(&text).and_then(|line| Some((line.hash(), line.read::<serde_json::Value>()?.number)));
        (self.next, self.previous) = match link {
            Some((hash, number)) => (number + 1, hash),
            None if text.is_empty() => (1, NOTHING),
            None => {
                let mut bytes = Vec::new();
                self.file.seek(SeekFrom::Start(0))?;
                self.file.read_to_end(&mut bytes)?;
                let mut whole = String::from_utf8_lossy(&bytes).into_owned();
                if !whole.ends_with('\n') {
                    // As it will stand there once something is added.
                    whole.push('\n');
                }
                let number = lines(&whole).rev().find_map(|line| Line::of(line)?.read::<serde_json::Value>());
                (number.map_or(1, |link| link.number + 1), sha256(loose(&whole).as_bytes()))
            }
        };
        Ok(())
    }

    /// Puts a text in the place of the whole chain, whose last entry stays what it was. Whoever waits for the chain gets the
    /// new one.
    pub(crate) fn replace(&mut self, text: &str) -> Result<(), ChainError> {
        let put = crate::keys::write_new(&self.path, text.as_bytes(), true);
        let opened = put.and_then(|()| OpenOptions::new().read(true).append(true).open(&self.path));
        let file = opened.and_then(|file| file.lock().map(|()| file)).map_err(|source| self.wrong(source))?;
        self.file = file;
        Ok(())
    }

    /// Takes back the beginning of this very line, which a crash tore while it was added: nobody was told of it yet.
    pub(crate) fn drop_torn(&mut self, line: &str) -> Result<(), ChainError> {
        let mut drop = || {
            let tail = last_line(&mut self.file)?;
            if tail.is_empty() || tail == line || !line.starts_with(&tail) || ends_a_line(&mut self.file)? {
                return Ok(());
            }
            let length = self.file.metadata()?.len();
            self.file.set_len(length - tail.len() as u64)?;
            self.file.sync_data()?;
            self.find_end()
        };
        drop().map_err(|source| self.wrong(source))
    }

    /// Its last line, without its end; empty when there is none.
    pub(crate) fn last_line(&mut self) -> Result<String, ChainError> {
        last_line(&mut self.file).map_err(|source| self.wrong(source))
    }

    /// What the next entry will name as the one before.
    pub(crate) fn previous(&self) -> Hash {
        self.previous
    }

    /// The number that the next entry will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    /// Makes the next line without adding it.
    pub(crate) fn next<T: Serialize>(&self, keys: &Keys, body: &T) -> Result<String, ChainError> {
        sign(keys, self.kind, self.next, &self.previous, body).map_err(|source| self.wrong(source))
    }

    /// Adds a line that [`Chain::next`] made. When this returns, it is on the disk, and the folder of keys knows how far the
    /// chain has come: what is cut off its end is missed.
    pub(crate) fn add(&mut self, keys: &Keys, line: &str) -> Result<Hash, ChainError> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        let ended = ends_a_line(&mut self.file).map_err(|source| self.wrong(source))?;
        if !ended {
            // A crash tore the last one; this one must not be lost in its line.
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let before = self.file.metadata().map(|data| data.len());
        if let Err(error) = self.file.write_all(&bytes).and_then(|()| self.file.sync_data()) {
            // Half a line would be there for ever.
            if let Ok(before) = before {
                let _ = self.file.set_len(before);
            }
            return Err(self.wrong(error));
        }
        let follows = self.is_behind_head(keys)?;
        self.next += 1;
        self.previous = Line::of(line).map_or(NOTHING, |line| line.hash());
        if follows {
            keys.note_head(self.kind, &Head { number: self.next - 1, hash: hex(&self.previous), day: None });
        }
        Ok(self.previous)
    }

    /// Has the folder of keys know the chain's end, before its beginning goes: a head that a crash left behind may stand there.
    pub(crate) fn note_end(&self, keys: &Keys) -> Result<(), ChainError> {
        let end = Head { number: self.next.saturating_sub(1), hash: hex(&self.previous), day: None };
        if has_head(&text(&self.path)?, &end) && self.is_behind_head(keys)? {
            keys.note_head(self.kind, &end);
        }
        Ok(())
    }

    /// Whether the chain has what the folder of keys knows as its last entry, so that another may be noted in its place: the
    /// head of a chain that was cut off stays what it was, and goes on missing what is gone.
    fn is_behind_head(&self, keys: &Keys) -> Result<bool, ChainError> {
        let Some(head) = keys.head(self.kind) else { return Ok(true) };
        // As a rule it is the entry before this one; a crash may have left it further behind.
        Ok(head.hash == hex(&self.previous) || has_head(&text(&self.path)?, &head))
    }

    fn wrong(&self, source: io::Error) -> ChainError {
        ChainError { file: self.path.clone(), source }
    }
}

/// Whether the path leads to this open file.
fn is_still(path: &Path, file: &File) -> bool {
    let identity = |data: std::fs::Metadata| (data.dev(), data.ino());
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => identity(named) == identity(open),
        _ => false,
    }
}

/// Adds one entry; its hash.
pub(crate) fn append<T: Serialize>(path: &Path, kind: &'static str, keys: &Keys, body: &T) -> Result<Hash, ChainError> {
    let mut chain = Chain::open(path, kind)?;
    let line = chain.next(keys, body)?;
    chain.add(keys, &line)
}

/// The whole text of a chain; empty when there is none.
pub(crate) fn text(path: &Path) -> Result<String, ChainError> {
    match std::fs::read(path) {
        // What is not UTF-8 is no line of ours; it is found as one that doesn't hold.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(ChainError { file: path.to_path_buf(), source }),
    }
}

/// The lines of a chain, without their ends: cut in one way, by whoever reads them.
pub(crate) fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.strip_suffix('\n').unwrap_or(text).split('\n')
}

/// Every entry that is signed by this key, oldest first, with the hash of each. Whether they follow on each other is not
/// looked at: see [`check`].
pub(crate) fn entries<T: for<'de> Deserialize<'de>>(
    text: &str,
    kind: &str,
    public: &PublicKey,
) -> Vec<(Hash, Link<T>)> {
    let lines = lines(text).filter_map(Line::of);
    let lines = lines.filter(|line| public.verifies(line.entry.as_bytes(), line.signature));
    lines
        .filter_map(|line| Some((line.hash(), line.read()?)))
        .filter(|(_, link): &(_, Link<T>)| link.kind == kind)
        .collect()
}

/// Whether a chain has the entry that the folder of keys knew as its last; why not. The head is to be read before the text:
/// what is added in between is in neither, or in the text alone.
pub(crate) fn check_head(text: &str, head: Option<&Head>) -> Result<(), String> {
    match head.filter(|head| !has_head(text, head)) {
        None => Ok(()),
        Some(head) => {
            Err(format!("it is cut off, or an older copy: entry {} was added to it and is gone", head.number))
        }
    }
}

fn has_head(text: &str, head: &Head) -> bool {
    // The newest is last.
    lines(text).rev().filter_map(Line::of).any(|line| hex(&line.hash()) == head.hash)
}

/// Why a line of a chain doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The line, from 1.
    pub(crate) line: u64,
    pub(crate) why: String,
}

/// Checks the chain: the first line that doesn't hold. The number of its last entry, when all do.
pub(crate) fn check(text: &str, kind: &str, public: &PublicKey) -> Result<u64, Broken> {
    check_behind(text, kind, public, &[])
}

/// The same; the chain may begin behind one of these entries, given by number and hash, instead of at its first.
pub(crate) fn check_behind(text: &str, kind: &str, public: &PublicKey, erased: &[(u64, Hash)]) -> Result<u64, Broken> {
    let (mut number, mut previous, mut loose_from, mut at) = (0, NOTHING, 0, 0);
    let first = Line::of(lines(text).next().unwrap_or_default()).and_then(|line| line.read::<serde_json::Value>());
    let behind = first.and_then(|first| Some((first.number.checked_sub(1)?, unhex(&first.previous)?)));
    if let Some(behind) = behind.filter(|behind| erased.contains(behind)) {
        (number, previous) = behind;
    }
    for (place, line) in (1..).zip(text.split_inclusive('\n')) {
        let from = at;
        at += line.len();
        let broken = |why: String| Err(Broken { line: place, why });
        let Some(parts) = Line::of(line.trim_end_matches('\n')) else {
            // It may stand from before, or be torn: then the next entry answers for it.
            continue;
        };
        let Some(link) = parts.read::<serde_json::Value>() else { return broken("it is no entry of a chain".into()) };
        if link.key != public.fingerprint() {
            return broken(format!("it is signed by another key, {}", link.key));
        }
        if !public.verifies(parts.entry.as_bytes(), parts.signature) {
            return broken("it was changed: its signature does not fit".into());
        }
        if link.kind != kind {
            return broken(format!("it is of another chain: `{}` instead of `{kind}`", link.kind));
        }
        let between = &text[loose_from..from];
        let expected = if between.trim().is_empty() { previous } else { sha256(between.as_bytes()) };
        if unhex(&link.previous) != Some(expected) {
            let why = match link.number.cmp(&(number + 1)) {
                std::cmp::Ordering::Greater => format!("entry {} is missing before it", number + 1),
                std::cmp::Ordering::Less => "it stands behind its place, or twice".to_owned(),
                std::cmp::Ordering::Equal => "what stands before it was changed".to_owned(),
            };
            return broken(why);
        }
        if link.number != number + 1 {
            return broken(format!("it has number {} where {} is due", link.number, number + 1));
        }
        (number, previous, loose_from) = (link.number, parts.hash(), at);
    }
    let rest = &text[loose_from..];
    // The trail is older than chains: until something is added to it, its lines are answered for by nobody.
    let begins = number == 0 && kind == crate::audit::ACT;
    if !rest.trim().is_empty() && !begins {
        let line = text[..loose_from].split_inclusive('\n').count() as u64 + 1;
        return Err(Broken { line, why: "it is no entry of a chain, and none answers for it".into() });
    }
    Ok(number)
}

/// What stands behind the last entry.
fn loose(text: &str) -> &str {
    let mut at = text.len();
    let mut end = text.len();
    for line in text.split_inclusive('\n').rev() {
        at -= line.len();
        if Line::of(line.trim_end_matches('\n')).is_some() {
            break;
        }
        end = at;
    }
    &text[end..]
}

/// The last line, without its end; all of a file that has but one.
fn last_line(file: &mut File) -> io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut reach = 4096;
    loop {
        let from = length.saturating_sub(reach);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        Read::by_ref(file).take(length - from).read_to_end(&mut tail)?;
        let whole = tail.strip_suffix(b"\n").unwrap_or(&tail);
        if let Some(end) = whole.iter().rposition(|byte| *byte == b'\n') {
            return Ok(String::from_utf8_lossy(&whole[end + 1..]).into_owned());
        }
        if from == 0 {
            return Ok(String::from_utf8_lossy(whole).into_owned());
        }
        reach *= 4;
    }
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
#[path = "chain/tests.rs"]
mod tests;
