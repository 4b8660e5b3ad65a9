//! The answer to a request for access: what it must hold, and what it may not.
use super::*;
use crate::legal::document::{Passage, Table};
use crate::legal::{example, html};
use Language::{English, French};

fn words(document: &Document) -> String {
    html::render(document).replace("&nbsp;", " ").replace("&#8239;", " ")
}

fn headings(document: &Document) -> Vec<&str> {
    let headings = document.passages.iter().filter_map(|passage| match passage {
        Passage::Heading { level: 2, title } => Some(title.as_str()),
        _ => None,
    });
    headings.collect()
}

fn tables(document: &Document) -> impl Iterator<Item = &Table> {
    document.passages.iter().filter_map(|passage| match passage {
        Passage::Table(table) => Some(table),
        _ => None,
    })
}

#[test]
fn every_item_of_article_15_has_its_heading_in_order_with_its_article() {
    let items = [
        ("Confirmation du traitement", "Confirmation of processing", "Article 15(1) GDPR"),
        ("Finalités et base juridique", "Purposes and legal basis", "Article 15(1)(a) GDPR"),
        ("Catégories de données", "Categories of data", "Article 15(1)(b) GDPR"),
        ("Destinataires et transferts", "Recipients and third countries", "Article 15(1)(c) and 15(2) GDPR"),
        ("Durée de conservation", "Retention period", "Article 15(1)(d) GDPR"),
        ("Droits de rectification", "Rights to rectification", "Article 15(1)(e) GDPR"),
        ("Réclamation auprès de la CNIL", "Complaint to the CNIL", "Article 15(1)(f) GDPR"),
        ("Source des données", "Source of the data", "Article 15(1)(g) GDPR"),
        ("Décision automatisée", "Automated decision", "Article 15(1)(h) GDPR"),
        ("Copie des données", "Copy of the data", "Article 15(3) GDPR"),
        ("Consultations de vos données", "Consultations of your data", "C-579/21"),
        ("Responsable du traitement", "Controller", "Data protection officer"),
        ("Glossaire", "Glossary", ""),
        ("Vérification", "Verification", "sha256sum"),
    ];
    for file in [example::file(), example::nothing()] {
        let (french, english) = (report(&file, French), report(&file, English));
        for (number, (fr, en, article)) in items.iter().enumerate() {
            for (document, title) in [(&french, fr), (&english, en)] {
                let heading = headings(document)[number + 1];
                assert!(heading.starts_with(&format!("{}. {title}", number + 1)), "{heading}");
            }
            assert!(words(&english).contains(article), "{article}");
        }
    }
}

#[test]
fn nothing_found_is_a_letter_and_a_report_too() {
    let nothing = example::nothing();
    assert!(!nothing.found() && example::file().found());
    assert!(words(&letter(&nothing, French)).contains("nous ne détenons aucune donnée vous concernant"));
    assert!(words(&letter(&nothing, English)).contains("we hold no data about you"));
    assert!(words(&report(&nothing, French)).contains("Non : aucune donnée vous concernant n’a été trouvée"));
    let mut looked_at = example::nothing();
    looked_at.looks = example::file().looks;
    assert!(looked_at.found(), "a look is data about the person");
}

#[test]
fn what_is_not_configured_is_to_be_completed() {
    let nothing = example::nothing();
    for (language, unknown) in [(French, "[à compléter]"), (English, "[to be completed]")] {
        let report = words(&report(&nothing, language));
        // Title, purposes, masked categories, fields, processor, hosting, transfers, contact, officer, charter, key…
        assert!(report.matches(unknown).count() >= 12, "{report}");
        assert!(words(&letter(&nothing, language)).contains(unknown));
    }
}

#[test]
fn the_newest_are_shown_and_all_are_counted() {
    let mut file = example::file();
    while file.records.len() <= SHOWN {
        file.records.extend(example::file().records);
    }
    let report = report(&file, French);
    assert_eq!(tables(&report).map(|table| table.rows.len()).max(), Some(SHOWN));
    assert!(words(&report).contains("Les 500 connexions les plus récentes sur 16 254"));
}

