//! Logon information, written as a domain controller does and read back; cut, and changed.
use super::*;

/// Logon information as a domain controller writes it.
struct Logon {
    names: [&'static str; 8],
    primary: u32,
    groups: Vec<(u32, u32)>,
    domain: Option<&'static [u32]>,
    extra: Vec<(&'static [u32], u32)>,
    resource_domain: Option<&'static [u32]>,
    resource_groups: Vec<(u32, u32)>,
}

/// Mandatory, enabled by default, enabled.
const USUAL: u32 = 7;
const DOMAIN: &[u32] = &[21, 3_048_156_945, 3_961_193_616, 3_706_469_200];
const RESOURCES: &[u32] = &[21, 1, 2, 3];

fn logon() -> Logon {
    Logon {
        // Odd and even lengths, and none.
        names: ["a.martin", "Andrée Martin", "", "abc", "", "", "DC1", "PME"],
        primary: 513,
        groups: vec![(513, USUAL), (1105, USUAL), (1106, USUAL)],
        domain: Some(DOMAIN),
        extra: vec![(&[18, 1], USUAL)],
        resource_domain: Some(RESOURCES),
        resource_groups: vec![(1200, USUAL | 0x2000_0000)],
    }
}

impl Logon {
    fn bytes(&self) -> Vec<u8> {
        let mut pointers = 0x0002_0000u32;
        let mut pointer = |there: bool| {
            pointers += 4;
            if there { pointers.to_le_bytes() } else { [0; 4] }
        };
        let mut out = pointer(true).to_vec();
        out.extend([0xff; 48]);
        let names = self.names.map(|name| name.encode_utf16().collect::<Vec<u16>>());
        let header = |out: &mut Vec<u8>, name: &[u16], pointer: &mut dyn FnMut(bool) -> [u8; 4]| {
            let length = (name.len() as u16 * 2).to_le_bytes();
            out.extend([length, length].concat());
            out.extend(pointer(!name.is_empty()));
        };
        names[..6].iter().for_each(|name| header(&mut out, name, &mut pointer));
        out.extend([101, 0, 0, 0]);
        out.extend(1103u32.to_le_bytes());
        out.extend(self.primary.to_le_bytes());
        let counted = |out: &mut Vec<u8>, count: usize, pointer: &mut dyn FnMut(bool) -> [u8; 4]| {
            out.extend((count as u32).to_le_bytes());
            out.extend(pointer(count > 0));
        };
        counted(&mut out, self.groups.len(), &mut pointer);
        out.extend([0x20, 0, 0, 0]);
        out.extend([0; 16]);
        names[6..].iter().for_each(|name| header(&mut out, name, &mut pointer));
        out.extend(pointer(self.domain.is_some()));
        out.extend([0; 40]);
        counted(&mut out, self.extra.len(), &mut pointer);
        out.extend(pointer(self.resource_domain.is_some()));
        counted(&mut out, self.resource_groups.len(), &mut pointer);

        let text = |out: &mut Vec<u8>, name: &[u16]| {
            if !name.is_empty() {
                let length = (name.len() as u32).to_le_bytes();
                out.extend([length, [0; 4], length].concat());
                out.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
                out.resize(out.len().next_multiple_of(4), 0);
            }
        };
        let sid = |out: &mut Vec<u8>, subs: &[u32]| {
            out.extend((subs.len() as u32).to_le_bytes());
            // 5 is NT; 18 says who authenticated.
            let (authority, subs) = if subs[0] == 18 { (18, &subs[1..]) } else { (5, subs) };
            out.extend([1, subs.len() as u8, 0, 0, 0, 0, 0, authority]);
            let at = out.len() - 12;
            out[at..at + 4].copy_from_slice(&(subs.len() as u32).to_le_bytes());
            out.extend(subs.iter().flat_map(|sub| sub.to_le_bytes()));
        };
        let memberships = |out: &mut Vec<u8>, groups: &[(u32, u32)]| {
            if !groups.is_empty() {
                out.extend((groups.len() as u32).to_le_bytes());
                groups.iter().for_each(|(rid, how)| out.extend([rid.to_le_bytes(), how.to_le_bytes()].concat()));
            }
        };
        names[..6].iter().for_each(|name| text(&mut out, name));
        memberships(&mut out, &self.groups);
        names[6..].iter().for_each(|name| text(&mut out, name));
        self.domain.iter().for_each(|subs| sid(&mut out, subs));
        if !self.extra.is_empty() {
            out.extend((self.extra.len() as u32).to_le_bytes());
            self.extra.iter().for_each(|(_, how)| out.extend([pointer(true), how.to_le_bytes()].concat()));
            self.extra.iter().for_each(|(subs, _)| sid(&mut out, subs));
        }
        self.resource_domain.iter().for_each(|subs| sid(&mut out, subs));
        memberships(&mut out, &self.resource_groups);
        let head = [&[1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc][..], &(out.len() as u32).to_le_bytes(), &[0; 4]].concat();
        [head, out].concat()
    }
}

const OF_THE_DOMAIN: &str = "S-1-5-21-3048156945-3961193616-3706469200";

#[test]
fn all_groups_of_a_ticket_are_found() {
    let expected: Vec<String> = [
        "S-1-18-1".to_owned(),
        "S-1-5-21-1-2-3-1200".to_owned(),
        format!("{OF_THE_DOMAIN}-1105"),
        format!("{OF_THE_DOMAIN}-1106"),
        format!("{OF_THE_DOMAIN}-513"),
    ]
    .into();
    assert_eq!(groups(&logon().bytes()), Ok(expected));
}

#[test]
fn the_primary_group_counts_although_it_is_not_listed() {
    let logon = Logon { groups: vec![], extra: vec![], resource_domain: None, resource_groups: vec![], ..logon() };
    assert_eq!(groups(&logon.bytes()), Ok(vec![format!("{OF_THE_DOMAIN}-513")]));
    assert_eq!(groups(&Logon { primary: 0, ..logon }.bytes()), Ok(vec![]));
}

#[test]
fn a_group_that_only_denies_or_is_off_gives_nothing() {
    let logon = Logon {
        groups: vec![(1, 0x10 | USUAL), (2, 3), (3, USUAL)],
        extra: vec![(&[32, 544], 0x10), (&[32, 545], USUAL)],
        ..logon()
    };
    let found = groups(&logon.bytes()).expect("readable");
    for (sid, there) in [(format!("{OF_THE_DOMAIN}-1"), false), (format!("{OF_THE_DOMAIN}-2"), false)]
        .into_iter()
        .chain([(format!("{OF_THE_DOMAIN}-3"), true), ("S-1-5-32-544".into(), false), ("S-1-5-32-545".into(), true)])
    {
        assert_eq!(found.contains(&sid), there, "{sid} of {found:?}");
    }
}

#[test]
fn what_is_cut_or_says_two_things_is_refused() {
    let whole = logon().bytes();
    for cut in 0..whole.len() {
        assert!(groups(&whole[..cut]).is_err(), "{cut} of {}", whole.len());
    }
    // Groups without the domain that they are of.
    assert_eq!(groups(&Logon { domain: None, ..logon() }.bytes()), Err(Unreadable::Malformed));
    assert_eq!(groups(&Logon { resource_domain: None, ..logon() }.bytes()), Err(Unreadable::Malformed));
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        groups(&changed)
    };
    assert_eq!(with(0, &[2]), Err(Unreadable::Malformed), "version");
    assert_eq!(with(1, &[0]), Err(Unreadable::Malformed), "byte order");
    assert_eq!(with(16, &[0; 4]), Err(Unreadable::Malformed), "no structure");
    // GroupCount, behind headers, pointer, six times, six strings, and five numbers.
    let count = 16 + 4 + 48 + 48 + 12;
    assert_eq!(with(count, &4u32.to_le_bytes()), Err(Unreadable::Malformed), "two counts");
    assert_eq!(with(count + 4, &[0; 4]), Err(Unreadable::Malformed), "groups without a pointer");
}

#[test]
fn numbers_beyond_all_bounds_make_room_for_nothing() {
    let logon = Logon { names: [""; 8], groups: vec![(1, USUAL)], ..logon() };
    let mut bytes = logon.bytes();
    let fixed = 16 + 4 + 48 + 48 + 12;
    bytes[fixed..fixed + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    // The array behind the fixed part says the same.
    let array = 16 + 4 + 216;
    assert_eq!(bytes[array..array + 4], 1u32.to_le_bytes());
    bytes[array..array + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(groups(&bytes), Err(Unreadable::Short));
}

/// Written by Samba's own encoder.
#[test]
fn what_another_program_writes_is_read_the_same() {
    let of = |rid: u32| format!("S-1-5-21-1004336348-1177238915-682003330-{rid}");
    let usual = include_bytes!("../../../../tests/fuzz/corpus/pac/samba-usual");
    let mut expected = vec!["S-1-18-1".to_owned(), of(513), of(1105), of(1106)];
    expected.extend(["S-1-5-21-1-2-3-1200", "S-1-5-21-1-2-3-1201"].map(str::to_owned));
    expected.sort();
    assert_eq!(groups(usual), Ok(expected));
    let machine = include_bytes!("../../../../tests/fuzz/corpus/pac/samba-machine");
    assert_eq!(groups(machine), Ok(vec![of(513), of(515)]));
    let off = include_bytes!("../../../../tests/fuzz/corpus/pac/samba-off");
    assert_eq!(groups(off).map(|found| found.len()), Ok(3), "the primary group, and those of the resource domain");
}
