//! `octroi log verify`: the register proved again from what is on the disk, with a gate running or without.

use super::{Answer, Wrong, bring_up_to_date};
use crate::cli::Verify;
use crate::commands::{answer, answer_json, keys, no_register, plural, runtime};
use crate::config::Config;
use crate::lists::progress::Progress;
use crate::register;
use logstore::{Keys, PublicKey, Report};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;

/// What is told of a verification.
#[derive(Serialize)]
struct Verified {
    /// Everything holds.
    holds: bool,
    /// The fingerprint of the public key it was checked with.
    key: String,
    #[serde(flatten)]
    report: Report,
}

/// Verifies. That something doesn't hold is a no; what can't be looked at is wrong.
pub(super) fn verify(config: &Config, asked: &Verify) -> Result<Answer, Wrong> {
    let trusted = asked.public_key.as_deref().map(public_key).transpose()?;
    let Some(keys) = keys(config)? else { return Err(Wrong(no_register(config))) };
    let runtime = runtime()?;
    let gate_runs = bring_up_to_date(config, &runtime)?;
    let public = trusted.unwrap_or_else(|| keys.public());
    let look = || runtime.block_on(prove(&config.register_dir(), &keys, &public));
    let mut report = look()?;
    if gate_runs && !report.findings.is_empty() {
        // A gate that seals or erases a day while it is looked at makes it look wrong for an instant; what is wrong is
        // so the second time too.
        report = look()?;
    }
    let verified = Verified { holds: report.findings.is_empty(), key: public.fingerprint(), report };
    note(config, &keys, asked, &verified);
    if asked.output.json {
        answer_json(&verified)?;
    } else {
        answer(&verified.text())?;
    }
    Ok(if verified.holds { Answer::Done } else { Answer::No })
}

async fn prove(dir: &Path, keys: &Keys, public: &PublicKey) -> Result<Report, Wrong> {
    let mut progress = io::stderr().is_terminal().then(Progress::stderr);
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let days = files.filter(|file| file.path().extension().is_some_and(|end| end == "sqlite")).count() as u64;
    let mut done = 0;
    let told = |_: &str| {
        if let Some(progress) = &mut progress {
            progress.step("proving days", done, days);
        }
        done += 1;
    };
    let report = logstore::verify(dir, keys, public, told).await;
    if let Some(progress) = &mut progress {
        progress.done();
    }
    report.map_err(Wrong::because)
}

/// The key that the caller believes.
fn public_key(file: &Path) -> Result<PublicKey, Wrong> {
    let text = std::fs::read_to_string(file)
        .map_err(|why| Wrong(format!("the public key {} cannot be read: {why}", file.display())))?;
    let wanted = "a public key of a register begins with `-----BEGIN PUBLIC KEY-----` (Ed25519), as `seal.pub` does";
    PublicKey::of_pem(&text).ok_or_else(|| Wrong(format!("{} is no public key: {wanted}", file.display())))
}

/// That the register was verified, and what came of it, is part of its history.
fn note(config: &Config, keys: &Keys, asked: &Verify, verified: &Verified) {
    let Report { records, open_records, findings, .. } = &verified.report;
    let first = findings.first().map_or_else(|| "none".to_owned(), |finding| finding.what.clone());
    let with = if asked.public_key.is_some() { "given" } else { "of the register" };
    let scope = [
        ("holds", if verified.holds { "yes" } else { "no" }.to_owned()),
        ("findings", findings.len().to_string()),
        ("first", first),
        ("key", format!("{} ({with})", verified.key)),
    ];
    let noted = register::note(&config.register_dir(), keys, register::who(), "verify", scope, records + open_records);
    if let Err(why) = noted {
        eprintln!("warning: the audit trail cannot say that the register was verified: {why}");
    }
}

impl Verified {
    fn text(&self) -> String {
        let Report { days, records, open_records, held_records, checkpoints, entries, findings, notes, .. } =
            &self.report;
        let mut text = String::new();
        let mut row = |name: &str, what: String| {
            // Writing into a String does not fail.
            let _ = writeln!(text, "{name:<12} {what}");
        };
        let verdict = match findings.len() {
            0 => "holds".to_owned(),
            count => format!("DOES NOT HOLD: {}", plural(count as u64, "finding", "findings")),
        };
        row("register", verdict);
        row("public key", self.key.clone());
        row("days", format!("{days} sealed and proved"));
        let open = format!("{open_records} of days not sealed yet, up to their last checkpoint");
        row("records", format!("{records} proved, and {open}"));
        if *held_records > 0 {
            row("held", format!("{held_records} proved, kept by holds beyond their days"));
        }
        row("checkpoints", format!("{checkpoints} proved"));
        row("entries", format!("{entries} proved, of seals, certificates, terms and acts"));
        for (place, finding) in findings.iter().enumerate() {
            row(if place == 0 { "first" } else { "also" }, format!("{}: {}", finding.what, finding.why));
        }
        for note in notes {
            row("note", note.clone());
        }
        text
    }
}
