//! Who is behind a figure, as far as it takes to know whether they are enough.

use super::THRESHOLD;
use crate::people::is_machine;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

/// Numbers for the people of a period.
///
/// A person is an account, whatever its case and wherever it asks from. Where no account is known, an address stands for
/// one person: the account's that was seen at it, if there is one, so that nobody is counted twice; IPv6 addresses of one
/// network (/64) stand for one person together, since a machine takes new ones every day. A machine's account is no one: its
/// address stands for it. Counted so, people are rather too few than too many.
#[derive(Debug, Default)]
pub struct Persons {
    accounts: HashMap<Box<str>, u32>,
    machines: HashSet<u32>,
    addresses: HashMap<IpAddr, u32>,
    count: u32,
    /// Whose address it is.
    owners: HashMap<u32, u32>,
}

impl Persons {
    /// The number of an account.
    pub fn account(&mut self, name: &str) -> u32 {
        let folded: String = name.chars().flat_map(char::to_lowercase).collect();
        let machine = is_machine(&folded);
        let number = *self.accounts.entry(folded.into()).or_insert_with(|| next(&mut self.count));
        if machine {
            self.machines.insert(number);
        }
        number
    }

    /// The number of an address.
    pub fn address(&mut self, address: IpAddr) -> u32 {
        let network = match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
            v4 => v4,
        };
        *self.addresses.entry(network).or_insert_with(|| next(&mut self.count))
    }

    /// Whoever asked: an account, if one was known, and an address. Remembers that the one was seen at the other.
    pub fn asker(&mut self, account: Option<u32>, address: u32) -> u32 {
        match account.filter(|account| !self.machines.contains(account)) {
            None => address,
            Some(account) => {
                self.owners.entry(address).or_insert(account);
                account
            }
        }
    }

    /// The person a number stands for, once all are known.
    pub fn person(&self, number: u32) -> u32 {
        self.owners.get(&number).copied().unwrap_or(number)
    }
}

fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}

/// Numbers kept: more than the threshold, since two of them may turn out to be one person.
const KEPT: usize = 2 * THRESHOLD;

/// Some of the people behind a figure: all of them while they are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Few {
    numbers: [u32; KEPT],
    count: u8,
}

impl Few {
    /// Adds one.
    pub fn add(&mut self, number: u32) {
        let count = usize::from(self.count);
        if count < KEPT && !self.numbers[..count].contains(&number) {
            self.numbers[count] = number;
            self.count += 1;
        }
    }

    /// Adds all of another figure.
    pub fn add_all(&mut self, other: &Few) {
        other.numbers().for_each(|number| self.add(number));
    }

    /// The numbers kept.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter().take(self.count.into()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn nobody_counts_twice() {
        let mut persons = Persons::default();
        let martin = persons.account("a.martin");
        assert_eq!(persons.account("A.Martin"), martin);
        assert_ne!(persons.account("p.dupont"), martin);
        let (desk, other) = (persons.address(address("10.0.0.7")), persons.address(address("10.0.0.8")));
        assert_eq!(persons.address(address("::ffff:10.0.0.7")), desk);
        // Seen without an account before, and with one afterwards.
        let asker = persons.asker(None, desk);
        assert_eq!(persons.asker(Some(martin), desk), martin);
        assert_eq!((persons.person(asker), persons.person(other)), (martin, other));
        let machine = persons.account("PC07$@PME.TEST");
        let asker = persons.asker(Some(machine), desk);
        assert_eq!(persons.person(asker), martin, "whose desk it stands on");
        assert_eq!(persons.asker(Some(machine), other), other);
        let network = persons.address(address("2001:db8::1"));
        assert_eq!(persons.address(address("2001:db8::ffff:1")), network);
        assert_ne!(persons.address(address("2001:db8:0:1::1")), network);
    }

    #[test]
    fn few_are_kept_and_many_are_many() {
        let mut few = Few::default();
        for number in [3, 3, 4, 3] {
            few.add(number);
        }
        assert_eq!(few.numbers().collect::<Vec<_>>(), [3, 4]);
        let mut many = Few::default();
        (0..1000).for_each(|number| many.add(number));
        few.add_all(&many);
        assert_eq!(few.numbers().count(), KEPT);
    }
}
