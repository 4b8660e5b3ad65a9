//! Messages of LDAP (RFC 4511 §4): the few that are asked, and what answers them.

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTETS, Odd, Reader, SEQUENCE, SET, element, holding, number};
use std::collections::HashMap;

/// What StartTLS is called (RFC 4511 §4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// What results in pages are called (RFC 2696).
const PAGED: &[u8] = b"1.2.840.113556.1.4.319";
/// Entries of a page: what servers give at once.
const PAGE: u32 = 500;

/// How far below its base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The base alone.
    Base,
    /// Everything below, too.
    Subtree,
}

/// A search.
#[derive(Debug)]
pub(super) struct Search<'a> {
    /// Where it begins.
    pub(super) base: &'a str,
    /// How far it goes.
    pub(super) scope: Scope,
    /// Which entries it finds, encoded.
    pub(super) filter: &'a [u8],
    /// What it tells of them.
    pub(super) attributes: &'a [&'a str],
    /// No more entries than that; 0: as many as there are.
    pub(super) most: u32,
    /// How long the server may look, in seconds.
    pub(super) seconds: u32,
}

/// A message of this number; `controls` as they are encoded.
fn message(id: u32, operation: &[u8], controls: &[u8]) -> Vec<u8> {
    let controls = if controls.is_empty() { Vec::new() } else { element(0xa0, controls) };
    holding(SEQUENCE, &[&number(INTEGER, id), operation, &controls])
}

/// Says who one is, by a password.
pub(super) fn bind(id: u32, dn: &str, password: &str) -> Vec<u8> {
    let parts = [number(INTEGER, 3), element(OCTETS, dn.as_bytes()), element(0x80, password.as_bytes())];
    message(id, &element(0x60, &parts.concat()), &[])
}

/// Asks for TLS.
pub(super) fn start_tls(id: u32) -> Vec<u8> {
    message(id, &holding(0x77, &[&element(0x80, START_TLS)]), &[])
}

/// Says good-bye.
pub(super) fn unbind(id: u32) -> Vec<u8> {
    message(id, &element(0x42, &[]), &[])
}

/// Asks for entries, a page of them behind the one that left this cookie.
pub(super) fn search(id: u32, search: &Search<'_>, cookie: Option<&[u8]>) -> Vec<u8> {
    let attributes: Vec<u8> = search.attributes.iter().flat_map(|name| element(OCTETS, name.as_bytes())).collect();
    let scope = match search.scope {
        Scope::Base => 0,
        Scope::Subtree => 2,
    };
    let parts = [
        element(OCTETS, search.base.as_bytes()),
        number(ENUMERATED, scope),
        // Aliases lead elsewhere: they are not followed.
        number(ENUMERATED, 0),
        number(INTEGER, search.most),
        number(INTEGER, search.seconds),
        element(BOOLEAN, &[0]),
        search.filter.to_vec(),
        element(SEQUENCE, &attributes),
    ];
    let controls = cookie.map(|cookie| {
        let page = holding(SEQUENCE, &[&number(INTEGER, PAGE), &element(OCTETS, cookie)]);
        holding(SEQUENCE, &[&element(OCTETS, PAGED), &element(OCTETS, &page)])
    });
    message(id, &element(0x63, &parts.concat()), &controls.unwrap_or_default())
}

/// An entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its distinguished name.
    pub(super) dn: String,
    /// By its name in small letters.
    attributes: HashMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// The values of an attribute.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.attributes.get(&name.to_ascii_lowercase()).into_iter().flatten().map(Vec::as_slice)
    }

    /// The one value of an attribute that is a text; of several, the first by the alphabet, whatever order they come in.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok()).min()
    }

    /// The value of an attribute that is a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    #[cfg(test)]
    pub(super) fn new(dn: &str, attributes: &[(&str, &str)]) -> Entry {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]));
        Entry { dn: dn.to_owned(), attributes: attributes.collect() }
    }
}

/// The end of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    /// Its code (RFC 4511 appendix A).
    pub(super) code: u32,
    /// What the server says of it.
    pub(super) text: String,
    /// Where the next page begins; empty: there is none.
    pub(super) cookie: Vec<u8>,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// An entry.
    Entry(Entry),
    /// Other servers know more: they are not asked, for nobody named them.
    Elsewhere,
    /// The operation is over.
    Done(Done),
}

