//! Slabs to pages: what belongs together stays together, and a table that goes on has its heading again.
use super::slab::{HEIGHT, Header, Item, SIDE, Slab, TOP};

/// A page, everything on it in its place.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// Level, title, and how far down the page.
    pub(super) bookmarks: Vec<(u8, String, f32)>,
}

/// All pages, one at least.
///
/// Slabs that keep each other are placed on one page if any page can hold them; else they follow one another, as they fit.
pub(super) fn paginate(slabs: Vec<Slab>, headers: &[Header]) -> Vec<Page> {
    let mut pages = Pages { done: Vec::new(), page: Page::default(), filled: 0.0, headers };
    let mut together: Vec<Slab> = Vec::new();
    for slab in slabs {
        let keeps = slab.keep;
        together.push(slab);
        if !keeps {
            pages.place(std::mem::take(&mut together));
        }
    }
    pages.place(together);
    pages.done.push(pages.page);
    pages.done
}

struct Pages<'a> {
    done: Vec<Page>,
    page: Page,
    filled: f32,
    headers: &'a [Header],
}

impl Pages<'_> {
    fn place(&mut self, together: Vec<Slab>) {
        let Some(first) = together.first() else { return };
        if first.breaks && self.filled > 0.0 {
            self.turn(None);
        }
        let inner: f32 = together.iter().skip(1).map(|slab| slab.before + slab.height).sum();
        let whole = first.height + inner;
        if self.filled > 0.0 && self.filled + first.before + whole > HEIGHT && whole <= HEIGHT {
            self.turn(first.header);
        }
        for slab in together {
            if self.filled > 0.0 && self.filled + slab.before + slab.height > HEIGHT {
                self.turn(slab.header);
            }
            self.put(slab);
        }
    }

    fn put(&mut self, slab: Slab) {
        if self.filled > 0.0 {
            self.filled += slab.before;
        }
        let down = TOP + self.filled;
        if let Some((level, title)) = slab.bookmark {
            self.page.bookmarks.push((level, title, down));
        }
        self.page.items.extend(slab.items.into_iter().map(|item| item.moved(SIDE, down)));
        self.filled += slab.height;
    }

    /// Begins a page, with the heading of the table that goes on.
    fn turn(&mut self, header: Option<usize>) {
        self.done.push(std::mem::take(&mut self.page));
        self.filled = 0.0;
        if let Some(header) = header.and_then(|number| self.headers.get(number)) {
            self.page.items.extend(header.items.iter().map(|item| item.clone().moved(SIDE, TOP)));
            self.filled = header.height;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slab(height: f32, keep: bool) -> Slab {
        Slab { height, before: 10.0, keep, bookmark: Some((2, height.to_string())), ..Slab::default() }
    }

    fn heights(pages: &[Page]) -> Vec<Vec<&str>> {
        pages.iter().map(|page| page.bookmarks.iter().map(|(_, title, _)| title.as_str()).collect()).collect()
    }

    #[test]
    fn a_heading_goes_with_what_it_heads() {
        let pages = paginate(vec![slab(HEIGHT - 60.0, false), slab(20.0, true), slab(21.0, false)], &[]);
        assert_eq!(heights(&pages), [vec![(HEIGHT - 60.0).to_string().as_str()], vec!["20", "21"]]);
        assert_eq!(pages[1].bookmarks[0].2, TOP, "no space above what begins a page");
    }

    #[test]
    fn what_no_page_can_hold_together_follows_as_it_fits() {
        let pages = paginate(vec![slab(500.0, true), slab(501.0, true), slab(2000.0, true), slab(5.0, true)], &[]);
        assert_eq!(heights(&pages), [vec!["500"], vec!["501"], vec!["2000"], vec!["5"]]);
    }

    #[test]
    fn a_table_that_goes_on_has_its_heading_again() {
        let hairline = Item::Box { x: 0.0, y: 0.0, width: 1.0, height: 1.0, ink: crate::legal::pdf::slab::Ink::Line };
        let headers = [Header { height: 30.0, items: vec![hairline] }];
        let rows = (0..3).map(|_| Slab { header: Some(0), ..slab(400.0, false) });
        let pages = paginate(rows.collect(), &headers);
        assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [0, 1, 1]);
        assert_eq!(pages[1].bookmarks[0].2, TOP + 30.0 + 10.0);
    }

    #[test]
    fn nothing_is_one_empty_page() {
        assert_eq!(paginate(Vec::new(), &[]).len(), 1);
    }

    #[test]
    fn a_break_begins_a_page_only_where_there_is_something_before() {
        let breaks = || Slab { breaks: true, ..slab(10.0, false) };
        assert_eq!(paginate(vec![breaks(), breaks()], &[]).len(), 2);
    }
}
