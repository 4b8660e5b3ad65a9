//! A bundle proved: nothing that it says is taken for true before something else holds it to it.
//!
//! First the signature over every byte, then the archive and the manifest, then each record: the two files of records against
//! each other, each record's leaf, the day's proof, the seal's root, the seal's signature. A bundle may be anybody's: what is
//! read of it is bounded, and nothing of it is written anywhere.

use super::write::Hashing;
use super::{
    COMMENT, CSV, END, FORM, Head, JSON, KEY, Listed, MANIFEST, Manifest, PROOFS, SEALS, comment, is_safe, records,
    signed,
};
use crate::chain::Line;
use crate::cipher::{PublicKey, hex};
use crate::proof::{DayProof, Leaves, ProvenDay, ProvenRecord};
use crate::{Finding, clock};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

/// Why an entry cannot be read without a password: nothing is proved of it, nor disproved.
const NO_PASSWORD: &str = "it is hidden under a password, and none was given";
/// Why it cannot be read with this one.
const WRONG_PASSWORD: &str = "it is hidden under another password";

/// Whether a finding says that the password was missing or wrong: the bundle may be as it was signed.
pub fn is_locked(finding: &Finding) -> bool {
    [NO_PASSWORD, WRONG_PASSWORD].contains(&finding.why.as_str())
}

/// Longest manifest that is read.
const LONGEST_MANIFEST: u64 = 16 << 20;
/// Longest record.
const LONGEST_RECORD: u64 = 1 << 20;
/// Longest proof of a day: a hash for each of a million records.
const LONGEST_PROOF: u64 = 72 << 20;
/// Entries at most.
const MOST_ENTRIES: usize = 10_000;
/// Records of a day at most.
const MOST_RECORDS: u64 = 1 << 24;

/// What a bundle that holds is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What its manifest says of it.
    pub bundle: Head,
    /// What names the key that signed it.
    pub key: String,
    /// Whether that is the key the caller trusts. If the caller gave none it is the one in the bundle: then the bundle holds
    /// together, and whoever made it may be anybody.
    pub trusted: bool,
    /// The SHA-256 of the whole file.
    pub sha256: String,
    /// Its entries, the manifest included.
    pub entries: u64,
    /// Days that have records in it.
    pub days: u64,
    /// Its records.
    pub records: u64,
    /// Those of them that are proved. The others are of days that were not sealed when it was made.
    pub proved: u64,
}

/// Proves a bundle, by the public key that the caller trusts or the one in it. What doesn't hold, the first of it.
pub fn verify(file: &Path, public: Option<&PublicKey>, password: Option<&str>) -> Result<Report, Finding> {
    Opened::open(file, public, password)?.prove(None)
}

/// Proves a bundle and shows its days, oldest first, until the visitor has seen enough: what doesn't hold, the first of it.
/// Days that were shown before it was found are not to be used.
pub fn read(
    file: &Path,
    public: &PublicKey,
    password: Option<&str>,
    mut visitor: impl FnMut(ProvenDay) -> ControlFlow<()>,
) -> Result<Report, Finding> {
    Opened::open(file, Some(public), password)?.prove(Some(&mut visitor))
}

type Visitor<'v> = &'v mut dyn FnMut(ProvenDay) -> ControlFlow<()>;
type Archive = ZipArchive<BufReader<File>>;

fn finding<T>(what: impl Into<String>, why: impl Into<String>) -> Result<T, Finding> {
    Err(Finding { what: what.into(), why: why.into() })
}

/// A bundle whose signature, entries and manifest hold.
struct Opened<'a> {
    file: &'a Path,
    password: Option<&'a str>,
    public: PublicKey,
    manifest: Manifest,
    report: Report,
}

