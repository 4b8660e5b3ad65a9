//! What is held of a day that is due, taken out of it with its proofs before it dies, and read again.
//!
//! An extract is a file `holds/NUMBER/DAY`, hidden under the key of an entry of its own in the ledger of holds: that key is
//! destroyed when the hold is over, and nobody else's record was ever under it. The entry is written first, then the file, and
//! only when that is on the disk the day dies. What an erasure takes of a day (RGPD art. 17) is taken out of it alike for
//! judicial holds, into `holds/NUMBER/DAY.ERASURE`: an inquiry shows in nothing that others see. A crash in between leaves the day: it is taken out again, under another entry.

use super::{Desk, Event, Extracted, Hold, Holds};
use crate::cipher::{PublicKey, hex, sha256};
use crate::day::Day;
use crate::dayfile::{Reader, State, state_of};
use crate::error::words;
use crate::keys::{Keys, delete_drafts, make_folder, write_new};
use crate::ledger::{Ledger, LedgerError};
use crate::people::{self, People};
use crate::proof::{DayProof, Leaves, ProvenDay, ProvenRecord, Spot, visit_proven};
use crate::record::Record;
use crate::retention::ErasedDay;
use crate::search::Search;
use crate::statements::{Concerns, Statements};
use crate::{SearchError, chain, crash, seal};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How an extract begins.
const MAGIC: [u8; 8] = *b"octext1\n";
/// Who takes out.
pub(super) const OWN: &str = "octroi";

/// The first line of an extract.
#[derive(Serialize, Deserialize)]
struct Head {
    hold: u64,
    /// The line of the chain of seals that seals the day.
    seal: String,
    proof: DayProof,
}

/// One of the others.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    record: &'a Record,
    day: &'a str,
    proof: Option<&'a Spot>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    record: Record,
    proof: Spot,
}

/// The folder of a hold's extracts.
pub(super) fn folder(dir: &Path, hold: u64) -> PathBuf {
    dir.join("holds").join(hold.to_string())
}

fn file(dir: &Path, hold: u64, day: &str, erasure: Option<u64>) -> PathBuf {
    folder(dir, hold).join(erasure.map_or_else(|| day.to_owned(), |erasure| format!("{day}.{erasure}")))
}

/// What an extract is bound to: one that is moved does not open.
fn place(hold: u64, entry: u64, day: &str) -> String {
    format!("octroi hold {hold}, entry {entry}, {day}")
}

/// The holds, while days are erased: nobody adds one meanwhile.
pub(crate) struct Keeper<'k> {
    dir: PathBuf,
    keys: &'k Keys,
    node: String,
    desk: Desk<'k>,
    people: People,
}

