//! What every PDF is held to: it conforms, says what it was given, and is the same for the same input.
use super::*;
use crate::legal::document::{Bar, Chart, Column, Document, Letterhead, Passage, Shape, Signature, Table};
use crate::legal::prose::Prose;
use crate::pages::Language;
use jiff::ZonedDateTime;
use proptest::prelude::*;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn document(passages: Vec<Passage>) -> Document {
    let issued: ZonedDateTime = "2026-11-25T09:00:00+01:00[Europe/Paris]".parse().expect("a moment");
    Document {
        title: "Essai".into(),
        language: Language::French,
        author: "Exemple SAS".into(),
        subject: "Essai".into(),
        reference: "DA-2026-014".into(),
        issued,
        passages,
    }
}

fn table(rows: Vec<Vec<String>>) -> Table {
    let columns = vec![Column::words("Date"), Column::words("Site"), Column::numbers("Octets reçus")];
    Table { caption: "Connexions".into(), columns, rows, row_headings: true }
}

/// One of each kind of passage, with this text wherever text goes, and so many bars in the charts.
fn everything(text: &str, count: u64) -> Document {
    let prose = Prose::of(Language::French, "Un {} **deux {}** __trois {}__ {@}", &[text, text, text, text]);
    let bars = || (0..count).map(|value| Bar { label: text.into(), short: format!("{text}\n{text}"), value }).collect();
    let chart = |shape| {
        let (title, by, of) = (text.to_owned(), text.to_owned(), text.to_owned());
        Passage::Chart(Chart { shape, title, by, of, bars: bars() })
    };
    let head = Letterhead {
        sender: vec![text.into(); 2],
        recipient: vec![text.into(); 3],
        place_and_date: text.into(),
        details: vec![(text.into(), text.into())],
        object_label: text.into(),
        object: text.into(),
    };
    let mut document = document(vec![
        Passage::Letterhead(head),
        Passage::Title { above: text.into(), title: text.into() },
        Passage::Heading { level: 2, title: text.into() },
        Passage::Heading { level: 9, title: text.into() },
        Passage::Under(prose.clone()),
        Passage::Paragraph(prose.clone()),
        Passage::Note(prose.clone()),
        Passage::Definitions(vec![(text.into(), prose.clone()), (String::new(), Prose::default())]),
        Passage::List { numbered: true, items: vec![prose.clone(), Prose::default()] },
        Passage::List { numbered: false, items: vec![prose] },
        Passage::PageBreak,
        Passage::Table(table(vec![vec![text.into(); 5], Vec::new()])),
        chart(Shape::Lying),
        chart(Shape::Standing),
        Passage::Signatures(vec![Signature { quality: text.into(), name: text.into() }; 3]),
    ]);
    for field in [&mut document.title, &mut document.author, &mut document.subject, &mut document.reference] {
        *field = text.to_owned();
    }
    document
}

/// What a program says of a PDF that it reads from its input.
pub(super) fn asked(program: &str, arguments: &[&str], pdf: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}: it is in the Debian package poppler-utils or qpdf"));
    let mut input = child.stdin.take().expect("piped");
    let pdf = pdf.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&pdf));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // Poppler 22.12 takes a boolean for what it isn't (`/Suspects false`, ISO 32000-1 §14.7.1).
    let wrong = err.lines().find(|line| *line != "Syntax Error: Suspects object is wrong type (boolean)");
    assert!(output.status.success() && wrong.is_none(), "{program} {arguments:?}: {err}{out}");
    out.into_owned()
}

#[test]
fn every_kind_of_passage_conforms() {
    for text in ["", "mot", "l’été «\u{a0}à 12\u{202f}h\u{a0}»", &"très long ".repeat(400), &"x".repeat(3000)] {
        let pdf = render(&everything(text, 26)).unwrap_or_else(|error| panic!("{text:.20}: {error}"));
        let information = asked("pdfinfo", &["-"], &pdf);
        assert!(information.contains("Tagged:          yes"), "{information}");
        assert!(information.contains("Page size:       595.276 x 841.89 pts (A4)"), "{information}");
    }
}

#[test]
fn the_file_says_that_it_is_made_to_be_kept_and_to_be_read_aloud() {
    let pdf = render(&everything("mot", 26)).expect("it conforms");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &pdf).expect("it is written");
    let checked =
        Command::new("qpdf").arg("--check").arg(file.path()).output().expect("qpdf: in the Debian package qpdf");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let information = asked("pdfinfo", &["-meta", "-"], &pdf);
    for said in
        ["<pdfaid:part>2</pdfaid:part>", "<pdfaid:conformance>A</pdfaid:conformance>", "<pdfuaid:part>1</pdfuaid:part>"]
    {
        assert!(information.contains(said), "{said}: {information}");
    }
}

