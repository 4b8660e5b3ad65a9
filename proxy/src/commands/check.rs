//! `octroi check`: every problem of every file in one run, nothing bound and nothing changed but a stale index.

use super::{Answer, Wrong, answer_json, plural};
use crate::access::settings;
use crate::cli::Output;
use crate::config::{Config, FILE, LoadError, LoadedCharter, Warnings};
use crate::lists::progress::Progress;
use crate::lists::{self, Missing};
use crate::secure::Certificates;
use jiff::Timestamp;
use policy::{InForce, Problems};
use serde::Serialize;
use std::path::Path;

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Findings {
    /// The gate would start with these files.
    ok: bool,
    /// `VERSION@HASH` of the charter.
    charter: Option<String>,
    /// Entries of its lists.
    entries: Option<u64>,
    /// What stops the files from being used.
    problems: Vec<Finding>,
    /// What is probably not meant.
    warnings: Vec<Finding>,
    /// Expectations of the charter that do not hold.
    expectations: Vec<Finding>,
    /// Lists and categories of lists that are not there, a sentence each.
    missing: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    help: String,
}

/// Checks configuration, charter, lists and expectations.
pub(crate) fn check(path: Option<&Path>, output: Output) -> Result<Answer, Wrong> {
    let mut findings = Findings::default();
    let charter = match Config::examine(path) {
        Ok((config, outcome)) => {
            let usable = outcome.is_ok();
            findings.take(outcome);
            findings.certificates(&config);
            // Also when the configuration is not good: its charter may have problems of its own.
            findings.charter(&config).map(|charter| (config, charter)).filter(|_| usable)
        }
        Err(error) => {
            findings.take(Err(error));
            None
        }
    };
    if let Some((config, charter)) = charter {
        findings.settings(&config, &charter)?;
        findings.lists(&config, charter)?;
    }
    findings.ok = findings.problems.is_empty() && findings.expectations.is_empty();
    if output.json {
        answer_json(&findings)?;
    } else if findings.ok {
        let missing = if findings.missing.is_empty() { "" } else { ", but lists are missing" };
        let entries = plural(findings.entries.unwrap_or_default(), "entry", "entries");
        eprintln!("good{missing}: charter {}, {entries}", findings.charter.as_deref().unwrap_or("-"));
    }
    match (findings.problems.is_empty(), findings.ok) {
        (false, _) => Err(Wrong::because(plural(findings.problems.len() as u64, "problem", "problems"))),
        (true, false) => {
            eprintln!("{} not met", plural(findings.expectations.len() as u64, "expectation", "expectations"));
            Ok(Answer::No)
        }
        (true, true) => Ok(Answer::Done),
    }
}

impl Findings {
    /// Says what came of a file and keeps it.
    fn take(&mut self, outcome: Result<Warnings, LoadError>) {
        match outcome {
            Ok(warnings) => {
                eprint!("{warnings}");
                self.keep(warnings.problems());
            }
            Err(LoadError::Problems(problems)) => {
                eprint!("{}", problems.render(false));
                self.keep(Some(&problems));
            }
            Err(error @ LoadError::Unreadable { .. }) => {
                eprintln!("{error}");
                let LoadError::Unreadable { path, why } = error else { return };
                self.problems.push(Finding {
                    file: path.display().to_string(),
                    line: None,
                    column: None,
                    message: "it cannot be read".to_owned(),
                    help: why,
                });
            }
        }
    }

    fn keep(&mut self, problems: Option<&Problems>) {
        let Some(problems) = problems else { return };
        for (problem, finding) in problems.problems.iter().zip(located(problems)) {
            if problem.warning { self.warnings.push(finding) } else { self.problems.push(finding) }
        }
    }

    fn certificates(&mut self, config: &Config) {
        let (troubles, warnings) = match Certificates::read(&config.listen.proxy_tls, Timestamp::now()) {
            Ok((_, warnings)) => (Vec::new(), warnings),
            Err(troubles) => (troubles, Vec::new()),
        };
        for (trouble, word, kept) in troubles
            .iter()
            .map(|trouble| (trouble, "error", true))
            .chain(warnings.iter().map(|warning| (warning, "warning", false)))
        {
            eprintln!("{word}: {trouble}");
            let finding = Finding {
                file: trouble.file.display().to_string(),
                line: None,
                column: None,
                message: trouble.what.clone(),
                help: trouble.remedy.to_owned(),
            };
            if kept { self.problems.push(finding) } else { self.warnings.push(finding) }
        }
    }

    fn charter(&mut self, config: &Config) -> Option<LoadedCharter> {
        match config.charter() {
            Ok(charter) => {
                self.take(Ok(charter.warnings.clone()));
                self.charter = Some(charter.charter.identity().to_owned());
                Some(charter)
            }
            Err(error) => {
                self.take(Err(error));
                None
            }
        }
    }

    /// What takes a second person before it is put in force.
    fn settings(&mut self, config: &Config, loaded: &LoadedCharter) -> Result<(), Wrong> {
        let [held, unmasked] = settings::waiting(config, &loaded.charter).map_err(Wrong)?;
        let finding = |file: &Path, message: String| Finding {
            file: file.display().to_string(),
            line: None,
            column: None,
            message,
            help: "`octroi scope setting`".to_owned(),
        };
        for why in held {
            eprintln!("warning: {why}");
            self.warnings.push(finding(Path::new(FILE), why));
        }
        for why in unmasked {
            eprintln!("error: {why}");
            self.problems.push(finding(&config.charter.path, why));
        }
        Ok(())
    }

    fn lists(&mut self, config: &Config, loaded: LoadedCharter) -> Result<(), Wrong> {
        let lists = lists::load_with(config, &loaded.charter, &mut Progress::stderr()).map_err(Wrong::because)?;
        let in_force = InForce::new(loaded.charter, lists.index);
        self.entries = Some(in_force.index().entries());
        self.missing.extend(lists.missing.iter().map(Missing::to_string));
        self.missing.extend(lists::missing_categories(&in_force, &lists.missing));
        for sentence in &self.missing {
            eprintln!("warning: {sentence}");
        }
        let disappointed = in_force.expectations();
        if !disappointed.is_empty() {
            let problems = loaded.source.problems(&disappointed);
            eprint!("{}", problems.render(false));
            self.expectations.extend(located(&problems));
        }
        Ok(())
    }
}

fn located(problems: &Problems) -> impl Iterator<Item = Finding> {
    problems.problems.iter().map(|problem| {
        let before = problems.source.text.get(..problem.span.start).unwrap_or(&problems.source.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Finding {
            file: problems.source.name.clone(),
            line: Some(before.matches('\n').count() + 1),
            column: Some(before[line_start..].chars().count() + 1),
            message: problem.message.clone(),
            help: problem.label.clone(),
        }
    })
}
