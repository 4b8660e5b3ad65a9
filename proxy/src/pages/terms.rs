//! The pages of what the charter lets through on terms: a warning to be read, a budget that is used up, and the desk where the
//! warning of a tunnel is read, of which a browser shows no page.
use super::block::Refusal;
use super::contact::Contact;
use super::language::Words;
use super::{Language, render};
use crate::terms::Reach;
use askama::Template;
use jiff::ZonedDateTime;
use policy::{Amount, Budget, Per};
use std::time::Duration;

/// How a warning is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Warning<'a> {
    /// Where the form goes; of a tunnel, where there is one.
    pub(crate) action: &'a str,
    /// The page is the answer to CONNECT: no browser shows it.
    pub(crate) tunnel: bool,
    /// How long it then is good.
    pub(crate) long: Duration,
    /// And for what.
    pub(crate) reach: Reach<'a>,
}

/// The page of a warning: it says why, and that to go on is to have read it, no more.
pub(crate) fn warning(lang: Language, page: &Refusal<'_>, terms: Warning<'_>) -> String {
    render(&WarnPage {
        lang,
        page,
        terms,
        long: long(lang, terms.long),
        reason: page.reason.and_then(|reason| lang.words(reason)),
        category: page.category_label.and_then(|label| lang.words(label)),
        help: Contact::new(&[page.contact], Some(page.reference), lang),
        rights: Contact::new(&[page.dpo, page.contact], Some(page.reference), lang),
    })
}

/// The page of a budget that is used up until then.
pub(crate) fn used_up(lang: Language, page: &Refusal<'_>, budget: Budget, until: &ZonedDateTime) -> String {
    render(&BudgetPage {
        lang,
        page,
        budget,
        until: until.strftime(lang.pick("%d/%m/%Y à %H:%M", "%-d %B %Y at %H:%M")).to_string(),
        amount: match budget.amount {
            Amount::Minutes(minutes) => long(lang, Duration::from_secs(60 * minutes.get())),
            Amount::Bytes(bytes) => size(lang, bytes.get()),
        },
        reason: page.reason.and_then(|reason| lang.words(reason)),
        category: page.category_label.and_then(|label| lang.words(label)),
        help: Contact::new(&[page.contact], Some(page.reference), lang),
        rights: Contact::new(&[page.dpo, page.contact], Some(page.reference), lang),
    })
}

/// What the desk found of the site that somebody named.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finding<'a> {
    /// Nobody has named one yet.
    Nothing,
    /// It is no site.
    Unreadable,
    /// Nothing is to be read before this host.
    NoWarning(&'a str),
}

/// The desk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Desk<'a> {
    /// Name of the organisation; may be empty.
    pub(crate) organisation: &'a str,
    /// Who answers questions; may be empty.
    pub(crate) contact: &'a str,
    /// The data protection officer's address; may be empty.
    pub(crate) dpo: &'a str,
    /// How long the record of this visit is kept.
    pub(crate) retention_days: u32,
    /// What was found.
    pub(crate) finding: Finding<'a>,
}

/// The desk's page.
pub(crate) fn desk(lang: Language, page: &Desk<'_>) -> String {
    let help = Contact::new(&[page.contact], None, lang);
    let rights = Contact::new(&[page.dpo, page.contact], None, lang);
    render(&DeskPage { lang, page, help, rights })
}

#[derive(Template)]
#[template(path = "warn.html", whitespace = "minimize")]
struct WarnPage<'a> {
    lang: Language,
    page: &'a Refusal<'a>,
    terms: Warning<'a>,
    long: String,
    reason: Option<Words<'a>>,
    category: Option<Words<'a>>,
    help: Contact<'a>,
    rights: Contact<'a>,
}

#[derive(Template)]
#[template(path = "budget.html", whitespace = "minimize")]
struct BudgetPage<'a> {
    lang: Language,
    page: &'a Refusal<'a>,
    budget: Budget,
    until: String,
    amount: String,
    reason: Option<Words<'a>>,
    category: Option<Words<'a>>,
    help: Contact<'a>,
    rights: Contact<'a>,
}

#[derive(Template)]
#[template(path = "desk.html", whitespace = "minimize")]
struct DeskPage<'a> {
    lang: Language,
    page: &'a Desk<'a>,
    help: Contact<'a>,
    rights: Contact<'a>,
}

/// `4 heures`, `1 h 30 min`: as people say it. No blank in it breaks a line.
fn long(lang: Language, long: Duration) -> String {
    let minutes = long.as_secs().div_ceil(60);
    let words = |count: u64, [one, many]: [&str; 2]| {
        // Zero to two are one in French: 1,5 heure.
        format!("{count}\u{a0}{}", if count == 1 { one } else { many })
    };
    match (minutes / 60, minutes % 60) {
        (0, minutes) => words(minutes, ["minute", "minutes"]),
        (hours, 0) if hours.is_multiple_of(24) => words(hours / 24, lang.pick(["jour", "jours"], ["day", "days"])),
        (hours, 0) => words(hours, lang.pick(["heure", "heures"], ["hour", "hours"])),
        (hours, minutes) => format!("{hours}\u{a0}h\u{a0}{minutes:02}\u{a0}min"),
    }
}

/// `500 Mo`, in the largest unit that leaves a whole number.
fn size(lang: Language, bytes: u64) -> String {
    let units = [(1_000_000_000, ["Go", "GB"]), (1_000_000, ["Mo", "MB"]), (1000, ["ko", "kB"])];
    let unit = units.iter().find(|(factor, _)| bytes.is_multiple_of(*factor));
    match unit {
        Some((factor, [french, english])) => format!("{}\u{a0}{}", bytes / factor, lang.pick(french, english)),
        None => format!("{bytes}\u{a0}{}", lang.pick("octets", "bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_people_say_them() {
        for (seconds, french, english) in [
            (60, "1\u{a0}minute", "1\u{a0}minute"),
            (1800, "30\u{a0}minutes", "30\u{a0}minutes"),
            (3600, "1\u{a0}heure", "1\u{a0}hour"),
            (4 * 3600, "4\u{a0}heures", "4\u{a0}hours"),
            (5400, "1\u{a0}h\u{a0}30\u{a0}min", "1\u{a0}h\u{a0}30\u{a0}min"),
            (7 * 86400, "7\u{a0}jours", "7\u{a0}days"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(
                (long(Language::French, duration).as_str(), long(Language::English, duration).as_str()),
                (french, english)
            );
        }
        for (bytes, french, english) in [
            (500_000_000, "500\u{a0}Mo", "500\u{a0}MB"),
            (2_000_000_000, "2\u{a0}Go", "2\u{a0}GB"),
            (1_500_000, "1500\u{a0}ko", "1500\u{a0}kB"),
            (1 << 20, "1048576\u{a0}octets", "1048576\u{a0}bytes"),
        ] {
            assert_eq!(
                (size(Language::French, bytes).as_str(), size(Language::English, bytes).as_str()),
                (french, english)
            );
        }
    }
}
