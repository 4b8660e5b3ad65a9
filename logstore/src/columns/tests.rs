//! Blocks: whatever is written comes back, and no bytes are too strange to be refused.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::record::{Action, Auth, Entry, Verdict};
use proptest::prelude::*;
use std::sync::Arc;

/// Rows as strange as they can be.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = || {
        proptest::option::of(prop_oneof![
            "[a-c]",
            "\\PC{0,12}",
            Just("=cmd|' /C calc'!A0".to_owned()),
            Just(String::new())
        ])
    };
    let one = (
        (any::<i64>(), any::<i64>(), proptest::option::of(0..i64::MAX), any::<[u8; 16]>(), any::<bool>()),
        (text(), text(), text(), text(), text()),
        (any::<u64>(), any::<u64>(), any::<u16>(), proptest::option::of(any::<u16>())),
        (0..Auth::ALL.len(), 0..Action::ALL.len(), proptest::option::of(0..Outcome::ALL.len())),
    );
    let one = one.prop_map(
        |((id, opened_at, lasted, address, v4), (a, b, c, d, e), (sent, received, port, status), words)| {
            let address: std::net::IpAddr =
                if v4 { [address[0], address[1], address[2], address[3]].into() } else { address.into() };
            let shared = |text: Option<String>| text.map(Arc::from);
            let entry = Entry {
                opened_at,
                user: shared(a.clone()),
                auth: Auth::ALL[words.0],
                client_ip: address,
                method: b.clone().unwrap_or_default().into(),
                scheme: "http",
                host: c.clone().map(Into::into),
                port,
                path: d.clone().map(Into::into),
                masked: None,
                verdict: Verdict {
                    action: Action::ALL[words.1],
                    rule: shared(e),
                    article: shared(b),
                    category: shared(c),
                    charter: a.unwrap_or_default().into(),
                },
            };
            let closed_at = lasted.map(|lasted| opened_at.saturating_add(lasted));
            Row {
                closed_at,
                tls_name: shared(d),
                destination_ip: v4.then(|| address.to_canonical()),
                status,
                bytes_sent: sent,
                bytes_received: received,
                outcome: words.2.map(|word| Outcome::ALL[word]),
                ..Row::opened(id, "gate".into(), &entry)
            }
        },
    );
    proptest::collection::vec(one, 0..30)
}

/// The canonical form of a record, written as `docs/RECORDS.md` specifies it.
fn specified(row: &Row) -> Vec<u8> {
    let record = serde_json::to_value(row.record()).unwrap();
    let mut form = Vec::new();
    for field in FIELDS {
        let text = match (field, &record[field]) {
            ("opened_at", _) => Some(row.opened_at.to_string()),
            ("closed_at", _) => row.closed_at.map(|closed| closed.to_string()),
            (_, serde_json::Value::Null) => None,
            (_, serde_json::Value::String(text)) => Some(text.clone()),
            (_, number) => Some(number.to_string()),
        };
        match text {
            None => form.push(0),
            Some(text) => {
                canonical::unsigned(&mut form, text.len() as u64 + 1);
                form.extend_from_slice(text.as_bytes());
            }
        }
    }
    form
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(rows in rows(), packed in any::<bool>(), sealed in any::<bool>()) {
        let proofs: Vec<Proof> =
            (0..if sealed { rows.len() } else { 0 }).map(|n| Proof { place: (n * 7) as u64, check: [n as u8, 1] }).collect();
        let packing = if packed { Compression::new(6) } else { Compression::none() };
        let block = Block::read(write(&rows.iter().collect::<Vec<_>>(), &proofs, packing, || ())).unwrap();
        prop_assert_eq!(block.proofs().unwrap(), proofs);
        let whole = block.whole().unwrap();
        let read = whole.rows().unwrap();
        prop_assert_eq!(whole.len(), rows.len());
        for (place, row) in rows.iter().enumerate() {
            prop_assert_eq!(&read.row(place).unwrap(), row);
            prop_assert_eq!(read.record(place).unwrap(), row.record());
            let mut form = Vec::new();
            whole.canonical(place, &mut form);
            prop_assert_eq!(form, specified(row));
        }
    }

    #[test]
    fn a_damaged_block_is_refused_or_read_and_never_more(rows in rows(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = write(&rows.iter().collect::<Vec<_>>(), &[], Compression::new(6), || ());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        look_through(bytes);
    }

    #[test]
    fn no_bytes_are_too_strange(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        look_through(bytes);
    }
}

fn look_through(bytes: Vec<u8>) {
    let Ok(block) = Block::read(bytes) else { return };
    let _ = block.proofs();
    if let Ok(whole) = block.whole() {
        let rows = whole.rows();
        for row in 0..whole.len() {
            let _ = rows.as_ref().map(|rows| (rows.row(row).is_ok(), rows.record(row).is_ok()));
            whole.canonical(row, &mut Vec::new());
        }
    }
}

#[test]
fn a_field_that_unpacks_to_more_than_it_could_is_refused() {
    let mut bytes = vec![VERSION];
    canonical::unsigned(&mut bytes, 1);
    // 10 packed bytes that claim to hold a gigabyte.
    canonical::unsigned(&mut bytes, 10);
    bytes.push(1);
    canonical::unsigned(&mut bytes, 1 << 30);
    bytes.extend([0; 10]);
    (1..COLUMNS).for_each(|_| bytes.extend([0, 0]));
    let error = Block::read(bytes).unwrap().numbers(ID).unwrap_err().to_string();
    assert!(error.contains("`id`"), "{error}");
}
