//! The shipped list of protected names, compiled into the binary: what `[masking]` adds to.
use crate::document::Document;
use crate::problem::Source;

/// Folders of lists in UT1's form whose entries are told to the register whoever asks for them.
pub(crate) const HARMFUL: [&str; 5] = ["cryptojacking", "ddos", "malware", "phishing", "stalkerware"];

/// One group: health, unions, politics and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protected {
    pub(crate) group: String,
    /// Folders of lists in UT1's form.
    pub(crate) lists: Vec<String>,
    pub(crate) domains: Vec<String>,
}

impl Protected {
    /// The source of the charter's own index that holds the names.
    pub(crate) fn source(&self) -> String {
        format!("protected {}", self.group)
    }
}

/// All groups, in the order of the text.
pub(crate) fn shipped() -> Vec<Protected> {
    let text = include_str!("../builtin/protected.toml").to_owned();
    let source = Source { name: "protected.toml (built in)".to_owned(), text };
    let document = Document::parse(&source);
    let root = document.root();
    let mut groups = Vec::new();
    for name in root.names() {
        let Some(table) = root.table(name.value) else { continue };
        let texts = |key| {
            let texts = table.strings(key).or_else(|| table.missing(key)).unwrap_or_default();
            texts.into_iter().map(|text| text.value.to_owned()).collect()
        };
        groups.push(Protected { group: name.value.to_owned(), lists: texts("lists"), domains: texts("domains") });
        table.end();
    }
    root.end();
    match document.finish() {
        Ok(_) => groups,
        // It is part of this crate, and a test reads it.
        Err(problems) => unreachable!("{}", problems.render(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Kind;
    use crate::lists::Compiler;
    use std::collections::BTreeMap;

    #[test]
    fn every_group_is_there_and_banks_are_not() {
        let names: Vec<String> = shipped().into_iter().map(|group| group.group).collect();
        let expected = ["health", "legal-aid", "politics", "religion", "sexuality", "unions", "whistleblowing"];
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(sorted, expected);
    }

    #[test]
    fn every_name_is_good_in_normal_form_and_said_once() {
        let mut seen = BTreeMap::new();
        for group in shipped() {
            assert!(group.domains.len() >= 20, "{}: only {} names", group.group, group.domains.len());
            let mut compiler = Compiler::default();
            for name in &group.domains {
                let report = compiler.file("x", Kind::Domains, crate::lists::Format::Domains, "x", name.as_bytes());
                assert_eq!((report.kept, report.bad), (1, 0), "{name}: {report:?}");
                assert_eq!(*name, name.to_ascii_lowercase());
                assert_eq!(seen.insert(name.clone(), group.group.clone()), None, "{name} is said twice");
            }
        }
        let covered = |name: &String| seen.keys().find(|other| name.ends_with(&format!(".{other}"))).cloned();
        let twice: Vec<_> = seen.keys().filter_map(|name| Some((name.clone(), covered(name)?))).collect();
        assert_eq!(twice, [], "a name that another covers need not be said");
        assert!(seen.len() >= 400, "only {} names", seen.len());
    }

    #[test]
    fn no_list_is_both_protected_and_harmful() {
        let lists: Vec<String> = shipped().into_iter().flat_map(|group| group.lists).collect();
        assert!(lists.iter().all(|list| !HARMFUL.contains(&list.as_str())), "{lists:?}");
        assert!(lists.contains(&"dating".to_owned()));
    }
}
