//! Whose records a request may reach: those of who asked, under every account and address of theirs, and nobody else's.

use super::super::Wrong;
use crate::access::{self, Actor};
use crate::config::Config;
use jiff::Timestamp;
use logstore::approvals::Subject;
use logstore::people::{Attribution, People};
use logstore::requests::{Requests, is_reference};
use logstore::{Auth, Keys, Record};

/// Who asked, as far as the register of requests knows their account.
pub(in crate::commands) struct Asker {
    reference: String,
    /// Their account; none when the request names none, or when nobody wrote it down.
    account: Option<String>,
    people: People,
}

/// Who made the request of this reference; nothing when nothing may be done in its name, which was said.
///
/// One that nobody wrote down is a no once roles are given; before, a note.
pub(in crate::commands) fn asker(
    config: &Config,
    keys: &Keys,
    actor: &Actor,
    reference: &str,
) -> Result<Option<Asker>, Wrong> {
    let requests = Requests::read(&config.register_dir(), keys).map_err(Wrong::because)?;
    let account = match requests.get(reference) {
        Some(request) => {
            if request.opening.user.is_none() {
                eprintln!("note: the request {reference} names no account: nothing shows whose records these are");
            }
            request.opening.user.clone()
        }
        None if !actor.is_alone() => {
            eprintln!("no request has the reference {reference}: `octroi requests open` first");
            return Ok(None);
        }
        None => {
            let known = if is_reference(reference) { "" } else { ", nor can it have" };
            eprintln!("note: the register of requests has no reference {reference}{known}");
            None
        }
    };
    Ok(Some(Asker { reference: reference.to_owned(), account, people: access::people(config)? }))
}

impl Asker {
    /// Whether an account is, or was, theirs.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.account.as_ref().is_none_or(|account| self.people.same_person(account, name))
    }

    /// Whether a record is theirs: of a person who proved who they are, by the account; else by whom the address was.
    pub(super) fn has(&self, record: &Record) -> bool {
        let at = record.opened_at;
        if let Some(user) = &record.user {
            if self.is_called(self.people.owner(user, at)) {
                return true;
            }
            // A name that was given to an address says which machine it was, not who sat before it.
            if record.auth != Auth::Address {
                return false;
            }
        }
        self.account.is_none()
            || match self.people.attribution(record.client_ip, at) {
                Attribution::One(person) => self.is_called(person),
                Attribution::Shared(persons) => persons.into_iter().any(|person| self.is_called(person)),
                Attribution::Nobody => false,
            }
    }

    /// Whether what a hold is about is theirs: one account or one address of theirs, or a host within those.
    pub(in crate::commands) fn holds(&self, about: &[Subject]) -> bool {
        let Some(account) = &self.account else { return true };
        let person = self.people.owner(account, Timestamp::now().as_microsecond());
        let addresses = self.people.addresses(person);
        let theirs = |subject: &Subject| match subject {
            Subject::User(user) => self.is_called(user),
            Subject::Client(network) => addresses.iter().any(|(address, _)| ipnet::IpNet::from(*address) == *network),
            Subject::Host(_) => true,
        };
        about.iter().any(|subject| !matches!(subject, Subject::Host(_))) && about.iter().all(theirs)
    }

    /// Says that something is somebody else's.
    pub(in crate::commands) fn refuse(&self, what: &str) {
        let account = self.account.as_deref().unwrap_or_default();
        eprintln!(
            "the request {} is another person's: {what} {account}'s. Nothing is written; if they are, say so first: `octroi user link`",
            self.reference
        );
    }
}
