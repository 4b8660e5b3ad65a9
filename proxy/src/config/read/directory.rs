//! `[identity.ldap]`: a directory that can be asked, or what is wrong.

use super::outward::{ca_file, said};
use crate::config::ldap::{GROUP_FILTER, USER_FILTER};
use crate::config::values::Form;
use crate::config::{Ldap, Secret, Server};
use crate::directory::Filter;
use crate::files;
use policy::Problem;
use policy::document::{Located, Table};
use std::path::Path;
use std::time::Duration;

/// RFC 4516 §2, and the port that everybody has for LDAP under TLS.
const FORMS: [Form; 2] =
    [Form { scheme: "ldap", secure: false, port: Some(389) }, Form { scheme: "ldaps", secure: true, port: Some(636) }];
const SUCH_AS: &str = "expected such as \"ldaps://dc1.example.fr\", or \"ldap://dc1.example.fr\" for StartTLS";

pub(super) fn directory(table: Option<&Table<'_>>, folder: &Path) -> Option<Ldap> {
    let table = table?;
    let urls: Vec<Located<&str>> = table.one_or_more("url").unwrap_or_default();
    let urls: Vec<Located<&str>> = urls.into_iter().filter(|url| !url.is_empty()).collect();
    let servers: Vec<Server> = urls.iter().filter_map(|url| server(table, url)).collect();
    let base = said(table, "base");
    let reader = reader(table, folder);
    let user_filter = filter(table, "user_filter", USER_FILTER, "{user}", "the name that was typed", Filter::asks_user);
    let group_filter =
        filter(table, "group_filter", GROUP_FILTER, "{dn}", "whoever's groups they are", Filter::asks_dn);
    let ca_file = ca_file(table, folder);
    let settings = Ldap {
        servers,
        base: base.as_ref().map(|base| base.value.trim().to_owned()).unwrap_or_default(),
        reader: reader?,
        user_filter: user_filter?,
        default_groups: format!("{:?}", group_filter.as_ref()?) == GROUP_FILTER,
        group_filter: group_filter?,
        ca_file,
        timeout: time(table, "timeout", 5, 1..=60),
        refresh: time(table, "refresh", 15 * 60, 1..=24 * 60 * 60),
        away_for: time(table, "away_for", 24 * 60 * 60, 0..=30 * 24 * 60 * 60),
    };
    if urls.is_empty() {
        for key in ["base", "bind_dn", "bind_password_file", "ca_file"] {
            if let Some(text) = said(table, key) {
                table.note(Problem::warning(text.span, format!("`{key}` changes nothing"), "no `url` is named"));
            }
        }
        return None;
    }
    if base.is_none() {
        let at = urls.first().map_or(0..0, |url| url.span.clone());
        let label = "name where its people are: `base = \"DC=example,DC=fr\"`";
        table.note(Problem::error(at, "a directory is named, and not where to search in it", label));
        return None;
    }
    (!settings.servers.is_empty()).then_some(settings)
}

fn server(table: &Table<'_>, url: &Located<&str>) -> Option<Server> {
    // A base or a filter behind the port is said by keys of their own.
    match Server::parse(url.value.strip_suffix('/').unwrap_or(url.value), &FORMS) {
        Ok(server) => Some(server),
        Err(why) => {
            let what = format!("`{}` is not a valid directory: {why}", url.value);
            table.note(Problem::error(url.span.clone(), what, SUCH_AS));
            None
        }
    }
}

/// Who reads: a name and a password, or neither. The outer `None`: something is wrong with them, and was noted.
fn reader(table: &Table<'_>, folder: &Path) -> Option<Option<(String, Secret)>> {
    let (dn, file) = (said(table, "bind_dn"), said(table, "bind_password_file"));
    let (dn, file) = match (dn, file) {
        (None, None) => return Some(None),
        (Some(dn), Some(file)) => (dn, file),
        (Some(dn), None) => {
            let label = "`bind_password_file` names the file that has it";
            table.note(Problem::error(dn.span, "`bind_dn` has no password", label));
            return None;
        }
        (None, Some(file)) => {
            let label = "`bind_dn` says whose it is";
            table.note(Problem::error(file.span, "`bind_password_file` is nobody's password", label));
            return None;
        }
    };
    let path = folder.join(file.value);
    if let Some((what, remedy)) = files::open_to_others(&path) {
        table.note(Problem::error(file.span.clone(), format!("the password of `bind_password_file` {what}"), remedy));
    }
    let why = match std::fs::read_to_string(&path) {
        Ok(content) => match content.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => return Some(Some((dn.value.to_owned(), Secret::new(line)))),
            None => format!("{}: its first line is empty", path.display()),
        },
        Err(why) => format!("{}: {why}", path.display()),
    };
    table.note(Problem::error(file.span, "the password of `bind_password_file` cannot be read", why));
    None
}

/// A filter with the place it needs.
fn filter(
    table: &Table<'_>,
    key: &str,
    default: &str,
    place: &str,
    whose: &str,
    has: impl Fn(&Filter) -> bool,
) -> Option<Filter> {
    let text = said(table, key);
    let written = text.as_ref().map_or(default, |text| text.value);
    let span = text.as_ref().map_or(0..0, |text| text.span.clone());
    match Filter::parse(written) {
        Ok(filter) if has(&filter) => Some(filter),
        Ok(_) => {
            let what = format!("`{key}` finds the same for everybody");
            table.note(Problem::error(span, what, format!("write `{place}` where {whose} goes: `{default}`")));
            None
        }
        Err(why) => {
            let what = format!("`{key}` is not a filter (RFC 4515): {why}");
            table.note(Problem::error(span, what, format!("expected such as `{default}`")));
            None
        }
    }
}

/// A time in seconds, within bounds.
fn time(table: &Table<'_>, key: &str, default: u64, bounds: std::ops::RangeInclusive<u64>) -> Duration {
    let Some(time) = table.duration(key) else { return Duration::from_secs(default) };
    if !(Duration::from_secs(*bounds.start())..=Duration::from_secs(*bounds.end())).contains(&time.value) {
        let label = match bounds.end() {
            60 => "expected 1s to 1m",
            86_400 => "expected 1s to 24h",
            _ => "expected 0s to 30d",
        };
        table.note(Problem::error(time.span, format!("`{key}` is out of bounds"), label));
    }
    time.value
}
