//! How texts are written: French and English side by side, one passage after the other.
use super::document::{Passage, Table};
use super::prose::{Prose, Run, Style};
use super::wording;
use crate::pages::Language;
use policy::verdict::Text;

/// What a document says so far.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) language: Language,
    pub(super) passages: Vec<Passage>,
}

impl Writer {
    pub(super) fn new(language: Language) -> Writer {
        Writer { language, passages: Vec::new() }
    }

    /// Prose in the document's language: see [`Prose::of`] for marks and gaps.
    pub(super) fn say(&self, french: &str, english: &str, values: &[&str]) -> Prose {
        Prose::of(self.language, self.language.pick(french, english), values)
    }

    /// The same, as plain text.
    pub(super) fn words(&self, french: &str, english: &str, values: &[&str]) -> String {
        self.say(french, english, values).words()
    }

    /// Words of the configuration in the document's language, else in the other; else that they are missing.
    pub(super) fn text(&self, text: &Text) -> String {
        let words = self.language.words(text).map(|words| words.text.to_owned());
        words.unwrap_or_else(|| wording::unknown(self.language).to_owned())
    }

    /// A configured value, or that it is missing.
    pub(super) fn stated(&self, value: &str) -> String {
        wording::stated(self.language, value)
    }

    /// Words that somebody typed for this document, set as ours are; or that they are missing.
    pub(super) fn typed(&self, words: &str) -> String {
        wording::set(self.language, &self.stated(words))
    }

    pub(super) fn heading(&mut self, level: u8, french: &str, english: &str) {
        let title = self.words(french, english, &[]);
        self.passages.push(Passage::Heading { level, title });
    }

    pub(super) fn paragraph(&mut self, french: &str, english: &str, values: &[&str]) {
        let prose = self.say(french, english, values);
        self.passages.push(Passage::Paragraph(prose));
    }

    pub(super) fn note(&mut self, french: &str, english: &str, values: &[&str]) {
        let prose = self.say(french, english, values);
        self.passages.push(Passage::Note(prose));
    }

    /// Things of a list, which are told without the mark at their end: each but the last gets a semicolon.
    pub(super) fn list(&mut self, items: Vec<Prose>) {
        self.items(false, items);
    }

    /// The same, one after the other.
    pub(super) fn steps(&mut self, items: Vec<Prose>) {
        self.items(true, items);
    }

    fn items(&mut self, numbered: bool, mut items: Vec<Prose>) {
        let count = items.len();
        for (at, item) in items.iter_mut().enumerate() {
            let mark = if at + 1 == count { "." } else { self.language.pick("\u{202f};", ";") };
            item.runs.push(Run { text: mark.to_owned(), style: Style::Plain, link: None });
        }
        if count > 0 {
            self.passages.push(Passage::List { numbered, items });
        }
    }

    pub(super) fn definitions(&mut self, pairs: Vec<(String, Prose)>) {
        self.passages.push(Passage::Definitions(pairs));
    }

    /// A table, or these words when it has no rows.
    pub(super) fn table(&mut self, table: Table, french: &str, english: &str) {
        if table.rows.is_empty() {
            self.paragraph(french, english, &[]);
        } else {
            self.passages.push(Passage::Table(table));
        }
    }
}
