//! `octroi doctor`: what is wrong with a set-up, and what to do about it, in the language of the configuration.
//!
//! One file for each part of the set-up, and one line in [`examine`]. A part looks and says; it changes nothing.

mod register;
mod sheet;

use super::{Answer, Wrong, answer, answer_json, configuration_with_warnings};
use crate::cli::{Doctor, Part};
use crate::config::Config;
use serde::Serialize;
use sheet::{Finding, Level, Sheet};
use std::path::Path;

/// What was found in one part.
#[derive(Serialize)]
struct Examined {
    part: &'static str,
    findings: Vec<Finding>,
}

/// Looks at one part, or at all there are. Something bad is a no.
pub(crate) fn doctor(path: Option<&Path>, asked: &Doctor) -> Result<Answer, Wrong> {
    let config = configuration_with_warnings(path)?;
    let parts = asked.part.map_or_else(|| vec![Part::Register], |part| vec![part]);
    let examined: Vec<Examined> = parts.into_iter().map(|part| examine(&config, part)).collect();
    if asked.output.json {
        answer_json(&examined)?;
    } else {
        answer(&text(&config, &examined))?;
    }
    let bad = examined.iter().flat_map(|part| &part.findings).any(|finding| finding.level == Level::Bad);
    Ok(if bad { Answer::No } else { Answer::Done })
}

fn examine(config: &Config, part: Part) -> Examined {
    let mut sheet = Sheet::new(config.locale);
    let part = match part {
        Part::Register => {
            register::examine(config, &mut sheet);
            "register"
        }
    };
    Examined { part, findings: sheet.findings() }
}

fn text(config: &Config, examined: &[Examined]) -> String {
    let words = config.locale.pick(["bon", "attention", "mauvais"], ["good", "warning", "bad"]);
    let mut text = String::new();
    for Examined { part, findings } in examined {
        text.push_str(&format!("{part}\n"));
        for Finding { level, what, remedy } in findings {
            let [good, warning, bad] = words;
            let level = match level {
                Level::Good => good,
                Level::Warning => warning,
                Level::Bad => bad,
            };
            text.push_str(&format!("  {level:<10} {what}\n"));
            if let Some(remedy) = remedy {
                text.push_str(&format!("  {:<10} → {remedy}\n", ""));
            }
        }
    }
    text
}
