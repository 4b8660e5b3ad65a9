//! A bundle being written: days and files one after the other, in a bounded memory.

use super::draft::{Draft, Out};
use super::{
    BundleError, COMMENT, CSV, Encryption, FORM, Head, JSON, KEY, Listed, MANIFEST, Manifest, PROOFS, SEALS, comment,
    is_safe, not_exported, records, signed,
};
use crate::cipher::hex;
use crate::proof::ProvenDay;
use crate::{Keys, crash};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::result::ZipError;
use zip::write::{FileOptions, StreamWriter};
use zip::{AesMode, CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

/// How an entry is written.
type Packed<'p> = FileOptions<'p, 'static, ()>;

/// An archive to copy entries from.
type Spooled = ZipArchive<BufReader<File>>;

/// How hard entries are packed: the fastest that is worth it.
const PACKING: i64 = 5;

/// How a bundle is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// How it is hidden.
    pub encryption: Encryption,
    /// The time zone of the times that people read beside UTC.
    pub zone: TimeZone,
    /// The language of what the manifest says of our own entries: `fr` or `en`.
    pub language: String,
}

/// A bundle that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The SHA-256 of the whole file, in hexadecimal digits: what a register of requests keeps of it.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Days that have records in it.
    pub days: u64,
    /// Its records.
    pub records: u64,
    /// Those of them that are proved: the day of the others is not sealed yet.
    pub proved: u64,
}

/// A bundle being written. Dropped before [`Bundle::finish`], nothing is left of it.
pub struct Bundle<'k> {
    keys: &'k Keys,
    draft: Draft,
    head: Head,
    options: Options,
    files: Stream,
    csv: Stream,
    json: Stream,
    proofs: Stream,
    seals: Stream,
    last: Option<String>,
    counted: (u64, u64, u64),
}

/// An entry being written; it ends when this is dropped.
pub struct EntryWriter<'b> {
    stream: &'b mut Stream,
}

