//! Which destinations the register must not be told: those of guests, of protected persons, of protected categories.
//!
//! The shipped list of protected names ([`crate::protected`]) always holds. The charter's `[masking]` adds to it and
//! takes nothing away. What a list of malware holds is told whoever asks for it: only so can it be found and cleaned.
use crate::categories::Categories;
use crate::who::{Asker, Name, Who};
use ipnet::IpNet;
use std::net::IpAddr;

/// Why a destination is withheld from the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Withheld {
    /// It is of a protected category: from the visit could be inferred what nobody may keep (article 9 of the GDPR).
    Category,
    /// A protected person asks: a staff representative, an occupational physician, who takes reports in.
    Person,
    /// A guest asks.
    Guest,
}

impl Withheld {
    /// `category`, `person`, `guest`: as the record writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Withheld::Category => "category",
            Withheld::Person => "person",
            Withheld::Guest => "guest",
        }
    }
}

/// The charter's `[masking]`, and what is shipped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masking {
    /// Categories of the charter.
    pub(crate) categories: Categories,
    /// Protected persons; nobody when it names nobody.
    pub(crate) persons: Who,
    /// Accounts that are protected beside those of the charter.
    pub(crate) also_users: Vec<Name>,
    /// Addresses that are.
    pub(crate) also_clients: Vec<IpAddr>,
    /// Networks of guests.
    pub(crate) guests: Vec<IpNet>,
    /// Sources of the charter's own index whose names are protected.
    pub(crate) sources: Vec<String>,
    /// Sources of the downloaded lists whose entries are protected.
    pub(crate) lists: Vec<String>,
    /// Sources of the downloaded lists whose entries are harmful.
    pub(crate) harmful: Vec<String>,
}

impl Masking {
    /// Why a harmless target is withheld. Of several reasons the widest is given: all that a guest asks for is withheld,
    /// whatever it is. `groups` are the places of those that the asker is in.
    pub(crate) fn withholds(&self, asker: &Asker<'_>, groups: &[usize], is_protected: bool) -> Option<Withheld> {
        if asker.is_within(&self.guests) {
            Some(Withheld::Guest)
        } else if self.is_protected(asker, groups) {
            Some(Withheld::Person)
        } else {
            is_protected.then_some(Withheld::Category)
        }
    }

    fn is_protected(&self, asker: &Asker<'_>, groups: &[usize]) -> bool {
        !self.persons.is_everyone() && self.persons.holds(asker, groups)
            || asker.is_any(&self.also_users)
            || self.also_clients.contains(&asker.client)
    }
}
