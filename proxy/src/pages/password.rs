//! The page on which somebody changes their own password: a form without scripts, what is asked of a password, what became of it.
use super::contact::Contact;
use super::{Language, render};
use crate::accounts::Due;
use crate::accounts::rule::{CharterRule, PASSWORD_BYTES, Rule, Weakness};
use askama::Template;
use std::borrow::Cow;

/// The `Content-Security-Policy` of this page: its form goes to the gate alone, and nobody lays another page over it.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PasswordPage<'a> {
    /// Name of the organisation; may be empty.
    pub(crate) organisation: &'a str,
    /// Who answers questions; may be empty.
    pub(crate) contact: &'a str,
    /// The account.
    pub(crate) user: &'a str,
    /// Why its password has to be changed, if it has.
    pub(crate) due: Option<Due>,
    /// What new passwords must be.
    pub(crate) rule: &'a Rule,
    /// What the form brings back, so that no other page can send it.
    pub(crate) token: &'a str,
    /// How far it has come.
    pub(crate) stage: Stage,
}

/// How far a change of password has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is asked for.
    Asked,
    /// It is not made, because of what was typed.
    Refused(Objection),
    /// It is made.
    Done,
    /// This gate keeps no password of whoever asks.
    KeptElsewhere,
}

/// Why a password is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objection {
    /// The form is not one that this page has shown lately.
    Stale,
    /// The current password is another one.
    WrongCurrent,
    /// Too many were wrong; seconds until the next is looked at.
    Wait(u64),
    /// The two new ones differ.
    Different,
    /// The new one is the current one.
    Same,
    /// The new one is not good enough.
    Weak(Weakness),
    /// It could not be written.
    Failed,
}

impl PasswordPage<'_> {
    fn failed(&self) -> bool {
        matches!(self.stage, Stage::Refused(_))
    }

    fn done(&self) -> bool {
        self.stage == Stage::Done
    }

    fn is_kept_here(&self) -> bool {
        self.stage != Stage::KeptElsewhere
    }

    fn is_about_current(&self) -> bool {
        matches!(self.stage, Stage::Refused(Objection::WrongCurrent | Objection::Wait(_)))
    }

    fn is_about_new(&self) -> bool {
        matches!(self.stage, Stage::Refused(Objection::Weak(_) | Objection::Same))
    }

    fn is_about_again(&self) -> bool {
        self.stage == Stage::Refused(Objection::Different)
    }
}

/// The page.
pub(crate) fn password(lang: Language, page: &PasswordPage<'_>) -> String {
    let (four, three) = page.rule.strength.characters();
    let why = match (page.stage, page.due) {
        (Stage::KeptElsewhere, _) => lang.pick(
            "Cette passerelle ne tient pas le mot de passe de votre compte\u{a0}: il se change là où il est tenu, sur votre poste le plus souvent.",
            "This gate does not keep your account’s password: change it where it is kept, on your computer most often.",
        ),
        (_, Some(Due::GivenByAnother)) => lang.pick(
            "Votre mot de passe a été choisi par quelqu’un d’autre. Choisissez le vôtre pour accéder à Internet.",
            "Your password was chosen by somebody else. Choose your own to reach the internet.",
        ),
        (_, Some(Due::Old)) => lang.pick(
            "Votre mot de passe a atteint l’âge fixé par votre organisation. Choisissez-en un autre pour accéder à Internet.",
            "Your password has reached the age your organisation allows. Choose another to reach the internet.",
        ),
        (_, None) => lang.pick(
            "Choisissez un nouveau mot de passe pour accéder à Internet depuis ce réseau.",
            "Choose a new password for internet access from this network.",
        ),
    };
    let problem = match page.stage {
        Stage::Refused(objection) => Some(said(lang, objection)),
        Stage::Asked | Stage::Done | Stage::KeptElsewhere => None,
    };
    let help = Contact::new(&[page.contact], None, lang);
    let weaker = page.rule.charter.is_some_and(|charter| charter.is_weaker(page.rule.strength));
    render(&Form { lang, page, why, problem, four, three, weaker, help })
}