impl<'k> Bundle<'k> {
    /// Begins a bundle that will stand in `path`, where nothing is, for its owner alone. What a crash left of others in that
    /// folder is deleted.
    pub fn begin(path: &Path, options: Options, head: Head, keys: &'k Keys) -> Result<Bundle<'k>, BundleError> {
        if let Some(field) = not_exported(head.kind) {
            return Err(BundleError::Field(field.to_owned()));
        }
        match &options.encryption {
            Encryption::Password(password) if password.is_empty() => return Err(BundleError::Password),
            Encryption::Age(recipient) => _ = age_recipient(recipient)?,
            Encryption::Password(_) | Encryption::None => {}
        }
        let mut draft = Draft::begin(path)?;
        crash::point("bundle begun");
        let mut stream = || Ok(Stream::new(draft.spool()?));
        let (files, csv, json, proofs, seals) = (stream()?, stream()?, stream()?, stream()?, stream()?);
        let (last, counted) = (None, (0, 0, 0));
        let mut bundle = Bundle { keys, draft, head, options, files, csv, json, proofs, seals, last, counted };
        bundle.start().map_err(|error| bundle.draft.wrong(error))?;
        Ok(bundle)
    }

    /// Starts our own entries.
    fn start(&mut self) -> io::Result<()> {
        let french = self.options.language == "fr";
        let options = packed(&self.options.encryption).large_file(true);
        self.csv.start(
            CSV,
            "text/csv; charset=utf-8; header=present",
            if french { "Les enregistrements, pour un tableur" } else { "The records, for a spreadsheet" },
            options,
        )?;
        self.csv.write_all(records::header().as_bytes())?;
        self.json.start(
            JSON,
            "application/json",
            if french {
                "Les enregistrements, valeurs exactes, un par ligne"
            } else {
                "The records, exact values, one a line"
            },
            options,
        )?;
        self.json.write_all(b"[\n")?;
        self.proofs.start(
            PROOFS,
            "application/jsonl",
            if french { "La preuve de chaque journée" } else { "The proof of each day" },
            options,
        )?;
        self.seals.start(
            SEALS,
            "application/jsonl",
            if french { "Les scellés signés de ces journées" } else { "The signed seals of these days" },
            options,
        )
    }

    /// Adds a day: its records, what proves them and its seal. Days come oldest first. One without records adds nothing.
    pub fn add_day(&mut self, day: &ProvenDay) -> Result<(), BundleError> {
        if day.records.is_empty() {
            return Ok(());
        }
        if self.last.as_ref().is_some_and(|last| *last >= day.day) {
            return Err(BundleError::Order(day.day.clone()));
        }
        self.last = Some(day.day.clone());
        self.write_day(day).map_err(|error| self.draft.wrong(error))?;
        crash::point("bundle half written");
        Ok(())
    }

    fn write_day(&mut self, day: &ProvenDay) -> io::Result<()> {
        for found in &day.records {
            let local = records::local(found.record.opened_at, &self.options.zone);
            self.csv.write_all(&records::csv(&found.record, &local))?;
            if self.counted.1 > 0 {
                self.json.write_all(b",\n")?;
            }
            self.json.write_all(&records::json(found, &day.day, &local)?)?;
            self.counted.1 += 1;
            self.counted.2 += u64::from(found.spot.is_some());
        }
        self.counted.0 += 1;
        let mut proof = serde_json::to_vec(&day.proof())?;
        proof.push(b'\n');
        self.proofs.write_all(&proof)?;
        if let Some(seal) = &day.seal {
            self.seals.write_all(seal.as_bytes())?;
            self.seals.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Adds a file that is whole in memory. Entries stand in the order in which they were added.
    pub fn add_file(&mut self, name: &str, media_type: &str, what: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let written = self.file(name, media_type, what)?.write_all(bytes);
        written.map_err(|error| self.draft.wrong(error))
    }

    /// Begins a file that is written piece by piece: until the writer is dropped, which ends it.
    pub fn file(&mut self, name: &str, media_type: &str, what: &str) -> Result<EntryWriter<'_>, BundleError> {
        let ours = [MANIFEST, KEY, CSV, JSON, PROOFS, SEALS];
        // Some systems know no capitals.
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        if !is_safe(name) || ours.into_iter().any(same) || self.files.listed.iter().any(|known| same(&known.name)) {
            return Err(BundleError::Name(name.to_owned()));
        }
        let options = packed(&self.options.encryption).large_file(true);
        self.files.start(name, media_type, what, options).map_err(|error| self.draft.wrong(error))?;
        Ok(EntryWriter { stream: &mut self.files })
    }

    /// Puts it together, signs it and gives it its name.
    pub fn finish(mut self) -> Result<Made, BundleError> {
        let made = self.put_together().map_err(|error| self.draft.wrong(error))?;
        self.draft.finish()?;
        Ok(made)
    }

    fn put_together(&mut self) -> io::Result<Made> {
        self.json.write_all(if self.counted.1 > 0 { b"\n]\n" } else { b"]\n" })?;
        let pem = self.keys.public().pem();
        let french = self.options.language == "fr";
        let mut entries = Vec::new();
        let mut spooled = Vec::new();
        for stream in [&mut self.files, &mut self.csv, &mut self.json, &mut self.proofs, &mut self.seals] {
            let (listed, archive) = stream.end()?;
            entries.extend(listed);
            spooled.extend(archive);
        }
        entries.push(Listed {
            name: KEY.into(),
            media_type: "application/x-pem-file".into(),
            what: if french { "La clé publique du registre" } else { "The public key of the register" }.into(),
            bytes: pem.len() as u64,
            sha256: hex(&Sha256::digest(&pem)),
        });
        let (days, records, proved) = self.counted;
        let key = self.keys.public().fingerprint();
        let manifest = Manifest { form: FORM, bundle: self.head.clone(), key, days, records, proved, entries };
        let mut manifest = serde_json::to_vec_pretty(&manifest)?;
        manifest.push(b'\n');

        let sealed = matches!(self.options.encryption, Encryption::Age(_));
        let out = match sealed {
            true => self.draft.spool().map_err(bare)?,
            false => Out::new(self.draft.file().map_err(bare)?),
        };
        let mut first = Stream::new(self.draft.spool().map_err(bare)?);
        first.start(MANIFEST, "", "", packed(&self.options.encryption))?;
        first.write_all(&manifest)?;
        let mut zip = ZipWriter::new(out);
        for mut archive in first.end()?.1.into_iter().chain(spooled) {
            for entry in 0..archive.len() {
                zip.raw_copy_file(archive.by_index_raw(entry).map_err(plain)?).map_err(plain)?;
            }
        }
        zip.start_file(KEY, packed(&Encryption::None)).map_err(plain)?;
        zip.write_all(pem.as_bytes())?;
        zip.set_raw_comment(vec![b' '; COMMENT].into()).map_err(plain)?;
        let mut file = zip.finish().map_err(plain)?.end()?;
        crash::point("bundle not signed");
        let (hash, bytes) = self.sign(&mut file)?;
        let (sha256, bytes) = match &self.options.encryption {
            Encryption::Age(recipient) => self.hide(&mut file, recipient)?,
            Encryption::Password(_) | Encryption::None => (hash, bytes),
        };
        Ok(Made { sha256, bytes, days, records, proved })
    }

    /// Writes the comment, which signs all that is before it; the hash and the length of the whole.
    fn sign(&self, file: &mut File) -> io::Result<(String, u64)> {
        let length = file.seek(SeekFrom::End(0))?;
        let before = length.saturating_sub(COMMENT as u64);
        file.seek(SeekFrom::Start(0))?;
        let mut hash = Sha256::new();
        io::copy(&mut Read::by_ref(file).take(before), &mut Hashing(&mut hash, 0))?;
        let key = self.keys.public().fingerprint();
        let signature = self.keys.signer().sign(signed(&key, &hex(&hash.clone().finalize())).as_bytes());
        let comment = comment(&key, &signature);
        file.seek(SeekFrom::Start(before))?;
        file.write_all(comment.as_bytes())?;
        hash.update(&comment);
        Ok((hex(&hash.finalize()), length))
    }

    /// Hides the whole for its recipient; the hash and the length of what is hidden.
    fn hide(&self, file: &mut File, recipient: &str) -> io::Result<(String, u64)> {
        let recipient = age_recipient(recipient).map_err(io::Error::other)?;
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
        let mut hash = Sha256::new();
        let mut out = Out::new(self.draft.file().map_err(bare)?);
        let mut length = 0;
        {
            let tee = Tee { out: &mut out, hash: &mut hash, bytes: &mut length };
            let mut hidden = encryptor.map_err(io::Error::other)?.wrap_output(tee)?;
            file.seek(SeekFrom::Start(0))?;
            io::copy(file, &mut hidden)?;
            hidden.finish()?;
        }
        out.end()?;
        Ok((hex(&hash.finalize()), length))
    }
}

impl Write for EntryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn age_recipient(text: &str) -> Result<age::x25519::Recipient, BundleError> {
    text.parse().map_err(|_| BundleError::Recipient(text.to_owned()))
}

/// How entries are written: nothing of it is of this machine or this hour.
fn packed(encryption: &Encryption) -> Packed<'_> {
    let options = Packed::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(PACKING))
        .last_modified_time(DateTime::DEFAULT)
        .system(System::Unix)
        .unix_permissions(0o600);
    match encryption {
        Encryption::Password(password) => options.with_aes_encryption(AesMode::Aes256, password),
        Encryption::Age(_) | Encryption::None => options,
    }
}

