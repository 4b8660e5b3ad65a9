//! The keytab that clients' tickets are read with, and for which services.

use super::{Identity, Method};
use std::path::PathBuf;

/// `[identity.negotiate]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Negotiate {
    /// The keytab; empty when none is named.
    pub(crate) keytab: PathBuf,
    /// Services that tickets may be for, `HTTP/proxy.example` with a realm or without; none: any that the keytab has.
    pub(crate) services: Vec<String>,
}

impl Identity {
    /// Whether clients are asked for tickets.
    pub(crate) fn takes_tickets(&self) -> bool {
        self.methods.contains(&Method::Negotiate)
    }
}

impl Negotiate {
    /// Whether a ticket for this principal (`HTTP/proxy.example@REALM`) is for this gate.
    pub(crate) fn serves(&self, principal: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|service| names(service, principal))
    }

    /// The hosts of the services.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.services.iter().filter_map(|service| service.split('@').next()?.split_once('/')).map(|(_, host)| host)
    }
}

/// Whether a service, with a realm or without, is this principal. Domain controllers compare so, whatever the case.
pub(crate) fn names(service: &str, principal: &str) -> bool {
    let bare = principal.rsplit_once('@').map_or(principal, |(bare, _)| bare);
    let named = if service.contains('@') { principal } else { bare };
    named.eq_ignore_ascii_case(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_for_a_service_that_is_named_or_for_any() {
        let of = |services: &[&str]| Negotiate {
            services: services.iter().map(|service| (*service).to_owned()).collect(),
            ..Negotiate::default()
        };
        let principal = "HTTP/proxy.pme.test@PME.TEST";
        for (services, serves) in [
            (&[][..], true),
            (&["HTTP/proxy.pme.test"], true),
            (&["http/PROXY.pme.test"], true),
            (&["HTTP/other.test", "HTTP/proxy.pme.test@pme.test"], true),
            (&["HTTP/proxy.pme.test@OTHER.TEST"], false),
            (&["HTTP/other.test"], false),
            (&["HTTP/proxy"], false),
        ] {
            assert_eq!(of(services).serves(principal), serves, "{services:?}");
        }
    }
}
