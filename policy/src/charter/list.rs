//! `[lists.NAME]`: where names by the million come from, and what a new version of them must be like to be taken over.
use crate::document::{Located, Table, quoted_list};
use crate::lists::{Format, Hours};
use crate::problem::Problem;
use crate::schedule::Window;
use std::time::Duration;

const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// `max_change` when the charter says nothing, in percent.
const MAX_CHANGE: u32 = 50;
/// Lists that are refreshed more often have no hours, unless the charter gives them some.
const NIGHTLY: Duration = Duration::from_secs(20 * 3600);

/// One `[lists.NAME]` of the charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// NAME.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// An address, an archive, a folder or file, or `builtin:starter`.
    pub source: String,
    /// How old a copy may become before it is fetched again.
    pub refresh: Duration,
    /// When the gate fetches it.
    pub hours: Hours,
    /// How old a copy may become before it is an alarm.
    pub stale_after: Duration,
    /// By how much it may shrink or grow from one version to the next, in percent.
    pub max_change: u32,
    /// Its categories that take out of all others.
    pub white: Vec<String>,
    /// The address of a file that holds its check sum.
    pub checksum: Option<String>,
}

/// One `[lists.NAME]`, as it is written.
pub(super) struct FileList<'d> {
    pub(super) name: Located<&'d str>,
    /// `None` when it is declared, but not well.
    pub(super) source: Option<ListSource>,
}

/// Reads one; problems are noted in the document.
pub(super) fn read<'d>(name: Located<&'d str>, table: Table<'d>) -> FileList<'d> {
    let format = if table.has("format") { table.word("format", &Format::ALL) } else { table.missing("format") };
    let source = table.required_string("source");
    if let Some(source) = &source
        && source.starts_with("builtin:")
        && source.value != "builtin:starter"
    {
        let what = format!("nothing of the name `{}` is built in", source.value);
        table.note(Problem::error(source.span.clone(), what, "nearest: `builtin:starter`"));
    }
    if let Some(source) = &source
        && let Some((scheme, _)) = source.split_once("://")
        && !is_web(scheme)
    {
        let what = format!("`{}` cannot be fetched", source.value);
        table.note(Problem::error(source.span.clone(), what, "only http, https, a folder or a file"));
    }
    let refresh = table.duration("refresh");
    if let Some(refresh) = &refresh
        && refresh.value < Duration::from_secs(60)
    {
        let what = "`refresh` is under a minute";
        table.note(Problem::error(refresh.span.clone(), what, "lists change daily: \"24h\" is usual"));
    }
    let refresh = refresh.map_or(A_DAY, |refresh| refresh.value);
    let stale_after = stale_after(&table, refresh);
    let hours = hours(&table).unwrap_or(if refresh < NIGHTLY { Hours::ANY } else { Hours::NIGHT });
    let (max_change, checksum) = (max_change(&table), checksum(&table));
    let white = white(&table, format.as_ref().map(|format| format.value));
    table.end();
    let source = format.zip(source).map(|(format, source)| ListSource {
        name: name.value.to_owned(),
        format: format.value,
        source: source.value.to_owned(),
        refresh,
        hours,
        stale_after,
        max_change,
        white,
        checksum,
    });
    FileList { name, source }
}

fn is_web(scheme: &str) -> bool {
    ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

fn hours(table: &Table<'_>) -> Option<Hours> {
    let text = table.string("hours")?;
    if text.value == "never" {
        return Some(Hours::Never);
    }
    match Window::parse(text.value) {
        Ok(window) => Some(Hours::of(window)),
        Err(label) => {
            let what = format!("`{}` is not a time of day to fetch a list", text.value);
            table.note(Problem::error(text.span, what, format!("{label}, or \"never\"")));
            None
        }
    }
}

/// A week, or three times as long as it takes to be due.
fn stale_after(table: &Table<'_>, refresh: Duration) -> Duration {
    let Some(stale) = table.duration("stale_after") else { return (7 * A_DAY).max(refresh.saturating_mul(3)) };
    if stale.value <= refresh {
        let what = "`stale_after` is no longer than `refresh`";
        table.note(Problem::error(stale.span.clone(), what, "a list that is only due is no alarm yet"));
    }
    stale.value
}

fn max_change(table: &Table<'_>) -> u32 {
    let Some(text) = table.string("max_change") else { return MAX_CHANGE };
    let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<u32>().ok());
    match percent.filter(|percent| (1..=1000).contains(percent)) {
        Some(percent) => percent,
        None => {
            let what = format!("`{}` is not a change that can be allowed", text.value);
            table.note(Problem::error(text.span, what, "expected \"1%\" to \"1000%\", such as \"50%\""));
            MAX_CHANGE
        }
    }
}

fn checksum(table: &Table<'_>) -> Option<String> {
    let text = table.string("checksum")?;
    if !text.split_once("://").is_some_and(|(scheme, _)| is_web(scheme)) {
        let what = format!("`{}` is not the address of a check sum", text.value);
        table.note(Problem::error(text.span, what, "expected an address that begins with http:// or https://"));
        return None;
    }
    Some(text.value.to_owned())
}

fn white(table: &Table<'_>, format: Option<Format>) -> Vec<String> {
    let folders = table.strings("white").unwrap_or_default();
    if let (Some(first), Some(format)) = (folders.first(), format)
        && format != Format::Ut1
    {
        let what = format!("`white` names categories, and a list of the format `{}` has none", format.as_str());
        table.note(Problem::error(first.span.clone(), what, format!("it is for {}", quoted_list(["ut1"].iter()))));
    }
    folders.iter().map(|folder| folder.value.to_owned()).collect()
}
