//! `octroi reload`: the running gate reads its files again, and what came of it.

use super::{Answer, Wrong, answer, answer_json, configuration_with_warnings, no_gate, plural};
use crate::cli::Output;
use crate::control::{self, AskError, Request};
use std::path::Path;

/// Asks the running gate to reload.
pub(crate) fn reload(path: Option<&Path>, output: Output) -> Result<Answer, Wrong> {
    let config = configuration_with_warnings(path)?;
    let outcome = control::ask(&config.data_dir, &Request::Reload).map_err(|why| match why {
        AskError::NoGate => Wrong(no_gate(&config)),
        AskError::Broken(_) => Wrong::because(why),
    })?;
    if output.json {
        answer_json(&outcome)?;
    }
    match outcome {
        control::Answer::Reloaded { charter, entries, notes } => {
            if !output.json {
                answer(&format!("in force: charter {charter}, {}\n", plural(entries, "entry", "entries")))?;
                for note in notes {
                    eprintln!("note: {note}");
                }
            }
            Ok(Answer::Done)
        }
        control::Answer::Refused { problems } => {
            eprintln!("{}\nrefused: what was in force stays", problems.trim_end());
            Ok(Answer::No)
        }
        other => Err(super::status::unexpected(other)),
    }
}
