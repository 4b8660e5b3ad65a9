//! Running text: words written once, with the values and the references to the law that go into them.
use super::{references, wording};
use crate::pages::Language;

/// Text in runs of one style each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Prose {
    /// The runs, in order; they carry their own spaces.
    pub(crate) runs: Vec<Run>,
}

/// A piece of text of one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Its characters, from outside or ours: a renderer makes them visible.
    pub(crate) text: String,
    /// How it is set.
    pub(crate) style: Style,
    /// Where it leads: `https:` or `mailto:`.
    pub(crate) link: Option<String>,
}

/// How a run is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As the text around it.
    Plain,
    /// Of weight.
    Strong,
    /// Set apart.
    Emphasis,
}

impl Prose {
    /// `words` with what belongs in their gaps.
    ///
    /// In `words`, which are ours, `**…**` is strong and `__…__` set apart; `{}` takes the next of `values`, `{@}` the next
    /// as a link if it is an address, `{id}` the reference to the law of that name. A value is text whatever is in it. A gap
    /// without a value stays empty.
    pub(crate) fn of(language: Language, words: &str, values: &[&str]) -> Prose {
        let mut prose = Prose::default();
        let mut style = Style::Plain;
        let mut values = values.iter();
        let mut rest = words;
        while let Some((before, gap)) = rest.split_once('{') {
            prose.marked(language, before, &mut style);
            let (name, after) = gap.split_once('}').unwrap_or((gap, ""));
            rest = after;
            match name {
                "" => prose.push(values.next().copied().unwrap_or_default(), style, None),
                "@" => {
                    let value = values.next().copied().unwrap_or_default();
                    prose.push(value, style, address(value));
                }
                id => prose.push(&wording::set(language, references::cite(id, language)), style, None),
            }
        }
        prose.marked(language, rest, &mut style);
        prose
    }

    /// A value by itself.
    pub(crate) fn plain(text: impl Into<String>) -> Prose {
        Prose { runs: vec![Run { text: text.into(), style: Style::Plain, link: None }] }
    }

    /// A value by itself, which is a link if it is an address.
    pub(crate) fn linked(text: &str) -> Prose {
        Prose { runs: vec![Run { text: text.to_owned(), style: Style::Plain, link: address(text) }] }
    }

    /// Its characters without their styles.
    pub(crate) fn words(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }

    /// Adds our own words, in which marks change the style.
    fn marked(&mut self, language: Language, words: &str, style: &mut Style) {
        let set = wording::set(language, words);
        let mut rest = set.as_str();
        while let Some(at) = rest.find("**").into_iter().chain(rest.find("__")).min() {
            let (before, mark) = rest.split_at(at);
            self.push(before, *style, None);
            let marks = if mark.starts_with('*') { Style::Strong } else { Style::Emphasis };
            *style = if *style == marks { Style::Plain } else { marks };
            rest = &mark[2..];
        }
        self.push(rest, *style, None);
    }

    fn push(&mut self, text: &str, style: Style, link: Option<String>) {
        if text.is_empty() {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.style == style && last.link.is_none() && link.is_none() => last.text.push_str(text),
            _ => self.runs.push(Run { text: text.to_owned(), style, link }),
        }
    }
}

/// Where a value leads that is an e-mail address or the address of a site; nothing else is a link.
fn address(value: &str) -> Option<String> {
    let plain = !value.is_empty()
        && value.len() < 300
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.-_:/+".contains(&b));
    if !plain {
        return None;
    }
    if value.starts_with("https://") || value.starts_with("http://") {
        return Some(value.to_owned());
    }
    if value.starts_with("www.") {
        return Some(format!("https://{value}"));
    }
    let (local, domain) = value.split_once('@')?;
    (!local.is_empty() && domain.contains('.') && !domain.contains(['@', '/', ':'])).then(|| format!("mailto:{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French};

    fn run(text: &str, style: Style) -> Run {
        Run { text: text.into(), style, link: None }
    }

    #[test]
    fn words_take_values_and_references() {
        let prose = Prose::of(French, "Selon l'{gdpr-15}, **{}** lignes : {}.", &["12", "a**b{}"]);
        assert_eq!(
            prose.runs,
            [
                run("Selon l’article\u{a0}15 du\u{a0}RGPD, ", Style::Plain),
                run("12", Style::Strong),
                run(" lignes\u{a0}: a**b{}.", Style::Plain),
            ]
        );
        assert_eq!(prose.words(), "Selon l’article\u{a0}15 du\u{a0}RGPD, 12 lignes\u{a0}: a**b{}.");
    }

    #[test]
    fn a_gap_without_a_value_stays_empty() {
        assert_eq!(Prose::of(English, "a {} b {} c {", &["1"]).words(), "a 1 b  c ");
    }

    #[test]
    fn only_addresses_are_links() {
        for (value, link) in [
            ("dpo@exemple.fr", Some("mailto:dpo@exemple.fr")),
            ("www.cnil.fr", Some("https://www.cnil.fr")),
            ("https://exemple.fr/a", Some("https://exemple.fr/a")),
            ("javascript:alert(1)", None),
            ("le poste 4217", None),
            ("a@b", None),
            ("\"x\"@y.fr", None),
            ("", None),
        ] {
            let prose = Prose::of(English, "{@}", &[value]);
            assert_eq!(prose.runs.first().and_then(|run| run.link.as_deref()), link, "{value}");
        }
    }
}