/// What the system said, without the file.
fn bare(error: BundleError) -> io::Error {
    match error {
        BundleError::Io { source, .. } => source,
        other => io::Error::other(other),
    }
}

/// An error of the archive as one of its file.
fn plain(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Entries written one after the other into a file without a name, packed and hidden as they will stay.
struct Stream {
    zip: Option<ZipWriter<StreamWriter<Out>>>,
    listed: Vec<Listed>,
    hash: Sha256,
    bytes: u64,
}

impl Stream {
    fn new(spool: Out) -> Stream {
        // Without going back in it: the archive gives a sum of what is hidden, when it can.
        Stream { zip: Some(ZipWriter::new_stream(spool)), listed: Vec::new(), hash: Sha256::new(), bytes: 0 }
    }

    fn zip(&mut self) -> io::Result<&mut ZipWriter<StreamWriter<Out>>> {
        self.zip.as_mut().ok_or_else(|| io::Error::other("it has ended"))
    }

    /// Ends the entry before and starts another.
    fn start(&mut self, name: &str, media_type: &str, what: &str, options: Packed<'_>) -> io::Result<()> {
        self.note();
        self.zip()?.start_file(name, options).map_err(plain)?;
        let (name, media_type, what) = (name.to_owned(), media_type.to_owned(), what.to_owned());
        self.listed.push(Listed { name, media_type, what, bytes: 0, sha256: String::new() });
        Ok(())
    }

    /// Notes what the last entry came to.
    fn note(&mut self) {
        if let Some(last) = self.listed.last_mut() {
            last.bytes = std::mem::take(&mut self.bytes);
            last.sha256 = hex(&self.hash.finalize_reset());
        }
    }

    /// The entries, and the archive to copy them from.
    fn end(&mut self) -> io::Result<(Vec<Listed>, Option<Spooled>)> {
        self.note();
        let Some(zip) = self.zip.take() else { return Ok((Vec::new(), None)) };
        let mut file = zip.finish().map_err(plain)?.into_inner().end()?;
        file.seek(SeekFrom::Start(0))?;
        Ok((std::mem::take(&mut self.listed), Some(ZipArchive::new(BufReader::new(file)).map_err(plain)?)))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.zip()?.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the hash of what is written to it.
pub(super) struct Hashing<'h>(pub(super) &'h mut Sha256, pub(super) u64);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        self.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes, and takes the hash of what it wrote.
struct Tee<'t> {
    out: &'t mut Out,
    hash: &'t mut Sha256,
    bytes: &'t mut u64,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        *self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
