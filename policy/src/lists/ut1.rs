//! UT1 folders (Université Toulouse Capitole), the layout of squidGuard: one folder a category, holding `domains`,
//! `urls`, `expressions` and `usage`.

use super::{Entries, Line, uncommented};
use crate::index::Kind;
use crate::{Target, TargetError, expressions};

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
    if target.port() != target.scheme().default_port() {
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
