//! French or English: which one a browser asks for, and how each writes things.
use jiff::ZonedDateTime;
use policy::verdict::Text;

/// A language the gate writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    /// French.
    French,
    /// English.
    English,
}

impl Language {
    /// The language to answer in (RFC 9110 §12.5.4).
    ///
    /// The greatest weight wins; at equal weights the one named first, then `default`. A regional range (`fr-CA`)
    /// counts for its language, and `*` for those not named. Ranges that are not well formed are passed over. A header
    /// that accepts neither language is disregarded, as the RFC allows: a page in the default language is worth more
    /// than a 406.
    pub(crate) fn negotiate(accept_language: Option<&str>, default: Language) -> Language {
        let mut best = (0, default);
        let mut named = [None, None];
        let mut others = 0;
        for range in accept_language.unwrap_or_default().split(',') {
            let Some((tag, weight)) = weighted(range) else {
                continue;
            };
            match Language::of_tag(tag) {
                Some(language) => {
                    named[language as usize] = Some(weight);
                    if weight > best.0 {
                        best = (weight, language);
                    }
                }
                None if tag == "*" => others = weight,
                None => {}
            }
        }
        for language in [default, default.other()] {
            if named[language as usize].is_none() && others > best.0 {
                best = (others, language);
            }
        }
        best.1
    }

    /// The language of a tag such as `fr`, `FR-ca` or `en_GB`; `None` when the gate does not write it.
    pub(crate) fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("fr") {
            Some(Language::French)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Language::English)
        } else {
            None
        }
    }

    /// The tag: `Content-Language`, and the `lang` attribute of a page.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::French => "fr",
            Language::English => "en",
        }
    }

    /// Whether this is French; templates write both languages side by side.
    pub(crate) fn is_french(self) -> bool {
        self == Language::French
    }

    /// The one of two wordings that is in this language.
    pub(crate) fn pick<T>(self, french: T, english: T) -> T {
        match self {
            Language::French => french,
            Language::English => english,
        }
    }

    /// The charter's words in this language, else in the other, with the language they are in. `None` when it has none.
    pub(crate) fn words(self, text: &Text) -> Option<Words<'_>> {
        [self, self.other()]
            .into_iter()
            .map(|language| Words { language, text: language.pick(text.fr.trim(), text.en.trim()) })
            .find(|words| !words.text.is_empty())
    }

    /// A local date and time, to the second, with its offset from UTC.
    pub(crate) fn moment(self, at: &ZonedDateTime) -> String {
        at.strftime(self.pick("%d/%m/%Y à %H:%M:%S (UTC%:z)", "%-d %B %Y at %H:%M:%S (UTC%:z)")).to_string()
    }

    fn other(self) -> Language {
        self.pick(Language::English, Language::French)
    }
}

/// Words of the charter, and the language they were found in: a page says so when it is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words<'a> {
    /// The language of `text`.
    pub(crate) language: Language,
    /// Never empty.
    pub(crate) text: &'a str,
}

/// A language range and its weight in thousandths (RFC 9110 §12.4.2); `None` when it is not well formed.
fn weighted(range: &str) -> Option<(&str, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let weight = match parts.next() {
        None => 1000,
        Some(parameter) => {
            let (name, value) = parameter.split_once('=')?;
            if !name.eq_ignore_ascii_case("q") {
                return None;
            }
            thousandths(value)?
        }
    };
    parts.next().is_none().then_some((tag, weight))
}

/// `qvalue`: 0 to 1, three decimals at most.
fn thousandths(value: &str) -> Option<u16> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match whole {
        "0" => format!("{decimals:0<3}").parse().ok(),
        "1" if decimals.bytes().all(|b| b == b'0') => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{English, French};
    use super::*;

    #[track_caller]
    fn asked(header: &str, default: Language, expected: Language) {
        assert_eq!(Language::negotiate(Some(header), default), expected, "Accept-Language: {header}");
    }

    #[test]
    fn a_browser_that_states_nothing_gets_the_default() {
        assert_eq!(Language::negotiate(None, French), French);
        asked("", English, English);
        asked("*", English, English);
        asked("*;q=0.1", French, French);
    }

    #[test]
    fn the_greatest_weight_wins() {
        asked("fr;q=0.8, en;q=0.9", French, English);
        asked("en;q=0.8, fr;q=0.9", English, French);
        asked("de, en;q=0.7, fr;q=0.3", French, English);
        asked("fr;q=0.001, en;q=0.002", French, English);
        asked("en;q=0.5,fr;q=1.000", English, French);
    }

    #[test]
    fn a_region_counts_for_its_language() {
        asked("fr-CH, fr;q=0.9, en;q=0.8", English, French);
        asked("EN-gb,en;q=0.5", French, English);
        asked("fr;q=0.2, en;q=0.5, fr-CA;q=0.7", English, French);
        // `fro` is Old French, not a region of French.
        asked("fro, en;q=0.1", French, English);
    }

    #[test]
    fn equal_weights_go_to_the_first_named() {
        asked("en, fr", French, English);
        asked("fr, en", English, French);
    }

    #[test]
    fn a_wildcard_stands_for_what_is_not_named() {
        asked("fr;q=0.3, *;q=0.5", French, English);
        asked("*;q=0.5, fr;q=0.3", French, English);
        asked("fr;q=0, *", French, English);
        asked("fr;q=0.8, *;q=0.5", English, French);
    }

    #[test]
    fn a_header_that_accepts_neither_is_disregarded() {
        asked("de, it;q=0.9", French, French);
        asked("de, it;q=0.9", English, English);
        asked("fr;q=0, en;q=0", English, English);
    }

    #[test]
    fn malformed_ranges_are_passed_over() {
        asked("en;q=2, fr;q=0.1", English, French);
        asked("en;q=0.1234, fr;q=0.1", English, French);
        asked("en;q=, fr;q=0.1", English, French);
        asked("en;q=-1, fr;q=0.1", English, French);
        asked("en;v=1, fr;q=0.1", English, French);
        asked("en;q=1;x=2, fr;q=0.1", English, French);
        asked(",, ;q=1, fr;q=0.1 ,", English, French);
        asked(" en ; Q=0.9 , fr;q=0.1", French, English);
    }

    #[test]
    fn words_fall_back_to_the_other_language_and_say_so() {
        let both = Text { fr: "Jeux".into(), en: "Games".into() };
        let french = Text { fr: "Jeux".into(), en: " ".into() };
        assert_eq!(English.words(&both), Some(Words { language: English, text: "Games" }));
        assert_eq!(English.words(&french), Some(Words { language: French, text: "Jeux" }));
        assert_eq!(English.words(&Text::default()), None);
    }

    #[test]
    fn moments_carry_their_offset() {
        let at: ZonedDateTime = "2026-11-03T09:05:07+01:00[Europe/Paris]".parse().expect("a zoned time");
        assert_eq!(French.moment(&at), "03/11/2026 à 09:05:07 (UTC+01:00)");
        assert_eq!(English.moment(&at), "3 November 2026 at 09:05:07 (UTC+01:00)");
    }
}
