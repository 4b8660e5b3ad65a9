//! One name or address a line. A name covers its subdomains; an address covers itself.

use super::{Author, Entries, Line, uncommented};
use crate::target;

/// Reads `example.com`, `.example.com`, `*.example.com`, an address, each with `!` in front or not.
pub(super) fn line(line: &str, entries: &mut Entries<'_>) -> Result<Line, String> {
    let (name, removes) = uncommented(line);
    let name = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')).unwrap_or(name);
    if name.contains('/') {
        return Err("a path: URLs belong into `urls`".to_owned());
    }
    let source = entries.source(removes)?;
    let author = entries.author;
    entries.builder.name(source, |key| {
        let ip = target::push_listed(name, key).map_err(|error| error.to_string())?;
        if ip.is_none() && author == Author::Other && !key.contains('.') {
            return Err("a top-level name would cover everything under it".to_owned());
        }
        Ok(ip)
    })?;
    Ok(Line::Kept)
}
