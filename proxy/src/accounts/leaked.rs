//! Passwords that everybody tries first: what stands at the head of every list of leaked ones, French ones among them.
//!
//! A short list, built in: what guessing begins with. Who guesses knows the usual dress (capitals, digits for letters, a year
//! and a sign behind), so that it is taken off before anything is compared.

/// Letters beside known words that make something new of them.
const NEW: usize = 4;

/// Whether a password in small letters is one of those, or made of them.
pub(super) fn is_known(lower: &str) -> bool {
    let mut rest = undressed(lower);
    if rest.is_empty() {
        // Digits and signs alone: too simple at any length that is typed, which is said otherwise.
        return false;
    }
    let mut known = false;
    // Longest first: what is a part of another word is not to tear it.
    for word in WORDS {
        if rest.contains(word) {
            known = true;
            rest = rest.replace(word, "");
        }
    }
    known && rest.chars().count() < NEW
}

/// The letters of a password: digits and signs that stand for letters are read as such, those at its end and any other are
/// left out. `p@ssw0rd2026!` is `password`.
pub(super) fn undressed(lower: &str) -> String {
    let core = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    let letters = core.chars().filter_map(|c| match c {
        '0' => Some('o'),
        '1' | '!' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        'à' | 'â' | 'ä' => Some('a'),
        'é' | 'è' | 'ê' | 'ë' => Some('e'),
        'î' | 'ï' => Some('i'),
        'ô' | 'ö' => Some('o'),
        'ù' | 'û' | 'ü' => Some('u'),
        'ç' => Some('c'),
        c if c.is_alphabetic() => Some(c),
        _ => None,
    });
    letters.collect()
}

/// The words, longest first.
const WORDS: &[&str] = &[
    "administrateur",
    "administrator",
    "monmotdepasse",
    "informatique",
    "utilisateur",
    "azertyuiop",
    "entreprise",
    "letmeinnow",
    "motdepasse",
    "mypassword",
    "ordinateur",
    "provisoire",
    "qsdfghjklm",
    "qwertyuiop",
    "realmadrid",
    "superadmin",
    "temporaire",
    "alexandre",
    "asdfghjkl",
    "barcelona",
    "bienvenue",
    "changemoi",
    "connexion",
    "liverpool",
    "marseille",
    "motdpasse",
    "motsecret",
    "olympique",
    "princesse",
    "printemps",
    "september",
    "septembre",
    "baseball",
    "bordeaux",
    "caroline",
    "changeme",
    "chocolat",
    "chouchou",
    "computer",
    "december",
    "decembre",
    "dimanche",
    "facebook",
    "february",
    "football",
    "iloveyou",
    "internet",
    "juventus",
    "linkedin",
    "mercredi",
    "motpasse",
    "nounours",
    "november",
    "novembre",
    "papillon",
    "password",
    "princess",
    "starwars",
    "sunshine",
    "superman",
    "sysadmin",
    "toulouse",
    "vacances",
    "vendredi",
    "whatever",
    "arsenal",
    "automne",
    "bonjour",
    "camille",
    "charlie",
    "chelsea",
    "default",
    "famille",
    "fevrier",
    "freedom",
    "january",
    "janvier",
    "jessica",
    "jetaime",
    "juillet",
    "letmein",
    "loveyou",
    "michael",
    "mustang",
    "newpass",
    "nicolas",
    "nouveau",
    "october",
    "octobre",
    "pauline",
    "pokemon",
    "samsung",
    "serveur",
    "service",
    "societe",
    "trustno",
    "vanille",
    "welcome",
    "zxcvbnm",
    "abcdef",
    "access",
    "ashley",
    "august",
    "autumn",
    "azerty",
    "batman",
    "bureau",
    "cerise",
    "cheval",
    "citron",
    "coucou",
    "doudou",
    "dragon",
    "france",
    "google",
    "iloveu",
    "invite",
    "jordan",
    "julien",
    "loulou",
    "lovely",
    "maison",
    "marine",
    "master",
    "monkey",
    "naruto",
    "octroi",
    "orange",
    "passwd",
    "poupee",
    "qwerty",
    "samedi",
    "secret",
    "shadow",
    "soleil",
    "spring",
    "summer",
    "thomas",
    "tigrou",
    "winter",
    "wxcvbn",
    "admin",
    "amour",
    "april",
    "avril",
    "chien",
    "fleur",
    "guest",
    "hello",
    "hiver",
    "jeudi",
    "lapin",
    "login",
    "lundi",
    "march",
    "mardi",
    "minou",
    "paris",
    "passe",
    "passw",
    "abcd",
    "aout",
    "asdf",
    "azer",
    "bebe",
    "chat",
    "juin",
    "july",
    "june",
    "love",
    "lyon",
    "mars",
    "pass",
    "qsdf",
    "qwer",
    "root",
    "temp",
    "test",
    "toor",
    "user",
    "abc",
    "ete",
    "mdp",
    "psg",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_longest_first_bare_and_once() {
        assert!(WORDS.is_sorted_by(|a, b| (b.len(), *a) < (a.len(), *b)));
        for word in WORDS {
            assert_eq!(undressed(word), *word);
            assert!(is_known(word), "{word}");
        }
    }

    #[test]
    fn what_is_known_is_known_in_any_dress() {
        for known in [
            "p@ssw0rd2026!",
            "motdepasse-2026",
            "m0t2passe!",
            "azertyuiop123!",
            "novembre2026!",
            "été-2026-été!",
            "bonjour.soleil.75",
            "passwordpassword1!",
            "qsdfghjklm-2026",
            "bienvenue-2026x",
        ] {
            assert!(is_known(known), "{known}");
        }
        for other in ["cheval-correct-4-agrafe", "mon soleil de novembre en bretagne", "123456789012", "aB3$efgh"] {
            assert!(!is_known(&other.to_lowercase()), "{other}");
        }
    }
}
