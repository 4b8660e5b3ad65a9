//! Time stamps (RFC 3161): a hash goes to an authority, and comes back with the time, signed.
//!
//! The answer is kept whole. Here it is checked to be an answer to our question; whether the signature holds, and whose
//! it is, is for whoever relies on it: `openssl ts -verify`.

use super::der::{BOOLEAN, INTEGER, NULL, OCTETS, OID, Reader, SEQUENCE, SET, TIME, UTF8, ZERO, write};
use crate::outbound::http::{self, broken, place};
use crate::outbound::{Outbound, SILENCE, within};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};

/// Octets of the longest answer: a token with a long chain of certificates has some ten thousand.
const LONGEST: usize = 256 * 1024;
/// Letters kept of what an authority says of a refusal.
const SAID: usize = 200;

/// 2.16.840.1.101.3.4.2.1
const SHA256: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 1.2.840.113549.1.7.2, id-signedData (RFC 5652 §5.1).
const SIGNED_DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4, id-ct-TSTInfo.
const TST_INFO: [u8; 11] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// A number that makes a question unlike any other.
pub(super) type Nonce = [u8; 8];

/// What an answer that was granted says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The SHA-256 that was stamped.
    pub(super) hash: [u8; 32],
    /// When, as the authority writes it: `20261124000512Z`.
    pub(super) time: String,
    nonce: Option<Vec<u8>>,
}

/// Asks an authority to stamp a hash. Returns the whole answer, and the time it names.
pub(super) async fn ask(outbound: &Outbound, uri: &Uri, hash: &[u8; 32]) -> Result<(Vec<u8>, String), String> {
    let nonce = nonce()?;
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/timestamp-query")
        .header(header::ACCEPT, "application/timestamp-reply");
    let response = http::send(outbound, uri, request, Bytes::from(question(hash, &nonce))).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("{} answered {}", place(uri), response.status()));
    }
    let body = Limited::new(response.into_body(), LONGEST).collect();
    let body = within(SILENCE, body).await?.map_err(|why| match why.downcast::<hyper::Error>() {
        Ok(why) => broken(&why),
        Err(other) => other.to_string(),
    })?;
    let answer = body.to_bytes().to_vec();
    let stamp = read(&answer)?;
    if stamp.hash != *hash {
        return Err("the time stamp is of another hash".to_owned());
    }
    if stamp.nonce.as_deref() != Some(&nonce[..]) {
        return Err("the time stamp answers another question".to_owned());
    }
    Ok((answer, stamp.time))
}

/// A positive number of 62 bits by chance, in the one spelling that DER has for it.
fn nonce() -> Result<Nonce, String> {
    let mut nonce = Nonce::default();
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut nonce).map_err(|_| "the system gives no random numbers".to_owned())?;
    nonce[0] = nonce[0] & 0x3f | 0x40;
    Ok(nonce)
}

/// `TimeStampReq`: version 1, the hash, no policy asked for, the nonce, and the authority's certificate wanted with it.
fn question(hash: &[u8; 32], nonce: &Nonce) -> Vec<u8> {
    let algorithm = write(SEQUENCE, &[&write(OID, &[&SHA256]), &write(NULL, &[])]);
    let imprint = write(SEQUENCE, &[&algorithm, &write(OCTETS, &[hash])]);
    let (version, certificate) = (write(INTEGER, &[&[1]]), write(BOOLEAN, &[&[0xff]]));
    write(SEQUENCE, &[&version, &imprint, &write(INTEGER, &[nonce]), &certificate])
}

/// Reads a `TimeStampResp`. A refusal is an error in the authority's words.
pub(super) fn read(answer: &[u8]) -> Result<Stamp, String> {
    const UNREADABLE: &str = "what the authority sent is no time stamp";
    let mut whole = Reader::new(answer);
    let mut response = whole.enter(SEQUENCE).filter(|_| whole.is_at_end()).ok_or(UNREADABLE)?;
    let mut info = response.enter(SEQUENCE).ok_or(UNREADABLE)?;
    match info.take(INTEGER).ok_or(UNREADABLE)? {
        // Granted, or granted with modifications: what has been stamped is looked at below.
        [0] | [1] => token(response).ok_or_else(|| UNREADABLE.to_owned()),
        status => Err(refusal(status, info)),
    }
}

