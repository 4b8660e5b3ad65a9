//! Block pages made once: those of one kind differ in a few words, and the rest of them is written as it stands.
use super::block::{Refusal, refusal};
use super::contact::percent_encoded;
use super::{Language, shown};
use arc_swap::ArcSwapOption;
use askama::filters::{Escaper, Html};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::verdict::Ground;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Kinds whose page is kept, of some 7 KB each; those beyond are rendered each time.
const KEPT: usize = 256;

/// What stands for the words that differ while a page is prepared: noncharacters, which nobody's text should hold.
const TARGET: &str = "\u{fdd0}";
const USER: &str = "\u{fdd1}";
const MOMENT: &str = "\u{fdd2}";
const REFERENCE: &str = "\u{fdd3}";

/// What tells the pages of one state of the gate apart, but for the words that differ each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    /// Its language.
    pub(crate) lang: Language,
    /// By what it was decided.
    pub(crate) ground: Ground,
    /// Whether it leads to the console's front page.
    pub(crate) informed: bool,
    /// Whether it names an account.
    pub(crate) named: bool,
}

/// The pages of one state of the gate, each prepared when it is first needed.
#[derive(Default)]
pub(crate) struct Blocks {
    prepared: RwLock<HashMap<Kind, Option<Arc<Prepared>>>>,
    moments: [ArcSwapOption<(i64, String)>; 2],
}

impl Blocks {
    /// The body of the 403, as [`refusal`] renders it.
    pub(crate) fn body<'a>(&self, kind: Kind, page: &Refusal<'a>) -> Body<'a> {
        match self.prepared(kind, page) {
            Some(prepared) => Body::Filled(Filled::new(prepared, page)),
            None => Body::Whole(refusal(kind.lang, page)),
        }
    }

    /// A local time, as [`Language::moment`] writes it: once a second.
    pub(crate) fn moment(&self, lang: Language, zone: &TimeZone, at: Timestamp) -> Arc<(i64, String)> {
        let [french, english] = &self.moments;
        let last = lang.pick(french, english);
        let second = at.as_second();
        if let Some(moment) = last.load_full().filter(|moment| moment.0 == second) {
            return moment;
        }
        let moment = Arc::new((second, lang.moment(&at.to_zoned_datetime(zone.clone()))));
        last.store(Some(moment.clone()));
        moment
    }

    fn prepared(&self, kind: Kind, page: &Refusal<'_>) -> Option<Arc<Prepared>> {
        let kept = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&kind) {
            return known.clone();
        }
        let full = kept.len() >= KEPT;
        drop(kept);
        if full {
            return None;
        }
        let prepared = Prepared::of(kind.lang, page);
        self.prepared.write().unwrap_or_else(PoisonError::into_inner).insert(kind, prepared.clone());
        prepared
    }
}

/// The body of an answer.
pub(crate) enum Body<'a> {
    /// Rendered for it alone.
    Whole(String),
    /// Prepared, and the words of this one.
    Filled(Filled<'a>),
}

impl Body<'_> {
    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Body::Whole(text) => text.len(),
            Body::Filled(filled) => filled.len(),
        }
    }

    /// Writes it behind the head.
    pub(crate) fn push_to(&self, out: &mut String) {
        match self {
            Body::Whole(text) => out.push_str(text),
            Body::Filled(filled) => filled.push_to(out),
        }
    }
}

/// A word that differs from one page of a kind to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Target,
    User,
    Moment,
    Reference,
    /// The reference in the address of an e-mail.
    Linked,
}

/// A page without the words that differ.
#[derive(Debug)]
struct Prepared {
    /// Text, each piece with the word behind it.
    pieces: Vec<(String, Word)>,
    /// What follows the last word.
    end: String,
}

impl Prepared {
    /// Renders a page with marks in place of the words. `None` when it would not come out as rendered: somebody's text holds
    /// a mark.
    fn of(lang: Language, page: &Refusal<'_>) -> Option<Arc<Prepared>> {
        let user = page.user.map(|_| USER);
        let marked = Refusal { target: TARGET, user, moment: MOMENT, reference: REFERENCE, ..*page };
        let text = refusal(lang, &marked);
        let linked = percent_encoded(REFERENCE);
        let marks = [
            (Word::Target, TARGET),
            (Word::User, USER),
            (Word::Moment, MOMENT),
            (Word::Reference, REFERENCE),
            (Word::Linked, linked.as_str()),
        ];
        let (mut pieces, mut rest) = (Vec::new(), text.as_str());
        let next = |rest: &str| {
            let found = marks.iter().filter_map(|(word, mark)| Some((rest.find(mark)?, *word, mark.len())));
            found.min_by_key(|(at, ..)| *at)
        };
        while let Some((at, word, length)) = next(rest) {
            let (piece, behind) = rest.split_at(at);
            pieces.push((piece.to_owned(), word));
            rest = behind.get(length..)?;
        }
        let prepared = Arc::new(Prepared { pieces, end: rest.to_owned() });
        // A mark that was somebody's own is a word here, and stays a mark there.
        let tried = Refusal { target: "a", user: page.user.map(|_| "b"), moment: "c", reference: "0", ..*page };
        let mut filled = String::new();
        Filled::new(prepared.clone(), &tried).push_to(&mut filled);
        (filled == refusal(lang, &tried)).then_some(prepared)
    }
}

/// A prepared page and the words of one refusal, ready for HTML.
pub(crate) struct Filled<'a> {
    prepared: Arc<Prepared>,
    target: Cow<'a, str>,
    user: Cow<'a, str>,
    moment: Cow<'a, str>,
    reference: Cow<'a, str>,
    linked: Cow<'a, str>,
}

