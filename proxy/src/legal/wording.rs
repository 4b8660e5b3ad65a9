//! How each language writes numbers, dates, and the spaces of its punctuation.
use crate::pages::Language;
use jiff::ZonedDateTime;
use jiff::civil::Date;

const MONTHS: [[&str; 12]; 2] = [
    [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
];

const SHORT_MONTHS: [[&str; 12]; 2] = [
    ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
];

/// A whole number, its thousands apart: by a thin space that doesn't break in French, by commas in English.
pub(crate) fn number(language: Language, value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push_str(language.pick("\u{202f}", ","));
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts. In French one and a half is still singular, and so is zero.
pub(crate) fn count(language: Language, value: u64, one: &str, many: &str) -> String {
    let single = language.pick(value < 2, value == 1);
    format!("{}\u{a0}{}", number(language, value), if single { one } else { many })
}

/// An amount of bytes, in the unit that leaves it readable: powers of a thousand.
pub(crate) fn bytes(language: Language, value: u64) -> String {
    let units = language.pick(["o", "ko", "Mo", "Go", "To", "Po"], ["B", "kB", "MB", "GB", "TB", "PB"]);
    let mut unit = 0;
    let (mut whole, mut tenth) = (value, 0);
    while whole >= 1000 && unit < units.len() - 1 {
        tenth = whole % 1000 / 100;
        whole /= 1000;
        unit += 1;
    }
    if unit == 0 || whole >= 10 {
        return format!("{}\u{a0}{}", number(language, whole), units[unit]);
    }
    format!("{whole}{}{tenth}\u{a0}{}", language.pick(',', '.'), units[unit])
}

/// A date in words.
pub(crate) fn date(language: Language, date: Date) -> String {
    let day = match (language, date.day()) {
        (Language::French, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    };
    format!("{day}\u{a0}{}", month(language, date.year(), date.month()))
}

/// A month and its year in words.
pub(crate) fn month(language: Language, year: i16, month: i8) -> String {
    format!("{}\u{a0}{year}", month_of(&MONTHS, language, month))
}

/// A month below a bar, its year on a second line when `with_year`.
pub(crate) fn short_month(language: Language, year: i16, month: i8, with_year: bool) -> String {
    let name = month_of(&SHORT_MONTHS, language, month);
    if with_year { format!("{name}\n{year}") } else { name.to_owned() }
}

fn month_of(names: &[[&'static str; 12]; 2], language: Language, month: i8) -> &'static str {
    let at = usize::try_from(month).unwrap_or(1).clamp(1, 12) - 1;
    language.pick(names[0][at], names[1][at])
}

/// A moment in words, to the minute, with its offset from UTC.
pub(crate) fn moment(language: Language, at: &ZonedDateTime) -> String {
    let time = at.strftime(language.pick("%-H\u{a0}h\u{a0}%M", "%H:%M"));
    let offset = at.strftime("%:z");
    let on = date(language, at.date());
    match language {
        Language::French => format!("{on} à {time} (UTC{offset})"),
        Language::English => format!("{on} at {time} (UTC{offset})"),
    }
}

/// A moment in a table, to the second, in local time.
pub(crate) fn stamp(language: Language, at: &ZonedDateTime) -> String {
    at.strftime(language.pick("%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")).to_string().replace(' ', "\u{a0}")
}

/// A date in a table.
pub(crate) fn short_date(language: Language, date: Date) -> String {
    date.strftime(language.pick("%d/%m/%Y", "%Y-%m-%d")).to_string()
}

/// A configured value, or that it is still to be filled in: nothing is ever invented.
pub(crate) fn stated(language: Language, value: &str) -> String {
    if value.trim().is_empty() { unknown(language).to_owned() } else { value.trim().to_owned() }
}

/// What stands in the place of a value that nobody has configured.
pub(crate) fn unknown(language: Language) -> &'static str {
    language.pick("[à\u{a0}compléter]", "[to\u{a0}be\u{a0}completed]")
}

/// Text as it is typed, set as the language sets it: apostrophes, quotation marks, and spaces that don't break (in French
/// by the rules of the Imprimerie nationale).
pub(crate) fn set(language: Language, text: &str) -> String {
    let mut text = text.replace('\'', "’");
    const FRENCH: [(&str, &str); 9] = [
        (" :", "\u{a0}:"),
        ("« ", "«\u{a0}"),
        (" »", "\u{a0}»"),
        (" ;", "\u{202f};"),
        (" !", "\u{202f}!"),
        (" ?", "\u{202f}?"),
        (" %", "\u{a0}%"),
        (" €", "\u{a0}€"),
        ("du RGPD", "du\u{a0}RGPD"),
    ];
    if language.is_french() {
        for (typed, set) in FRENCH {
            text = text.replace(typed, set);
        }
    }
    // A number stays with the word that it numbers.
    for word in
        ["article", "articles", "Article", "Articles", "n°", "art.", "arts", "No", "page", "RFC", "PDF/A", "loi"]
    {
        let typed = format!("{word} ");
        let mut from = 0;
        while let Some(at) = text[from..].find(&typed).map(|at| from + at) {
            let space = at + word.len();
            from = space + 1;
            let whole_word = !text[..at].ends_with(char::is_alphanumeric);
            if whole_word && (text[from..].starts_with(|c: char| c.is_ascii_digit() || c == '{') || word == "n°") {
                text.replace_range(space..=space, "\u{a0}");
                from = space + "\u{a0}".len();
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French};

    #[test]
    fn thousands_are_apart() {
        assert_eq!(number(French, 1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(English, 1_234_567), "1,234,567");
        assert_eq!(number(French, 999), "999");
        assert_eq!(number(English, u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn zero_is_singular_in_french_and_plural_in_english() {
        assert_eq!(count(French, 0, "ligne", "lignes"), "0\u{a0}ligne");
        assert_eq!(count(English, 0, "line", "lines"), "0\u{a0}lines");
        assert_eq!(count(French, 2, "ligne", "lignes"), "2\u{a0}lignes");
        assert_eq!(count(English, 1, "line", "lines"), "1\u{a0}line");
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(bytes(French, 0), "0\u{a0}o");
        assert_eq!(bytes(French, 1_250), "1,2\u{a0}ko");
        assert_eq!(bytes(English, 25_900_000), "25\u{a0}MB");
        assert_eq!(bytes(English, u64::MAX), "18,446\u{a0}PB");
    }

    #[test]
    fn dates_are_words() {
        let first: Date = "2026-12-01".parse().expect("a date");
        assert_eq!(date(French, first), "1er\u{a0}décembre\u{a0}2026");
        assert_eq!(date(English, first), "1\u{a0}December\u{a0}2026");
        let at: ZonedDateTime = "2026-11-03T09:05:07+01:00[Europe/Paris]".parse().expect("a moment");
        assert_eq!(moment(French, &at), "3\u{a0}novembre\u{a0}2026 à 9\u{a0}h\u{a0}05 (UTC+01:00)");
        assert_eq!(moment(English, &at), "3\u{a0}November\u{a0}2026 at 09:05 (UTC+01:00)");
        assert_eq!(short_month(French, 2026, 2, true), "févr.\n2026");
        assert_eq!(month(French, 2026, 99), "décembre\u{a0}2026");
    }

    #[test]
    fn punctuation_is_set_in_its_language() {
        assert_eq!(
            set(French, "L'article 15 : « oui » ; n° 3 ?"),
            "L’article\u{a0}15\u{a0}: «\u{a0}oui\u{a0}»\u{202f}; n°\u{a0}3\u{202f}?"
        );
        assert_eq!(set(English, "Article 15: it's kept; see page 3"), "Article\u{a0}15: it’s kept; see page\u{a0}3");
        assert_eq!(set(French, "un article de la loi"), "un article de la loi");
    }

    #[test]
    fn nothing_is_invented() {
        assert_eq!(stated(French, " "), "[à\u{a0}compléter]");
        assert_eq!(stated(English, " Exemple SAS "), "Exemple SAS");
    }
}
