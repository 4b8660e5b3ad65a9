//! `octroi lists lookup`: every entry that covers a host or an address.

use crate::cli::Lookup;
use crate::commands::{Answer, Wrong, answer, answer_json, columns, explain};
use crate::config::Config;
use crate::lists::progress::Progress;
use policy::{Charter, Index, Target};
use serde::Serialize;

#[derive(Serialize)]
struct Covering {
    /// `list:category`; of the charter's own entries, `charter, category ID`, `charter, rule ID` or `charter, masking`; of
    /// what is shipped, `built in, protected GROUP`.
    source: String,
    /// The kind of file: domains, urls, expressions.
    kind: &'static str,
    /// The entry.
    entry: String,
    /// It takes the name out of the category.
    removes: bool,
}

/// Shows them; no when there is none.
pub(super) fn look_up(config: &Config, charter: &Charter, lookup: &Lookup) -> Result<Answer, Wrong> {
    let target = explain::target(&lookup.what)?;
    let loaded = crate::lists::load_with(config, charter, &mut Progress::stderr()).map_err(Wrong::because)?;
    for missing in &loaded.missing {
        eprintln!("warning: {missing}");
    }
    let mut covering = covering(charter.own(), &target);
    for own in &mut covering {
        if let Some(name) = own.source.strip_prefix('!') {
            (own.source, own.removes) = (name.to_owned(), true);
        }
        let place = if own.source.starts_with("protected ") { "built in, " } else { "charter, " };
        own.source.insert_str(0, place);
    }
    covering.extend(self::covering(&loaded.index, &target));
    if lookup.output.json {
        answer_json(&covering)?;
    } else {
        let row = |one: &Covering| {
            let removes = if one.removes { "takes it out" } else { "" };
            [one.source.clone(), one.kind.to_owned(), one.entry.clone(), removes.to_owned()]
        };
        answer(&columns(&covering.iter().map(row).collect::<Vec<_>>()))?;
    }
    if covering.is_empty() {
        eprintln!("neither a list nor the charter itself names {}", target.host());
        return Ok(Answer::No);
    }
    Ok(Answer::Done)
}

/// The entries of an index that cover a target.
fn covering(index: &Index, target: &Target) -> Vec<Covering> {
    let mut hits = Vec::new();
    index.hits(target, &mut hits);
    hits.iter()
        .flat_map(|hit| index.set(hit.set).iter().map(move |source| (hit, source)))
        .filter_map(|(hit, source)| {
            let source = index.sources().get(usize::from(source.0))?;
            let entry = index.entry(target, *hit);
            Some(Covering { source: source.name.clone(), kind: hit.kind.as_str(), entry, removes: source.removes })
        })
        .collect()
}
