//! `[listen]`, `[clients]`, `[destinations]`, `[dns]`: addresses, networks, ports and names.

use super::{section, texts};
use crate::config::{Clients, Destinations, Dns, Ech, Listen, Networks, Ports, ProxyTls};
use ipnet::IpNet;
use policy::document::{Located, Table};
use policy::{Problem, Target};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::path::Path;

pub(super) fn listen(table: Option<&Table<'_>>, folder: &Path) -> Listen {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Some(table) = table else {
        return Listen {
            proxy: vec![local(3128)],
            proxy_tls: Vec::new(),
            console: local(3180),
            proxy_protocol: Networks::default(),
        };
    };
    let address = |text: Located<&str>| {
        let value = socket(table, &text)?;
        Some(Located { value, span: text.span })
    };
    let tables = table.tables("proxy_tls").unwrap_or_default();
    let nowhere = tables.is_empty();
    let secure: Vec<_> = tables.into_iter().filter_map(|table| proxy_tls(table, folder)).collect();
    let texts = table.strings("proxy");
    if let (true, Some([]), Some(at)) = (nowhere, texts.as_deref(), table.key("proxy")) {
        table.note(Problem::error(at, "the gate listens nowhere", "name at least one address"));
    }
    let proxy = texts.map(|texts| texts.into_iter().filter_map(address).collect::<Vec<_>>());
    let console = table.string("console").and_then(address);
    let places = secure.iter().map(|one| &one.0);
    let all: Vec<&Located<SocketAddr>> = proxy.iter().flatten().chain(places).chain(console.as_ref()).collect();
    for (n, second) in all.iter().enumerate() {
        if let Some(first) = all[..n].iter().find(|first| collide(first.value, second.value)) {
            let what = format!("`{}` and `{}` cannot both be listened on", first.value, second.value);
            let problem = Problem::error(second.span.clone(), what, "give one of them another port");
            table.note(problem.also(first.span.clone(), "taken here"));
        }
    }
    // What is listened on by default is written nowhere: the address that stands in its way is shown.
    let defaults = [("proxy", local(3128), proxy.is_none()), ("console", local(3180), console.is_none())];
    for (key, default, _) in defaults.into_iter().filter(|(.., unwritten)| *unwritten) {
        for other in all.iter().filter(|other| collide(default, other.value)) {
            let what = format!("`{}` is taken: `{key}` is {default} by default", other.value);
            let label = format!("give it another port, or write `{key}`");
            table.note(Problem::error(other.span.clone(), what, label));
        }
    }
    Listen {
        proxy: proxy
            .map(|all| all.into_iter().map(|address| address.value).collect())
            .unwrap_or_else(|| vec![local(3128)]),
        proxy_tls: secure.into_iter().map(|(_, one)| one).collect(),
        console: console.map_or(local(3180), |address| address.value),
        proxy_protocol: balancers(table),
    }
}

/// Whoever connects from one of these networks says which address counts.
fn balancers(table: &Table<'_>) -> Networks {
    let balancers = table.networks("proxy_protocol").unwrap_or_default();
    for everybody in balancers.iter().filter(|network| network.prefix_len() == 0) {
        let what = "anybody may say that they come from any address";
        table.note(Problem::error(everybody.span.clone(), what, "name the load balancers, such as \"10.0.0.2/32\""));
    }
    networks(balancers)
}

/// One address with TLS, and where it stands in the text. What its files hold is looked at when they are read.
fn proxy_tls(table: Table<'_>, folder: &Path) -> Option<(Located<SocketAddr>, ProxyTls)> {
    let text = table.required_string("address");
    let address = text.as_ref().and_then(|text| socket(&table, text));
    let file = |key: &str| table.required_string(key).map(|text| folder.join(text.value));
    let (certificate, key) = (file("certificate"), file("key"));
    table.end();
    let (address, span) = (address?, text?.span);
    let one = ProxyTls { address, certificate: certificate?, key: key? };
    Some((Located { value: address, span }, one))
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
        let what = format!("`{}` is not a valid address to listen on", text.value);
        let label = "expected an address and a port, such as \"127.0.0.1:3128\" or \"[::1]:3128\"";
        table.note(Problem::error(text.span.clone(), what, label));
    }
    address
}

pub(super) fn clients(table: Option<&Table<'_>>) -> Clients {
    const LOCAL: [&str; 7] =
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"];
    let nobody = |at| Problem::warning(at, "nobody may use this gate", "name the networks of the organisation");
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

pub(super) fn destinations(table: Option<&Table<'_>>) -> Destinations {
    let ports = |key: &str, default: &[RangeInclusive<u16>]| {
        let ports = table.and_then(|table| table.ports(key));
        let ports = ports.map(|ports| ports.into_iter().map(|range| range.value).collect());
        Ports::new(ports.unwrap_or_else(|| default.to_vec()))
    };
    let allow_private = table.and_then(|table| table.networks("allow_private")).unwrap_or_default();
    if let Some(table) = table {
        for everything in allow_private.iter().filter(|network| network.prefix_len() == 0) {
            let what = "every internal address is reachable through this gate, this machine's own among them";
            table.note(Problem::warning(everything.span.clone(), what, "name the services that must be reached"));
        }
    }
    Destinations {
        connect_ports: ports("connect_ports", &[443..=443]),
        http_ports: ports("http_ports", &[80..=80, 443..=443, 1024..=65535]),
        allow_private: networks(allow_private),
        ech: table
            .and_then(|table| table.word("ech", &[("allow", Ech::Allow), ("block", Ech::Block)]))
            .map_or(Ech::Allow, |word| word.value),
    }
}

pub(super) fn dns(table: Option<&Table<'_>>) -> Dns {
    let Some(table) = table else { return Dns::default() };
    let server = |text: Located<&str>| {
        let address = text.value.parse().ok();
        let address = address.or_else(|| Some(SocketAddr::new(text.value.parse::<IpAddr>().ok()?, 53)));
        if address.is_none() {
            let what = format!("`{}` is not a valid address of a resolver", text.value);
            table.note(Problem::error(
                text.span,
                what,
                "expected an address, such as \"10.0.0.2\" or \"10.0.0.2:5353\"",
            ));
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
                table.note(Problem::error(name.span, format!("`{}` is not a valid name", name.value), why.to_string()));
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

pub(super) fn address(table: &Table<'_>, text: &Located<&str>) -> Option<IpAddr> {
    let address = text.value.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if address.is_none() {
        let what = format!("`{}` is not a valid address", text.value);
        table.note(Problem::error(text.span.clone(), what, "expected such as \"10.0.0.5\""));
    }
    address
}
