//! Who: accounts, groups and addresses.
//!
//! Names compare whatever their case: those of the charter are folded once, those of the asker as they are looked up. `a.martin`
//! of a charter is `a.martin@AD.PME.TEST`, too; with a realm it is that account alone. A person is in a group when the charter lists the account or the address, or when
//! a directory says so by the group's id or one of its distinguished names; an entry with `!` takes out again.
use crate::verdict::Query;
use ipnet::IpNet;
use std::borrow::Borrow;
use std::collections::BTreeMap;
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
        Name(folded(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        match self.0.is_ascii() && name.is_ascii() {
            true => self.0.eq_ignore_ascii_case(name),
            false => self.0.chars().eq(name.chars().flat_map(char::to_lowercase)),
        }
    }

    /// What stands under a name, whatever its case. Nothing is allocated for a name as they usually are.
    pub(crate) fn find<'m, V>(map: &'m BTreeMap<Name, V>, name: &str) -> Option<&'m V> {
        let mut room = [0; 256];
        match room.get_mut(..name.len()) {
            Some(room) if name.is_ascii() => {
                room.copy_from_slice(name.as_bytes());
                room.make_ascii_lowercase();
                map.get(std::str::from_utf8(room).unwrap_or_default())
            }
            _ => map.get(folded(name).as_str()),
        }
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// The name of an account of a domain, `a.martin@AD.PME.TEST`: a realm is written in capitals, which tells it from a local
/// account that looks like an address of mail.
fn without_realm(user: &str) -> Option<&str> {
    let (name, realm) = user.rsplit_once('@')?;
    let capitals = realm.chars().any(char::is_alphabetic) && !realm.chars().any(char::is_lowercase);
    (capitals && !name.is_empty()).then_some(name)
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) user: Option<&'a str>,
    /// The same without its realm, for an account of a domain.
    pub(crate) bare: Option<&'a str>,
    /// What a directory says.
    pub(crate) groups: &'a [&'a str],
    /// An IPv4 address that comes in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
    pub(crate) client: IpAddr,
}

impl<'a> Asker<'a> {
    pub(crate) fn of(query: &Query<'a>) -> Asker<'a> {
        Asker {
            user: query.user,
            bare: query.user.and_then(without_realm),
            groups: query.groups,
            client: query.client.to_canonical(),
        }
    }

    pub(crate) fn is_any(&self, names: &[Name]) -> bool {
        self.users().any(|user| names.iter().any(|name| name.is(user)))
    }

    /// What it may be called by.
    pub(crate) fn users(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.user.into_iter().chain(self.bare)
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
        let named = |names: &[Name]| asker.groups.iter().any(|group| names.iter().any(|name| name.is(group)));
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

#[cfg(test)]
mod tests {
    use super::without_realm;

    #[test]
    fn a_realm_is_told_from_an_address_of_mail() {
        assert_eq!(without_realm("a.martin@AD.PME.TEST"), Some("a.martin"));
        for user in ["a.martin", "a.martin@pme.test", "a.martin@Pme.test", "@AD.PME.TEST", "a.martin@", "a.martin@123"]
        {
            assert_eq!(without_realm(user), None, "{user}");
        }
    }
}
