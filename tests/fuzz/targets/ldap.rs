//! Messages of a directory: whatever comes, nothing is read beyond it and nothing stops the reader; what servers write is read as it
//! was meant, and nothing that is cut is read at all.
#![no_main]

#[path = "../../../proxy/src/directory/ber.rs"]
mod ber;
#[path = "../../../proxy/src/directory/message.rs"]
#[expect(dead_code, reason = "what is asked is not fuzzed")]
mod message;

use ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, SET, element, holding, length, number};
use libfuzzer_sys::fuzz_target;
use message::{Said, read};

/// The longest message that the gate reads.
const LONGEST: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(whole)) = length(bytes, LONGEST) {
        assert!((2..=LONGEST).contains(&whole), "{whole}");
    }
    if let Ok((_, Said::Entry(entry))) = read(bytes) {
        assert!(entry.dn.len() < bytes.len());
    }
    // An entry with these bytes as its name and as a value, if they can be a name.
    let attribute = holding(SEQUENCE, &[&element(OCTETS, b"uid"), &element(SET, &element(OCTETS, bytes))]);
    let entry = holding(0x64, &[&element(OCTETS, bytes), &element(SEQUENCE, &attribute)]);
    let written = holding(SEQUENCE, &[&number(INTEGER, 7), &entry]);
    assert_eq!(length(&written, usize::MAX), Ok(Some(written.len())));
    match (read(&written), std::str::from_utf8(bytes)) {
        (Ok((7, Said::Entry(entry))), Ok(name)) => {
            assert_eq!(entry.dn, name);
            assert_eq!(entry.values("UID").collect::<Vec<_>>(), [bytes]);
        }
        (Err(_), Err(_)) => {}
        (said, _) => panic!("{said:?}"),
    }
    for cut in fuzz::cuts(written.len()).filter(|cut| *cut < written.len()) {
        assert!(read(&written[..cut]).is_err(), "{cut} of {} bytes", written.len());
    }
    // The end of a search, with these bytes as what the server says of it.
    let result = [number(ENUMERATED, 49), element(OCTETS, b""), element(OCTETS, bytes)].concat();
    let written = holding(SEQUENCE, &[&number(INTEGER, 8), &element(0x65, &result)]);
    let Ok((8, Said::Done(done))) = read(&written) else { panic!("{written:x?}") };
    assert_eq!((done.code, done.text.as_str()), (49, &*String::from_utf8_lossy(bytes)));
});
