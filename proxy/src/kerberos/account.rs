//! A principal as an account: one spelling of each, and which are machines.

/// Longer names are nobody's: a sAMAccountName has 20 characters or 256, a domain 255.
const LONGEST: usize = 512;

/// The account of a principal as GSS-API writes it: `a.martin@PME.TEST`, the name in small letters and the realm in capitals,
/// whatever the directory wrote. `None`: it is no name that a record could bear.
pub(crate) fn of(principal: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(principal).ok()?;
    let (name, realm) = text.rsplit_once('@')?;
    // A backslash hides what would be read as something else; nobody is called so.
    let odd = |c: char| c.is_control() || c == '\\' || c == '@';
    if name.is_empty() || realm.is_empty() || text.len() > LONGEST || name.contains(odd) || realm.contains(odd) {
        return None;
    }
    // Who asked not to be known (RFC 8062).
    if name.starts_with("WELLKNOWN/") {
        return None;
    }
    Some(format!("{}@{}", name.to_lowercase(), realm.to_uppercase()))
}

/// Whether an account is a machine's, or a service's that a domain manages as one: `pc01$@PME.TEST`. Behind it sits nobody,
/// or anybody.
pub(crate) fn is_machine(account: &str) -> bool {
    account.split_once('@').is_some_and(|(name, realm)| name.ends_with('$') && !realm.is_empty())
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
            ("@PME.TEST", None),
            ("a.martin@", None),
            ("a.martin", None),
            ("", None),
        ] {
            assert_eq!(of(principal.as_bytes()).as_deref(), account, "{principal}");
        }
        assert_eq!(of(b"\xff@PME.TEST"), None);
        assert_eq!(of(format!("{}@R", "a".repeat(LONGEST)).as_bytes()), None);
    }

    #[test]
    fn machines_are_told_from_persons() {
        assert!(is_machine("pc01$@PME.TEST"));
        for person in ["a.martin@PME.TEST", "a.martin", "pc01$", "a$b@PME.TEST", "$@"] {
            assert!(!is_machine(person), "{person}");
        }
    }
}
