//! What the configuration says of local accounts: `[identity.basic]`.

use crate::accounts::rule::Rule;

/// `[identity.basic]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basic {
    /// What new passwords must be.
    pub(crate) rule: Rule,
    /// Days after which a password must be changed; 0: never, as CNIL délibération 2022-100 advises.
    pub(crate) change_after_days: u16,
    /// The name under which the proxy shows the page where passwords are changed.
    pub(crate) host: Box<str>,
}

impl Default for Basic {
    fn default() -> Basic {
        Basic { rule: Rule::default(), change_after_days: 0, host: "compte.octroi.internal".into() }
    }
}
