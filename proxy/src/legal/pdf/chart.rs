//! Charts: bars with their numbers on them, one figure told in words to whoever can't see it.
use super::flow::{BODY, Flow, Setting};
use super::fonts::Face;
use super::slab::{Ink, Item, Mark, Slab, WIDTH};
use crate::legal::document::{Bar, Chart, Shape};
use crate::legal::wording;
use krilla::tagging::Tag;

/// More bars than these are a second figure.
const MOST: usize = 24;
/// The size of labels and numbers.
const SMALL: f32 = 8.25;
/// How high one lying bar and its surroundings are.
const PITCH: f32 = 16.0;
/// How high the highest standing bar is.
const RISE: f32 = 92.0;

impl Flow<'_> {
    /// Sets a chart.
    pub(super) fn chart(&mut self, chart: &Chart) {
        let most = chart.most();
        let mut before = 9.0;
        let title = self.tags.top(Tag::P);
        let setting = Setting { face: Face::Bold, size: 9.0, leading: 13.0, ..BODY };
        for items in self.set_plain(&chart.title, setting, title) {
            self.push(Slab { height: setting.leading, before, keep: true, items, ..Slab::default() });
            before = 0.0;
        }
        for bars in chart.bars.chunks(MOST) {
            let told = Chart { bars: bars.to_vec(), ..chart.clone() }.told(self.language);
            let node = self.tags.top(Tag::Figure(Some(super::short(&told))));
            let content = self.tags.content(node);
            let (height, items) = match chart.shape {
                Shape::Lying => self.lying(bars, most),
                Shape::Standing => self.standing(bars, most),
            };
            let figure = Item::Figure { x: 0.0, y: 0.0, width: WIDTH, height, items, content, node };
            self.push(Slab { height, before: 6.0, items: vec![figure], ..Slab::default() });
        }
        self.push(Slab { height: 5.0, ..Slab::default() });
    }

    fn lying(&self, bars: &[Bar], most: u64) -> (f32, Vec<Item>) {
        let labels: Vec<String> = bars.iter().map(|bar| self.short(&bar.label, WIDTH * 0.4)).collect();
        let numbers: Vec<String> = bars.iter().map(|bar| wording::number(self.language, bar.value)).collect();
        let widest = |texts: &[String]| texts.iter().map(|text| self.width(text)).fold(0.0, f32::max);
        let left = widest(&labels) + 10.0;
        let length = WIDTH - left - widest(&numbers) - 8.0;
        let mut items = Vec::with_capacity(bars.len() * 3);
        for (at, ((bar, label), number)) in bars.iter().zip(labels).zip(numbers).enumerate() {
            let top = at as f32 * PITCH;
            let baseline = top + PITCH / 2.0 + SMALL * 0.364;
            let width = part(bar.value, most, length);
            items.push(words(0.0, baseline, label, Ink::Main));
            items.push(Item::Box { x: left, y: top + 3.0, width, height: PITCH - 6.0, ink: Ink::Brick });
            items.push(words(left + width + 6.0, baseline, number, Ink::Soft));
        }
        (bars.len() as f32 * PITCH, items)
    }

    fn standing(&self, bars: &[Bar], most: u64) -> (f32, Vec<Item>) {
        // A few bars are not spread over the whole width.
        let pitch = (WIDTH / bars.len().max(1) as f32).min(52.0);
        let wide = (pitch * 0.62).min(26.0);
        let ground = SMALL * 1.6 + RISE;
        let mut items = Vec::with_capacity(bars.len() * 4);
        for (at, bar) in bars.iter().enumerate() {
            let middle = (at as f32 + 0.5) * pitch;
            let height = part(bar.value, most, RISE);
            items.push(Item::Box { x: middle - wide / 2.0, y: ground - height, width: wide, height, ink: Ink::Brick });
            let number = wording::number(self.language, bar.value);
            let width = self.width(&number);
            if width <= pitch + 1.0 {
                items.push(words(middle - width / 2.0, ground - height - 4.0, number, Ink::Soft));
            }
            for (line, label) in bar.short.lines().take(2).enumerate() {
                let label = self.short(label, pitch);
                let width = self.width(&label);
                let down = ground + SMALL * 1.5 + line as f32 * SMALL * 1.3;
                items.push(words(middle - width / 2.0, down, label, Ink::Main));
            }
        }
        items.push(Item::Box { x: 0.0, y: ground, width: pitch * bars.len() as f32, height: 0.8, ink: Ink::Soft });
        (ground + SMALL * 3.4, items)
    }

    /// A label that is too long, cut.
    fn short(&self, label: &str, width: f32) -> String {
        let label = self.fonts.visible(Face::Table, label);
        if self.width(&label) <= width {
            return label;
        }
        // Nothing of more than three hundred characters fits.
        let cut = |at: usize| -> String { label.chars().take(at).chain(['…']).collect() };
        let lengths: Vec<usize> = (0..label.chars().count().min(300)).collect();
        let fitting = lengths.partition_point(|at| self.width(&cut(*at)) <= width);
        fitting.checked_sub(1).map_or_else(String::new, cut)
    }

    fn width(&self, text: &str) -> f32 {
        self.fonts.width(Face::Table, SMALL, text)
    }
}

/// How long a bar is; what isn't nothing is seen.
fn part(value: u64, most: u64, length: f32) -> f32 {
    let part = (value as f64 / most as f64) as f32 * length;
    if value == 0 { 0.0 } else { part.max(0.8) }
}

fn words(x: f32, y: f32, text: String, ink: Ink) -> Item {
    Item::Text { x, y, face: Face::Table, size: SMALL, ink, text: text.into(), mark: Mark::Artifact }
}
