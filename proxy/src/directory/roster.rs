//! The groups that the charter names, and what the directory calls them: whatever spelling of a distinguished name the charter
//! has, and by which security identifier a ticket would say it.
//!
//! Only these are ever asked about, told and kept: how many groups somebody is in matters to nobody.

use super::names::folded;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// The groups of a charter, by its own spelling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    names: Vec<Arc<str>>,
    mark: u64,
}

impl Wanted {
    /// These names.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Wanted {
        let mut names: Vec<Arc<str>> = names.map(Arc::from).collect();
        names.sort_unstable();
        names.dedup();
        let mut hasher = Xxh3::new();
        for name in &names {
            hasher.update(name.as_bytes());
            hasher.update(&[0]);
        }
        Wanted { names, mark: hasher.digest() }
    }

    /// Whether the charter names none.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names.
    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// What tells this set from another.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    /// As the charter writes it.
    pub(super) charter: String,
    /// Its distinguished name, as the directory writes it; `None`: the directory has none of that name.
    pub(super) dn: Option<String>,
    /// Its security identifier, where the directory has such.
    pub(super) sid: Option<String>,
}

impl Named {
    /// A group named by its security identifier, which needs no directory.
    pub(super) fn by_sid(charter: &str) -> Option<Named> {
        let sid = charter.to_ascii_uppercase();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let known = sid.strip_prefix("S-1-").is_some_and(|rest| rest.split('-').all(digits));
        known.then(|| Named { charter: charter.to_owned(), dn: None, sid: Some(sid) })
    }
}

/// What the directory calls the groups of a charter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roster {
    /// The groups.
    pub(super) groups: Vec<Named>,
}

impl Roster {
    /// Those of them that are among these, as the charter writes them. `dns` are folded.
    pub(super) fn among(&self, dns: &HashSet<String>, sids: &HashSet<String>) -> Vec<Arc<str>> {
        let among = |group: &&Named| {
            group.dn.as_deref().is_some_and(|dn| dns.contains(&*folded(dn)))
                || group.sid.as_ref().is_some_and(|sid| sids.contains(sid))
        };
        self.groups.iter().filter(among).map(|group| Arc::from(group.charter.as_str())).collect()
    }

    /// Those that the directory does not have.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().filter(|group| group.dn.is_none() && group.sid.is_none()).map(|group| group.charter.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_known_by_name_or_by_identifier_and_told_as_the_charter_does() {
        let named = |charter: &str, dn: Option<&str>, sid: Option<&str>| Named {
            charter: charter.into(),
            dn: dn.map(str::to_owned),
            sid: sid.map(str::to_owned),
        };
        let roster = Roster {
            groups: vec![
                named("cn=ventes, dc=x", Some("CN=Ventes,DC=x"), Some("S-1-5-21-7")),
                named("cn=gone,dc=x", None, None),
                Named::by_sid("s-1-5-32-544").expect("an identifier"),
            ],
        };
        let set = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<HashSet<_>>();
        let told = |dns: &[&str], sids: &[&str]| -> Vec<String> {
            roster.among(&set(dns), &set(sids)).iter().map(|name| name.to_string()).collect()
        };
        assert_eq!(told(&["cn=ventes,dc=x"], &[]), ["cn=ventes, dc=x"]);
        assert_eq!(told(&[], &["S-1-5-21-7", "S-1-5-32-544"]), ["cn=ventes, dc=x", "s-1-5-32-544"]);
        assert_eq!(told(&["cn=other,dc=x"], &["S-1-5-21-8"]), [""; 0]);
        assert_eq!(roster.missing().collect::<Vec<_>>(), ["cn=gone,dc=x"]);
        assert_eq!(Named::by_sid("S-1-5-x"), None);
        assert_ne!(Wanted::new(["ab", "c"].into_iter()).mark(), Wanted::new(["a", "bc"].into_iter()).mark());
    }
}
