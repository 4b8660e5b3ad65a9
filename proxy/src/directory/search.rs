//! What is searched for over a connection: a person, the charter's groups they are in, what these groups are called.

use super::cache::Person;
use super::filter::{About, Filter};
use super::link::{Bound, ENTRIES, Link, Trouble};
use super::message::{Entry, Scope, Search};
use super::names::{self, folded};
use super::roster::{Named, Roster};
use crate::config::Ldap;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;

/// Names of groups in one question.
const TOGETHER: usize = 50;
/// What is read of a person's entry.
const PERSON: [&str; 9] = [
    "sAMAccountName",
    "uid",
    "objectSid",
    "userAccountControl",
    "accountExpires",
    "shadowExpire",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "loginDisabled",
];

/// Says who the gate is, where it has an account.
pub(super) async fn as_reader(settings: &Ldap, link: &mut Link) -> Result<(), Trouble> {
    match &settings.reader {
        Some((dn, password)) => link.bind_as_reader(dn, password.told()).await,
        None => Ok(()),
    }
}

/// Finds the one entry of a name, open, whose password this is; and its groups.
pub(super) async fn find(
    settings: &Ldap,
    link: &mut Link,
    name: &str,
    password: Option<&str>,
    roster: &Roster,
) -> Result<Option<Person>, Trouble> {
    let filter = settings.user_filter.encoded(About { user: name, dn: "" });
    let seconds = u32::try_from(settings.timeout.as_secs().max(1)).unwrap_or(u32::MAX);
    let search =
        Search { base: &settings.base, scope: Scope::Subtree, filter: &filter, attributes: &PERSON, most: 2, seconds };
    let mut found = link.search(&search, false).await?;
    let entry = if found.len() == 1 { found.pop() } else { None };
    let known = entry.filter(|entry| is_open(entry, Timestamp::now())).and_then(|entry| {
        let account = names::account(&entry)?;
        Some((entry, account))
    });
    if found.len() > 1 {
        tracing::warn!("`user_filter` finds several entries for one name: none of them is let in");
    }
    let Some((entry, account)) = known else {
        if let Some(password) = password {
            // A name that is nobody's takes as long as one with a wrong password.
            link.bind(&format!("cn=nobody,{}", settings.base), password).await?;
        }
        return Ok(None);
    };
    if let Some(password) = password {
        if link.bind(&entry.dn, password).await? == Bound::No {
            return Ok(None);
        }
        as_reader(settings, link).await?;
    }
    let groups = if roster.groups.is_empty() { Vec::new() } else { groups_of(settings, link, &entry, roster).await? };
    Ok(Some(Person { account: account.into(), groups: groups.into() }))
}

/// Which of the charter's groups an entry is in, through others too.
async fn groups_of(settings: &Ldap, link: &mut Link, entry: &Entry, roster: &Roster) -> Result<Vec<Arc<str>>, Trouble> {
    let filter = &settings.group_filter;
    // Active Directory has worked it out, with the primary group; it is what a ticket says.
    if entry.values("objectSid").next().is_some() && settings.default_groups {
        let of = link.entry(&entry.dn, &["tokenGroups"]).await?;
        let sids: HashSet<String> = of.iter().flat_map(|of| of.values("tokenGroups")).filter_map(names::sid).collect();
        if !sids.is_empty() {
            return Ok(roster.among(&HashSet::new(), &sids));
        }
    }
    let mut all: HashSet<String> = HashSet::new();
    let mut members = vec![entry.dn.clone()];
    while !members.is_empty() {
        let mut further = Vec::new();
        for some in members.chunks(TOGETHER) {
            let filters: Vec<Vec<u8>> = some.iter().map(|dn| filter.encoded(About { user: "", dn })).collect();
            let any = Filter::any(&filters);
            let search = Search {
                base: &settings.base,
                scope: Scope::Subtree,
                filter: &any,
                attributes: &["1.1"],
                most: 0,
                seconds: 0,
            };
            for group in link.search(&search, true).await? {
                if all.insert(folded(&group.dn).into_owned()) {
                    further.push(group.dn);
                }
                if all.len() > ENTRIES {
                    return Err(Trouble::TooMany);
                }
            }
        }
        members = if filter.in_chain() { Vec::new() } else { further };
    }
    Ok(roster.among(&all, &HashSet::new()))
}

/// What the groups of a charter are called here.
pub(super) async fn call(link: &mut Link, names: &[Arc<str>]) -> Result<Roster, Trouble> {
    let mut groups = Vec::new();
    for name in names {
        let named = match Named::by_sid(name) {
            Some(named) => named,
            None => {
                let entry = link.entry(name, &["objectSid"]).await?;
                let sid = entry.as_ref().and_then(|entry| entry.values("objectSid").find_map(names::sid));
                Named { charter: name.to_string(), dn: entry.map(|entry| entry.dn), sid }
            }
        };
        groups.push(named);
    }
    Ok(Roster { groups })
}

/// Whether an account is neither disabled nor expired nor locked, as far as its entry says: a server may let the password of a
/// closed account in, and one who comes with a ticket is not asked for it.
fn is_open(entry: &Entry, now: Timestamp) -> bool {
    // [MS-ADTS] 2.2.16, ADS_UF_ACCOUNTDISABLE.
    let disabled = entry.number("userAccountControl").is_some_and(|control| control & 2 != 0);
    // Steps of 100 ns since 1601; 0 and the largest: never.
    let expires = entry.number("accountExpires").filter(|at| *at > 0 && *at < i64::MAX);
    let expired = expires.is_some_and(|at| at / 10_000_000 - 11_644_473_600 <= now.as_second());
    // Days since 1970 (RFC 2307); 0 and less: never.
    let shadow = entry.number("shadowExpire").filter(|day| *day > 0);
    let over = shadow.is_some_and(|day| day <= now.as_second() / 86_400);
    let yes = |name: &str| entry.text(name).is_some_and(|word| word.eq_ignore_ascii_case("true"));
    // As an administrator locks an account in OpenLDAP (slapo-ppolicy(5)).
    let locked = entry.text("pwdAccountLockedTime").is_some_and(|at| at.starts_with("000001010000Z"));
    !(disabled || expired || over || locked || yes("nsAccountLock") || yes("loginDisabled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_accounts_are_known_by_their_entries() {
        let now = Timestamp::from_second(1_800_000_000).expect("an instant");
        let open = |name: &str, value: &str| is_open(&Entry::new("cn=x", &[(name, value)]), now);
        for (name, value) in [
            ("useraccountcontrol", "512"),
            ("accountexpires", "0"),
            ("accountexpires", "9223372036854775807"),
            ("accountexpires", "200000000000000000"),
            ("shadowexpire", "-1"),
            ("shadowexpire", "99999"),
            ("nsaccountlock", "FALSE"),
            ("pwdaccountlockedtime", "20260101000000Z"),
        ] {
            assert!(open(name, value), "{name} {value}");
        }
        for (name, value) in [
            ("useraccountcontrol", "514"),
            ("accountexpires", "134399658750000000"),
            ("shadowexpire", "1000"),
            ("nsaccountlock", "TRUE"),
            ("logindisabled", "true"),
            ("pwdaccountlockedtime", "000001010000Z"),
        ] {
            assert!(!open(name, value), "{name} {value}");
        }
    }
}
