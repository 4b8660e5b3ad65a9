//! What the keys of days and of entries are hidden under, in their files.

use super::{MAGIC, NAME};
use crate::cipher::{Cipher, KEY, sha256};
use crate::day::Day;

/// A master key.
pub(super) struct Master {
    pub(super) name: [u8; NAME],
    cipher: Cipher,
}

impl Master {
    pub(super) fn new(key: [u8; KEY]) -> Master {
        Master { name: name(&key), cipher: Cipher::new(&key) }
    }

    /// `place`: what the key is bound to.
    pub(super) fn wrap(&self, place: &str, key: &[u8; KEY]) -> Vec<u8> {
        [&MAGIC[..], &self.name, &self.cipher.hide(place, key)].concat()
    }

    pub(super) fn unwrap(&self, place: &str, bytes: &[u8]) -> Option<[u8; KEY]> {
        let hidden = bytes.strip_prefix(&MAGIC)?.strip_prefix(&self.name)?;
        self.cipher.open(place, &mut hidden.to_vec()).ok()?.try_into().ok()
    }
}

pub(super) fn place(day: Day) -> String {
    format!("octroi day key {day}")
}

pub(super) fn name(key: &[u8; KEY]) -> [u8; NAME] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[&b"octroi key name "[..], key].concat());
    [a, b, c, d, e, f, g, h]
}
