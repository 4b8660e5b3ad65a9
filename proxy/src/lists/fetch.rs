//! Fetching a list that has an address: only if it has changed, never half, and never at the expense of the one at hand.
//!
//! These downloads belong to a command that does nothing else meanwhile: they write their file without leaving the
//! thread.

use super::archive::{self, Entry};
use super::progress::Progress;
use super::source::{Found, folder};
use crate::config::Config;
use crate::files;
use crate::outbound::http::{self, broken, origin, place};
use crate::outbound::{Outbound, SILENCE, within};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use jiff::Timestamp;
use policy::lists::{Format, ut1_file};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A fetched list's file, in the list's folder.
pub(super) const ARCHIVE: &str = "archive";

/// The longest download.
const BYTES: u64 = 1 << 30;
/// Hops from the address of the charter to the one that answers.
const REDIRECTS: usize = 5;

/// What is known of a list's last downloads; kept beside its file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fetched {
    /// The address, as the charter had it then.
    pub(crate) url: String,
    /// When the file at hand was fetched.
    pub(crate) fetched_at: Option<Timestamp>,
    /// When the server last said that it is still the newest.
    pub(crate) checked_at: Option<Timestamp>,
    /// Its length.
    pub(crate) bytes: u64,
    /// The server's mark for it (RFC 9110 §8.8.3).
    pub(crate) etag: Option<String>,
    /// The server's date for it (RFC 9110 §8.8.2).
    pub(crate) last_modified: Option<String>,
    /// The last attempt, if it failed.
    pub(crate) failure: Option<Failure>,
}

/// A download that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// When.
    pub(crate) at: Timestamp,
    /// Why, in one clause.
    pub(crate) why: String,
}

impl Fetched {
    /// What is known in a list's folder; `None` when nothing is.
    pub(super) fn read(folder: &Path) -> Option<Fetched> {
        serde_json::from_slice(&std::fs::read(folder.join("source.json")).ok()?).ok()
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        files::replace(&folder.join("source.json"), |file| file.write_all(&text))
    }
}

/// What a download came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A new file, so many bytes long.
    New(u64),
    /// The one at hand is the newest.
    Unchanged,
    /// Nothing came; the one at hand, if any, stays.
    Failed(String),
}

/// Fetches a list that has an address.
pub(crate) async fn fetch(found: &Found, config: &Config, progress: &mut Progress) -> Outcome {
    let folder = folder(&config.lists_dir(), &found.list.name);
    let known = found.fetched.clone().unwrap_or_default();
    let outcome = match files::private_dir(&folder) {
        Ok(()) => attempt(found, &known, &folder, config, progress).await,
        Err(why) => Err(format!("{}: {why}", folder.display())),
    };
    progress.done();
    let (now, url) = (Timestamp::now(), found.list.source.clone());
    let (next, outcome) = match outcome {
        Ok(Some(new)) => {
            let bytes = new.bytes;
            (Fetched { url, fetched_at: Some(now), checked_at: Some(now), ..new }, Outcome::New(bytes))
        }
        Ok(None) => (Fetched { checked_at: Some(now), failure: None, ..known }, Outcome::Unchanged),
        Err(why) => {
            let failure = Some(Failure { at: now, why: why.clone() });
            (Fetched { url, failure, ..known }, Outcome::Failed(why))
        }
    };
    match next.write(&folder) {
        Err(why) if !matches!(outcome, Outcome::Failed(_)) => Outcome::Failed(format!("{}: {why}", folder.display())),
        _ => outcome,
    }
}

/// One download: what came, or `None` when there is nothing new.
async fn attempt(
    found: &Found,
    known: &Fetched,
    folder: &Path,
    config: &Config,
    progress: &mut Progress,
) -> Result<Option<Fetched>, String> {
    let archive = folder.join(ARCHIVE);
    let known = archive.is_file().then_some(known);
    let response = follow(&found.list.source, known, config).await?;
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (etag, last_modified) = (text(header::ETAG), text(header::LAST_MODIFIED));
    let temporary = Temporary(files::beside(&archive).map_err(|why| why.to_string())?);
    let bytes = save(response.into_body(), &temporary.0, &found.list.name, progress).await?;
    judge(&temporary.0, found.list.format).map_err(|why| format!("what the server sent is no list: {why}"))?;
    std::fs::rename(&temporary.0, &archive).map_err(|why| format!("{}: {why}", archive.display()))?;
    Ok(Some(Fetched { bytes, etag, last_modified, ..Fetched::default() }))
}

