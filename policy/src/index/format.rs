//! The bytes of an index: a header, the tables of names and URLs, the contents, a trailer. Integers are
//! little-endian.
//!
//! ```text
//! header     magic (8), version (4)
//! names      table
//! urls       table
//! contents   sources, aliases, sets, expressions
//! trailer    lengths of names, urls, contents (8 each), xxh3 of all bytes before it (8), magic (8)
//! ```
//! The trailer comes last so that the index can be written to a stream while it is being merged.

use super::{SetId, SourceId, SourceInfo};
use crate::pace::Pace;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use xxhash_rust::xxh3::Xxh3Default;

const MAGIC: [u8; 8] = *b"octroi\r\n";
const END: [u8; 8] = *b"iortco\r\n";
const VERSION: u32 = 1;
const HEADER: usize = 12;
const TRAILER: usize = 40;
/// Written in pieces of this many bytes.
const BUFFER: usize = 1 << 16;

/// Why bytes are no index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexError {
    /// They are something else.
    Foreign,
    /// Written by another version of this program.
    Version(u32),
    /// The end is missing, or something follows it.
    Truncated,
    /// The checksum does not hold.
    Corrupt,
    /// The checksum holds, the contents don't: whoever wrote it erred.
    Contents,
    /// The expressions cannot be compiled, for this reason.
    Expressions(String),
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("this is not an index of lists"),
            Self::Version(version) => {
                write!(f, "the index has version {version}, and this program reads version {VERSION}")
            }
            Self::Truncated => f.write_str("the index is cut short, or something follows its end"),
            Self::Corrupt => f.write_str("the index is corrupt: its checksum does not hold"),
            Self::Contents => f.write_str("the index contradicts itself"),
            Self::Expressions(why) => write!(f, "the expressions of the index do not compile: {why}"),
        }
    }
}

impl std::error::Error for IndexError {}

/// What an index holds besides its tables.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) sources: Vec<SourceInfo>,
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) sets: Vec<Vec<SourceId>>,
    pub(super) expressions: Vec<(SetId, String)>,
}

/// Verifies an index and says where its names and URLs lie.
pub(super) fn read(data: &[u8], pace: &Pace) -> Result<(Range<usize>, Range<usize>, Contents), IndexError> {
    let mut header = Reader(data);
    if header.take(8).is_none_or(|magic| magic != MAGIC) {
        return Err(IndexError::Foreign);
    }
    let version = header.u32().ok_or(IndexError::Truncated)?;
    if version != VERSION {
        return Err(IndexError::Version(version));
    }
    let trailer = data.len().checked_sub(TRAILER).filter(|start| *start >= HEADER).ok_or(IndexError::Truncated)?;
    let mut reader = Reader(&data[trailer..]);
    let mut number = || reader.u64().ok_or(IndexError::Truncated);
    let (names, urls, contents, checksum) = (number()?, number()?, number()?, number()?);
    if reader.0 != END {
        return Err(IndexError::Truncated);
    }
    let mut hash = Xxh3Default::new();
    for part in data[..trailer + 24].chunks(BUFFER) {
        hash.update(part);
        pace.did_bytes(part.len());
    }
    if hash.digest() != checksum {
        return Err(IndexError::Corrupt);
    }
    let mut at = HEADER;
    let mut section = |length: u64| {
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let end = end.filter(|end| *end <= trailer).ok_or(IndexError::Contents)?;
        Ok(std::mem::replace(&mut at, end)..end)
    };
    let (names, urls, contents) = (section(names)?, section(urls)?, section(contents)?);
    if contents.end != trailer {
        return Err(IndexError::Contents);
    }
    let contents = Contents::read(&data[contents]).ok_or(IndexError::Contents)?;
    Ok((names, urls, contents))
}

