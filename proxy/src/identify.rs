//! Who is asking. The methods of `[identity]` are tried in their order; each has a file of its own.
//!
//! Credentials that were given and are wrong are never passed over for a weaker method: the client is asked again.
mod basic;
mod directory;
pub(crate) mod exempt;
mod negotiate;

pub(crate) use basic::Turns;

use crate::accounts::Due;
use crate::config::Method;
use crate::gate::{Gate, State};
use crate::wire::{Known, RequestHead};
use logstore::Auth;
use policy::Target;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Notify;

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
    /// What tickets have shown of it.
    pub(crate) shown: negotiate::Shown,
    /// Told when nothing more is listened to: so many tokens were in vain.
    pub(crate) enough: Notify,
}

impl Caller {
    /// A client of this address, of whom nothing more is known.
    pub(crate) fn at(address: IpAddr) -> Arc<Caller> {
        Arc::new(Caller { address, shown: negotiate::Shown::default(), enough: Notify::new() })
    }
}

/// What identification comes to.
pub(crate) enum Identity {
    /// As far as the methods ask.
    Known(Client),
    /// The same, and this value of Proxy-Authenticate goes with the answer: by it the client knows the gate (RFC 4559 §5).
    Proven(Client, String),
    /// It has a password that has to be changed before anything else.
    Due(Client, Due),
    /// The client must say who it is (407).
    Asked(Challenge),
    /// The directory that says who it is does not answer (503).
    Away,
}

/// What the client may answer with: the values of Proxy-Authenticate (RFC 9110 §11.7.1), the strongest first.
pub(crate) struct Challenge(pub(crate) Vec<String>);

impl Challenge {
    /// What the methods in force ask for.
    pub(crate) fn of(state: &State) -> Challenge {
        let methods = &state.config.identity.methods;
        // Whoever looks at the first alone finds the strongest.
        let negotiate = state.config.identity.takes_tickets().then(|| negotiate::SCHEME.to_owned());
        let asks = |method: &Method| match method {
            Method::Negotiate => None,
            Method::Basic => Some(basic::challenge(state)),
            Method::Address => None,
        };
        Challenge(negotiate.into_iter().chain(methods.iter().filter_map(asks)).collect())
    }

    /// Whether what it asks for may belong to the connection, which is then kept whatever was asked.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        self.0.iter().any(|value| value.starts_with(negotiate::SCHEME))
    }
}

/// Identifies the client of a request for a target; `bytes` are those the head was read from.
pub(crate) async fn client(
    gate: &Gate,
    state: &State,
    caller: &Caller,
    target: &Target,
    head: &RequestHead,
    bytes: &[u8],
) -> Identity {
    let address = caller.address;
    let identity = &state.config.identity;
    if exempt::covers(state, target) {
        return Identity::Known(exempt::client(address));
    }
    let named = identity.names.get(&address);
    let tickets = identity.takes_tickets();
    if tickets && let Some(client) = negotiate::remembered(caller, head) {
        return directory::grouped(state, Identity::Known(client)).await;
    }
    // A token is looked at by the method it is for, wherever that stands.
    let token = tickets && negotiate::is_given(head, bytes);
    for method in &identity.methods {
        match method {
            Method::Negotiate if token => match negotiate::client(gate, state, caller, head, bytes).await {
                Some(found) => return directory::grouped(state, found).await,
                None => return Identity::Asked(Challenge::of(state)),
            },
            // What is given is of another method, or nothing is.
            Method::Negotiate if identity.methods.contains(&Method::Basic) => {}
            Method::Negotiate => match head.fields.has(Known::ProxyAuthorization) {
                false if named.is_some() && identity.methods.contains(&Method::Address) => {}
                _ => return Identity::Asked(Challenge::of(state)),
            },
            Method::Basic if token => {}
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
