//! Whom to ask: an e-mail address one can follow, other words as they are, or general words when nothing is configured.
use super::{Language, shown};
use askama::Template;
use askama::filters::HtmlSafe;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Who answers. Reads after "adressez-vous à" and "contact"; shown in a template, it is the finished link.
#[derive(Debug, Template)]
#[template(
    ext = "html",
    source = r#"{% if let Some(mailto) = mailto %}<a href="{{ mailto }}">{{ words }}</a>{% else %}<strong>{{ words }}</strong>{% endif %}"#
)]
pub(crate) struct Contact<'a> {
    words: Cow<'a, str>,
    mailto: Option<String>,
}

/// Its own template has escaped it.
impl HtmlSafe for Contact<'_> {}

impl<'a> Contact<'a> {
    /// The first of `candidates` that is configured; else the IT department, whatever it is called there.
    ///
    /// An e-mail opens with the reference as its subject, so that nobody has to copy it, and with nothing else: what
    /// was visited is for the person to tell.
    pub(crate) fn new(candidates: &[&'a str], reference: Option<&str>, language: Language) -> Contact<'a> {
        let Some(configured) = candidates.iter().map(|candidate| candidate.trim()).find(|c| !c.is_empty()) else {
            let words = language.pick("votre service informatique", "your IT department");
            return Contact { words: words.into(), mailto: None };
        };
        let mailto = is_address(configured).then(|| {
            let mut link = format!("mailto:{}", percent_encoded(configured));
            if let Some(reference) = reference {
                let subject = format!(
                    "{} {reference}",
                    language.pick("Accès à Internet, référence", "Internet access, reference")
                );
                link.push_str("?subject=");
                link.push_str(&percent_encoded(&subject));
            }
            link
        });
        Contact { words: shown(configured), mailto }
    }
}

/// Whether this reads as one e-mail address. Deliverability is not judged: what is no address is shown as words.
fn is_address(text: &str) -> bool {
    let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>' | '"');
    match text.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !text.contains(unfit)
        }
        None => false,
    }
}

/// For a `mailto:` link (RFC 6068 §2): everything but unreserved characters and the at sign is percent-encoded.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(candidates: &[&str], reference: Option<&str>, expected: &str) {
        let contact = Contact::new(candidates, reference, Language::French);
        assert_eq!(contact.render().expect("a string takes it"), expected);
    }

    #[test]
    fn an_address_becomes_a_link_that_carries_the_reference() {
        reads(
            &["", "informatique@exemple.fr"],
            Some("1842"),
            "<a href=\"mailto:informatique@exemple.fr?subject=Acc%C3%A8s%20%C3%A0%20Internet%2C%20r%C3%A9f%C3%A9rence%201842\">\
             informatique@exemple.fr</a>",
        );
        reads(&["a@b.example"], None, "<a href=\"mailto:a@b.example\">a@b.example</a>");
    }

    #[test]
    fn other_words_stay_words() {
        reads(&["le poste 4217"], Some("1"), "<strong>le poste 4217</strong>");
        reads(&["@équipe"], None, "<strong>@équipe</strong>");
    }

    #[test]
    fn without_a_contact_the_it_department_answers() {
        reads(&["", " "], Some("1"), "<strong>votre service informatique</strong>");
    }

    #[test]
    fn a_hostile_contact_is_only_text() {
        reads(&["<script>@x"], None, "<strong>&#60;script&#62;@x</strong>");
        reads(&["a&b=c?d'@x"], None, "<a href=\"mailto:a%26b%3Dc%3Fd%27@x\">a&#38;b=c?d&#39;@x</a>");
    }
}
