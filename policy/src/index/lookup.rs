//! Finding every entry that covers a target.

use super::{Hit, Index, Kind, SetId};
use crate::Target;

impl Index {
    /// Adds every entry that covers the target: names at label boundaries, URLs by host and path prefix, expressions.
    pub fn hits(&self, target: &Target, hits: &mut impl Extend<Hit>) {
        self.listed_names(target, hits);
        self.listed_urls(target, hits);
        if !self.expressions.is_empty() {
            for entry in self.expressions.matching(&target.host_and_locator()) {
                let (set, _) = self.expression_texts[entry as usize];
                hits.extend([Hit { set, kind: Kind::Expressions, entry }]);
            }
        }
    }

    /// Whether an entry names a path of the target's host, and not all of it.
    pub(crate) fn has_paths_of(&self, target: &Target) -> bool {
        let key = [bare(target.host()), "/"].concat();
        self.urls.has_longer(key.as_bytes())
    }

    /// The sources of each expression.
    pub(crate) fn expression_sets(&self) -> impl Iterator<Item = SetId> {
        self.expression_texts.iter().map(|(set, _)| *set)
    }

    /// The text of the entry behind a hit: `youporn.com`, `example.com/dir`, `(sex|porn)`. Empty when the hit is not of
    /// this index and target.
    pub fn entry(&self, target: &Target, hit: Hit) -> String {
        let length = hit.entry as usize;
        match hit.kind {
            Kind::Domains => {
                let host = target.host();
                host.len().checked_sub(length).and_then(|start| host.get(start..)).unwrap_or_default().to_owned()
            }
            Kind::Urls => [bare(target.host()), locator(target).get(..length).unwrap_or_default()].concat(),
            Kind::Expressions => self.expression_texts.get(length).map(|(_, text)| text.clone()).unwrap_or_default(),
        }
    }

    /// A name counts where a label begins; an address is listed whole, or not at all.
    fn listed_names(&self, target: &Target, hits: &mut impl Extend<Hit>) {
        let host = target.host();
        // Longer than any host, and one more for the mark.
        let mut reversed = [0; 256];
        let mark = target.ip().map(|_| b'=');
        let mut end = 0;
        for (place, byte) in reversed.iter_mut().zip(mark.into_iter().chain(host.bytes().rev())) {
            *place = byte;
            end += 1;
        }
        let key = &reversed[..end];
        self.names.prefixes(key, |found, set| {
            let whole = found == end;
            if whole || (mark.is_none() && key[found] == b'.') {
                let entry = length(if mark.is_some() { found - 1 } else { found });
                hits.extend([Hit { set, kind: Kind::Domains, entry }]);
            }
        });
    }

    /// The host must be equal, `www.` aside; then every prefix of path and query that ends at a boundary.
    fn listed_urls(&self, target: &Target, hits: &mut impl Extend<Hit>) {
        let host = bare(target.host());
        // An entry for a whole site covers the tunnel to it, where no path is known: its host and a slash.
        let mut tunnel = [b'/'; 256];
        let asked;
        let text = match tunnel.get_mut(..host.len()) {
            Some(place) if target.locator().is_empty() => {
                place.copy_from_slice(host.as_bytes());
                &tunnel[..=host.len()]
            }
            _ => {
                asked = target.host_and_locator();
                bare(&asked).as_bytes()
            }
        };
        self.urls.prefixes(text, |found, set| {
            // No host holds a slash, so that no entry ends within the host.
            let locator = text.get(host.len()..found).unwrap_or_default();
            if ends_at_boundary(locator, text.get(found)) {
                hits.extend([Hit { set, kind: Kind::Urls, entry: length(locator.len()) }]);
            }
        });
    }
}

/// The host as URL entries hold it: UT1 leaves `www.` away.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

/// What URL entries are compared with. An entry for a whole site covers the tunnel to it, where no path is known.
fn locator(target: &Target) -> &str {
    match target.locator() {
        "" => "/",
        locator => locator,
    }
}

/// Whether an entry ends where a part of the URL ends: `/dir` covers `/dir/x` and `/dir?x`, not `/direct`; `/f?id=1`
/// covers `/f?id=1&p=2`, not `/f?id=12`. An entry that ends in a separator is a plain prefix.
fn ends_at_boundary(entry: &[u8], next: Option<&u8>) -> bool {
    let in_query = entry.contains(&b'?');
    match (entry.last(), next) {
        (_, None) | (Some(b'/'), _) => true,
        (Some(b'=' | b'&' | b';'), _) if in_query => true,
        (_, Some(b'/' | b'?')) => !in_query,
        (_, Some(b'&' | b';')) => in_query,
        _ => false,
    }
}

/// Hosts are at most 253 bytes and locators a mebibyte.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
