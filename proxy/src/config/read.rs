//! The text of the configuration turned into values: every key with its default, every problem with its place.

mod accounts;
mod directory;
mod identity;
pub(crate) mod kerberos;
mod log;
mod network;
mod outward;
mod roles;
mod upstream;

use super::parent::covered;
use super::{CharterFile, Config, Limits, Method, Organisation, Parent};
use crate::pages::Language;
use jiff::tz::TimeZone;
use policy::document::{Document, Located, Table};
use policy::problem::nearest;
use policy::{Problem, Problems, Source};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Reads the whole file: the configuration, which is only to be used when there is no problem beside it, and the
/// warnings. Relative paths start from `folder`. No report shows a password.
pub(super) fn config(source: &Source, folder: &Path) -> (Config, Result<Vec<Problem>, Problems>) {
    let document = Document::parse(source);
    let config = root(document.root(), folder);
    let outcome = document.finish().map_err(|mut problems| {
        problems.source.text = covered(&problems.source.text);
        for problem in &mut problems.problems {
            problem.message = covered(&problem.message);
        }
        problems
    });
    (config, outcome)
}

fn root(root: Table<'_>, folder: &Path) -> Config {
    let path = |key: &str, default: &str| {
        let named = if root.has(key) { root.required_string(key) } else { None };
        folder.join(named.map_or(default, |text| text.value))
    };
    const CHARTER: &str = "charter.toml";
    let charter = path("charter", CHARTER);
    let charter = CharterFile { required: charter != folder.join(CHARTER), path: charter };
    let config = Config {
        data_dir: path("data_dir", "octroi-data"),
        charter,
        locale: root
            .word("locale", &[("fr", Language::French), ("en", Language::English)])
            .map_or(Language::French, |word| word.value),
        time_zone: time_zone(&root),
        organisation: section(&root, "organisation", organisation),
        listen: section(&root, "listen", |table: Option<&Table<'_>>| network::listen(table, folder)),
        clients: section(&root, "clients", network::clients),
        destinations: section(&root, "destinations", network::destinations),
        dns: section(&root, "dns", network::dns),
        upstream: section(&root, "upstream", |table: Option<&Table<'_>>| upstream::upstream(table, folder)),
        identity: section(&root, "identity", |table: Option<&Table<'_>>| identity::identity(table, folder)),
        log: section(&root, "log", |table: Option<&Table<'_>>| log::log(table, folder)),
        roles: section(&root, "roles", roles::roles),
        legal: section(&root, "legal", roles::legal),
        limits: section(&root, "limits", limits),
    };
    section(&root, "inspection", |table: Option<&Table<'_>>| {
        later_word(table, "mode", &["off"], &["block-page", "selected"]);
    });
    section(&root, "antivirus", |table: Option<&Table<'_>>| {
        later_texts(table, &["icap"], &[]);
        // Without an address of an antivirus, either word changes nothing.
        if let Some(table) = table {
            table.word("on_failure", &[("allow", ()), ("block", ())]);
            table.hide(&["on_failure"]);
        }
    });
    root.hide(&["inspection", "antivirus"]);
    beside_each_other(&root, &config);
    keys_apart(&root, &config);
    root.end();
    config
}

/// Reads a section; one that is absent is read as an empty one, so that defaults are written once.
fn section<'d, T>(parent: &Table<'d>, key: &str, read: impl FnOnce(Option<&Table<'d>>) -> T) -> T {
    let table = parent.table(key);
    let value = read(table.as_ref());
    if let Some(table) = table {
        table.end();
    }
    value
}

fn time_zone(root: &Table<'_>) -> TimeZone {
    let name = root.string("time_zone").unwrap_or(Located { value: "Europe/Paris", span: 0..0 });
    TimeZone::get(&name).unwrap_or_else(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let label = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("nearest: `{near}`"),
            None => "expected a name of the time zone database, such as \"Europe/Paris\"".to_owned(),
        };
        root.note(Problem::error(name.span.clone(), format!("`{}` is not a known time zone", name.value), label));
        TimeZone::UTC
    })
}

fn organisation(table: Option<&Table<'_>>) -> Organisation {
    let text = |key: &str| table.and_then(|table| table.string(key)).map(|text| text.value.trim()).unwrap_or_default();
    let mail = |key: &str| {
        let value = text(key);
        if let Some(table) = table
            && !value.is_empty()
            && !value.contains('@')
            && let Some(at) = table.string(key)
        {
            let what = format!("`{key}` is not a valid e-mail address");
            table.note(Problem::warning(at.span, what, "pages tell people to write to it"));
        }
        value.to_owned()
    };
    Organisation {
        name: text("name").to_owned(),
        address: table.map(address).unwrap_or_default(),
        contact: mail("contact"),
        dpo: mail("dpo"),
    }
}

/// The postal address: one text, a line of it a line of the envelope.
fn address(table: &Table<'_>) -> Vec<String> {
    const LINES: usize = 8;
    const CHARS: usize = 100;
    let Some(text) = table.string("address") else { return Vec::new() };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let no_line = |line: &&str| line.chars().count() > CHARS || line.chars().any(char::is_control);
    if lines.len() > LINES || lines.iter().any(no_line) {
        let label = format!("expected {LINES} lines of {CHARS} characters at most");
        table.note(Problem::error(text.span, "`address` is no postal address", label));
    }
    lines.into_iter().map(str::to_owned).collect()
}