impl<'a> Opened<'a> {
    fn open(file: &'a Path, public: Option<&PublicKey>, password: Option<&'a str>) -> Result<Opened<'a>, Finding> {
        let name = file.display().to_string();
        let unread = |error: io::Error| Finding { what: name.clone(), why: error.to_string() };
        let end = End::of(file).map_err(unread)?;
        let end = match end {
            Ok(end) => end,
            Err(why) => return finding(name, why),
        };
        if let Some(public) = public {
            end.signed_by(public, &name)?;
        }
        let mut archive = archive(file)?;
        if archive.len() > MOST_ENTRIES || archive.has_duplicate_names() || archive.offset() != 0 {
            return finding(name, "it is no bundle: its list of entries is not one that we write");
        }
        let pem = whole(&mut archive, KEY, None, 4096)?;
        let own = std::str::from_utf8(&pem).ok().and_then(PublicKey::of_pem);
        let Some(own) = own.filter(|own| own.pem().as_bytes() == pem) else {
            return finding(KEY, "it is no public key");
        };
        if public.is_some_and(|public| *public != own) {
            return finding(KEY, "it is another key than the one that signed");
        }
        end.signed_by(&own, &name)?;
        let text = whole(&mut archive, MANIFEST, password, LONGEST_MANIFEST)?;
        let manifest: Manifest = match serde_json::from_slice(&text) {
            Ok(manifest) => manifest,
            Err(error) => return finding(MANIFEST, format!("it cannot be read: {error}")),
        };
        if manifest.form != FORM || manifest.key != own.fingerprint() {
            return finding(MANIFEST, format!("it is not of form {FORM}, or names another key"));
        }
        check_entries(&mut archive, &manifest, password)?;
        let report = Report {
            bundle: manifest.bundle.clone(),
            key: own.fingerprint(),
            trusted: public.is_some(),
            sha256: end.sha256,
            entries: archive.len() as u64,
            days: manifest.days,
            records: manifest.records,
            proved: manifest.proved,
        };
        Ok(Opened { file, password, public: own, manifest, report })
    }

    /// Proves the records.
    fn prove(self, mut visitor: Option<Visitor<'_>>) -> Result<Report, Finding> {
        let mut archives = [archive(self.file)?, archive(self.file)?, archive(self.file)?, archive(self.file)?];
        let [csv, json, proofs, seals] = &mut archives;
        let mut csv = BufReader::new(entry(csv, CSV, self.password)?);
        let mut lines = Lines::of(BufReader::new(entry(json, JSON, self.password)?));
        let mut proofs = BufReader::new(entry(proofs, PROOFS, self.password)?);
        let mut seals = BufReader::new(entry(seals, SEALS, self.password)?);
        expect(&mut csv, records::header().as_bytes(), CSV, "its first line is not that of a bundle")?;
        lines.begin()?;
        let (mut days, mut all, mut proved, mut last) = (0, 0, 0, String::new());
        while let Some(line) = line(&mut proofs, PROOFS, LONGEST_PROOF)? {
            let proof: DayProof = match serde_json::from_slice(&line) {
                Ok(proof) => proof,
                Err(error) => return finding(PROOFS, format!("line {}: it cannot be read: {error}", days + 1)),
            };
            if proof.day <= last {
                return finding(PROOFS, format!("{} comes behind a later day", proof.day));
            }
            let seal = match &proof.seal {
                None => None,
                Some(_) => Some(self.seal(&mut seals, &proof.day)?),
            };
            let (mut leaves, mut kept, mut count) = (Leaves::default(), Vec::new(), 0_u64);
            while let Some((found, local)) = lines.next_of(&proof.day)? {
                let id = found.record.id;
                let same = "it is not what records.json says";
                expect(&mut csv, &records::csv(&found.record, &local), &format!("{CSV}, record {id}"), same)?;
                if found.spot.is_some() != seal.is_some() {
                    return finding(format!("record {id}"), "its day is sealed and it has no proof, or the reverse");
                }
                count += 1;
                if count > MOST_RECORDS {
                    return finding(proof.day, "more records than a day has");
                }
                if seal.is_some() {
                    leaves.add(&found).map_err(|why| Finding { what: proof.day.clone(), why })?;
                }
                if visitor.is_some() {
                    kept.push(found);
                }
            }
            if count == 0 {
                return finding(PROOFS, format!("{} has no records", proof.day));
            }
            (days, all) = (days + 1, all + count);
            let day = match &seal {
                None => ProvenDay::unsealed(proof.day.clone()),
                Some(seal) => {
                    proved += count;
                    leaves.prove(seal, &proof).map_err(|why| Finding { what: proof.day.clone(), why })?
                }
            };
            if let Some(show) = &mut visitor
                && show(day.with(kept)).is_break()
            {
                return Ok(self.report);
            }
            last = proof.day;
        }
        lines.end()?;
        for (rest, name) in [(&mut csv as &mut dyn BufRead, CSV), (&mut seals, SEALS)] {
            if !rest.fill_buf().map_err(|error| unread(name, &error))?.is_empty() {
                return finding(name, "there is more in it than was told");
            }
        }
        let Manifest { days: d, records: r, proved: p, .. } = self.manifest;
        if (days, all, proved) != (d, r, p) {
            return finding(MANIFEST, format!("it counts {r} records of {d} days, there are {all} of {days}"));
        }
        Ok(self.report)
    }

    /// The next line of seals, whose signature holds.
    fn seal(&self, seals: &mut impl BufRead, day: &str) -> Result<String, Finding> {
        let line = line(seals, SEALS, LONGEST_RECORD)?.and_then(|line| String::from_utf8(line).ok());
        let Some(line) = line else { return finding(SEALS, format!("the seal of {day} is not there")) };
        let line = line.trim_end_matches('\n').to_owned();
        let parts = Line::of(&line);
        if !parts.is_some_and(|parts| self.public.verifies(parts.entry.as_bytes(), parts.signature)) {
            return finding(
                format!("the seal of {day}"),
                "its signature does not fit: it was changed, or is by another key",
            );
        }
        Ok(line)
    }
}

