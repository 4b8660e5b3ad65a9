//! A message of RFC 5424 in its frame.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use std::io::Write as _;

/// Facility local0 (RFC 5424 §6.2.1).
const FACILITY: u8 = 16;
/// Octets of the longest message that every receiver is expected to take whole (RFC 5425 §4.3.1: 8192).
pub(crate) const LONGEST: usize = 8192;
/// The greatest number of a message; the next is 1 again (RFC 5424 §7.3.1).
const SEQUENCE: u64 = i32::MAX as u64;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Normal, and worth attention.
    Notice = 5,
    /// Normal.
    Info = 6,
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    /// How much it matters.
    pub(crate) severity: Severity,
    /// When what it tells of happened: UTC, microseconds since 1970.
    pub(crate) at: i64,
    /// The gate that says it.
    pub(crate) node: &'a str,
    /// What kind of message it is: a plain word.
    pub(crate) kind: &'a str,
    /// Its number, counted from 0, by which a receiver sees that some are missing.
    pub(crate) sequence: Option<u64>,
    /// An object of JSON on one line.
    pub(crate) json: &'a str,
}

impl Message<'_> {
    /// The message. All of it is ASCII. The RFC wants a byte order mark before a text of UTF-8, which readers of JSON choke on; JSON
    /// can be said without a letter beyond ASCII, and then no mark is due.
    pub(crate) fn text(&self) -> String {
        const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        let at = Timestamp::from_microsecond(self.at).unwrap_or_default();
        let priority = FACILITY * 8 + self.severity as u8;
        let (time, host, process) = (TIME.timestamp_to_string(&at), header(self.node), std::process::id());
        let data = match self.sequence {
            Some(number) => format!("[meta sequenceId=\"{}\"]", number % SEQUENCE + 1),
            None => "-".to_owned(),
        };
        format!("<{priority}>1 {time} {host} octroi {process} {} {data} {}", header(self.kind), ascii(self.json))
    }
}

/// Appends a message in its frame: its length in octets, a blank, itself (RFC 6587 §3.4.1). A line end within a message
/// can't be taken for the end of one.
pub(crate) fn frame(message: &str, out: &mut Vec<u8>) {
    // Writing into a Vec does not fail.
    let _ = write!(out, "{} {message}", message.len());
}

/// A field of the header: printable ASCII without blanks, at most 255 octets; a dash when there is none.
fn header(text: &str) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(255).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

/// The same JSON in ASCII. Letters beyond it stand in texts only, where they may be written as UTF-16 in hexadecimal.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message<'a>(node: &'a str, json: &'a str) -> Message<'a> {
        let at = 1_795_459_500_123_456;
        Message { severity: Severity::Notice, at, node, kind: "record", sequence: Some(6), json }
    }

    #[test]
    fn a_message_is_as_the_rfc_has_it() {
        let mut frame = Vec::new();
        super::frame(&message("gate1", "{\"user\":\"Zoé 🦀\"}").text(), &mut frame);
        let process = std::process::id();
        let expected = format!(
            "<133>1 2026-11-23T18:45:00.123456Z gate1 octroi {process} record [meta sequenceId=\"7\"] \
             {{\"user\":\"Zo\\u00e9 \\ud83e\\udd80\"}}"
        );
        assert_eq!(String::from_utf8(frame).expect("ASCII"), format!("{} {expected}", expected.len()));
    }

    #[test]
    fn a_number_that_is_spent_begins_with_one_again() {
        let text = |sequence| Message { sequence, ..message("-", "{}") }.text();
        assert!(text(Some(SEQUENCE - 1)).contains("[meta sequenceId=\"2147483647\"]"));
        assert!(text(Some(SEQUENCE)).contains("[meta sequenceId=\"1\"]"));
        assert!(text(None).ends_with(" record - {}"));
    }

    proptest! {
        #[test]
        fn whatever_a_field_holds_the_header_keeps_its_columns(node in ".*", value in ".*") {
            let json = serde_json::json!({ "value": value }).to_string();
            let text = message(&node, &json).text();
            prop_assert!(text.is_ascii());
            let columns: Vec<&str> = text.splitn(9, ' ').collect();
            prop_assert_eq!((columns[3], columns[5], columns[6]), ("octroi", "record", "[meta"));
            let read: serde_json::Value = serde_json::from_str(columns[8]).expect("JSON");
            prop_assert_eq!(read["value"].as_str(), Some(value.as_str()));
        }
    }
}
