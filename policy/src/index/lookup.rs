//! Finding every entry that covers a target.

use super::{Hit, Index, Kind, Section, SetId};
use crate::Target;
use fst::raw::{Fst, Node};

impl Index {
    /// Adds every entry that covers the target: names at label boundaries, URLs by host and path prefix, expressions.
    pub fn hits(&self, target: &Target, hits: &mut Vec<Hit>) {
        if target.ip().is_some() {
            self.address(target.host(), hits);
        } else {
            self.suffixes(target.host(), hits);
        }
        self.prefixes(target, hits);
        if !self.expressions.is_empty() {
            for entry in self.expressions.matching(&target.host_and_locator()) {
                let (set, _) = self.expression_texts[entry as usize];
                hits.push(Hit {
                    set,
                    kind: Kind::Expressions,
                    entry,
                });
            }
        }
    }

    /// The text of the entry behind a hit: `youporn.com`, `example.com/dir`, `(sex|porn)`. Empty when the hit is not of
    /// this index and target.
    pub fn entry(&self, target: &Target, hit: Hit) -> String {
        let length = hit.entry as usize;
        match hit.kind {
            Kind::Domains => {
                let host = target.host();
                host.len()
                    .checked_sub(length)
                    .and_then(|start| host.get(start..))
                    .unwrap_or_default()
                    .to_owned()
            }
            Kind::Urls => [bare(target.host()), locator(target).get(..length).unwrap_or_default()].concat(),
            Kind::Expressions => self
                .expression_texts
                .get(length)
                .map(|(_, text)| text.clone())
                .unwrap_or_default(),
        }
    }

    /// An address is listed whole, or not at all.
    fn address(&self, address: &str, hits: &mut Vec<Hit>) {
        let mut walk = Walk::new(&self.names);
        if walk.step(b'=') && address.bytes().rev().all(|byte| walk.step(byte)) {
            hits.extend(walk.entry().map(|set| Hit {
                set,
                kind: Kind::Domains,
                entry: length(address.len()),
            }));
        }
    }

    /// One walk from the end of the host; an entry counts where a label begins.
    fn suffixes(&self, host: &str, hits: &mut Vec<Hit>) {
        let host = host.as_bytes();
        let mut walk = Walk::new(&self.names);
        for (start, byte) in host.iter().enumerate().rev() {
            if !walk.step(*byte) {
                return;
            }
            if (start == 0 || host[start - 1] == b'.')
                && let Some(set) = walk.entry()
            {
                hits.push(Hit {
                    set,
                    kind: Kind::Domains,
                    entry: length(host.len() - start),
                });
            }
        }
    }

    /// The host must be equal, `www.` aside; then every prefix of path and query that ends at a boundary.
    fn prefixes(&self, target: &Target, hits: &mut Vec<Hit>) {
        let mut walk = Walk::new(&self.urls);
        if !bare(target.host()).bytes().all(|byte| walk.step(byte)) {
            return;
        }
        let locator = locator(target).as_bytes();
        for (at, byte) in locator.iter().enumerate() {
            if !walk.step(*byte) {
                return;
            }
            if let Some(set) = walk.entry()
                && ends_at_boundary(&locator[..=at], locator.get(at + 1))
            {
                hits.push(Hit {
                    set,
                    kind: Kind::Urls,
                    entry: length(at + 1),
                });
            }
        }
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

/// A walk from the root of a transducer.
struct Walk<'a> {
    fst: &'a Fst<Section>,
    node: Node<'a>,
    output: u64,
}

impl<'a> Walk<'a> {
    fn new(fst: &'a Fst<Section>) -> Walk<'a> {
        Walk {
            fst,
            node: fst.root(),
            output: 0,
        }
    }

    fn step(&mut self, byte: u8) -> bool {
        let Some(found) = self.node.find_input(byte) else {
            return false;
        };
        let transition = self.node.transition(found);
        self.output += transition.out.value();
        self.node = self.fst.node(transition.addr);
        true
    }

    /// The set of the entry that ends here, if one does.
    fn entry(&self) -> Option<SetId> {
        let set = || {
            u32::try_from(self.output + self.node.final_output().value())
                .ok()
                .map(SetId)
        };
        if self.node.is_final() { set() } else { None }
    }
}
