//! Values of the configuration that are types of their own: sets of networks, sets of ports.

use ipnet::IpNet;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
