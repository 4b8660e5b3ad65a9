//! The keys of the register, in a folder of their own, apart from the records.
//!
//! | file | what |
//! | --- | --- |
//! | `master` | 32 random bytes: hides the keys of the days. To be kept safe somewhere else |
//! | `seal.key`, `seal.pub` | what seals, acts and certificates are signed with (Ed25519), and what they are checked with |
//! | `heads/` | how far each chain of the register has come: what is cut off its end is missed |
//! | `first-form` | the days that stood there in the clear when this version first ran: no other is taken |
//! | `days/2026-11-23.0123456789abcdef` | the key of a day, hidden under the master key; destroyed with the day |
//! | `ledgers/requests.12.0123456789abcdef` | the key of a ledger's entry, likewise; destroyed when the entry is erased |
//!
//! Whoever has the records without this folder has nothing to read; whoever has the folder from before a purge has no
//! records of that day. A day's key is drawn by lot: no other key gives it back.

mod entries;
mod master;

use crate::chain::Head;
use crate::cipher::{Cipher, KEY, Keyed, PublicKey, Signer, hex, random};
use crate::day::Day;
use crate::error::words;
use crate::{StartError, crash};
use master::{Master, name, place};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The head of a day's key file: form, then the name of the master key, then the hidden key.
const MAGIC: [u8; 8] = *b"octkey1\n";
/// Bytes of a key's name.
const NAME: usize = 8;

/// The folder of keys. Holds no key in memory but the one that signs.
pub struct Keys {
    dir: PathBuf,
    signer: Signer,
}

/// Which key a day is hidden under: sixteen hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyName(String);

/// A key that is needed cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub(crate) String);

/// What a day's records are hidden under and proved with.
pub(crate) struct DayKey {
    pub(crate) name: KeyName,
    /// Hides blocks.
    pub(crate) cipher: Cipher,
    /// Hides the journal written on that day.
    pub(crate) journal: Cipher,
    /// Makes the salts of leaves.
    pub(crate) salts: Keyed,
}

