//! The text of the configuration turned into values: every key with its default, every problem with its place.

use super::{
    CharterFile, Clients, Config, Destinations, Detail, Dns, Durability, Identity, Limits, Listen, Log, Method,
    Networks, Organisation, Ports, Purpose,
};
use crate::pages::Language;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use policy::document::{Document, Located, Table};
use policy::problem::nearest;
use policy::{Problem, Problems, Source, Target};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

/// The day count from which a reason must be written (law: one year).
const YEAR: u16 = 365;
/// The shortest retention within the recommended range (six months).
const SIX_MONTHS: u16 = 180;
/// No record is kept longer, whatever the reason.
const LONGEST_RETENTION: u16 = 1095;

/// Reads the whole file: the configuration, which is only to be used when there is no problem beside it, and the
/// warnings. Relative paths start from `folder`.
pub(super) fn config(source: &Source, folder: &Path) -> (Config, Result<Vec<Problem>, Problems>) {
    let document = Document::parse(source);
    let config = root(document.root(), folder);
    (config, document.finish())
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
        listen: section(&root, "listen", listen),
        clients: section(&root, "clients", clients),
        destinations: section(&root, "destinations", destinations),
        dns: section(&root, "dns", dns),
        identity: section(&root, "identity", identity),
        log: section(&root, "log", log),
        limits: section(&root, "limits", limits),
    };
    section(&root, "upstream", |table: Option<&Table<'_>>| later_texts(table, &["parent"], &["direct"]));
    section(&root, "inspection", |table: Option<&Table<'_>>| {
        later_word(table, "mode", &[("off", None), ("block-page", Some("block-page")), ("selected", Some("selected"))]);
    });
    section(&root, "antivirus", |table: Option<&Table<'_>>| {
        later_texts(table, &["icap"], &[]);
        // Without an address of an antivirus, either word changes nothing.
        let _ = table.and_then(|table| table.word("on_failure", &[("allow", ()), ("block", ())]));
    });
    beside_each_other(&root, &config);
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
        root.note(Problem::error(name.span.clone(), format!("`{}` is no time zone", name.value), label));
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
            let what = format!("`{key}` is no e-mail address");
            table.note(Problem::warning(at.span, what, "pages tell people to write to it"));
        }
        value.to_owned()
    };
    Organisation { name: text("name").to_owned(), contact: mail("contact"), dpo: mail("dpo") }
}

fn listen(table: Option<&Table<'_>>) -> Listen {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Some(table) = table else { return Listen { proxy: vec![local(3128)], console: local(3180) } };
    let address = |text: Located<&str>| {
        let value = socket(table, &text)?;
        Some(Located { value, span: text.span })
    };
    let proxy = texts(table, "proxy", |at| Problem::error(at, "the gate listens nowhere", "name at least one address"));
    let proxy = proxy.map(|texts| texts.into_iter().filter_map(address).collect::<Vec<_>>());
    let console = table.string("console").and_then(address);
    let all: Vec<&Located<SocketAddr>> = proxy.iter().flatten().chain(console.as_ref()).collect();
    for (n, second) in all.iter().enumerate() {
        if let Some(first) = all[..n].iter().find(|first| collide(first.value, second.value)) {
            let what = format!("`{}` and `{}` cannot both be listened on", first.value, second.value);
            let problem = Problem::error(second.span.clone(), what, "give one of them another port");
            table.note(problem.also(first.span.clone(), "taken here"));
        }
    }
    if table.tables("proxy_tls").is_some_and(|tables| !tables.is_empty())
        && let Some(span) = table.key("proxy_tls")
    {
        later(table, "proxy_tls", span);
    }
    Listen {
        proxy: proxy
            .map(|all| all.into_iter().map(|address| address.value).collect())
            .unwrap_or_else(|| vec![local(3128)]),
        console: console.map_or(local(3180), |address| address.value),
    }
}

/// Whether the system refuses to bind both. Port 0 is any free port and collides with none.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    let same_ip = a.ip() == b.ip() || (same_family && (a.ip().is_unspecified() || b.ip().is_unspecified()));
    a.port() != 0 && a.port() == b.port() && same_ip
}

fn socket(table: &Table<'_>, text: &Located<&str>) -> Option<SocketAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        let what = format!("`{}` is no address to listen on", text.value);
        let label = "expected an address and a port, such as \"127.0.0.1:3128\" or \"[::1]:3128\"";
        table.note(Problem::error(text.span.clone(), what, label));
    }
    address
}

fn clients(table: Option<&Table<'_>>) -> Clients {
    const LOCAL: [&str; 7] =
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"];
    let nobody =
        |at| Problem::warning(at, "nobody may use this gate", "name the networks of the organisation");
    let Some((table, allow)) = table.and_then(|table| Some((table, texts(table, "allow", nobody)?))) else {
        return Clients { allow: Networks::new(LOCAL.iter().filter_map(|text| text.parse().ok()).collect()) };
    };
    let allow: Vec<Located<IpNet>> = allow.iter().filter_map(|text| table.network(text)).collect();
    for everybody in allow.iter().filter(|network| network.prefix_len() == 0) {
        let what = "anybody may use this gate";
        table.note(Problem::warning(everybody.span.clone(), what, "name the networks of the organisation"));
    }
    Clients { allow: networks(allow) }
}

