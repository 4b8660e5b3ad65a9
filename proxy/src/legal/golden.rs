//! The documents as they are, byte for byte: `golden/*.html`; and what holds for all of them at once.
//!
//! A changed document fails until its file is renewed on purpose with `UPDATE_GOLDEN=1 cargo test -p octroi golden`; so does a
//! file that no case writes any more. `OCTROI_DOCUMENTS=FOLDER` writes all of them there as PDF and HTML, to be looked at.
use super::document::{Document, Passage};
use super::{example, html, pdf, subject};
use crate::pages::Language;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Every document, by its name.
fn documents() -> BTreeMap<String, Document> {
    let mut documents = BTreeMap::new();
    for language in [Language::French, Language::English] {
        let mut add = |name: &str, document| documents.insert(format!("{name}-{}", language.tag()), document);
        let (file, nothing) = (example::file(), example::nothing());
        add("rights-letter", subject::letter(&file, language));
        add("rights-report", subject::report(&file, language));
        add("nothing-letter", subject::letter(&nothing, language));
        add("nothing-report", subject::report(&nothing, language));
        for (name, document) in example::letters(language) {
            add(name, document);
        }
        let (requisition, none) = (example::requisition(), example::requisition_for_nothing());
        add("requisition-inventory", requisition.inventory(language));
        add("requisition-handover", requisition.handover(language));
        add("requisition-nothing", none.nothing(language));
    }
    documents
}

#[test]
fn golden_documents_are_as_on_disk() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/legal/golden");
    let renew = std::env::var_os("UPDATE_GOLDEN").is_some();
    let pages: BTreeMap<String, String> =
        documents().iter().map(|(name, document)| (format!("{name}.html"), html::render(document))).collect();
    if renew {
        fs::create_dir_all(&folder).expect("the folder is made");
    }
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).expect("the golden folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !pages.contains_key(&name) {
            if renew {
                fs::remove_file(&path).expect("a stale file is removed");
            } else {
                wrong.push(format!("{name}: no case writes this file"));
            }
        }
    }
    for (name, page) in &pages {
        let path = folder.join(name);
        if renew {
            fs::write(&path, page).expect("a golden file is written");
        }
        match fs::read(&path) {
            Ok(kept) if kept == page.as_bytes() => {}
            Ok(_) => wrong.push(format!("{name}: the document differs")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "renew on purpose with UPDATE_GOLDEN=1:\n{}", wrong.join("\n"));
}

#[test]
fn every_document_is_a_conforming_pdf() {
    let folder = std::env::var_os("OCTROI_DOCUMENTS").map(PathBuf::from);
    for (name, document) in documents() {
        let bytes = pdf::render(&document).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bytes.len() < 200_000, "{name}: {} bytes", bytes.len());
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).expect("the folder is made");
            fs::write(folder.join(format!("{name}.pdf")), bytes).expect("it is written");
            fs::write(folder.join(format!("{name}.html")), html::render(&document)).expect("it is written");
        }
    }
}

/// What a document says: all its words, a line a piece.
fn words(document: &Document) -> String {
    let page = html::render(document);
    let (_, body) = page.split_once("<body>").expect("a body");
    let mut text = String::new();
    for part in body.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
        text.push('\n');
    }
    text.replace("&#8239;", "\u{202f}").replace("&nbsp;", "\u{a0}").replace("&#39;", "'").replace("&amp;", "&")
}

#[test]
fn pages_stand_alone_and_headings_follow_each_other() {
    for (name, document) in documents() {
        let page = html::render(&document);
        for remote in ["src=", "@import", "url(", "<script", "<form", "<iframe", "onclick=\"", "style=\""] {
            assert!(!page.contains(remote), "{name}: {remote}");
        }
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        let mut last = 1;
        for passage in &document.passages {
            if let Passage::Heading { level, .. } = passage {
                assert!(*level >= 2 && *level <= last + 1, "{name}: level {level} after {last}");
                last = *level;
            }
        }
    }
}

#[test]
fn texts_are_set_in_their_language_and_cite_what_exists() {
    for (name, document) in documents() {
        let text = words(&document);
        assert!(!text.contains(['{', '}']) && !text.contains("**") && !text.contains("__"), "{name}: a gap or a mark");
        assert!(!text.contains('\''), "{name}: a straight apostrophe");
        if !name.ends_with("-fr") {
            continue;
        }
        let mut before = ' ';
        for c in text.chars() {
            if matches!(c, ';' | '!' | '?') {
                assert_eq!(before, '\u{202f}', "{name}: before {c}");
            }
            if before == '«' || c == '»' {
                assert_eq!(if c == '»' { before } else { c }, '\u{a0}', "{name}: inside guillemets");
            }
            before = c;
        }
        for (at, _) in text.match_indices(": ") {
            assert!(
                text[..at].ends_with('\u{a0}'),
                "{name}: a colon without its space: {:?}",
                text[..at].lines().last()
            );
        }
    }
}

/// What may never be claimed (evidence, certification, duties that the law doesn't know).
#[test]
fn nothing_is_claimed_that_cannot_be() {
    let forbidden = [
        "valeur probante",
        "probative",
        "z42-013",
        "nf 461",
        "27001",
        "agréé",
        "approved by the cnil",
        "certifié",
        "certified",
        "la loi impose",
        "la loi oblige",
        "obligation légale de filtrer",
        "obligation légale de conserver",
        "the law obliges",
        "the law requires us to filter",
        "the law requires us to keep",
        "consentement à",
        "productivité",
        "productivity",
    ];
    for (name, document) in documents() {
        let text = words(&document).to_lowercase();
        for claim in forbidden {
            assert!(!text.contains(claim), "{name}: {claim}");
        }
    }
}
