//! The block page: why the charter turned a request back, whom to ask, and what is kept of it.
use super::contact::Contact;
use super::language::Words;
use super::{Language, render};
use askama::Template;
use policy::verdict::Text;

/// A request turned back by the charter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    /// Name of the organisation; may be empty.
    pub(crate) organisation: &'a str,
    /// Who answers questions, an e-mail address as a rule; may be empty.
    pub(crate) contact: &'a str,
    /// The data protection officer's address; may be empty: then `contact` answers for rights too.
    pub(crate) dpo: &'a str,
    /// Address of the page that tells people what is recorded, when clients can reach it.
    pub(crate) information: Option<&'a str>,
    /// The host asked for, in normal form.
    pub(crate) target: &'a str,
    /// Title of the charter in force.
    pub(crate) charter_title: &'a str,
    /// Its version and hash, as records keep it.
    pub(crate) charter: &'a str,
    /// Id of the rule that decided; `None` when the charter's default did.
    pub(crate) rule: Option<&'a str>,
    /// Article of the charter.
    pub(crate) article: Option<&'a str>,
    /// Id of the category by which the rule matched.
    pub(crate) category: Option<&'a str>,
    /// Its label, shown in its place.
    pub(crate) category_label: Option<&'a Text>,
    /// The reason the rule gives.
    pub(crate) reason: Option<&'a Text>,
    /// The record's number, by which the person can ask about this refusal.
    pub(crate) reference: &'a str,
    /// When, in local time, as [`Language::moment`] writes it.
    pub(crate) moment: &'a str,
    /// How long the record is kept.
    pub(crate) retention_days: u32,
    /// The account the record is kept under, when known.
    pub(crate) user: Option<&'a str>,
}

/// The body of the 403.
pub(crate) fn refusal(lang: Language, page: &Refusal<'_>) -> String {
    render(&BlockPage {
        lang,
        page,
        category: page.category_label.and_then(|label| lang.words(label)),
        reason: page.reason.and_then(|reason| lang.words(reason)),
        help: Contact::new(&[page.contact], Some(page.reference), lang),
        rights: Contact::new(&[page.dpo, page.contact], Some(page.reference), lang),
    })
}

#[derive(Template)]
#[template(path = "block.html", whitespace = "minimize")]
struct BlockPage<'a> {
    lang: Language,
    page: &'a Refusal<'a>,
    category: Option<Words<'a>>,
    reason: Option<Words<'a>>,
    help: Contact<'a>,
    rights: Contact<'a>,
}
