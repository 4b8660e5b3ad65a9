//! The pages as they are, byte for byte: `golden/*.html`.
//!
//! A changed page fails until its file is renewed on purpose with `UPDATE_GOLDEN=1 cargo test -p octroi golden`; so
//! does a file that no case writes any more. The other tests here hold for every page at once: size, typography,
//! nothing remote, nothing from outside taken for markup.
use super::block::refusal;
use super::password::{Objection, PasswordPage, Stage};
use super::terms::{Desk, Finding, Warning, warning};
use super::*;
use crate::accounts::Due;
use crate::accounts::rule::{CharterRule, Rule, Weakness};
use crate::terms::Reach;
use jiff::ZonedDateTime;
use policy::verdict::Text;
use policy::{Amount, Budget, Per};
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use Language::{English, French};

/// Bytes a page may weigh: it must come at once over any line.
const LIMIT: usize = 12 * 1024;

const FAULTS: [Fault<'static>; 29] = [
    Fault::BadRequest { why: "two Content-Length fields" },
    Fault::RequestTimeout,
    Fault::UriTooLong,
    Fault::HeaderTooLarge,
    Fault::ExpectationFailed,
    Fault::VersionNotSupported,
    Fault::NotImplemented,
    Fault::AuthRequired,
    Fault::PasswordDue { link: "http://compte.octroi.internal/" },
    Fault::ClientNotAllowed,
    Fault::NotAcknowledged,
    Fault::PortNotAllowed,
    Fault::ForbiddenAddress,
    Fault::NameNotFound,
    Fault::NameTimeout,
    Fault::NoConnection,
    Fault::NoAnswer,
    Fault::ConnectionRefused,
    Fault::Unroutable,
    Fault::Unreachable,
    Fault::Terminated,
    Fault::OriginBroke(Broken::Protocol),
    Fault::Loop,
    Fault::ParentUnreachable,
    Fault::ParentDenied,
    Fault::ParentRefused,
    Fault::TooBusy,
    Fault::RegisterClosed,
    Fault::DirectoryAway,
];

fn at() -> ZonedDateTime {
    "2026-11-23T10:42:07+01:00[Europe/Paris]".parse().expect("a zoned time")
}

fn text(fr: &str, en: &str) -> Text {
    Text { fr: fr.into(), en: en.into() }
}