/// A file that goes when it is not renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Renamed, it is not there any more; anything else left is overwritten next time.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Reads what was fetched to its end, as compiling will: a server may well send half an archive, or an excuse.
fn judge(path: &Path, format: Format) -> Result<(), String> {
    let mut lists = 0;
    let mut count = |entry: Entry<'_>, _, _| {
        if let Entry::File { path, .. } = entry
            && (format != Format::Ut1 || ut1_file(path).is_some_and(|file| file.kind.is_some()))
        {
            lists += 1;
        }
        Ok(())
    };
    archive::file(path, &mut count).map_err(|why| why.to_string())?;
    if lists == 0 {
        return Err("no category folder is in it".to_owned());
    }
    Ok(())
}

async fn save(mut body: Incoming, path: &Path, name: &str, progress: &mut Progress) -> Result<u64, String> {
    let said = |why: io::Error| format!("{}: {why}", path.display());
    let mut file = File::create(path).map_err(said)?;
    let total = body.size_hint().exact().unwrap_or(0);
    let step = format!("fetching {name}");
    let mut bytes = 0;
    while let Some(frame) = within(SILENCE, body.frame()).await? {
        let frame = frame.map_err(|why| broken(&why))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > BYTES {
            return Err(format!("it is longer than {} MiB", BYTES >> 20));
        }
        file.write_all(&data).map_err(said)?;
        progress.step(&step, bytes, total);
    }
    file.sync_all().map_err(said)?;
    Ok(bytes)
}

/// Asks for an address and those it leads to, until one answers with a list or with "not modified".
async fn follow(url: &str, known: Option<&Fetched>, config: &Config) -> Result<Response<Incoming>, String> {
    let outbound = Outbound::new(&config.dns, None)?;
    let mut uri: Uri = url.parse().map_err(|why| format!("the address is no address: {why}"))?;
    for _ in 0..=REDIRECTS {
        let response = ask(&uri, known, &outbound).await.map_err(|why| format!("{}: {why}", place(&uri)))?;
        let status = response.status();
        if status == StatusCode::OK || (status == StatusCode::NOT_MODIFIED && known.is_some()) {
            return Ok(response);
        }
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Err(format!("{} answered {status}", place(&uri)));
        }
        let next = location(&uri, response.headers())?;
        if uri.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
            return Err(format!("{} leads to an address without encryption", place(&uri)));
        }
        uri = next;
    }
    Err(format!("it leads on to another address more than {REDIRECTS} times"))
}

fn location(from: &Uri, headers: &HeaderMap) -> Result<Uri, String> {
    let to = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let to = to.ok_or_else(|| format!("{} leads on to nowhere", place(from)))?;
    let whole = if to.contains("://") {
        to.to_owned()
    } else if let Some(rest) = to.strip_prefix("//") {
        format!("{}://{rest}", from.scheme_str().unwrap_or_default())
    } else if to.starts_with('/') {
        format!("{}{to}", origin(from))
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{}{folder}/{to}", origin(from))
    };
    let whole = whole.split('#').next().unwrap_or_default();
    whole.parse().map_err(|why| format!("{} leads on to no address: {why}", place(from)))
}

async fn ask(uri: &Uri, known: Option<&Fetched>, outbound: &Outbound) -> Result<Response<Incoming>, String> {
    let mut request = Request::get("/");
    if let Some(known) = known {
        for (name, value) in [(header::IF_NONE_MATCH, &known.etag), (header::IF_MODIFIED_SINCE, &known.last_modified)] {
            if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(name, value);
            }
        }
    }
    http::send(outbound, uri, request, Bytes::new()).await
}

#[cfg(test)]
mod tests;
