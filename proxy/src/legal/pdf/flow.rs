//! Passages to slabs: how each kind of passage is set, and what it is to a screen reader.
use super::fonts::{Face, Fonts};
use super::head::WINDOW_LEFT;
use super::slab::{Header, Ink, Item, Mark, Slab, WIDTH};
use super::tags::Tags;
use super::text::{self, Piece};
use crate::legal::document::{Passage, Signature};
use crate::legal::prose::{Prose, Run, Style};
use crate::pages::Language;
use krilla::tagging::{ListNumbering, Tag};
use std::num::NonZeroU16;

/// Slabs as they come, with the tree of tags that grows beside them.
pub(super) struct Flow<'a> {
    pub(super) fonts: &'a Fonts,
    pub(super) language: Language,
    pub(super) slabs: Vec<Slab>,
    pub(super) headers: Vec<Header>,
    pub(super) tags: Tags,
    /// Whether the next slab begins a page.
    breaks: bool,
    /// Whether the passage before was a heading: what follows it stands close.
    headed: bool,
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) face: Face,
    pub(super) size: f32,
    pub(super) leading: f32,
    pub(super) ink: Ink,
    /// From the left edge of the text.
    pub(super) x: f32,
    pub(super) width: f32,
}

/// How running text is set.
pub(super) const BODY: Setting =
    Setting { face: Face::Regular, size: 9.6, leading: 14.25, ink: Ink::Main, x: 0.0, width: WIDTH };

impl Setting {
    /// Where the baseline is in a line of this leading.
    pub(super) fn baseline(&self) -> f32 {
        // Ascenders and descenders of Inter stand evenly in the line so.
        self.leading / 2.0 + self.size * 0.364
    }
}

/// A line as it is drawn, from its upper left corner.
pub(super) type Drawn = Vec<Item>;

