//! One file fetched over HTTP: asked for only if it has changed, taken up again where it broke off.
//!
//! What came so far stays in `part`, beside the server's mark for it (`part.json`), and the rest is asked for under the
//! condition that it is still of the same file (RFC 9110 §13.1.5). It belongs to a thread that does nothing else meanwhile:
//! it writes without leaving it.

use super::progress::Progress;
use crate::files;
use crate::outbound::http::{self, broken, origin, place};
use crate::outbound::{Outbound, SILENCE, within};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The longest download.
const BYTES: u64 = 1 << 30;
/// The longest file of check sums.
const SUMS: usize = 1 << 20;
/// Hops from the address of the charter to the one that answers.
const REDIRECTS: usize = 5;

/// A server's marks for a version of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// RFC 9110 §8.8.3.
    pub(crate) etag: Option<String>,
    /// RFC 9110 §8.8.2.
    pub(crate) last_modified: Option<String>,
}

impl Marks {
    fn of(headers: &HeaderMap) -> Marks {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Marks { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) }
    }

    /// What the rest of a file can be asked for by: a weak mark names no bytes.
    fn range_condition(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/")).or(self.last_modified.as_deref())
    }

    /// Of the same version, as far as both say.
    pub(super) fn agree(&self, other: &Marks) -> bool {
        match (&self.etag, &other.etag) {
            (Some(a), Some(b)) => a == b,
            _ => self.last_modified.is_some() && self.last_modified == other.last_modified,
        }
    }
}

/// What a server answered.
#[derive(Debug)]
pub(super) enum Got {
    /// A file, whole, in [`Part::path`].
    File(Marks),
    /// What is known is the newest; with the marks that the server said so of.
    NotModified(Marks),
}

/// A download under way, or broken off.
#[derive(Debug)]
pub(super) struct Part {
    folder: PathBuf,
}

/// What is known of what came so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Begun {
    url: String,
    marks: Marks,
}

/// Why a download is none yet.
enum Broken {
    /// The rest of it is not to be had: from the beginning.
    Stale,
    /// Everything else.
    Failed(String),
}

impl Part {
    /// Of a list's folder.
    pub(super) fn of(folder: &Path) -> Part {
        Part { folder: folder.to_owned() }
    }

