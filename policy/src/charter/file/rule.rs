//! One `[[rule]]` as it is written.
use super::{ACTIONS, Entries, OwnEntries, is_name, names, networks, text, with_exceptions};
use crate::action::{Action, Terms};
use crate::document::{Located, Table};
use crate::media::MediaRange;
use crate::problem::{Problem, nearest};
use crate::rate::Rate;
use crate::verdict::Text;
use crate::what::What;
use crate::who::{Name, Signed};
use ipnet::IpNet;
use std::ops::RangeInclusive;

/// One `[[rule]]`. An entry with `!` in a list is an entry of the matching exceptions.
pub(in crate::charter) struct FileRule<'d> {
    pub(in crate::charter) id: Located<&'d str>,
    pub(in crate::charter) article: Option<Located<&'d str>>,
    pub(in crate::charter) action: Action,
    pub(in crate::charter) terms: Terms,
    pub(in crate::charter) reason: Option<Text>,
    pub(in crate::charter) users: Signed<Name>,
    pub(in crate::charter) groups: Entries<'d>,
    pub(in crate::charter) networks: Signed<IpNet>,
    pub(in crate::charter) categories: Entries<'d>,
    pub(in crate::charter) own: OwnEntries<'d>,
    /// All of it but the categories, which are names still.
    pub(in crate::charter) what: What,
    pub(in crate::charter) schedules: Entries<'d>,
    pub(in crate::charter) bandwidth: Option<Rate>,
    pub(in crate::charter) safe_search: Option<bool>,
}

pub(super) fn rule<'d>(table: Table<'d>) -> Option<FileRule<'d>> {
    let id = table.required_string("id").filter(|id| is_name(id, &table));
    let action = match table.has("action") {
        true => table.word("action", &ACTIONS),
        false => table.missing("action"),
    };
    table.not_yet(&["inspect"]);
    let terms = Terms::read(&table, action.as_ref().map(|action| action.value));
    let (bandwidth, safe_search) = (table.rate("bandwidth"), table.boolean("safe_search"));
    if action.as_ref().is_some_and(|action| action.value == Action::Block) {
        let without_effect = [("bandwidth", bandwidth.as_ref().map(|rate| &rate.span))];
        let safe_search = safe_search.as_ref().map(|safe_search| &safe_search.span);
        for (key, span) in without_effect.into_iter().chain([("safe_search", safe_search)]) {
            let Some(span) = span else { continue };
            let what = format!("`{key}` on a rule that blocks has no effect");
            table.note(Problem::warning(span.clone(), what, "nothing passes: remove it"));
        }
    }
    let rule = FileRule {
        article: table.string("article"),
        // An action that could not be read is a problem: this rule will not be used.
        action: action.map_or(Action::Block, |action| action.value),
        terms,
        reason: text(&table, "reason"),
        users: names(with_exceptions(&table, "users", "except_users")),
        groups: with_exceptions(&table, "groups", "except_groups"),
        networks: networks(&table, with_exceptions(&table, "networks", "except_networks")),
        categories: with_exceptions(&table, "categories", "except_categories"),
        own: OwnEntries {
            domains: with_exceptions(&table, "domains", "except_domains"),
            urls: with_exceptions(&table, "urls", "except_urls"),
            expressions: with_exceptions(&table, "expressions", "except_expressions"),
        },
        what: what(&table),
        schedules: with_exceptions(&table, "schedules", "except_schedules"),
        bandwidth: bandwidth.map(|rate| rate.value),
        safe_search: safe_search.map(|safe_search| safe_search.value),
        id: id.unwrap_or(Located { value: "", span: table.span() }),
    };
    table.end();
    Some(rule).filter(|rule| !rule.id.is_empty())
}

fn what(table: &Table<'_>) -> What {
    let what = What {
        uncategorised: table.boolean("uncategorised").is_some_and(|uncategorised| uncategorised.value),
        address_literal: table.boolean("address_literal").map(|literal| literal.value),
        ports: ports(table),
        methods: each(table, ("methods", "except_methods"), "method", method),
        extensions: each(table, ("extensions", "except_extensions"), "extension", extension),
        destinations: networks(table, with_exceptions(table, "destinations", "except_destinations")),
        media_types: each(table, ("media_types", "except_media_types"), "media type", MediaRange::parse),
        min_size: min_size(table),
        ..What::default()
    };
    let tunnels_alone = what.methods.adds.iter().all(|method| method == "CONNECT") && !what.methods.adds.is_empty();
    if what.asks_answer()
        && tunnels_alone
        && let Some(span) = table.key("methods")
    {
        let label = "what is answered inside a tunnel is not seen: remove one or the other";
        table.note(Problem::warning(span, "tunnels alone, by what is answered: this never holds", label));
    }
    what
}

fn min_size(table: &Table<'_>) -> Option<u64> {
    let size = table.size("min_size")?;
    if size.value == 0 {
        table.note(Problem::error(size.span, "`min_size` is 0", "everything is that large: remove it"));
        return None;
    }
    Some(size.value)
}

/// Ports, those with `!` and those of the exceptions apart.
fn ports(table: &Table<'_>) -> Signed<RangeInclusive<u16>> {
    let mut ports = Signed::default();
    for (entry, removes) in table.signed_ports("ports") {
        if removes { &mut ports.removes } else { &mut ports.adds }.push(entry.value);
    }
    ports.removes.extend(table.ports("except_ports").unwrap_or_default().into_iter().map(|entry| entry.value));
    ports
}

/// Each entry of a list and its exceptions, read; what is none is told with the form that was expected.
fn each<T>(
    table: &Table<'_>,
    (key, except): (&str, &str),
    word: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Signed<T> {
    let entries = with_exceptions(table, key, except);
    let side = |side: Vec<Located<&str>>| {
        let read = |entry: Located<&str>| match read(entry.value) {
            Ok(value) => Some(value),
            Err(label) => {
                let what = format!("`{}` is not a valid {word}", entry.value.escape_debug());
                table.note(Problem::error(entry.span, what, label));
                None
            }
        };
        side.into_iter().filter_map(read).collect()
    };
    Signed { adds: side(entries.adds), removes: side(entries.removes) }
}

/// Methods are compared as they are written (RFC 9110 §9.1), and all that are in use are written large.
fn method(text: &str) -> Result<String, String> {
    if text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
        return Ok(text.to_owned());
    }
    Err(match nearest(&text.to_ascii_uppercase(), METHODS) {
        Some(near) => format!("nearest: `{near}`"),
        None => "expected a method such as \"POST\"".to_owned(),
    })
}

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// With or without the dot in front.
fn extension(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix("*.").or(text.strip_prefix('.')).unwrap_or(text);
    let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~+".contains(&b));
    match bare.split('.').all(good) {
        true => Ok(bare.to_ascii_lowercase()),
        false => Err("expected the end of a file's name such as \"exe\"".to_owned()),
    }
}
