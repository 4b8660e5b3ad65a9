//! The four forms in which records are shown: all at once, or one after the other.

use crate::cli::Format;
use crate::commands::{columns, columns_from, visible};
use crate::shown::{FIELDS, Shown, Stated};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logstore::Outcome;
use serde_json::Value;
use std::fmt::Write;
use std::io::IsTerminal;

/// All at once, in that form; times of a table in the configuration's zone.
pub(in crate::commands) fn all(format: Format, all: &[Shown], zone: &TimeZone) -> serde_json::Result<String> {
    Ok(match format {
        Format::Table => table(all, zone),
        Format::Json => json(all)?,
        Format::Csv => csv(all),
        Format::Squid => squid(all),
    })
}

/// What comes before the first of records shown one after the other.
pub(super) fn heading(format: Format) -> String {
    match format {
        Format::Table => columns_from(&[HEADER.map(str::to_owned)], widths(width())),
        Format::Csv => csv(&[]),
        Format::Json | Format::Squid => String::new(),
    }
}

/// One record alone: a line of that form. JSON is an object, not an array of one.
pub(in crate::commands) fn one(format: Format, shown: &Shown, zone: &TimeZone) -> serde_json::Result<String> {
    Ok(match format {
        Format::Table => {
            let mut rows = [row(shown, zone)];
            fitted(&mut rows, WIDTHS, width());
            columns_from(&rows, widths(width())) + &stated(shown, zone)
        }
        Format::Json => format!("{}\n", serde_json::to_string(shown)?),
        Format::Csv => csv_line(shown),
        Format::Squid => squid_line(shown),
    })
}

/// A JSON array, one record a line.
fn json(all: &[Shown]) -> serde_json::Result<String> {
    let lines: Vec<String> = all.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) })
}

/// RFC 4180, with a header line.
fn csv(all: &[Shown]) -> String {
    let mut text = format!("{}\r\n", FIELDS.join(","));
    text.extend(all.iter().map(csv_line));
    text
}

fn csv_line(shown: &Shown) -> String {
    let fields = serde_json::to_value(shown).unwrap_or_default();
    let said = shown.statements.iter().map(|stated| words(stated, None)).collect::<Vec<_>>().join(" | ");
    let cells = FIELDS.iter().map(|name| match *name {
        "statements" => cell(&said.as_str().into()),
        name => cell(&fields[name]),
    });
    format!("{}\r\n", cells.collect::<Vec<_>>().join(","))
}

/// A statement in one line; its time in that zone, or as it is kept.
fn words(stated: &Stated, zone: Option<&TimeZone>) -> String {
    let Stated { kind, number, at, who, reference, text } = stated;
    let Some((at, number)) = at.zip(*number) else { return kind.clone() };
    let at = Timestamp::from_microsecond(at).unwrap_or_default();
    let at = match zone {
        Some(zone) => at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d").to_string(),
        None => format!("{at:.0}"),
    };
    let (who, reference) = (who.as_deref().unwrap_or_default(), reference.as_deref().unwrap_or_default());
    let said = text.as_deref().filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default();
    format!("{kind} {number}, {at}, {who}, {reference}{said}")
}

/// Lines below a record's: what was said of it.
fn stated(shown: &Shown, zone: &TimeZone) -> String {
    let line = |stated| format!("    ↳ {}\n", visible(&words(stated, Some(zone))));
    shown.statements.iter().map(line).collect()
}

/// A cell of RFC 4180.
pub(in crate::commands) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A spreadsheet would run what begins like a formula.
    let text = if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

const HEADER: [&str; 9] = ["id", "time", "user", "client", "what", "status", "bytes", "action", "rule"];
/// Of columns whose later rows are not known yet: enough for most.
const WIDTHS: [usize; 9] = [8, 25, 12, 12, 40, 6, 9, 18, 0];

/// Columns of a terminal that says nothing of its width, and the fewest that rows are cut to.
const TERMINAL: usize = 100;
/// Columns that `what` keeps, however full the others are.
const WHAT: usize = 24;

/// How wide rows may be: as the terminal has it; no matter when something else reads.
fn width() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(&out).map_or(0, |size| usize::from(size.ws_col));
    Some(columns.max(TERMINAL))
}

/// Cuts `what`, the fifth column, so that rows fit.
fn fitted(rows: &mut [[String; 9]], least: [usize; 9], width: Option<usize>) {
    let Some(width) = width else { return };
    let widest = |n: usize| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0).max(least[n]);
    let others: usize = (0..9).filter(|n| *n != 4).map(|n| widest(n) + 2).sum();
    let room = width.saturating_sub(others).max(WHAT);
    for row in rows {
        if row[4].chars().count() > room {
            row[4] = row[4].chars().take(room - 1).chain(['…']).collect();
        }
    }
}

/// The least widths of rows that come one after the other, in what room there is.
fn widths(width: Option<usize>) -> [usize; 9] {
    let mut widths = WIDTHS;
    if let Some(width) = width {
        let others: usize = (0..9).filter(|n| *n != 4).map(|n| WIDTHS[n] + 2).sum();
        widths[4] = width.saturating_sub(others).clamp(WHAT, WIDTHS[4]);
    }
    widths
}

