//! A person's records that would be gone before their request is answered: taken out, with what proves them, on the day it is
//! received. The purge itself never waits.
//!
//! An extract is a file `extracts/REFERENCE.ENTRY`, hidden under the key of its own entry in the ledger: thirty days after the
//! answer that key is destroyed, and every copy of the file with it. The entry is written first, then the file; a crash in
//! between leaves an entry without a file, which is taken out again as long as the days are there.

use super::{Desk, Refusal, Request, Step};
use crate::cipher::{hex, sha256};
use crate::day::Day;
use crate::error::words;
use crate::keys::{Keys, make_folder, write_new};
use crate::ledger::{Ledger, LedgerError};
use crate::proof::{DayProof, Leaves, ProvenDay, ProvenRecord, Spot, visit_proven};
use crate::record::Record;
use crate::{Search, SearchError, chain, crash, retention};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How an extract begins.
const MAGIC: [u8; 8] = *b"octext1\n";

/// What was taken out, as the ledger says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extract {
    /// The number of the entry that it is hidden under.
    pub entry: u64,
    /// The UTC days.
    pub days: Vec<String>,
    /// How many records.
    pub records: u64,
    /// SHA-256 of what is hidden.
    #[serde(skip)]
    pub(super) sha256: String,
}

/// Records cannot be taken out.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The request.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The records.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Which days are due.
    #[error(transparent)]
    Purge(#[from] retention::PurgeError),
    /// The file.
    #[error("{0}")]
    File(String),
}

impl From<LedgerError> for ExtractError {
    fn from(error: LedgerError) -> ExtractError {
        ExtractError::Refusal(error.into())
    }
}

/// A line that begins a day, or one that is a record of it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Day { seal: String, day: DayProof },
    Record { proof: Spot, record: Box<Record> },
}

pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("extracts")
}

fn name(reference: &str, entry: u64) -> String {
    format!("{reference}.{entry}")
}

/// What an extract is bound to: one that is moved does not open.
fn place(reference: &str, entry: u64) -> String {
    format!("octroi extract {reference}, entry {entry}")
}

