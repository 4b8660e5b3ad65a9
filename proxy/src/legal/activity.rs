//! The month's report: what was asked and decided in figures about nobody, and what happened to the register.
//!
//! For management, the works council and the data protection officer (CNIL, délibération 2026-022: figures first, names only
//! when they are needed).

use super::document::{Bar, Chart, Column, Document, Passage, Shape, Table};
use super::prose::Prose;
use super::wording;
use crate::aggregate::Period;
use crate::aggregate::activity::{Activity, Event, Review};
use crate::pages::Language;
use jiff::{Timestamp, ZonedDateTime};
use logstore::stats::{Figures, Row};

/// Bars of a chart of kinds, and rows of a table: what is beyond is in one more.
const MOST: usize = 15;

/// The report on a month. `issued` is the last day that it is about.
/// `labels`: how the charter calls categories and rules.
pub(crate) fn report(
    language: Language,
    activity: &Activity<'_>,
    period: Period,
    issued: ZonedDateTime,
    labels: Labels<'_>,
) -> Document {
    let month = wording::month(language, period.first.year(), period.first.month());
    let title = language
        .pick(format!("Rapport d’activité de la passerelle, {month}"), format!("Activity of the gate, {month}"));
    let author = wording::stated(language, activity.organisation);
    let mut writer = Writer { language, activity, labels, passages: Vec::new() };
    writer.passages.push(Passage::Title { above: author.clone(), title: title.clone() });
    writer.opening(period);
    writer.figures();
    writer.register(&issued);
    writer.method();
    Document {
        subject: title.clone(),
        reference: format!("{} {}", language.pick("Rapport", "Report"), activity.month),
        title,
        language,
        author,
        issued,
        passages: writer.passages,
    }
}

/// How the charter calls what records name.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// A category.
    pub(crate) category: &'a dyn Fn(&str) -> Option<String>,
    /// What a rule is about.
    pub(crate) rule: &'a dyn Fn(&str) -> Option<String>,
}

struct Writer<'a> {
    language: Language,
    activity: &'a Activity<'a>,
    labels: Labels<'a>,
    passages: Vec<Passage>,
}