impl<'k> Keeper<'k> {
    /// Takes the holds. Fails when anything of them cannot be read, or of whose accounts and addresses are whose.
    pub(crate) fn begin(dir: &Path, keys: &'k Keys, node: &str) -> Result<Keeper<'k>, LedgerError> {
        let desk = Desk::open(dir, keys)?;
        let people = if desk.holds.kept().next().is_some() { people::read(dir, keys)? } else { People::default() };
        Ok(Keeper { dir: dir.to_path_buf(), keys, node: node.to_owned(), desk, people })
    }

    /// Takes out of a day what is held. When this returns without an error, it is on the disk, and the day may die. Blocks on
    /// the file system; not to be called from within a runtime.
    pub(crate) fn take_out(&mut self, day: Day) -> Result<(), String> {
        let reaches = |hold: &&Hold| hold.terms.searches(&self.people, None).iter().any(|search| search.may_reach(day));
        let holds: Vec<u64> = self.desk.holds.kept().filter(reaches).map(|hold| hold.number).collect();
        if holds.is_empty() || !day.file(&self.dir).exists() {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(async {
            if self.is_gone(day).await? {
                return Ok(());
            }
            // What proves records is the day's seal.
            seal::seal_day(&self.dir, day, &self.node, self.keys).await.map_err(|error| error.to_string())?;
            for hold in holds {
                self.take_out_for(hold, day, None).await?;
            }
            Ok(())
        })
    }

    /// Takes out of a sealed day what judicial holds keep of what an erasure is about to erase of it.
    pub(crate) async fn take_out_erased(&mut self, day: Day, erasure: u64, concerns: &Concerns) -> Result<(), String> {
        let reaches = |hold: &&Hold| hold.terms.searches(&self.people, None).iter().any(|search| search.may_reach(day));
        let secret = self.desk.holds.kept().filter(|hold| hold.is_secret());
        let holds: Vec<u64> = secret.filter(reaches).map(|hold| hold.number).collect();
        for hold in holds {
            self.take_out_for(hold, day, Some((erasure, concerns))).await?;
        }
        Ok(())
    }

    /// The holds, and whose accounts and addresses are whose.
    pub(crate) fn holds(&self) -> (&Holds, &People) {
        (&self.desk.holds, &self.people)
    }

    /// Whether nothing of a day can be read any more: a purge that was cut has destroyed its key.
    async fn is_gone(&self, day: Day) -> Result<bool, String> {
        let destroyed = self.keys.are_destroyed(day).map_err(|error| error.to_string())?;
        // A file of the first form needs no key.
        Ok(destroyed && !matches!(state_of(&day.file(&self.dir)).await, Ok(State::Rows)))
    }

    /// Takes out what a hold keeps of a day, or of what is erased of it.
    async fn take_out_for(&mut self, number: u64, day: Day, only: Option<(u64, &Concerns)>) -> Result<(), String> {
        let name = day.to_string();
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let hold = self.desk.holds.get(number).map_err(|error| said(&error))?;
        let erasure = only.map(|(erasure, _)| erasure);
        let is_this = |extract: &&Extracted| extract.day == name && extract.erasure == erasure;
        let before: Vec<Extracted> = hold.extracts.iter().filter(is_this).cloned().collect();
        if before.iter().any(|extract| open(&self.dir, self.keys, number, extract).is_ok()) {
            return Ok(());
        }
        let before: Vec<u64> = before.into_iter().map(|extract| extract.entry).collect();
        let Some(found) = self.find(hold, day, only.map(|(_, concerns)| concerns)).await? else { return Ok(()) };
        self.desk.erase(&before, "an extract that was cut").map_err(|error| said(&error))?;
        let seal = found.seal.as_deref().ok_or("it cannot be sealed, so that nothing would prove what is taken out")?;
        let packed = pack(number, seal, &found).map_err(|error| said(&error))?;
        let (records, sha256) = (found.records.len() as u64, hex(&sha256(&packed)));
        let event = Event::Extracted { hold: number, day: name.clone(), records, sha256, erasure };
        let entry = self.desk.write(OWN, &event).map_err(|error| said(&error))?;
        crash::point("extract noted");
        let cipher = self.keys.entry_of(Ledger::Holds.name(), entry).map_err(|error| said(&error))?;
        let hidden = [&MAGIC[..], &cipher.hide(&place(number, entry, &name), &packed)].concat();
        drop(packed);
        self.bring_to_disk(&file(&self.dir, number, &name, erasure), &folder(&self.dir, number), &hidden)?;
        crash::point("extract written");
        Ok(())
    }

    fn bring_to_disk(&self, file: &Path, folder: &Path, hidden: &[u8]) -> Result<(), String> {
        let wrong = |file: &Path| {
            let file = file.to_path_buf();
            move |error: io::Error| words(&file, &error)
        };
        make_folder(folder).and_then(|()| delete_drafts(folder)).map_err(wrong(folder))?;
        write_new(file, hidden, true).map_err(wrong(file))?;
        for folder in [folder, &self.dir.join("holds"), &self.dir] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(wrong(folder))?;
        }
        Ok(())
    }

    /// What a hold covers of a day, or of what these concern of it, with its proofs; `None` when that is nothing.
    async fn find(&self, hold: &Hold, day: Day, only: Option<&Concerns>) -> Result<Option<ProvenDay>, String> {
        let file = day.file(&self.dir);
        let users = users(&file, day, self.keys).await?;
        let ends = day.after(1).begins();
        let searches = hold.terms.searches(&self.people, users.as_deref()).into_iter();
        // What is filed under a day was opened on it, or on one before.
        let searches: Vec<Search> =
            searches.map(|search| Search { to: search.to.map(|to| to.min(ends)), ..search }).collect();
        let (name, mut found) = (day.to_string(), None);
        let missed = visit_proven(&self.dir, self.keys, &searches, |shown| {
            if shown.day < name {
                return ControlFlow::Continue(());
            }
            found = Some(shown).filter(|shown| shown.day == name);
            ControlFlow::Break(())
        });
        let missed = missed.await.map_err(|error| error.to_string())?;
        let is_this = |error: &&SearchError| matches!(error, SearchError::Day { file: missed, .. } if *missed == file);
        if let Some(error) = missed.iter().find(is_this) {
            return Err(error.to_string());
        }
        let Some(mut found) = found else { return Ok(None) };
        let is_meant = |record: &Record| only.is_none_or(|concerns| concerns.covers(record));
        found.retain(|record| hold.terms.covers(record, &self.people) && is_meant(record));
        Ok(Some(found).filter(|found| !found.records.is_empty()))
    }

    /// The holds, but for judicial ones, that have records of these days in their extracts.
    pub(crate) fn extracted(&self, days: &[ErasedDay]) -> Vec<u64> {
        let of = |extract: &Extracted| days.iter().any(|day| day.day == extract.day);
        let open = self.desk.holds.all().filter(|hold| !hold.is_secret());
        open.filter(|hold| hold.extracts.iter().any(of)).map(|hold| hold.number).collect()
    }
}

/// The accounts that a day has; `None` while it is not sealed.
pub(super) async fn users(file: &Path, day: Day, keys: &Keys) -> Result<Option<Vec<Option<String>>>, String> {
    let listed = async {
        let mut reader = Reader::open(file, day, keys).await?;
        let users = match reader.state {
            State::Sealed => Some(reader.users().await?),
            _ => None,
        };
        reader.close().await?;
        Ok::<_, crate::row::Malformed>(users)
    };
    listed.await.map_err(|error| words(file, &error))
}

/// The bytes that are hidden: a line for the day, then one for each record.
fn pack(hold: u64, seal: &str, found: &ProvenDay) -> io::Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let head = Head { hold, seal: seal.to_owned(), proof: found.proof() };
    serde_json::to_writer(&mut packed, &head)?;
    for ProvenRecord { record, spot } in &found.records {
        packed.write_all(b"\n")?;
        serde_json::to_writer(&mut packed, &Line { record, day: &found.day, proof: spot.as_ref() })?;
    }
    packed.finish()
}

