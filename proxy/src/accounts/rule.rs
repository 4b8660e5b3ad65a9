//! Which names and passwords are good enough.
//!
//! Passwords follow CNIL délibération 2022-100. It asks for about 80 bits of a password alone (twelve characters of four
//! classes, fourteen of three, seven words), or 50 bits where guessing is slowed down, as [`super::throttle`] does. The gate
//! asks for the former unless told that the latter is enough; what the organisation's charter asks beyond it is asked too.

use super::leaked;
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

/// How much a password must withstand by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Strength {
    /// About 80 bits: enough even for whoever has the hash.
    #[default]
    Alone,
    /// About 50 bits: enough where guessing is slowed down.
    Throttled,
}

impl Strength {
    /// Characters asked for, of four classes and of three.
    pub(crate) fn characters(self) -> (usize, usize) {
        match self {
            Strength::Alone => (12, 14),
            Strength::Throttled => (8, 9),
        }
    }
}

/// What a new password must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rule {
    /// What the gate asks for.
    pub(crate) strength: Strength,
    /// What the organisation's charter asks for.
    pub(crate) charter: Option<CharterRule>,
}

/// The rule for passwords that stands in the organisation's charter; no part of the name is a matter of course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CharterRule {
    /// Characters at least.
    pub(crate) length: usize,
    /// Of so many of the four classes at least.
    pub(crate) classes: usize,
}

impl CharterRule {
    /// Whether it lets pass what the gate's own rule does not.
    pub(crate) fn is_weaker(self, strength: Strength) -> bool {
        let (four, three) = strength.characters();
        self.length < if self.classes == 4 { four } else { three }
    }
}

/// What a rule asks for, in English.
impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (four, three) = self.strength.characters();
        write!(
            out,
            "take {four} characters with small and capital letters, digits and signs, or {three} with three of these kinds, \
             or seven different words"
        )?;
        match self.charter {
            Some(charter) => {
                let CharterRule { length, classes } = charter;
                write!(out, "; the charter asks for {length} characters of {classes} kinds at least")
            }
            None => Ok(()),
        }
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
    /// Words everybody tries first, dressed up.
    WellKnown,
    /// Too short for its classes of characters.
    TooSimple(Rule),
    /// The gate would take it; the organisation's charter does not.
    NotAsTheCharterSays(CharterRule),
}

impl fmt::Display for Weakness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::Empty => out.write_str("the password is empty"),
            Weakness::TooLong => write!(out, "the password is longer than {PASSWORD_BYTES} bytes"),
            Weakness::ControlCharacter => out.write_str("the password holds a control character"),
            Weakness::HoldsTheName => out.write_str("the password must not hold the account's name, nor a part of it"),
            Weakness::WellKnown => out.write_str(
                "this password is among the first that anybody would try, whatever stands around it: take other words",
            ),
            Weakness::TooSimple(rule) => write!(out, "the password is too simple: {rule}"),
            Weakness::NotAsTheCharterSays(CharterRule { length, classes }) => {
                write!(out, "the charter asks for {length} characters, of {classes} of the four kinds")
            }
        }
    }
}

/// Judges a new password.
pub(crate) fn judge(rule: &Rule, name: &Name, password: &str) -> Result<(), Weakness> {
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
    let bare = leaked::undressed(&lower);
    let parts = name.as_str().split(['.', '_', '-', '@']).filter(|part| part.len() >= 4);
    if parts.chain([name.as_str()]).any(|part| part.len() >= 3 && (lower.contains(part) || bare.contains(part))) {
        return Err(Weakness::HoldsTheName);
    }
    let (length, classes) = (password.chars().count(), classes(password));
    let sentence = words(&lower) >= 7;
    if !sentence && leaked::is_known(&lower) {
        return Err(Weakness::WellKnown);
    }
    let (four, three) = rule.strength.characters();
    let enough = match classes {
        4 => four,
        3 => three,
        _ => usize::MAX,
    };
    let various = distinct(password.chars()) >= 5;
    if !(sentence || (various && length >= enough)) {
        return Err(Weakness::TooSimple(*rule));
    }
    match rule.charter {
        Some(charter) if length < charter.length || classes < charter.classes => {
            Err(Weakness::NotAsTheCharterSays(charter))
        }
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    const THROTTLED: Rule = Rule { strength: Strength::Throttled, charter: None };

    fn judged(rule: Rule, password: &str) -> Result<(), Weakness> {
        judge(&rule, &Name::parse("p.dupont").expect("a name"), password)
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
            "aB3$efghijkl",
            "Trois-Poissons-7",
            "troispoissons7!x",
            "sept mots tout petits mais bien rangés ici",
            "un soleil et un bonjour valent mieux que deux jours",
            "Éé1!éàùçœâêî",
        ] {
            assert_eq!(judged(Rule::default(), good), Ok(()), "{good}");
        }
        for shorter in ["aB3$efgh", "wkbdFGq12"] {
            assert_eq!(judged(THROTTLED, shorter), Ok(()), "{shorter}");
            assert_eq!(judged(Rule::default(), shorter), Err(Weakness::TooSimple(Rule::default())), "{shorter}");
        }
    }

    #[test]
    fn bad_passwords() {
        use Weakness::*;
        for (bad, why) in [
            ("", Empty),
            ("aB3$efg", TooSimple(THROTTLED)),
            ("wkbdfgqh12", TooSimple(THROTTLED)),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", TooSimple(THROTTLED)),
            ("aA1!aA1!aA1!", TooSimple(THROTTLED)),
            ("mot mot mot mot mot mot mot", TooSimple(THROTTLED)),
            ("Vive Dupont 2026 !", HoldsTheName),
            ("xxP.DUPONT9!", HoldsTheName),
            ("Vive-Dup0nt-2026", HoldsTheName),
            ("P@ssw0rd2026!", WellKnown),
            ("Azerty1234!", WellKnown),
            ("tab\there A1!", ControlCharacter),
        ] {
            assert_eq!(judged(THROTTLED, bad), Err(why), "{bad}");
        }
        assert_eq!(judged(THROTTLED, &"aB3$".repeat(65)), Err(TooLong));
    }

    #[test]
    fn of_the_charters_rule_and_the_gates_the_stronger_counts() {
        let with = |length, classes| Rule { charter: Some(CharterRule { length, classes }), ..Rule::default() };
        let weaker = with(8, 4);
        assert_eq!(judged(weaker, "aB3$efgh"), Err(Weakness::TooSimple(weaker)));
        assert_eq!(judged(weaker, "aB3$efghijkl"), Ok(()));
        let stronger = with(16, 4);
        let why = Weakness::NotAsTheCharterSays(CharterRule { length: 16, classes: 4 });
        for bad in ["aB3$efghijkl", "troispoissons7!xyz", "sept mots tout petits mais bien rangés ici"] {
            assert_eq!(judged(stronger, bad), Err(why), "{bad}");
        }
        assert_eq!(judged(stronger, "aB3$efghijklmnop"), Ok(()));
        for (length, classes, weak) in [(8, 4, true), (12, 4, false), (12, 3, true), (14, 3, false), (20, 1, false)] {
            assert_eq!(CharterRule { length, classes }.is_weaker(Strength::Alone), weak, "{length} of {classes}");
        }
        assert!(!CharterRule { length: 8, classes: 4 }.is_weaker(Strength::Throttled));
    }
}
