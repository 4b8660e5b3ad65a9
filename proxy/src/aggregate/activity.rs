//! What a month was: its figures, and what happened to the register in it.

use super::Aggregates;
use serde::Serialize;
use std::fmt::Write as _;

/// Rows of a table of text.
const SHOWN: usize = 10;

/// A month, for management and staff representatives.
#[derive(Debug, Serialize)]
pub(crate) struct Activity<'a> {
    /// `2026-11`.
    pub(crate) month: String,
    /// Whose gate it is.
    pub(crate) organisation: &'a str,
    /// The figures.
    #[serde(flatten)]
    pub(crate) aggregates: Aggregates<'a>,
    /// How many times names were opened or answers made by one person alone, because no role is given to anybody.
    pub(crate) alone: u64,
    /// Names opened by one person alone, in an emergency.
    pub(crate) break_glass: Vec<Event>,
    /// Records that the register has lost.
    pub(crate) holes: Vec<Event>,
    /// Days that were erased late.
    pub(crate) late_purges: Vec<Event>,
    /// Days that could not be read for these figures.
    pub(crate) unread: &'a [String],
}

/// Something of the audit trail, without anybody's name and without the words of a reason, which may hold one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Event {
    /// RFC 3339.
    pub(crate) at: String,
    /// The declared purpose, when names were opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
    /// What it is about.
    pub(crate) what: String,
    /// How many records or days.
    pub(crate) count: u64,
    /// What became of the review that names opened in an emergency are due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) review: Option<Review>,
}

/// The written review of names opened by one person alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Review {
    /// Nobody has written it.
    Due {
        /// Until when (RFC 3339).
        by: String,
    },
    /// Somebody has.
    Written {
        /// When (RFC 3339).
        at: String,
        /// Its words, without the names of accounts.
        text: String,
    },
}

impl Activity<'_> {
    /// As text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {}", self.month, self.organisation).trim_end().to_owned() + "\n";
        text.push_str(&self.aggregates.text(SHOWN));
        // Writing into a String does not fail.
        let _ = writeln!(text, "names opened by one person alone, no role being given: {}", self.alone);
        for (title, events) in [
            ("names opened by one person alone (break-glass)", &self.break_glass),
            ("holes in the register", &self.holes),
            ("days erased late", &self.late_purges),
        ] {
            // Writing into a String does not fail.
            let _ = writeln!(text, "{title}: {}", events.len());
            for Event { at, purpose, what, count, review } in events {
                let purpose = purpose.as_deref().map(|purpose| format!(" for {purpose}")).unwrap_or_default();
                let review = match review {
                    None => String::new(),
                    Some(Review::Due { by }) => format!(", {count} records; no review yet, due by {by}"),
                    Some(Review::Written { at, text }) => format!(", {count} records; reviewed {at}: {text}"),
                };
                let _ = writeln!(text, "  {at} {what}{purpose}{review}");
            }
        }
        text
    }
}
