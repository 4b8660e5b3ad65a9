//! Bundles: what is handed over of the register (to a person, to an authority) or kept of it under a hold, in one file that
//! anybody can prove without us.
//!
//! A bundle is a zip. `manifest.json` says what it is and what is in it, with the SHA-256 of each entry; `records.csv` and
//! `records.json` hold the records, `proofs.jsonl` and `seals.jsonl` what proves them; `key.pem` is the register's public key.
//! The archive's comment signs every byte before it, so that a byte changed anywhere is found without unpacking. The same
//! input gives the same bytes. `docs/RECORDS.md` ("Bundles") specifies it; `tests/verify_bundle.py` proves one without this
//! program.
//!
//! [`Bundle::begin`], then [`Bundle::add_day`] for each day that [`visit_proven`](crate::visit_proven) shows and
//! [`Bundle::add_file`] for what else belongs to it, then [`Bundle::finish`]. Nothing half-made ever stands under its name.
//! [`verify()`] proves a bundle, [`read`] gives back what is in it.

mod draft;
mod records;
mod verify;
mod write;

pub use verify::{Report, is_locked, read, verify};
pub use write::{Bundle, EntryWriter, Made, Options};

use crate::error::words;
use crate::fields::{Export, fields};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a bundle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Handed to the person concerned (RGPD art. 15).
    Subject,
    /// Handed to an authority.
    Requisition,
    /// Kept under a legal hold while its days are purged.
    Hold,
}

/// What the manifest says of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What it is for.
    pub kind: Kind,
    /// The reference of the request, of the requisition or of the hold.
    pub reference: String,
    /// The organisation that made it.
    pub organisation: String,
    /// The gate.
    pub node: String,
    /// The period that was searched: from this instant (RFC 3339, UTC); without it from the first record.
    pub from: Option<String>,
    /// To this instant, which is not part of it; without it to the last record.
    pub to: Option<String>,
    /// When it was made (RFC 3339, UTC). The caller says so: the same input gives the same bytes.
    pub made_at: String,
    /// The program and its version.
    pub program: String,
    /// The statement of method, by language (`fr`, `en`): how records arise, what the clock and masking do, how sure an
    /// identification is. [`csv_note`] belongs to it.
    pub statement: BTreeMap<String, String>,
}

/// How a bundle is hidden from others than its receiver.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// Each entry but `key.pem` under this password: AES-256 (WinZip AE-2). Its salts are drawn by lot, so that two bundles
    /// of the same input differ.
    Password(String),
    /// The whole file for this recipient (`age1…`), as age does it (<https://age-encryption.org/v1>). It must be decrypted
    /// before it is verified. The same input gives other bytes.
    Age(String),
}

impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Encryption::None => "None",
            // Whoever writes it into a log must not write it out.
            Encryption::Password(_) => "Password",
            Encryption::Age(_) => "Age",
        })
    }
}

/// A bundle cannot be made. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// There is a file of that name, which is left as it is.
    #[error("{}: there is a file of that name already; move it away, or choose another name", .0.display())]
    Exists(PathBuf),
    /// Another process makes one of that name.
    #[error("{}: another process is making it", .0.display())]
    Busy(PathBuf),
    /// It cannot be written: the file and the system's words.
    #[error("{}", words(file, source))]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// An entry can't have this name.
    #[error("an entry cannot be named {0:?}: letters, digits, `.`, `_`, `-` and `/` between names, each name once")]
    Name(String),
    /// This is no recipient.
    #[error("`{0}` is no age recipient: it begins with `age1`")]
    Recipient(String),
    /// A password of nothing hides nothing.
    #[error("the password is empty")]
    Password,
    /// Days come oldest first, each once.
    #[error("{0} comes behind a later day")]
    Order(String),
    /// A proof is over all fields of a record, so all of them must be exported.
    #[error("`{0}` is not exported by logstore/fields.toml: records without it cannot be proved")]
    Field(String),
}

impl BundleError {
    fn io(file: &Path, source: io::Error) -> BundleError {
        BundleError::Io { file: file.to_path_buf(), source }
    }
}

/// Of `records.csv`, for the statement of method, in French or English: what its texts have that the records haven't.
pub fn csv_note(language: &str) -> &'static str {
    match language {
        "fr" => {
            "Dans records.csv, une apostrophe précède tout texte qui commence par =, +, -, @, une tabulation ou un retour à \
             la ligne, afin qu’aucun tableur ne l’exécute comme une formule. records.json contient les valeurs exactes."
        }
        _ => {
            "In records.csv an apostrophe stands before each text that begins with =, +, -, @, a tab or a line break, so that \
             no spreadsheet runs it as a formula. records.json has the exact values."
        }
    }
}

/// What stands in `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// The form of bundles.
    form: u32,
    bundle: Head,
    /// What names the key that signs.
    key: String,
    /// Days that have records here, records, and records that are proved: those of days that are sealed.
    days: u64,
    records: u64,
    proved: u64,
    /// Every entry but the manifest, in its order.
    entries: Vec<Listed>,
}

/// An entry, as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    media_type: String,
    what: String,
    bytes: u64,
    sha256: String,
}

/// The form of bundles that this code writes.
const FORM: u32 = 1;
const MANIFEST: &str = "manifest.json";
const KEY: &str = "key.pem";
const CSV: &str = "records.csv";
const JSON: &str = "records.json";
const PROOFS: &str = "proofs.jsonl";
const SEALS: &str = "seals.jsonl";

/// Where the archive's comment begins, behind the fixed part of the end of its central directory.
const END: usize = 22;
/// Bytes of the comment.
const COMMENT: usize = "octroi-bundle 1 0123456789abcdef ".len() + 88;

/// What is signed: the head of the comment, then the SHA-256 of every byte before the comment.
fn signed(key: &str, hash: &str) -> String {
    format!("octroi-bundle {FORM} {key} {hash}")
}

/// The archive's comment.
fn comment(key: &str, signature: &str) -> String {
    format!("octroi-bundle {FORM} {key} {signature}")
}

/// Whether an entry may have this name: a path that leads nowhere but down, in letters that mean the same everywhere.
fn is_safe(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.len() <= 200 && name.split('/').all(part)
}

/// The first field that bundles of a kind don't carry.
fn not_exported(kind: Kind) -> Option<&'static str> {
    let export = match kind {
        Kind::Subject => Export::Subject,
        Kind::Requisition => Export::Requisition,
        Kind::Hold => return None,
    };
    fields().iter().find(|field| !field.export.contains(&export)).map(|field| field.name.as_str())
}

#[cfg(test)]
#[path = "bundle/tests.rs"]
pub(crate) mod tests;
