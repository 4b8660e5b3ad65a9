//! What hides records at rest, and what proves them: AES-256-GCM, Ed25519, SHA-256, HMAC, each used in one way.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Bytes of every key and of every hash.
pub(crate) const KEY: usize = 32;
/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// Random bytes from the system's generator.
#[expect(
    clippy::expect_used,
    reason = "a system without randomness must not go on, and AWS-LC aborts before this fails"
)]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("random numbers");
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA-256 with a key prepared once: two compressions a value.
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    pub(crate) fn new(key: &[u8]) -> Keyed {
        Keyed(Hmac::new_from_slice(key).expect("a key"))
    }

    pub(crate) fn of(&self, parts: &[&[u8]]) -> Hash {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// Hides and opens, under one key.
pub(crate) struct Cipher(LessSafeKey);

/// Bytes that do not open: another key, another place, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not open under its key: changed, moved, or sealed under another")]
pub(crate) struct Closed;

impl Cipher {
    #[expect(clippy::expect_used, reason = "the key has the algorithm's length")]
    pub(crate) fn new(key: &[u8; KEY]) -> Cipher {
        Cipher(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key")))
    }

    /// A random nonce, then the text hidden, then its tag. `place` must be given again to open it.
    pub(crate) fn hide(&self, place: &str, text: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE_LEN>();
        let mut hidden = Vec::with_capacity(NONCE_LEN + text.len() + AES_256_GCM.tag_len());
        hidden.extend_from_slice(&nonce);
        hidden.extend_from_slice(text);
        let tag = self.hide_in_place(nonce, place, &mut hidden[NONCE_LEN..]);
        hidden.extend_from_slice(&tag);
        hidden
    }

    /// Opens what [`Cipher::hide`] made.
    pub(crate) fn open<'a>(&self, place: &str, hidden: &'a mut [u8]) -> Result<&'a [u8], Closed> {
        let (nonce, rest) = hidden.split_first_chunk_mut::<NONCE_LEN>().ok_or(Closed)?;
        self.open_in_place(*nonce, place, rest)
    }

    /// Opens what [`Cipher::hide`] made, in its own memory.
    pub(crate) fn open_whole(&self, place: &str, mut hidden: Vec<u8>) -> Result<Vec<u8>, Closed> {
        let length = self.open(place, &mut hidden)?.len();
        hidden.drain(..NONCE_LEN);
        hidden.truncate(length);
        Ok(hidden)
    }

    /// Hides with a nonce that the caller never gives twice; returns the tag.
    #[expect(clippy::expect_used, reason = "AES-GCM fails beyond 64 GiB alone")]
    pub(crate) fn hide_in_place(&self, nonce: [u8; NONCE_LEN], place: &str, text: &mut [u8]) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(place.as_bytes()), text).expect("sealed");
        tag.as_ref().try_into().expect("a tag of 16 bytes")
    }

    /// Opens text and tag under that nonce.
    pub(crate) fn open_in_place<'a>(
        &self,
        nonce: [u8; NONCE_LEN],
        place: &str,
        hidden: &'a mut [u8],
    ) -> Result<&'a [u8], Closed> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(place.as_bytes()), hidden).map(|text| &*text).map_err(|_| Closed)
    }
}

/// What signs seals, acts and certificates.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// What a signature is checked with: an Ed25519 public key (RFC 8032).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY]);

/// The DER head of an Ed25519 public key (RFC 8410 section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl Signer {
    #[expect(clippy::expect_used, reason = "every 32 bytes are a seed, and make a public key of 32 bytes")]
    pub(crate) fn new(seed: &[u8; KEY]) -> Signer {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed");
        let public = PublicKey(pair.public_key().as_ref().try_into().expect("a public key of 32 bytes"));
        Signer { pair, public }
    }

    pub(crate) fn public(&self) -> PublicKey {
        self.public
    }

    /// The signature in base 64.
    pub(crate) fn sign(&self, text: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(text).as_ref())
    }
}

impl PublicKey {
    /// The first 16 hexadecimal digits of the SHA-256 of the key.
    pub fn fingerprint(&self) -> String {
        hex(&sha256(&self.0)[..8])
    }

    /// As PEM, for `openssl` and for third parties.
    pub fn pem(&self) -> String {
        let der = STANDARD.encode([&SPKI[..], &self.0].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }

    /// Reads PEM; `None` when it holds no Ed25519 public key.
    pub fn of_pem(text: &str) -> Option<PublicKey> {
        let der: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(der).ok()?;
        der.strip_prefix(&SPKI)?.try_into().ok().map(PublicKey)
    }

    /// Whether the signature (base 64) is this key's, of this text.
    pub(crate) fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.0).verify(text, &signature).is_ok()
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many bytes from their digits, two for each.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase());
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_opens_under_its_key_and_place_alone() {
        let cipher = Cipher::new(&[7; KEY]);
        let hidden = cipher.hide("2026-11-23", b"p.dupont");
        assert!(!hidden.windows(8).any(|part| part == b"p.dupont"));
        assert_eq!(cipher.open("2026-11-23", &mut hidden.clone()), Ok(&b"p.dupont"[..]));
        assert_eq!(cipher.open("2026-11-24", &mut hidden.clone()), Err(Closed));
        assert_eq!(Cipher::new(&[8; KEY]).open("2026-11-23", &mut hidden.clone()), Err(Closed));
        for at in 0..hidden.len() {
            let mut changed = hidden.clone();
            changed[at] ^= 1;
            assert_eq!(cipher.open("2026-11-23", &mut changed), Err(Closed));
            assert_eq!(cipher.open("2026-11-23", &mut hidden[..at].to_vec()), Err(Closed));
        }
        assert_ne!(hidden, cipher.hide("2026-11-23", b"p.dupont"), "a nonce was given twice");
    }

    #[test]
    fn a_signature_is_of_one_text_by_one_key() {
        let (signer, other) = (Signer::new(&[1; KEY]), Signer::new(&[2; KEY]));
        let signature = signer.sign(b"text");
        assert!(signer.public().verifies(b"text", &signature));
        assert!(!signer.public().verifies(b"texT", &signature) && !other.public().verifies(b"text", &signature));
        assert!(!signer.public().verifies(b"text", "no base 64") && !signer.public().verifies(b"text", ""));
        assert_eq!(PublicKey::of_pem(&signer.public().pem()), Some(signer.public()));
        assert_eq!(PublicKey::of_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), None);
    }

    #[test]
    fn digits_read_back() {
        let hash = sha256(b"abc");
        assert_eq!(hex(&hash), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(unhex(&hex(&hash)), Some(hash));
        assert_eq!((unhex::<32>("ba"), unhex::<1>("ba")), (None, Some([0xba])));
        assert_eq!((unhex::<32>(&hex(&hash).to_uppercase()), unhex::<32>(&"é".repeat(32))), (None, None));
    }
}