impl Writer<'_> {
    fn heading(&mut self, level: u8, french: &str, english: &str) {
        let title = wording::set(self.language, self.language.pick(french, english));
        self.passages.push(Passage::Heading { level, title });
    }

    fn say(&self, french: &str, english: &str, values: &[&str]) -> Prose {
        Prose::of(self.language, self.language.pick(french, english), values)
    }

    fn paragraph(&mut self, french: &str, english: &str, values: &[&str]) {
        let prose = self.say(french, english, values);
        self.passages.push(Passage::Paragraph(prose));
    }

    fn word(&self, french: &str, english: &str) -> String {
        wording::set(self.language, self.language.pick(french, english))
    }

    fn number(&self, value: u64) -> String {
        wording::number(self.language, value)
    }

    fn opening(&mut self, period: Period) {
        let (first, last) = (wording::date(self.language, period.first), wording::date(self.language, period.last));
        self.paragraph(
            "Du {} au {}, ce que la passerelle a laissé passer et refusé, en chiffres. Ce rapport ne nomme personne, ne classe \
             personne et ne mesure le temps de personne.",
            "From {} to {}, what the gate let through and turned back, in figures. This report names nobody, ranks nobody and \
             measures nobody’s time.",
            &[&first, &last],
        );
        let unread = self.activity.unread.len() as u64;
        if unread > 0 {
            let days = wording::count(self.language, unread, "jour", "jours");
            let days_en = wording::count(self.language, unread, "day", "days");
            let note = self.say(
                "**Ces chiffres sont incomplets** : {} du registre n'ont pas pu être lus.",
                "**These figures are incomplete**: {} of the register could not be read.",
                &[self.language.pick(&days, &days_en)],
            );
            self.passages.push(Passage::Note(note));
        }
    }

    fn figures(&mut self) {
        let said = self.activity.aggregates.statistics;
        self.heading(2, "L'essentiel", "In short");
        let Some(total) = said.total else {
            let text = if said.counted == 0 {
                self.say(
                    "Le registre ne contient aucun échange de ce mois.",
                    "The register holds no exchange of this month.",
                    &[],
                )
            } else {
                self.say(
                    "Moins de cinq personnes ont utilisé la passerelle chaque semaine de ce mois : aucun chiffre n'est montré, \
                     parce que chacun en dirait trop sur elles.",
                    "Fewer than five people used the gate in each week of this month: no figure is shown, since each would say too \
                     much about them.",
                    &[],
                )
            };
            self.passages.push(Passage::Paragraph(text));
            return;
        };
        self.essential(&total, said.actions.iter().map(|row| row.blocked).sum());
        self.days(&said.days);
        self.refused(&said.categories);
        self.heading(2, "En détail", "In detail");
        let labelled = |rows: &[Row], label| rows.iter().map(|row| labelled(row, label)).collect::<Vec<Row>>();
        let categories = labelled(&said.categories, self.labels.category);
        let rules = labelled(&said.rules, self.labels.rule);
        let articles = labelled(&said.articles, &|article| Some(format!("article {article}")));
        let by = |french, english| Heads { french, english };
        let tables = [
            (
                by("Par règle de la charte", "By rule of the charter"),
                by("Règle", "Rule"),
                by("aucune règle", "no rule"),
                &rules,
            ),
            (
                by("Par article de la charte", "By article of the charter"),
                by("Article", "Article"),
                by("aucun article", "no article"),
                &articles,
            ),
            (
                by("Par catégorie", "By category"),
                by("Catégorie", "Category"),
                by("aucune catégorie", "no category"),
                &categories,
            ),
            (
                by("Par service", "By service"),
                by("Service", "Service"),
                by("destination inconnue", "destination unknown"),
                &said.services,
            ),
            (by("Par issue", "By outcome"), by("Issue", "Outcome"), by("en cours", "under way"), &said.outcomes),
            (
                by("Destinations masquées, par motif", "Masked destinations, by reason"),
                by("Motif", "Reason"),
                by("sans motif", "no reason"),
                &said.masked,
            ),
        ];
        for (title, of, none, rows) in tables {
            self.table(title, of, none, rows);
        }
    }

    fn essential(&mut self, total: &Figures, blocked: u64) {
        let pairs = [
            (self.word("Échanges", "Exchanges"), self.number(total.exchanges)),
            (self.word("dont refusés", "of which turned back"), self.number(blocked)),
            (self.word("Octets envoyés", "Bytes sent"), wording::bytes(self.language, total.bytes_sent)),
            (self.word("Octets reçus", "Bytes received"), wording::bytes(self.language, total.bytes_received)),
        ];
        self.passages.push(Passage::Definitions(pairs.map(|(name, value)| (name, Prose::plain(value))).into()));
    }

    /// A bar for each day that is told apart.
    fn days(&mut self, days: &[Row]) {
        let bar = |row: &Row| {
            let day = row.name.as_deref()?.parse().ok()?;
            let label = wording::date(self.language, day);
            Some(Bar { label, short: String::new(), value: row.figures.exchanges })
        };
        let bars: Vec<Bar> = days.iter().filter(|row| !row.others).filter_map(bar).collect();
        if !bars.is_empty() {
            self.passages.push(Passage::Chart(Chart {
                shape: Shape::Lying,
                title: self.word("Échanges par jour", "Exchanges by day"),
                by: self.word("Jour", "Day"),
                of: self.word("Échanges", "Exchanges"),
                bars,
            }));
        }
        if let Some(others) = days.iter().find(|row| row.others) {
            let count = self.number(others.figures.exchanges);
            self.paragraph(
                "{} échanges sont comptés ensemble, sans leur jour : certains de ces jours, trop peu de personnes étaient là.",
            "{} exchanges are counted together, without their day: on some of these days too few people were there.",
            &[&count],
            );
        }
    }

    /// A bar for each category that something was turned back for.
    fn refused(&mut self, categories: &[Row]) {
        let categories: Vec<Row> = categories.iter().map(|row| labelled(row, self.labels.category)).collect();
        let told = categories.iter().filter(|row| row.blocked > 0 && row.name.is_some()).take(MOST);
        let bars: Vec<Bar> =
            told.map(|row| Bar { label: self.name(row, NONE), short: String::new(), value: row.blocked }).collect();
        if bars.is_empty() {
            return;
        }
        let (title, by) =
            (self.word("Refus par catégorie", "Turned back, by category"), self.word("Catégorie", "Category"));
        let of = self.word("Refus", "Turned back");
        self.passages.push(Passage::Chart(Chart { shape: Shape::Lying, title, by, of, bars }));
    }

    fn table(&mut self, title: Heads, of: Heads, none: Heads, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        let cells = |name: String, figures: &Figures, blocked: u64| {
            vec![
                name,
                self.number(figures.exchanges),
                self.number(blocked),
                wording::bytes(self.language, figures.bytes_sent.saturating_add(figures.bytes_received)),
            ]
        };
        let (told, more) = rows.split_at(rows.len().min(MOST));
        let mut lines: Vec<Vec<String>> =
            told.iter().map(|row| cells(self.name(row, none), &row.figures, row.blocked)).collect();
        if !more.is_empty() {
            let figures = more.iter().fold(Figures::default(), |sum, row| sum + row.figures);
            let name = self.language.pick(
                wording::count(self.language, more.len() as u64, "autre ligne", "autres lignes"),
                wording::count(self.language, more.len() as u64, "more row", "more rows"),
            );
            lines.push(cells(name, &figures, more.iter().map(|row| row.blocked).sum()));
        }
        let table = Table {
            caption: self.word(title.french, title.english),
            columns: vec![
                Column::words(self.word(of.french, of.english)),
                Column::numbers(self.word("Échanges", "Exchanges")),
                Column::numbers(self.word("dont refusés", "turned back")),
                Column::numbers(self.word("Volume", "Volume")),
            ],
            rows: lines,
            row_headings: true,
        };
        self.passages.push(Passage::Table(table));
    }

    fn name(&self, row: &Row, none: Heads) -> String {
        match row.name.as_deref() {
            None if row.others => self.word("autres, réunis", "others, together"),
            None => self.word(none.french, none.english),
            Some(word) => {
                let known = WORDS.iter().find(|(known, ..)| *known == word);
                known.map_or_else(|| word.to_owned(), |(_, french, english)| self.word(french, english))
            }
        }
    }

    /// What happened to the register.
    fn register(&mut self, zone: &ZonedDateTime) {
        self.heading(2, "Le registre", "The register");
        let activity = self.activity;
        if activity.alone > 0 {
            let times = self.number(activity.alone);
            self.paragraph(
                "Aucun rôle n'étant attribué, une personne seule a ouvert des noms ou établi une réponse sans l'accord d'une seconde : {} \
                 fois.",
                "As no role is given to anybody, one person alone opened names or made an answer without the agreement of a second one; \
                 number of times: {}.",
                &[&times],
            );
        }
        self.events(
            zone,
            "Noms ouverts par une personne seule",
            "Names opened by one person alone",
            ("Aucune ouverture d'urgence ce mois-ci.", "No emergency opening this month."),
            &activity.break_glass,
        );
        self.events(
            zone,
            "Enregistrements perdus",
            "Records lost",
            ("Aucune perte n'est inscrite au journal d'audit ce mois-ci.", "The audit trail has no loss this month."),
            &activity.holes,
        );
        self.events(
            zone,
            "Effacements tardifs",
            "Late erasures",
            ("Aucun effacement n'a été tardif ce mois-ci.", "No erasure was late this month."),
            &activity.late_purges,
        );
    }

    fn events(&mut self, zone: &ZonedDateTime, french: &str, english: &str, none: (&str, &str), events: &[Event]) {
        let opened = events.iter().any(|event| event.review.is_some());
        let counted = if opened { ("Enregistrements lus", "Records read") } else { ("Nombre", "Count") };
        self.heading(3, french, english);
        if events.is_empty() {
            self.paragraph(none.0, none.1, &[]);
            return;
        }
        let row = |event: &Event| {
            let at = event.at.parse::<Timestamp>().map(|at| at.to_zoned_datetime(zone.time_zone().clone()));
            let at = at.map_or_else(|_| event.at.clone(), |at| wording::stamp(self.language, &at));
            let what = [Some(event.what.as_str()), event.purpose.as_deref()];
            let words = |word: &str| {
                let known = ACTS.iter().find(|(known, ..)| *known == word);
                known.map_or_else(|| word.to_owned(), |(_, french, english)| self.word(french, english))
            };
            let mut what = what.into_iter().flatten().map(words).collect::<Vec<_>>().join(", ");
            what.extend(event.review.as_ref().map(|review| self.review(zone, review)));
            vec![at, what, self.number(event.count)]
        };
        let table = Table {
            caption: self.word(french, english),
            columns: vec![
                Column::words(self.word("Quand", "When")),
                Column::words(self.word("Acte inscrit au journal d'audit", "Act in the audit trail")),
                Column::numbers(self.word(counted.0, counted.1)),
            ],
            rows: events.iter().map(row).collect(),
            row_headings: false,
        };
        self.passages.push(Passage::Table(table));
    }

    /// What became of the review of an emergency opening (within 72 hours), behind what happened.
    fn review(&self, zone: &ZonedDateTime, review: &Review) -> String {
        let stamp = |at: &str| {
            let read = at.parse::<Timestamp>().map(|at| at.to_zoned_datetime(zone.time_zone().clone()));
            read.map_or_else(|_| at.to_owned(), |at| wording::stamp(self.language, &at))
        };
        let told = match review {
            Review::Due { by } => {
                self.say(" ; revue non rédigée, due le {}", "; no review written yet, due by {}", &[&stamp(by)])
            }
            Review::Written { at, text } => {
                self.say(" ; revue du {} : « {} »", "; reviewed on {}: “{}”", &[&stamp(at), text])
            }
        };
        told.words()
    }

    fn method(&mut self) {
        self.heading(2, "Comment ces chiffres sont faits", "How these figures are made");
        let threshold = self.number(self.activity.aggregates.threshold as u64);
        self.paragraph(
            "Ils sont comptés dans le registre au moment où le rapport est demandé ; rien n'en est gardé. Aucun chiffre ne porte sur \
             moins de {} personnes, et aucun ne peut s'obtenir en soustrayant ceux qui sont montrés : les groupes trop petits sont \
             réunis avec d'autres, dans chaque semaine séparément, et une semaine de moins de personnes n'ajoute rien. Une personne est \
             un compte, ou une adresse quand aucun compte n'est connu. Ce choix suit la recommandation de la CNIL sur les serveurs \
             mandataires filtrants ({cnil-2026-022}), qui demande de commencer par des chiffres d'ensemble.",
            "They are counted in the register when the report is asked for; nothing of them is kept. No figure is about fewer than \
             {} people, and none can be had by subtracting those that are shown: groups that are too small stand together with \
             others, in each week by itself, and a week of fewer people adds nothing. A person is an account, or an address where no \
             account is known. This follows the CNIL’s recommendation on filtering proxies ({cnil-2026-022}), which asks for \
             overall figures first.",
            &[&threshold],
        );
        self.paragraph(
            "Un service est le nom de domaine enregistré. Une destination masquée n'est jamais écrite : seul son motif est compté \
             (catégorie protégée, personne protégée, invité). Chaque demande de rapport est inscrite au journal d'audit.",
            "A service is the registered domain name. A masked destination is never written down: its reason alone is counted \
             (protected category, protected person, guest). Each report that is asked for is noted in the audit trail.",
            &[],
        );
    }
}