/// The end of the file: what signs all of it.
struct End {
    comment: String,
    /// Of every byte before the comment.
    hash: String,
    /// Of the whole.
    sha256: String,
}

impl End {
    /// Reads the whole file once; why it is no bundle.
    fn of(file: &Path) -> io::Result<Result<End, &'static str>> {
        let mut file = File::open(file)?;
        let mut head = [0; 21];
        let length = file.metadata()?.len();
        if length < (COMMENT + END) as u64 {
            return Ok(Err("it is no bundle: it is too short, or was cut off"));
        }
        file.read_exact(&mut head)?;
        if head == *b"age-encryption.org/v1" {
            return Ok(Err("it is hidden for a recipient: decrypt it first (age --decrypt -i KEY -o BUNDLE.zip FILE)"));
        }
        file.seek(SeekFrom::Start(0))?;
        let mut hash = Sha256::new();
        io::copy(&mut Read::by_ref(&mut file).take(length - (COMMENT + END) as u64), &mut Hashing(&mut hash, 0))?;
        let mut end = Vec::new();
        file.take((COMMENT + END) as u64 + 1).read_to_end(&mut end)?;
        let Some((fixed, comment)) = end.split_at_checked(END).filter(|(_, comment)| comment.len() == COMMENT) else {
            return Ok(Err("it changed while it was read"));
        };
        hash.update(fixed);
        let begins = fixed.starts_with(b"PK\x05\x06") && fixed.ends_with(&(COMMENT as u16).to_le_bytes());
        let Some(comment) = std::str::from_utf8(comment).ok().filter(|_| begins) else {
            return Ok(Err("it is no bundle, or was changed: its end is not one that we write"));
        };
        let (before, comment) = (hex(&hash.clone().finalize()), comment.to_owned());
        hash.update(&comment);
        Ok(Ok(End { comment, hash: before, sha256: hex(&hash.finalize()) }))
    }

    /// Whether this key signed it.
    fn signed_by(&self, public: &PublicKey, name: &str) -> Result<(), Finding> {
        let key = public.fingerprint();
        let signature = self.comment.rsplit(' ').next().unwrap_or_default();
        if self.comment != comment(&key, signature) {
            return finding(name, "it was signed by another key, or its end was changed");
        }
        match public.verifies(signed(&key, &self.hash).as_bytes(), signature) {
            true => Ok(()),
            false => finding(name, "it was changed: its signature does not fit"),
        }
    }
}

fn archive(file: &Path) -> Result<Archive, Finding> {
    let open = File::open(file).map_err(ZipError::from).and_then(|file| ZipArchive::new(BufReader::new(file)));
    open.map_err(|error| Finding { what: file.display().to_string(), why: format!("its list of entries: {error}") })
}

fn unread(name: &str, error: &dyn std::fmt::Display) -> Finding {
    Finding { what: name.into(), why: format!("it cannot be read: {error}") }
}

/// An entry, to be read as it was before it was packed and hidden.
fn entry<'z>(
    archive: &'z mut Archive,
    name: &str,
    password: Option<&str>,
) -> Result<ZipFile<'z, BufReader<File>>, Finding> {
    let place = archive.index_for_name(name);
    let Some(place) = place else { return finding(name, "it is not there") };
    let hidden = archive.by_index_raw(place).map_err(|error| unread(name, &error))?.encrypted();
    match (hidden, password) {
        (false, _) => archive.by_index(place).map_err(|error| unread(name, &error)),
        (true, None) => finding(name, NO_PASSWORD),
        (true, Some(password)) => match archive.by_index_decrypt(place, password.as_bytes()) {
            Err(ZipError::InvalidPassword) => finding(name, WRONG_PASSWORD),
            opened => opened.map_err(|error| unread(name, &error)),
        },
    }
}

/// A short entry.
fn whole(archive: &mut Archive, name: &str, password: Option<&str>, most: u64) -> Result<Vec<u8>, Finding> {
    let mut bytes = Vec::new();
    let read = entry(archive, name, password)?.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| unread(name, &error))?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => finding(name, "it is longer than any that we write"),
    }
}

