//! Whether what was fetched may take the place of the list at hand: read to its end as compiling will, counted, compared
//! with what there was and with its check sum.

use super::compile;
use super::progress::Progress;
use super::rest;
use super::source::{Found, Material};
use md5::Md5;
use policy::lists::Compiler;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Categories with fewer entries than this come and go.
const LARGE: u64 = 1000;

/// Lines kept of each category.
pub(super) type Counts = BTreeMap<String, u64>;

/// The sums of a file, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) sha256: String,
    md5: String,
}

impl Sums {
    pub(super) fn of(path: &Path) -> io::Result<Sums> {
        let mut file = File::open(path)?;
        let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                length => {
                    let read = buffer.get(..length).unwrap_or_default();
                    sha256.update(read);
                    md5.update(read);
                }
            }
            rest();
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Sums { sha256: hex(&sha256.finalize()), md5: hex(&md5.finalize()) })
    }

    /// Holds the file to a published text of sums, in the form of `md5sum` and `sha256sum` or of BSD, or a sum alone.
    pub(super) fn hold_to(&self, published: &str, name: &str) -> Result<(), String> {
        let wanted = published_sum(published, name).ok_or_else(|| format!("no check sum of `{name}` is published"))?;
        if [&self.md5, &self.sha256].iter().any(|own| own.eq_ignore_ascii_case(wanted)) {
            return Ok(());
        }
        Err(format!(
            "its check sum is not the published one, {wanted}: it was changed on the way, or is being replaced"
        ))
    }
}

fn published_sum<'p>(published: &'p str, name: &str) -> Option<&'p str> {
    let is_sum = |word: &&str| [32, 64].contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sum = |line: &'p str| line.split(|c: char| c.is_whitespace() || c == '=').find(is_sum);
    let names = |line: &&str| {
        line.split([' ', '\t', '*', '(', ')']).any(|word| word.rsplit('/').next().is_some_and(|word| word == name))
    };
    let mut lines = published.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next()) {
        (Some(only), None) if only.split_ascii_whitespace().count() == 1 => sum(only),
        _ => published.lines().find(names).and_then(sum),
    }
}

/// Counts a list as compiling would, nothing of it kept; why not, when it is no list.
pub(super) fn count(found: &Found, path: &Path, progress: &mut Progress) -> Result<Counts, String> {
    let found = Found { material: Material::File(path.to_owned()), ..found.clone() };
    let report = compile::list(&found, &mut Compiler::at_pace(rest), progress);
    match report.missing {
        Some(why) => Err(format!("what the server sent is no list: {why}")),
        None => Ok(report.categories),
    }
}

/// Whether a list changed by more than may be, in percent. A category that the charter `uses` must not be gone.
pub(super) fn compare(
    before: &Counts,
    after: &Counts,
    percent: u32,
    uses: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    let sum = |counts: &Counts| counts.values().sum();
    within("it", sum(before), sum(after), percent)?;
    for (category, &count) in before {
        let now = after.get(category).copied().unwrap_or(0);
        if count > 0 && now == 0 && uses(category) {
            return Err(format!(
                "nothing is left of `{category}`, which the charter uses and which had {count} entries"
            ));
        }
        if count >= LARGE {
            within(&format!("`{category}`"), count, now, percent)?;
        }
    }
    Ok(())
}

fn within(what: &str, before: u64, after: u64, percent: u32) -> Result<(), String> {
    let change = before.abs_diff(after).saturating_mul(100);
    // Of few entries any change is a large one.
    if before.max(after) < LARGE / 10 || change <= before.saturating_mul(u64::from(percent)) {
        return Ok(());
    }
    let how = if after < before { "shrank" } else { "grew" };
    Err(format!("{what} {how} from {before} to {after} entries, by more than `max_change` ({percent}%)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_shrinks_or_grows_too_much_is_told() {
        let before = counts(&[("ut1:adult", 4000), ("ut1:games", 20), ("ut1:ddos", 1)]);
        let judged = |after: &[(&str, u64)]| compare(&before, &counts(after), 50, &|name| name == "ut1:games");
        assert_eq!(judged(&[("ut1:adult", 5000), ("ut1:games", 300)]), Ok(()));
        assert_eq!(judged(&[("ut1:adult", 2100), ("ut1:games", 1), ("ut1:new", 600)]), Ok(()));
        let refused = |after: &[(&str, u64)]| judged(after).expect_err("too much");
        assert!(refused(&[("ut1:adult", 7000), ("ut1:games", 20)]).starts_with("it grew from 4021 to 7020 entries"));
        assert!(refused(&[("ut1:adult", 10)]).starts_with("it shrank"));
        assert!(refused(&[("ut1:adult", 1900), ("ut1:games", 900)]).starts_with("`ut1:adult` shrank from 4000"));
        assert!(refused(&[("ut1:adult", 4000)]).starts_with("nothing is left of `ut1:games`"));
        assert_eq!(compare(&counts(&[("own", 3)]), &counts(&[("own", 30)]), 50, &|_| true), Ok(()), "few are few");
    }

    #[test]
    fn sums_are_found_in_every_form() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.tar.gz");
        std::fs::write(&path, "abc").expect("written");
        let sums = Sums::of(&path).expect("read");
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((sums.md5.as_str(), sums.sha256.as_str()), (md5, sha256));
        for published in [
            format!("{md5}\n"),
            format!("{sha256}  a.tar.gz\n"),
            format!("00000000000000000000000000000000  other.tar.gz\n{}  ./dest/a.tar.gz\n", md5.to_uppercase()),
            format!("MD5 (a.tar.gz) = {md5}\n"),
            format!("{md5} *a.tar.gz"),
        ] {
            assert_eq!(sums.hold_to(&published, "a.tar.gz"), Ok(()), "{published}");
        }
        let wrong = format!("{}  a.tar.gz", "0".repeat(32));
        assert!(sums.hold_to(&wrong, "a.tar.gz").expect_err("wrong").contains("not the published one"));
        for published in ["", "<html>", &format!("{md5}  b.tar.gz")] {
            assert!(sums.hold_to(published, "a.tar.gz").expect_err("none").contains("no check sum"), "{published}");
        }
    }
}
