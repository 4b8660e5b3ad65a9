//! Keytabs (MIT's format, version 0x0502) read for what they can do: which keys, of whom, of what kind. A key's own bytes are
//! passed over and kept nowhere.
//!
//! GSS-API says of a keytab that it does not work; this says why.
use std::fmt::Write as _;

/// A key of a keytab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whose: `HTTP/proxy.example@REALM`.
    pub(crate) principal: String,
    /// Version of the key: each change of the password makes one.
    pub(crate) version: u32,
    /// What it encrypts with (RFC 3961 §8).
    pub(crate) encryption: u16,
    /// When it was written, in seconds since 1970.
    pub(crate) written: u32,
}

impl Entry {
    /// Whether it is one that domain controllers still accept: AES (RFC 3962, RFC 8009).
    pub(crate) fn is_strong(&self) -> bool {
        matches!(self.encryption, 17..=20)
    }

    /// What the encryption is called.
    pub(crate) fn encryption_name(&self) -> String {
        match self.encryption {
            1..=3 => "DES".to_owned(),
            16 => "3DES".to_owned(),
            17 => "AES128".to_owned(),
            18 => "AES256".to_owned(),
            19 => "AES128-SHA256".to_owned(),
            20 => "AES256-SHA384".to_owned(),
            23 => "RC4".to_owned(),
            24 => "RC4-56".to_owned(),
            25 | 26 => "Camellia".to_owned(),
            other => format!("encryption type {other}"),
        }
    }
}

/// Why a file is no keytab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoKeytab {
    /// It begins otherwise.
    Other,
    /// It is of the form before 0x0502, in the byte order of the machine that wrote it.
    Old,
    /// It is cut, or an entry is not what it says.
    Broken,
}

/// The keys of a keytab, in its order.
pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<Entry>, NoKeytab> {
    let mut rest = match bytes {
        [5, 2, rest @ ..] => Reader(rest),
        [5, 1, ..] => return Err(NoKeytab::Old),
        _ => return Err(NoKeytab::Other),
    };
    let mut entries = Vec::new();
    while !rest.0.is_empty() {
        let length = i32::from_be_bytes(rest.array().ok_or(NoKeytab::Broken)?);
        // Nought ends it; below, a hole that an entry left.
        if length == 0 {
            break;
        }
        let room = usize::try_from(length.unsigned_abs()).map_err(|_| NoKeytab::Broken)?;
        let record = rest.take(room).ok_or(NoKeytab::Broken)?;
        if length > 0 {
            entries.push(entry(&mut Reader(record)).ok_or(NoKeytab::Broken)?);
        }
    }
    Ok(entries)
}

fn entry(record: &mut Reader<'_>) -> Option<Entry> {
    let components = record.u16()?;
    let realm = record.counted()?;
    let mut principal = String::new();
    for number in 0..components {
        if number > 0 {
            principal.push('/');
        }
        spell(&mut principal, record.counted()?);
    }
    principal.push('@');
    spell(&mut principal, realm);
    // Type of name.
    record.take(4)?;
    let written = record.u32()?;
    let [short_version] = record.array()?;
    let encryption = record.u16()?;
    record.counted()?;
    // A version of four bytes may follow, where there is room; nought is none.
    let version = record.u32().filter(|version| *version != 0).unwrap_or(short_version.into());
    Some(Entry { principal, version, encryption, written })
}

/// Writes a part of a name as Kerberos writes it: what means something else is escaped.
fn spell(out: &mut String, part: &[u8]) {
    for c in String::from_utf8_lossy(part).chars() {
        match c {
            '/' | '@' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // Writing into a String does not fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

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

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes behind their number.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    fn record(parts: &[&str], realm: &str, version: u32, encryption: u16) -> Vec<u8> {
        let names: Vec<u8> = parts.iter().flat_map(|part| counted(part.as_bytes())).collect();
        let content = [
            &(parts.len() as u16).to_be_bytes()[..],
            &counted(realm.as_bytes()),
            &names,
            &[0, 0, 0, 1],
            &7u32.to_be_bytes(),
            &[version as u8],
            &encryption.to_be_bytes(),
            &counted(&[9; 32]),
            &version.to_be_bytes(),
        ]
        .concat();
        [&(content.len() as i32).to_be_bytes()[..], &content].concat()
    }

    #[test]
    fn keys_are_listed_and_holes_passed_over() {
        let hole = [&(-8i32).to_be_bytes()[..], &[0xff; 8]].concat();
        let file = [
            &[5, 2][..],
            &record(&["HTTP", "proxy.pme.test"], "PME.TEST", 3, 18),
            &hole,
            &record(&["HTTP", "proxy.pme.test"], "PME.TEST", 700, 23),
            &[0; 4],
            b"not looked at",
        ]
        .concat();
        let keys = entries(&file).expect("a keytab");
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].principal, "HTTP/proxy.pme.test@PME.TEST");
        assert_eq!((keys[0].version, keys[0].encryption_name().as_str(), keys[0].is_strong()), (3, "AES256", true));
        assert_eq!((keys[1].version, keys[1].encryption_name().as_str(), keys[1].is_strong()), (700, "RC4", false));
        assert_eq!(keys[0].written, 7);
    }

    #[test]
    fn odd_names_are_spelt_out() {
        let file = [&[5, 2][..], &record(&["a/b@c", "d\n"], "R", 1, 17)].concat();
        assert_eq!(entries(&file).expect("a keytab")[0].principal, "a\\/b\\@c/d\\x0a@R");
    }

    #[test]
    fn what_is_no_keytab_is_told_apart() {
        assert_eq!(entries(b""), Err(NoKeytab::Other));
        assert_eq!(entries(b"-----BEGIN"), Err(NoKeytab::Other));
        assert_eq!(entries(&[5, 1, 0, 0]), Err(NoKeytab::Old));
        assert_eq!(entries(&[5, 2]), Ok(Vec::new()));
        let whole = [&[5, 2][..], &record(&["HTTP", "x"], "R", 1, 18)].concat();
        // The last four bytes may be left out, with the room for them: nothing else may.
        for cut in 3..whole.len() {
            assert_eq!(entries(&whole[..cut]), Err(NoKeytab::Broken), "{cut}");
        }
        assert_eq!(entries(&[5, 2, 0x80, 0, 0, 0]), Err(NoKeytab::Broken), "a hole beyond the end");
    }
}
