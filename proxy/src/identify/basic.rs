//! Name and password (RFC 7617): read from a request, and compared with the local accounts, or asked of the directory.
use super::{Challenge, Client, Groups, Identity, directory};
use crate::accounts::{Place, Verification};
use crate::gate::{Gate, State};
use crate::wire::{Known, RequestHead};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logstore::Auth;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The client by what a request says; `None` when it says nothing. Credentials that are wrong, or given twice, are asked for
/// again.
pub(super) async fn client(
    gate: &Gate,
    state: &State,
    address: IpAddr,
    head: &RequestHead,
    bytes: &[u8],
) -> Option<Identity> {
    let mut given = head.fields.values(bytes, Known::ProxyAuthorization);
    let value = given.next()?;
    let user = match (given.next(), basic(value)) {
        (None, Some((name, password))) if state.config.identity.asks_directory() => {
            let found = directory::by_password(state, address, &name, &password).await;
            return Some(found.unwrap_or_else(|| Identity::Asked(Challenge::of(state))));
        }
        (None, Some((name, password))) => verify(gate, address, name, password).await,
        _ => None,
    };
    Some(match user {
        Some(user) => {
            let due = gate.accounts.due(&user, state.config.identity.basic.change_after_days, gate.now());
            let client = Client { user: Some(user), auth: Auth::Basic, address, groups: Groups::default() };
            match due {
                None => Identity::Known(client),
                Some(due) => Identity::Due(client, due),
            }
        }
        None => Identity::Asked(Challenge::of(state)),
    })
}

/// The challenge.
pub(super) fn challenge(state: &State) -> String {
    // The configuration has checked that the realm needs no escaping inside quotes.
    format!("Basic realm=\"{}\", charset=\"UTF-8\"", state.config.identity.realm)
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
    /// The turn of a client.
    pub(crate) fn of(&self, client: IpAddr) -> Arc<tokio::sync::Mutex<()>> {
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
    if let Some(user) = gate.accounts.remembered(&name, &password, Place::Address(client)) {
        return Some(user);
    }
    let turn = gate.turns.of(client);
    let _my_turn = turn.lock().await;
    let accounts = gate.accounts.clone();
    let verified = tokio::task::spawn_blocking(move || accounts.verify(&name, &password, Place::Address(client))).await;
    match verified {
        Ok(Verification::Verified(user)) => Some(user),
        Ok(Verification::Wrong | Verification::Throttled { .. }) | Err(_) => None,
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
