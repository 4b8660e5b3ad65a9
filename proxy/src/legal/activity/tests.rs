//! The report in both languages, as pages and as PDF.

use super::*;
use crate::aggregate::Aggregates;
use crate::legal::{html, pdf};
use jiff::tz::TimeZone;
use logstore::Statistics;

fn row(name: Option<&str>, exchanges: u64, blocked: u64) -> Row {
    let figures = Figures { exchanges, bytes_sent: exchanges * 800, bytes_received: exchanges * 40_000 };
    Row { name: name.map(str::to_owned), others: name == Some("*"), figures, blocked }
}

fn statistics() -> Statistics {
    let mut others = row(Some("*"), 120, 0);
    others.name = None;
    Statistics {
        counted: 91_234,
        total: Some(Figures { exchanges: 91_234, bytes_sent: 73_000_000, bytes_received: 3_600_000_000 }),
        days: (1..=29)
            .map(|day| row(Some(&format!("2026-11-{day:02}")), 3000 + day * 17, 80))
            .chain([others.clone()])
            .collect(),
        actions: vec![row(Some("allow"), 88_900, 0), row(Some("block"), 2334, 2334)],
        outcomes: vec![row(Some("completed"), 88_000, 0), row(Some("refused"), 2334, 2334), others.clone()],
        categories: vec![row(None, 80_000, 0), row(Some("jeux"), 2000, 2000), row(Some("a<b>&\u{202e}"), 334, 334)],
        rules: vec![row(None, 88_000, 0), row(Some("contenus-interdits"), 2334, 2334)],
        articles: vec![row(None, 88_000, 0), row(Some("3"), 2334, 2334)],
        services: (0..40).map(|place| row(Some(&format!("service-{place}.example")), 900 - place, 0)).collect(),
        masked: vec![row(Some("category"), 4100, 0)],
        withheld: Vec::new(),
    }
}

fn document(language: Language, statistics: &Statistics, events: &[Event]) -> Document {
    let date = |text: &str| text.parse().expect("a date");
    let period = Period { first: date("2026-11-01"), last: date("2026-11-30") };
    let zone = TimeZone::get("Europe/Paris").expect("a zone");
    let activity = Activity {
        month: "2026-11".into(),
        organisation: "Société Exemple",
        aggregates: Aggregates {
            from: "2026-11-01".into(),
            to: "2026-11-30".into(),
            time_zone: "Europe/Paris".into(),
            threshold: 5,
            statistics,
        },
        alone: events.len() as u64 * 4,
        break_glass: events.to_vec(),
        holes: Vec::new(),
        late_purges: Vec::new(),
        unread: &[],
    };
    let issued = "2026-11-30T00:00:00+01:00".parse::<Timestamp>().expect("an instant").to_zoned_datetime(zone);
    let label = |category: &str| (category == "jeux").then(|| "Jeux d’argent".to_owned());
    let rule = |rule: &str| Some(format!("Contenus interdits, article 3 ({rule})"));
    report(language, &activity, period, issued, Labels { category: &label, rule: &rule })
}

#[test]
fn the_report_is_written_in_both_languages_and_the_same_each_time() {
    let glass = Event {
        at: "2026-11-12T09:00:00.000000Z".into(),
        purpose: Some("security".into()),
        what: "break-glass".into(),
        count: 12,
        review: Some(Review::Written { at: "2026-11-13T09:00:00Z".into(), text: "justifiée".into() }),
    };
    for (language, said) in [
        (
            Language::French,
            [
                "Rapport d’activité de la passerelle, novembre\u{a0}2026",
                "91&#8239;234",
                "moins de 5 personnes",
                "12/11/2026&nbsp;10:00:00",
            ],
        ),
        (
            Language::English,
            ["Activity of the gate, November\u{a0}2026", "91,234", "fewer than 5 people", "2026-11-12&nbsp;10:00:00"],
        ),
    ] {
        let document = document(language, &statistics(), std::slice::from_ref(&glass));
        assert_eq!(document.title, said[0]);
        let page = html::render(&document);
        for words in &said[1..] {
            assert!(page.contains(words), "{words} is not in\n{page}");
        }
        assert!(!page.contains("<b>") && page.contains("service-3.example") && page.contains("25&nbsp;"), "{page}");
        assert!(page.contains("Contenus interdits, article 3 (contenus-interdits)"), "a rule in words: {page}");
        let review = language.pick("revue du 13/11/2026", "reviewed on 2026-11-13");
        assert!(page.replace("&nbsp;", " ").contains(review) && page.contains("justifiée"), "{page}");
        assert!(page.contains(language.pick("Enregistrements lus", "Records read")), "{page}");
        assert!(page.contains("Jeux d’argent") && !page.contains(">jeux<"), "a category by its label: {page}");
        assert!(
            !page.contains("break-glass") && page.contains(language.pick("une personne seule a", "one person alone"))
        );
        assert!(!page.contains("service-20.example"), "what is beyond the table stands together");
        let bytes = pdf::render(&document).expect("a PDF");
        assert!(bytes.starts_with(b"%PDF-") && bytes == pdf::render(&document).expect("a PDF"));
    }
}

#[test]
fn a_month_of_too_few_says_so_and_nothing_else() {
    for (counted, french) in [(800, "Moins de cinq personnes"), (0, "aucun échange")] {
        let few = Statistics { counted, ..Statistics::default() };
        let page = html::render(&document(Language::French, &few, &[]));
        assert!(page.contains(french) && !page.contains("800"), "{page}");
        assert!(page.contains("Aucune ouverture d’urgence"), "{page}");
        assert!(pdf::render(&document(Language::English, &few, &[])).is_ok());
    }
}
