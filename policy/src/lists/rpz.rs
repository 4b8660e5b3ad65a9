//! Response policy zones (draft-vixie-dnsop-dns-rpz), as far as a proxy can keep them: which names are refused, and which
//! let through.
//!
//! ```text
//! $ORIGIN rpz.example.           the zone's name; else that of its SOA record
//! bad.example      CNAME .       refused (NXDOMAIN); `*.` (NODATA) and `rpz-drop.` likewise
//! *.bad.example    CNAME .       likewise
//! bad.example      A 0.0.0.0     refused: an address of nowhere (0.0.0.0, 127.0.0.0/8, ::, ::1)
//! good.example     CNAME rpz-passthru.   an exception
//! ```
//! A name covers itself and everything under it, with `*.` or without, which is more than one of the two says to a
//! resolver. Reported as not understood: triggers by address and name server (`rpz-ip`, `rpz-nsdname`, `rpz-nsip`,
//! `rpz-client-ip`), `rpz-tcp-only.`, and records that lead elsewhere, such as those of forced safe search: to refuse what
//! they replace would be something else.

use super::{Entries, Line, domains};
use std::net::IpAddr;

const TRIGGERS: [&str; 4] = ["rpz-ip", "rpz-nsdname", "rpz-nsip", "rpz-client-ip"];
/// Records that say nothing of names.
const OF_THE_ZONE: [&str; 8] = ["NS", "TXT", "RRSIG", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "CDS"];

/// A zone while it is read.
#[derive(Default)]
pub(super) struct Zone {
    /// In lower case, without the last dot.
    origin: String,
    /// The owner of the record before, as written.
    owner: String,
    /// Within parentheses, of a SOA record as a rule: the record goes on over lines.
    open: bool,
}

impl Zone {
    /// Reads a line; one that is `indented` is about the owner before.
    pub(super) fn line(&mut self, line: &str, indented: bool, entries: &mut Entries<'_>) -> Result<Line, String> {
        let line = line.split(';').next().unwrap_or_default();
        let goes_on = self.open;
        self.open = (goes_on || line.contains('(')) && !line.contains(')');
        if goes_on || line.trim_ascii().is_empty() {
            return Ok(Line::Skipped);
        }
        let mut words = line.split_ascii_whitespace();
        if line.starts_with('$') {
            return match (words.next(), words.next()) {
                (Some("$ORIGIN"), Some(origin)) => {
                    self.origin = origin.trim_end_matches('.').to_ascii_lowercase();
                    Ok(Line::Skipped)
                }
                (Some("$TTL"), _) => Ok(Line::Skipped),
                _ => Err("a directive that is not understood".to_owned()),
            };
        }
        if !indented {
            self.owner.clear();
            self.owner.push_str(words.next().unwrap_or_default());
        }
        let is_aside = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) || ["IN", "in"].contains(word);
        let mut words = words.skip_while(is_aside);
        let (Some(kind), value) = (words.next(), words.next()) else {
            return Err("no record: it has an owner, a type and a value".to_owned());
        };
        let kind = kind.to_ascii_uppercase();
        if kind == "SOA" {
            if self.origin.is_empty() && self.owner.ends_with('.') {
                self.origin = self.owner.trim_end_matches('.').to_ascii_lowercase();
            }
            return Ok(Line::Skipped);
        }
        if OF_THE_ZONE.contains(&kind.as_str()) {
            return Ok(Line::Skipped);
        }
        let removes = outcome(&kind, value.ok_or("no record: its value is missing")?)?;
        let name = self.name()?;
        domains::line(&format!("{}{name}", if removes { "!" } else { "" }), entries)
    }

    /// The name that the owner stands for.
    fn name(&self) -> Result<&str, String> {
        let name = match self.owner.strip_suffix('.') {
            None => self.owner.as_str(),
            Some(_) if self.origin.is_empty() => {
                return Err("the zone's name is not known: neither $ORIGIN nor SOA says it".to_owned());
            }
            Some(whole) => {
                let cut = whole.len().checked_sub(self.origin.len() + 1);
                let within = cut.and_then(|cut| Some((whole.get(..cut)?, whole.get(cut..)?.strip_prefix('.')?)));
                match within {
                    Some((name, origin)) if origin.eq_ignore_ascii_case(&self.origin) => name,
                    _ => return Err("its owner is outside the zone".to_owned()),
                }
            }
        };
        let last = name.rsplit('.').next().unwrap_or_default();
        if TRIGGERS.iter().any(|trigger| last.eq_ignore_ascii_case(trigger)) {
            return Err(format!("a trigger by `{}`, which a proxy does not look at", last.to_ascii_lowercase()));
        }
        if name.is_empty() || name == "@" || name == "*" {
            return Err("its owner is the zone itself".to_owned());
        }
        Ok(name)
    }
}

/// Whether what a record does is to let through; it refuses otherwise.
fn outcome(kind: &str, value: &str) -> Result<bool, String> {
    match kind {
        "CNAME" => match value.to_ascii_lowercase().as_str() {
            "." | "*." | "rpz-drop." => Ok(false),
            "rpz-passthru." => Ok(true),
            "rpz-tcp-only." => Err("`rpz-tcp-only` is for resolvers".to_owned()),
            _ => Err("it leads elsewhere, where a proxy refuses or lets through".to_owned()),
        },
        "A" | "AAAA" => match value.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() || address.is_loopback() => Ok(false),
            Ok(_) => Err("it leads elsewhere, where a proxy refuses or lets through".to_owned()),
            Err(_) => Err("its value is no address".to_owned()),
        },
        _ => Err("a record of another type".to_owned()),
    }
}