#[test]
fn lines_of_shared_addresses_are_counted_and_the_law_is_named() {
    for file in
        [example::file(), SubjectFile { counts: Counts { shared: 12, ..Counts::default() }, ..example::nothing() }]
    {
        for document in [letter(&file, French), report(&file, French)] {
            let text = words(&document);
            assert!(
                text.contains("12 lignes") && text.contains("article 15, paragraphe 4, du RGPD"),
                "{}",
                document.title
            );
        }
    }
}

#[test]
fn what_is_left_out_is_said_with_its_reason() {
    for file in [example::file(), example::nothing()] {
        let report = words(&report(&file, French));
        for said in ["Ce qui n’est pas communiqué", "désignent d’autres personnes", "droits et libertés d’autrui"]
        {
            assert!(report.contains(said), "{said}");
        }
    }
}

#[test]
fn retention_is_justified_by_what_was_written_or_is_to_be_completed() {
    let told = |days, reason: &str| {
        let mut file = example::file();
        file.processing.retention_days = days;
        file.processing.retention_reason = example::text(reason, "");
        words(&report(&file, French))
    };
    assert!(told(365, "").contains("la fourchette que recommande la CNIL"));
    assert!(told(400, "contentieux en cours").contains("Motif de cette durée : contentieux en cours"));
    assert!(told(400, "").contains("Motif de cette durée : [à compléter]"));
    let short = told(90, "");
    assert!(
        !short.contains("Motif de cette durée") && !short.contains("la fourchette"),
        "nothing is claimed of a short term"
    );
}

#[test]
fn looks_show_date_purpose_and_role_and_never_who() {
    let report = report(&example::file(), French);
    let looks = tables(&report).find(|table| table.caption == "Dates, finalités et rôles").expect("looks are shown");
    assert_eq!(looks.columns.len(), 3);
    assert_eq!(
        looks.rows[0],
        ["24/11/2026\u{a0}09:58:12", "réponse aux demandes des personnes", "réponse aux demandes"]
    );
}

#[test]
fn authorities_are_spoken_of_in_the_same_words_whatever_there_is() {
    let same = |text: &str| -> Vec<String> {
        let sentences = text
            .split(['.', '<', '>'])
            .filter(|sentence| sentence.contains("judiciaire") || sentence.contains("enquête prévue"));
        sentences.map(str::to_owned).collect()
    };
    let (file, nothing) = (words(&report(&example::file(), French)), words(&report(&example::nothing(), French)));
    assert!(same(&file).len() >= 3, "{:?}", same(&file));
    assert_eq!(same(&file), same(&nothing));
}

#[test]
fn what_leaves_for_a_system_of_logs_and_who_acts_alone_are_said() {
    let told = words(&report(&example::file(), French));
    assert_eq!(told.matches("(SIEM)").count(), 2, "as a place that was not searched, and as a recipient");
    assert!(told.contains("avec les comptes et les adresses") && told.contains("selon son rôle"));
    let nothing = words(&report(&example::nothing(), French));
    assert!(!nothing.contains("SIEM") && nothing.contains("agit seule") && !nothing.contains("selon son rôle"));
    let mut hidden = example::file();
    hidden.processing.copies = Copies::Pseudonyms;
    assert!(words(&report(&hidden, English)).contains("under pseudonyms"));
}

#[test]
fn a_visit_that_failed_does_not_look_like_one_that_took_place() {
    let mut file = example::file();
    file.records.truncate(2);
    file.records[0].unfinished = Some(Unfinished::Failed);
    file.counts.total = 2;
    let told = words(&report(&file, French));
    assert!(told.contains("autorisée, site non joint"), "{told}");
    assert!(told.contains("toutes dans ce rapport") && !told.contains("les plus récentes"), "all are shown");
    assert!(told.contains("opened_at_local"), "as the files have it");
}
