//! What a doctor writes down: findings, each in one language, with what to do about it.

use crate::pages::Language;
use jiff::civil::Date;
use serde::Serialize;
use std::fmt::Display;

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// To be mended.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// How it is.
    pub(super) level: Level,
    /// What was found, in one sentence.
    pub(super) what: String,
    /// What a program said of it, in English.
    pub(super) detail: Option<String>,
    /// What to do, in one sentence.
    #[serde(rename = "do")]
    pub(super) remedy: Option<String>,
}

/// A sentence in French, and the same in English.
pub(super) type Both<'a> = (&'a str, &'a str);

/// The findings, as they come.
pub(super) struct Sheet {
    language: Language,
    findings: Vec<Finding>,
}

impl Sheet {
    /// An empty one, to be written in this language.
    pub(super) fn new(language: Language) -> Sheet {
        Sheet { language, findings: Vec::new() }
    }

    /// As it should be.
    pub(super) fn good(&mut self, what: Both<'_>) {
        self.write(Level::Good, what, None);
    }

    /// To be looked at.
    pub(super) fn warning(&mut self, what: Both<'_>, remedy: Both<'_>) {
        self.write(Level::Warning, what, Some(remedy));
    }

    /// To be mended.
    pub(super) fn bad(&mut self, what: Both<'_>, remedy: Both<'_>) {
        self.write(Level::Bad, what, Some(remedy));
    }

    /// To be mended, with what was said of it.
    pub(super) fn bad_because(&mut self, what: Both<'_>, why: impl Display, remedy: Both<'_>) {
        self.bad(what, remedy);
        self.detail(why);
    }

    /// To be looked at, with what was said of it.
    pub(super) fn warning_because(&mut self, what: Both<'_>, why: impl Display, remedy: Both<'_>) {
        self.warning(what, remedy);
        self.detail(why);
    }

    fn detail(&mut self, why: impl Display) {
        if let Some(finding) = self.findings.last_mut() {
            finding.detail = Some(why.to_string());
        }
    }

    fn write(&mut self, level: Level, what: Both<'_>, remedy: Option<Both<'_>>) {
        let said = |(french, english): Both<'_>| self.language.pick(typeset(french), english.to_owned());
        let finding = Finding { level, what: said(what), detail: None, remedy: remedy.map(said) };
        self.findings.push(finding);
    }

    /// All of them, the worst first.
    pub(super) fn findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        self.findings
    }
}

/// The spaces that French has before its marks, and its dates, the day first.
fn typeset(text: &str) -> String {
    let mut text = dated(text).replace(" :", "\u{a0}:").replace("« ", "«\u{a0}").replace(" »", "\u{a0}»");
    for mark in [";", "!", "?"] {
        text = text.replace(&format!(" {mark}"), &format!("\u{202f}{mark}"));
    }
    text
}

/// `2026-11-24` as `24/11/2026`, where it stands alone: in the name of a file it stays.
fn dated(text: &str) -> String {
    let words = text.split_inclusive(' ').map(|word| {
        let alone = word.trim_matches([' ', ',', ';', ')', '(']);
        let day = alone.strip_prefix("l’").unwrap_or(alone);
        match (day.len(), day.parse::<Date>()) {
            (10, Ok(date)) => word.replace(day, &date.strftime("%d/%m/%Y").to_string()),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_dates_have_the_day_first_but_in_names() {
        assert_eq!(typeset("le 2026-11-24, puis (2026-01-02) :"), "le 24/11/2026, puis (02/01/2026)\u{a0}:");
        let names = "a/2026-11-24 2026-11-24.sqlite 2026-11-24T10:00:00Z";
        assert_eq!(typeset(names), names);
    }

    #[test]
    fn the_worst_comes_first_in_the_language_asked_for() {
        let mut sheet = Sheet::new(Language::French);
        sheet.good(("bien", "well"));
        sheet.bad(("une clé : perdue", "a key: lost"), ("cherchez ; vite", "look for it"));
        let findings = sheet.findings();
        assert_eq!(findings[0].level, Level::Bad);
        assert_eq!(findings[0].what, "une clé\u{a0}: perdue");
        assert_eq!(findings[0].remedy.as_deref(), Some("cherchez\u{202f}; vite"));
        assert_eq!(findings[1].what, "bien");
        let mut sheet = Sheet::new(Language::English);
        sheet.good(("bien", "well"));
        assert_eq!(sheet.findings()[0].what, "well");
    }
}
