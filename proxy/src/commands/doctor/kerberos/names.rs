//! What the name servers say of the gate's name.

use crate::config::Dns;
use crate::upstream;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::io;
use std::net::{IpAddr, UdpSocket};

/// What a name is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Where it leads.
    pub(super) addresses: Vec<IpAddr>,
    /// The name that it is an alias of.
    pub(super) alias: Option<String>,
    /// The first name that each of its addresses has, where it has another than this one.
    pub(super) others: Vec<(IpAddr, String)>,
}

/// Asks.
pub(super) fn ask(dns: &Dns, host: &str) -> io::Result<Known> {
    // Whatever name servers say (RFC 6761 §6.3).
    if host.ends_with(".localhost") {
        return Ok(Known { addresses: vec![IpAddr::from([127, 0, 0, 1])], ..Known::default() });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let servers = upstream::name_servers(dns)?;
        let mut known = Known::default();
        let name = Name::from_ascii(format!("{host}.")).map_err(io::Error::other)?;
        for kind in [RecordType::A, RecordType::AAAA] {
            match servers.lookup(name.clone(), kind).await {
                Ok(answer) => {
                    for record in answer.answers() {
                        if let RData::CNAME(alias) = &record.data {
                            known.alias = Some(plain(&alias.0));
                        }
                        known.addresses.extend(record.data.ip_addr());
                    }
                }
                Err(why) if why.is_no_records_found() || why.is_nx_domain() => {}
                Err(why) => return Err(io::Error::other(why)),
            }
        }
        for address in known.addresses.iter().filter(|address| !address.is_loopback()) {
            let Ok(answer) = servers.lookup(Name::from(*address), RecordType::PTR).await else { continue };
            let mut names = answer.answers().iter().filter_map(|record| match &record.data {
                RData::PTR(name) => Some(plain(&name.0)),
                _ => None,
            });
            if let Some(first) = names.next().filter(|first| !first.eq_ignore_ascii_case(host)) {
                // One of several may still be ours.
                if !names.any(|name| name.eq_ignore_ascii_case(host)) {
                    known.others.push((*address, first));
                }
            }
        }
        Ok(known)
    })
}

fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

/// Whether an address is this machine's: only such a one can be bound.
pub(super) fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}
