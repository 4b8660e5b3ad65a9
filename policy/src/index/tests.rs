//! What an index is not, and what becomes of bytes that are none.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use crate::Target;
use crate::lists::{Compiler, Format, Progress};
use proptest::prelude::*;

fn bytes() -> Vec<u8> {
    let mut compiler = Compiler::default();
    compiler.file(
        "ut1:adult",
        Kind::Domains,
        Format::Ut1,
        "f",
        b"one.example\ntwo.example\n!three.two.example\n1.2.3.4",
    );
    compiler.file("ut1:ads", Kind::Urls, Format::Ut1, "f", b"one.example/dir\n");
    compiler.file("ut1:ads", Kind::Expressions, Format::Ut1, "f", b"(word|other)\n^a.*z$\n");
    compiler.alias("ut1:porn", "ut1:adult");
    let mut bytes = Vec::new();
    compiler.write(&mut bytes, &mut |_| {}).unwrap();
    bytes
}

fn open(bytes: Vec<u8>) -> Result<Index, IndexError> {
    Index::open(Arc::new(bytes))
}

fn refusal(bytes: Vec<u8>) -> IndexError {
    open(bytes).err().expect("it must not open")
}

#[test]
fn an_index_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Index>();
}

#[test]
fn an_empty_index_has_nothing() {
    let index = Index::empty();
    let mut hits = Vec::new();
    for url in ["http://a.example/x", "http://1.2.3.4/", "https://[::1]/"] {
        index.hits(&Target::of_url(url).unwrap(), &mut hits);
    }
    assert_eq!(hits, []);
    assert_eq!((index.entries(), index.sets(), index.sources().len(), index.names().len()), (0, 0, 0, 0));
    assert_eq!(index.source("ut1:adult"), None);
}

#[test]
fn the_same_lists_give_the_same_bytes() {
    assert_eq!(bytes(), bytes());
}

#[test]
fn every_way_to_be_no_index_is_said() {
    let good = bytes();
    assert!(open(good.clone()).is_ok());
    assert_eq!(refusal(Vec::new()), IndexError::Foreign);
    assert_eq!(
        refusal(b"SQLite format 3\0 and so on, for some hundred bytes of a file that is something else".to_vec()),
        IndexError::Foreign
    );
    let mut newer = good.clone();
    newer[8] = 9;
    assert_eq!(refusal(newer), IndexError::Version(9));
    assert_eq!(refusal(good[..good.len() - 1].to_vec()), IndexError::Truncated);
    assert_eq!(refusal([&good[..], b"x"].concat()), IndexError::Truncated);
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    assert_eq!(refusal(flipped), IndexError::Corrupt);
    for error in [
        IndexError::Foreign,
        IndexError::Version(9),
        IndexError::Truncated,
        IndexError::Corrupt,
        IndexError::Contents,
        IndexError::Expressions("why".into()),
    ] {
        assert!(error.to_string().len() > 20, "{error:?}");
    }
}

#[test]
fn progress_ends_at_the_total() {
    let mut compiler = Compiler::default();
    compiler.file("l", Kind::Domains, Format::Domains, "f", b"a.example\na.example\nb.example");
    compiler.file("l", Kind::Urls, Format::Ut1, "f", b"a.example/x");
    let mut told = Vec::new();
    compiler.write(&mut Vec::new(), &mut |progress| told.push(progress)).unwrap();
    assert_eq!(told, [Progress::Sorting, Progress::Writing { done: 4, total: 4 }]);
}

/// Takes so many bytes and no more.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_as_such() {
    for room in [0, 10, 200] {
        let mut compiler = Compiler::default();
        let text: String = (0..100).map(|i| format!("name{i}.example\n")).collect();
        compiler.file("ut1:adult", Kind::Domains, Format::Ut1, "f", text.as_bytes());
        let error = compiler.write(&mut Full(room), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

/// The checksum made good again, so that what lies behind it is tested too.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = bytes.len() - 16;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..at]);
    bytes[at..at + 8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn lengths_and_numbers_that_point_nowhere_are_refused() {
    let good = bytes();
    for (from_the_end, value) in [(40, u64::MAX), (32, 1), (24, 0), (40, 3)] {
        let mut bad = good.clone();
        let at = bad.len() - from_the_end;
        bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
        assert_eq!(refusal(resealed(bad)), IndexError::Contents);
    }
}

proptest! {
    #[test]
    fn a_damaged_index_never_opens(at: prop::sample::Index, bit in 0..8u32, cut: bool) {
        let mut bytes = bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        prop_assert!(open(bytes).is_err());
    }

    #[test]
    fn contents_that_lie_behind_a_good_checksum_stop_nothing(at: prop::sample::Index, value: u8) {
        // From the contents on: the tables before are trusted once the checksum holds.
        let mut bytes = bytes();
        let length = bytes.len();
        let contents = u64::from_le_bytes(bytes[length - 24..length - 16].try_into().unwrap()) as usize;
        let at = length - 40 - contents + at.index(contents);
        bytes[at] = value;
        if let Ok(index) = open(resealed(bytes)) {
            let mut hits = Vec::new();
            let target = Target::of_url("http://one.example/dir/word").unwrap();
            index.hits(&target, &mut hits);
            for hit in hits {
                let _ = (index.set(hit.set), index.entry(&target, hit));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_index(bytes: Vec<u8>) {
        prop_assert!(open(bytes).is_err());
    }
}
