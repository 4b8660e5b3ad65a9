//! The charter: categories, groups, schedules, ordered rules, expectations.
use crate::{Problem, Problems, Source, lists::Format};
use jiff::tz::TimeZone;

/// One `[lists.NAME]` of the charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// NAME.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// An address, an archive, a folder or file, or `builtin:starter`.
    pub source: String,
    /// Hours between refreshes.
    pub refresh: std::time::Duration,
}

/// A parsed charter: every reference resolved, every problem reported.
pub struct Charter {}

impl Charter {
    /// Parses a charter; warnings come beside it.
    pub fn parse(_source: Source, _zone: &TimeZone) -> Result<(Charter, Vec<Problem>), Problems> {
        todo!()
    }
    /// The built-in charter.
    pub fn builtin(_zone: &TimeZone) -> Charter {
        todo!()
    }
    /// The text of the built-in charter, to start one's own from.
    pub fn builtin_text() -> &'static str {
        todo!()
    }
    /// The lists it asks for.
    pub fn lists(&self) -> &[ListSource] {
        todo!()
    }
    /// Title.
    pub fn title(&self) -> &str {
        todo!()
    }
    /// `VERSION@HASH`, as records keep it.
    pub fn identity(&self) -> &str {
        todo!()
    }
}

/// The starter list: files of a small UT1 tree, (path, text), compiled into the binary.
pub fn starter() -> &'static [(&'static str, &'static str)] {
    todo!()
}
