//! Whether an approver was seen at an address that a request is about: nobody approves a look at records of their own, also when nobody
//! has said whose the address was (`octroi user link`).

use super::super::{Wrong, log, runtime};
use crate::access;
use crate::config::Config;
use logstore::Search;
use logstore::approvals::{Request, Subject};
use std::ops::ControlFlow;

/// Whether a record of this time, at one of these addresses, is of one of the person's accounts. Days that cannot be read fail:
/// nobody knows who was there.
pub(super) fn was_there(config: &Config, account: &str, request: &Request) -> Result<bool, Wrong> {
    let mut networks = request.asked.about.iter().filter_map(|subject| match subject {
        Subject::Client(network) => Some(*network),
        Subject::User(_) | Subject::Host(_) => None,
    });
    let Some(first) = networks.next() else { return Ok(false) };
    let (keys, people) = (access::keys(config)?, access::people(config)?);
    let runtime = runtime()?;
    log::bring_up_to_date(config, &runtime)?;
    let period = request.asked.period;
    let (dir, mut found) = (config.register_dir(), false);
    for network in std::iter::once(first).chain(networks) {
        let search = Search { client: Some(network), from: period.from, to: period.to, ..Search::default() };
        let visited = logstore::visit(&dir, &keys, &search, |record| {
            let owner = record.user.as_deref().map(|user| people.owner(user, record.opened_at));
            found |= owner.is_some_and(|owner| people.same_person(owner, account));
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let (Some(day), false) = (runtime.block_on(visited).map_err(Wrong::because)?.first(), found) {
            return Err(Wrong(format!("nothing is approved, because nobody knows who was at these addresses: {day}")));
        }
    }
    Ok(found)
}
