//! What is wrong with a file, and where: all problems in one report, each pointing at its text.
use std::ops::Range;

/// A file's name and text, so that problems can point at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As shown in reports: `charter.toml`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence: what is wrong.
    pub message: String,
    /// Bytes of the text it is about.
    pub span: Range<usize>,
    /// Beside the underlined text: what to do, or the nearest known word.
    pub label: String,
    /// A warning does not stop anything.
    pub warning: bool,
}

/// All problems of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub source: Source,
    /// At least one, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Problems {
    /// The report for people: file, line, column, the text underlined.
    pub fn render(&self, _color: bool) -> String {
        todo!()
    }
}