fn limits(table: Option<&Table<'_>>) -> Limits {
    let time = |key: &str, default: Duration| {
        let Some((table, time)) = table.and_then(|table| Some((table, table.duration(key)?))) else { return default };
        if !(Duration::from_millis(100)..=Duration::from_secs(24 * 60 * 60)).contains(&time.value) {
            table.note(Problem::error(time.span, format!("`{key}` is out of bounds"), "expected 100ms to 24h"));
        }
        time.value
    };
    let count = |key: &str, default: usize| {
        let count = table.and_then(|table| table.integer(key, 1..=1_000_000));
        count.and_then(|count| usize::try_from(count.value).ok()).unwrap_or(default)
    };
    let header_bytes = table.and_then(|table| Some((table, table.size("header_bytes")?)));
    let limits = Limits {
        header_bytes: header_bytes.map_or(65536, |(table, size)| {
            if !(1024..=1 << 20).contains(&size.value) {
                let what = "`header_bytes` is out of bounds";
                table.note(Problem::error(size.span, what, "expected 1024 to 1048576"));
            }
            usize::try_from(size.value).unwrap_or(65536)
        }),
        header_timeout: time("header_timeout", Duration::from_secs(10)),
        connect_timeout: time("connect_timeout", Duration::from_secs(10)),
        idle_timeout: time("idle_timeout", Duration::from_secs(5 * 60)),
        connections: count("connections", 20_000),
        connections_per_client: count("connections_per_client", 512),
        // Empty as the default is written, not to be told from a key that is absent.
        bandwidth: table
            .filter(|table| table.string("bandwidth").is_some_and(|text| !text.is_empty()))
            .and_then(|table| table.rate("bandwidth"))
            .map(|rate| rate.value),
        shutdown_grace: time("shutdown_grace", Duration::from_secs(30)),
    };
    if let Some(table) = table
        && limits.connections_per_client > limits.connections
        && let Some(at) = table.key("connections_per_client").or(table.key("connections"))
    {
        let what = format!(
            "one client may open {} connections, all together {}",
            limits.connections_per_client, limits.connections
        );
        let mut problem = Problem::error(at.clone(), what, "one client cannot have more than all");
        if let Some(all) = table.key("connections").filter(|all| *all != at) {
            problem = problem.also(all, "all together");
        }
        table.note(problem);
    }
    limits
}

/// What only shows when two sections are read together.
fn beside_each_other(root: &Table<'_>, config: &Config) {
    let outside = config.listen.proxy.iter().find(|address| !address.ip().is_loopback());
    if let (Some(address), true) = (outside, config.identity.methods.contains(&Method::Basic))
        && let Some(at) = root.table("identity").and_then(|identity| identity.key("methods"))
    {
        let what = format!("passwords will cross the network unencrypted, to {address}");
        let mut problem = Problem::warning(at, what, "`basic` hides nothing");
        if let Some(listen) = root.table("listen").and_then(|listen| listen.key("proxy")) {
            problem = problem.also(listen, "reachable from other machines");
        }
        root.note(problem);
    }
    let own = |parent: &Parent| {
        let ip: Option<IpAddr> = parent.server.host.parse().ok();
        let sockets = config.listen.proxy.iter().chain([&config.listen.console]);
        let is = |socket: &&SocketAddr| socket.port() == parent.server.port && ip == Some(socket.ip());
        sockets.into_iter().any(|socket| is(&socket))
    };
    if config.upstream.parent.as_ref().is_some_and(own)
        && let Some(at) = root.table("upstream").and_then(|upstream| upstream.key("parent"))
    {
        root.note(Problem::error(at, "the parent proxy is this gate itself", "name the proxy behind it"));
    }
}

/// Keys beside what they open: whoever copies the one must not get the other.
fn keys_apart(root: &Table<'_>, config: &Config) {
    if config.keys_dir().starts_with(&config.data_dir)
        && let Some(at) = root.table("log").and_then(|log| log.key("keys"))
    {
        let what = "the keys of the register lie in the data folder";
        root.note(Problem::error(at, what, "a backup of the folder would hold them: name a folder outside of it"));
    }
}

/// A list of texts; `empty` is noted when it holds none.
fn texts<'d>(
    table: &Table<'d>,
    key: &str,
    empty: impl FnOnce(Range<usize>) -> Problem,
) -> Option<Vec<Located<&'d str>>> {
    let texts = table.strings(key)?;
    if let (true, Some(at)) = (texts.is_empty(), table.key(key)) {
        table.note(empty(at));
    }
    Some(texts)
}

/// Texts and lists of a later version, whose default is to be empty.
fn later_texts(table: Option<&Table<'_>>, texts: &[&str], lists: &[&str]) {
    let Some(table) = table else { return };
    table.hide(texts);
    table.hide(lists);
    for key in texts {
        if let Some(text) = table.string(key).filter(|text| !text.is_empty()) {
            later(table, key, text.span);
        }
    }
    for key in lists {
        if table.strings(key).is_some_and(|list| !list.is_empty())
            && let Some(span) = table.key(key)
        {
            later(table, key, span);
        }
    }
}

/// A word some values of which belong to a later version.
fn later_word(table: Option<&Table<'_>>, key: &str, now: &[&str], from_later: &[&str]) {
    let Some((table, word)) = table.and_then(|table| Some((table, table.string(key)?))) else { return };
    if from_later.contains(&word.value) {
        later(table, word.value, word.span);
    } else {
        // The words of today change nothing: only a wrong one matters.
        table.one_of(key, &word, &now.iter().map(|word| (*word, ())).collect::<Vec<_>>());
    }
}

/// Refuses what a later version does: left out silently, it would leave the gate more open than it looks.
fn later(table: &Table<'_>, what: &str, span: Range<usize>) {
    let message = format!("`{what}` is not supported yet");
    table.note(Problem::error(span, message, "this version does not do it; leave the default"));
}