    /// Where what came is.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("part")
    }

    fn about(&self) -> PathBuf {
        self.folder.join("part.json")
    }

    /// Forgets what came.
    pub(super) fn discard(&self) {
        // What cannot be removed is asked for again, and overwritten.
        let _ = std::fs::remove_file(self.path());
        let _ = std::fs::remove_file(self.about());
    }

    /// What came so far of this address, and by which mark the rest can be asked for.
    fn begun(&self, url: &str) -> Option<(u64, Begun)> {
        let begun: Begun = serde_json::from_slice(&std::fs::read(self.about()).ok()?).ok()?;
        let length = std::fs::metadata(self.path()).ok()?.len();
        (begun.url == url && length > 0 && begun.marks.range_condition().is_some()).then_some((length, begun))
    }

    /// Fetches a file, unless it is one of the versions that are `known`.
    pub(super) async fn fetch(
        &self,
        url: &str,
        known: &[&Marks],
        outbound: &Outbound,
        name: &str,
        progress: &mut Progress,
    ) -> Result<Got, String> {
        if let Some((length, begun)) = self.begun(url) {
            match self.attempt(url, known, Some((length, begun.marks)), outbound, name, progress).await {
                Err(Broken::Stale) => self.discard(),
                Err(Broken::Failed(why)) => return Err(why),
                Ok(got) => return Ok(got),
            }
        }
        self.attempt(url, known, None, outbound, name, progress).await.map_err(|broken| match broken {
            Broken::Failed(why) => why,
            Broken::Stale => "the server sends a part of it that nobody asked for".to_owned(),
        })
    }

    async fn attempt(
        &self,
        url: &str,
        known: &[&Marks],
        begun: Option<(u64, Marks)>,
        outbound: &Outbound,
        name: &str,
        progress: &mut Progress,
    ) -> Result<Got, Broken> {
        let response = follow(url, &conditions(known, begun.as_ref()), outbound).await.map_err(Broken::Failed)?;
        let marks = Marks::of(response.headers());
        let mut from = 0;
        match response.status() {
            StatusCode::NOT_MODIFIED if !known.is_empty() => return Ok(Got::NotModified(marks)),
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT => match &begun {
                Some((length, before)) if begins_at(response.headers(), *length) && !differ(before, &marks) => {
                    from = *length
                }
                _ => return Err(Broken::Stale),
            },
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(Broken::Stale),
            status => return Err(Broken::Failed(format!("{} answered {status}", shown(url)))),
        }
        let marks = if from > 0 { begun.map_or(marks, |(_, marks)| marks) } else { marks };
        if from == 0 {
            self.begin(url, &marks).map_err(|why| Broken::Failed(self.said(&why)))?;
        }
        match self.save(response.into_body(), from, name, progress).await {
            Ok(()) => Ok(Got::File(marks)),
            Err(why) => {
                if marks.range_condition().is_none() {
                    self.discard();
                }
                Err(Broken::Failed(why))
            }
        }
    }

    fn said(&self, why: &io::Error) -> String {
        format!("{}: {why}", self.path().display())
    }

    fn begin(&self, url: &str, marks: &Marks) -> io::Result<()> {
        self.discard();
        let text =
            serde_json::to_vec(&Begun { url: url.to_owned(), marks: marks.clone() }).map_err(io::Error::other)?;
        files::replace(&self.about(), |file| file.write_all(&text))
    }

    async fn save(&self, mut body: Incoming, from: u64, name: &str, progress: &mut Progress) -> Result<(), String> {
        let mut file = self.open(from).map_err(|why| self.said(&why))?;
        let total = body.size_hint().exact().map_or(0, |rest| from + rest);
        let step = format!("fetching {name}");
        let mut bytes = from;
        if from > 0 {
            progress.say(&format!("{name}: taken up again at {from} bytes"));
        }
        while let Some(frame) = within(SILENCE, body.frame()).await? {
            let frame = frame.map_err(|why| broken(&why))?;
            let Ok(data) = frame.into_data() else { continue };
            bytes += data.len() as u64;
            if bytes > BYTES {
                drop(file);
                self.discard();
                return Err(format!("it is longer than {} MiB", BYTES >> 20));
            }
            file.write_all(&data).map_err(|why| self.said(&why))?;
            progress.step(&step, bytes, total);
        }
        file.sync_all().map_err(|why| self.said(&why))
    }

    fn open(&self, from: u64) -> io::Result<File> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        if from > 0 {
            options.append(true).open(self.path())
        } else {
            options.write(true).truncate(true).open(self.path())
        }
    }
}

/// A short text: a file of check sums.
pub(super) async fn text(url: &str, outbound: &Outbound) -> Result<String, String> {
    let response = follow(url, &[], outbound).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("{} answered {}", shown(url), response.status()));
    }
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = within(SILENCE, body.frame()).await? {
        if let Ok(data) = frame.map_err(|why| broken(&why))?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > SUMS {
            return Err(format!("{} is longer than {} MiB", shown(url), SUMS >> 20));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn shown(url: &str) -> String {
    url.parse().map_or_else(|_| "the address".to_owned(), |uri| place(&uri))
}

/// `bytes 500-999/1000`.
fn begins_at(headers: &HeaderMap, from: u64) -> bool {
    let range = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.trim().parse::<u64>().ok());
    first == Some(from)
}

/// A server that ignores the condition sends the rest of another file.
fn differ(before: &Marks, now: &Marks) -> bool {
    let other = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    other(&before.etag, &now.etag) || other(&before.last_modified, &now.last_modified)
}

/// The fields by which only what is new is asked for, and of a file that broke off the rest.
fn conditions(known: &[&Marks], begun: Option<&(u64, Marks)>) -> Vec<(HeaderName, HeaderValue)> {
    let etags: Vec<&str> = known.iter().filter_map(|marks| marks.etag.as_deref()).collect();
    let date = known.iter().rev().find_map(|marks| marks.last_modified.clone());
    let mut fields =
        vec![(header::IF_NONE_MATCH, (!etags.is_empty()).then(|| etags.join(", "))), (header::IF_MODIFIED_SINCE, date)];
    if let Some((length, marks)) = begun {
        fields.push((header::RANGE, Some(format!("bytes={length}-"))));
        fields.push((header::IF_RANGE, marks.range_condition().map(str::to_owned)));
    }
    fields.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value?).ok()?))).collect()
}