/// The `TSTInfo` in a `ContentInfo`.
fn token(mut response: Reader<'_>) -> Option<Stamp> {
    let mut content = response.enter(SEQUENCE).filter(|_| response.is_at_end())?;
    (content.take(OID)? == SIGNED_DATA).then_some(())?;
    let mut signed = content.enter(ZERO)?.enter(SEQUENCE)?;
    let _version = signed.take(INTEGER)?;
    let _digests = signed.take(SET)?;
    let mut inner = signed.enter(SEQUENCE)?;
    (inner.take(OID)? == TST_INFO).then_some(())?;
    let mut info = Reader::new(inner.enter(ZERO)?.take(OCTETS)?).enter(SEQUENCE)?;
    let _version = info.take(INTEGER)?;
    let _policy = info.take(OID)?;
    let mut imprint = info.enter(SEQUENCE)?;
    (imprint.enter(SEQUENCE)?.take(OID)? == SHA256).then_some(())?;
    let hash = imprint.take(OCTETS)?.try_into().ok()?;
    let _serial = info.take(INTEGER)?;
    let time = info.take(TIME).filter(|time| time.iter().all(u8::is_ascii_graphic))?;
    // How exact and whether in order: optional, and of no matter here.
    let _accuracy = info.take(SEQUENCE);
    let _ordering = info.take(BOOLEAN);
    let nonce = info.take(INTEGER).map(<[u8]>::to_vec);
    Some(Stamp { hash, time: String::from_utf8_lossy(time).into_owned(), nonce })
}

fn refusal(status: &[u8], mut info: Reader<'_>) -> String {
    let words = match status {
        [2] => "the authority refuses",
        [3] => "the authority makes wait",
        [4] | [5] => "the authority's certificate is revoked, or about to be",
        _ => "the authority gives a status that is not known",
    };
    let said = info.enter(SEQUENCE).and_then(|mut texts| texts.take(UTF8)).unwrap_or_default();
    let said: String = String::from_utf8_lossy(said).chars().filter(|c| !c.is_control()).take(SAID).collect();
    if said.is_empty() { words.to_owned() } else { format!("{words}: {said}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer as far as it is read here; real ones are in the tests beside.
    fn answer(hash: &[u8], nonce: &Nonce) -> Vec<u8> {
        let oid = |octets: &[u8]| write(OID, &[octets]);
        let number = |octets: &[u8]| write(INTEGER, &[octets]);
        let imprint = write(SEQUENCE, &[&write(SEQUENCE, &[&oid(&SHA256)]), &write(OCTETS, &[hash])]);
        let time = write(TIME, &[b"20261124000512Z"]);
        let info = write(SEQUENCE, &[&number(&[1]), &oid(&[42]), &imprint, &number(&[7]), &time, &number(nonce)]);
        let inner = write(SEQUENCE, &[&oid(&TST_INFO), &write(ZERO, &[&write(OCTETS, &[&info])])]);
        let signed = write(SEQUENCE, &[&number(&[3]), &write(SET, &[]), &inner]);
        let token = write(SEQUENCE, &[&oid(&SIGNED_DATA), &write(ZERO, &[&signed])]);
        write(SEQUENCE, &[&write(SEQUENCE, &[&number(&[0])]), &token])
    }

    #[test]
    fn an_answer_is_read_and_a_refusal_has_words() {
        let (hash, nonce) = ([7; 32], nonce().expect("random"));
        let stamp = read(&answer(&hash, &nonce)).expect("granted");
        assert_eq!((stamp.hash, stamp.time.as_str(), stamp.nonce), (hash, "20261124000512Z", Some(nonce.to_vec())));
        let text = write(SEQUENCE, &[&write(UTF8, &["no\nmore".as_bytes()])]);
        let refused = write(SEQUENCE, &[&write(SEQUENCE, &[&write(INTEGER, &[&[2]]), &text])]);
        assert_eq!(read(&refused), Err("the authority refuses: nomore".to_owned()));
        let nothing = write(SEQUENCE, &[&write(SEQUENCE, &[&write(INTEGER, &[&[0]])])]);
        assert_eq!(read(&nothing), Err("what the authority sent is no time stamp".to_owned()));
        assert!(read(&answer(&[7; 31], &nonce)).is_err(), "a hash of another length");
    }

    proptest! {
        #[test]
        fn garbage_is_no_time_stamp(garbage in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(read(&garbage).is_err());
        }

        /// An answer with octets changed, cut or added is read or not: it never brings anything down.
        #[test]
        fn a_spoilt_answer_is_harmless(at in any::<prop::sample::Index>(), octet in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let good = answer(&[7; 32], &[0x40; 8]);
            let mut spoilt = good.clone();
            spoilt[at.index(good.len())] = octet;
            let _ = read(&spoilt);
            prop_assert!(read(&good[..cut.index(good.len())]).is_err());
            prop_assert!(read(&[good.as_slice(), &[octet]].concat()).is_err());
        }
    }
}