/// Holds the entries to the manifest: each is there, in its place, and is what is said of it; there is no other.
fn check_entries(archive: &mut Archive, manifest: &Manifest, password: Option<&str>) -> Result<(), Finding> {
    let names: Vec<String> =
        archive.file_names().map(|name| name.map(|name| name.into_owned()).unwrap_or_default()).collect();
    let listed = std::iter::once(MANIFEST).chain(manifest.entries.iter().map(|listed| listed.name.as_str()));
    if !names.iter().map(String::as_str).eq(listed) {
        return finding(MANIFEST, "it does not list the entries that there are, in their order");
    }
    if let Some(name) = names.iter().find(|name| !is_safe(name)) {
        return finding(format!("{name:?}"), "no entry of a bundle has such a name");
    }
    for Listed { name, bytes, sha256, .. } in &manifest.entries {
        let mut hash = Sha256::new();
        let mut read = entry(archive, name, password)?.take(bytes.saturating_add(1));
        let count = io::copy(&mut read, &mut Hashing(&mut hash, 0)).map_err(|error| unread(name, &error))?;
        if count != *bytes || hex(&hash.finalize()) != *sha256 {
            return finding(name, "it is not what the manifest says of it");
        }
    }
    Ok(())
}

/// The next line with its end, of a length that is bounded.
fn line(from: &mut impl BufRead, name: &str, most: u64) -> Result<Option<Vec<u8>>, Finding> {
    let mut line = Vec::new();
    from.take(most).read_until(b'\n', &mut line).map_err(|error| unread(name, &error))?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => finding(name, "a line of it does not end, or is longer than any that we write"),
    }
}

/// Reads just these bytes.
fn expect(from: &mut impl Read, bytes: &[u8], what: &str, why: &str) -> Result<(), Finding> {
    let mut found = vec![0; bytes.len()];
    match from.read_exact(&mut found) {
        Ok(()) if found == bytes => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(unread(what, &error)),
        _ => finding(what, why),
    }
}

/// The lines of `records.json`, day by day.
struct Lines<R> {
    from: R,
    ahead: Option<(ProvenRecord, String, String)>,
    /// Whether another record must come, or none may.
    more: Option<bool>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    fn of(from: R) -> Lines<R> {
        Lines { from, ahead: None, more: None, ended: false }
    }

    fn begin(&mut self) -> Result<(), Finding> {
        expect(&mut self.from, b"[\n", JSON, "its first line is not that of a bundle")?;
        self.look_ahead()
    }

    /// Reads the next record, if there is one: as we write it, and in no other way.
    fn look_ahead(&mut self) -> Result<(), Finding> {
        let Some(text) = line(&mut self.from, JSON, LONGEST_RECORD)? else {
            return finding(JSON, "it was cut off");
        };
        if text == b"]\n" && self.more != Some(true) {
            self.ended = true;
            return Ok(());
        }
        if self.more == Some(false) {
            return finding(JSON, "a comma is missing");
        }
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        let (text, more) = text.strip_suffix(b",").map_or((text, false), |text| (text, true));
        self.more = Some(more);
        let told: records::Told = serde_json::from_slice(text).map_err(|error| unread(JSON, &error))?;
        let id = told.record.id;
        let found = ProvenRecord { record: told.record, spot: told.proof };
        let again = records::json(&found, &told.day, &told.opened_at_local);
        if again.ok().as_deref() != Some(text) {
            return finding(format!("{JSON}, record {id}"), "it is not written as we write it");
        }
        if clock::read(&told.opened_at_local).ok() != Some(found.record.opened_at) {
            return finding(format!("{JSON}, record {id}"), "its local time is another instant");
        }
        self.ahead = Some((found, told.opened_at_local, told.day));
        Ok(())
    }

    /// The next record of this day, with its local time.
    fn next_of(&mut self, day: &str) -> Result<Option<(ProvenRecord, String)>, Finding> {
        let Some((found, local, _)) = self.ahead.take_if(|(.., of)| of == day) else { return Ok(None) };
        self.look_ahead()?;
        Ok(Some((found, local)))
    }

    fn end(&mut self) -> Result<(), Finding> {
        let rest = self.from.fill_buf().map_err(|error| unread(JSON, &error))?;
        match (&self.ahead, self.ended && rest.is_empty()) {
            (None, true) => Ok(()),
            (Some((found, ..)), _) => finding(format!("record {}", found.record.id), "nothing proves its day"),
            (None, false) => finding(JSON, "there is more in it than was told"),
        }
    }
}
