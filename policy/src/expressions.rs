//! Keywords and regular expressions over a whole URL.
//!
//! They are matched anywhere in host, path and query in normal form ([`crate::Target`]), without scheme and port and
//! whatever the case: `example.com/dir?q=x`. In a tunnel only the host is known. Expressions that are words or a choice
//! of words, most of those written by hand, go through one Aho-Corasick automaton; the others are compiled together.

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// What one expression may take once compiled, in bytes.
const ONE: usize = 1 << 20;
/// What all that are no words may take together, in bytes.
const ALL: usize = 64 << 20;

/// Says why an expression cannot be kept.
pub(crate) fn check(expression: &str) -> Result<(), String> {
    if !expression.is_ascii() {
        return Err("only ASCII is matched: write other characters as URLs escape them".to_owned());
    }
    if words(expression).is_some() {
        return Ok(());
    }
    let regex: Regex = RegexBuilder::new(expression)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(ONE)
        .build()
        .map_err(|error| clause(&error))?;
    if regex.is_match(b"") {
        return Err("it matches everything".to_owned());
    }
    Ok(())
}

/// Expressions by number, ready to match.
pub(crate) struct Expressions {
    words: Option<AhoCorasick>,
    /// Which expression a word belongs to.
    owners: Vec<u32>,
    patterns: RegexSet,
    /// Which expression a pattern is.
    numbers: Vec<u32>,
}

impl Expressions {
    /// Compiles expressions; they are numbered as they come. Fails when they are none, or too many.
    pub(crate) fn new<'a>(expressions: impl Iterator<Item = &'a str>) -> Result<Expressions, String> {
        let (mut all_words, mut owners, mut patterns, mut numbers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, expression) in (0..).zip(expressions) {
            match words(expression) {
                Some(words) => {
                    owners.extend(words.iter().map(|_| number));
                    all_words.extend(words);
                }
                None => {
                    patterns.push(expression);
                    numbers.push(number);
                }
            }
        }
        let patterns = RegexSetBuilder::new(patterns)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(ALL)
            .build()
            .map_err(|error| clause(&error))?;
        let words = match all_words.as_slice() {
            [] => None,
            some => {
                let built = AhoCorasick::builder().ascii_case_insensitive(true).build(some);
                Some(built.map_err(|error| error.to_string())?)
            }
        };
        Ok(Expressions { words, owners, patterns, numbers })
    }

    /// None at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_none() && self.numbers.is_empty()
    }

    /// The numbers of all expressions that match, each once, in order.
    pub(crate) fn matching(&self, text: &str) -> Vec<u32> {
        let mut found = Vec::new();
        if let Some(words) = &self.words {
            found.extend(words.find_overlapping_iter(text).map(|word| self.owners[word.pattern().as_usize()]));
        }
        // Asking whether any matches is cheaper than asking which, and the answer is mostly no.
        if !self.numbers.is_empty() && self.patterns.is_match(text.as_bytes()) {
            found.extend(self.patterns.matches(text.as_bytes()).iter().map(|pattern| self.numbers[pattern]));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The words of `word`, `one|two`, `(one|two)`; `None` when a regular expression is needed, or a word is empty.
fn words(expression: &str) -> Option<Vec<&str>> {
    let choice = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(expression);
    let words: Vec<&str> = choice.split('|').collect();
    let plain = |word: &&str| {
        !word.is_empty() && !word.bytes().any(|b| b"\\.+*?()[]{}^$".contains(&b) || b.is_ascii_control() || b == b' ')
    };
    words.iter().all(plain).then_some(words)
}

/// The last line of the error, which says what; those before draw where.
fn clause(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large once compiled".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}
