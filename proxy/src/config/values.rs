//! Values of the configuration that are types of their own: sets of networks, sets of ports, servers.

use ipnet::IpNet;
use policy::Target;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A set of networks. An IPv4 address written as IPv6 (`::ffff:10.0.0.5`) is the IPv4 address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<IpNet>);

impl Networks {
    /// The set of these networks.
    pub(crate) fn new(networks: Vec<IpNet>) -> Networks {
        Networks(networks)
    }

    /// Whether one of them holds the address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Names given to addresses and to networks: the longest prefix that holds an address names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AddressNames {
    addresses: HashMap<IpAddr, String>,
    /// The longest prefixes first.
    networks: Vec<(IpNet, String)>,
}

impl AddressNames {
    /// These names.
    pub(crate) fn new(named: impl IntoIterator<Item = (IpNet, String)>) -> AddressNames {
        let mut names = AddressNames::default();
        for (network, name) in named {
            if network.prefix_len() == network.max_prefix_len() {
                names.addresses.insert(network.addr(), name);
            } else {
                names.networks.push((network, name));
            }
        }
        names.networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        names
    }

    /// The name of an address.
    pub(crate) fn get(&self, address: &IpAddr) -> Option<&String> {
        let address = address.to_canonical();
        let of_network = || self.networks.iter().find(|(network, _)| network.contains(&address)).map(|(_, name)| name);
        self.addresses.get(&address).or_else(of_network)
    }
}

/// A set of ports, 1 to 65535.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// The set of these ranges.
    pub(crate) fn new(ranges: Vec<RangeInclusive<u16>>) -> Ports {
        Ports(ranges)
    }

    /// Whether the port is one of them.
    pub(crate) fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
}

/// A server the gate connects to of its own accord: `tls://siem.example:6514`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Name in normal form, or address; without brackets.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// TLS from the first byte.
    pub(crate) secure: bool,
    scheme: &'static str,
}

/// A scheme that a server may be written with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// `tls`.
    pub(crate) scheme: &'static str,
    /// Whether it means TLS from the first byte.
    pub(crate) secure: bool,
    /// The port when none is written; without one it must be.
    pub(crate) port: Option<u16>,
}

impl Server {
    /// Reads a server of one of these forms. The error is a clause.
    pub(crate) fn parse(text: &str, forms: &[Form]) -> Result<Server, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        let form = forms.iter().find(|form| form.scheme == scheme).ok_or("its scheme is not known here")?;
        let (host, port) = match rest.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match (port, form.port) {
            (Some(port), _) => port.parse().ok().filter(|port| *port != 0).ok_or("its port is not one")?,
            (None, Some(port)) => port,
            (None, None) => return Err("it has no port".to_owned()),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = Target::of_host(host).map_err(|why| why.to_string())?;
        let host = target.ip().map_or_else(|| target.host().to_owned(), |ip| ip.to_string());
        Ok(Server { host, port, secure: form.secure, scheme: form.scheme })
    }

    /// Whether what is sent there stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server { host, port, scheme, .. } = self;
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_names_an_address() {
        let named =
            [("10.0.8.0/24", "atelier"), ("10.0.0.0/8", "usine"), ("10.0.8.5/32", "poste"), ("fd00::/8", "six")];
        let names = named.map(|(network, name)| (network.parse().expect("a network"), name.to_owned()));
        let names = AddressNames::new(names);
        let name = |text: &str| names.get(&text.parse().expect("an address")).map(String::as_str);
        assert_eq!(
            [name("10.0.8.5"), name("10.0.8.6"), name("10.0.9.1")],
            [Some("poste"), Some("atelier"), Some("usine")]
        );
        assert_eq!([name("::ffff:10.0.8.6"), name("fd00::1"), name("11.0.0.1")], [Some("atelier"), Some("six"), None]);
    }

    #[test]
    fn networks_hold_mapped_addresses() {
        let set = Networks::new(["10.0.0.0/8", "::1/128"].map(|text| text.parse().expect("a network")).to_vec());
        let holds = |text: &str| set.contains(text.parse().expect("an address"));
        assert!(holds("10.200.0.1") && holds("::ffff:10.200.0.1") && holds("::1"));
        assert!(!holds("11.0.0.1") && !holds("::2"));
    }

    #[test]
    fn ports_are_single_or_ranges() {
        let set = Ports::new(vec![443..=443, 1024..=65535]);
        assert!(set.contains(443) && set.contains(1024) && set.contains(65535));
        assert!(!set.contains(80) && !set.contains(1023));
    }

    #[test]
    fn servers_have_a_scheme_a_host_and_a_port() {
        let forms = [
            Form { scheme: "tcp", secure: false, port: None },
            Form { scheme: "smtps", secure: true, port: Some(465) },
        ];
        let read = |text: &str| Server::parse(text, &forms).map(|server| server.to_string());
        for (text, normal) in [
            ("tcp://Siem.Example.:514", "tcp://siem.example:514"),
            ("tcp://[::1]:514", "tcp://[::1]:514"),
            ("smtps://mail.example", "smtps://mail.example:465"),
            ("smtps://[fd00::5]", "smtps://[fd00::5]:465"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(normal));
        }
        for text in [
            "",
            "siem.example:514",
            "udp://siem.example:514",
            "tcp://siem.example",
            "tcp://:514",
            "tcp://a:0",
            "tcp://a:70000",
            "tcp://user@a:514",
            "tcp://a:514/",
            "tcp://a b:514",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(Server::parse("tcp://127.0.0.2:1", &forms).is_ok_and(|server| server.is_local() && !server.secure));
    }
}
