//! `octroi status`: how the running gate is doing.

use super::{Answer, Wrong, answer, answer_json, columns, configuration};
use crate::cli::Output;
use crate::control::{self, AskError, Request, Status};
use std::path::Path;

/// Asks the running gate. None, or one that lets nothing through, is a no.
pub(crate) fn status(path: Option<&Path>, output: Output) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let status = match control::ask(&config.data_dir, Request::Status) {
        Ok(control::Answer::Status(status)) => status,
        Ok(other) => return Err(unexpected(other)),
        Err(AskError::NoGate) => {
            if output.json {
                answer("null\n")?;
            }
            eprintln!("no gate runs on {}", config.data_dir.display());
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

fn text(status: &Status) -> String {
    let proxy: Vec<String> = status.proxy.iter().map(ToString::to_string).collect();
    let mut rows = vec![
        ("state", if status.ready { "open".to_owned() } else { "shut: nothing passes".to_owned() }),
        ("version", status.version.clone()),
        ("process", format!("{}, since {}", status.pid, status.started_at)),
        ("proxy", proxy.join(", ")),
        ("console", status.console.to_string()),
        ("data", status.data_dir.display().to_string()),
        ("charter", format!("{}, {}", status.charter.title, status.charter.identity)),
        ("since", status.charter.since.clone()),
        ("lists", format!("{} entries", status.lists.entries)),
        ("connections", status.connections.to_string()),
        ("exchanges", format!("{}, of which {} refused", status.exchanges, status.refused)),
    ];
    rows.extend(status.lists.missing.iter().map(|missing| ("missing", missing.clone())));
    rows.extend(status.notes.iter().map(|note| ("note", note.clone())));
    columns(&rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect::<Vec<_>>())
}
