//! One name or address a line. A name covers its subdomains; an address covers itself.

use super::{Author, Entries, Line, uncommented};
use crate::target;

/// Reads `example.com`, `.example.com`, `*.example.com`, an address, each with `!` in front or not.
///
/// A port behind the name in a list of others' is left away: entries are for every port, and to lose the name for it would
/// let through what the list means.
pub(super) fn line(line: &str, entries: &mut Entries<'_>) -> Result<Line, String> {
    let (name, removes) = uncommented(line);
    let name = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')).unwrap_or(name);
    if name.contains('/') {
        return Err("a path: URLs belong into `urls`".to_owned());
    }
    let source = entries.source(removes)?;
    let author = entries.author;
    let name = match name.rsplit_once(':') {
        Some((host, port)) if is_port(host, port) => {
            if author == Author::Ourselves {
                return Err("a port: an entry is for every port; write the name alone".to_owned());
            }
            host
        }
        _ => name,
    };
    entries.builder.name(source, |key| {
        let ip = target::push_listed(name, key).map_err(|error| error.to_string())?;
        if ip.is_none() && author == Author::Other && !key.contains('.') {
            return Err("a top-level name would cover everything under it".to_owned());
        }
        Ok(ip)
    })?;
    Ok(Line::Kept)
}

/// Whether what stands around the last colon is a host and a port, and not an IPv6 address.
fn is_port(host: &str, port: &str) -> bool {
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    digits && (!host.contains(':') || host.ends_with(']'))
}
