//! `octroi reload`: the running gate reads its files again, and what came of it.

use super::{Answer, Wrong, answer, answer_json, configuration};
use crate::cli::Output;
use crate::control::{self, Request};
use std::path::Path;

/// Asks the running gate to reload.
pub(crate) fn reload(path: Option<&Path>, output: Output) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let outcome = control::ask(&config.data_dir, Request::Reload).map_err(Wrong::because)?;
    if output.json {
        answer_json(&outcome)?;
    }
    match outcome {
        control::Answer::Reloaded { charter, entries, notes } => {
            if !output.json {
                answer(&format!("in force: charter {charter}, {entries} entries\n"))?;
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
