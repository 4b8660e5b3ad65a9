//! Who: accounts, groups and addresses.
//!
//! Names compare whatever their case: both sides are folded, those of the charter once, those of the asker once a
//! decision. A person is in a group when the charter lists the account or the address, or when
//! a directory says so by the group's id or one of its distinguished names; an entry with `!` takes out again.
use crate::verdict::Query;
use ipnet::IpNet;
use std::borrow::{Borrow, Cow};
use std::net::IpAddr;

/// A list whose entries add, or with `!` remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed<T> {
    pub(crate) adds: Vec<T>,
    pub(crate) removes: Vec<T>,
}

impl<T> Default for Signed<T> {
    fn default() -> Signed<T> {
        Signed { adds: Vec::new(), removes: Vec::new() }
    }
}

/// A name as names compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn new(name: &str) -> Name {
        Name(folded(name).into_owned())
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.0 == folded(name)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn folded(name: &str) -> Cow<'_, str> {
    match name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.chars().flat_map(char::to_lowercase).collect()),
    }
}

/// Who asks, as names and networks compare.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) user: Option<Cow<'a, str>>,
    /// What a directory says.
    pub(crate) groups: Vec<Cow<'a, str>>,
    /// An IPv4 address that comes in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
    pub(crate) client: IpAddr,
}

impl<'a> Asker<'a> {
    pub(crate) fn of(query: &Query<'a>) -> Asker<'a> {
        Asker {
            user: query.user.map(folded),
            groups: query.groups.iter().map(|group| folded(group)).collect(),
            client: query.client.to_canonical(),
        }
    }

    pub(crate) fn is_any(&self, names: &[Name]) -> bool {
        self.user.as_deref().is_some_and(|user| names.iter().any(|name| name.0 == user))
    }

    pub(crate) fn is_within(&self, networks: &[IpNet]) -> bool {
        networks.iter().any(|network| network.contains(&self.client))
    }
}

/// One `[groups.ID]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: String,
    /// The id, as names compare.
    pub(crate) name: Name,
    pub(crate) users: Signed<Name>,
    pub(crate) directory: Signed<Name>,
    pub(crate) networks: Signed<IpNet>,
}

impl Group {
    pub(crate) fn holds(&self, asker: &Asker<'_>) -> bool {
        let named = |names: &[Name]| asker.groups.iter().any(|group| names.iter().any(|name| name.0 == *group));
        let removed = asker.is_any(&self.users.removes)
            || asker.is_within(&self.networks.removes)
            || named(&self.directory.removes);
        !removed
            && (asker.is_any(&self.users.adds)
                || asker.is_within(&self.networks.adds)
                || named(&self.directory.adds)
                || named(std::slice::from_ref(&self.name)))
    }
}

/// The "who" of a rule: any of the first three, none of the last three. Empty: everyone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Who {
    pub(crate) users: Vec<Name>,
    /// Places in the charter's groups.
    pub(crate) groups: Vec<usize>,
    pub(crate) networks: Vec<IpNet>,
    pub(crate) except_users: Vec<Name>,
    pub(crate) except_groups: Vec<usize>,
    pub(crate) except_networks: Vec<IpNet>,
}

impl Who {
    pub(crate) fn is_everyone(&self) -> bool {
        *self == Who::default()
    }

    /// `groups` are the places of those that the asker is in.
    pub(crate) fn holds(&self, asker: &Asker<'_>, groups: &[usize]) -> bool {
        let in_any = |places: &[usize]| places.iter().any(|place| groups.contains(place));
        let anyone = self.users.is_empty() && self.groups.is_empty() && self.networks.is_empty();
        (anyone || asker.is_any(&self.users) || asker.is_within(&self.networks) || in_any(&self.groups))
            && !(asker.is_any(&self.except_users)
                || asker.is_within(&self.except_networks)
                || in_any(&self.except_groups))
    }
}
