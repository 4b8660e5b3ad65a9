//! What is kept of terms on the disk: a secret, and under tags made with it what was acknowledged and used.
use super::meter::Spent;
use super::{Kept, Tag};
use crate::files;
use crate::share::Person;
use argon2::password_hash;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// The key of tags and offers, made once in a data folder.
#[derive(Clone)]
pub(super) struct Secret(Hmac<Sha256>);

impl Secret {
    /// Reads it, or makes it.
    pub(super) fn open(data_dir: &Path) -> Result<Secret, String> {
        let path = data_dir.join("terms.key");
        let key = match std::fs::read(&path) {
            Ok(key) if key.len() == 32 => key,
            Ok(_) => return Err(format!("{}: it is no key. Remove it: another is made", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let salt = || password_hash::try_generate_salt().map_err(|why| format!("no random numbers: {why}"));
                let key = [salt()?, salt()?].concat();
                files::replace(&path, |file| file.write_all(&key))
                    .map_err(|why| format!("{}: {why}", path.display()))?;
                key
            }
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        Ok(Secret::of(&key))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    pub(super) fn of(key: &[u8]) -> Secret {
        Secret(Hmac::new_from_slice(key).expect("a key"))
    }

    /// What is signed; each use has a name of its own, so that no value of one stands for one of another.
    pub(super) fn mac(&self, used_for: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(used_for.as_bytes());
        mac.update(&[0]);
        mac
    }

    /// The tag of a person and of what they did.
    pub(super) fn tag(&self, used_for: &str, person: &Person, what: &[&str]) -> Tag {
        let mut mac = self.mac(used_for);
        let mut add = |part: &[u8]| {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        };
        match person {
            // Accounts are told apart as the charter does, without regard to case.
            Person::Account(account) => {
                add(b"account");
                add(account.to_lowercase().as_bytes());
            }
            Person::Address(address) => {
                add(b"address");
                add(address.to_string().as_bytes());
            }
        }
        what.iter().for_each(|part| add(part.as_bytes()));
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; 16];
        tag.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Tag(tag)
    }
}

/// The file. Times are UTC µs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    acknowledged: BTreeMap<String, i64>,
    spent: BTreeMap<String, WrittenSpent>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpent {
    until: i64,
    used: u64,
    minute: i64,
}

/// Reads the file; nothing, where there is none.
pub(super) fn read(path: &Path) -> Result<Kept, String> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(error.to_string()),
    };
    let written: Written = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let mut kept = Kept::default();
    for (tag, until) in written.acknowledged {
        kept.acknowledged.insert(parsed(&tag)?, until);
    }
    for (tag, WrittenSpent { until, used, minute }) in written.spent {
        kept.spent.insert(parsed(&tag)?, Spent { until, used, minute });
    }
    Ok(kept)
}

fn parsed(text: &str) -> Result<Tag, String> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
    number.map(|number| Tag(number.to_be_bytes())).ok_or_else(|| "a tag is damaged".to_owned())
}

/// What is written.
pub(super) fn text(kept: &Kept) -> Vec<u8> {
    let name = |tag: &Tag| format!("{:032x}", u128::from_be_bytes(tag.0));
    let written = Written {
        acknowledged: kept.acknowledged.iter().map(|(tag, until)| (name(tag), *until)).collect(),
        spent: kept
            .spent
            .iter()
            .map(|(tag, Spent { until, used, minute })| {
                (name(tag), WrittenSpent { until: *until, used: *used, minute: *minute })
            })
            .collect(),
    };
    serde_json::to_vec_pretty(&written).unwrap_or_default()
}

/// Writes it in the file's place.
pub(super) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    files::replace(path, |file| file.write_all(text))
}
