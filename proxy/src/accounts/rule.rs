//! Which names and passwords are good enough.
//!
//! Passwords follow CNIL délibération 2022-100. It asks for about 80 bits alone (twelve characters of four classes,
//! fourteen of three, seven words), or 50 bits where guessing is slowed down: as [`super::throttle`] does so,
//! eight characters of four classes are enough. No expiry, no hints.

use std::fmt;
use std::sync::Arc;

/// Longest name, in bytes.
pub(crate) const NAME_BYTES: usize = 64;
/// Longest password, in bytes: a bound on what a stranger can have hashed.
pub(crate) const PASSWORD_BYTES: usize = 256;

/// What a name can be, for `--help` and for refusals.
pub(crate) const NAME_FORM: &str =
    "1 to 64 letters without accents, digits, `.`, `_`, `-`, `@`, beginning with a letter or a digit";

/// An account's name in normal form: lower-case letters, digits, `.`, `_`, `-`, `@`; begins with a letter or digit.
///
/// No blank, colon or accent: it stands in Basic credentials, in log formats and in file names as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(Arc<str>);

/// A name that can't be an account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "this is not a valid account's name: {NAME_FORM}")
    }
}

impl Name {
    /// Brings a name to its normal form.
    pub(crate) fn parse(text: &str) -> Result<Name, NotAName> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !first || text.len() > NAME_BYTES || !text.bytes().all(good) {
            return Err(NotAName);
        }
        Ok(Name(text.to_ascii_lowercase().into()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, to share.
    pub(crate) fn into_arc(self) -> Arc<str> {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// There is none.
    Empty,
    /// Longer than [`PASSWORD_BYTES`].
    TooLong,
    /// A control character, which no keyboard sends twice the same way.
    ControlCharacter,
    /// The account's name, or a part of it, stands in it.
    HoldsTheName,
    /// A word everybody tries first, dressed up.
    WellKnown,
    /// Too short for its classes of characters.
    TooSimple,
}

impl fmt::Display for Weakness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::Empty => out.write_str("the password is empty"),
            Weakness::TooLong => write!(out, "the password is longer than {PASSWORD_BYTES} bytes"),
            Weakness::ControlCharacter => out.write_str("the password holds a control character"),
            Weakness::HoldsTheName => out.write_str("the password must not hold the account's name"),
            Weakness::WellKnown => out.write_str("this password is among the first that anybody would try"),
            Weakness::TooSimple => out.write_str(
                "the password is too simple: take 8 characters with small and capital letters, digits and signs, \
                 or 14 with three of these kinds, or seven different words",
            ),
        }
    }
}

/// Judges a new password.
pub(crate) fn judge(name: &Name, password: &str) -> Result<(), Weakness> {
    if password.is_empty() {
        return Err(Weakness::Empty);
    }
    if password.len() > PASSWORD_BYTES {
        return Err(Weakness::TooLong);
    }
    if password.chars().any(char::is_control) {
        return Err(Weakness::ControlCharacter);
    }
    let lower = password.to_lowercase();
    let parts = name.as_str().split(['.', '_', '-', '@']).filter(|part| part.len() >= 4);
    if parts.chain([name.as_str()]).any(|part| part.len() >= 3 && lower.contains(part)) {
        return Err(Weakness::HoldsTheName);
    }
    if WELL_KNOWN.contains(&undressed(&lower).as_str()) {
        return Err(Weakness::WellKnown);
    }
    let enough = match classes(password) {
        4 => 8,
        3 => 14,
        _ => usize::MAX,
    };
    let various = distinct(password.chars()) >= 5;
    if (various && password.chars().count() >= enough) || words(&lower) >= 7 {
        Ok(())
    } else {
        Err(Weakness::TooSimple)
    }
}

/// How many of the four classes appear: small letters, capitals, digits, everything else.
fn classes(password: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        |c| c.is_numeric(),
        |c| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric(),
    ];
    kinds.iter().filter(|kind| password.chars().any(kind)).count()
}

/// Different words of three letters or more.
fn words(lower: &str) -> usize {
    distinct(lower.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() >= 3))
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> usize {
    items.collect::<std::collections::BTreeSet<T>>().len()
}

/// The word that is left when digits for letters are read as letters and trailing digits and signs are taken off:
/// `P@ssw0rd2026!` is `password`.
fn undressed(lower: &str) -> String {
    let core = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    core.chars()
        .filter_map(|c| match c {
            '0' => Some('o'),
            '1' | '!' => Some('i'),
            '3' => Some('e'),
            '4' | '@' => Some('a'),
            '5' | '$' => Some('s'),
            c if c.is_alphabetic() => Some(c),
            _ => None,
        })
        .collect()
}

/// Words found at the head of every list of leaked passwords.
const WELL_KNOWN: &[&str] = &[
    "admin",
    "administrateur",
    "administrator",
    "azerty",
    "azertyuiop",
    "bienvenue",
    "bonjour",
    "changeme",
    "chocolat",
    "doudou",
    "iloveyou",
    "jetaime",
    "letmein",
    "loulou",
    "motdepasse",
    "octroi",
    "passe",
    "passw",
    "password",
    "qwerty",
    "qwertyuiop",
    "soleil",
    "welcome",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), Weakness> {
        judge(&Name::parse("p.dupont").expect("a name"), password)
    }

    #[test]
    fn names_have_one_form() {
        assert_eq!(Name::parse("A.Martin").map(|name| name.to_string()), Ok("a.martin".to_owned()));
        for wrong in ["", "a b", "a:b", "é", ".a", "-a", "a/b", &"a".repeat(NAME_BYTES + 1)] {
            assert_eq!(Name::parse(wrong), Err(NotAName), "{wrong}");
        }
        assert!(Name::parse(&"a".repeat(NAME_BYTES)).is_ok());
        assert!(NAME_FORM.contains(&format!("1 to {NAME_BYTES} ")));
    }

    #[test]
    fn good_passwords() {
        for good in [
            "aB3$efgh",
            "Trois-Poissons-7",
            "troispoissons7!x",
            "sept mots tout petits mais bien rangés ici",
            "Éé1!éàùç",
        ] {
            assert_eq!(judged(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn bad_passwords() {
        use Weakness::*;
        for (bad, why) in [
            ("", Empty),
            ("aB3$efg", TooSimple),
            ("abcdefgh1234", TooSimple),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", TooSimple),
            ("aA1!aA1!aA1!", TooSimple),
            ("mot mot mot mot mot mot mot", TooSimple),
            ("Vive Dupont 2026 !", HoldsTheName),
            ("xxP.DUPONT9!", HoldsTheName),
            ("P@ssw0rd2026!", WellKnown),
            ("Azerty1234!", WellKnown),
            ("tab\there A1!", ControlCharacter),
        ] {
            assert_eq!(judged(bad), Err(why), "{bad}");
        }
        assert_eq!(judged(&"aB3$".repeat(65)), Err(TooLong));
    }
}
