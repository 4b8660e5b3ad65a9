//! A principal as an account: one spelling of each.

use logstore::people;

/// The account of a principal as GSS-API writes it: `a.martin@PME.TEST`, the name in small letters and the realm in capitals,
/// whatever the directory wrote. `None`: it is no name that a record could bear.
pub(crate) fn of(principal: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(principal).ok()?;
    // As whoever looks for it can type it.
    people::name(text).ok().filter(|typed| typed == text)?;
    let (name, realm) = text.rsplit_once('@')?;
    // A backslash hides what would be read as something else; nobody is called so.
    if name.is_empty() || realm.is_empty() || text.contains('\\') || name.contains('@') {
        return None;
    }
    // Who asked not to be known (RFC 8062).
    if name.starts_with("WELLKNOWN/") {
        return None;
    }
    Some(format!("{}@{}", name.to_lowercase(), realm.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_spelling() {
        for (principal, account) in [
            ("a.martin@PME.TEST", Some("a.martin@PME.TEST")),
            ("A.Martin@pme.test", Some("a.martin@PME.TEST")),
            ("Émilie Noël@PME.TEST", Some("émilie noël@PME.TEST")),
            ("PC01$@PME.TEST", Some("pc01$@PME.TEST")),
            ("a.martin/admin@PME.TEST", Some("a.martin/admin@PME.TEST")),
            ("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", None),
            ("a.martin\\@elsewhere.test@PME.TEST", None),
            ("a\nb@PME.TEST", None),
            ("a\u{200b}b@PME.TEST", None),
            (" a@PME.TEST", None),
            ("@PME.TEST", None),
            ("a.martin@", None),
            ("a.martin", None),
            ("", None),
        ] {
            assert_eq!(of(principal.as_bytes()).as_deref(), account, "{principal}");
        }
        assert_eq!(of(b"\xff@PME.TEST"), None);
        assert_eq!(of(format!("{}@R", "a".repeat(people::NAME_CHARS)).as_bytes()), None);
    }
}
