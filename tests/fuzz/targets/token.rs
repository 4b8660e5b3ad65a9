//! A token of Negotiate: what it is said to be hangs on its beginning alone, and an offer of Kerberos is never taken for NTLM.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod anchor {
        pub(crate) mod der;
    }
    pub(crate) mod kerberos {
        pub(crate) mod token;
    }
}

use gate::anchor::der::{OID, SEQUENCE, ZERO, write};
use gate::kerberos::token::{Kind, kind};
use libfuzzer_sys::fuzz_target;

const KERBEROS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";

fuzz_target!(|bytes: &[u8]| {
    let said = kind(bytes);
    match bytes.first() {
        Some(0x60) => assert!(matches!(said, Kind::First | Kind::Ntlm | Kind::Unknown), "{said:?}"),
        Some(0xa1) => assert!(matches!(said, Kind::Later | Kind::Ntlm), "{said:?}"),
        _ => assert_eq!(said == Kind::Ntlm, bytes.starts_with(b"NTLMSSP\0"), "{said:?}"),
    }
    // Whatever else is offered beside it, in whichever order.
    let odd = bytes.first().is_some_and(|byte| byte % 2 == 1);
    let other = write(OID, &[bytes.get(..bytes.len().min(100)).unwrap_or_default()]);
    let mut mechanisms = vec![write(OID, &[NTLM]), other];
    mechanisms.insert(usize::from(odd), write(OID, &[KERBEROS]));
    let list = write(ZERO, &[&write(SEQUENCE, &[&mechanisms.concat()])]);
    let offer = write(ZERO, &[&write(SEQUENCE, &[&list, bytes])]);
    let token = write(0x60, &[&write(OID, &[b"\x2b\x06\x01\x05\x05\x02"]), &offer]);
    assert_eq!(kind(&token), Kind::First);
});