#[derive(Template)]
#[template(path = "password.html", whitespace = "minimize")]
struct Form<'a> {
    lang: Language,
    page: &'a PasswordPage<'a>,
    why: &'static str,
    problem: Option<Cow<'static, str>>,
    four: usize,
    three: usize,
    /// The charter asks for less than the gate.
    weaker: bool,
    help: Contact<'a>,
}

/// What is wrong, and what to do.
fn said(lang: Language, objection: Objection) -> Cow<'static, str> {
    let french = lang.is_french();
    let words = match objection {
        Objection::Stale => lang.pick(
            "Cette page était restée ouverte trop longtemps\u{a0}: saisissez de nouveau les mots de passe.",
            "This page had been open for too long: enter the passwords again.",
        ),
        Objection::WrongCurrent => lang.pick(
            "Le mot de passe actuel n’est pas celui-là\u{a0}: vérifiez la touche majuscules, puis saisissez-le de nouveau.",
            "The current password is not this one: check the caps lock key, then enter it again.",
        ),
        Objection::Wait(seconds) => {
            let minutes = seconds.div_ceil(60).max(1);
            return match french {
                true => format!(
                    "Trop de mots de passe erronés ont été saisis\u{a0}: réessayez dans {minutes} minute{}.",
                    if minutes > 1 { "s" } else { "" }
                ),
                false => format!(
                    "Too many wrong passwords were entered: try again in {minutes} minute{}.",
                    if minutes != 1 { "s" } else { "" }
                ),
            }
            .into();
        }
        Objection::Different => lang.pick(
            "Les deux saisies du nouveau mot de passe diffèrent\u{a0}: saisissez-le deux fois à l’identique.",
            "The new password was entered in two different ways: enter the same one twice.",
        ),
        Objection::Same => lang.pick(
            "Le nouveau mot de passe est l’ancien\u{a0}: choisissez-en un autre.",
            "The new password is the old one: choose another.",
        ),
        Objection::Failed => lang.pick(
            "Le changement n’a pas pu être enregistré\u{a0}: réessayez, puis signalez-le si cela se répète.",
            "The change could not be saved: try again, and report it if it happens again.",
        ),
        Objection::Weak(weakness) => match weakness {
            Weakness::Empty => lang.pick("Le nouveau mot de passe est vide.", "The new password is empty."),
            Weakness::TooLong => {
                return match french {
                    true => format!("Le nouveau mot de passe dépasse {PASSWORD_BYTES} octets\u{a0}: raccourcissez-le."),
                    false => format!("The new password is longer than {PASSWORD_BYTES} bytes: shorten it."),
                }
                .into();
            }
            Weakness::ControlCharacter => lang.pick(
                "Le nouveau mot de passe contient un caractère invisible\u{a0}: saisissez-le au clavier.",
                "The new password holds an invisible character: type it.",
            ),
            Weakness::HoldsTheName => lang.pick(
                "Le nouveau mot de passe contient le nom de votre compte, ou une partie\u{a0}: ôtez-la.",
                "The new password holds the name of your account, or a part of it: leave it out.",
            ),
            Weakness::WellKnown => lang.pick(
                "Le nouveau mot de passe est de ceux que chacun essaierait d’abord, quoi qu’on y ajoute\u{a0}: prenez d’autres mots.",
                "The new password is among the first that anybody would try, whatever is added: take other words.",
            ),
            Weakness::TooSimple(_) => lang.pick(
                "Le nouveau mot de passe est trop simple\u{a0}: suivez l’une des trois règles ci-dessous.",
                "The new password is too simple: follow one of the three rules below.",
            ),
            Weakness::NotAsTheCharterSays(CharterRule { length, classes }) => {
                return match french {
                    true => format!(
                        "La charte demande {length} caractères, de {classes} des quatre sortes\u{a0}: complétez-le."
                    ),
                    false => {
                        format!("The charter asks for {length} characters, of {classes} of the four kinds: add to it.")
                    }
                }
                .into();
            }
        },
    };
    words.into()
}