fn full(lang: Language, show: impl Fn(Language, &Refusal<'_>) -> String) -> String {
    show(
        lang,
        &Refusal {
            organisation: "Société Exemple",
            contact: "informatique@exemple.fr",
            dpo: "dpo@exemple.fr",
            information: Some("http://octroi.exemple.fr:3180/"),
            target: "jeux-et-paris.example",
            charter_title: "Charte informatique de la Société Exemple",
            charter: "2026-11@3f9a1c07be52",
            rule: Some("contenus-interdits"),
            article: Some("3"),
            category: Some("jeux"),
            category_label: Some(&text("Jeux d’argent", "Gambling")),
            reason: Some(&text(
                "Les sites de jeux d’argent et de paris ne sont pas accessibles depuis le réseau de l’entreprise.",
                "Gambling and betting sites cannot be reached from the company network.",
            )),
            reference: "184207",
            moment: &lang.moment(&at()),
            retention_days: 365,
            user: Some("m.durand"),
        },
    )
}

fn bare_refusal(lang: Language) -> String {
    refusal(
        lang,
        &Refusal {
            organisation: "",
            contact: "",
            dpo: "",
            information: None,
            target: "site.example",
            charter_title: "Charte",
            charter: "1@000000000000",
            rule: None,
            article: None,
            category: None,
            category_label: None,
            reason: None,
            reference: "1",
            moment: &lang.moment(&at()),
            retention_days: 1,
            user: None,
        },
    )
}

/// Every value that can come from outside is hostile.
fn hostile(lang: Language, show: impl Fn(Language, &Refusal<'_>) -> String) -> String {
    let script = "\"'><script>alert(1)</script>\u{202e}&amp;";
    let words = text(script, "");
    let host = "a".repeat(300);
    show(
        lang,
        &Refusal {
            organisation: script,
            contact: script,
            dpo: "x\"onclick=alert(1)@exemple.fr",
            information: Some("http://octroi.example/\"><script>"),
            target: &format!("{host}\u{200f}{script}"),
            charter_title: script,
            charter: script,
            rule: Some(script),
            article: Some(script),
            category: Some(script),
            category_label: Some(&words),
            reason: Some(&words),
            reference: script,
            moment: &lang.moment(&at()),
            retention_days: u32::MAX,
            user: Some(script),
        },
    )
}

fn fault_page(lang: Language, what: Fault<'_>, reference: Option<&str>) -> String {
    fault_page_of(lang, what, reference, "www.example.org")
}

fn fault_page_of(lang: Language, what: Fault<'_>, reference: Option<&str>, target: &str) -> String {
    fault(
        lang,
        &FaultPage {
            fault: what,
            organisation: "Société Exemple",
            contact: "informatique@exemple.fr",
            dpo: "",
            target: reference.map(|_| target),
            reference,
            at: &at(),
            retention_days: 365,
        },
    )
}

fn home_page(lang: Language) -> String {
    let labels = [
        (Some("3"), text("Contenu pornographique", "Pornography")),
        (Some("3"), text("Téléchargements illégaux", "Illegal downloads")),
        (None, text("Contournement de la passerelle", "")),
    ];
    let enforced: Vec<_> = labels.iter().map(|(article, what)| Enforced { article: *article, what }).collect();
    home(
        lang,
        &Home {
            organisation: "Société Exemple",
            contact: "informatique@exemple.fr",
            dpo: "dpo@exemple.fr",
            charter_title: "Charte informatique de la Société Exemple",
            charter: "2026-11@3f9a1c07be52",
            enforced: &enforced,
            pac: "http://octroi.exemple.fr:3180/proxy.pac",
            proxy: "octroi.exemple.fr:3128",
            retention_days: 365,
            depth: Depth::Host,
        },
    )
}

fn password_page(lang: Language, stage: Stage, due: Option<Due>) -> String {
    password::password(
        lang,
        &PasswordPage {
            organisation: "Société Exemple",
            contact: "informatique@exemple.fr",
            user: "a.martin",
            due,
            rule: &Rule { charter: Some(CharterRule { length: 8, classes: 4 }), ..Rule::default() },
            token: "0123456789abcdef",
            stage,
        },
    )
}

fn warned(lang: Language, page: &Refusal<'_>, tunnel: bool) -> String {
    let action = match tunnel {
        true => "http://octroi.internal/?site=jeux-et-paris.example",
        false => "http://octroi.internal/continue?c2lnbmVk",
    };
    let (long, reach) = (Duration::from_secs(4 * 3600), Reach::Category("jeux"));
    warning(lang, page, Warning { action, tunnel, long, reach })
}

fn used_up(lang: Language, page: &Refusal<'_>) -> String {
    let minutes = Amount::Minutes(NonZeroU64::new(30).expect("some"));
    let until = "2026-11-24T00:00:00+01:00[Europe/Paris]".parse().expect("a zoned time");
    terms::used_up(lang, page, Budget { amount: minutes, per: Per::Day }, &until)
}

fn desk(lang: Language, finding: Finding<'_>) -> String {
    let (organisation, contact, dpo) = ("Société Exemple", "informatique@exemple.fr", "dpo@exemple.fr");
    terms::desk(lang, &Desk { organisation, contact, dpo, retention_days: 365, finding })
}

/// The pages kept on disk.
fn cases() -> BTreeMap<String, String> {
    let mut cases = BTreeMap::new();
    for lang in [French, English] {
        let mut case = |name: &str, page| cases.insert(format!("{name}-{}.html", lang.tag()), page);
        case("block", full(lang, refusal));
        case("block-bare", bare_refusal(lang));
        case("block-hostile", hostile(lang, refusal));
        case("warn", full(lang, |lang, page| warned(lang, page, false)));
        case("warn-hostile", hostile(lang, |lang, page| warned(lang, page, false)));
        case("warn-tunnel", full(lang, |lang, page| warned(lang, page, true)));
        case("budget", full(lang, used_up));
        case("budget-hostile", hostile(lang, used_up));
        case("desk", desk(lang, Finding::Nothing));
        case("desk-hostile", desk(lang, Finding::NoWarning("a\u{202e}<script>.example")));
        case("error-no-answer", fault_page(lang, Fault::NoAnswer, Some("184208")));
        case("error-bad-request", fault_page(lang, FAULTS[0], None));
        case("error-port", fault_page_of(lang, Fault::PortNotAllowed, Some("184209"), "www.example.org:8443"));
        case("error-password", fault_page(lang, FAULTS[8], Some("184210")));
        case("home", home_page(lang));
        case("password", password_page(lang, Stage::Asked, Some(Due::GivenByAnother)));
        case("password-refused", password_page(lang, Stage::Refused(Objection::Different), None));
        case("password-done", password_page(lang, Stage::Done, None));
    }
    cases
}

fn stages() -> Vec<Stage> {
    let weaknesses = [
        Weakness::Empty,
        Weakness::TooLong,
        Weakness::ControlCharacter,
        Weakness::HoldsTheName,
        Weakness::WellKnown,
        Weakness::TooSimple(Rule::default()),
        Weakness::NotAsTheCharterSays(CharterRule { length: 16, classes: 4 }),
    ];
    let objections = [
        Objection::Stale,
        Objection::WrongCurrent,
        Objection::Wait(61),
        Objection::Different,
        Objection::Same,
        Objection::Failed,
    ];
    let refused = objections.into_iter().chain(weaknesses.map(Objection::Weak)).map(Stage::Refused);
    refused.chain([Stage::Asked, Stage::Done, Stage::KeptElsewhere]).collect()
}

/// Every page there is.
fn every_page() -> BTreeMap<String, String> {
    let mut pages = cases();
    for lang in [French, English] {
        for what in FAULTS {
            for reference in [None, Some("9")] {
                pages.insert(format!("{what:?} {} {reference:?}", lang.tag()), fault_page(lang, what, reference));
            }
        }
        for stage in stages() {
            for due in [None, Some(Due::Old), Some(Due::GivenByAnother)] {
                let name = format!("{stage:?} {due:?} {}", lang.tag());
                pages.insert(name, password_page(lang, stage, due));
            }
        }
    }
    pages
}

#[test]
fn golden_pages_are_as_on_disk() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/pages/golden");
    let renew = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cases = cases();
    if renew {
        fs::create_dir_all(&folder).expect("the folder is made");
    }
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).expect("the golden folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !cases.contains_key(&name) {
            if renew {
                fs::remove_file(&path).expect("a stale file is removed");
            } else {
                wrong.push(format!("{name}: no case writes this file"));
            }
        }
    }
    for (name, page) in &cases {
        let path = folder.join(name);
        if renew {
            fs::write(&path, page).expect("a golden file is written");
        }
        match fs::read(&path) {
            Ok(kept) if kept == page.as_bytes() => {}
            Ok(_) => wrong.push(format!("{name}: the page differs")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "renew on purpose with UPDATE_GOLDEN=1:\n{}", wrong.join("\n"));
}

#[test]
fn pages_are_small_whole_and_alone() {
    for (name, page) in every_page() {
        assert!(page.len() < LIMIT, "{name}: {} bytes", page.len());
        assert!(page.starts_with("<!doctype html>\n<html lang=\""), "{name}");
        assert!(page.trim_end().ends_with("</html>"), "{name}");
        for landmark in ["<header>", "<main>", "<footer>", "<h1>", "<title>"] {
            assert_eq!(page.matches(landmark).count(), 1, "{name}: {landmark}");
        }
        for remote in ["src=", "@import", "url(", "<script", "<iframe", "onclick=\"", "style=\""] {
            assert!(!page.contains(remote), "{name}: {remote}");
        }
        let asks = page.contains("name=\"token\"")
            || (name.starts_with("warn") && !name.starts_with("warn-tunnel"))
            || name.starts_with("desk");
        assert_eq!(page.matches("<form").count(), usize::from(asks), "{name}");
    }
}

#[test]
fn nothing_from_outside_is_taken_for_markup() {
    for lang in [French, English] {
        let page = hostile(lang, refusal);
        let tags = |page: &str| -> Vec<String> {
            page.split('<').skip(1).map(|tag| tag.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
        };
        let known = tags(&full(lang, refusal));
        for tag in tags(&page) {
            assert!(known.contains(&tag), "<{tag}>");
        }
        assert!(!page.contains(['\u{202e}', '\u{200f}']), "a mark that turns the text came through");
        assert!(page.contains("&#34;&#39;&#62;&#60;script&#62;alert(1)&#60;/script&#62;\u{fffd}&#38;amp;"));
    }
}

#[test]
fn every_fault_says_what_to_do_and_whom_to_ask() {
    for what in FAULTS {
        for lang in [French, English] {
            let page = fault_page(lang, what, None);
            assert!(page.contains("mailto:informatique@exemple.fr\""), "{what:?}");
            assert!(page.contains(&format!("HTTP {}", what.status())), "{what:?}");
            assert!(!page.contains(lang.pick("inscrite au registre", "entered in the register")), "{what:?}");
            let recorded = fault_page(lang, what, Some("184208"));
            assert!(recorded.contains("<strong>184208</strong>"), "{what:?}");
            assert!(recorded.contains(lang.pick("inscrite au registre", "entered in the register")), "{what:?}");
        }
    }
}

#[test]
fn french_is_set_as_french() {
    for (name, page) in every_page() {
        if !page.contains("<html lang=\"fr\">") || name.contains("hostile") {
            continue;
        }
        let text = words(&page);
        assert!(!text.contains('\''), "{name}: a straight apostrophe");
        let mut before = ' ';
        for c in text.chars() {
            // Imprimerie nationale: a thin space before these, a full one before a colon and inside guillemets.
            // Not within an address.
            if matches!(c, ';' | '!' | '?') && before != '/' {
                assert_eq!(before, '\u{202f}', "{name}: before {c}");
            }
            if before == '«' || c == '»' {
                assert_eq!(if c == '»' { before } else { c }, '\u{a0}', "{name}: inside guillemets");
            }
            if c == ':' {
                // Inside an address or a time, or after a word with its space.
                assert!(before == '\u{a0}' || before.is_ascii_alphanumeric(), "{name}: before a colon");
            }
            before = c;
        }
        for (at, _) in text.match_indices(": ") {
            assert!(text[..at].ends_with('\u{a0}'), "{name}: a colon without its space");
        }
    }
}

/// What a page shows: its text without the style and the tags.
fn words(page: &str) -> String {
    let (_, body) = page.split_once("<body>").expect("a body");
    let mut text = String::new();
    for part in body.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    text.replace("&#8239;", "\u{202f}").replace("&#160;", "\u{a0}").replace("&amp;", "&")
}
