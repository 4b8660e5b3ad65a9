//! Tables: columns as wide as what is in them asks for, headings again on every page, every cell tagged.
use super::flow::{BODY, Flow, Setting};
use super::fonts::Face;
use super::slab::{Header, Ink, Item, Mark, Slab, WIDTH};
use super::text;
use crate::legal::document::{Align, Table};
use crate::legal::prose::Prose;
use krilla::tagging::{TableHeaderScope, Tag};

const CELL: Setting = Setting { face: Face::Table, size: 8.25, leading: 11.25, ..BODY };
/// Between a cell's text and the next column's.
const GAP: f32 = 9.0;
/// Above and below a cell's text.
const PAD: f32 = 3.0;
/// How many rows are measured; those that follow take what these need.
const MEASURED: usize = 200;

/// Where a column is, and how wide.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: f32,
    width: f32,
}

impl Flow<'_> {
    /// Sets a table.
    pub(super) fn table(&mut self, table: &Table) {
        if table.columns.is_empty() {
            return;
        }
        let places = self.places(table);
        let group = self.tags.top(Tag::Table);
        let mut before = 9.0;
        if !table.caption.is_empty() {
            let caption = self.tags.within(group, Tag::Caption);
            let setting = Setting { face: Face::Bold, size: 9.0, leading: 13.0, ..BODY };
            for items in self.set_plain(&table.caption, setting, caption) {
                self.push(Slab { height: setting.leading, before, keep: true, items, ..Slab::default() });
                before = 0.0;
            }
            before = 1.0;
        }
        let header = self.head(table, &places, group, before);
        let body = self.tags.within(group, Tag::TBody);
        let count = table.rows.len();
        for (number, row) in table.rows.iter().enumerate() {
            let line = self.tags.within(body, Tag::TR);
            let mut cells = Vec::with_capacity(places.len());
            for (at, (column, place)) in table.columns.iter().zip(&places).enumerate() {
                let cell = if at == 0 && table.row_headings {
                    self.tags.within(line, Tag::TH(TableHeaderScope::Row))
                } else {
                    self.tags.within(line, Tag::TD)
                };
                let text = row.get(at).map_or("", String::as_str);
                cells.push(self.cell(text, CELL, *place, column.align, cell));
            }
            let hairline = Item::Box { x: 0.0, y: 0.0, width: WIDTH, height: 0.5, ink: Ink::Line };
            self.row(cells, CELL.leading, PAD, vec![hairline], 0.0, Some(header));
            // No page has a single row of a table at its end, nor at its beginning.
            if (number == 0 && count > 1) || number + 2 == count {
                self.keep();
            }
        }
        let hairline = Item::Box { x: 0.0, y: 0.0, width: WIDTH, height: 0.5, ink: Ink::Line };
        self.push(Slab { height: 6.0, items: vec![hairline], ..Slab::default() });
    }

    /// The headings: drawn once as such, and kept to be drawn again on the pages that follow.
    fn head(&mut self, table: &Table, places: &[Place], group: usize, before: f32) -> usize {
        let head = self.tags.within(group, Tag::THead);
        let line = self.tags.within(head, Tag::TR);
        let setting = Setting { face: Face::TableBold, size: 8.0, leading: 11.0, ink: Ink::Soft, ..CELL };
        let mut cells = Vec::with_capacity(places.len());
        for (column, place) in table.columns.iter().zip(places) {
            let cell = self.tags.within(line, Tag::TH(TableHeaderScope::Column));
            cells.push(self.cell(&column.heading, setting, *place, column.align, cell));
        }
        // Headings stand on the hairline below them.
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1);
        let mut items = Vec::new();
        for cell in cells {
            let lower = (lines - cell.len()) as f32;
            for (at, line) in cell.into_iter().enumerate() {
                let down = PAD + (lower + at as f32) * setting.leading;
                items.extend(line.into_iter().map(|item| item.moved(0.0, down)));
            }
        }
        let height = lines as f32 * setting.leading + 2.0 * PAD;
        items.push(Item::Box { x: 0.0, y: height - 0.9, width: WIDTH, height: 0.9, ink: Ink::Soft });
        let again = items.iter().cloned().filter_map(artifact).collect();
        self.headers.push(Header { height, items: again });
        self.push(Slab { height, before, keep: true, items, ..Slab::default() });
        self.headers.len() - 1
    }

    fn cell(&mut self, text: &str, setting: Setting, place: Place, align: Align, group: usize) -> Vec<Vec<Item>> {
        let setting = Setting { x: place.x, width: place.width, ..setting };
        let mut lines = self.set(&Prose::plain(text), setting, group);
        if align == Align::End {
            for line in &mut lines {
                let width = line.iter().fold(0.0, |width: f32, item| width.max(self.end(item) - place.x));
                for item in line.iter_mut() {
                    *item = item.clone().moved((place.width - width).max(0.0), 0.0);
                }
            }
        }
        lines
    }

    /// Where a text ends on its line, the space behind it left out.
    fn end(&self, item: &Item) -> f32 {
        match item {
            Item::Text { x, face, size, text, .. } => x + self.fonts.width(*face, *size, text.trim_end_matches(' ')),
            _ => 0.0,
        }
    }

    /// Shares the width out: to each column what its widest word needs, then what its text asks for.
    fn places(&self, table: &Table) -> Vec<Place> {
        let count = table.columns.len();
        let available = (WIDTH - GAP * (count as f32 - 1.0)).max(WIDTH / 2.0);
        let most = available * 0.6;
        let mut needs = Vec::with_capacity(count);
        for (at, column) in table.columns.iter().enumerate() {
            let heading = self.fonts.visible(Face::TableBold, &column.heading);
            let mut least = text::widest_word(self.fonts, Face::TableBold, 8.0, &heading, available * 0.3);
            let mut asked = least;
            for row in table.rows.iter().take(MEASURED) {
                let Some(cell) = row.get(at) else { continue };
                let cell = self.fonts.visible(Face::Table, cell);
                least = least.max(text::widest_word(self.fonts, Face::Table, CELL.size, &cell, available * 0.3));
                asked = asked.max(self.fonts.width(Face::Table, CELL.size, &cell).min(most));
            }
            needs.push((least, asked.max(least)));
        }
        let least: f32 = needs.iter().map(|(least, _)| least).sum();
        let asked: f32 = needs.iter().map(|(_, asked)| asked).sum();
        let mut x = 0.0;
        needs
            .iter()
            .map(|(small, large)| {
                let width = if asked <= available {
                    // Room to spare goes where the text is long.
                    large + (available - asked) * large / asked.max(1.0)
                } else if least < available {
                    small + (available - least) * (large - small) / (asked - least).max(1.0)
                } else {
                    available * small / least.max(1.0)
                };
                let place = Place { x, width };
                x += width + GAP;
                place
            })
            .collect()
    }
}

/// The same, not read aloud.
fn artifact(item: Item) -> Option<Item> {
    match item {
        Item::Text { x, y, face, size, ink, text, .. } => {
            Some(Item::Text { x, y, face, size, ink, text, mark: Mark::Artifact })
        }
        Item::Box { .. } => Some(item),
        Item::Link { .. } | Item::Figure { .. } => None,
    }
}
