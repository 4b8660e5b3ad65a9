//! `octroi export verify`: a bundle proved, offline and without a configuration; in plain words what holds, or the first thing
//! that doesn't.

use super::password_in;
use crate::accounts::prompt;
use crate::cli::export::VerifyBundle;
use crate::commands::{Answer, Wrong, answer, answer_json, plural};
use logstore::bundle::{self, Kind, Report};
use logstore::{Finding, PublicKey};
use serde_json::json;
use std::fs::File;
use std::path::Path;

/// Proves it.
pub(super) fn verify(asked: &VerifyBundle) -> Result<Answer, Wrong> {
    let unusable = |file: &Path, why: &dyn std::fmt::Display| Wrong(format!("{}: {why}", file.display()));
    let about = File::open(&asked.file).and_then(|file| file.metadata()).map_err(|why| unusable(&asked.file, &why))?;
    if !about.is_file() {
        return Err(unusable(&asked.file, &"it is no file"));
    }
    let public = match &asked.public_key {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|why| unusable(file, &why))?;
            let key = PublicKey::of_pem(&text);
            Some(key.ok_or_else(|| unusable(file, &"it is no public key of a register (Ed25519, PEM)"))?)
        }
    };
    let password = match (&asked.password_file, asked.password_stdin) {
        (Some(file), _) => Some(password_in(file)?),
        (None, true) => Some(prompt::password(&"the bundle", true).map_err(Wrong::because)?),
        (None, false) => None,
    };
    match bundle::verify(&asked.file, public.as_ref(), password.as_deref()) {
        Ok(report) => holds(asked, &report),
        Err(finding) => broken(asked, &finding),
    }
}

fn holds(asked: &VerifyBundle, report: &Report) -> Result<Answer, Wrong> {
    if asked.output.json {
        let mut value = serde_json::to_value(report).map_err(Wrong::because)?;
        value["holds"] = json!(true);
        answer_json(&value)?;
    } else {
        let kind = match report.bundle.kind {
            Kind::Subject => "answer to a request for access",
            Kind::Requisition => "answer to a requisition",
            Kind::Hold => "records kept under a hold",
        };
        let organisation = Some(&report.bundle.organisation).filter(|name| !name.is_empty());
        let mut text = format!("{} holds: {kind}, reference {}", asked.file.display(), report.bundle.reference);
        organisation.iter().for_each(|name| text.push_str(&format!(", {name}")));
        text.push_str(&format!(
            "\n  {} in it are what was signed; {} of {}, each proved by the seal of its day",
            plural(report.entries, "file", "files"),
            plural(report.proved, "record", "records"),
            plural(report.days, "day", "days"),
        ));
        if report.proved < report.records {
            let rest = plural(report.records - report.proved, "record is", "records are");
            text.push_str(&format!(
                "\n  {rest} of days that were not sealed when it was made: the signature alone covers them"
            ));
        }
        text.push_str(&format!("\n  SHA-256 {}", report.sha256));
        text.push_str(&format!("\n  signed by the key {}", report.key));
        text.push_str(match report.trusted {
            true => ", the one that was given",
            false => {
                ", which came with it: nothing was changed since that key signed it. Compare the key with the one the \
                 organisation gave to somebody else, by --public-key"
            }
        });
        answer(&format!("{text}\n"))?;
    }
    Ok(Answer::Done)
}

fn broken(asked: &VerifyBundle, finding: &Finding) -> Result<Answer, Wrong> {
    let Finding { what, why } = finding;
    if bundle::is_locked(finding) {
        let said = match asked.password_file.is_some() || asked.password_stdin {
            true => "wrong password",
            false => "it is hidden under a password: --password-file FILE, or --password-stdin",
        };
        if asked.output.json {
            answer_json(&json!({ "holds": null, "what": what, "why": said }))?;
        }
        eprintln!("{}: {said}; what is in it was neither proved nor found wrong", asked.file.display());
        return Ok(Answer::No);
    }
    if asked.output.json {
        answer_json(&json!({ "holds": false, "what": what, "why": why }))?;
    }
    eprintln!("{} does not hold", asked.file.display());
    eprintln!("  {what}: {why}");
    Ok(Answer::No)
}