impl Desk<'_> {
    /// Takes out what any of these searches looks for of the days that are due before the request is: to be called when it is
    /// received, and when it is extended. `None` when there is nothing, or all of it was taken out before.
    pub async fn extract(
        &mut self,
        who: &str,
        reference: &str,
        searches: &[Search],
    ) -> Result<Option<Extract>, ExtractError> {
        let (dir, keys, request) = (self.dir.clone(), self.keys, self.waiting(reference)?);
        let taken: BTreeSet<&String> = request.extracts.iter().flat_map(|extract| &extract.days).collect();
        let days: Vec<Day> = retention::due(&dir, &keys.public(), after(request.due))?
            .into_iter()
            .filter(|day| !taken.contains(&day.to_string()))
            .collect();
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(None) };
        // What is filed under a day was opened on it, or on the one before.
        let (from, to) = (first.after(-1).begins(), last.after(1).begins());
        let bounded = |search: &Search| Search {
            from: Some(search.from.map_or(from, |at| at.max(from))),
            to: Some(search.to.map_or(to, |at| at.min(to))),
            ..search.clone()
        };
        let searches: Vec<Search> = searches.iter().map(bounded).collect();
        let mut found = Vec::new();
        let missed = visit_proven(&dir, keys, &searches, |day| {
            if days.iter().any(|due| due.to_string() == day.day) {
                found.push(day);
            }
            ControlFlow::Continue(())
        });
        if let Some(missed) = missed.await?.into_iter().next() {
            return Err(missed.into());
        }
        if found.is_empty() {
            return Ok(None);
        }
        let packed = pack(&found).map_err(|error| ExtractError::File(error.to_string()))?;
        let records = found.iter().map(|day| day.records.len() as u64).sum();
        let days = found.iter().map(|day| day.day.clone()).collect();
        let step = Step::Extracted { days, records, sha256: hex(&sha256(&packed)) };
        let request = self.write(who, reference, step)?;
        crash::point("extract noted");
        let Some(extract) = request.extracts.last().cloned() else { return Ok(None) };
        let cipher = keys.entry_of(Ledger::Requests.name(), extract.entry).map_err(LedgerError::from)?;
        let hidden = [&MAGIC[..], &cipher.hide(&place(reference, extract.entry), &packed)].concat();
        let folder = folder(&dir);
        let file = folder.join(name(reference, extract.entry));
        let written = make_folder(&folder).and_then(|()| write_new(&file, &hidden, true));
        let written = written.and_then(|()| std::fs::File::open(&folder)?.sync_all());
        written.map_err(|error| ExtractError::File(words(&file, &error)))?;
        Ok(Some(extract))
    }

    /// Deletes the files that no entry stands for any more.
    pub(super) fn sweep(&self) -> io::Result<()> {
        let kept: BTreeSet<String> = self
            .requests()
            .all()
            .iter()
            .flat_map(|request| request.extracts.iter().map(|extract| name(&request.reference, extract.entry)))
            .collect();
        let listing = match std::fs::read_dir(folder(&self.dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            listing => listing?,
        };
        for file in listing {
            let file = file?;
            if !file.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

/// The instant at which a day and the next are over everywhere west of Greenwich too: what is purged by then is purged too soon.
fn after(day: Date) -> i64 {
    use jiff::ToSpan;
    let end = jiff::tz::Offset::UTC.to_timestamp(day.saturating_add(2.days()).at(0, 0, 0, 0));
    end.map_or(i64::MAX, |at| at.as_microsecond())
}

/// Each day with the line of its seal and its proof, then its records.
fn pack(days: &[ProvenDay]) -> io::Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for day in days {
        let unsealed =
            || io::Error::other(format!("{} is not sealed yet, so that nothing proves its records", day.day));
        let seal = day.seal.clone().ok_or_else(unsealed)?;
        let mut line = |line: &Line| {
            serde_json::to_writer(&mut packed, line)?;
            packed.write_all(b"\n")
        };
        line(&Line::Day { seal, day: day.proof() })?;
        for ProvenRecord { record, spot } in &day.records {
            let proof = spot.clone().ok_or_else(unsealed)?;
            line(&Line::Record { proof, record: Box::new(record.clone()) })?;
        }
    }
    packed.finish()
}

/// The records that were taken out for a request, day by day, each proved again.
pub fn extracted(dir: &Path, keys: &Keys, request: &Request) -> Result<Vec<ProvenDay>, ExtractError> {
    let mut days: Vec<ProvenDay> = Vec::new();
    for extract in &request.extracts {
        let file = folder(dir).join(name(&request.reference, extract.entry));
        let wrong = |why: &dyn std::fmt::Display| ExtractError::File(words(&file, &why.to_string()));
        days.extend(open(&file, keys, &request.reference, extract).map_err(|why| wrong(&why))?);
    }
    days.sort_by(|one, other| one.day.cmp(&other.day));
    Ok(days)
}

/// A day as it is read: the line of its seal, its proof, its records.
type Read = (String, DayProof, Vec<ProvenRecord>);

fn open(file: &Path, keys: &Keys, reference: &str, extract: &Extract) -> Result<Vec<ProvenDay>, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let hidden = bytes.strip_prefix(&MAGIC).ok_or("it is no extract")?.to_vec();
    let cipher = keys.entry_of(Ledger::Requests.name(), extract.entry).map_err(|error| error.to_string())?;
    let packed = cipher.open_whole(&place(reference, extract.entry), hidden).map_err(|error| error.to_string())?;
    if hex(&sha256(&packed)) != extract.sha256 {
        return Err("it is not what was taken out".to_owned());
    }
    let (mut read, mut days): (Vec<Read>, Vec<ProvenDay>) = (Vec::new(), Vec::new());
    for line in BufReader::new(ZlibDecoder::new(packed.as_slice())).lines() {
        let line = line.map_err(|error| error.to_string())?;
        match (serde_json::from_str(&line).map_err(|error| error.to_string())?, read.last_mut()) {
            (Line::Day { seal, day }, _) => read.push((seal, day, Vec::new())),
            (Line::Record { proof, record }, Some((.., records))) => {
                records.push(ProvenRecord { record: *record, spot: Some(proof) });
            }
            (Line::Record { .. }, None) => return Err("a record of no day".to_owned()),
        }
    }
    for (seal, proof, records) in read {
        let line = chain::Line::of(&seal);
        let line = line.filter(|line| keys.public().verifies(line.entry.as_bytes(), line.signature));
        line.ok_or("the seal of its day is not signed by this register")?;
        let mut leaves = Leaves::default();
        records.iter().try_for_each(|found| leaves.add(found))?;
        days.push(leaves.prove(&seal, &proof)?.with(records));
    }
    Ok(days)
}
