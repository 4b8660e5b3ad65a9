//! Names of a directory: of people, of domains, of groups.
//!
//! An account of Active Directory is `name@REALM`, as Kerberos says it: the same person has one name by password and by ticket. An
//! account of another directory is its `uid` (decision 6).

use super::message::Entry;
use std::borrow::Cow;

/// The longest account, in bytes.
const LONGEST: usize = 512;

/// The account of an entry; `None`: it has no name that a record could bear.
pub(super) fn account(entry: &Entry) -> Option<String> {
    let name = entry.text("sAMAccountName").or_else(|| entry.text("uid"))?.trim().to_lowercase();
    let odd = |c: char| c.is_control() || matches!(c, '\\' | '@' | ':');
    if name.is_empty() || name.len() > LONGEST || name.contains(odd) {
        return None;
    }
    match entry.values("objectSid").next().and_then(|_| realm(&entry.dn)) {
        Some(realm) => Some(format!("{name}@{realm}")),
        None => Some(name),
    }
}

/// The name that is searched for, of what somebody typed or a ticket says: without the domain that Windows puts before
/// (`PME\\a.martin`), and without the realm of this directory behind.
pub(super) fn searched<'a>(typed: &'a str, base: &str) -> &'a str {
    let name = typed.rsplit_once('\\').map_or(typed, |(_, name)| name);
    match name.rsplit_once('@') {
        Some((name, behind)) if realm(base).is_some_and(|realm| realm.eq_ignore_ascii_case(behind)) => name,
        _ => name,
    }
}

/// What the name of a domain is in a distinguished name: `DC=ad,DC=pme,DC=test` is `AD.PME.TEST`. `None`: it has none.
pub(super) fn realm(dn: &str) -> Option<String> {
    let label = |part: &str| -> Option<String> {
        let (kind, value) = part.trim().split_once('=')?;
        kind.trim().eq_ignore_ascii_case("dc").then(|| value.trim().to_uppercase())
    };
    let mut labels: Vec<String> = dn.rsplit(',').map_while(label).collect();
    labels.reverse();
    let plain = |label: &String| !label.is_empty() && !label.contains(['\\', '+', '"', '@']);
    (!labels.is_empty() && labels.iter().all(plain)).then(|| labels.join("."))
}

/// A security identifier as it is written: `S-1-5-21-…-513` ([MS-DTYP] 2.4.2). `None`: these bytes are none.
pub(super) fn sid(bytes: &[u8]) -> Option<String> {
    let (head, subs) = bytes.split_at_checked(8)?;
    let [revision, count, authority @ ..] = head else { return None };
    if *revision != 1 || *count > 15 || subs.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, &byte| (sum << 8) | u64::from(byte));
    let subs = subs.chunks_exact(4).filter_map(|sub| Some(u32::from_le_bytes(sub.try_into().ok()?)));
    Some(subs.fold(format!("S-1-{authority}"), |text, sub| format!("{text}-{sub}")))
}

/// A name as names compare.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    match name.chars().any(|c| !c.is_ascii() || c.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_lowercase()),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_one_of_kerberos_where_there_is_a_domain() {
        let dn = "CN=A. Martin,DC=ad,DC=pme,DC=test";
        let of = |attributes: &[(&str, &str)]| account(&Entry::new(dn, attributes));
        let sid = ("objectsid", "x");
        assert_eq!(of(&[("samaccountname", "A.Martin"), sid]).as_deref(), Some("a.martin@AD.PME.TEST"));
        assert_eq!(of(&[("samaccountname", "Équipe.ÉTÉ"), sid]).as_deref(), Some("équipe.été@AD.PME.TEST"));
        assert_eq!(of(&[("uid", "A.Martin")]).as_deref(), Some("a.martin"));
        for odd in ["", " ", "a@b", "a\\b", "a:b", "a\nb"] {
            assert_eq!(of(&[("uid", odd)]), None, "{odd:?}");
        }
        assert_eq!(of(&[("cn", "A. Martin")]), None);
    }

    #[test]
    fn a_domain_typed_with_a_name_is_left_out() {
        let base = "OU=x,DC=ad,DC=pme,DC=test";
        for typed in ["a.martin", "PME\\a.martin", "a.martin@ad.pme.test", "a.martin@AD.PME.TEST"] {
            assert_eq!(searched(typed, base), "a.martin");
        }
        assert_eq!(searched("a.martin@pme.test", base), "a.martin@pme.test");
    }

    #[test]
    fn domains_and_identifiers_are_read() {
        assert_eq!(realm("CN=A\\, B,OU=x,DC=ad,DC=Pme,DC=test").as_deref(), Some("AD.PME.TEST"));
        assert_eq!(realm("uid=x,o=pme"), None);
        let sid_of = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        assert_eq!(sid(&sid_of).as_deref(), Some("S-1-5-32-544"));
        for odd in [&sid_of[..15], &[1, 200, 0, 0, 0, 0, 0, 5], &[]] {
            assert_eq!(sid(odd), None);
        }
    }
}
