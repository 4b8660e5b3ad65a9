//! The commands: one file each. What they share is how they answer.
//!
//! What was asked for goes to standard output, everything said about it to standard error, and the exit status tells
//! done, no, and wrong apart.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod exception;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod hold;
pub(crate) mod import;
mod letterhead;
pub(crate) mod lists;
pub(crate) mod log;
pub(crate) mod pac;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod rights;
pub(crate) mod run;
pub(crate) mod scope;
pub(crate) mod status;
pub(crate) mod user;
pub(crate) mod when;

use crate::config::{Config, LoadedCharter};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It did what was asked.
    Done,
    /// The answer is no: a check failed, nothing was found.
    No,
}

/// Wrong usage, or files that cannot be used: what to say about it.
#[derive(Debug)]
pub(crate) struct Wrong(String);

impl Wrong {
    pub(crate) fn because(why: impl Display) -> Wrong {
        Wrong(why.to_string())
    }
}

impl Display for Wrong {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// The exit status, after saying what was wrong.
pub(crate) fn exit(answer: Result<Answer, Wrong>) -> ExitCode {
    match answer {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(Wrong(why)) => {
            eprintln!("{}", why.trim_end());
            ExitCode::from(2)
        }
    }
}

/// The configuration, with the stricter value of what nobody has approved yet. Its warnings are said where it is looked at or put in force, not before every answer.
fn configuration(path: Option<&Path>) -> Result<Config, Wrong> {
    let (mut config, _) = Config::load(path).map_err(Wrong::because)?;
    // What cannot be read of the register is said by whoever reads it; a gate that cannot does not start.
    let _ = crate::access::settings::hold_back(&mut config);
    Ok(config)
}

/// The same; its warnings are said.
fn configuration_with_warnings(path: Option<&Path>) -> Result<Config, Wrong> {
    let (config, warnings) = Config::load(path).map_err(Wrong::because)?;
    eprint!("{warnings}");
    Ok(config)
}

/// The charter; its warnings are `octroi check`'s to say.
fn charter(config: &Config) -> Result<LoadedCharter, Wrong> {
    config.charter().map_err(Wrong::because)
}

/// Writes an answer. Whoever reads it may have seen enough (`octroi log search | head`).
fn answer(text: &str) -> Result<(), Wrong> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => Err(Wrong::because(why)),
        _ => Ok(()),
    }
}

/// Writes an answer in JSON.
fn answer_json(value: &impl Serialize) -> Result<(), Wrong> {
    let text = serde_json::to_string_pretty(value).map_err(Wrong::because)?;
    answer(&format!("{text}\n"))
}

/// `1 record`, `2 records`.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `12 kB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// The answer when a command needs a running gate.
fn no_gate(config: &Config) -> String {
    format!("no gate runs on {}", config.data_dir.display())
}

/// The keys of a register that there is; `None` when none was ever begun. Nothing is made.
fn keys(config: &Config) -> Result<Option<logstore::Keys>, Wrong> {
    if !crate::register::is_begun(config) {
        return Ok(None);
    }
    crate::register::keys(config).map(Some).map_err(Wrong::because)
}

/// The answer when there is no register.
fn no_register(config: &Config) -> String {
    format!("there is no register in {} yet: a gate makes it when it starts", config.register_dir().display())
}

/// A runtime for a command that waits for the network or the register.
fn runtime() -> Result<tokio::runtime::Runtime, Wrong> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Wrong::because)
}

/// Columns for people: each as wide as its widest cell, the last as it comes. Nothing that a cell holds can move the
/// cursor or hide a line.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    columns_from(rows, [0; N])
}

/// The same, each column at least so wide: for rows that come one after the other.
fn columns_from<const N: usize>(rows: &[[String; N]], least: [usize; N]) -> String {
    let shown: Vec<[String; N]> = rows.iter().map(|row| std::array::from_fn(|n| visible(&row[n]))).collect();
    let widest = |n: usize| shown.iter().map(|row| row[n].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(|n| widest(n).max(least[n]));
    let mut text = String::new();
    for row in &shown {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hide_nothing() {
        let rows = [["é", "b", "c"], ["aaa", "\u{1b}[2K", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "é    b     c\naaa  \u{fffd}[2K\n");
    }
}
