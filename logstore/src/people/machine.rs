//! Accounts that no person uses.

/// Whether an account is a machine's, or a service's that a domain manages as one: `pc01$@PME.FR`. Behind it sits nobody, or
/// anybody: its records are nobody's, and it is no one in a figure.
pub fn is_machine(account: &str) -> bool {
    account.split_once('@').is_some_and(|(name, realm)| name.len() > 1 && name.ends_with('$') && !realm.is_empty())
}

#[cfg(test)]
mod tests {
    use super::is_machine;

    #[test]
    fn machines_are_told_from_persons() {
        assert!(is_machine("pc01$@PME.TEST"));
        for person in ["a.martin@PME.TEST", "a.martin", "pc01$", "a$b@PME.TEST", "pc01$@", "$@PME.TEST", ""] {
            assert!(!is_machine(person), "{person}");
        }
    }
}
