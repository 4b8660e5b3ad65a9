//! Who is asking: by a local account's name and password, or by the client's address.
//!
//! The methods of `[identity]` are tried in their order. Credentials that were given and are wrong are never passed over
//! for a weaker method: the client is asked again.
use crate::accounts::Verification;
use crate::config::Method;
use crate::connection::Connection;
use crate::gate::{Gate, State};
use crate::wire::{Known, RequestHead};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logstore::Auth;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Who is asking, as far as is known.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The account, or the name given to the address.
    pub(crate) user: Option<Arc<str>>,
    /// How it is known: an address is not a person.
    pub(crate) auth: Auth,
    /// The address.
    pub(crate) address: IpAddr,
}

/// What identification comes to.
pub(crate) enum Identity {
    /// As far as the methods ask.
    Known(Client),
    /// The client must say who it is (407).
    Asked,
}

/// Identifies the client of a request.
pub(crate) async fn client<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    head: &RequestHead,
) -> Identity {
    let address = connection.peer;
    let identity = &state.config.identity;
    let named = identity.names.get(&address);
    for method in &identity.methods {
        match method {
            Method::Basic => {
                let mut given = head.fields.values(connection.buffer.bytes(), Known::ProxyAuthorization);
                match (given.next(), given.next()) {
                    (Some(value), None) => {
                        let Some((name, password)) = basic(value) else { return Identity::Asked };
                        return match verify(gate, address, name, password).await {
                            Some(user) => Identity::Known(Client { user: Some(user), auth: Auth::Basic, address }),
                            None => Identity::Asked,
                        };
                    }
                    (Some(_), Some(_)) => return Identity::Asked,
                    // Nothing given: a machine that the configuration names passes by its address where that is a
                    // method too; everybody else is asked.
                    (None, _) if named.is_some() && identity.methods.contains(&Method::Address) => {}
                    (None, _) => return Identity::Asked,
                }
            }
            Method::Address => {
                let user = named.map(|name| Arc::from(name.as_str()));
                return Identity::Known(Client { user, auth: Auth::Address, address });
            }
        }
    }
    Identity::Asked
}

/// Name and password of RFC 7617, in UTF-8.
fn basic(value: &[u8]) -> Option<(String, String)> {
    let (scheme, token) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(token.trim_ascii()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Turns at having a password hashed, one for each client's address: whoever guesses on hundreds of connections waits for
/// himself, and the others wait for one of his guesses at most.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    by_client: Mutex<HashMap<IpAddr, Weak<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    fn of(&self, client: IpAddr) -> Arc<tokio::sync::Mutex<()>> {
        let mut by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = by_client.get(&client).and_then(Weak::upgrade) {
            return turn;
        }
        by_client.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        by_client.insert(client, Arc::downgrade(&turn));
        turn
    }
}

/// The account, when name and password belong together. Hashing takes tens of milliseconds, so it happens off the
/// reactor; a password that was right a moment ago is not hashed again.
async fn verify(gate: &Gate, client: IpAddr, name: String, password: String) -> Option<Arc<str>> {
    if let Some(user) = gate.accounts.remembered(&name, &password) {
        return Some(user);
    }
    let turn = gate.turns.of(client);
    let _my_turn = turn.lock().await;
    let accounts = gate.accounts.clone();
    let verified = tokio::task::spawn_blocking(move || accounts.verify(&name, &password)).await;
    match verified {
        Ok(Verification::Verified(user)) => Some(user),
        Ok(Verification::Wrong) => None,
        Ok(Verification::Throttled { .. }) => {
            tracing::warn!("too many wrong passwords for one account: further ones are not looked at for a while");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::basic;

    #[test]
    fn credentials_are_read_as_rfc_7617_says() {
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(basic(b"Basic dXNlcjpwYXNzOndvcmQ="), pair("user", "pass:word"));
        assert_eq!(basic(b"bAsIc  w6k6cA=="), pair("é", "p"));
        for wrong in [&b"Basic"[..], b"Basic !!!", b"Basic dXNlcg==", b"Bearer dXNlcjpw", b"Basic /zo="] {
            assert_eq!(basic(wrong), None, "{:?}", String::from_utf8_lossy(wrong));
        }
    }
}