/// Reads one whole message: its number, and what it says.
pub(super) fn read(bytes: &[u8]) -> Result<(u32, Said), Odd> {
    let mut reader = Reader(Reader(bytes).expect(SEQUENCE)?);
    let id = reader.number(INTEGER)?;
    let (tag, content) = reader.next()?;
    let said = match tag {
        0x64 => Said::Entry(entry(content)?),
        0x73 => Said::Elsewhere,
        0x61 | 0x65 | 0x78 => {
            let mut inside = Reader(content);
            let code = inside.number(ENUMERATED)?;
            inside.expect(OCTETS)?;
            let text = String::from_utf8_lossy(inside.expect(OCTETS)?).into_owned();
            Said::Done(Done { code, text, cookie: cookie(reader)? })
        }
        _ => return Err(Odd),
    };
    Ok((id, said))
}

fn entry(content: &[u8]) -> Result<Entry, Odd> {
    let mut reader = Reader(content);
    let dn = String::from_utf8(reader.expect(OCTETS)?.to_vec()).map_err(|_| Odd)?;
    let mut list = Reader(reader.expect(SEQUENCE)?);
    let mut attributes = HashMap::new();
    while !list.is_empty() {
        let mut one = Reader(list.expect(SEQUENCE)?);
        let name = String::from_utf8(one.expect(OCTETS)?.to_vec()).map_err(|_| Odd)?;
        let mut set = Reader(one.expect(SET)?);
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.expect(OCTETS)?.to_vec());
        }
        attributes.insert(name.to_ascii_lowercase(), values);
    }
    Ok(Entry { dn, attributes })
}

/// The cookie among the controls.
fn cookie(mut reader: Reader<'_>) -> Result<Vec<u8>, Odd> {
    while !reader.is_empty() {
        let (tag, content) = reader.next()?;
        let mut controls = Reader(content);
        while tag == 0xa0 && !controls.is_empty() {
            let mut control = Reader(controls.expect(SEQUENCE)?);
            if control.expect(OCTETS)? != PAGED {
                continue;
            }
            while !control.is_empty() {
                if let (OCTETS, value) = control.next()? {
                    let mut page = Reader(Reader(value).expect(SEQUENCE)?);
                    page.number(INTEGER)?;
                    return Ok(page.expect(OCTETS)?.to_vec());
                }
            }
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions_are_as_openldap_writes_them() {
        assert_eq!(bind(1, "cn=a", "pw"), b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw");
        assert_eq!(unbind(3), b"\x30\x05\x02\x01\x03\x42\x00");
        assert!(start_tls(1).ends_with(START_TLS));
    }

    #[test]
    fn an_entry_and_the_end_of_a_page_are_read() {
        let attribute = holding(SEQUENCE, &[&element(OCTETS, b"UID"), &element(SET, &element(OCTETS, b"a"))]);
        let entry = holding(0x64, &[&element(OCTETS, b"uid=a"), &element(SEQUENCE, &attribute)]);
        let (id, said) = read(&message(7, &entry, &[])).expect("a message");
        let Said::Entry(entry) = said else { panic!("{said:?}") };
        assert_eq!((id, entry.dn.as_str(), entry.text("uid")), (7, "uid=a", Some("a")));
        let result = [number(ENUMERATED, 0), element(OCTETS, b""), element(OCTETS, b"fine")].concat();
        let page = holding(SEQUENCE, &[&number(INTEGER, 0), &element(OCTETS, b"next")]);
        let control = holding(SEQUENCE, &[&element(OCTETS, PAGED), &element(OCTETS, &page)]);
        let done = Done { code: 0, text: "fine".into(), cookie: b"next".to_vec() };
        assert_eq!(read(&message(8, &element(0x65, &result), &control)), Ok((8, Said::Done(done))));
    }

    #[test]
    fn elements_in_elements_without_end_are_no_message() {
        let mut nested = Vec::new();
        for _ in 0..20_000 {
            nested = element(0x30, &nested);
        }
        assert_eq!(read(&nested), Err(Odd));
        assert_eq!(read(&message(1, &element(0x64, &nested), &[])), Err(Odd));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), tag in any::<u8>()) {
            let _ = read(&bytes);
            let _ = read(&message(1, &element(tag, &bytes), &bytes));
        }
    }
}
