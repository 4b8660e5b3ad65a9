//! A document as one HTML file: no script, nothing fetched, readable on a telephone, on paper and by a screen reader.
mod chart;

use super::document::{Align, Document, Letterhead, Passage, Signature, Table, visible};
use super::prose::{Prose, Style};
use crate::pages::Language;

/// The style of documents; it continues that of the pages (`proxy/templates/style.css`).
const STYLE: &str = include_str!("html/style.css");

/// The document as a page that stands alone.
pub(crate) fn render(document: &Document) -> String {
    let mut page = Page { out: String::with_capacity(16 * 1024), language: document.language, charts: 0 };
    page.raw("<!doctype html>\n<html lang=\"");
    page.raw(document.language.tag());
    page.raw("\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // Nothing can be fetched, whatever a name in the document would like to be.
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.element("title", "", &document.title);
    page.meta("author", &document.author);
    page.meta("description", &document.subject);
    page.meta("date", &document.issued.timestamp().to_string());
    page.raw("<style>\n");
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n<main>\n");
    for passage in &document.passages {
        page.passage(passage);
    }
    page.raw("</main>\n<footer>\n");
    page.element("p", "", &format!("{} · {}", document.author, document.reference));
    page.raw("</footer>\n</body>\n</html>\n");
    page.out
}

/// The page as it grows. What is added by [`Page::raw`] is ours; everything else is escaped.
struct Page {
    out: String,
    language: Language,
    /// How many charts there are so far: each has a title of its own name.
    charts: usize,
}

impl Page {
    fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    fn text(&mut self, text: &str) {
        for c in visible(text).chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                '\u{a0}' => self.out.push_str("&nbsp;"),
                '\u{202f}' => self.out.push_str("&#8239;"),
                c => self.out.push(c),
            }
        }
    }

    /// An element with text in it, on a line of its own.
    fn element(&mut self, name: &str, attributes: &str, text: &str) {
        self.open(name, attributes);
        self.text(text);
        self.close(name);
    }

    fn open(&mut self, name: &str, attributes: &str) {
        self.out.push('<');
        self.out.push_str(name);
        if !attributes.is_empty() {
            self.out.push(' ');
            self.out.push_str(attributes);
        }
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
    }

    fn meta(&mut self, name: &str, content: &str) {
        self.raw("<meta name=\"");
        self.raw(name);
        self.raw("\" content=\"");
        self.text(content);
        self.raw("\">\n");
    }

    fn prose(&mut self, prose: &Prose) {
        for run in &prose.runs {
            let element = match run.style {
                Style::Plain => "",
                Style::Strong => "strong",
                Style::Emphasis => "em",
            };
            if let Some(link) = &run.link {
                self.raw("<a href=\"");
                self.text(link);
                self.raw("\">");
            }
            if element.is_empty() {
                self.text(&run.text);
            } else {
                self.open(element, "");
                self.text(&run.text);
                self.raw("</");
                self.raw(element);
                self.raw(">");
            }
            if run.link.is_some() {
                self.raw("</a>");
            }
        }
    }

    fn passage(&mut self, passage: &Passage) {
        match passage {
            Passage::Title { above, title } => {
                self.element("p", "class=\"above\"", above);
                self.element("h1", "", title);
            }
            Passage::Letterhead(head) => self.letterhead(head),
            Passage::Heading { level, title } => {
                let name = ["h2", "h3", "h4", "h5", "h6"][usize::from(level.clamp(&2, &6) - 2)];
                self.element(name, "", title);
            }
            Passage::Under(prose) => {
                self.open("p", "class=\"under\"");
                self.prose(prose);
                self.close("p");
            }
            Passage::Paragraph(prose) => {
                self.open("p", "");
                self.prose(prose);
                self.close("p");
            }
            Passage::Note(prose) => {
                self.open("p", "class=\"note\"");
                self.prose(prose);
                self.close("p");
            }
            Passage::Definitions(pairs) => {
                self.raw("<dl>\n");
                for (name, prose) in pairs {
                    self.element("dt", "", name);
                    self.open("dd", "");
                    self.prose(prose);
                    self.close("dd");
                }
                self.close("dl");
            }
            Passage::List { numbered, items } => {
                let name = if *numbered { "ol" } else { "ul" };
                self.open(name, "");
                self.raw("\n");
                for prose in items {
                    self.open("li", "");
                    self.prose(prose);
                    self.close("li");
                }
                self.close(name);
            }
            Passage::Table(table) => self.table(table),
            Passage::Chart(chart) => self.chart(chart),
            Passage::Signatures(places) => self.signatures(places),
            Passage::PageBreak => self.raw("<div class=\"break\"></div>\n"),
        }
    }

    fn letterhead(&mut self, head: &Letterhead) {
        let language = self.language;
        self.raw("<div class=\"letterhead\">\n");
        self.lines("sender", &head.sender);
        self.lines("recipient", &head.recipient);
        self.element("p", "class=\"place\"", &head.place_and_date);
        let colon = language.pick("\u{a0}: ", ": ");
        for (label, value) in &head.details {
            self.element("p", "class=\"detail\"", &format!("{label}{colon}{value}"));
        }
        self.raw("</div>\n");
        self.element("h1", "class=\"object\"", &format!("{}{colon}{}", head.object_label, head.object));
    }

    fn lines(&mut self, class: &str, lines: &[String]) {
        self.raw("<p class=\"");
        self.raw(class);
        self.raw("\">");
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                self.raw("<br>");
            }
            self.text(line);
        }
        self.close("p");
    }

    fn table(&mut self, table: &Table) {
        self.raw("<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"");
        self.text(if table.caption.is_empty() { self.language.pick("Tableau", "Table") } else { &table.caption });
        self.raw("\">\n<table>\n");
        if !table.caption.is_empty() {
            self.element("caption", "", &table.caption);
        }
        self.raw("<thead>\n<tr>\n");
        let end = |align| if align == Align::End { " class=\"end\"" } else { "" };
        for column in &table.columns {
            self.element("th", &format!("scope=\"col\"{}", end(column.align)), &column.heading);
        }
        self.raw("</tr>\n</thead>\n<tbody>\n");
        for row in &table.rows {
            self.raw("<tr>");
            for (at, column) in table.columns.iter().enumerate() {
                let heading = at == 0 && table.row_headings;
                self.raw(if heading { "<th scope=\"row\"" } else { "<td" });
                self.raw(end(column.align));
                self.raw(">");
                self.text(row.get(at).map_or("", String::as_str));
                self.raw(if heading { "</th>" } else { "</td>" });
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table>\n</div>\n");
    }

    fn signatures(&mut self, places: &[Signature]) {
        self.raw("<div class=\"signatures\">\n");
        for place in places {
            self.raw("<div>\n");
            self.element("p", "", &place.quality);
            self.element("p", "class=\"sign\"", &place.name);
            self.raw("</div>\n");
        }
        self.raw("</div>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legal::document::{Column, Table};
    use jiff::ZonedDateTime;

    fn page(passages: Vec<Passage>) -> String {
        let issued: ZonedDateTime = "2026-11-25T09:00:00+01:00[Europe/Paris]".parse().expect("a moment");
        let words = "\"><script>alert(1)</script>\u{202e}";
        render(&Document {
            title: words.into(),
            language: Language::French,
            author: words.into(),
            subject: words.into(),
            reference: words.into(),
            issued,
            passages,
        })
    }

    #[test]
    fn nothing_from_outside_is_taken_for_markup() {
        let hostile = "\"' onclick=x><script>alert(1)</script>&amp;\u{202e}";
        let prose = Prose::plain(hostile);
        let head = Letterhead {
            sender: vec![hostile.into()],
            recipient: vec![hostile.into()],
            place_and_date: hostile.into(),
            details: vec![(hostile.into(), hostile.into())],
            object_label: hostile.into(),
            object: hostile.into(),
        };
        let table = Table {
            caption: hostile.into(),
            columns: vec![Column::words(hostile)],
            rows: vec![vec![hostile.into()]],
            row_headings: true,
        };
        let page = page(vec![
            Passage::Letterhead(head),
            Passage::Heading { level: 200, title: hostile.into() },
            Passage::Paragraph(prose.clone()),
            Passage::Definitions(vec![(hostile.into(), prose.clone())]),
            Passage::List { numbered: true, items: vec![prose] },
            Passage::Table(table),
            Passage::Signatures(vec![Signature { quality: hostile.into(), name: hostile.into() }]),
        ]);
        assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        assert!(!page.contains("aria-label=\"\""), "{page}");
    }

    #[test]
    fn a_row_has_as_many_cells_as_there_are_columns() {
        let columns = vec![Column::words("a"), Column::numbers("b")];
        let rows = vec![vec![], vec!["1".into(), "2".into(), "3".into()]];
        let page = page(vec![Passage::Table(Table { columns, rows, ..Table::default() })]);
        assert_eq!(page.matches("<td").count(), 4);
    }
}
