//! Logon information of a ticket: what a domain controller writes is read as it was meant, nothing that is cut is read at all,
//! and no number in it makes room for what is not there.
#![no_main]

#[path = "../../../proxy/src/kerberos"]
mod gate {
    pub(crate) mod pac;
}

use arbitrary::{Arbitrary, Unstructured};
use gate::pac::groups;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = groups(bytes) {
        // Each group takes eight bytes at least.
        assert!(found.len() <= bytes.len() / 8 + 1, "{} groups of {} bytes", found.len(), bytes.len());
        assert!(found.is_sorted() && found.iter().collect::<BTreeSet<_>>().len() == found.len(), "{found:?}");
        let plain = |sid: &String| sid.starts_with("S-1-") && sid.len() <= 200 && sid.is_ascii();
        assert!(found.iter().all(plain), "{found:?}");
    }
    let Ok(logon) = Logon::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let written = logon.bytes();
    assert_eq!(groups(&written), Ok(logon.expected()), "{logon:?}");
    for cut in fuzz::cuts(written.len()).filter(|cut| *cut < written.len()) {
        assert!(groups(&written[..cut]).is_err(), "{cut} of {} bytes: {logon:?}", written.len());
    }
});

#[derive(Debug, Arbitrary)]
struct Logon {
    names: [Vec<u16>; 8],
    primary: u32,
    groups: Vec<(u32, u32)>,
    domain: Vec<u32>,
    extra: Vec<(Vec<u32>, u32)>,
    resource_domain: Vec<u32>,
    resource_groups: Vec<(u32, u32)>,
}

/// At most fifteen, as SIDs have.
fn subs(subs: &[u32]) -> &[u32] {
    &subs[..subs.len().min(15)]
}

fn sid(parts: &[u32]) -> String {
    subs(parts).iter().fold("S-1-5".to_owned(), |sid, part| format!("{sid}-{part}"))
}

impl Logon {
    fn expected(&self) -> Vec<String> {
        let counts = |how: u32| how & 4 != 0 && how & 16 == 0;
        let of = |domain: &[u32], groups: &[(u32, u32)]| {
            let domain = sid(domain);
            groups
                .iter()
                .filter(|group| counts(group.1))
                .map(|group| format!("{domain}-{}", group.0))
                .collect::<Vec<_>>()
        };
        let mut all = of(&self.domain, &self.groups);
        all.extend(of(&self.resource_domain, &self.resource_groups));
        all.extend(self.extra.iter().filter(|extra| counts(extra.1)).map(|extra| sid(&extra.0)));
        all.extend((self.primary != 0).then(|| format!("{}-{}", sid(&self.domain), self.primary)));
        all.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn bytes(&self) -> Vec<u8> {
        let there = |is: bool| if is { [4, 0, 2, 0] } else { [0; 4] };
        let name = |name: &[u16]| name[..name.len().min(1000)].to_vec();
        let header = |text: &Vec<u16>| {
            let length = (name(text).len() as u16 * 2).to_le_bytes();
            [&length[..], &length, &there(!text.is_empty())].concat()
        };
        let text = |text: &Vec<u16>| {
            let (text, there) = (name(text), !text.is_empty());
            let length = (text.len() as u32).to_le_bytes();
            let mut out = [&length[..], &[0; 4], &length].concat();
            out.extend(text.iter().flat_map(|unit| unit.to_le_bytes()));
            out.resize(out.len().next_multiple_of(4), 0);
            if there { out } else { Vec::new() }
        };
        let counted = |count: usize| [(count as u32).to_le_bytes(), there(count > 0)].concat();
        let array = |groups: &[(u32, u32)]| {
            let head = if groups.is_empty() { Vec::new() } else { (groups.len() as u32).to_le_bytes().to_vec() };
            let pairs = groups.iter().flat_map(|group| [group.0.to_le_bytes(), group.1.to_le_bytes()].concat());
            head.into_iter().chain(pairs).collect::<Vec<u8>>()
        };
        let identifier = |parts: &[u32]| {
            let parts = subs(parts);
            let head = [&(parts.len() as u32).to_le_bytes()[..], &[1, parts.len() as u8, 0, 0, 0, 0, 0, 5]].concat();
            head.into_iter().chain(parts.iter().flat_map(|part| part.to_le_bytes())).collect::<Vec<u8>>()
        };
        let extra: Vec<(u32, u32)> = self.extra.iter().map(|extra| (0x0002_0004, extra.1)).collect();
        let body = [
            there(true).to_vec(),
            vec![0xff; 48],
            self.names[..6].iter().flat_map(header).collect(),
            vec![0; 8],
            self.primary.to_le_bytes().to_vec(),
            counted(self.groups.len()),
            vec![0; 20],
            self.names[6..].iter().flat_map(header).collect(),
            there(true).to_vec(),
            vec![0; 40],
            counted(extra.len()),
            there(true).to_vec(),
            counted(self.resource_groups.len()),
            self.names[..6].iter().flat_map(text).collect(),
            array(&self.groups),
            self.names[6..].iter().flat_map(text).collect(),
            identifier(&self.domain),
            array(&extra),
            self.extra.iter().flat_map(|extra| identifier(&extra.0)).collect(),
            identifier(&self.resource_domain),
            array(&self.resource_groups),
        ]
        .concat();
        let head = [&[1, 16, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc][..], &(body.len() as u32).to_le_bytes(), &[0; 4]].concat();
        [head, body].concat()
    }
}
