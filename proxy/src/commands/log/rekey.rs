//! `octroi log rekey`: another master key, under which the key of every day is hidden anew.
//!
//! A gate that runs goes on: it reads the master key each time it needs it.

use super::{Answer, Wrong};
use crate::cli::Output;
use crate::commands::{answer, answer_json, keys, no_register, plural};
use crate::config::Config;
use crate::register;
use serde::Serialize;

#[derive(Serialize)]
struct Replaced {
    /// The name of the key that opens nothing any more.
    before: String,
    /// The name of the key in force.
    now: String,
    /// How many keys of days are hidden under it.
    keys: u64,
}

/// Replaces the master key.
pub(super) fn rekey(config: &Config, output: Output) -> Result<Answer, Wrong> {
    let Some(keys) = keys(config)? else { return Err(Wrong(no_register(config))) };
    let before = keys.master_name().map_err(Wrong::because)?;
    let count = keys.replace_master().map_err(Wrong::because)?;
    let replaced = Replaced { before, now: keys.master_name().map_err(Wrong::because)?, keys: count };
    let scope = [("before", replaced.before.clone()), ("now", replaced.now.clone())];
    let noted = register::note(&config.register_dir(), &keys, register::who(), "rekey", scope, count);
    if output.json {
        answer_json(&replaced)?;
    } else {
        answer(&format!(
            "master key   {}, in place of {}\nhidden       {} under it\n",
            replaced.now,
            replaced.before,
            plural(count, "key of a day", "keys of days")
        ))?;
    }
    eprintln!(
        "copies of the old key open nothing any more, but for copies of the folder of keys made before now.\n\
         Put a copy of {} in a safe place, apart from the records: without it the register is lost",
        keys.dir().join("master").display()
    );
    noted.map_err(|why| Wrong(format!("the key is replaced, and the audit trail cannot say so: {why}")))?;
    Ok(Answer::Done)
}