/// Columns for people; times in the configuration's zone, with its offset then.
fn table(all: &[Shown], zone: &TimeZone) -> String {
    if all.is_empty() {
        return String::new();
    }
    let header = [HEADER.map(str::to_owned)];
    let mut rows: Vec<[String; 9]> = header.into_iter().chain(all.iter().map(|shown| row(shown, zone))).collect();
    fitted(&mut rows, [0; 9], width());
    let lines = columns(&rows);
    // A row is a line: nothing in a cell can end one.
    let mut lines = lines.split_inclusive('\n');
    let heading = lines.next().unwrap_or_default().to_owned();
    lines.zip(all).fold(heading, |text, (line, shown)| text + line + &stated(shown, zone))
}

fn row(shown: &Shown, zone: &TimeZone) -> [String; 9] {
    let time = Timestamp::from_microsecond(shown.opened_at)
        .map(|at| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string());
    let outcome = shown.outcome.map_or("open".to_owned(), |outcome| outcome.to_string());
    // How it ended only says more than the verdict when it did not end as the verdict has it.
    let action = match shown.outcome {
        Some(Outcome::Completed | Outcome::Refused) => shown.action.to_string(),
        _ => format!("{}, {outcome}", shown.action),
    };
    let place = url(shown).unwrap_or_else(|masked| format!("[{masked}]"));
    [
        shown.id.to_string(),
        time.unwrap_or_default(),
        shown.user.clone().unwrap_or_else(|| "-".to_owned()),
        shown.client_ip.clone(),
        format!("{} {place}", shown.method),
        shown.status.map_or("-".to_owned(), |status| status.to_string()),
        shown.bytes_received.to_string(),
        action,
        shown.rule.clone().unwrap_or_default(),
    ]
}

/// Squid's native access log, which log readers take: end of the exchange in seconds, duration in milliseconds, client,
/// code and status, bytes, method, URL, user, way, media type.
fn squid(all: &[Shown]) -> String {
    all.iter().map(squid_line).collect()
}

fn squid_line(shown: &Shown) -> String {
    let end = shown.closed_at.unwrap_or(shown.opened_at);
    let elapsed = (end - shown.opened_at).max(0) / 1000;
    let code = match (shown.outcome, shown.method.as_str()) {
        (Some(Outcome::Refused), _) => "TCP_DENIED",
        (Some(Outcome::Abandoned), "CONNECT") => "TCP_TUNNEL_ABORTED",
        (Some(Outcome::Abandoned), _) => "TCP_MISS_ABORTED",
        (_, "CONNECT") => "TCP_TUNNEL",
        _ => "TCP_MISS",
    };
    // A name that nobody has, so that readers find a host where they look for one.
    let url = url(shown).unwrap_or_else(|masked| match shown.method.as_str() {
        "CONNECT" => format!("{masked}.masked.invalid:{}", shown.port),
        _ => format!("{}://{masked}.masked.invalid{}/", shown.scheme, port(shown)),
    });
    let (seconds, milliseconds) = (end.div_euclid(1_000_000), end.rem_euclid(1_000_000) / 1000);
    format!(
        "{seconds}.{milliseconds:03} {elapsed:>6} {client} {code}/{status:03} {bytes} {method} {url} {user} {way} -\n",
        client = shown.client_ip,
        status = shown.status.unwrap_or(0),
        bytes = shown.bytes_received,
        method = escaped(&shown.method, ""),
        url = escaped(&url, ""),
        user = shown.user.as_deref().map_or("-".to_owned(), user),
        way = shown.destination_ip.map_or("HIER_NONE/-".to_owned(), |ip| format!("HIER_DIRECT/{ip}")),
    )
}

/// A user's name as one word, of which `octroi import squid-log` and Squid's own tools make the name again.
fn user(name: &str) -> String {
    match name {
        // Alone it stands for nobody.
        "-" => "%2D".to_owned(),
        // Readers make file names and pages of it.
        _ => escaped(name, "%/\\\"'<>&?#"),
    }
}

/// `host:port` of a tunnel, otherwise the address as far as it was kept; why the host is withheld, when it is.
fn url(shown: &Shown) -> Result<String, &str> {
    let host = shown.host.as_deref().ok_or(shown.masked.as_deref().unwrap_or("masked"))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if shown.method == "CONNECT" {
        return Ok(format!("{host}:{}", shown.port));
    }
    Ok(format!("{}://{host}{}{}", shown.scheme, port(shown), shown.path.as_deref().unwrap_or("/")))
}

/// `:port`, unless it is the scheme's own.
fn port(shown: &Shown) -> String {
    match (shown.scheme.as_str(), shown.port) {
        ("http", 80) | ("https", 443) => String::new(),
        (_, port) => format!(":{port}"),
    }
}

/// Without blanks and control characters, which would shift the columns that log readers count, without what is not
/// ASCII, which some cut in two, and without these `others`.
fn escaped(text: &str, others: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_graphic() && !others.contains(c) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing into a String does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    if out.is_empty() { "-".to_owned() } else { out }
}

#[cfg(test)]
mod tests;
