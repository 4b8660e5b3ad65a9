//! Pseudonyms: the same person has the same one for a month, and another the next.
//!
//! `HMAC-SHA256(HMAC-SHA256(key, "2026-11"), kind ‖ 0 ‖ value)`, its first 50 bits in base 32. The key lives apart from
//! the records; without it a pseudonym can neither be undone nor be tried against a list of names, and two months
//! cannot be joined. A pseudonym is still personal data: whoever holds the key can test a name.

use crate::{StartError, clock};
use hmac::{Hmac, KeyInit, Mac};
use jiff::tz::Offset;
use sha2::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const KEY: usize = 32;
/// Crockford's base 32, in lower case: no i, l, o, u to be misread.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LETTERS: usize = 10;

/// The key of the pseudonyms.
pub struct Pseudonyms {
    key: [u8; KEY],
}

/// The pseudonyms of one month.
pub struct Month {
    key: [u8; KEY],
}

impl Pseudonyms {
    /// Reads the key file, making it (0600, from the system's random numbers) if there is none.
    ///
    /// A key of another length is an error: it is never replaced, since old pseudonyms hang on it.
    pub fn open(file: &Path) -> Result<Pseudonyms, StartError> {
        let found = match std::fs::read(file) {
            Err(none) if none.kind() == io::ErrorKind::NotFound => make_key(file).and_then(|()| std::fs::read(file)),
            found => found,
        };
        let bytes = found.map_err(|error| StartError::io(file, &error))?;
        let key = <[u8; KEY]>::try_from(bytes.as_slice()).map_err(|_| {
            StartError::Unusable(format!("{}: a key has {KEY} bytes, this file {}", file.display(), bytes.len()))
        })?;
        Ok(Pseudonyms { key })
    }

    /// The pseudonyms of the UTC month of an instant (µs).
    pub fn month(&self, at: i64) -> Month {
        let date = Offset::UTC.to_datetime(clock::timestamp(at)).date();
        Month { key: hmac(&self.key, &[format!("{:04}-{:02}", date.year(), date.month()).as_bytes()]) }
    }
}

impl Month {
    /// `p-` and ten letters.
    pub fn user(&self, account: &str) -> String {
        shorten("p-", hmac(&self.key, &[b"user\0", account.as_bytes()]))
    }

    /// `a-` and ten letters. An IPv4 address mapped into IPv6 is that IPv4 address.
    pub fn address(&self, address: IpAddr) -> String {
        shorten("a-", hmac(&self.key, &[b"address\0", &octets(address)]))
    }
}

/// The key is written under another name and linked, so that it is whole or not there, and two processes that make it
/// at once agree on one.
fn make_key(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        crate::keys::make_folder(folder)?;
    }
    let draft = file.with_extension(format!("new-{}", std::process::id()));
    let made = (|| {
        let mut key = [0; KEY];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        new.write_all(&key)?;
        new.sync_all()?;
        match std::fs::hard_link(&draft, file) {
            Err(other) if other.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    let _ = std::fs::remove_file(&draft);
    made
}

/// An address as its bytes: four or sixteen.
fn octets(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn hmac(key: &[u8; KEY], parts: &[&[u8]]) -> [u8; KEY] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn shorten(prefix: &str, digest: [u8; KEY]) -> String {
    let [a, b, c, d, e, f, g, h, ..] = digest;
    let bits = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let letter = |place: usize| char::from(ALPHABET[(bits >> (59 - 5 * place)) as usize & 31]);
    prefix.chars().chain((0..LETTERS).map(letter)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOVEMBER: i64 = 1_795_459_500_123_456;

    #[test]
    fn a_value_keeps_its_pseudonym_for_a_month() {
        let pseudonyms = Pseudonyms { key: [7; KEY] };
        let (november, december) = (pseudonyms.month(NOVEMBER), pseudonyms.month(NOVEMBER + 8 * 86_400_000_000));
        assert_eq!(november.user("p.dupont"), pseudonyms.month(NOVEMBER + 1).user("p.dupont"));
        assert_ne!(november.user("p.dupont"), december.user("p.dupont"));
        assert_ne!(november.user("p.dupont"), november.user("p.dupond"));
        assert_ne!(november.user("p.dupont"), Pseudonyms { key: [8; KEY] }.month(NOVEMBER).user("p.dupont"));
    }

    #[test]
    fn people_and_addresses_do_not_meet() {
        let month = Pseudonyms { key: [7; KEY] }.month(NOVEMBER);
        let (person, address) = (month.user("10.0.0.12"), month.address("10.0.0.12".parse().unwrap()));
        assert!(person.starts_with("p-") && address.starts_with("a-"));
        assert_eq!((person.len(), address.len()), (12, 12));
        assert_ne!(person[2..], address[2..]);
        assert_eq!(address, month.address("::ffff:10.0.0.12".parse().unwrap()));
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys/pseudonyms");
        let first = Pseudonyms::open(&file).unwrap();
        assert_eq!(first.key, Pseudonyms::open(&file).unwrap().key);
        assert_ne!(first.key, [0; KEY]);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path().join("keys")).unwrap().count(), 1);
    }

    #[test]
    fn a_key_of_another_length_is_refused_and_left() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pseudonyms");
        std::fs::write(&file, b"short").unwrap();
        let error = Pseudonyms::open(&file).err().unwrap().to_string();
        assert!(error.ends_with("a key has 32 bytes, this file 5"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), b"short");
    }
}
