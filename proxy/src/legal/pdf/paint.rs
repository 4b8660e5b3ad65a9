//! Pages to bytes: what is drawn, tagged as it is drawn; the foot; bookmarks; what the file says of itself.
use super::fonts::{Face, Fonts};
use super::pages::Page;
use super::slab::{Ink, Item, Mark, PAGE_HEIGHT, PAGE_WIDTH, SIDE};
use super::tags::Tags;
use super::{PdfError, short};
use crate::legal::document::Document;
use jiff::ZonedDateTime;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::{Page as Sheet, PageSettings};
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, BBox, ContentTag, Identifier, SpanTag, TagKind};
use krilla::{Document as File, SerializeSettings};

pub(super) fn paint(document: &Document, fonts: &Fonts, pages: &[Page], tags: Tags) -> Result<Vec<u8>, PdfError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| PdfError::Refused(format!("{error:?}")))?;
    let mut file = File::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut painter = Painter { fonts, drawn: vec![None; tags.contents()], tags };
    for (number, page) in pages.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).ok_or(PdfError::Refused("no page".into()))?;
        let mut sheet = file.start_page_with(settings);
        let foot = Foot { document, number: number + 1, of: pages.len() };
        painter.page(&mut sheet, page, number, &foot);
    }
    file.set_outline(outline(document, pages));
    file.set_metadata(metadata(document));
    let Painter { drawn, tags, .. } = painter;
    file.set_tag_tree(tags.tree(&drawn, document.language.tag()));
    file.finish().map_err(|error| PdfError::Refused(told(&error)))
}

/// What is wrong, without the fonts that krilla's own words carry.
fn told(error: &KrillaError) -> String {
    match error {
        KrillaError::Validation(wrong) => {
            let kinds: Vec<String> = wrong
                .iter()
                .map(|(what, _)| format!("{what:?}").split(['(', ' ']).next().unwrap_or_default().to_owned())
                .collect();
            kinds.join(", ")
        }
        other => other.to_string(),
    }
}

struct Foot<'a> {
    document: &'a Document,
    number: usize,
    of: usize,
}

struct Painter<'a> {
    fonts: &'a Fonts,
    drawn: Vec<Option<Identifier>>,
    tags: Tags,
}

impl Painter<'_> {
    fn page(&mut self, sheet: &mut Sheet<'_>, page: &Page, number: usize, foot: &Foot<'_>) {
        let mut surface = sheet.surface();
        for item in &page.items {
            self.item(&mut surface, item, number);
        }
        self.foot(&mut surface, foot);
        surface.finish();
        for item in &page.items {
            if let Item::Link { x, y, width, height, target, told, content } = item
                && let Some(rect) = Rect::from_xywh(*x, *y, width.max(1.0), *height)
            {
                let target = Target::Action(Action::Link(LinkAction::new(target.clone())));
                let annotation = Annotation::new_link(LinkAnnotation::new(rect, target), Some(short(told)));
                self.draw(*content, sheet.add_tagged_annotation(annotation));
            }
        }
    }

    fn item(&mut self, surface: &mut Surface<'_>, item: &Item, page: usize) {
        match item {
            Item::Text { mark: Mark::Content(content), .. } => {
                let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
                self.fill(surface, item);
                surface.end_tagged();
                self.draw(*content, identifier);
            }
            Item::Text { mark: Mark::Artifact, .. } => {
                aside(surface, ArtifactType::PaginationOther, |surface| self.fill(surface, item));
            }
            Item::Box { .. } => aside(surface, ArtifactType::Layout, |surface| self.fill(surface, item)),
            Item::Figure { x, y, width, height, items, content, node } => {
                let identifier = surface.start_tagged(ContentTag::Other);
                for part in items {
                    self.fill(surface, &part.clone().moved(*x, *y));
                }
                surface.end_tagged();
                self.draw(*content, identifier);
                if let (Some(TagKind::Figure(tag)), Some(rect)) =
                    (self.tags.kind(*node), Rect::from_xywh(*x, *y, *width, *height))
                {
                    *tag = tag.clone().with_bbox(Some(BBox::new(page, rect)));
                }
            }
            Item::Link { .. } => {}
        }
    }

    fn draw(&mut self, content: usize, identifier: Identifier) {
        if let Some(place) = self.drawn.get_mut(content) {
            *place = Some(identifier);
        }
    }

    /// Draws text or a rectangle.
    fn fill(&self, surface: &mut Surface<'_>, item: &Item) {
        match item {
            Item::Text { x, y, face, size, ink, text, .. } => {
                surface.set_fill(Some(paint_of(*ink)));
                let glyphs = self.fonts.shape(*face, text);
                surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, self.fonts.font(*face), text, *size, false);
            }
            Item::Box { x, y, width, height, ink } => {
                let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) else { return };
                let mut path = PathBuilder::new();
                path.push_rect(rect);
                if let Some(path) = path.finish() {
                    surface.set_fill(Some(paint_of(*ink)));
                    surface.draw_path(&path);
                }
            }
            Item::Link { .. } | Item::Figure { .. } => {}
        }
    }

    fn foot(&self, surface: &mut Surface<'_>, foot: &Foot<'_>) {
        const SIZE: f32 = 7.75;
        let y = PAGE_HEIGHT - 36.0;
        aside(surface, ArtifactType::Footer, |surface| {
            self.fill(
                surface,
                &Item::Box { x: SIDE, y: y - 14.0, width: PAGE_WIDTH - 2.0 * SIDE, height: 0.5, ink: Ink::Line },
            );
            let pages = format!("{}\u{a0}/\u{a0}{}", foot.number, foot.of);
            let right = PAGE_WIDTH - SIDE - self.fonts.width(Face::Table, SIZE, &pages);
            let most = right - SIDE - 20.0;
            let mut words = self.fonts.visible(Face::Regular, &foot.document.reference);
            let author = self.fonts.visible(Face::Regular, &foot.document.author);
            let both = format!("{author} · {words}");
            if self.fonts.width(Face::Regular, SIZE, &both) <= most {
                words = both;
            }
            while self.fonts.width(Face::Regular, SIZE, &words) > most {
                // A reference as long as that is told in the text.
                let half = words.chars().count() / 2;
                words = words.chars().take(half).chain(['…']).collect();
            }
            let (face, size, ink, mark) = (Face::Regular, SIZE, Ink::Soft, Mark::Artifact);
            self.fill(surface, &Item::Text { x: SIDE, y, face, size, ink, text: words.into(), mark });
            self.fill(surface, &Item::Text { x: right, y, face: Face::Table, size, ink, text: pages.into(), mark });
        });
    }
}

