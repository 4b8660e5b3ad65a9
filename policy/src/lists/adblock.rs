//! Adblock rules, as far as a proxy can keep them: which host, which address. A rule about parts of pages, or about the
//! page that asks, is none for whoever sees neither.
//!
//! ```text
//! ||example.com^              the name and everything under it
//! ||example.com^$important    likewise; of options: important, all, document, doc, popup
//! ||example.com/dir           that address on that host, and what is below it
//! |https://example.com/dir    likewise
//! @@…                         each of these as an exception
//! ! comment, [Adblock Plus]   passed over
//! ```
//! Everything else is reported as not understood: `##` and its kin, `/regular expressions/`, wildcards, pieces of
//! addresses, and every option that narrows a rule (`$third-party`, `$script`, `$domain=`): to keep the rule without its
//! option would refuse more than its author meant.

use super::{Entries, Line, domains, ut1};

/// Options that narrow nothing a proxy sees.
const OPTIONS: [&str; 5] = ["important", "all", "document", "doc", "popup"];
/// What stands between the pages and the selector of rules that hide.
const COSMETIC: [&str; 7] = ["##", "#@#", "#?#", "#$#", "#%#", "#@?#", "$$"];

pub(super) fn line(line: &str, entries: &mut Entries<'_>) -> Result<Line, String> {
    if line.starts_with('!') || (line.starts_with('[') && line.ends_with(']')) {
        return Ok(Line::Skipped);
    }
    if COSMETIC.iter().any(|mark| line.contains(mark)) {
        return Err("it hides or changes a part of a page, which a proxy does not see".to_owned());
    }
    if line.starts_with('#') {
        return Ok(Line::Skipped);
    }
    let (rule, removes) = line.strip_prefix("@@").map_or((line, false), |rule| (rule, true));
    if rule.len() > 1 && rule.starts_with('/') && rule.trim_end_matches(|c| c != '/').len() > 1 {
        return Err("a regular expression".to_owned());
    }
    let (pattern, options) = rule.split_once('$').map_or((rule, ""), |(pattern, options)| (pattern, options));
    if let Some(option) = options.split(',').find(|option| !option.is_empty() && !OPTIONS.contains(option)) {
        let option = option.split('=').next().unwrap_or_default().trim_start_matches('~');
        return Err(format!("the option `{}` asks what a proxy does not see", super::shortened(option.as_bytes())));
    }
    if pattern.contains('*') {
        return Err("a wildcard".to_owned());
    }
    let place = pattern.strip_prefix("||");
    let place = place.or_else(|| pattern.strip_prefix('|').filter(|rest| rest.contains("://")));
    let Some(place) = place else {
        return Err("a piece of an address, which may stand anywhere in it".to_owned());
    };
    let place = place.strip_suffix('^').or_else(|| place.strip_suffix("^|")).unwrap_or(place);
    if place.contains(['^', '|']) {
        return Err("a separator within the address".to_owned());
    }
    let sign = if removes { "!" } else { "" };
    if place.contains('/') {
        ut1::url_line(&format!("{sign}{place}"), entries)
    } else if pattern.len() == place.len() + 2 {
        // `||exam` covers `example.com` too: a beginning is no name.
        Err("the beginning of a name; `||name^` is the whole".to_owned())
    } else {
        domains::line(&format!("{sign}{place}"), entries)
    }
}
