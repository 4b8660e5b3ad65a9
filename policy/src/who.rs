//! Who: accounts, groups and addresses.
//!
//! Names compare whatever their case. A person is in a group when the charter lists the account or the address, or when
//! a directory says so by the group's id or one of its distinguished names; an entry with `!` takes out again.
use crate::verdict::Query;
use ipnet::IpNet;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn new(name: &str) -> Name {
        Name(name.chars().flat_map(char::to_lowercase).collect())
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        name.chars().flat_map(char::to_lowercase).eq(self.0.chars())
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
    pub(crate) fn holds(&self, query: &Query<'_>) -> bool {
        let named = |names: &[Name]| query.groups.iter().any(|group| names.iter().any(|name| name.is(group)));
        let removed = is_user(&self.users.removes, query.user)
            || within(&self.networks.removes, query.client)
            || named(&self.directory.removes);
        !removed
            && (is_user(&self.users.adds, query.user)
                || within(&self.networks.adds, query.client)
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

    pub(crate) fn holds(&self, query: &Query<'_>, groups: &[Group]) -> bool {
        let in_any =
            |places: &[usize]| places.iter().filter_map(|&place| groups.get(place)).any(|group| group.holds(query));
        let anyone = self.users.is_empty() && self.groups.is_empty() && self.networks.is_empty();
        (anyone || is_user(&self.users, query.user) || within(&self.networks, query.client) || in_any(&self.groups))
            && !(is_user(&self.except_users, query.user)
                || within(&self.except_networks, query.client)
                || in_any(&self.except_groups))
    }
}

fn is_user(names: &[Name], user: Option<&str>) -> bool {
    user.is_some_and(|user| names.iter().any(|name| name.is(user)))
}

/// An IPv4 address that comes in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
pub(crate) fn within(networks: &[IpNet], client: IpAddr) -> bool {
    let client = client.to_canonical();
    networks.iter().any(|network| network.contains(&client))
}
