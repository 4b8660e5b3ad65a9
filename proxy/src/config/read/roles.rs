//! `[roles]` and `[legal]`: when names take two persons, the legal steps that were taken, and who has the data.

use crate::config::{Legal, Required, Roles};
use crate::legal::subject::Stated;
use jiff::civil::Date;
use lettre::Address;
use policy::Problem;
use policy::document::{Located, Table};
use std::time::Duration;

/// An approval is open no longer: law and ledger know no more.
const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// Shorter, nothing can be read by it.
const SHORTEST: Duration = Duration::from_secs(60);

/// Longest text that documents take over, in characters.
const TEXT_CHARS: usize = 300;

/// `[roles]`.
pub(super) fn roles(table: Option<&Table<'_>>) -> Roles {
    let default = Roles { required: Required::Granted, open_for: LONGEST, alarm: Vec::new() };
    let Some(table) = table else { return default };
    let open_for = table.duration("open_for").map(|time| {
        if !(SHORTEST..=LONGEST).contains(&time.value) {
            let what = "`open_for` is out of bounds";
            table.note(Problem::error(time.span, what, "expected 1m to 8h: an approval opens no longer"));
        }
        time.value
    });
    Roles {
        required: table
            .word("required", &[("granted", Required::Granted), ("always", Required::Always)])
            .map_or(default.required, |word| word.value),
        open_for: open_for.unwrap_or(default.open_for),
        alarm: alarm(table),
    }
}

/// Who is written to when names are opened without a second person.
fn alarm(table: &Table<'_>) -> Vec<Address> {
    let read = |text: &Located<&str>| match text.value.parse() {
        Ok(address) => Some(address),
        Err(why) => {
            let what = format!("`{}` is not a valid e-mail address", text.value);
            let why: lettre::address::AddressError = why;
            table.note(Problem::error(text.span.clone(), what, why.to_string().to_lowercase()));
            None
        }
    };
    table.strings("alarm").unwrap_or_default().iter().filter_map(read).collect()
}

/// `[legal]`.
pub(super) fn legal(table: Option<&Table<'_>>) -> Legal {
    let day = |key: &str| {
        let (table, text) = table.and_then(|table| Some((table, table.string(key)?)))?;
        if text.is_empty() {
            return None;
        }
        let day = text.parse::<Date>().ok();
        if day.is_none() {
            let what = format!("`{key}` is not a date");
            table.note(Problem::error(text.span, what, "expected the day on which it was done: \"2026-11-23\""));
        }
        day
    };
    let stated = |key: &str, none: &[&str]| {
        let Some((table, text)) = table.and_then(|table| Some((table, table.string(key)?))) else {
            return Stated::Unknown;
        };
        let value = text.trim();
        if value.chars().count() > TEXT_CHARS || value.chars().any(char::is_control) {
            let what = format!("`{key}` is no text for a letter");
            table.note(Problem::error(text.span, what, "expected one line of 300 characters at most"));
        }
        match value {
            "" => Stated::Unknown,
            word if none.contains(&word) => Stated::None,
            value => Stated::Is(value.to_owned()),
        }
    };
    Legal {
        cse_consulted: day("cse_consulted"),
        persons_informed: day("persons_informed"),
        processor: stated("processor", &["none"]),
        hosting: stated("hosting", &["none", "own"]),
        transfers: stated("transfers", &["none"]),
    }
}