impl<'a> Filled<'a> {
    fn new(prepared: Arc<Prepared>, page: &Refusal<'a>) -> Filled<'a> {
        let number = page.reference.bytes().all(|byte| byte.is_ascii_digit());
        Filled {
            prepared,
            target: escaped(shown(page.target)),
            user: escaped(shown(page.user.unwrap_or_default())),
            moment: escaped(page.moment.into()),
            reference: escaped(shown(page.reference)),
            linked: if number { page.reference.into() } else { percent_encoded(page.reference).into() },
        }
    }

    fn word(&self, word: Word) -> &str {
        match word {
            Word::Target => &self.target,
            Word::User => &self.user,
            Word::Moment => &self.moment,
            Word::Reference => &self.reference,
            Word::Linked => &self.linked,
        }
    }

    fn len(&self) -> usize {
        let pieces = self.prepared.pieces.iter().map(|(piece, word)| piece.len() + self.word(*word).len());
        pieces.sum::<usize>() + self.prepared.end.len()
    }

    fn push_to(&self, out: &mut String) {
        for (piece, word) in &self.prepared.pieces {
            out.push_str(piece);
            out.push_str(self.word(*word));
        }
        out.push_str(&self.prepared.end);
    }
}

/// Text as a template writes it.
fn escaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text;
    }
    let mut written = String::with_capacity(text.len() + 16);
    // Writing into a String does not fail.
    let _ = Html.write_escaped_str(&mut written, &text);
    written.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::verdict::Text;
    use policy::{Charter, InForce, Index, Query, Target};
    use proptest::prelude::*;

    fn refused<'a>(
        contact: &'a str,
        title: &'a str,
        label: &'a Text,
        [target, user, moment, reference]: [&'a str; 4],
    ) -> Refusal<'a> {
        Refusal {
            organisation: "Société Exemple",
            contact,
            dpo: "",
            information: Some("http://octroi.exemple.fr:3180/"),
            target,
            charter_title: title,
            charter: "2026-11@3f9a1c07be52",
            rule: Some("contenus-interdits"),
            article: None,
            category: Some("jeux"),
            category_label: Some(label),
            reason: None,
            reference,
            moment,
            retention_days: 365,
            user: Some(user),
        }
    }

    fn kind(lang: Language) -> Kind {
        let in_force = InForce::new(Charter::builtin(&TimeZone::UTC), Index::empty());
        let target = Target::of_authority("www.example.org:443").expect("a target");
        let client = "192.0.2.1".parse().expect("an address");
        let query =
            Query { target: &target, method: "CONNECT", user: None, groups: &[], client, at: Timestamp::UNIX_EPOCH };
        Kind { lang, ground: in_force.decide(&query).ground(), informed: true, named: true }
    }

    fn written(body: &Body<'_>) -> String {
        let mut out = String::new();
        body.push_to(&mut out);
        assert_eq!(body.len(), out.len());
        out
    }

    /// Ordinary names, marks and their percent-encoding, markup, what hides, anything.
    fn odd() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-z0-9.-]{0,12}",
            "[<>&\"'%\u{fdd0}-\u{fdd3}]{1,3}",
            Just(percent_encoded(REFERENCE)),
            Just("\u{202e}\0é".to_owned()),
            any::<String>(),
        ];
        prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_prepared_page_is_the_rendered_one(
            fixed in prop::array::uniform3(odd()),
            refusals in prop::collection::vec((odd(), odd(), odd(), odd()), 1..5),
            french: bool,
        ) {
            let lang = if french { Language::French } else { Language::English };
            let [contact, title, label] = &fixed;
            let label = Text { fr: label.clone(), en: String::new() };
            let (blocks, kind) = (Blocks::default(), kind(lang));
            for (target, user, moment, reference) in &refusals {
                for contact in [contact, "informatique@exemple.fr"] {
                    // Of one state of the gate, the contact is one.
                    let blocks = if contact == fixed[0] { &blocks } else { &Blocks::default() };
                    let page = refused(contact, title, &label, [target, user, moment, reference]);
                    prop_assert_eq!(written(&blocks.body(kind, &page)), refusal(lang, &page));
                }
            }
        }
    }

    #[test]
    fn pages_of_a_kind_are_prepared_once() {
        let (blocks, label) = (Blocks::default(), Text::default());
        for reference in ["1", "184207"] {
            let page =
                refused("informatique@exemple.fr", "Charte", &label, ["a.example", "p.dupont", "midi", reference]);
            let body = blocks.body(kind(Language::French), &page);
            assert!(matches!(body, Body::Filled(_)));
            assert!(written(&body).contains(&format!("r%C3%A9f%C3%A9rence%20{reference}\"")));
        }
        assert_eq!(blocks.prepared.read().expect("nobody panicked").len(), 1);
    }

    #[test]
    fn a_moment_is_written_once_a_second_in_each_language() {
        let (blocks, zone) = (Blocks::default(), TimeZone::fixed(jiff::tz::offset(1)));
        for (lang, at) in [(Language::French, 0), (Language::English, 0), (Language::French, 1), (Language::French, 1)]
        {
            let at = Timestamp::from_millisecond(at * 1000 + 500).expect("a time");
            let expected = lang.moment(&at.to_zoned_datetime(zone.clone()));
            assert_eq!(blocks.moment(lang, &zone, at).1, expected);
        }
    }
}
