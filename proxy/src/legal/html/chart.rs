//! Charts in HTML: a drawing with its title and its words, and the same numbers as a table below.
use super::Page;
use crate::legal::document::{Bar, Chart, Shape};
use crate::legal::wording;

/// How wide a drawing is, in its own units.
const WIDTH: u64 = 720;
/// How high the highest standing bar is.
const RISE: u64 = 140;
/// More standing bars than these are a second drawing.
const MOST: usize = 24;

impl Page {
    pub(super) fn chart(&mut self, chart: &Chart) {
        let language = self.language;
        self.raw("<figure>\n");
        self.element("figcaption", "", &chart.title);
        for bars in chart.bars.chunks(MOST) {
            self.charts += 1;
            let part = Chart { bars: bars.to_vec(), ..chart.clone() };
            let most = chart.most();
            match chart.shape {
                Shape::Lying => self.lying(&part, most),
                Shape::Standing => self.standing(&part, most),
            }
        }
        self.raw("<details>\n");
        self.element("summary", "", language.pick("Les mêmes chiffres en tableau", "The same figures as a table"));
        self.table(&chart.table(language));
        self.raw("</details>\n</figure>\n");
    }

    fn begin(&mut self, chart: &Chart, height: u64) {
        let number = self.charts;
        self.raw(&format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"chart-{number}\" \
             aria-describedby=\"told-{number}\">\n"
        ));
        self.element("title", &format!("id=\"chart-{number}\""), &chart.title);
        let told = chart.told(self.language);
        self.element("desc", &format!("id=\"told-{number}\""), &told);
    }

    fn lying(&mut self, chart: &Chart, most: u64) {
        const PITCH: u64 = 28;
        const LEFT: u64 = 230;
        self.begin(chart, chart.bars.len() as u64 * PITCH);
        for (at, bar) in chart.bars.iter().enumerate() {
            let top = at as u64 * PITCH;
            let length = part(bar.value, most, WIDTH - LEFT - 90);
            let label = short(&bar.label, 30);
            self.words(LEFT - 10, top + 19, "end", &label);
            self.raw(&format!("<rect x=\"{LEFT}\" y=\"{}\" width=\"{length}\" height=\"18\"/>\n", top + 5));
            let number = wording::number(self.language, bar.value);
            self.words(LEFT + length + 8, top + 19, "start", &number);
        }
        self.raw("</svg>\n");
    }

    fn standing(&mut self, chart: &Chart, most: u64) {
        let count = chart.bars.len().max(1) as u64;
        let pitch = (WIDTH / count).min(90);
        let wide = (pitch * 3 / 5).min(42);
        let ground = RISE + 22;
        self.begin(chart, ground + 42);
        for (at, bar) in chart.bars.iter().enumerate() {
            let Bar { short: label, value, .. } = bar;
            let middle = at as u64 * pitch + pitch / 2;
            let height = part(*value, most, RISE);
            self.raw(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{wide}\" height=\"{height}\"/>\n",
                middle - wide / 2,
                ground - height
            ));
            let number = wording::number(self.language, *value);
            if number.chars().count() as u64 * 8 <= pitch + 8 {
                self.words(middle, ground - height - 6, "middle", &number);
            }
            for (line, label) in label.lines().take(2).enumerate() {
                self.words(middle, ground + 17 + 17 * line as u64, "middle", &short(label, 9));
            }
        }
        let width = pitch * count;
        self.raw(&format!("<path d=\"M0 {ground}H{width}\"/>\n</svg>\n"));
    }

    fn words(&mut self, x: u64, y: u64, anchor: &str, text: &str) {
        let attributes = format!("x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"");
        self.element("text", &attributes, text);
    }
}

/// How long a bar is; what isn't nothing is seen.
fn part(value: u64, most: u64, length: u64) -> u64 {
    let part = u128::from(value) * u128::from(length) / u128::from(most.max(1));
    u64::try_from(part).unwrap_or(length).max(u64::from(value > 0)).min(length)
}

fn short(label: &str, most: usize) -> String {
    let label = crate::legal::document::visible(label);
    if label.chars().count() <= most { label } else { label.chars().take(most - 1).chain(['…']).collect() }
}
