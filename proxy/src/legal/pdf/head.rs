//! The head of a letter, laid out so that the recipient shows in the window of an envelope (NF Z 11-001, DL: 110 × 220 mm).
use super::flow::{BODY, Flow, Setting};
use super::fonts::Face;
use super::slab::{Ink, Item, MM, SIDE, Slab, TOP, WIDTH};
use crate::legal::document::Letterhead;
use krilla::tagging::Tag;

/// Where the window begins: from the left edge of the sheet.
pub(super) const WINDOW_LEFT: f32 = 110.0 * MM - SIDE;
/// Where the window begins: from its upper edge.
const WINDOW_TOP: f32 = 50.0 * MM - TOP;
/// Where the window ends: place and date stand below.
const WINDOW_END: f32 = 85.0 * MM - TOP;

impl Flow<'_> {
    /// Sets the head of a letter.
    pub(super) fn letterhead(&mut self, head: &Letterhead) {
        let right = Setting { leading: 13.5, x: WINDOW_LEFT, width: WIDTH - WINDOW_LEFT, ..BODY };
        let left = Setting { size: 9.0, leading: 12.5, ink: Ink::Soft, width: WINDOW_LEFT - 12.0, ..BODY };
        let mut items = Vec::new();
        let group = self.tags.top(Tag::P);
        let mut sender_end = 0.0;
        for (at, line) in head.sender.iter().enumerate() {
            let name = Setting { face: Face::Bold, size: 11.0, leading: 15.5, ink: Ink::Main, ..left };
            sender_end = self.stand(line, if at == 0 { name } else { left }, group, sender_end, &mut items);
        }
        let group = self.tags.top(Tag::P);
        let mut end = WINDOW_TOP;
        for line in &head.recipient {
            end = self.stand(line, right, group, end, &mut items);
        }
        let mut down = end.max(WINDOW_END);
        let group = self.tags.top(Tag::P);
        self.stand(&head.place_and_date, right, group, down, &mut items);
        down = down.max(sender_end + 10.0);
        for (label, value) in &head.details {
            let colon = self.language.pick("\u{a0}: ", ": ");
            let group = self.tags.top(Tag::P);
            let setting = Setting { ink: Ink::Soft, ..left };
            down = self.stand(&format!("{label}{colon}{value}"), setting, group, down, &mut items);
        }
        let height = down.max(end.max(WINDOW_END) + right.leading);
        self.push(Slab { height, keep: true, items, ..Slab::default() });
        let colon = self.language.pick("\u{a0}: ", ": ");
        let object = format!("{}{colon}{}", head.object_label, head.object);
        self.titled(1, &object, Setting { face: Face::Bold, size: 10.25, leading: 15.0, ..BODY }, 16.0);
        self.push(Slab { height: 6.0, keep: true, ..Slab::default() });
    }

    /// Sets a text at a height of the slab; how far down it ends.
    fn stand(&mut self, text: &str, setting: Setting, group: usize, mut down: f32, items: &mut Vec<Item>) -> f32 {
        for line in self.set_plain(text, setting, group) {
            items.extend(line.into_iter().map(|item| item.moved(0.0, down)));
            down += setting.leading;
        }
        down
    }
}
