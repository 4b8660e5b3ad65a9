//! The fonts in the program: Inter, in three faces, and what is measured and shaped with them.
//!
//! Inter is under the SIL Open Font License 1.1 (`proxy/assets/fonts/OFL.txt`).
use super::PdfError;
use crate::legal::document;
use flate2::read::GzDecoder;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::ttf_parser::Tag;
use rustybuzz::{Direction, Face as Shaped, Feature, ShapePlan, UnicodeBuffer, script};
use std::io::Read as _;
use std::sync::OnceLock;

const FILES: [&[u8]; 3] = [
    include_bytes!("../../../assets/fonts/Inter-Regular.otf.gz"),
    include_bytes!("../../../assets/fonts/Inter-SemiBold.otf.gz"),
    include_bytes!("../../../assets/fonts/Inter-Italic.otf.gz"),
];

/// The fonts as they are outside of the program; unpacked once.
static UNPACKED: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// A face, and whether its figures are all of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Regular,
    Bold,
    Italic,
    /// Regular, for columns of numbers.
    Table,
    /// Bold, for columns of numbers.
    TableBold,
}

impl Face {
    fn file(self) -> usize {
        match self {
            Face::Regular | Face::Table => 0,
            Face::Bold | Face::TableBold => 1,
            Face::Italic => 2,
        }
    }

    fn tabular(self) -> bool {
        matches!(self, Face::Table | Face::TableBold)
    }
}

/// The fonts, ready.
pub(super) struct Fonts {
    files: Vec<File>,
}

struct File {
    shaped: Shaped<'static>,
    running: ShapePlan,
    tabular: ShapePlan,
    font: Font,
}

impl Fonts {
    pub(super) fn load() -> Result<Fonts, PdfError> {
        let unpacked = UNPACKED.get_or_init(|| FILES.iter().map(|file| unpack(file)).collect());
        let files: Option<Vec<File>> = unpacked.iter().map(|bytes| File::read(bytes)).collect();
        files.map(|files| Fonts { files }).ok_or(PdfError::Font)
    }

    /// The font to draw a face with.
    pub(super) fn font(&self, face: Face) -> Font {
        self.files[face.file()].font.clone()
    }

    /// The text as this face can show it: characters that it hasn't are written `\u{…}`.
    pub(super) fn visible(&self, face: Face, text: &str) -> String {
        let shaped = &self.files[face.file()].shaped;
        let mut shown = document::visible(text);
        if shown.chars().any(|c| shaped.glyph_index(c).is_none_or(|glyph| glyph.0 == 0)) {
            shown = shown
                .chars()
                .flat_map(|c| match shaped.glyph_index(c) {
                    Some(glyph) if glyph.0 != 0 => vec![c],
                    _ => c.escape_unicode().collect(),
                })
                .collect();
        }
        shown
    }

    /// The glyphs of a visible text, in parts of the size.
    pub(super) fn shape(&self, face: Face, text: &str) -> Vec<KrillaGlyph> {
        let file = &self.files[face.file()];
        let glyphs = file.glyphs(face, text);
        let (infos, positions) = (glyphs.glyph_infos(), glyphs.glyph_positions());
        let unit = file.font.units_per_em();
        let mut shaped = Vec::with_capacity(infos.len());
        for (at, (info, position)) in infos.iter().zip(positions).enumerate() {
            let start = info.cluster as usize;
            let next = infos.iter().skip(at + 1).find(|later| later.cluster != info.cluster);
            let end = next.map_or(text.len(), |later| later.cluster as usize);
            shaped.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                position.x_advance as f32 / unit,
                position.x_offset as f32 / unit,
                position.y_offset as f32 / unit,
                position.y_advance as f32 / unit,
                start..end,
                None,
            ));
        }
        shaped
    }

    /// How wide a visible text is at this size, in points.
    pub(super) fn width(&self, face: Face, size: f32, text: &str) -> f32 {
        if text.is_empty() {
            return 0.0;
        }
        let file = &self.files[face.file()];
        let units: i64 = file.glyphs(face, text).glyph_positions().iter().map(|at| i64::from(at.x_advance)).sum();
        units as f32 / file.font.units_per_em() * size
    }
}

impl File {
    fn read(bytes: &'static [u8]) -> Option<File> {
        let shaped = Shaped::from_slice(bytes, 0)?;
        let plan = |tabular| {
            // Contextual alternates turn `->` into an arrow and ligatures join letters: a name is shown letter by letter.
            let off = [b"calt", b"liga", b"clig"].map(|tag| Feature::new(Tag::from_bytes(tag), 0, ..));
            let figures = Feature::new(Tag::from_bytes(b"tnum"), u32::from(tabular), ..);
            let features = [off[0], off[1], off[2], figures];
            ShapePlan::new(&shaped, Direction::LeftToRight, Some(script::LATIN), None, &features)
        };
        let (running, tabular) = (plan(false), plan(true));
        let font = Font::new(krilla::Data::from(bytes), 0)?;
        Some(File { shaped, running, tabular, font })
    }

    fn glyphs(&self, face: Face, text: &str) -> rustybuzz::GlyphBuffer {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        // The fonts hold no script that is written from right to left.
        buffer.set_direction(Direction::LeftToRight);
        buffer.set_script(script::LATIN);
        let plan = if face.tabular() { &self.tabular } else { &self.running };
        rustybuzz::shape_with_plan(&self.shaped, plan, buffer)
    }
}

/// An empty font, should the program hold a broken one: reading it fails then.
fn unpack(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(300_000);
    match GzDecoder::new(file).read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACES: [Face; 5] = [Face::Regular, Face::Bold, Face::Italic, Face::Table, Face::TableBold];

    #[test]
    fn every_face_has_what_french_and_its_neighbours_need() {
        let fonts = Fonts::load().expect("the fonts are fonts");
        let text = "àâäçéèêëîïôöùûüÿœæÀÉŒÆ « » “ ” ’ – — … € ° n° 1er \u{a0}\u{202f}\u{2011} ñ ß ø ł ğ ő Ж я Ω λ ệ → ✓";
        for face in FACES {
            assert_eq!(fonts.visible(face, text), text, "{face:?}");
        }
    }

    #[test]
    fn what_a_font_has_not_is_written_out() {
        let fonts = Fonts::load().expect("the fonts are fonts");
        assert_eq!(fonts.visible(Face::Regular, "日本\u{202e}x"), "\\u{65e5}\\u{672c}\\u{202e}x");
    }

    #[test]
    fn figures_of_a_table_are_of_one_width() {
        let fonts = Fonts::load().expect("the fonts are fonts");
        for face in [Face::Table, Face::TableBold] {
            assert_eq!(fonts.width(face, 10.0, "1111"), fonts.width(face, 10.0, "8888"), "{face:?}");
        }
        assert!(fonts.width(Face::Regular, 10.0, "1111") < fonts.width(Face::Regular, 10.0, "8888"));
    }

    #[test]
    fn letters_are_shown_one_by_one() {
        let fonts = Fonts::load().expect("the fonts are fonts");
        for text in ["->", "fi", "10x20", "e\u{301}"] {
            let glyphs = fonts.shape(Face::Regular, text);
            assert!(!glyphs.is_empty() && glyphs.len() <= text.chars().count(), "{text}");
            let ends = glyphs.iter().map(|glyph| glyph.text_range.end).max();
            assert_eq!(ends, Some(text.len()), "{text}");
        }
        assert_eq!(fonts.shape(Face::Regular, "->").len(), 2);
    }
}
