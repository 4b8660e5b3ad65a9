//! What is wrong with a file, and where: all problems in one report, each pointing at its text.
use std::ops::Range;

/// A file's name and text, so that problems can point at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As shown in reports: `charter.toml`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence: what is wrong.
    pub message: String,
    /// Bytes of the text it is about.
    pub span: Range<usize>,
    /// Beside the underlined text: what to do, or the nearest known word.
    pub label: String,
    /// A warning does not stop anything.
    pub warning: bool,
    /// The other places of a contradiction, each with what stands there.
    pub also: Vec<(Range<usize>, String)>,
}

impl Problem {
    /// Something that stops the file from being used.
    pub fn error(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Problem {
        Problem { message: message.into(), span, label: label.into(), warning: false, also: Vec::new() }
    }

    /// Something that is probably not what was meant.
    pub fn warning(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Problem {
        Problem { warning: true, ..Problem::error(span, message, label) }
    }

    /// With another place that has a part in it.
    #[must_use]
    pub fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Problem {
        self.also.push((span, label.into()));
        self
    }
}

/// All problems of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub source: Source,
    /// At least one, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Problems {
    /// The report for people: file, line, column, the text underlined. Lines and columns count from 1, columns in
    /// characters. Without colour it is plain ASCII art, the same on every machine.
    pub fn render(&self, color: bool) -> String {
        let mut report = Vec::new();
        let mut cache = (self.source.name.as_str(), ariadne::Source::from(self.source.text.as_str()));
        for problem in &self.problems {
            // Writing to memory cannot fail; should it ever, the other problems are still worth showing.
            let _ = self.report(problem, color).write(&mut cache, &mut report);
        }
        let text = String::from_utf8_lossy(&report);
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn report(&self, problem: &Problem, color: bool) -> ariadne::Report<'static, (&str, Range<usize>)> {
        let (kind, hue) = match problem.warning {
            false => (ariadne::ReportKind::Error, ariadne::Color::Red),
            true => (ariadne::ReportKind::Warning, ariadne::Color::Yellow),
        };
        let config = ariadne::Config::default().with_color(color).with_char_set(if color {
            ariadne::CharSet::Unicode
        } else {
            ariadne::CharSet::Ascii
        });
        let place = |span: &Range<usize>| (self.source.name.as_str(), self.characters(span));

        // In the order of the text, so that the places of a contradiction share one excerpt.
        let mut places: Vec<_> = problem.also.iter().map(|(span, label)| (span, label, ariadne::Color::Cyan)).collect();
        places.push((&problem.span, &problem.label, hue));
        places.sort_by_key(|(span, ..)| span.start);
        ariadne::Report::build(kind, place(&problem.span))
            .with_config(config)
            .with_message(&problem.message)
            .with_labels(
                places
                    .into_iter()
                    .map(|(span, label, hue)| ariadne::Label::new(place(span)).with_message(label).with_color(hue)),
            )
            .finish()
    }

    /// The span in characters, cut to the text and to its first line: what spreads over several lines is well enough
    /// shown by where it begins.
    fn characters(&self, span: &Range<usize>) -> Range<usize> {
        let text = self.source.text.as_str();
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end.max(start));
        let line = text[start..end].split(['\r', '\n']).next().unwrap_or_default();
        let before = text[..start].chars().count();
        before..before + line.chars().count()
    }
}

/// The last character boundary at or before a byte offset.
fn floor_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The known word that `word` was most probably meant to be; `None` when nothing comes near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    // A third of the letters may be wrong, never all: `sexes` finds `sexe`, `mail` does not find `malware`.
    let letters = word.chars().count();
    let far = (1 + letters / 3).min(letters.saturating_sub(1));
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str, problem: Problem) -> String {
        let source = Source { name: "charter.toml".into(), text: text.into() };
        Problems { source, problems: vec![problem] }.render(false)
    }

    #[test]
    fn a_report_names_file_line_and_column_in_characters_and_underlines_the_text() {
        let text = "title = \"x\"\nlabel = \"é\" ; oops\n";
        let at = text.find("oops").expect("it is there");
        let shown = report(text, Problem::error(at..at + 4, "this is no key", "remove it"));
        assert_eq!(
            shown,
            "Error: this is no key
   ,-[ charter.toml:2:15 ]
   |
 2 | label = \"é\" ; oops
   |               ^^|^
   |                 `--- remove it
---'
"
        );
    }

    #[test]
    fn a_contradiction_shows_both_places_in_the_order_of_the_text() {
        let text = "a = 1\nb = 2\n";
        let shown = report(text, Problem::error(6..7, "a and b contradict", "second").also(0..1, "first"));
        let (first, second) = (shown.find("first"), shown.find("second"));
        assert!(first.is_some() && first < second, "{shown}");
        assert!(shown.contains("charter.toml:2:1"), "{shown}");
    }

    #[test]
    fn spans_outside_or_inside_a_character_are_shown_all_the_same() {
        for span in [0..0, 4..900, 900..901, 1..2, 2..3, 0..6] {
            assert!(report("é\nàb\n", Problem::error(span, "odd", "here")).contains("odd"));
        }
        assert!(report("", Problem::error(0..1, "empty", "here")).contains("empty"));
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["sexe", "jeux", "contournement"];
        assert_eq!(nearest("sexes", known), Some("sexe"));
        assert_eq!(nearest("Contournnement", known), Some("contournement"));
        assert_eq!(nearest("webmail", known), None);
    }
}