/// A row, as the charter calls what it is about.
fn labelled(row: &Row, label: &dyn Fn(&str) -> Option<String>) -> Row {
    let name = row.name.as_ref().map(|name| label(name).unwrap_or_else(|| name.clone()));
    Row { name, ..row.clone() }
}

/// A few words in both languages.
#[derive(Debug, Clone, Copy)]
struct Heads {
    french: &'static str,
    english: &'static str,
}

/// What stands for no name.
const NONE: Heads = Heads { french: "aucune", english: "none" };

/// Words of the audit trail, in words of people.
const ACTS: [(&str, &str, &str); 3] = [
    ("break-glass", "ouverture d'urgence", "emergency opening"),
    ("security", "sécurité", "security"),
    ("charter", "respect de la charte", "respect of the charter"),
];

/// Words of records, in words of people.
const WORDS: [(&str, &str, &str); 9] = [
    ("completed", "abouti", "completed"),
    ("refused", "refusé", "turned back"),
    ("failed", "échoué", "failed"),
    ("abandoned", "abandonné par le client", "abandoned by the client"),
    ("interrupted", "interrompu par la passerelle", "interrupted by the gate"),
    ("continued", "poursuivi le lendemain", "continued the next day"),
    ("category", "catégorie protégée", "protected category"),
    ("person", "personne protégée", "protected person"),
    ("guest", "invité", "guest"),
];

#[cfg(test)]
#[path = "activity/tests.rs"]
mod tests;