#[test]
fn headings_lists_tables_figures_and_links_are_tagged() {
    let head = Passage::Title { above: "Exemple SAS".into(), title: "Titre".into() };
    let link = Prose::of(Language::French, "Écrivez à {@}, **vite**.", &["dpo@exemple.fr"]);
    let bars = vec![Bar { label: "presse".into(), short: "presse".into(), value: 12 }];
    let chart = Chart { shape: Shape::Lying, title: "Par catégorie".into(), by: "a".into(), of: "b".into(), bars };
    let pdf = render(&document(vec![
        head,
        Passage::Heading { level: 2, title: "Suite".into() },
        Passage::Paragraph(link),
        Passage::List { numbered: false, items: vec![Prose::plain("un")] },
        Passage::Table(table(vec![vec!["1".into(), "site.example".into(), "3".into()]])),
        Passage::Chart(chart),
    ]))
    .expect("it conforms");
    let structure = asked("pdfinfo", &["-struct-text", "-"], &pdf);
    let order = [
        "H1",
        "Titre",
        "H2",
        "Suite",
        "Écrivez à",
        "Link",
        "dpo@exemple.fr",
        "vite",
        "LI",
        "Lbl",
        "LBody",
        "Table",
        "Caption",
        "THead",
        "TH",
        "Octets reçus",
        "TBody",
        "TH",
        "TD",
        "site.example",
        "Par catégorie",
        "Figure",
    ];
    let mut rest = structure.as_str();
    for word in order {
        let Some(at) = rest.find(word) else { panic!("{word} is not in its place:\n{structure}") };
        rest = &rest[at + word.len()..];
    }
    assert!(!structure.contains("1\u{a0}/\u{a0}1"), "the foot is not read aloud:\n{structure}");
}

#[test]
fn what_a_font_has_not_and_what_would_not_be_seen_is_written_out() {
    let pdf =
        render(&document(vec![Passage::Paragraph(Prose::plain("de\u{202e}lues 日 \u{e000}\0"))])).expect("it conforms");
    let text = asked("pdftotext", &["-", "-"], &pdf);
    assert!(text.contains("de\\u{202e}lues \\u{65e5} \\u{e000}\\u{0}"), "{text}");
}

#[test]
fn a_table_that_goes_on_has_its_headings_again_and_pages_their_number() {
    let rows = (0..100).map(|row| vec![format!("ligne {row}"), "www.example.org".into(), row.to_string()]).collect();
    let pdf = render(&document(vec![Passage::Table(table(rows))])).expect("it conforms");
    let text = asked("pdftotext", &["-layout", "-", "-"], &pdf);
    let pages: Vec<&str> = text.trim_end_matches('\u{c}').split('\u{c}').collect();
    assert_eq!(pages.len(), 3, "{text}");
    for (number, page) in pages.iter().enumerate() {
        assert!(page.contains("Octets reçus"), "{page}");
        assert!(page.replace(['\u{a0}', ' '], "").contains(&format!("{}/3", number + 1)), "{page}");
        assert!(page.contains("Exemple SAS · DA-2026-014"), "{page}");
    }
    let structure = asked("pdfinfo", &["-struct-text", "-"], &pdf);
    assert_eq!(structure.matches("Octets reçus").count(), 1, "headings drawn again are not read again");
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let once = render(&everything("mot", 26)).expect("it conforms");
    let again = render(&everything("mot", 26)).expect("it conforms");
    assert!(once == again);
}

#[test]
fn a_table_of_twenty_thousand_rows_is_set() {
    let row = |at: usize| {
        vec![format!("25/11/2026 09:{:02}:{:02}", at / 60 % 60, at % 60), format!("site-{at}.example"), at.to_string()]
    };
    let count = if std::env::var_os("OCTROI_LONG").is_some() { 20_000 } else { 2_000 };
    let pdf = render(&document(vec![Passage::Table(table((0..count).map(row).collect()))])).expect("it conforms");
    let information = asked("pdfinfo", &["-"], &pdf);
    assert!(information.contains("Tagged:          yes"), "{information}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("OCTROI_LONG").is_some() { 400 } else { 6 }, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_layout(text in "(?s).{0,60}", wide in "\\PC{0,120}") {
        for text in [text, wide] {
            if let Err(error) = render(&everything(&text, 3)) {
                panic!("{text:?}: {error}");
            }
        }
    }
}
