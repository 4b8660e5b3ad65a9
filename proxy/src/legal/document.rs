//! A document as plain data: what its text says and how it is built, nothing of how it looks. `html` and `pdf` render it.
use super::prose::Prose;
use crate::pages::Language;
use jiff::ZonedDateTime;

/// A letter, a report, a form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The title: of the window, of the file, of the list of bookmarks.
    pub(crate) title: String,
    /// The language of everything in it.
    pub(crate) language: Language,
    /// Who speaks: the organisation.
    pub(crate) author: String,
    /// What it is about, in one line, for whoever looks through files.
    pub(crate) subject: String,
    /// The reference in the foot of every page.
    pub(crate) reference: String,
    /// When it was made: never the clock's time, so that the same input gives the same bytes.
    pub(crate) issued: ZonedDateTime,
    /// What it says, in order.
    pub(crate) passages: Vec<Passage>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Passage {
    /// The title on the page, the one heading of level 1, with the words above it.
    Title {
        /// Small words above the title: the organisation.
        above: String,
        /// The title.
        title: String,
    },
    /// The head of a letter; its object is the one heading of level 1.
    Letterhead(Letterhead),
    /// A heading of level 2 or deeper. Levels follow each other without a gap.
    Heading {
        /// 2 to 6.
        level: u8,
        /// What it says.
        title: String,
    },
    /// Small words below a heading, which stay with it: the article that a section answers.
    Under(Prose),
    /// A paragraph.
    Paragraph(Prose),
    /// What must not be missed: a paragraph beside a line.
    Note(Prose),
    /// Names and what they stand for.
    Definitions(Vec<(String, Prose)>),
    /// A list, one thing a line.
    List {
        /// Whether the order counts, and is numbered.
        numbered: bool,
        /// The things.
        items: Vec<Prose>,
    },
    /// Rows and columns.
    Table(Table),
    /// Numbers as they compare.
    Chart(Chart),
    /// Places to sign, side by side.
    Signatures(Vec<Signature>),
    /// What follows begins on a new page.
    #[cfg_attr(not(test), expect(dead_code, reason = "no document needs one yet"))]
    PageBreak,
}

/// The head of a letter, laid out for an envelope with a window (NF Z 11-001).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Letterhead {
    /// Who writes: name, then address, line by line.
    pub(crate) sender: Vec<String>,
    /// To whom: name, then address, line by line.
    pub(crate) recipient: Vec<String>,
    /// Place and date.
    pub(crate) place_and_date: String,
    /// References and enclosures: label and value.
    pub(crate) details: Vec<(String, String)>,
    /// The word before the object.
    pub(crate) object_label: String,
    /// What the letter is about.
    pub(crate) object: String,
}

/// A table: every row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Table {
    /// What the table shows.
    pub(crate) caption: String,
    /// The columns, with their headings.
    pub(crate) columns: Vec<Column>,
    /// The cells, row by row; what is missing is empty, what is too many is left out.
    pub(crate) rows: Vec<Vec<String>>,
    /// Whether the first cell of a row is its heading.
    pub(crate) row_headings: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The heading.
    pub(crate) heading: String,
    /// To which side its cells are set.
    pub(crate) align: Align,
}

/// To which side a cell is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Start,
    /// Numbers.
    End,
}

impl Column {
    /// A column of words.
    pub(crate) fn words(heading: impl Into<String>) -> Column {
        Column { heading: heading.into(), align: Align::Start }
    }

    /// A column of numbers.
    pub(crate) fn numbers(heading: impl Into<String>) -> Column {
        Column { heading: heading.into(), align: Align::End }
    }
}

/// Numbers shown as bars. Whoever can't see it reads [`Chart::told`] or the same numbers as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart {
    /// Which way the bars go.
    pub(crate) shape: Shape,
    /// What is shown.
    pub(crate) title: String,
    /// The heading of what is counted by.
    pub(crate) by: String,
    /// The heading of the numbers.
    pub(crate) of: String,
    /// The bars.
    pub(crate) bars: Vec<Bar>,
}

/// Which way the bars of a chart go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Lying, one below the other: kinds.
    Lying,
    /// Standing, one beside the other: months.
    Standing,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// What it counts, in full.
    pub(crate) label: String,
    /// The same below a standing bar, in at most two short lines.
    pub(crate) short: String,
    /// How many.
    pub(crate) value: u64,
}

impl Chart {
    /// The chart in words.
    pub(crate) fn told(&self, language: Language) -> String {
        let colon = language.pick("\u{a0}: ", ": ");
        let parts: Vec<String> = self
            .bars
            .iter()
            .map(|bar| format!("{}{colon}{}", bar.label, super::wording::number(language, bar.value)))
            .collect();
        format!("{}{colon}{}.", self.title, parts.join(language.pick("\u{202f}; ", "; ")))
    }

    /// The chart as a table.
    pub(crate) fn table(&self, language: Language) -> Table {
        Table {
            caption: self.title.clone(),
            columns: vec![Column::words(self.by.clone()), Column::numbers(self.of.clone())],
            rows: self
                .bars
                .iter()
                .map(|bar| vec![bar.label.clone(), super::wording::number(language, bar.value)])
                .collect(),
            row_headings: true,
        }
    }

    /// The largest number; one at least, so that it can be divided by.
    pub(crate) fn most(&self) -> u64 {
        self.bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1)
    }
}

/// A place to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Above the place: in which quality.
    pub(crate) quality: String,
    /// Below the place: name, or what to write there.
    pub(crate) name: String,
}

/// Text from outside with whatever would not be seen made visible: characters that control, turn or hide text are written
/// `\u{…}`, so that no name disguises itself or reorders the words around it (Unicode TR 36 §2.5).
///
/// A line feed or a tabulator is a space.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            c if unseen(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Controls, marks of direction, what is ignored by default, private use, what is no character.
fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{10ffff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_text_is_written_out() {
        assert_eq!(visible("a\u{202e}b\u{200f}c\nd\u{2066}\0"), "a\\u{202e}b\\u{200f}c d\\u{2066}\\u{0}");
        assert_eq!(
            visible("soft\u{ad}hyphen \u{e001} \u{fffe} \u{1ffff}"),
            "soft\\u{ad}hyphen \\u{e001} \\u{fffe} \\u{1ffff}"
        );
    }

    #[test]
    fn ordinary_text_is_as_it_is() {
        for text in ["Société Exemple « été »\u{202f}!", "a.martin@exemple.fr", "שלום", "Ελλάδα", "日本"]
        {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn a_chart_is_told_with_every_number() {
        let bar = |label: &str, value| Bar { label: label.into(), short: label.into(), value };
        let chart = Chart {
            shape: Shape::Lying,
            title: "Par catégorie".into(),
            by: "Catégorie".into(),
            of: "Connexions".into(),
            bars: vec![bar("presse", 1204), bar("jeux", 7)],
        };
        assert_eq!(
            chart.told(Language::French),
            "Par catégorie\u{a0}: presse\u{a0}: 1\u{202f}204\u{202f}; jeux\u{a0}: 7."
        );
        assert_eq!(chart.told(Language::English), "Par catégorie: presse: 1,204; jeux: 7.");
        assert_eq!(chart.table(Language::English).rows[0], ["presse", "1,204"]);
        assert_eq!(chart.most(), 1204);
    }
}