/// Asks for an address and those it leads to, until one answers with something else than another.
async fn follow(
    url: &str,
    fields: &[(HeaderName, HeaderValue)],
    outbound: &Outbound,
) -> Result<Response<Incoming>, String> {
    let mut uri: Uri = url.parse().map_err(|why| format!("the address is no address: {why}"))?;
    for _ in 0..=REDIRECTS {
        let mut request = Request::get("/");
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let response = http::send(outbound, &uri, request, Bytes::new()).await;
        let response = response.map_err(|why| format!("{}: {why}", place(&uri)))?;
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return match response.status().as_u16() {
                200 | 206 | 304 | 416 => Ok(response),
                _ => Err(format!("{} answered {}", place(&uri), response.status())),
            };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved_against_where_they_came_from() {
        let from: Uri = "https://user:secret@a.test:8443/lists/ut1/a.tgz?x=1".parse().expect("an address");
        for (to, expected) in [
            ("http://b.test/x", "http://b.test/x"),
            ("//b.test/x#top", "https://b.test/x"),
            ("/x?y", "https://a.test:8443/x?y"),
            ("b.tgz", "https://a.test:8443/lists/ut1/b.tgz"),
        ] {
            let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static(to))]);
            assert_eq!(location(&from, &headers).expect("an address").to_string(), expected);
        }
        assert!(location(&from, &HeaderMap::new()).is_err());
        assert_eq!(place(&from), "https://a.test:8443/lists/ut1/a.tgz");
    }

    #[test]
    fn the_rest_is_asked_for_by_a_mark_that_names_bytes() {
        let marks = |etag: &str, date: &str| Marks {
            etag: (!etag.is_empty()).then(|| etag.to_owned()),
            last_modified: (!date.is_empty()).then(|| date.to_owned()),
        };
        assert_eq!(marks("\"a\"", "d").range_condition(), Some("\"a\""));
        assert_eq!(marks("W/\"a\"", "d").range_condition(), Some("d"));
        assert_eq!(marks("W/\"a\"", "").range_condition(), None);
        assert!(differ(&marks("\"a\"", ""), &marks("\"b\"", "")) && !differ(&marks("\"a\"", ""), &marks("", "d")));
        let known = [&marks("\"a\"", "d1"), &marks("\"b\"", "d2")];
        let fields = conditions(&known, Some(&(7, marks("\"c\"", ""))));
        let fields: Vec<_> = fields.iter().map(|(_, value)| value.to_str().expect("text")).collect();
        assert_eq!(fields, ["\"a\", \"b\"", "d2", "bytes=7-", "\"c\""]);
    }

    #[test]
    fn a_part_begins_where_it_was_asked_to() {
        let headers = |range| HeaderMap::from_iter([(header::CONTENT_RANGE, HeaderValue::from_static(range))]);
        assert!(begins_at(&headers("bytes 500-999/1000"), 500));
        assert!(!begins_at(&headers("bytes 0-999/1000"), 500) && !begins_at(&headers("bytes */1000"), 500));
        assert!(!begins_at(&HeaderMap::new(), 500));
    }
}