fn networks(located: Vec<Located<IpNet>>) -> Networks {
    Networks::new(located.into_iter().map(|network| network.value).collect())
}

fn destinations(table: Option<&Table<'_>>) -> Destinations {
    let ports = |key: &str, default: &[RangeInclusive<u16>]| {
        let ports = table.and_then(|table| table.ports(key));
        let ports = ports.map(|ports| ports.into_iter().map(|range| range.value).collect());
        Ports::new(ports.unwrap_or_else(|| default.to_vec()))
    };
    Destinations {
        connect_ports: ports("connect_ports", &[443..=443]),
        http_ports: ports("http_ports", &[80..=80, 443..=443, 1024..=65535]),
        allow_private: networks(table.and_then(|table| table.networks("allow_private")).unwrap_or_default()),
    }
}

fn dns(table: Option<&Table<'_>>) -> Dns {
    let Some(table) = table else { return Dns::default() };
    let server = |text: Located<&str>| {
        let address = text.value.parse().ok();
        let address = address.or_else(|| Some(SocketAddr::new(text.value.parse::<IpAddr>().ok()?, 53)));
        if address.is_none() {
            let what = format!("`{}` is no resolver", text.value);
            table.note(Problem::error(text.span, what, "expected an address, such as \"10.0.0.2\" or \"10.0.0.2:5353\""));
        }
        address
    };
    let servers = table.strings("servers").unwrap_or_default().into_iter().filter_map(server).collect();
    let hosts = section(table, "hosts", |hosts| hosts.map(dns_hosts).unwrap_or_default());
    Dns { servers, hosts }
}

fn dns_hosts(table: &Table<'_>) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts = HashMap::new();
    let mut spans: HashMap<String, Range<usize>> = HashMap::new();
    for name in table.names() {
        let target = match Target::of_host(name.value) {
            Ok(target) if target.ip().is_none() => target,
            Ok(_) => {
                let what = format!("`{}` is an address, not a name", name.value);
                table.note(Problem::error(name.span, what, "addresses are not resolved"));
                continue;
            }
            Err(why) => {
                table.note(Problem::error(name.span, format!("`{}` is no name", name.value), why.to_string()));
                continue;
            }
        };
        if let Some(first) = spans.insert(target.host().to_owned(), name.span.clone()) {
            let what = format!("`{}` is given twice", target.host());
            table.note(Problem::error(name.span, what, "the same name").also(first, "first here"));
        }
        let texts = table.strings(name.value).unwrap_or_default();
        let addresses: Vec<IpAddr> = texts.into_iter().filter_map(|text| address(table, &text)).collect();
        hosts.insert(target.host().to_owned(), addresses);
    }
    hosts
}

fn address(table: &Table<'_>, text: &Located<&str>) -> Option<IpAddr> {
    let address = text.value.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if address.is_none() {
        let what = format!("`{}` is no address", text.value);
        table.note(Problem::error(text.span.clone(), what, "expected such as \"10.0.0.5\""));
    }
    address
}

fn identity(table: Option<&Table<'_>>) -> Identity {
    let Some(table) = table else {
        return Identity { methods: vec![Method::Address], realm: "Octroi".to_owned(), names: HashMap::new() };
    };
    let realm = table.string("realm").filter(|realm| {
        // RFC 9110 §11.5: a quoted string; what would need escaping in it is refused rather than escaped.
        let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
        let good = !realm.is_empty() && realm.chars().all(plain);
        if !good {
            let label = "expected plain letters, digits, signs and blanks, without quotes";
            table.note(Problem::error(realm.span.clone(), "browsers cannot show this realm", label));
        }
        good
    });
    section(table, "negotiate", |negotiate| later_texts(negotiate, &["keytab", "service"], &[]));
    section(table, "basic", |basic| later_word(basic, "source", &[("local", None), ("ldap", Some("ldap"))]));
    section(table, "ldap", |ldap| {
        later_texts(ldap, &["url", "base", "bind_dn", "bind_password_file", "ca_file"], &[]);
        // Filters do nothing without a directory, whose address is refused.
        for key in ["user_filter", "group_filter"] {
            let _ = ldap.and_then(|ldap| ldap.string(key));
        }
    });
    let names = section(table, "address", |address| {
        section_names(address.and_then(|address| address.table("names")))
    });
    Identity { methods: methods(table), realm: realm.map_or("Octroi", |realm| realm.value).to_owned(), names }
}

