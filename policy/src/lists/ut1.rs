//! UT1 folders (Université Toulouse Capitole), the layout of squidGuard: one folder a category, holding `domains`,
//! `urls`, `expressions` and `usage`.

use super::{Author, Entries, Line, text, uncommented};
use crate::index::Kind;
use crate::{Target, TargetError, expressions};
use std::collections::BTreeMap;

/// Which file of a UT1 tree a path is: see [`ut1_file`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ut1File {
    /// The category folder, `adult`.
    pub folder: String,
    /// What the file holds; `None` for `usage`, which holds no entries.
    pub kind: Option<Kind>,
}

/// What a path of an archive or folder is, `None` when it belongs to no category.
///
/// The last two parts of the path tell: `blacklists/adult/domains`. The folder's name is a plain word.
pub fn ut1_file(path: &str) -> Option<Ut1File> {
    let (folder, file) = path.rsplit_once('/')?;
    let folder = folder.rsplit('/').next().unwrap_or(folder);
    let kind = match file {
        "domains" => Some(Kind::Domains),
        "urls" => Some(Kind::Urls),
        "expressions" => Some(Kind::Expressions),
        "usage" => None,
        _ => return None,
    };
    let word = !folder.is_empty() && folder.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    word.then(|| Ut1File { folder: folder.to_owned(), kind })
}

/// What a category's publisher says of its use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// It may be refused.
    pub black: bool,
    /// It may be let through, or taken out of what is refused.
    pub white: bool,
    /// It is not to be used, says its publisher.
    pub withdrawn: bool,
    /// What the publisher remarks, of a category that needs a remark.
    pub remarks: Vec<String>,
}

impl Usage {
    /// Meant for letting through alone.
    pub fn is_white(&self) -> bool {
        self.white && !self.black
    }

    fn word(&mut self, word: &str) {
        match word.trim_ascii().to_ascii_lowercase().as_str() {
            "black" => self.black = true,
            "white" => self.white = true,
            other if is_withdrawn(other) => self.withdrawn = true,
            _ => {}
        }
    }
}

/// Reads a category's `usage`: a word a line, remarks behind `#`.
pub fn ut1_usage(bytes: &[u8]) -> Usage {
    let mut usage = Usage::default();
    for line in text::decoded(bytes).lines().map(str::trim) {
        match line.strip_prefix('#') {
            Some(remark) if is_withdrawn(remark) => usage.withdrawn = true,
            Some(remark) if !remark.trim().is_empty() => usage.remarks.push(remark.trim().to_owned()),
            Some(_) => {}
            None => usage.word(line),
        }
    }
    usage
}

/// Reads `global_usage`, which says the same of many categories: `NAME:`, `DEFAULT_TYPE:`, descriptions.
pub fn ut1_usages(bytes: &[u8]) -> BTreeMap<String, Usage> {
    let mut usages: BTreeMap<String, Usage> = BTreeMap::new();
    let mut name = String::new();
    for line in text::decoded(bytes).lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key.trim() {
            "NAME" => value.trim().clone_into(&mut name),
            "DEFAULT_TYPE" => usages.entry(name.clone()).or_default().word(value),
            key if key.starts_with("DESC") && is_withdrawn(value) => {
                usages.entry(name.clone()).or_default().withdrawn = true;
            }
            _ => {}
        }
    }
    usages.remove("");
    usages
}

/// Whether a folder's name or a remark says that what it is about is not to be used: `DO NOT USE`, `ne_pas_utiliser`.
pub fn is_withdrawn(words: &str) -> bool {
    let plain: String = words.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_ascii_whitespace().collect();
    let says = |phrase: &[&str]| words.windows(phrase.len()).any(|part| part == phrase);
    says(&["do", "not", "use"]) || says(&["don", "t", "use"]) || says(&["ne", "pas", "utiliser"])
}

/// Reads `example.com/dir`, without a scheme as UT1 writes it, or with one. `#` cannot be part of a URL that is asked.
///
/// An empty query at the end says nothing more than the path, so that `…/index.php?` is `…/index.php`.
pub(super) fn url_line(line: &str, entries: &mut Entries<'_>) -> Result<Line, String> {
    let (url, removes) = uncommented(line);
    let target = match Target::of_url(url) {
        Err(TargetError::NotAbsolute) => Target::of_url(&format!("http://{url}")),
        target => target,
    };
    let target = target.map_err(|error| error.to_string())?;
    // As with names: others mean the address, whatever the port.
    if entries.author == Author::Ourselves && target.port() != target.scheme().default_port() {
        return Err("a URL with a port cannot be listed".to_owned());
    }
    let source = entries.source(removes)?;
    let locator = target.locator();
    let locator = locator.strip_suffix('?').unwrap_or(locator);
    entries.builder.url(source, target.host(), locator);
    Ok(Line::Kept)
}

/// Reads a keyword or regular expression.
pub(super) fn expression_line(line: &str, entries: &mut Entries<'_>) -> Result<Line, String> {
    expressions::check(line)?;
    let source = entries.source(false)?;
    entries.builder.expression(source, line);
    Ok(Line::Kept)
}
