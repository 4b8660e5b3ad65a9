//! What the gate itself says: the pages a person reads, and the PAC file a browser reads.
//!
//! Everything here is text in, text out: plain values and a [`Language`] go in, a whole page comes out. Nothing here
//! knows of HTTP, sockets or the register. Every page stands alone (no script, no remote asset, styles inline), because
//! the browser it reaches may be able to reach nothing else.
//!
//! Table of contents: [`block`] (refused by the charter), [`prepared`] (the same, made once), [`error`] (could not be answered), [`mod@home`] (the console's
//! front page), [`mod@password`] (somebody changes theirs), [`terms`] (warnings and budgets), [`pac`] (the way to the gate),
//! [`contact`] (whom to ask), [`language`] (French or English).

pub(crate) mod block;
pub(crate) mod contact;
pub(crate) mod error;
pub(crate) mod home;
pub(crate) mod language;
pub(crate) mod pac;
pub(crate) mod password;
pub(crate) mod prepared;
pub(crate) mod terms;

#[cfg(test)]
mod golden;

pub(crate) use block::Refusal;
pub(crate) use error::{Broken, Fault, FaultPage, fault};
pub(crate) use home::{Depth, Enforced, Home, home};
pub(crate) use language::Language;
pub(crate) use prepared::{Blocks, Body, Kind};

use askama::Template;
use std::borrow::Cow;

/// The media type of every page.
pub(crate) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// The `Content-Security-Policy` of every page: its own styles and its empty icon, nothing else.
///
/// Framing is left open on purpose: a refused frame inside an allowed page must be able to say why it is empty, and
/// these pages hold nothing that a click could set off.
pub(crate) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The same of a page with a form that goes to one of `sources`, from where it may lead on to another. No other page may frame
/// it: nobody is to click there without having seen where.
pub(crate) fn security_policy_with_form(sources: &str) -> String {
    CONTENT_SECURITY_POLICY.replace("form-action 'none'", &format!("form-action {sources}; frame-ancestors 'none'"))
}

/// Renders a page. Templates write into a `String` and show only values whose `Display` cannot fail, so there is no
/// error to expect; should one come all the same, an empty body under the right status still refuses.
fn render(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

/// Text from outside, with what would not be seen made visible.
///
/// Control characters and marks that turn the direction of writing become U+FFFD, so that no name can disguise itself
/// or reorder the words around it (Unicode TR 36 §2.5). HTML escaping is the template's work.
fn shown(text: &str) -> Cow<'_, str> {
    // What is shown most is a host: no letter of it needs to be looked at as one.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if text.contains(unseen) { Cow::Owned(text.replace(unseen, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_shown_as_it_is() {
        assert_eq!(shown("xn--caf-dma.example"), "xn--caf-dma.example");
        assert_eq!(shown("Société Exemple « été »"), "Société Exemple « été »");
    }

    #[test]
    fn what_turns_or_hides_text_is_made_visible() {
        assert_eq!(shown("a\u{202e}b\u{200f}c\nd\u{2066}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}");
    }
}