/// Opens an extract and proves every record of it; why it can't be.
pub(super) fn open(dir: &Path, keys: &Keys, hold: u64, extract: &Extracted) -> Result<ProvenDay, String> {
    let Extracted { entry, day, records, sha256: hash, erasure } = extract;
    let bytes = std::fs::read(file(dir, hold, day, *erasure)).map_err(|error| error.to_string())?;
    let hidden = bytes.strip_prefix(&MAGIC).ok_or("it is no extract")?.to_vec();
    drop(bytes);
    let cipher = keys.entry_of(Ledger::Holds.name(), *entry).map_err(|error| error.to_string())?;
    let packed = cipher.open_whole(&place(hold, *entry, day), hidden).map_err(|error| error.to_string())?;
    if hex(&sha256(&packed)) != *hash {
        return Err("it is not what was taken out".to_owned());
    }
    let unread = |error: &dyn std::fmt::Display| format!("it cannot be read: {error}");
    let mut lines = BufReader::new(ZlibDecoder::new(packed.as_slice())).lines();
    let head = lines.next().ok_or("it is empty")?.map_err(|error| unread(&error))?;
    let head: Head = serde_json::from_str(&head).map_err(|error| unread(&error))?;
    let (mut found, mut leaves) = (Vec::new(), Leaves::default());
    for line in lines {
        let line = line.map_err(|error| unread(&error))?;
        let Told { record, proof } = serde_json::from_str(&line).map_err(|error| unread(&error))?;
        found.push(ProvenRecord { record, spot: Some(proof) });
        found.last().map_or(Ok(()), |found| leaves.add(found))?;
    }
    if (head.hold, head.proof.day.as_str(), found.len() as u64) != (hold, day.as_str(), *records) {
        return Err("it is of another hold or day, or of another number of records".to_owned());
    }
    signed(&head.seal, &keys.public())?;
    Ok(leaves.prove(&head.seal, &head.proof)?.with(found))
}

