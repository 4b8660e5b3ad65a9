//! Names to addresses: the configuration's own first, then the name servers.
use super::ConnectError;
use crate::config::Dns;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use policy::Target;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

/// A resolver with a cache of its own that honours each answer's time to live.
pub(super) struct Resolver {
    hosts: HashMap<String, Vec<IpAddr>>,
    resolver: TokioResolver,
}

impl Resolver {
    /// With the servers of the configuration, or the system's (`/etc/resolv.conf`, `/etc/hosts`).
    pub(super) fn new(dns: &Dns) -> Result<Resolver, io::Error> {
        let builder = if dns.servers.is_empty() {
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
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        Ok(Resolver { hosts: dns.hosts.clone(), resolver: builder.build().map_err(io::Error::other)? })
    }

    /// The addresses of a target; never empty.
    pub(super) async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, ConnectError> {
        if let Some(ip) = target.ip() {
            return Ok(vec![ip]);
        }
        if let Some(addresses) = self.hosts.get(target.host()) {
            return Ok(addresses.clone());
        }
        // The final dot says that the name is whole: no search domain is tried after it.
        let name = format!("{}.", target.host());
        match self.resolver.lookup_ip(name).await {
            Ok(found) => match found.iter().collect::<Vec<_>>() {
                addresses if addresses.is_empty() => Err(ConnectError::NameNotFound),
                addresses => Ok(addresses),
            },
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Err(ConnectError::NameNotFound),
            Err(_) => Err(ConnectError::NameUnanswered),
        }
    }
}
