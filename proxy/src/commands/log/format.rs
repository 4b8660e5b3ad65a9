//! The four forms of a search's answer.

use crate::commands::columns;
use crate::shown::{FIELDS, Shown};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logstore::{Outcome, Record};
use serde_json::Value;
use std::fmt::Write;

/// A JSON array, one record a line.
pub(super) fn json(all: &[Shown]) -> String {
    let lines: Vec<String> = all.iter().map(|shown| format!("\n{}", shown.json())).collect();
    format!("[{}{}]\n", lines.join(","), if all.is_empty() { "" } else { "\n" })
}

/// RFC 4180, with a header line.
pub(super) fn csv(all: &[Shown]) -> String {
    let mut text = format!("{}\r\n", FIELDS.join(","));
    for shown in all {
        let cells: Vec<String> = shown.fields().into_iter().map(|(_, value)| cell(&value)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A spreadsheet would run what begins like a formula.
    let text = if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Columns for people; times in the configuration's zone, with its offset then.
pub(super) fn table(all: &[Shown], zone: &TimeZone) -> String {
    if all.is_empty() {
        return String::new();
    }
    let header = ["id", "time", "user", "client", "what", "status", "bytes", "action", "rule"].map(str::to_owned);
    let row = |shown: &Shown| {
        let record = &shown.record;
        let time = Timestamp::from_microsecond(record.opened_at)
            .map(|at| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string());
        let outcome = record.outcome.map_or("open".to_owned(), |outcome| outcome.to_string());
        // How it ended only says more than the verdict when it did not end as the verdict has it.
        let action = match record.outcome {
            Some(Outcome::Completed | Outcome::Refused) => record.action.to_string(),
            _ => format!("{}, {outcome}", record.action),
        };
        [
            record.id.to_string(),
            time.unwrap_or_default(),
            shown.user.clone().unwrap_or_else(|| "-".to_owned()),
            shown.client.clone(),
            format!("{} {}", record.method, url(record)),
            record.status.map_or("-".to_owned(), |status| status.to_string()),
            record.bytes_received.to_string(),
            action,
            record.rule.clone().unwrap_or_default(),
        ]
    };
    columns(&[header].into_iter().chain(all.iter().map(row)).collect::<Vec<_>>())
}

/// Squid's native access log, which log readers take: end of the exchange in seconds, duration in milliseconds, client,
/// code and status, bytes, method, URL, user, way, media type.
pub(super) fn squid(all: &[Shown]) -> String {
    let mut text = String::new();
    for Shown { record, user, client, .. } in all {
        let end = record.closed_at.unwrap_or(record.opened_at);
        let elapsed = (end - record.opened_at).max(0) / 1000;
        let status = record.status.unwrap_or(0);
        let code = match (record.outcome, record.method.as_str()) {
            (Some(Outcome::Refused), _) => "TCP_DENIED",
            (Some(Outcome::Abandoned), _) => "TCP_MISS_ABORTED",
            (_, "CONNECT") => "TCP_TUNNEL",
            _ => "TCP_MISS",
        };
        let way = record.destination_ip.map_or("HIER_NONE/-".to_owned(), |ip| format!("HIER_DIRECT/{ip}"));
        let user = user.as_deref().map_or("-".to_owned(), escaped);
        let (seconds, milliseconds) = (end.div_euclid(1_000_000), end.rem_euclid(1_000_000) / 1000);
        // Writing into a String does not fail.
        let _ = writeln!(
            text,
            "{seconds}.{milliseconds:03} {elapsed:>6} {client} {code}/{status:03} {} {} {} {user} {way} -",
            record.bytes_received,
            escaped(&record.method),
            escaped(&url(record)),
        );
    }
    text
}

/// `host:port` of a tunnel, otherwise the address as far as it was kept.
fn url(record: &Record) -> String {
    let Some(host) = &record.host else {
        return format!("[{}]", record.masked.as_deref().unwrap_or("masked"));
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    if record.method == "CONNECT" {
        return format!("{host}:{}", record.port);
    }
    let port = match (record.scheme.as_str(), record.port) {
        ("http", 80) | ("https", 443) => String::new(),
        (_, port) => format!(":{port}"),
    };
    format!("{}://{host}{port}{}", record.scheme, record.path.as_deref().unwrap_or("/"))
}

/// Without blanks and control characters, which would shift the columns that log readers count.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        // In a URL a percent sign already means what it says.
        if c.is_control() || c.is_whitespace() || (c == '%' && !text.contains("://")) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    if out.is_empty() { "-".to_owned() } else { out }
}

#[cfg(test)]
mod tests;
