//! What a rule of the charter is about, in words: a report for people does not show the names that charters give rules alone.

use crate::pages::Language;
use policy::Charter;
use policy::document::Document;
use std::collections::BTreeMap;

/// Categories of a rule that are told; what is beyond is an ellipsis.
const TOLD: usize = 3;

/// Each rule by its name: the categories it names, or else the name itself, with its article. Rules that a charter doesn't have
/// any more have none.
pub(super) fn rules(charter: &Charter, language: Language) -> BTreeMap<String, String> {
    let document = Document::parse(charter.source());
    let mut labels = BTreeMap::new();
    for rule in document.root().tables("rule").unwrap_or_default() {
        let Some(id) = rule.string("id").map(|id| id.value) else { continue };
        let categories = rule.has("categories").then(|| rule.strings("categories")).flatten().unwrap_or_default();
        let words = |id: &str| Some(language.words(charter.label(id)?)?.text.to_owned());
        let mut told: Vec<String> = categories.iter().filter_map(|category| words(category.value)).collect();
        if told.len() > TOLD {
            told.truncate(TOLD);
            told.push("…".to_owned());
        }
        let what = if told.is_empty() { id.to_owned() } else { told.join(", ") };
        let article = rule.has("article").then(|| rule.string("article")).flatten();
        let place = article.map(|article| format!(", article {}", article.value));
        let name = if told.is_empty() { String::new() } else { format!(" ({id})") };
        labels.insert(id.to_owned(), format!("{what}{}{name}", place.unwrap_or_default()));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn a_rule_is_told_by_its_categories_and_its_article() {
        let labels = rules(&Charter::builtin(&TimeZone::UTC), Language::French);
        let told = labels.get("telechargements-illegaux").expect("a rule of the charter");
        assert_eq!(told, "Téléchargement illégal, article 3 (telechargements-illegaux)");
        assert!(labels.values().all(|label| !label.is_empty()) && labels.len() > 3, "{labels:?}");
        let english = rules(&Charter::builtin(&TimeZone::UTC), Language::English);
        assert!(english["contenus-interdits"].starts_with("Pornography, "), "{english:?}");
    }
}
