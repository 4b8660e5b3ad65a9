//! Who is asking. The methods of `[identity]` are tried in their order; each has a file of its own.
//!
//! Credentials that were given and are wrong are never passed over for a weaker method: the client is asked again.
mod basic;

pub(crate) use basic::Turns;

use crate::config::Method;
use crate::gate::{Gate, State};
use crate::wire::RequestHead;
use logstore::Auth;
use std::net::IpAddr;
use std::sync::Arc;

/// Who is asking, as far as is known.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The account, or the name given to the address.
    pub(crate) user: Option<Arc<str>>,
    /// How it is known: an address is not a person.
    pub(crate) auth: Auth,
    /// The address.
    pub(crate) address: IpAddr,
    /// The groups that a directory or a ticket puts it in: distinguished names and SIDs.
    pub(crate) groups: Groups,
}

impl Client {
    /// Its groups, as a question to the charter takes them; none, most often, and nothing allocated.
    pub(crate) fn groups(&self) -> Vec<&str> {
        self.groups.iter().map(AsRef::as_ref).collect()
    }
}

/// Names of groups, as the charter's `directory` compares them.
pub(crate) type Groups = Arc<[Arc<str>]>;

/// Who a connection comes from: one value for it and for all its streams.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The client's address.
    pub(crate) address: IpAddr,
}

impl Caller {
    /// A client of this address, of whom nothing more is known.
    pub(crate) fn at(address: IpAddr) -> Arc<Caller> {
        Arc::new(Caller { address })
    }
}

/// What identification comes to.
pub(crate) enum Identity {
    /// As far as the methods ask.
    Known(Client),
    /// The client must say who it is (407).
    Asked(Challenge),
}

/// What the client may answer with: the values of Proxy-Authenticate (RFC 9110 §11.7.1), the strongest first.
pub(crate) struct Challenge(pub(crate) Vec<String>);

impl Challenge {
    /// What the methods in force ask for.
    pub(crate) fn of(state: &State) -> Challenge {
        let asks = |method: &Method| match method {
            Method::Basic => Some(basic::challenge(state)),
            Method::Address => None,
        };
        Challenge(state.config.identity.methods.iter().filter_map(asks).collect())
    }
}

/// Identifies the client of a request; `bytes` are those the head was read from.
pub(crate) async fn client(gate: &Gate, state: &State, caller: &Caller, head: &RequestHead, bytes: &[u8]) -> Identity {
    let address = caller.address;
    let identity = &state.config.identity;
    let named = identity.names.get(&address);
    for method in &identity.methods {
        match method {
            Method::Basic => match basic::client(gate, state, address, head, bytes).await {
                Some(found) => return found,
                // Nothing given: a machine that the configuration names passes by its address where that is a
                // method too; everybody else is asked.
                None if named.is_some() && identity.methods.contains(&Method::Address) => {}
                None => return Identity::Asked(Challenge::of(state)),
            },
            Method::Address => {
                let user = named.map(|name| Arc::from(name.as_str()));
                return Identity::Known(Client { user, auth: Auth::Address, address, groups: Groups::default() });
            }
        }
    }
    Identity::Asked(Challenge::of(state))
}
