//! The shipped exceptions, compiled into the binary: system traffic that passes whoever asks, switched on by name.
//!
//! Each that is in use becomes a rule in front of the charter's own, `exception:NAME`, which no rule of a charter can be
//! called; and it passes before anybody is asked who they are ([`crate::InForce::passes_without_identity`]).
use crate::document::Document;
use crate::problem::Source;
use crate::verdict::Text;

/// What their rules' ids begin with.
pub(crate) const PREFIX: &str = "exception:";

/// The ports they are reached at: HTTP's own.
pub(crate) const PORTS: [u16; 2] = [80, 443];

/// One exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) name: String,
    pub(crate) label: Text,
    pub(crate) domains: Vec<String>,
    pub(crate) urls: Vec<String>,
}

/// All of them, in the order of the text.
pub(crate) fn exceptions() -> Vec<Exception> {
    let text = include_str!("../builtin/exceptions.toml").to_owned();
    let source = Source { name: "exceptions.toml (built in)".to_owned(), text };
    let document = Document::parse(&source);
    let root = document.root();
    let mut exceptions = Vec::new();
    for name in root.names() {
        let Some(table) = root.table(name.value) else { continue };
        let texts = |key| {
            let texts = table.strings(key).unwrap_or_default();
            texts.into_iter().map(|text| text.value.to_owned()).collect::<Vec<_>>()
        };
        let label = table.inline_table("label", "{ fr = \"…\", en = \"…\" }").map(|label| {
            let text = |language| label.string(language).map_or("", |text| text.value).to_owned();
            let read = Text { fr: text("fr"), en: text("en") };
            label.end();
            read
        });
        exceptions.push(Exception {
            name: name.value.to_owned(),
            label: label.unwrap_or_default(),
            domains: texts("domains"),
            urls: texts("urls"),
        });
        table.end();
    }
    root.end();
    match document.finish() {
        Ok(_) => exceptions,
        // It is part of this crate, and a test reads it.
        Err(problems) => unreachable!("{}", problems.render(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    #[test]
    fn every_exception_is_there_with_names_in_normal_form() {
        let exceptions = exceptions();
        let names: Vec<&str> = exceptions.iter().map(|exception| exception.name.as_str()).collect();
        let expected =
            ["windows-update", "defender", "certificate-status", "time", "microsoft-365-sign-in", "antivirus-updates"];
        assert_eq!(names, expected);
        for Exception { name, label, domains, urls } in &exceptions {
            assert!(!label.fr.is_empty() && !label.en.is_empty(), "{name} has a label");
            assert!(domains.len() >= 5, "{name}: only {} names", domains.len());
            for domain in domains {
                let read = Target::of_host(domain).map(|target| target.host().to_owned());
                assert_eq!(read.as_deref(), Ok(domain.as_str()), "{name}");
                assert!(domain.matches('.').count() >= 1, "{name}: {domain}");
            }
            assert!(urls.iter().all(|url| Target::of_url(&format!("http://{url}")).is_ok()), "{name}");
        }
    }

    #[test]
    fn no_whole_delivery_network_passes() {
        let networks =
            ["akamaized.net", "cloudfront.net", "azureedge.net", "microsoft.com", "windows.net", "google.com"];
        let all: Vec<String> = exceptions().into_iter().flat_map(|exception| exception.domains).collect();
        assert!(all.iter().all(|domain| !networks.contains(&domain.as_str())));
    }
}