/// Whether a seal is signed by this key.
fn signed(seal: &str, public: &PublicKey) -> Result<(), String> {
    let line = chain::Line::of(seal).filter(|line| public.verifies(line.entry.as_bytes(), line.signature));
    line.map(drop).ok_or_else(|| "the seal of its day is not signed by this register".to_owned())
}

/// Shows what was taken out for these holds, hold by hold, the oldest day first, each record proved, until the visitor has
/// seen enough. A day that is still there, because a crash kept it from dying, is not shown: its records are in it, but for
/// those that were taken out before they were erased. What cannot be read or proved takes no other with it, and is returned.
pub fn visit_extracts<'h>(
    dir: &Path,
    keys: &Keys,
    holds: impl IntoIterator<Item = &'h Hold>,
    mut visitor: impl FnMut(&Hold, ProvenDay) -> ControlFlow<()>,
) -> Vec<SearchError> {
    let mut missed = Vec::new();
    for hold in holds {
        let mut extracts: Vec<&Extracted> = hold.extracts.iter().collect();
        extracts.sort_by(|one, other| one.day.cmp(&other.day));
        for extract in extracts {
            let is_there = extract.erasure.is_none()
                && Day::parse(&extract.day)
                    .is_some_and(|day| day.file(dir).exists() && keys.are_destroyed(day).is_ok_and(|gone| !gone));
            if is_there {
                continue;
            }
            match open(dir, keys, hold.number, extract) {
                Ok(day) => {
                    if visitor(hold, day).is_break() {
                        return missed;
                    }
                }
                Err(why) => {
                    missed.push(SearchError::Day { file: file(dir, hold.number, &extract.day, extract.erasure), why })
                }
            }
        }
    }
    missed
}

/// What was proved of extracts.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Records proved, but for those of judicial holds.
    pub(crate) records: u64,
    /// What doesn't hold: what, and why.
    pub(crate) broken: Vec<(String, String)>,
}

/// Proves every extract again, against the seals that these are the hashes of.
pub(crate) fn check(dir: &Path, keys: &Keys, holds: &Holds, is_seal: impl Fn(&str) -> bool) -> Checked {
    let mut checked = Checked::default();
    // A ledger that cannot be read was named already.
    let statements = Statements::read(dir, keys).unwrap_or_default();
    let is_erased = |extract: &Extracted| {
        extract.erasure.is_some_and(|erasure| statements.erased(erasure).contains_key(extract.day.as_str()))
    };
    for hold in holds.all() {
        for extract in &hold.extracts {
            let what = || format!("hold {}, {}", hold.number, extract.day);
            match open(dir, keys, hold.number, extract) {
                Ok(day) if day.proof().seal.as_deref().is_some_and(&is_seal) => {
                    checked.records += if hold.is_secret() { 0 } else { day.records.len() as u64 };
                }
                Ok(_) => checked.broken.push((what(), "the seal of its day is not in the chain".to_owned())),
                // A crash left its day: it is taken out again.
                Err(_) if !is_erased(extract) && Day::parse(&extract.day).is_some_and(|day| day.file(dir).exists()) => {
                }
                Err(why) => checked.broken.push((what(), why)),
            }
        }
    }
    checked
}