impl Keys {
    /// Opens the folder, making it with new keys when `register` has never had any.
    ///
    /// Fails when the register was begun under keys that are not here: new ones would open nothing, and hide the loss.
    pub fn open(dir: &Path, register: &Path) -> Result<Keys, StartError> {
        make_folder(&dir.join("days")).map_err(|error| StartError::io(dir, &error))?;
        let keys = Keys { dir: dir.to_path_buf(), signer: Signer::new(&[0; KEY]) };
        // Whoever writes a key holds it: a draft that is there now was left by a crash, and is a copy of a key. Where
        // nothing can be written (a copy that is looked at), nothing has to be deleted.
        let lock = keys.lock();
        if lock.is_ok() {
            for folder in [dir, &dir.join("days"), &entries::folder(dir), register] {
                delete_drafts(folder).map_err(|error| StartError::io(folder, &error))?;
            }
        }
        let begun = register.join(PUBLIC);
        if begun.exists() {
            keys.lost(&begun)?;
        } else {
            keys.make().map_err(|error| StartError::io(dir, &error))?;
        }
        let seed = read_key(&dir.join("seal.key")).map_err(|error| StartError::Unusable(error.0))?;
        keys.masters().map_err(|error| StartError::Unusable(error.0))?;
        let signer = Signer::new(&seed);
        let public = signer.public().pem();
        let known = std::fs::read_to_string(&begun).ok();
        if known.as_ref().is_some_and(|known| *known != public) {
            return Err(StartError::Unusable(format!(
                "{}: the register was begun under another signing key (public key {}): put that `seal.key` back",
                dir.join("seal.key").display(),
                begun.display()
            )));
        }
        let published = std::fs::read_to_string(dir.join(PUBLIC)).is_ok_and(|published| published == public);
        for (file, wanted) in [(dir.join(PUBLIC), !published), (begun, known.is_none() && register.exists())] {
            if wanted {
                write_new(&file, public.as_bytes(), true).map_err(|error| StartError::io(&file, &error))?;
            }
        }
        Ok(Keys { dir: dir.to_path_buf(), signer })
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What signatures are checked with.
    pub fn public(&self) -> PublicKey {
        self.signer.public()
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Says which keys of a register that was begun are missing.
    fn lost(&self, begun: &Path) -> Result<(), StartError> {
        for name in ["master", "seal.key"] {
            let file = self.dir.join(name);
            if !file.exists() {
                return Err(StartError::Unusable(format!(
                    "{}: the key is not there, and {} says that the register was begun under it. Put the key back from \
                     its safe copy; without it, no day recorded so far can be read. To begin a new register, move the \
                     old one away",
                    file.display(),
                    begun.display()
                )));
            }
        }
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        for name in ["master", "seal.key"] {
            write_new(&self.dir.join(name), &random::<KEY>(), false)?;
        }
        File::open(&self.dir)?.sync_all()
    }

    /// The master key, then the one it is being replaced by, if that was begun.
    fn masters(&self) -> Result<Vec<Master>, KeyError> {
        let mut masters = vec![Master::new(read_key(&self.dir.join("master"))?)];
        match read_key(&self.dir.join("master.new")) {
            Ok(next) => masters.push(Master::new(next)),
            Err(error) if self.dir.join("master.new").exists() => return Err(error),
            Err(_) => {}
        }
        Ok(masters)
    }

    /// Draws another key for a day. When this returns, it is on the disk.
    pub(crate) fn make_day(&self, day: Day) -> Result<DayKey, KeyError> {
        let _lock = self.lock()?;
        self.make_day_locked(day)
    }

    fn make_day_locked(&self, day: Day) -> Result<DayKey, KeyError> {
        let masters = self.masters()?;
        // A replacement that was begun goes on: what is made meanwhile is already under the new key.
        let master = masters.last().ok_or_else(|| KeyError("no master key".into()))?;
        let key = random::<KEY>();
        let name = KeyName::of(&key);
        let file = self.file(day, &name);
        write_new(&file, &master.wrap(&place(day), &key), true).map_err(|error| KeyError(words(&file, &error)))?;
        self.sync_days()?;
        Ok(DayKey::new(day, name, &key))
    }

    /// The key of that name.
    pub(crate) fn day(&self, day: Day, name: &KeyName) -> Result<DayKey, KeyError> {
        // The master may be replaced between the reading of one file and the other: then nobody replaces it now.
        self.read_day(day, name).or_else(|_| {
            let _lock = self.lock()?;
            self.read_day(day, name)
        })
    }

    fn read_day(&self, day: Day, name: &KeyName) -> Result<DayKey, KeyError> {
        let file = self.file(day, name);
        let bytes = std::fs::read(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyError(format!(
                "{}: the key of {day} is not there; without it the records of that day cannot be read",
                file.display()
            )),
            _ => KeyError(words(&file, &error)),
        })?;
        for master in self.masters()? {
            if let Some(key) = master.unwrap(&place(day), &bytes).filter(|key| KeyName::of(key) == *name) {
                return Ok(DayKey::new(day, name.clone(), &key));
            }
        }
        Err(KeyError(format!("{}: the key does not open under the master key {}", file.display(), self.master_name()?)))
    }

    /// The key that a day has, or a new one.
    pub(crate) fn day_or_new(&self, day: Day) -> Result<DayKey, KeyError> {
        let _lock = self.lock()?;
        match self.names_of(day)?.first() {
            Some(name) => self.read_day(day, name),
            None => self.make_day_locked(day),
        }
    }

    /// Whether there is a key of that name.
    pub(crate) fn has(&self, day: Day, name: &KeyName) -> bool {
        self.file(day, name).exists()
    }

    /// Whether no key of a day opens anything any more: each is gone, or was written over when a crash came.
    pub(crate) fn are_destroyed(&self, day: Day) -> Result<bool, KeyError> {
        for name in self.names_of(day)? {
            let file = self.file(day, &name);
            match std::fs::read(&file) {
                Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(KeyError(words(&file, &error))),
                Ok(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The names of the keys that a day has.
    pub(crate) fn names_of(&self, day: Day) -> Result<Vec<KeyName>, KeyError> {
        Ok(self.all()?.into_iter().filter(|(of, _)| *of == day).map(|(_, name)| name).collect())
    }

    /// Every key there is.
    pub(crate) fn all(&self) -> Result<Vec<(Day, KeyName)>, KeyError> {
        let dir = self.dir.join("days");
        let wrong = |error: &io::Error| KeyError(words(&dir, error));
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(|error| wrong(&error))? {
            let name = entry.map_err(|error| wrong(&error))?.file_name();
            let named = name.to_str().and_then(|name| name.split_once('.'));
            all.extend(named.and_then(|(day, name)| Some((Day::parse(day)?, KeyName::parse(name)?))));
        }
        all.sort();
        Ok(all)
    }

    /// The days that have a key, oldest first.
    pub fn days(&self) -> Result<Vec<String>, KeyError> {
        let mut days: Vec<String> = self.all()?.into_iter().map(|(day, _)| day.to_string()).collect();
        days.dedup();
        Ok(days)
    }

    /// The days whose key does not open under the master key that is here: it is of another register, or of before a
    /// replacement.
    pub fn closed(&self) -> Result<Vec<String>, KeyError> {
        let closed = self.all()?.into_iter().filter(|(day, name)| self.day(*day, name).is_err());
        let mut days: Vec<String> = closed.map(|(day, _)| day.to_string()).collect();
        days.dedup();
        Ok(days)
    }

    /// Destroys the keys of a day, but for those kept. What they hide is gone, wherever it was copied to.
    pub(crate) fn destroy(&self, day: Day, kept: Option<&KeyName>) -> Result<u64, KeyError> {
        let _lock = self.lock()?;
        let mut destroyed = 0;
        for name in self.names_of(day)?.into_iter().filter(|name| Some(name) != kept) {
            let file = self.file(day, &name);
            // Written over first, for what little it is worth on a file system that copies.
            let gone = overwrite(&file).and_then(|()| {
                crash::point("key overwritten");
                std::fs::remove_file(&file)
            });
            gone.map_err(|error| KeyError(words(&file, &error)))?;
            destroyed += 1;
        }
        if destroyed > 0 {
            self.sync_days()?;
        }
        Ok(destroyed)
    }

    /// Draws another master key and hides every day's key under it. Taken up again where it was cut. Returns how many
    /// keys of days there are.
    pub fn replace_master(&self) -> Result<u64, KeyError> {
        let _lock = self.lock()?;
        let (old, next) = (self.dir.join("master"), self.dir.join("master.new"));
        if !next.exists() {
            write_new(&next, &random::<KEY>(), true).map_err(|error| KeyError(words(&next, &error)))?;
            crash::point("another master made");
        }
        let masters = self.masters()?;
        let master = masters.last().ok_or_else(|| KeyError("no master key".into()))?;
        let all = self.all()?;
        for (day, name) in &all {
            let file = self.file(*day, name);
            let wrong = |error: io::Error| KeyError(words(&file, &error));
            let bytes = std::fs::read(&file).map_err(wrong)?;
            let key = masters.iter().find_map(|master| master.unwrap(&place(*day), &bytes));
            let key = key.ok_or_else(|| KeyError(format!("{}: opens under neither master key", file.display())))?;
            write_new(&file, &master.wrap(&place(*day), &key), true).map_err(wrong)?;
            crash::point("a key hidden anew");
        }
        self.sync_days()?;
        self.hide_entries_anew(&masters, master)?;
        let replaced = overwrite(&old).and_then(|()| {
            crash::point("old master overwritten");
            std::fs::rename(&next, &old)
        });
        replaced.map_err(|error| KeyError(words(&old, &error)))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|error| KeyError(words(&self.dir, &error)))?;
        Ok(all.len() as u64)
    }

    /// Notes how far a chain has come. Not on the disk at once: what is noted is behind the chain, never ahead of it.
    pub(crate) fn note_head(&self, kind: &str, head: &Head) {
        let file = self.dir.join("heads").join(kind);
        let draft = file.with_extension(format!("new-{}-{}", std::process::id(), hex(&random::<4>())));
        let noted = make_folder(&self.dir.join("heads"))
            .and_then(|()| std::fs::write(&draft, serde_json::to_vec(head)?))
            .and_then(|()| std::fs::rename(&draft, &file));
        if let Err(error) = noted {
            let _ = std::fs::remove_file(&draft);
            tracing::warn!(%error, kind, "how far a chain has come cannot be noted beside the keys");
        }
    }

    /// How far a chain had come when it was last added to.
    pub(crate) fn head(&self, kind: &str) -> Option<Head> {
        serde_json::from_slice(&std::fs::read(self.dir.join("heads").join(kind)).ok()?).ok()
    }

    /// Whether a day file of the first form, in the clear and proved by nothing, may stand for this day: until the register
    /// was turned into the form of today, and then for the days that it had.
    pub(crate) fn accepts_first_form(&self, day: Day) -> bool {
        match std::fs::read_to_string(self.dir.join(FIRST_FORM)) {
            Ok(days) => days.lines().any(|of| of == day.to_string()),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Whether a journal in the clear may still be there.
    pub(crate) fn accepts_clear_journal(&self) -> bool {
        !self.dir.join(FIRST_FORM).exists()
    }

    /// Notes the days that stand there in the first form: from now on no other is taken.
    pub(crate) fn end_first_form(&self, days: &[Day]) -> Result<(), KeyError> {
        let file = self.dir.join(FIRST_FORM);
        let text: String = days.iter().map(|day| format!("{day}\n")).collect();
        write_new(&file, text.as_bytes(), false).map_err(|error| KeyError(words(&file, &error)))
    }

    /// The name of the master key in force, to know one copy from another.
    pub fn master_name(&self) -> Result<String, KeyError> {
        Ok(self.masters()?.first().map(|master| hex(&master.name)).unwrap_or_default())
    }

    /// Held by whoever writes a file with [`write_new`]: what is not whole is deleted by whoever gets it next.
    pub(crate) fn lock(&self) -> Result<File, KeyError> {
        let path = self.dir.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| KeyError(words(&path, &error)))
    }

    fn file(&self, day: Day, name: &KeyName) -> PathBuf {
        self.dir.join("days").join(format!("{day}.{}", name.0))
    }

    fn sync_days(&self) -> Result<(), KeyError> {
        let dir = self.dir.join("days");
        File::open(&dir).and_then(|dir| dir.sync_all()).map_err(|error| KeyError(words(&dir, &error)))
    }
}

/// The days that stood there in the first form when the register was turned into that of today.
const FIRST_FORM: &str = "first-form";

/// The public key, beside the private one and in the register.
const PUBLIC: &str = "seal.pub";

impl KeyName {
    fn of(key: &[u8; KEY]) -> KeyName {
        KeyName(hex(&name(key)))
    }

    /// Sixteen lower-case hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<KeyName> {
        let good =
            text.len() == 2 * NAME && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        good.then(|| KeyName(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Of its eight bytes.
    pub(crate) fn of_bytes(bytes: &[u8; NAME]) -> KeyName {
        KeyName(hex(bytes))
    }

    /// Its eight bytes.
    pub(crate) fn bytes(&self) -> [u8; NAME] {
        std::array::from_fn(|at| {
            self.0.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0)
        })
    }
}

impl DayKey {
    fn new(day: Day, name: KeyName, key: &[u8; KEY]) -> DayKey {
        let derived = |what: &str| Keyed::new(key).of(&[b"octroi ", what.as_bytes(), b" ", day.to_string().as_bytes()]);
        DayKey {
            name,
            cipher: Cipher::new(&derived("blocks")),
            journal: Cipher::new(&derived("journal")),
            salts: Keyed::new(&derived("leaves")),
        }
    }
}

/// Makes a folder that only its owner enters, with its parents.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read_key(file: &Path) -> Result<[u8; KEY], KeyError> {
    let bytes = std::fs::read(file).map_err(|error| KeyError(words(file, &error)))?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| KeyError(format!("{}: a key has {KEY} bytes, this file {length}", file.display())))
}

/// What is in the name of a file that is being written.
const DRAFT: &str = ".new-";

/// Writes a whole file under another name and puts it in place; `replace`: also where there is one already.
pub(crate) fn write_new(file: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!("{DRAFT}{}-{}", std::process::id(), hex(&random::<4>())));
    let draft = PathBuf::from(draft);
    let written = (|| {
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        crash::point("key draft begun");
        new.write_all(bytes)?;
        new.sync_all()?;
        crash::point("key draft written");
        if replace {
            return std::fs::rename(&draft, file);
        }
        match std::fs::hard_link(&draft, file) {
            Err(other) if other.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    let _ = std::fs::remove_file(&draft);
    written
}

/// Deletes what a crash left of [`write_new`].
pub(crate) fn delete_drafts(folder: &Path) -> io::Result<()> {
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing?,
    };
    for entry in listing {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains(DRAFT) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn overwrite(file: &Path) -> io::Result<()> {
    let length = std::fs::metadata(file)?.len();
    let mut open = OpenOptions::new().write(true).open(file)?;
    open.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])?;
    open.sync_all()
}

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
