//! Who writes, as the configuration has it, and what it leaves to be completed.

use crate::config::Config;
use crate::legal::parties::Organisation;

/// What a document is made of beside what was found: an answer and the papers of a requisition say who has the data, a letter
/// does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// Who writes.
    Writer,
    /// Also who else has the data, and where (`[legal]`).
    WhoHasTheData,
}

/// Whose gate it is.
pub(super) fn organisation(config: &Config) -> Organisation {
    let stated = &config.organisation;
    Organisation {
        name: stated.name.clone(),
        address: stated.address.clone(),
        place: stated.town().to_owned(),
        contact: stated.contact.clone(),
        dpo: stated.dpo.clone(),
    }
}

/// Says what documents print as to be completed, before they are made: nobody has stated it.
pub(super) fn warn(config: &Config, says: Says) {
    let legal = if says == Says::WhoHasTheData { config.legal.unstated() } else { Vec::new() };
    let lacks = [("organisation", config.organisation.unstated()), ("legal", legal)];
    let told: Vec<String> = lacks
        .into_iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(section, keys)| format!("`[{section}]` lacks {}", keys.join(", ")))
        .collect();
    if !told.is_empty() {
        eprintln!("note: “to be completed” is printed for what is not stated: {}", told.join("; "));
    }
}
