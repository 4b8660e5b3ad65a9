//! Destinations for which nobody is asked who they are: updates and revocation lists, which machines fetch without anybody.
//!
//! The charter decides as on any other, of a client of whom the address alone is known.
use super::{Client, Groups};
use crate::gate::State;
use logstore::Auth;
use policy::Target;
use std::net::IpAddr;

/// Whether a destination is one of them: one that the charter's shipped exceptions name, or by its name, on the ports that web
/// servers have.
pub(crate) fn covers(state: &State, target: &Target) -> bool {
    let exempt = &state.config.identity.exempt;
    let named = !exempt.is_empty() && matches!(target.port(), 80 | 443) && exempt.covers(target);
    named || state.in_force.passes_without_identity(target)
}

/// Whether what is asked inside a tunnel is another destination, for which somebody would have been asked who they are.
pub(crate) fn strays(state: &State, tunnel: &Target, inside: &Target) -> bool {
    covers(state, tunnel) && !covers(state, inside)
}

/// Whoever asks for one of them.
pub(super) fn client(address: IpAddr) -> Client {
    Client { user: None, auth: Auth::Address, address, groups: Groups::default() }
}
