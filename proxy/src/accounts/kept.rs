//! The forms in which a password is kept: argon2id, which the gate writes, and bcrypt, which comes with an htpasswd file and
//! is written anew as argon2id when its holder comes for the first time.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Argon2, Params, password_hash};
use bcrypt::HashParts;
use std::fmt;

/// The dearest bcrypt taken over: each step beyond doubles some hundred milliseconds of a core, for every guess.
const BCRYPT_COST: u32 = 14;
/// How long any bcrypt hash is.
const BCRYPT_CHARS: usize = 60;
/// The dearest argon2id taken over, in KiB and in passes.
const ARGON2_KIB: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 10;

/// Hashes a password for keeping: argon2id with 19 MiB, two passes and one lane, the OWASP recommendation and this
/// library's default.
pub(crate) fn hash(password: &str) -> Result<String, password_hash::Error> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

/// Whether this is the password that is kept.
pub(super) fn matches(password: &str, kept: &str) -> bool {
    if is_bcrypt(kept) {
        return bcrypt::verify(password, kept).unwrap_or(false);
    }
    PasswordHash::new(kept).is_ok_and(|kept| Argon2::default().verify_password(password.as_bytes(), &kept).is_ok())
}

/// Whether a password is kept in a form that is to be written anew.
pub(super) fn is_bcrypt(kept: &str) -> bool {
    kept.starts_with("$2")
}

/// Why a hash from elsewhere is not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// A form that can be guessed fast; its usual name.
    TooFast(&'static str),
    /// bcrypt or argon2id at more than the gate would spend for each guess.
    TooDear,
    /// It begins like a hash that is known, and is none.
    Damaged,
    /// No form of hash the gate knows.
    Unknown,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotTaken::TooFast(form) => write!(
                out,
                "{form} is guessed too fast: have the password set anew, by `htpasswd -B FILE NAME` or by `octroi user add NAME`"
            ),
            NotTaken::TooDear => write!(
                out,
                "this hash would take seconds of the gate for each guess: have the password set anew, at a cost of {BCRYPT_COST} \
                 at most (argon2id: {} MiB, {ARGON2_PASSES} passes)",
                ARGON2_KIB / 1024
            ),
            NotTaken::Damaged => out.write_str("this hash is damaged: copy the line again from where it comes"),
            NotTaken::Unknown => out.write_str(
                "this is no hash the gate knows: bcrypt ($2y$) and argon2id ($argon2id$) are, and passwords themselves stand in a \
                 CSV file under `password`",
            ),
        }
    }
}

/// Judges a hash from elsewhere.
pub(crate) fn judge(hash: &str) -> Result<(), NotTaken> {
    let fast = [
        ("$apr1$", "MD5 in Apache's form ($apr1$)"),
        ("$1$", "MD5 in the form of crypt ($1$)"),
        ("{SHA}", "SHA-1 ({SHA})"),
        ("{SSHA}", "salted SHA-1 ({SSHA})"),
        ("$5$", "SHA-256 in the form of crypt ($5$)"),
        ("$6$", "SHA-512 in the form of crypt ($6$)"),
        ("$argon2d$", "argon2d"),
        ("$argon2i$", "argon2i"),
        ("$2x$", "bcrypt of a faulty library ($2x$)"),
    ];
    if let Some((_, form)) = fast.iter().find(|(mark, _)| hash.starts_with(mark)) {
        return Err(NotTaken::TooFast(form));
    }
    if is_bcrypt(hash) {
        let parts: HashParts = hash.parse().map_err(|_| NotTaken::Damaged)?;
        return match parts.get_cost() {
            _ if hash.len() != BCRYPT_CHARS => Err(NotTaken::Damaged),
            ..=BCRYPT_COST => Ok(()),
            _ => Err(NotTaken::TooDear),
        };
    }
    if hash.starts_with("$argon2id$") {
        let parsed = PasswordHash::new(hash).map_err(|_| NotTaken::Damaged)?;
        let params = Params::try_from(&parsed).map_err(|_| NotTaken::Damaged)?;
        if parsed.hash.is_none() || parsed.salt.is_none() {
            return Err(NotTaken::Damaged);
        }
        return if params.m_cost() <= ARGON2_KIB && params.t_cost() <= ARGON2_PASSES {
            Ok(())
        } else {
            Err(NotTaken::TooDear)
        };
    }
    let is_crypt = hash.len() == 13 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    Err(if is_crypt { NotTaken::TooFast("DES in the form of crypt") } else { NotTaken::Unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$04$pBDHjxnHe9WkbaGWe8n0MOoFvzGMwSqQxbrnHYDNvsIDRfUYhuAVS";

    #[test]
    fn what_is_kept_is_matched_in_either_form() {
        let ours = hash("Trois poissons, 2 canards").expect("hashed");
        assert!(matches("Trois poissons, 2 canards", &ours) && !matches("Trois poissons", &ours) && !is_bcrypt(&ours));
        assert_eq!(judge(&ours), Ok(()));
        let theirs =
            bcrypt::hash_with_result("été à la mer", 4).expect("hashed").format_for_version(bcrypt::Version::TwoY);
        assert!(matches("été à la mer", &theirs) && !matches("été", &theirs) && is_bcrypt(&theirs), "{theirs}");
        assert_eq!(judge(&theirs), Ok(()));
    }

    #[test]
    fn hashes_from_elsewhere_are_judged() {
        for (hash, what) in [
            (BCRYPT, Ok(())),
            ("$apr1$x7jJ5Ffk$Nbo3F9PUlhKN6rNPcAHpL.", Err("$apr1$")),
            ("$1$abc$def", Err("$1$")),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", Err("SHA-1")),
            ("$6$rounds=5000$abc$def", Err("SHA-512")),
            ("rqXexS6ZhobKA", Err("DES")),
            ("$2y$31$pBDHjxnHe9WkbaGWe8n0MOoFvzGMwSqQxbrnHYDNvsIDRfUYhuAVS", Err("seconds")),
            ("$2y$10$short", Err("damaged")),
            ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ", Err("damaged")),
            (
                "$argon2id$v=19$m=1048576,t=2,p=1$c2FsdHNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
                Err("seconds"),
            ),
            ("Cheval-Correct-4-Agrafe", Err("no hash")),
            ("", Err("no hash")),
        ] {
            match (judge(hash), what) {
                (Ok(()), Ok(())) => {}
                (Err(why), Err(word)) => assert!(why.to_string().contains(word), "{hash}: {why}"),
                (judged, _) => panic!("{hash}: {judged:?}"),
            }
        }
    }
}
