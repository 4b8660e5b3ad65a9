//! The groups in a ticket: KERB_VALIDATION_INFO (MS-PAC §2.5), which a domain controller signs into the tickets it gives, as
//! NDR writes it (MS-RPCE §2.2.6).
//!
//! Nested groups are in it as they were when the ticket was given; domain-local ones of the service's domain stand in its
//! last part. Nothing here panics or allocates by a length that was read: a structure that is cut, or not what it says, is an
//! error, and whoever sent it is nobody.
use std::fmt::Write as _;

/// SE_GROUP_ENABLED and SE_GROUP_USE_FOR_DENY_ONLY (MS-PAC §2.2.1).
const ENABLED: u32 = 0x4;
const DENY_ONLY: u32 = 0x10;
/// Sub-authorities of a SID (MS-DTYP §2.4.2).
const MOST_SUBS: u8 = 15;

/// Why logon information cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It ends too early.
    Short,
    /// It is not the structure, or says two things.
    Malformed,
}

/// The SIDs of the groups that the ticket's owner is in, each once, sorted.
pub(crate) fn groups(bytes: &[u8]) -> Result<Vec<String>, Unreadable> {
    let mut ndr = Ndr(bytes);
    ndr.headers()?;
    if ndr.u32()? == 0 {
        return Err(Unreadable::Malformed);
    }
    let fixed = Fixed::read(&mut ndr)?;
    // What the pointers lead to follows, in their order.
    for _ in 0..fixed.strings[..6].iter().filter(|there| **there).count() {
        ndr.string()?;
    }
    let rids = ndr.memberships(fixed.groups)?;
    for _ in 0..fixed.strings[6..].iter().filter(|there| **there).count() {
        ndr.string()?;
    }
    let domain = if fixed.domain { Some(ndr.sid()?) } else { None };
    let extra = ndr.extra_sids(fixed.extra)?;
    let resource_domain = if fixed.resource_domain { Some(ndr.sid()?) } else { None };
    let resource_rids = ndr.memberships(fixed.resource_groups)?;

    let mut groups = extra;
    let primary = Membership { rid: fixed.primary, attributes: ENABLED };
    // Without a primary group the number is 0.
    let primary = Some(primary).filter(|primary| primary.rid != 0 && domain.is_some());
    for (domain, rids) in [(domain, [rids, primary.into_iter().collect()].concat()), (resource_domain, resource_rids)] {
        let rids = rids.iter().filter(|group| counts(group.attributes)).peekable();
        for group in rids {
            let domain = domain.as_deref().ok_or(Unreadable::Malformed)?;
            groups.push(format!("{domain}-{}", group.rid));
        }
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

/// Whether a membership gives rights.
fn counts(attributes: u32) -> bool {
    attributes & ENABLED != 0 && attributes & DENY_ONLY == 0
}

/// GROUP_MEMBERSHIP (MS-PAC §2.2.2).
#[derive(Debug, Clone, Copy)]
struct Membership {
    rid: u32,
    attributes: u32,
}

/// How many there are, and whether a pointer leads to them.
type Counted = (u32, bool);

/// The part of fixed length: what it says of what follows.
struct Fixed {
    /// Which of the eight strings there are.
    strings: [bool; 8],
    primary: u32,
    groups: Counted,
    domain: bool,
    extra: Counted,
    resource_domain: bool,
    resource_groups: Counted,
}

impl Fixed {
    fn read(ndr: &mut Ndr<'_>) -> Result<Fixed, Unreadable> {
        let mut strings = [false; 8];
        // Six times.
        ndr.skip(6 * 8)?;
        // EffectiveName to HomeDirectoryDrive.
        for there in &mut strings[..6] {
            *there = ndr.string_header()?;
        }
        // LogonCount and BadPasswordCount, UserId.
        ndr.skip(2 + 2 + 4)?;
        let primary = ndr.u32()?;
        let groups = ndr.counted()?;
        // UserFlags, UserSessionKey.
        ndr.skip(4 + 16)?;
        // LogonServer, LogonDomainName.
        for there in &mut strings[6..] {
            *there = ndr.string_header()?;
        }
        let domain = ndr.pointer()?;
        // Reserved1, UserAccountControl, SubAuthStatus, two times, FailedILogonCount, Reserved3.
        ndr.skip(8 + 4 + 4 + 16 + 4 + 4)?;
        let extra = ndr.counted()?;
        let resource_domain = ndr.pointer()?;
        let resource_groups = ndr.counted()?;
        Ok(Fixed { strings, primary, groups, domain, extra, resource_domain, resource_groups })
    }
}

/// What is left to read. All lengths are multiples of four where they must be: strings are padded as they are read.
struct Ndr<'a>(&'a [u8]);

impl<'a> Ndr<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), Unreadable> {
        self.take(length).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable::Short)
    }

    fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_le_bytes)
    }

    /// The common and the private header of type serialization version 1 (MS-RPCE §2.2.6.1, §2.2.6.2), little-endian.
    fn headers(&mut self) -> Result<(), Unreadable> {
        let [version, order, length @ ..] = self.array::<4>()?;
        self.skip(4)?;
        let object = self.u32()?;
        self.skip(4)?;
        // Padded to eight; Samba and Windows say so in the length or don't.
        let fits = usize::try_from(object).is_ok_and(|object| object <= self.0.len());
        let good = version == 1 && order == 0x10 && u16::from_le_bytes(length) == 8;
        match (good, fits) {
            (false, _) => Err(Unreadable::Malformed),
            (true, false) => Err(Unreadable::Short),
            (true, true) => Ok(()),
        }
    }

    /// Whether a pointer leads somewhere.
    fn pointer(&mut self) -> Result<bool, Unreadable> {
        Ok(self.u32()? != 0)
    }

    fn counted(&mut self) -> Result<Counted, Unreadable> {
        Ok((self.u32()?, self.pointer()?))
    }

    /// RPC_UNICODE_STRING (MS-DTYP §2.3.10): whether its text follows.
    fn string_header(&mut self) -> Result<bool, Unreadable> {
        let (length, most) = (self.u16()?, self.u16()?);
        if length > most {
            return Err(Unreadable::Malformed);
        }
        self.pointer()
    }

    /// The text, passed over.
    fn string(&mut self) -> Result<(), Unreadable> {
        let (most, offset, count) = (self.u32()?, self.u32()?, self.u32()?);
        if offset != 0 || count > most {
            return Err(Unreadable::Malformed);
        }
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(2)).ok_or(Unreadable::Short)?;
        self.skip(bytes)?;
        // The last text may end the structure.
        self.skip((bytes % 4).min(self.0.len()))
    }

    /// How many elements an array has: as many as its owner says.
    fn elements(&mut self, (count, there): Counted, size: usize) -> Result<usize, Unreadable> {
        if !there {
            return if count == 0 { Ok(0) } else { Err(Unreadable::Malformed) };
        }
        if self.u32()? != count {
            return Err(Unreadable::Malformed);
        }
        let count = usize::try_from(count).map_err(|_| Unreadable::Short)?;
        // Nothing is made room for that is not there.
        if count.checked_mul(size).is_none_or(|bytes| bytes > self.0.len()) {
            Err(Unreadable::Short)
        } else {
            Ok(count)
        }
    }

    fn memberships(&mut self, counted: Counted) -> Result<Vec<Membership>, Unreadable> {
        let count = self.elements(counted, 8)?;
        (0..count).map(|_| Ok(Membership { rid: self.u32()?, attributes: self.u32()? })).collect()
    }

    /// KERB_SID_AND_ATTRIBUTES (MS-PAC §2.2.1): those that count.
    fn extra_sids(&mut self, counted: Counted) -> Result<Vec<String>, Unreadable> {
        let count = self.elements(counted, 8)?;
        let heads: Vec<(bool, u32)> =
            (0..count).map(|_| Ok((self.pointer()?, self.u32()?))).collect::<Result<_, _>>()?;
        let mut sids = Vec::new();
        for (_, attributes) in heads.iter().filter(|(there, _)| *there) {
            let sid = self.sid()?;
            if counts(*attributes) {
                sids.push(sid);
            }
        }
        Ok(sids)
    }

    /// RPC_SID (MS-DTYP §2.4.2.3), as it is written (§2.4.2.1).
    fn sid(&mut self) -> Result<String, Unreadable> {
        let most = self.u32()?;
        let [revision, subs] = self.array()?;
        let authority = self.array::<6>()?;
        if revision != 1 || subs > MOST_SUBS || u32::from(subs) != most {
            return Err(Unreadable::Malformed);
        }
        let authority = authority.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        let mut sid = String::with_capacity(48);
        // Writing into a String does not fail.
        let _ = match u32::try_from(authority) {
            Ok(authority) => write!(sid, "S-1-{authority}"),
            Err(_) => write!(sid, "S-1-0x{authority:012x}"),
        };
        for _ in 0..subs {
            let _ = write!(sid, "-{}", self.u32()?);
        }
        Ok(sid)
    }
}

#[cfg(test)]
mod tests;
