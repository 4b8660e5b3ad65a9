//! What stands in the clear in a day file, held to what its records say.

use crate::columns::{self, Block};
use crate::dayfile::Reader;
use crate::dayfile::sealed::BlockKey;
use crate::row::Malformed;
use std::collections::BTreeSet;

/// What stands in the clear beside blocks, so that a search finds them: it proves nothing, and must say what they say.
#[derive(Default)]
pub(super) struct Clear {
    /// The lowest and highest identifier, then opening.
    ids: Option<(i64, i64)>,
    opened: Option<(i64, i64)>,
    users: BTreeSet<usize>,
    /// What was found first.
    first: Option<(String, &'static str)>,
}

impl Clear {
    /// Looks at a block and its place.
    pub(super) fn look(
        &mut self,
        block: &Block,
        key: BlockKey,
        last_user: i64,
        users: &[Option<String>],
    ) -> Result<(), Malformed> {
        let broken = self.broken_place(block, key, last_user, users)?;
        if let (Some(which), None) = (broken, &self.first) {
            self.first = Some((format!(", the block that begins with record {}", key.2), which));
        }
        Ok(())
    }

    /// What of a block's place is not as its records say.
    fn broken_place(
        &mut self,
        block: &Block,
        key: BlockKey,
        last_user: i64,
        users: &[Option<String>],
    ) -> Result<Option<&'static str>, Malformed> {
        let (ids, opened) = (block.numbers(columns::ID)?, block.numbers(columns::OPENED_AT)?);
        let names = block.texts(columns::USER)?;
        let place = |name: Option<&str>| users.binary_search_by(|known| known.as_deref().cmp(&name)).ok();
        let mut found = Vec::new();
        for name in 0..names.distinct() {
            let Some(place) = place(names.value(name)) else { return Ok(Some("the list of accounts")) };
            found.push(place as i64);
            self.users.insert(place);
        }
        let user = |row: usize| found.get(names.place(row)).copied();
        let last = block.len().checked_sub(1).ok_or(Malformed::Block("its length"))?;
        if user(0) != Some(key.0)
            || user(last) != Some(last_user)
            || found.iter().any(|user| !(key.0..=last_user).contains(user))
        {
            return Ok(Some("the place of its accounts"));
        }
        if (opened[0], ids[0]) != (key.1, key.2) {
            return Ok(Some("its first record"));
        }
        for (span, values) in [(&mut self.ids, ids), (&mut self.opened, opened)] {
            for value in values {
                let (low, high) = span.get_or_insert((*value, *value));
                (*low, *high) = ((*low).min(*value), (*high).max(*value));
            }
        }
        Ok(None)
    }

    /// What is not as the records say: of a block's place, or of the day's own figures.
    pub(super) fn broken(mut self, reader: &Reader, users: usize) -> Result<Option<(String, &'static str)>, Malformed> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let (first_id, last_id) = self.ids.unwrap_or_default();
        let (first_opened, last_opened) = self.opened.unwrap_or_default();
        let figures = [
            ("first_id", first_id),
            ("last_id", last_id),
            ("first_opened", first_opened),
            ("last_opened", last_opened),
        ];
        for (name, figure) in figures {
            if reader.number(name)? != figure {
                return Ok(Some((String::new(), name)));
            }
        }
        // An account too many shifts nobody's place, and is nobody's either.
        Ok((self.users.len() != users).then(|| (String::new(), "the list of accounts")))
    }
}
