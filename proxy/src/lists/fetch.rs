//! Fetching a list that has an address: only if it has changed, never half, and never at the expense of the one at hand.

use super::download::{self, Got, Marks, Part};
use super::judge::{self, Counts, Sums};
use super::progress::Progress;
use super::source::{Found, folder};
use super::versions::{self, ARCHIVE, Refused};
use crate::config::Config;
use crate::files;
use crate::outbound::Outbound;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;

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
    /// The server's marks for it.
    #[serde(flatten)]
    pub(crate) marks: Marks,
    /// The SHA-256 of its bytes.
    #[serde(default)]
    pub(crate) sha256: String,
    /// Lines kept of each category.
    #[serde(default)]
    pub(crate) counts: Counts,
    /// The last attempt, if it failed.
    pub(crate) failure: Option<Failure>,
    /// A version that was refused, or rolled back.
    #[serde(default)]
    pub(crate) refused: Option<Refused>,
}

/// A download that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// When.
    pub(crate) at: Timestamp,
    /// Why, in one clause.
    pub(crate) why: String,
}

/// What a download came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A new file, so many bytes long.
    New(u64),
    /// The one at hand is the newest.
    Unchanged,
    /// Nothing came, or nothing that may be used; the one at hand, if any, stays.
    Failed(String),
}

/// What the charter has to do with a list that is fetched.
pub(crate) struct Wish<'w> {
    /// It is taken over however much it changed, even when it was refused before.
    pub(crate) accept: bool,
    /// Whether the charter uses a category.
    pub(crate) uses: &'w dyn Fn(&str) -> bool,
}

/// Why nothing is taken over, with the version that it is about if there is one.
struct Trouble {
    why: String,
    refused: Option<Refused>,
}

impl From<String> for Trouble {
    fn from(why: String) -> Trouble {
        Trouble { why, refused: None }
    }
}

/// Fetches a list that has an address.
pub(crate) async fn fetch(found: &Found, config: &Config, wish: &Wish<'_>, progress: &mut Progress) -> Outcome {
    let folder = folder(&config.lists_dir(), &found.list.name);
    let known = found.fetched.clone().unwrap_or_default();
    let outcome = match files::private_dir(&folder) {
        Ok(()) => attempt(found, &known, &folder, config, wish, progress).await,
        Err(why) => Err(format!("{}: {why}", folder.display()).into()),
    };
    progress.done();
    let (now, url) = (Timestamp::now(), found.list.source.clone());
    let (next, outcome) = match outcome {
        Ok(Some(new)) => {
            let bytes = new.bytes;
            (Fetched { url, fetched_at: Some(now), checked_at: Some(now), ..new }, Outcome::New(bytes))
        }
        Ok(None) => (Fetched { checked_at: Some(now), failure: None, refused: None, ..known }, Outcome::Unchanged),
        Err(Trouble { why, refused }) => {
            let failure = Some(Failure { at: now, why: why.clone() });
            let refused = refused.or(known.refused.clone());
            (Fetched { url, failure, refused, ..known }, Outcome::Failed(why))
        }
    };
    match next.write(&folder) {
        Err(why) if !matches!(outcome, Outcome::Failed(_)) => Outcome::Failed(format!("{}: {why}", folder.display())),
        _ => outcome,
    }
}

/// One download: what came and was good, or `None` when there is nothing new.
async fn attempt(
    found: &Found,
    known: &Fetched,
    folder: &Path,
    config: &Config,
    wish: &Wish<'_>,
    progress: &mut Progress,
) -> Result<Option<Fetched>, Trouble> {
    let archive = folder.join(ARCHIVE);
    let at_hand = (archive.is_file() && known.fetched_at.is_some()).then_some(known);
    let refused = known.refused.as_ref().filter(|_| !wish.accept);
    // What was refused needn't come again to be refused again.
    let versions: Vec<&Marks> =
        at_hand.iter().map(|known| &known.marks).chain(refused.iter().map(|refused| &refused.marks)).collect();
    let outbound = Outbound::for_lists(config)?;
    let part = Part::of(folder);
    let marks = match part.fetch(&found.list.source, &versions, &outbound, &found.list.name, progress).await? {
        Got::File(marks) => marks,
        Got::NotModified(marks) => {
            let is_current = at_hand.is_some_and(|known| marks.agree(&known.marks));
            return match refused {
                Some(refused) if !is_current => Err(again(refused)),
                _ => Ok(None),
            };
        }
    };
    let judged = judge(found, at_hand, &part, refused, &outbound, wish, progress).await;
    let (sums, counts, bytes) = match judged {
        Ok(judged) => judged,
        Err(Verdict { why, sha256 }) => {
            part.discard();
            let refused = sha256.map(|sha256| Refused { marks, sha256, at: Timestamp::now(), why: why.clone() });
            return Err(Trouble { why, refused });
        }
    };
    let promoted = versions::promote(folder, &part.path(), at_hand);
    promoted.map_err(|why| format!("{}: {why}", archive.display()))?;
    part.discard();
    Ok(Some(Fetched { bytes, marks, sha256: sums.sha256, counts, ..Fetched::default() }))
}

fn again(refused: &Refused) -> Trouble {
    let Refused { at, why, .. } = refused;
    format!("the server still has the version that was refused {at:.0}: {why}").into()
}

/// Why what came is not taken over, and its SHA-256 if it is whole.
struct Verdict {
    why: String,
    sha256: Option<String>,
}

async fn judge(
    found: &Found,
    at_hand: Option<&Fetched>,
    part: &Part,
    refused: Option<&Refused>,
    outbound: &Outbound,
    wish: &Wish<'_>,
    progress: &mut Progress,
) -> Result<(Sums, Counts, u64), Verdict> {
    let path = part.path();
    let failed = |why: String| Verdict { why, sha256: None };
    let said = |why: std::io::Error| failed(format!("{}: {why}", path.display()));
    let bytes = path.metadata().map_err(said)?.len();
    let sums = Sums::of(&path).map_err(said)?;
    if let Some(refused) = refused.filter(|refused| refused.sha256 == sums.sha256) {
        return Err(Verdict { why: again(refused).why, sha256: Some(sums.sha256) });
    }
    if let Some(url) = &found.list.checksum {
        let published = download::text(url, outbound).await;
        let published = published.map_err(|why| failed(format!("its check sum cannot be had: {why}")))?;
        let path = found.list.source.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        sums.hold_to(&published, name).map_err(failed)?;
    }
    let judged = judge::count(found, &path, progress).and_then(|counts| {
        if let Some(known) = at_hand.filter(|_| !wish.accept) {
            // Of a version that was fetched before counts were kept.
            let read = known.counts.is_empty().then(|| path.with_file_name(ARCHIVE));
            let before = read.map_or(Ok(known.counts.clone()), |path| judge::count(found, &path, progress));
            // One at hand that is no list any more binds nobody.
            if let Ok(before) = before {
                judge::compare(&before, &counts, found.list.max_change, wish.uses).map_err(|why| {
                    format!("{why}; `octroi lists update --accept {}` takes it over", found.list.name)
                })?;
            }
        }
        Ok(counts)
    });
    match judged {
        Ok(counts) => Ok((sums, counts, bytes)),
        Err(why) => Err(Verdict { why, sha256: Some(sums.sha256) }),
    }
}

#[cfg(test)]
mod tests;
