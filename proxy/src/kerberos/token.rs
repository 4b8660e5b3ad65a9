//! What a token of Negotiate is, before anybody is asked to believe it: Kerberos, an offer to negotiate (RFC 4178), or NTLM.
//!
//! NTLM is recognised to be named: a browser that sends it found no way to a ticket. Nothing here goes deeper than an
//! offer's list of mechanisms.
use super::super::anchor::der::{OCTETS, OID, Reader, SEQUENCE, ZERO};

/// `[APPLICATION 0]`, in which a first token stands (RFC 2743 §3.1).
const FIRST: u8 = 0x60;
/// NegTokenResp, in which later ones do (RFC 4178 §4.2.2).
const LATER: u8 = 0xa1;
/// `[2]`: the mechanism's own token, of both.
const TWO: u8 = 0xa2;

/// Kerberos 5: 1.2.840.113554.1.2.2, and as Windows misspells it, 1.2.840.48018.1.2.2.
const KERBEROS: [&[u8]; 2] = [b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"];
/// Negotiation: 1.3.6.1.5.5.2.
const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";
/// NTLM: 1.3.6.1.4.1.311.2.2.10.
const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
/// How an NTLM message begins (MS-NLMP §2.2.1): in base64, `TlRMTVNT`.
const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first of a context, of Kerberos or an offer of it.
    First,
    /// One that goes on with a context.
    Later,
    /// NTLM, as it is or as the only mechanism offered.
    Ntlm,
    /// None of these.
    Unknown,
}

/// Says what a token is.
pub(crate) fn kind(token: &[u8]) -> Kind {
    if token.starts_with(SIGNATURE) {
        return Kind::Ntlm;
    }
    match token.first() {
        Some(&FIRST) => first(token).unwrap_or(Kind::Unknown),
        Some(&LATER) if later(token).is_some_and(|inner| inner.starts_with(SIGNATURE)) => Kind::Ntlm,
        Some(&LATER) => Kind::Later,
        _ => Kind::Unknown,
    }
}

fn first(token: &[u8]) -> Option<Kind> {
    let mut content = Reader::new(token).enter(FIRST)?;
    let mechanism = content.take(OID)?;
    if KERBEROS.contains(&mechanism) {
        return Some(Kind::First);
    }
    if mechanism != SPNEGO {
        return (mechanism == NTLM).then_some(Kind::Ntlm);
    }
    let mut offer = content.enter(ZERO)?.enter(SEQUENCE)?;
    let mut mechanisms = offer.enter(ZERO)?.enter(SEQUENCE)?;
    let mut ntlm = false;
    while let Some(mechanism) = mechanisms.take(OID) {
        if KERBEROS.contains(&mechanism) {
            return Some(Kind::First);
        }
        ntlm |= mechanism == NTLM;
    }
    ntlm.then_some(Kind::Ntlm)
}

/// The mechanism's own token in a later one.
fn later(token: &[u8]) -> Option<&[u8]> {
    let mut response = Reader::new(token).enter(LATER)?.enter(SEQUENCE)?;
    // The state and the mechanism may stand before it.
    response.take(ZERO);
    response.take(0xa1);
    response.enter(TWO)?.take(OCTETS)
}

#[cfg(test)]
mod tests {
    use super::super::super::anchor::der::write;
    use super::*;

    fn offer(mechanisms: &[&[u8]]) -> Vec<u8> {
        let list: Vec<u8> = mechanisms.iter().flat_map(|mechanism| write(OID, &[mechanism])).collect();
        let list = write(ZERO, &[&write(SEQUENCE, &[&list])]);
        let inner = write(TWO, &[&write(OCTETS, &[b"whatever"])]);
        let offer = write(ZERO, &[&write(SEQUENCE, &[&list, &inner])]);
        write(FIRST, &[&write(OID, &[SPNEGO]), &offer])
    }

    #[test]
    fn tokens_are_told_apart() {
        let response = |inner: &[u8]| {
            let state = write(ZERO, &[&[0x0a, 1, 1]]);
            write(LATER, &[&write(SEQUENCE, &[&state, &write(TWO, &[&write(OCTETS, &[inner])])])])
        };
        for (token, expected) in [
            (b"NTLMSSP\0\x01\0\0\0".to_vec(), Kind::Ntlm),
            (offer(&[NTLM]), Kind::Ntlm),
            (offer(&[KERBEROS[1], KERBEROS[0], NTLM]), Kind::First),
            (offer(&[NTLM, KERBEROS[0]]), Kind::First),
            (offer(&[b"\x2a\x03"]), Kind::Unknown),
            (write(FIRST, &[&write(OID, &[KERBEROS[0]]), b"\x01\x00..."]), Kind::First),
            (write(FIRST, &[&write(OID, &[NTLM]), b"..."]), Kind::Ntlm),
            (response(b"NTLMSSP\0\x03\0\0\0"), Kind::Ntlm),
            (response(b"something"), Kind::Later),
            (Vec::new(), Kind::Unknown),
            (b"`".to_vec(), Kind::Unknown),
            (b"GET / HTTP/1.1".to_vec(), Kind::Unknown),
        ] {
            assert_eq!(kind(&token), expected, "{token:02x?}");
        }
        let whole = offer(&[KERBEROS[0]]);
        for cut in 0..whole.len() {
            assert_eq!(kind(&whole[..cut]), Kind::Unknown, "{cut}");
        }
    }
}
