//! `octroi doctor`: what is wrong with a set-up, and what to do about it, in the language of the configuration.
//!
//! One file for each part of the set-up, and one line in [`examine`]. A part looks and says; it changes nothing.

mod directory;
mod kerberos;
mod register;
mod rights;
mod roles;
mod sheet;

use super::{Answer, Wrong, answer, answer_json, configuration_with_warnings};
use crate::cli::{Doctor, Part};
use crate::config::Config;
use crate::pages::Language;
use serde::Serialize;
use sheet::{Finding, Level, Sheet};
use std::io::{self, IsTerminal};
use std::path::Path;

/// Columns of a terminal that are written in.
const COLUMNS: usize = 100;

/// What was found in one part.
#[derive(Serialize)]
struct Examined {
    part: &'static str,
    findings: Vec<Finding>,
}

/// Looks at one part, or at all there are. Something bad is a no.
pub(crate) fn doctor(path: Option<&Path>, asked: &Doctor) -> Result<Answer, Wrong> {
    let config = match asked.part {
        // What is wrong with a keytab is wrong with the configuration, and the reason to ask.
        Some(Part::Kerberos) => {
            let (config, outcome) = Config::examine(path).map_err(Wrong::because)?;
            match outcome {
                Ok(warnings) => eprint!("{warnings}"),
                Err(problems) => eprintln!("{problems}"),
            }
            config
        }
        _ => configuration_with_warnings(path)?,
    };
    let tickets = config.identity.takes_tickets().then_some(Part::Kerberos);
    let directory = config.identity.ldap.is_some().then_some(Part::Directory);
    let all = || [Part::Register, Part::Rights, Part::Roles].into_iter().chain(tickets).chain(directory).collect();
    let parts: Vec<Part> = asked.part.map_or_else(all, |part| vec![part]);
    let examined: Vec<Examined> = parts.into_iter().map(|part| examine(&config, part, asked.user.as_deref())).collect();
    if asked.output.json {
        answer_json(&examined)?;
    } else {
        let width = io::stdout().is_terminal().then_some(COLUMNS);
        answer(&text(config.locale, &examined, width))?;
    }
    let bad = examined.iter().flat_map(|part| &part.findings).any(|finding| finding.level == Level::Bad);
    Ok(if bad { Answer::No } else { Answer::Done })
}

fn examine(config: &Config, part: Part, user: Option<&str>) -> Examined {
    let mut sheet = Sheet::new(config.locale);
    let part = match part {
        Part::Register => {
            register::examine(config, &mut sheet);
            "register"
        }
        Part::Directory => {
            directory::examine(config, user, &mut sheet);
            "directory"
        }
        Part::Roles => {
            roles::examine(config, &mut sheet);
            "roles"
        }
        Part::Rights => {
            rights::examine(config, &mut sheet);
            "rights"
        }
        Part::Kerberos => {
            kerberos::examine(config, &mut sheet);
            "kerberos"
        }
    };
    Examined { part, findings: sheet.findings() }
}

/// For people: cut into lines of so many columns, when it is a terminal that shows them.
fn text(language: Language, examined: &[Examined], width: Option<usize>) -> String {
    let detailed = language.pick("détail\u{a0}:", "detail:");
    let words = language.pick(["bon", "attention", "mauvais"], ["good", "warning", "bad"]);
    let mut text = String::new();
    for Examined { part, findings } in examined {
        let part = match *part {
            "register" => language.pick("registre", "register"),
            "roles" => language.pick("habilitations", "roles"),
            "directory" => language.pick("annuaire", "directory"),
            "rights" => language.pick("droits", "rights"),
            "kerberos" => "Kerberos",
            other => other,
        };
        text.push_str(&format!("{part}\n"));
        for Finding { level, what, detail, remedy } in findings {
            let [good, warning, bad] = words;
            let level = match level {
                Level::Good => good,
                Level::Warning => warning,
                Level::Bad => bad,
            };
            text.push_str(&paragraph(&format!("  {level:<10} "), what, width));
            let none = " ".repeat(13);
            if let Some(detail) = detail {
                text.push_str(&paragraph(&none, &format!("{detailed} {detail}"), width));
            }
            if let Some(remedy) = remedy {
                text.push_str(&paragraph(&format!("{none}→ "), remedy, width));
            }
        }
    }
    text
}

/// A text behind its lead, its further lines under the first. Words are never cut, nor torn from what a non-breaking
/// space ties them to.
fn paragraph(lead: &str, text: &str, width: Option<usize>) -> String {
    let indent = lead.chars().count();
    let Some(width) = width else { return format!("{lead}{text}\n") };
    let mut out = lead.to_owned();
    let mut column = indent;
    for word in text.split(' ') {
        let long = word.chars().count();
        if column > indent && column + 1 + long > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += long;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_its_own_line_and_long_lines_are_indented() {
        let mut sheet = Sheet::new(Language::French);
        sheet.bad_because(("le registre ne s’ouvre pas", "it does not open"), "no such file", ("cherchez", "look"));
        let examined = [Examined { part: "register", findings: sheet.findings() }];
        let said = text(Language::French, &examined, None);
        let indent = " ".repeat(13);
        assert_eq!(
            said,
            format!(
                "registre\n  mauvais    le registre ne s’ouvre pas\n{indent}détail\u{a0}: no such file\n{indent}→ cherchez\n"
            )
        );
        assert_eq!(paragraph("  x ", "aé bb cc dddddddddd e", Some(9)), "  x aé bb\n    cc\n    dddddddddd\n    e\n");
    }
}
