//! The console's front page: what the gate enforces, how to set a browser up, what is recorded and one's rights.
//!
//! Open to anyone who can reach the console, so it holds no personal data and no figure about the traffic.
use super::contact::Contact;
use super::{Language, render};
use askama::Template;
use policy::verdict::Text;

/// What the front page tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home<'a> {
    /// Name of the organisation; may be empty.
    pub(crate) organisation: &'a str,
    /// Who answers questions; may be empty.
    pub(crate) contact: &'a str,
    /// The data protection officer's address; may be empty.
    pub(crate) dpo: &'a str,
    /// Title of the charter in force.
    pub(crate) charter_title: &'a str,
    /// Its version and hash.
    pub(crate) charter: &'a str,
    /// What it refuses, in the order of the charter.
    pub(crate) enforced: &'a [Enforced<'a>],
    /// Address of the PAC file.
    pub(crate) pac: &'a str,
    /// `host:port` of the gate, for software that takes no PAC file.
    pub(crate) proxy: &'a str,
    /// How long a record is kept.
    pub(crate) retention_days: u32,
    /// How much of an address a record keeps.
    pub(crate) depth: Depth,
}

/// One thing the charter refuses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enforced<'a> {
    /// Article of the charter.
    pub(crate) article: Option<&'a str>,
    /// What is refused: a category's label.
    pub(crate) what: &'a Text,
}

/// How much of an address a record keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The site's name.
    Host,
    /// The name and the path, without the query.
    Path,
    /// The whole address.
    Url,
}

/// The front page.
pub(crate) fn home(lang: Language, page: &Home<'_>) -> String {
    render(&HomePage {
        lang,
        page,
        help: Contact::new(&[page.contact], None, lang),
        rights: Contact::new(&[page.dpo, page.contact], None, lang),
    })
}

#[derive(Template)]
#[template(path = "home.html", whitespace = "minimize")]
struct HomePage<'a> {
    lang: Language,
    page: &'a Home<'a>,
    help: Contact<'a>,
    rights: Contact<'a>,
}
