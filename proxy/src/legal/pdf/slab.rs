//! What pages are made of: slabs that no page cuts, with what is drawn on them.
use super::fonts::Face;

/// Width of A4, in points, as all lengths here.
pub(super) const PAGE_WIDTH: f32 = 595.276;
/// Height of A4.
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// From the left edge to the text, and from the text to the right edge: 25 mm.
pub(super) const SIDE: f32 = 70.87;
/// From the upper edge to the text: 20 mm.
pub(super) const TOP: f32 = 56.69;
/// From the text to the lower edge: 27 mm, the foot in it.
pub(super) const BOTTOM: f32 = 76.5;
/// How wide the text is.
pub(super) const WIDTH: f32 = PAGE_WIDTH - 2.0 * SIDE;
/// How high a page's text is.
pub(super) const HEIGHT: f32 = PAGE_HEIGHT - TOP - BOTTOM;

/// One millimetre.
pub(super) const MM: f32 = 72.0 / 25.4;

/// A colour, as pages on screen have it (`proxy/templates/style.css`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Main,
    Soft,
    Line,
    Link,
    Brick,
    Wash,
}

impl Ink {
    /// Red, green, blue.
    pub(super) fn rgb(self) -> (u8, u8, u8) {
        match self {
            Ink::Main => (0x1f, 0x25, 0x2d),
            Ink::Soft => (0x55, 0x5f, 0x6a),
            Ink::Line => (0xd3, 0xce, 0xc5),
            Ink::Link => (0x1d, 0x4f, 0x85),
            Ink::Brick => (0x9a, 0x3f, 0x2b),
            Ink::Wash => (0xf5, 0xf3, 0xef),
        }
    }
}

/// Which part of the structure something drawn belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A piece of content in the tree of tags, drawn once.
    Content(usize),
    /// Nothing that is read aloud: hairlines, backgrounds, headings repeated on a new page.
    Artifact,
}

/// Something drawn; its place is from the slab's upper left corner, then from the page's.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A line of text of one face; `y` is its baseline.
    Text { x: f32, y: f32, face: Face, size: f32, ink: Ink, text: Box<str>, mark: Mark },
    /// A filled rectangle: a hairline, a bar, a ground.
    Box { x: f32, y: f32, width: f32, height: f32, ink: Ink },
    /// A place that leads somewhere: its annotation is a piece of content.
    Link { x: f32, y: f32, width: f32, height: f32, target: String, told: String, content: usize },
    /// A figure: everything in it is one piece of content, and `node` is told where it stands.
    Figure { x: f32, y: f32, width: f32, height: f32, items: Vec<Item>, content: usize, node: usize },
}

impl Item {
    /// The same, farther right and down.
    pub(super) fn moved(mut self, right: f32, down: f32) -> Item {
        let (Item::Text { x, y, .. } | Item::Box { x, y, .. } | Item::Link { x, y, .. } | Item::Figure { x, y, .. }) =
            &mut self;
        *x += right;
        *y += down;
        self
    }
}

/// What no page cuts.
#[derive(Debug, Clone, Default)]
pub(super) struct Slab {
    /// How high it is.
    pub(super) height: f32,
    /// The space above it; none at the top of a page.
    pub(super) before: f32,
    /// Whether the next slab has to stand on the same page.
    pub(super) keep: bool,
    /// Whether it begins a page.
    pub(super) breaks: bool,
    /// Which of the table headings stands above it when it begins a page.
    pub(super) header: Option<usize>,
    /// The bookmark that leads to it: level and title.
    pub(super) bookmark: Option<(u8, String)>,
    /// What is drawn.
    pub(super) items: Vec<Item>,
}

/// The heading of a table, for the pages on which it goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    pub(super) height: f32,
    /// All of them artifacts.
    pub(super) items: Vec<Item>,
}
