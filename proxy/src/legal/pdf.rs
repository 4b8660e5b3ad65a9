//! A document as PDF: tagged for screen readers, made to be kept (PDF/A-2a and PDF/UA-1 at once, which krilla holds it to).
//!
//! Three steps, a file each or more: passages become slabs that no page cuts (`flow`, with `text`, `table`, `chart`, `head`),
//! slabs become pages (`pages`), pages become bytes (`paint`). The same document gives the same bytes: nothing here asks the
//! clock or a source of randomness.
mod chart;
mod flow;
mod fonts;
mod head;
mod pages;
mod paint;
mod slab;
mod table;
mod tags;
mod text;

#[cfg(test)]
mod tests;

use super::document::{Document, visible};
use std::fmt;

/// The document as the bytes of a PDF file.
pub(crate) fn render(document: &Document) -> Result<Vec<u8>, PdfError> {
    let fonts = fonts::Fonts::load()?;
    let mut flow = flow::Flow::new(&fonts, document.language);
    for passage in &document.passages {
        flow.passage(passage);
    }
    let flow::Flow { slabs, headers, tags, .. } = flow;
    let pages = pages::paginate(slabs, &headers);
    paint::paint(document, &fonts, &pages, tags)
}

/// A text for what the file says of itself: PDF/A allows 32,767 bytes for each.
fn short(text: &str) -> String {
    visible(text).chars().take(4000).collect()
}

/// Why there is no PDF. Neither is anything that a document's text can bring about.
#[derive(Debug)]
pub(crate) enum PdfError {
    /// A font in the program is not one.
    Font,
    /// The file would not conform to PDF/A-2a and PDF/UA-1, or could not be written.
    Refused(String),
}

impl fmt::Display for PdfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PdfError::Font => f.write_str("a font in the program cannot be read"),
            PdfError::Refused(why) => write!(f, "the PDF would not conform to PDF/A-2a and PDF/UA-1: {why}"),
        }
    }
}

impl std::error::Error for PdfError {}