fn methods(table: &Table<'_>) -> Vec<Method> {
    let words = [
        ("basic", Ok(Method::Basic)),
        ("address", Ok(Method::Address)),
        ("negotiate", Err("negotiate")),
        ("portal", Err("portal")),
    ];
    let none = |at| Problem::error(at, "no method of identification is named", "`address` asks nothing of anybody");
    let Some(named) = texts(table, "methods", none) else { return vec![Method::Address] };
    let mut methods: Vec<(Method, Range<usize>)> = Vec::new();
    for word in &named {
        let method = match table.one_of("methods", word, &words) {
            None => continue,
            Some(Ok(method)) => method,
            Some(Err(name)) => {
                later(table, name, word.span.clone());
                continue;
            }
        };
        if let Some((_, first)) = methods.iter().find(|(known, _)| *known == method) {
            let problem = Problem::error(word.span.clone(), "a method is named twice", "the same");
            table.note(problem.also(first.clone(), "first here"));
        } else if let Some((_, first)) = methods.iter().find(|(known, _)| *known == Method::Address) {
            let problem = Problem::warning(word.span.clone(), "this method is never asked", "put it before `address`");
            table.note(problem.also(first.clone(), "an address always answers"));
        }
        methods.push((method, word.span.clone()));
    }
    methods.into_iter().map(|(method, _)| method).collect()
}

/// `[identity.address] names`: address to name.
fn section_names(table: Option<Table<'_>>) -> HashMap<IpAddr, String> {
    let Some(table) = table else { return HashMap::new() };
    let mut names = HashMap::new();
    for key in table.names() {
        let (Some(address), Some(name)) = (address(&table, &key), table.string(key.value)) else { continue };
        if name.trim().is_empty() || name.chars().any(|c| c.is_control()) {
            table.note(Problem::error(name.span, "this is no name", "expected such as \"poste-accueil\""));
            continue;
        }
        names.insert(address, name.value.trim().to_owned());
    }
    table.end();
    names
}

fn log(table: Option<&Table<'_>>) -> Log {
    let default = Log {
        detail: Detail::Host,
        retention_days: YEAR,
        retention_reason: String::new(),
        purposes: vec![Purpose::Security, Purpose::Charter],
        durability: Durability::Process,
    };
    let Some(table) = table else { return default };
    later_texts(Some(table), &["central"], &[]);
    let retention_reason = table.string("retention_reason").map(|text| text.value.trim()).unwrap_or_default();
    Log {
        detail: detail(table).unwrap_or(default.detail),
        retention_days: retention(table, retention_reason).unwrap_or(default.retention_days),
        retention_reason: retention_reason.to_owned(),
        purposes: purposes(table).unwrap_or(default.purposes),
        durability: table
            .word("durability", &[("process", Durability::Process), ("power", Durability::Power)])
            .map_or(default.durability, |word| word.value),
    }
}

fn detail(table: &Table<'_>) -> Option<Detail> {
    let detail = table.word("detail", &[("host", Detail::Host), ("path", Detail::Path), ("url", Detail::Url)])?;
    let warning = match detail.value {
        Detail::Host => None,
        Detail::Path => Some(("records will keep paths, which tell what was read", "`host` is enough to filter")),
        Detail::Url => Some((
            "records will keep query strings: searches, subjects of messages, tokens",
            "the impact assessment must justify it; `host` is enough to filter",
        )),
    };
    if let Some((what, label)) = warning {
        table.note(Problem::warning(detail.span, what, label));
    }
    Some(detail.value)
}

fn retention(table: &Table<'_>, reason: &str) -> Option<u16> {
    let days = table.integer("retention_days", 1..=i64::from(LONGEST_RETENTION))?;
    let span = days.span;
    let days = u16::try_from(days.value).ok()?;
    if days > YEAR && reason.is_empty() {
        let what = format!("{days} days are more than a year, and no reason is written");
        let label = "write it as `retention_reason`, or keep records 365 days at most";
        let mut problem = Problem::error(span, what, label);
        if let Some(empty) = table.key("retention_reason") {
            problem = problem.also(empty, "this says nothing");
        }
        table.note(problem);
    } else if days > YEAR {
        let what = format!("records are kept {days} days, longer than the year that the CNIL recommends at most");
        table.note(Problem::warning(span, what, "the reason written will be shown"));
    } else if days < SIX_MONTHS {
        let what = format!("records are kept {days} days, less than the six months to a year that the CNIL recommends");
        table.note(Problem::warning(span, what, "an intrusion is often found later"));
    }
    Some(days)
}

fn purposes(table: &Table<'_>) -> Option<Vec<Purpose>> {
    let words = Purpose::ALL.map(|purpose| (purpose.code(), purpose));
    let none = |at| {
        let what = "a register without a purpose may not be kept";
        Problem::error(at, what, "declare at least one: `security`, `charter`")
    };
    let named = texts(table, "purposes", none)?;
    Some(named.iter().filter_map(|text| table.one_of("purposes", text, &words)).collect())
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

/// A word some values of which belong to a later version: those carry their name.
fn later_word(table: Option<&Table<'_>>, key: &str, words: &[(&str, Option<&'static str>)]) {
    let word = table.and_then(|table| Some((table, table.word(key, words)?)));
    if let Some((table, word)) = word
        && let Some(name) = word.value
    {
        later(table, name, word.span);
    }
}

/// Refuses what a later version does: left out silently, it would leave the gate more open than it looks.
fn later(table: &Table<'_>, what: &str, span: Range<usize>) {
    let message = format!("`{what}` is not supported yet");
    table.note(Problem::error(span, message, "this version does not do it; leave the default"));
}
