//! Which addresses may be dialled.
use crate::config::Networks;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpStream;

/// Refuses addresses that are not the public Internet, unless the configuration lists them, and always the gate's own
/// sockets.
#[derive(Debug)]
pub(crate) struct Guard {
    allow_private: Networks,
    own: Vec<SocketAddr>,
}

impl Guard {
    /// `own`: the sockets this gate listens on.
    pub(crate) fn new(allow_private: Networks, own: Vec<SocketAddr>) -> Guard {
        Guard { allow_private, own }
    }

    /// Whether this address may be dialled.
    pub(crate) fn allows(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        self.allows_parent(address) && (is_public(ip.to_canonical()) || self.allow_private.contains(ip))
    }

    /// Whether a parent proxy may be dialled here: the configuration names it, so it may be anywhere but in the gate.
    pub(crate) fn allows_parent(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        // The unspecified address is this machine by another name.
        !ip.is_unspecified()
            && !self.own.iter().any(|own| own.port() == address.port() && own.ip().to_canonical() == ip)
    }

    /// Whether a connection has come back to this gate by an address of this machine that [`Guard::allows`] could not
    /// know: a socket bound to every address is reached by each of them. On other ports the system isn't asked.
    pub(crate) fn is_own(&self, stream: &TcpStream, dialled: SocketAddr) -> bool {
        if !self.own.iter().any(|own| own.port() == dialled.port() && own.ip().is_unspecified()) {
            return false;
        }
        // The system picks as source the very address it dials when that address is its own, or another loopback one.
        let ip = dialled.ip().to_canonical();
        ip.is_loopback() || stream.local_addr().map_or(true, |local| local.ip().to_canonical() == ip)
    }
}

/// Whether an address belongs to the public Internet: IANA's special-purpose registries (RFC 6890) left out, and with
/// them cloud metadata services, which live on link-local addresses. IPv6 addresses that carry an IPv4 one (mapped,
/// NAT64, 6to4, ISATAP) are judged by it too. A network that translates by a prefix of its own out of 2000::/3 carries IPv4
/// addresses that nobody outside of it can tell: there, name the network's prefix nowhere in `allow_private`, and have its
/// translator refuse private addresses (RFC 6052 §5.1).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0 // "this network"
        || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT, RFC 6598; also a provider's metadata service
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 192 && b == 88 && c == 99) // 6to4 relays, withdrawn
        || (a == 198 && (b == 18 || b == 19)) // benchmarking
        || a >= 240) // reserved
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let carried = match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] // mapped, RFC 4291 §2.5.5.2
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] // NAT64, RFC 6052
        | [0x2002, high, low, ..] // 6to4, RFC 3056
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some((high, low)), // ISATAP, RFC 5214 §6.1
        _ => None,
    };
    let carries_public = carried.map(|(high, low)| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    });
    // Only 2000::/3 is handed out as global unicast; the rest is local, multicast or nobody's: compatible addresses and
    // those of SIIT (::a.b.c.d, ::ffff:0:a.b.c.d) and a network's own NAT64 (64:ff9b:1::/48) among them.
    let global = segments[0] & 0xe000 == 0x2000 || (carried.is_some() && matches!(segments[0], 0 | 0x64));
    let special = match segments {
        [0x2001, second, ..] => second < 0x200 || second == 0xdb8, // Teredo, ORCHID, protocol assignments; documentation
        [0x3fff, second, ..] => second < 0x1000,                   // documentation, RFC 9637
        _ => false,
    };
    global && !special && carries_public.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::Guard;
    use crate::config::Networks;
    use std::net::SocketAddr;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_the_public_internet_by_default() {
        let guard = Guard::new(Networks::new(Vec::new()), Vec::new());
        for public in [
            "193.51.208.13:80",
            "[2001:660:5301::13]:443",
            "100.63.0.1:80",
            "[2002:c133:d00d::1]:80",
            "[64:ff9b::c133:d00d]:80",
            "[::ffff:193.51.208.13]:80",
            "[2001:660:5301::5efe:193.51.208.13]:80",
        ] {
            assert!(guard.allows(address(public)), "{public}");
        }
        for other in [
            "0.0.0.0:80",
            "0.1.2.3:80",
            "10.0.0.1:80",
            "100.64.0.1:80",
            "127.0.0.1:80",
            "127.255.255.254:80",
            "169.254.169.254:80",
            "172.16.0.1:80",
            "192.0.0.1:80",
            "192.168.1.1:80",
            "198.18.0.1:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "240.0.0.1:80",
            "[::]:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::7f00:1]:80",
            "[64:ff9b::7f00:1]:80",
            "[64:ff9b:1::a00:1]:80",
            "[::193.51.208.13]:80",
            "[::ffff:0:127.0.0.1]:80",
            "[::ffff:0:193.51.208.13]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[64:ff9b:1::c133:d00d]:80",
            "[2002:7f00:1::]:80",
            "[2002:a9fe:a9fe::1]:80",
            "[2001:660:5301::5efe:10.0.0.1]:80",
            "[2001:660:5301:0:200:5efe:127.0.0.1]:80",
            "[fe80::5efe:193.51.208.13]:80",
            "[2001:0:c133:d00d::1]:80",
            "[fc00::1]:80",
            "[fe80::1]:80",
            "[fec0::1]:80",
            "[ff02::1]:80",
            "[2001:db8::1]:80",
            "[2001::1]:80",
            "[100::1]:80",
            "[5f00::1]:80",
        ] {
            assert!(!guard.allows(address(other)), "{other}");
        }
    }

    #[test]
    fn what_the_configuration_lists_is_reachable_but_never_the_gate_itself() {
        let lan = Networks::new(vec!["127.0.0.0/8".parse().expect("a network")]);
        let guard = Guard::new(lan, vec![address("127.0.0.1:3128")]);
        assert!(guard.allows(address("127.0.0.1:80")));
        assert!(guard.allows(address("[::ffff:127.0.0.1]:80")));
        assert!(!guard.allows(address("127.0.0.1:3128")));
        assert!(!guard.allows(address("[::ffff:127.0.0.1]:3128")));
        assert!(!guard.allows(address("10.0.0.1:80")));
    }

    #[tokio::test]
    async fn a_socket_bound_to_every_address_is_recognised_by_its_port() {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a free port");
        let own = listener.local_addr().expect("bound");
        let guard = Guard::new(Networks::new(vec!["127.0.0.0/8".parse().expect("a network")]), vec![own]);
        let dialled = SocketAddr::from(([127, 0, 0, 2], own.port()));
        let stream = tokio::net::TcpStream::connect(dialled).await.expect("listening");
        assert!(guard.is_own(&stream, dialled));
    }
}
