//! `octroi status`: how the running gate is doing.

use super::{Answer, Wrong, answer, answer_json, columns, configuration, no_gate, plural};
use crate::cli::Output;
use crate::control::{self, AskError, Request, Status};
use crate::forward::Counted;
use jiff::Timestamp;
use logstore::Condition;
use std::path::Path;

/// Asks the running gate. None, or one that lets nothing through, is a no.
pub(crate) fn status(path: Option<&Path>, output: Output) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let status = match control::ask(&config.data_dir, &Request::Status) {
        Ok(control::Answer::Status(status)) => status,
        Ok(other) => return Err(unexpected(other)),
        Err(AskError::NoGate) => {
            if output.json {
                answer("null\n")?;
            }
            eprintln!("{}", no_gate(&config));
            return Ok(Answer::No);
        }
        Err(why) => return Err(Wrong::because(why)),
    };
    if output.json {
        answer_json(&status)?;
    } else {
        answer(&text(&status))?;
    }
    Ok(if status.ready { Answer::Done } else { Answer::No })
}

/// An answer to another question, or none.
pub(super) fn unexpected(answer: control::Answer) -> Wrong {
    match answer {
        control::Answer::Failed { why } => Wrong(why),
        other => Wrong(format!("the running gate is of another version: it answered {other:?}")),
    }
}

/// An instant of the gate's without its fraction.
fn seconds(instant: &str) -> String {
    instant.parse::<Timestamp>().map_or_else(|_| instant.to_owned(), |at| format!("{at:.0}"))
}

fn text(status: &Status) -> String {
    let list = |all: &[std::net::SocketAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut rows = vec![
        ("state", if status.ready { "open".to_owned() } else { "shut: nothing passes".to_owned() }),
        ("version", status.version.clone()),
        ("process", status.pid.to_string()),
        ("started", seconds(&status.started_at)),
        ("proxy", list(&status.proxy)),
        ("proxy, TLS", list(&status.proxy_tls.addresses)),
        ("console", status.console.to_string()),
        ("data", status.data_dir.display().to_string()),
        ("charter", format!("{}, {}", status.charter.title, status.charter.identity)),
        ("in force since", seconds(&status.charter.since)),
        ("lists", plural(status.lists.entries, "entry", "entries")),
        ("connections", status.connections.to_string()),
        ("exchanges", format!("{}, of which {} refused", status.exchanges, status.refused)),
    ];
    rows.retain(|(name, value)| !(name.starts_with("proxy") && value.is_empty()));
    if let Some(days) = status.proxy_tls.days_left {
        let left = if days < 0 {
            "has ended".to_owned()
        } else {
            format!("ends in {}", plural(days.unsigned_abs(), "day", "days"))
        };
        rows.push(("certificate", left));
    }
    rows.push(("backlog", plural(status.register.backlog, "record", "records")));
    if let Some(master) = &status.register.master {
        rows.push(("master key", master.clone()));
    }
    if let Some(condition) = &status.register.condition {
        rows.extend(register(condition));
    }
    let outward = &status.outward;
    for (name, counted) in [("to syslog", &outward.syslog), ("to files", &outward.json)] {
        rows.extend(counted.as_ref().map(|counted| (name, forwarded(counted))));
    }
    if outward.anchors_sent + outward.anchors_failed > 0 {
        rows.push(("seals", format!("given away {}, given up {}", outward.anchors_sent, outward.anchors_failed)));
    }
    rows.extend(status.register.troubles.iter().map(|trouble| ("trouble", trouble.clone())));
    rows.extend(status.register.incidents.iter().map(|incident| ("incident", incident.clone())));
    rows.extend(status.lists.missing.iter().map(|missing| ("missing", missing.clone())));
    rows.extend(status.requests.iter().map(|request| ("request", request.clone())));
    rows.extend(status.notes.iter().map(|note| ("note", note.clone())));
    columns(&rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect::<Vec<_>>())
}

/// What became of the records for one receiver.
fn forwarded(counted: &Counted) -> String {
    let now = if counted.connected { "" } else { "; it takes none now" };
    format!("{} handed over, {} lost{now}", plural(counted.sent, "record", "records"), counted.lost)
}

/// What the register holds, and what is due of it.
fn register(condition: &Condition) -> Vec<(&'static str, String)> {
    let span = match (&condition.oldest, &condition.newest) {
        (Some(oldest), Some(newest)) if oldest != newest => format!(", {oldest} to {newest}"),
        (Some(only), _) => format!(", {only}"),
        _ => String::new(),
    };
    let mut rows = vec![
        ("days", format!("{}{span}, of which {} sealed", plural(condition.days, "day", "days"), condition.sealed)),
        ("space", format!("{} MiB used, {} MiB free", condition.bytes >> 20, condition.free_bytes >> 20)),
    ];
    if !condition.unsealed.is_empty() {
        rows.push(("unsealed", condition.unsealed.join(", ")));
    }
    if !condition.due.is_empty() {
        let late = plural(condition.late_days, "day", "days");
        rows.push(("due", format!("{}; the first is {late} late", condition.due.join(", "))));
    }
    let entries = condition.chains.iter().map(|chain| chain.entries).sum();
    rows.push(("chains", format!("{} hold", plural(entries, "entry", "entries"))));
    for chain in &condition.chains {
        if let Some(why) = &chain.broken {
            rows.push(("broken", format!("{}, {why}", chain.file)));
        }
    }
    let clock = &condition.clock;
    rows.push((
        "clock",
        match clock.synchronised {
            true => format!("synchronised, off by {} µs, {} ms at most", clock.offset_us, clock.error_us / 1000),
            false => "not synchronised: nothing keeps it".to_owned(),
        },
    ));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_a_second_is_no_news() {
        assert_eq!(seconds("2026-11-23T18:45:00.123456789Z"), "2026-11-23T18:45:00Z");
        assert_eq!(seconds("2026-11-23T18:45:00Z"), "2026-11-23T18:45:00Z");
    }
}
