//! Names to addresses: the configuration's own first, then what is known, then the name servers.
use super::ConnectError;
use super::cache::{Cache, Found};
use crate::config::Dns;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use policy::Target;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the addresses of one family wait for those of the other (RFC 8305 §3: the Resolution Delay).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// A server that says nothing is asked again after this long, or another is.
const SILENCE: Duration = Duration::from_secs(2);

/// The name servers of the configuration, or the system's.
pub(crate) fn name_servers(dns: &Dns) -> io::Result<TokioResolver> {
    Ok(Resolver::new(dns)?.servers)
}

/// A resolver with a cache of its own that honours each answer's time to live.
pub(super) struct Resolver {
    hosts: HashMap<String, Arc<[IpAddr]>>,
    cache: Cache,
    servers: TokioResolver,
}

/// What the servers said of one family's addresses.
enum Said {
    Addresses(Vec<IpAddr>, Instant),
    /// None, and until when that holds; a server that does not say so is not believed for long (RFC 2308 §5).
    Nothing(Option<Instant>),
    Failed,
}

impl Resolver {
    /// With the servers of the configuration, or the system's (`/etc/resolv.conf`, `/etc/hosts`).
    pub(super) fn new(dns: &Dns) -> Result<Resolver, io::Error> {
        let mut builder = if dns.servers.is_empty() {
            TokioResolver::builder_tokio().map_err(io::Error::other)?
        } else {
            let servers = dns.servers.iter().map(|address| {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                for connection in &mut server.connections {
                    connection.port = address.port();
                }
                server
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = ResolverOpts::default();
            // The system's own are the wait of a desktop: here many wait for the same server.
            builder.options_mut().timeout = SILENCE;
            builder
        };
        let options = builder.options_mut();
        // Answers are kept by `Cache`, both families as one, and given out without a copy of the message.
        options.cache_size = 0;
        options.use_hosts_file = if dns.servers.is_empty() { ResolveHosts::Always } else { ResolveHosts::Never };
        // A firewall may let through one and not the other.
        options.try_tcp_on_error = true;
        // Questions beyond this fail at once when they share one connection (TCP).
        options.max_active_requests = 1024;
        let hosts = dns.hosts.iter().map(|(name, addresses)| (name.clone(), addresses.as_slice().into())).collect();
        Ok(Resolver { hosts, cache: Cache::default(), servers: builder.build().map_err(io::Error::other)? })
    }

    /// What the configuration itself says of a target: the address it is, or those of `[dns] hosts`.
    pub(super) fn configured(&self, target: &Target) -> Option<Arc<[IpAddr]>> {
        match target.ip() {
            Some(ip) => Some([ip].into()),
            None => self.hosts.get(target.host()).cloned(),
        }
    }

    /// The addresses of a target, in the order they are to be tried.
    ///
    /// Cancel safety: dropped, nothing is asked any more, unless somebody else waits for it.
    pub(super) async fn addresses(&self, target: &Target) -> Result<Arc<[IpAddr]>, ConnectError> {
        let found = match self.configured(target) {
            Some(addresses) => Found::Addresses(addresses),
            None => self.cache.get(target.host(), async || self.ask(target.host()).await).await,
        };
        match found {
            Found::Addresses(addresses) if !addresses.is_empty() => Ok(addresses),
            Found::Addresses(_) | Found::Nothing => Err(ConnectError::NameNotFound),
            Found::Unanswered => Err(ConnectError::NameUnanswered),
        }
    }

    /// Asks for both families at once. When one has come, the other is waited for a moment only: there are servers that
    /// never answer for IPv6.
    async fn ask(&self, host: &str) -> (Found, Option<Instant>) {
        // The final dot says that the name is whole: no search domain is tried after it.
        let Ok(name) = Name::from_ascii(format!("{host}.")) else { return (Found::Nothing, None) };
        let mut six = pin!(self.family(name.clone(), RecordType::AAAA));
        let mut four = pin!(self.family(name, RecordType::A));
        let (first, first_is_six) = tokio::select! {
            said = &mut six => (said, true),
            said = &mut four => (said, false),
        };
        let other = async { if first_is_six { four.await } else { six.await } };
        let second = match first {
            Said::Addresses(..) => tokio::time::timeout(RESOLUTION_DELAY, other).await.unwrap_or(Said::Failed),
            Said::Nothing(_) | Said::Failed => other.await,
        };
        if first_is_six { join(first, second) } else { join(second, first) }
    }

    async fn family(&self, name: Name, kind: RecordType) -> Said {
        match self.servers.lookup(name, kind).await {
            Ok(answer) => {
                let addresses: Vec<IpAddr> = answer.answers().iter().filter_map(|one| one.data.ip_addr()).collect();
                if addresses.is_empty() {
                    Said::Nothing(None)
                } else {
                    Said::Addresses(addresses, answer.valid_until())
                }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let until = |seconds: u32| Instant::now() + Duration::from_secs(seconds.into());
                Said::Nothing(none.negative_ttl.map(until))
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Said::Nothing(None),
            Err(_) => Said::Failed,
        }
    }
}

/// Both families as one answer, which holds as long as both do.
fn join(six: Said, four: Said) -> (Found, Option<Instant>) {
    match (six, four) {
        (Said::Addresses(six, one), Said::Addresses(four, other)) => {
            (Found::Addresses(interleave(&six, &four).into()), Some(one.min(other)))
        }
        (Said::Addresses(some, until), _) | (_, Said::Addresses(some, until)) => {
            (Found::Addresses(some.into()), Some(until))
        }
        (Said::Nothing(one), Said::Nothing(other)) => {
            (Found::Nothing, one.zip(other).map(|(one, other)| one.min(other)))
        }
        (Said::Failed, _) | (_, Said::Failed) => (Found::Unanswered, None),
    }
}

/// IPv6 first, then one of each in turn (RFC 8305 §4), so that a family that leads nowhere holds nobody up for long.
fn interleave(six: &[IpAddr], four: &[IpAddr]) -> Vec<IpAddr> {
    let most = six.len().max(four.len());
    (0..most).flat_map(|n| [six.get(n), four.get(n)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn families_take_turns_and_ipv6_begins() {
        let (six, four) = (addresses(&["2001:db8::1"]), addresses(&["192.0.2.1", "192.0.2.2"]));
        assert_eq!(interleave(&six, &four), addresses(&["2001:db8::1", "192.0.2.1", "192.0.2.2"]));
        assert_eq!(interleave(&[], &four), four);
    }

    #[test]
    fn what_is_said_of_both_families_is_one_answer() {
        let now = Instant::now();
        let (soon, late) = (now + Duration::from_secs(1), now + Duration::from_secs(9));
        let some = || addresses(&["192.0.2.1"]);
        let found = Found::Addresses(some().into());
        assert_eq!(join(Said::Failed, Said::Addresses(some(), late)), (found.clone(), Some(late)));
        assert_eq!(join(Said::Nothing(Some(soon)), Said::Addresses(some(), late)), (found, Some(late)));
        assert_eq!(join(Said::Addresses(some(), late), Said::Addresses(some(), soon)).1, Some(soon));
        assert_eq!(join(Said::Nothing(Some(late)), Said::Nothing(Some(soon))), (Found::Nothing, Some(soon)));
        // Who does not say how long is not kept; who fails does not say that there is nothing.
        assert_eq!(join(Said::Nothing(None), Said::Nothing(Some(soon))), (Found::Nothing, None));
        assert_eq!(join(Said::Nothing(Some(soon)), Said::Failed), (Found::Unanswered, None));
    }
}
