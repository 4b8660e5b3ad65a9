//! Running text to lines: where a line may end, and what goes on it.
use super::fonts::{Face, Fonts};

/// A run to be set: visible text of one face. Its number is its place in the list.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) face: Face,
}

/// A line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    pub(super) parts: Vec<Part>,
    /// Without the space at its end.
    pub(super) width: f32,
}

/// What stands on a line of one run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The number of the run.
    pub(super) piece: usize,
    /// From the beginning of the line.
    pub(super) x: f32,
    /// Without the space at its end.
    pub(super) width: f32,
    /// With the space at its end, so that words stay apart for whoever copies them.
    pub(super) text: String,
}

/// Breaks text into lines of at most `width` points; one line at least.
///
/// A line ends after a space, or after a hyphen between letters; never at a space that doesn't break. What is too long for a
/// line of its own is cut after a mark that parts names and addresses, else anywhere between two characters.
pub(super) fn lines(fonts: &Fonts, pieces: &[Piece], size: f32, width: f32) -> Vec<Line> {
    // Most cells of a table are one short text: measured once.
    if let [Piece { text, face }] = pieces
        && text.len() < 100
    {
        let whole = fonts.width(*face, size, text.trim_end_matches(' '));
        if whole <= width {
            let part = Part { piece: 0, x: 0.0, width: whole, text: text.clone() };
            return vec![Line { parts: if text.is_empty() { Vec::new() } else { vec![part] }, width: whole }];
        }
    }
    let mut setter = Setter { fonts, pieces, size, width, lines: Vec::new(), line: Line::default(), space: 0.0 };
    let mut word: Vec<Bit> = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        for (text, ends) in bits(&piece.text) {
            let solid = text.trim_end_matches(' ');
            let bit = Bit {
                piece: number,
                text: text.to_owned(),
                width: fonts.width(piece.face, size, solid),
                space: fonts.width(piece.face, size, &text[solid.len()..]),
            };
            word.push(bit);
            if ends {
                setter.word(std::mem::take(&mut word));
            }
        }
    }
    setter.word(word);
    let Setter { mut lines, line, .. } = setter;
    if !line.parts.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// How wide the widest word is that no line ends in, at most `most`.
pub(super) fn widest_word(fonts: &Fonts, face: Face, size: f32, text: &str, most: f32) -> f32 {
    bits(text).map(|(bit, _)| fonts.width(face, size, bit.trim_end_matches(' '))).fold(0.0, f32::max).min(most)
}

/// Part of a word, of one run; its spaces are at its end.
#[derive(Debug, Clone)]
struct Bit {
    piece: usize,
    text: String,
    width: f32,
    space: f32,
}

struct Setter<'a> {
    fonts: &'a Fonts,
    pieces: &'a [Piece],
    size: f32,
    width: f32,
    lines: Vec<Line>,
    line: Line,
    /// The space at the end of the line so far: it counts once something follows.
    space: f32,
}

/// What rounding may add up to on a line.
const SLACK: f32 = 0.05;

impl Setter<'_> {
    /// Sets a word whole if a line can hold it.
    fn word(&mut self, word: Vec<Bit>) {
        let spaces_within: f32 = word.iter().rev().skip(1).map(|bit| bit.space).sum();
        let whole: f32 = word.iter().map(|bit| bit.width).sum::<f32>() + spaces_within;
        if self.used() + whole > self.width + SLACK && !self.line.parts.is_empty() {
            self.end_line();
        }
        for bit in word {
            if self.used() + bit.width > self.width + SLACK {
                self.long(bit);
            } else {
                self.push(bit);
            }
        }
    }

    /// Sets what is longer than what is left of the line, in pieces.
    fn long(&mut self, bit: Bit) {
        let face = self.pieces[bit.piece].face;
        let mut rest = bit.text.as_str();
        loop {
            let solid = rest.trim_end_matches(' ');
            let width = self.fonts.width(face, self.size, solid);
            if self.used() + width <= self.width + SLACK {
                let text = rest.to_owned();
                return self.push(Bit { text, width, ..bit });
            }
            let mut fits = self.longest(face, solid, self.width - self.used());
            if fits == 0 && !self.line.parts.is_empty() {
                self.end_line();
                continue;
            }
            if fits == 0 {
                // Not even one character fits: it is set all the same, so that there is an end.
                fits = solid.chars().next().map_or(solid.len(), char::len_utf8);
            }
            let (now, later) = rest.split_at(fits.max(1).min(rest.len()));
            let width = self.fonts.width(face, self.size, now);
            self.push(Bit { text: now.to_owned(), width, space: 0.0, ..bit });
            self.end_line();
            rest = later;
            if rest.trim_end_matches(' ').is_empty() {
                return;
            }
        }
    }

    /// How many bytes of `text` fit into `width`; a good place to part is preferred if it is in the second half.
    fn longest(&self, face: Face, text: &str, width: f32) -> usize {
        // No character is narrower than a tenth of the size, and more than a thousand never fit.
        let ends: Vec<usize> = text
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .filter(|end| !text[*end..].starts_with(joins))
            .take(1000)
            .collect();
        let fitting = ends.partition_point(|end| self.fonts.width(face, self.size, &text[..*end]) <= width);
        let Some(end) = fitting.checked_sub(1).and_then(|last| ends.get(last)).copied() else { return 0 };
        let good = text[..end].rfind(['.', '/', '-', '_', ':', ',', ';', '@', '&', '=', '?', '}']).map(|at| at + 1);
        good.filter(|good| *good * 2 > end).unwrap_or(end)
    }

    fn push(&mut self, bit: Bit) {
        let x = self.used();
        self.line.width = x + bit.width;
        match self.line.parts.last_mut() {
            Some(last) if last.piece == bit.piece => {
                last.width = x + bit.width - last.x;
                last.text.push_str(&bit.text);
            }
            _ => self.line.parts.push(Part { piece: bit.piece, x, width: bit.width, text: bit.text }),
        }
        self.space = bit.space;
    }

    fn end_line(&mut self) {
        self.space = 0.0;
        self.lines.push(std::mem::take(&mut self.line));
    }

    fn used(&self) -> f32 {
        self.line.width + self.space
    }
}

