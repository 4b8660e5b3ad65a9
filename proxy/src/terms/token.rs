//! What the page of a warning carries and an acknowledgement gives back: for whom and what it is, where one goes on, until
//! when it is good; signed, so that no other site, and nobody else, can acknowledge in a person's place.
use super::Tag;
use super::file::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use jiff::{SignedDuration, Timestamp};

/// How long a page that is open can be acknowledged.
const GOOD: SignedDuration = SignedDuration::from_mins(30);
/// A URL longer than this is cut to its host's front page by who makes an offer.
pub(super) const LONGEST_URL: usize = 2048;
/// Signature, end, tag.
const HEAD: usize = 32 + 8 + 16;

/// What an offer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Whose warning, and which.
    pub(super) of: Tag,
    /// Where one goes on.
    pub(crate) url: String,
}

/// Why an offer is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Nobody here made it.
    Forged,
    /// It is too old; what it said.
    Expired(Claim),
}

/// Makes an offer.
pub(super) fn seal(secret: &Secret, of: Tag, url: &str, now: Timestamp) -> String {
    let end = now.saturating_add(GOOD).unwrap_or(Timestamp::MAX).as_second();
    let body = [&end.to_be_bytes()[..], &of.0, url.as_bytes()].concat();
    let mut mac = secret.mac("offer");
    mac.update(&body);
    let signature: [u8; 32] = mac.finalize().into_bytes().into();
    URL_SAFE_NO_PAD.encode([&signature[..], &body].concat())
}

/// Reads one.
pub(super) fn open(secret: &Secret, text: &str, now: Timestamp) -> Result<Claim, Doubt> {
    let bytes = Some(text).filter(|text| text.len() <= 2 * (HEAD + LONGEST_URL));
    let bytes = bytes.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(Doubt::Forged)?;
    let (signature, body) = bytes.split_at_checked(32).ok_or(Doubt::Forged)?;
    let mut mac = secret.mac("offer");
    mac.update(body);
    mac.verify_slice(signature).map_err(|_| Doubt::Forged)?;
    let (end, rest) = body.split_first_chunk::<8>().ok_or(Doubt::Forged)?;
    let (of, url) = rest.split_first_chunk::<16>().ok_or(Doubt::Forged)?;
    let url = String::from_utf8(url.to_vec()).map_err(|_| Doubt::Forged)?;
    let claim = Claim { of: Tag(*of), url };
    if now.as_second() < i64::from_be_bytes(*end) { Ok(claim) } else { Err(Doubt::Expired(claim)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_says_what_it_said_for_half_an_hour_and_nothing_else() {
        let (secret, other) = (Secret::of(&[1; 32]), Secret::of(&[2; 32]));
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().expect("an instant");
        let (of, url) = (Tag([7; 16]), "http://jeux.example/a?b=c");
        let offer = seal(&secret, of, url, now);
        let claim = Claim { of, url: url.to_owned() };
        assert_eq!(open(&secret, &offer, now), Ok(claim.clone()));
        let later = |minutes| now.saturating_add(SignedDuration::from_mins(minutes)).expect("a time");
        assert_eq!(open(&secret, &offer, later(29)), Ok(claim.clone()));
        assert_eq!(open(&secret, &offer, later(30)), Err(Doubt::Expired(claim)));
        assert_eq!(open(&other, &offer, now), Err(Doubt::Forged));
        for text in ["", "AA", "é", &offer[1..], &"A".repeat(80), &"A".repeat(100_000)] {
            assert_eq!(open(&secret, text, now), Err(Doubt::Forged), "{}", text.len());
        }
        // Any bit of it.
        for place in 0..offer.len() {
            let mut bytes = offer.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(bytes).expect("letters");
            assert_eq!(open(&secret, &text, now), Err(Doubt::Forged), "{place}");
        }
    }
}
