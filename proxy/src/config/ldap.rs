//! The directory: its servers, who reads in it, how people and their groups are found.

use super::{Identity, Secret, Server};
use crate::directory::Filter;
use std::path::PathBuf;
use std::time::Duration;

/// How people are found where nothing else is said: as Active Directory names them.
pub(crate) const USER_FILTER: &str = "(sAMAccountName={user})";
/// How the groups of an entry are found where nothing else is said: by Active Directory's rule, those in groups too.
pub(crate) const GROUP_FILTER: &str = "(member:1.2.840.113556.1.4.1941:={dn})";

/// `[identity.ldap]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ldap {
    /// Asked in this order; at least one. TLS from the first byte, or StartTLS before anything else.
    pub(crate) servers: Vec<Server>,
    /// Where searches begin.
    pub(crate) base: String,
    /// The account that reads, and its password; none: nobody's.
    pub(crate) reader: Option<(String, Secret)>,
    /// How a person is found.
    pub(crate) user_filter: Filter,
    /// How the groups of an entry are found.
    pub(crate) group_filter: Filter,
    /// It is the one of the documentation: Active Directory may say groups its own way.
    pub(crate) default_groups: bool,
    /// A file of authorities that TLS believes beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// A server must have answered a question by then.
    pub(crate) timeout: Duration,
    /// How old what it said of somebody may become before it is asked again.
    pub(crate) refresh: Duration,
    /// How old it may become while no server answers.
    pub(crate) away_for: Duration,
}

/// Where names and passwords are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// Among the local accounts.
    #[default]
    Local,
    /// In the directory.
    Ldap,
}

impl Identity {
    /// Whether passwords are the directory's.
    pub(crate) fn asks_directory(&self) -> bool {
        self.source == Source::Ldap
    }
}
