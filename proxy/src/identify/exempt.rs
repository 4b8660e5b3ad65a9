//! Destinations for which nobody is asked who they are: updates and revocation lists, which machines fetch without anybody.
//!
//! The charter decides as on any other, of a client of whom the address alone is known.
use super::{Client, Groups};
use crate::gate::State;
use logstore::Auth;
use policy::Target;
use std::net::IpAddr;

/// Whether a destination is one of them: by its name, on the ports that web servers have.
pub(crate) fn covers(state: &State, target: &Target) -> bool {
    let exempt = &state.config.identity.exempt;
    !exempt.is_empty() && matches!(target.port(), 80 | 443) && exempt.covers(target)
}

/// Whoever asks for one of them.
pub(super) fn client(address: IpAddr) -> Client {
    Client { user: None, auth: Auth::Address, address, groups: Groups::default() }
}