/// Draws what is not read aloud.
fn aside(surface: &mut Surface<'_>, kind: ArtifactType, draw: impl FnOnce(&mut Surface<'_>)) {
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
    draw(surface);
    surface.end_tagged();
}

fn paint_of(ink: Ink) -> Fill {
    let (red, green, blue) = ink.rgb();
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

/// Bookmarks as deep as headings are; the title alone for a document without any.
fn outline(document: &Document, pages: &[Page]) -> Outline {
    let mut flat: Vec<(u8, OutlineNode)> = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        for (level, title, down) in &page.bookmarks {
            let point = XyzDestination::new(number, Point::from_xy(0.0, (down - 12.0).max(0.0)));
            flat.push((*level, OutlineNode::new(short(title), point).with_open(true)));
        }
    }
    if flat.is_empty() {
        let first = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
        flat.push((1, OutlineNode::new(short(&document.title), first)));
    }
    let mut outline = Outline::new();
    let mut open: Vec<(u8, OutlineNode)> = Vec::new();
    for (level, node) in flat {
        close(&mut outline, &mut open, level);
        open.push((level, node));
    }
    close(&mut outline, &mut open, 0);
    outline
}

/// Gives the open bookmarks that are not above `level` to those above them.
fn close(outline: &mut Outline, open: &mut Vec<(u8, OutlineNode)>, level: u8) {
    while open.last().is_some_and(|(last, _)| *last >= level) {
        let Some((_, node)) = open.pop() else { return };
        match open.last_mut() {
            Some((_, above)) => above.push_child(node),
            None => outline.push_child(node),
        }
    }
}

fn metadata(document: &Document) -> Metadata {
    let title = if document.title.trim().is_empty() { &document.reference } else { &document.title };
    let title = if title.trim().is_empty() { "–" } else { title };
    Metadata::new()
        .title(short(title))
        .language(document.language.tag().to_owned())
        .authors(vec![short(&document.author)])
        .description(short(&document.subject))
        .creator("Octroi".to_owned())
        .producer("Octroi".to_owned())
        .creation_date(moment(&document.issued))
        .document_id(short(&document.reference))
}

fn moment(at: &ZonedDateTime) -> DateTime {
    let small = |part: i8| u8::try_from(part).unwrap_or_default();
    let minutes = at.offset().seconds() / 60;
    DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(i8::try_from(minutes / 60).unwrap_or_default())
        .utc_offset_minute(u8::try_from(minutes.abs() % 60).unwrap_or_default())
}
