//! A keytab: what is written is read, keys and holes in any order; its keys' bytes come out nowhere.
#![no_main]

#[path = "../../../proxy/src/kerberos/keytab.rs"]
#[allow(dead_code, reason = "what the doctor says of a key is words")]
mod keytab;

use arbitrary::{Arbitrary, Unstructured};
use keytab::entries;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(keys) = entries(bytes) {
        assert!(keys.len() <= bytes.len() / 16 + 1, "{} keys of {} bytes", keys.len(), bytes.len());
        for key in &keys {
            assert!(key.principal.contains('@') && !key.principal.contains(char::is_control), "{key:?}");
        }
    }
    let Ok(records) = Vec::<Record>::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let written: Vec<u8> = [5, 2].into_iter().chain(records.iter().flat_map(Record::bytes)).collect();
    let read = entries(&written).expect("a keytab");
    let keys: Vec<_> = records.iter().filter(|record| !record.hole).collect();
    assert_eq!(read.len(), keys.len());
    for (read, key) in read.iter().zip(keys) {
        let version = if key.version == 0 { u32::from(key.short) } else { key.version };
        assert_eq!((read.version, read.encryption, read.written), (version, key.encryption, key.written));
        if !key.parts.iter().chain([&key.realm]).any(|part| part.contains(['/', '\\'])) {
            assert_eq!(read.principal.matches('/').count(), key.parts.len().clamp(1, 8) - 1);
        }
    }
});

#[derive(Debug, Arbitrary)]
struct Record {
    hole: bool,
    parts: Vec<String>,
    realm: String,
    written: u32,
    short: u8,
    version: u32,
    encryption: u16,
    key: Vec<u8>,
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(1000)];
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

impl Record {
    fn bytes(&self) -> Vec<u8> {
        let parts = &self.parts[..self.parts.len().min(8)];
        let content = [
            (parts.len() as u16).to_be_bytes().to_vec(),
            counted(self.realm.as_bytes()),
            parts.iter().flat_map(|part| counted(part.as_bytes())).collect(),
            vec![0, 0, 0, 1],
            self.written.to_be_bytes().to_vec(),
            vec![self.short],
            self.encryption.to_be_bytes().to_vec(),
            counted(&self.key),
            self.version.to_be_bytes().to_vec(),
        ]
        .concat();
        let length = content.len() as i32;
        [&(if self.hole { -length } else { length }).to_be_bytes()[..], &content].concat()
    }
}