impl Contents {
    fn write(&self, out: &mut Vec<u8>) {
        push_u32(self.sources.len(), out);
        for source in &self.sources {
            push_text(&source.name, out);
            out.push(u8::from(source.removes));
            out.extend(source.entries.to_le_bytes());
        }
        push_u32(self.aliases.len(), out);
        for (alias, source) in &self.aliases {
            push_text(alias, out);
            push_text(source, out);
        }
        push_u32(self.sets.len(), out);
        for set in &self.sets {
            push_u32(set.len(), out);
            out.extend(set.iter().flat_map(|source| source.0.to_le_bytes()));
        }
        push_u32(self.expressions.len(), out);
        for (set, text) in &self.expressions {
            out.extend(set.0.to_le_bytes());
            push_text(text, out);
        }
    }

    /// `None` when a number points nowhere or the bytes end early or late.
    fn read(bytes: &[u8]) -> Option<Contents> {
        let mut reader = Reader(bytes);
        let mut sources = Vec::new();
        for _ in 0..reader.u32()? {
            let name = reader.text()?;
            let removes = match reader.take(1)? {
                [0] => false,
                [1] => true,
                _ => return None,
            };
            sources.push(SourceInfo { name, removes, entries: reader.u64()? });
        }
        u16::try_from(sources.len().saturating_sub(1)).ok()?;
        let mut aliases = BTreeMap::new();
        for _ in 0..reader.u32()? {
            aliases.insert(reader.text()?, reader.text()?);
        }
        let mut sets = Vec::new();
        for _ in 0..reader.u32()? {
            let mut set = Vec::new();
            for _ in 0..reader.u32()? {
                let source = SourceId(u16::from_le_bytes(reader.array()?));
                sources.get(usize::from(source.0))?;
                set.push(source);
            }
            sets.push(set);
        }
        let mut expressions = Vec::new();
        for _ in 0..reader.u32()? {
            let set = SetId(reader.u32()?);
            sets.get(set.0 as usize)?;
            expressions.push((set, reader.text()?));
        }
        reader.0.is_empty().then_some(Contents { sources, aliases, sets, expressions })
    }
}

fn push_u32(number: usize, out: &mut Vec<u8>) {
    let number = u32::try_from(number).expect("everything counted here stands in memory, and there are fewer than 2³²");
    out.extend(number.to_le_bytes());
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    push_u32(text.len(), out);
    out.extend(text.as_bytes());
}

/// Bytes not yet read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u32()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

/// Writes an index, counting and hashing what passes.
pub(super) struct Sink<'a> {
    out: &'a mut dyn Write,
    /// Of whoever writes.
    pub(super) pace: &'a Pace,
    buffer: Vec<u8>,
    hash: Xxh3Default,
}

impl<'a> Sink<'a> {
    /// Begins with the header.
    pub(super) fn new(out: &'a mut dyn Write, pace: &'a Pace) -> io::Result<Sink<'a>> {
        let mut sink = Sink { out, pace, buffer: Vec::with_capacity(BUFFER), hash: Xxh3Default::new() };
        sink.write_all(&MAGIC)?;
        sink.write_all(&VERSION.to_le_bytes())?;
        Ok(sink)
    }

    /// Ends with the contents and the trailer.
    pub(super) fn finish(mut self, names: u64, urls: u64, contents: &Contents) -> io::Result<()> {
        let mut bytes = Vec::new();
        contents.write(&mut bytes);
        self.write_all(&bytes)?;
        for length in [names, urls, bytes.len() as u64] {
            self.write_all(&length.to_le_bytes())?;
        }
        self.pass_on()?;
        let checksum = self.hash.digest();
        self.write_all(&checksum.to_le_bytes())?;
        self.write_all(&END)?;
        self.flush()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.hash.update(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.pace.did_bytes(self.buffer.len());
        self.buffer.clear();
        Ok(())
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..BUFFER).unwrap_or(bytes);
        if self.buffer.len() + bytes.len() > BUFFER {
            self.pass_on()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}
