//! Values of the configuration that are types of their own: sets of networks, sets of ports.

use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A set of networks. An IPv4 address written as IPv6 (`::ffff:10.0.0.5`) is the IPv4 address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// The set of these networks.
    pub fn new(networks: Vec<IpNet>) -> Networks {
        Networks(networks)
    }

    /// Whether one of them holds the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The networks, as written.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `10.0.0.0/8`, or an address alone, which is the network of that address.
    pub(super) fn parse_one(text: &str) -> Option<IpNet> {
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?.to_canonical()),
        };
        Some(network.trunc())
    }
}

/// A set of ports, 1 to 65535.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// The set of these ranges.
    pub fn new(ranges: Vec<RangeInclusive<u16>>) -> Ports {
        Ports(ranges)
    }

    /// Whether the port is one of them.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }

    /// The ranges, as written.
    pub fn iter(&self) -> impl Iterator<Item = &RangeInclusive<u16>> {
        self.0.iter()
    }

    /// `443` or `1024-65535`; port 0 is none, and a range runs upwards.
    pub(super) fn parse_one(text: &str) -> Option<RangeInclusive<u16>> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (from >= 1 && from <= to).then_some(from..=to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_mapped_addresses_and_single_ones() {
        let set = Networks::new(["10.1.2.3/8", "::1"].into_iter().filter_map(Networks::parse_one).collect());
        let holds = |text: &str| set.contains(text.parse().expect("an address"));
        assert!(holds("10.200.0.1") && holds("::ffff:10.200.0.1") && holds("::1"));
        assert!(!holds("11.0.0.1") && !holds("::2"));
        assert_eq!(Networks::parse_one("10.0.0.0/33"), None);
        assert_eq!(Networks::parse_one("example.fr"), None);
    }

    #[test]
    fn ports_are_single_or_ranges() {
        assert_eq!(Ports::parse_one("443"), Some(443..=443));
        assert_eq!(Ports::parse_one("1024-65535"), Some(1024..=65535));
        for wrong in ["0", "65536", "20-10", "-5", "http", "", "1-2-3"] {
            assert_eq!(Ports::parse_one(wrong), None, "{wrong}");
        }
    }
}