/// Combining marks stay with their letter.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// A text in bits, and whether a line may end after each.
fn bits(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut before = '\0';
        let mut end = rest.len();
        let mut ends = false;
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let after = chars.peek().map(|(_, c)| *c);
            let next = at + c.len_utf8();
            // A space at the very end of a run ends a word too.
            let breaks = match c {
                ' ' => after != Some(' '),
                '-' => before.is_alphabetic() && after.is_some_and(char::is_alphabetic),
                _ => false,
            };
            if breaks {
                (end, ends) = (next, true);
                break;
            }
            before = c;
        }
        let (bit, later) = rest.split_at(end);
        rest = later;
        Some((bit, ends))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[(&str, Face)], width: f32) -> Vec<String> {
        let fonts = Fonts::load().expect("the fonts are fonts");
        let pieces: Vec<Piece> = texts.iter().map(|(text, face)| Piece { text: (*text).into(), face: *face }).collect();
        let lines = lines(&fonts, &pieces, 10.0, width);
        for line in &lines {
            assert!(
                line.width <= width + 0.1 || line.parts.iter().all(|part| part.text.chars().count() == 1),
                "{line:?}"
            );
        }
        lines.iter().map(|line| line.parts.iter().map(|part| part.text.as_str()).collect()).collect()
    }

    #[test]
    fn lines_end_after_spaces_that_break() {
        let text = "Le registre garde 1\u{202f}204 lignes\u{a0}: tout est là";
        for line in set(&[(text, Face::Regular)], 60.0) {
            assert!(!line.starts_with([':', '\u{a0}', '\u{202f}', ' ']), "{line}");
            assert!(!line.ends_with(['\u{a0}', '\u{202f}']), "{line}");
        }
        assert_eq!(set(&[(text, Face::Regular)], 60.0).concat(), text);
    }

    #[test]
    fn a_word_of_two_styles_is_not_parted() {
        let lines = set(&[("un mot ", Face::Regular), ("important", Face::Bold), (", puis", Face::Regular)], 62.0);
        assert_eq!(lines, ["un mot ", "important, ", "puis"]);
    }

    #[test]
    fn compounds_part_at_their_hyphen_and_numbers_do_not() {
        assert_eq!(set(&[("rendez-vous", Face::Regular)], 45.0), ["rendez-", "vous"]);
        assert_eq!(set(&[("le 78-17", Face::Regular)], 36.0), ["le ", "78-17"]);
    }

    #[test]
    fn what_is_too_long_is_cut_where_names_part() {
        let host = "static.une-tres-longue-etiquette.exemple.fr";
        let lines = set(&[(host, Face::Regular)], 90.0);
        assert!(lines.len() > 2 && lines.concat() == host, "{lines:?}");
        assert!(lines[0].ends_with(['.', '-']), "{lines:?}");
        let hash = "0123456789abcdef".repeat(8);
        assert_eq!(set(&[(&hash, Face::Table)], 90.0).concat(), hash);
    }

    #[test]
    fn there_is_an_end_to_every_text() {
        assert_eq!(set(&[("", Face::Regular)], 90.0), [""]);
        assert_eq!(set(&[], 90.0), [""]);
        assert_eq!(set(&[("abc", Face::Regular)], 0.0), ["a", "b", "c"]);
        assert_eq!(set(&[("   a  b ", Face::Regular)], 5.0).concat().replace(' ', ""), "ab");
        assert_eq!(set(&[(&"e\u{301}".repeat(300), Face::Regular)], 20.0).concat().chars().count(), 600);
    }
}