impl<'a> Flow<'a> {
    pub(super) fn new(fonts: &'a Fonts, language: Language) -> Flow<'a> {
        let (slabs, headers, tags) = (Vec::new(), Vec::new(), Tags::default());
        Flow { fonts, language, slabs, headers, tags, breaks: false, headed: false }
    }

    /// Sets a passage.
    pub(super) fn passage(&mut self, passage: &Passage) {
        match passage {
            Passage::Title { above, title } => self.title(above, title),
            Passage::Letterhead(head) => self.letterhead(head),
            Passage::Heading { level, title } => self.heading(*level, title),
            Passage::Under(prose) => {
                let small = Setting { size: 8.75, leading: 12.5, ink: Ink::Soft, ..BODY };
                let group = self.tags.top(Tag::P);
                for items in self.set(prose, small, group) {
                    self.push(Slab { height: small.leading, keep: true, items, ..Slab::default() });
                }
            }
            Passage::Paragraph(prose) => {
                let group = self.tags.top(Tag::P);
                let lines = self.set(prose, BODY, group);
                self.lines(lines, BODY.leading, 7.0);
            }
            Passage::Note(prose) => self.note(prose),
            Passage::Definitions(pairs) => self.definitions(pairs),
            Passage::List { numbered, items } => self.list(*numbered, items),
            Passage::Table(table) => self.table(table),
            Passage::Chart(chart) => self.chart(chart),
            Passage::Signatures(places) => self.signatures(places),
            Passage::PageBreak => self.breaks = true,
        }
        self.headed = matches!(passage, Passage::Heading { .. } | Passage::Title { .. });
    }

    /// Adds a slab, on a new page if one was asked for.
    pub(super) fn push(&mut self, mut slab: Slab) {
        slab.breaks |= std::mem::take(&mut self.breaks);
        if std::mem::take(&mut self.headed) {
            slab.before = slab.before.min(4.0);
        }
        self.slabs.push(slab);
    }

    /// Has what was added last stay with what comes next.
    pub(super) fn keep(&mut self) {
        if let Some(last) = self.slabs.last_mut() {
            last.keep = true;
        }
    }

    /// Adds lines so that no page begins or ends with a single one of them.
    pub(super) fn lines(&mut self, lines: Vec<Drawn>, leading: f32, before: f32) {
        let count = lines.len();
        for (at, items) in lines.into_iter().enumerate() {
            let keep = at + 1 < count && (count <= 3 || at == 0 || at + 2 == count);
            let before = if at == 0 { before } else { 0.0 };
            self.push(Slab { height: leading, before, keep, items, ..Slab::default() });
        }
    }

    /// Sets text of one face, a piece of content of `group` each line.
    pub(super) fn set_plain(&mut self, text: &str, setting: Setting, group: usize) -> Vec<Drawn> {
        self.set(&Prose::plain(text), setting, group)
    }

    /// Sets prose: lines, and for each of its runs what it is to a screen reader.
    pub(super) fn set(&mut self, prose: &Prose, setting: Setting, group: usize) -> Vec<Drawn> {
        let mut pieces = Vec::with_capacity(prose.runs.len());
        let mut groups: Vec<Option<usize>> = Vec::new();
        for run in &prose.runs {
            let face = face(setting.face, run.style);
            pieces.push(Piece { text: self.fonts.visible(face, &run.text), face });
        }
        // The groups come as they are met, so that the order of reading is that of the text.
        groups.resize(pieces.len(), None);
        let lines = text::lines(self.fonts, &pieces, setting.size, setting.width);
        lines
            .into_iter()
            .map(|line| {
                let mut drawn = Vec::with_capacity(line.parts.len());
                for part in line.parts {
                    let (Some(run), Some(piece)) = (prose.runs.get(part.piece), pieces.get(part.piece)) else {
                        continue;
                    };
                    if part.text.trim().is_empty() && run.link.is_some() {
                        continue;
                    }
                    let Some(known) = groups.get_mut(part.piece) else { continue };
                    let group = *known.get_or_insert_with(|| match (run.style, &run.link) {
                        (_, Some(_)) => self.tags.within(group, Tag::Link),
                        (Style::Strong, _) => self.tags.within(group, Tag::Strong),
                        (Style::Emphasis, _) => self.tags.within(group, Tag::Em),
                        (Style::Plain, _) => group,
                    });
                    let x = setting.x + part.x;
                    self.link(run, x, part.width, setting, group, &mut drawn);
                    let mark = Mark::Content(self.tags.content(group));
                    let ink = if run.link.is_some() { Ink::Link } else { setting.ink };
                    let (face, size, y) = (piece.face, setting.size, setting.baseline());
                    drawn.push(Item::Text { x, y, face, size, ink, text: part.text.into(), mark });
                }
                drawn
            })
            .collect()
    }

    fn link(&mut self, run: &Run, x: f32, width: f32, setting: Setting, group: usize, drawn: &mut Drawn) {
        let Some(target) = &run.link else { return };
        let (target, told) = (target.clone(), run.text.clone());
        let (y, height) = ((setting.leading - setting.size) / 2.0 - 1.0, setting.size + 2.0);
        drawn.push(Item::Link { x, y, width, height, target, told, content: self.tags.content(group) });
    }

    fn title(&mut self, above: &str, title: &str) {
        let small = Setting { size: 9.5, leading: 13.0, ink: Ink::Soft, ..BODY };
        let group = self.tags.top(Tag::P);
        let lines = self.set_plain(above, small, group);
        for items in lines {
            self.push(Slab { height: small.leading, keep: true, items, ..Slab::default() });
        }
        let large = Setting { face: Face::Bold, size: 20.0, leading: 25.0, ..BODY };
        self.titled(1, title, large, 9.0);
        let hairline = Item::Box { x: 0.0, y: 0.0, width: 34.0, height: 2.5, ink: Ink::Brick };
        self.push(Slab { height: 12.0, before: 8.0, keep: true, items: vec![hairline], ..Slab::default() });
    }

    fn heading(&mut self, level: u8, title: &str) {
        let (size, leading, before) = match level {
            0..=2 => (12.75, 17.0, 23.0),
            3 => (10.25, 14.5, 14.0),
            _ => (9.75, 14.5, 10.0),
        };
        self.titled(level, title, Setting { face: Face::Bold, size, leading, ..BODY }, before);
    }

    /// A heading of any level, with its bookmark, kept with what follows.
    pub(super) fn titled(&mut self, level: u8, title: &str, setting: Setting, before: f32) {
        let number = NonZeroU16::new(u16::from(level.clamp(1, 6))).unwrap_or(NonZeroU16::MIN);
        let mut told = super::short(title);
        if told.trim().is_empty() {
            // A heading without a title would not conform (PDF/UA-1 §7.4); one that says nothing is nothing to lose a file over.
            told.replace_range(.., "–");
        }
        let group = self.tags.top(Tag::Hn(number, Some(told.clone())));
        let lines = self.set_plain(title, setting, group);
        for (at, items) in lines.into_iter().enumerate() {
            let bookmark = (at == 0).then(|| (level, told.clone()));
            let before = if at == 0 { before } else { 0.0 };
            self.push(Slab { height: setting.leading, before, keep: true, bookmark, items, ..Slab::default() });
        }
    }

    fn note(&mut self, prose: &Prose) {
        let group = self.tags.top(Tag::P);
        let setting = Setting { x: 14.0, width: WIDTH - 26.0, ..BODY };
        let lines = self.set(prose, setting, group);
        let count = lines.len();
        for (at, items) in lines.into_iter().enumerate() {
            let (above, below) = (if at == 0 { 7.0 } else { 0.0 }, if at + 1 == count { 7.0 } else { 0.0 });
            let height = above + BODY.leading + below;
            let ground = Item::Box { x: 0.0, y: 0.0, width: WIDTH, height: height + 0.2, ink: Ink::Wash };
            let bar = Item::Box { x: 0.0, y: 0.0, width: 2.5, height: height + 0.2, ink: Ink::Brick };
            let text = items.into_iter().map(|item| item.moved(0.0, above));
            let items = [ground, bar].into_iter().chain(text).collect();
            let before = if at == 0 { 11.0 } else { 0.0 };
            let keep = at + 1 < count && (count <= 8 || at == 0 || at + 2 == count);
            self.push(Slab { height, before, keep, items, ..Slab::default() });
        }
        self.push(Slab { height: 3.0, ..Slab::default() });
    }

    fn definitions(&mut self, pairs: &[(String, Prose)]) {
        let list = self.tags.top(Tag::L(ListNumbering::None));
        let term = Setting { size: 9.25, leading: 13.5, ink: Ink::Soft, width: WIDTH * 0.31, ..BODY };
        let x = WIDTH * 0.34;
        let told = Setting { size: 9.25, leading: 13.5, x, width: WIDTH - x, ..BODY };
        let count = pairs.len();
        for (at, (name, prose)) in pairs.iter().enumerate() {
            let item = self.tags.within(list, Tag::LI);
            let label = self.tags.within(item, Tag::Lbl);
            let left = self.set_plain(name, term, label);
            let body = self.tags.within(item, Tag::LBody);
            let right = self.set(prose, told, body);
            let hairline = Item::Box { x: 0.0, y: 0.0, width: WIDTH, height: 0.6, ink: Ink::Line };
            let before = if at == 0 { 8.0 } else { 0.0 };
            self.row(vec![left, right], told.leading, 3.5, vec![hairline], before, None);
            if (at == 0 && count > 1) || at + 2 == count {
                self.keep();
            }
            if at + 1 == count {
                let hairline = Item::Box { x: 0.0, y: 0.0, width: WIDTH, height: 0.6, ink: Ink::Line };
                self.push(Slab { height: 4.0, items: vec![hairline], ..Slab::default() });
            }
        }
    }

    /// Adds cells side by side: one slab, or several when there are too many lines for a page.
    ///
    /// `hairlines` are drawn on the first; `header` is the table's heading, for where it begins a page.
    pub(super) fn row(
        &mut self,
        cells: Vec<Vec<Drawn>>,
        leading: f32,
        pad: f32,
        hairlines: Vec<Item>,
        before: f32,
        header: Option<usize>,
    ) {
        /// More lines than these are not worth a new page.
        const MOST: usize = 20;
        let count = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let parts = count.div_ceil(MOST);
        let mut slabs: Vec<Slab> = (0..parts)
            .map(|part| Slab { height: leading * MOST.min(count - part * MOST) as f32, header, ..Slab::default() })
            .collect();
        for (number, line) in cells.into_iter().flat_map(|cell| cell.into_iter().enumerate()) {
            let Some(slab) = slabs.get_mut(number / MOST) else { continue };
            let down = (number % MOST) as f32 * leading + if number < MOST { pad } else { 0.0 };
            slab.items.extend(line.into_iter().map(|item| item.moved(0.0, down)));
        }
        if let Some(first) = slabs.first_mut() {
            first.height += pad;
            first.before = before;
            first.items.splice(0..0, hairlines);
        }
        if let Some(last) = slabs.last_mut() {
            last.height += pad;
        }
        for slab in slabs {
            self.push(slab);
        }
    }

    fn list(&mut self, numbered: bool, items: &[Prose]) {
        let numbering = if numbered { ListNumbering::Decimal } else { ListNumbering::Disc };
        let list = self.tags.top(Tag::L(numbering));
        let indent = if numbered { 20.0 } else { 13.0 };
        let setting = Setting { x: indent, width: WIDTH - indent, ..BODY };
        for (at, prose) in items.iter().enumerate() {
            let item = self.tags.within(list, Tag::LI);
            let label = self.tags.within(item, Tag::Lbl);
            let mark = Mark::Content(self.tags.content(label));
            let text = if numbered { format!("{}. ", at + 1) } else { self.language.pick("– ", "• ").to_owned() };
            let (y, ink) = (setting.baseline(), Ink::Soft);
            let marker = Item::Text { x: 0.0, y, face: Face::Table, size: BODY.size, ink, text: text.into(), mark };
            let body = self.tags.within(item, Tag::LBody);
            let mut lines = self.set(prose, setting, body);
            if let Some(first) = lines.first_mut() {
                first.insert(0, marker);
            }
            self.lines(lines, setting.leading, if at == 0 { 6.0 } else { 2.5 });
        }
        self.push(Slab { height: 1.5, ..Slab::default() });
    }

    fn signatures(&mut self, places: &[Signature]) {
        // Nobody signs an empty page: the words before stay with the place.
        self.keep();
        const GAP: f32 = 14.0;
        let across = if places.len() == 3 { 3 } else { 2 };
        let width = (WIDTH - GAP * (across as f32 - 1.0)) / across as f32;
        for beside in places.chunks(across) {
            let mut slab = Slab { before: 14.0, ..Slab::default() };
            for (at, place) in beside.iter().enumerate() {
                // One alone stands below the recipient of a letter.
                let (x, width) = match beside.len() {
                    1 => (WINDOW_LEFT, WIDTH - WINDOW_LEFT),
                    _ => (at as f32 * (width + GAP), width),
                };
                let setting = Setting { x, width, ..BODY };
                let group = self.tags.top(Tag::P);
                let mut down = 0.0;
                for line in self.set_plain(&place.quality, setting, group) {
                    slab.items.extend(line.into_iter().map(|item| item.moved(0.0, down)));
                    down += setting.leading;
                }
                down += 40.0;
                slab.items.push(Item::Box { x, y: down, width: setting.width, height: 0.6, ink: Ink::Line });
                down += 4.0;
                let group = self.tags.top(Tag::P);
                let small = Setting { size: 9.0, leading: 13.0, ink: Ink::Soft, ..setting };
                for line in self.set_plain(&place.name, small, group) {
                    slab.items.extend(line.into_iter().map(|item| item.moved(0.0, down)));
                    down += small.leading;
                }
                slab.height = slab.height.max(down);
            }
            self.push(slab);
        }
    }
}

fn face(base: Face, style: Style) -> Face {
    match (base, style) {
        (base, Style::Plain) => base,
        (Face::Table | Face::TableBold, Style::Strong) => Face::TableBold,
        (_, Style::Strong) => Face::Bold,
        (Face::Bold | Face::TableBold, Style::Emphasis) => base,
        (_, Style::Emphasis) => Face::Italic,
    }
}
