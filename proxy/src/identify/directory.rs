//! What the directory says of a client: its groups beside its ticket, or who it is by name and password.
use super::{Client, Identity};
use crate::directory::{Directory, Found};
use crate::gate::State;
use logstore::Auth;
use std::net::IpAddr;
use std::sync::Arc;

/// Somebody with a ticket, in the charter's groups: those of the ticket by the names that the charter has for them, or, where the
/// ticket says none, those of the directory. That they cannot be known must not pass for being in none.
pub(super) async fn grouped(state: &State, identity: Identity) -> Identity {
    let Some(directory) = state.directory.as_ref().filter(|_| !state.wanted.is_empty()) else { return identity };
    match identity {
        Identity::Known(client) => match in_groups(state, directory, client).await {
            Ok(client) => Identity::Known(client),
            Err(otherwise) => otherwise,
        },
        Identity::Proven(client, proof) => match in_groups(state, directory, client).await {
            Ok(client) => Identity::Proven(client, proof),
            Err(otherwise) => otherwise,
        },
        otherwise @ (Identity::Due(..) | Identity::Asked(_) | Identity::Away) => otherwise,
    }
}

async fn in_groups(state: &State, directory: &Arc<Directory>, client: Client) -> Result<Client, Identity> {
    let told = client.groups.iter().any(|group| group.starts_with("S-1-"));
    if told {
        let groups = directory.of_sids(&state.wanted, &client.groups).await.ok_or(Identity::Away)?;
        return Ok(Client { groups, ..client });
    }
    let Some(account) = client.user.clone() else { return Ok(client) };
    match directory.person(&state.wanted, &account).await {
        // The account stays the ticket's.
        Found::Known(person) => {
            let groups = client.groups.iter().chain(person.groups.iter()).cloned().collect();
            Ok(Client { groups, ..client })
        }
        // A machine, or somebody of another domain: in none of them.
        Found::Refused => Ok(client),
        Found::Away | Found::Throttled => Err(Identity::Away),
    }
}

/// Somebody by name and password; `None`: they are asked again.
pub(super) async fn by_password(state: &State, address: IpAddr, name: &str, password: &str) -> Option<Identity> {
    // A reload may have taken the directory away since the source was read.
    let directory = state.directory.as_ref()?;
    match directory.verify(&state.wanted, address, name, password).await {
        Found::Known(person) => Some(Identity::Known(Client {
            user: Some(person.account),
            auth: Auth::Basic,
            address,
            groups: person.groups,
        })),
        Found::Refused => None,
        Found::Throttled => {
            tracing::warn!("too many wrong passwords for one account: further ones are not looked at for a while");
            None
        }
        Found::Away => Some(Identity::Away),
    }
}
