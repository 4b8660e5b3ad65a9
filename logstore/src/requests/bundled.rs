//! What answers a request of access: one person's bundle, made that day, lying there. The first binds the request to the
//! person; none takes the place of a later one.

use super::{Desk, Refusal, Request, Step};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A bundle, as the register of requests knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundled {
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The account of the person whose data are in it; none of one whose making the gate does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The day it bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dated: Option<Date>,
    /// Where it was put: the copy that is to be deleted thirty days after the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Bundled {
    /// Itself, with what is known by the one before it: whose the first was, all are; the same file lies where it lay.
    pub(super) fn after(self, before: Bundled) -> Bundled {
        let path = before.path.filter(|_| before.sha256 == self.sha256);
        Bundled {
            user: before.user.or(self.user),
            dated: self.dated.or(before.dated),
            path: self.path.or(path),
            sha256: self.sha256,
        }
    }
}

impl Request {
    /// Whether a bundle of that person's, made on that day, may answer it: nobody else's did before, none is later, and it was
    /// received by then.
    pub fn may_be_answered(&self, is_theirs: impl FnOnce(&str) -> bool, dated: Date) -> Result<(), Refusal> {
        let (reference, received) = (self.reference.clone(), self.opening.received);
        if dated < received {
            return Err(Refusal::TooEarly { what: "a bundle", day: dated, received });
        }
        if self.bound().is_some_and(|user| !is_theirs(user)) {
            return Err(Refusal::Bound(reference));
        }
        match self.made.as_ref().and_then(|made| made.dated) {
            Some(last) if dated < last => Err(Refusal::Older { reference, dated, last }),
            _ => Ok(()),
        }
    }

    /// Where the gate put its own copy of the answer, and the last day on which it may be there; `None` while it is not answered.
    pub fn copy(&self) -> Option<(&str, Date)> {
        let path = self.made.as_ref()?.path.as_deref()?;
        Some((path, self.copy_until()?))
    }

    /// The account that it is about: the one it was received for, else the one whose bundle was made for it first.
    pub fn bound(&self) -> Option<&str> {
        let made = || self.made.as_ref().and_then(|made| made.user.as_deref());
        self.opening.user.as_deref().or_else(made)
    }
}

impl Desk<'_> {
    /// Notes the bundle that answers it, and whose data are in it. `is_theirs`: whether an account is that person's.
    pub fn answered_by(
        &mut self,
        who: &str,
        reference: &str,
        bundled: Bundled,
        is_theirs: impl FnOnce(&str) -> bool,
    ) -> Result<Request, Refusal> {
        let request = self.waiting(reference)?;
        request.may_be_answered(is_theirs, bundled.dated.unwrap_or_else(|| self.today()))?;
        self.write(who, reference, Step::Bundled(bundled))
    }
}
