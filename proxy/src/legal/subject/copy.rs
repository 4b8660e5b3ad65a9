//! What was found: in figures first, then the newest records, then everything else there is about the person.
use super::report::{article, label, role_in_words};
use super::{Action, Masked, Record, SHOWN, SubjectFile, Unfinished};
use crate::legal::document::{Bar, Chart, Column, Passage, Shape, Table};
use crate::legal::wording;
use crate::legal::write::Writer;

/// Categories beyond these are one bar.
const CATEGORIES: usize = 11;

/// The figures, before everything else.
pub(super) fn summary(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    body.heading(2, "L'essentiel", "In short");
    let total = wording::number(language, file.counts.total);
    if !file.found() {
        body.note(
            "**Aucune donnée vous concernant n'a été trouvée.** Ce rapport précise ce qui a été recherché, et décrit le traitement.",
            "**No data about you were found.** This report says what was searched for, and describes the processing.",
            &[],
        );
        shared(body, file);
        return;
    }
    let (from, to) = (wording::date(language, file.searched.from), wording::date(language, file.searched.to));
    if file.counts.total > file.records.len().min(SHOWN) as u64 {
        body.note(
            "**{}** connexions vous concernant sont enregistrées pour la période du {} au {}. Elles sont toutes dans les fichiers \
             joints ; ce rapport en présente le résumé et les plus récentes.",
            "**{}** connections of yours are recorded for the period from {} to {}. All of them are in the enclosed files; this report \
             sums them up and shows the newest.",
            &[&total, &from, &to],
        );
    } else {
        body.note(
            "Connexions vous concernant enregistrées pour la période du {} au {} : **{}**. Elles sont toutes dans ce rapport et dans les \
             fichiers joints.",
            "Connections of yours recorded for the period from {} to {}: **{}**. All of them are in this report and in the enclosed \
             files.",
            &[&from, &to, &total],
        );
    }
    charts(body, file);
    if file.counts.masked > 0 {
        let masked = wording::count(
            language,
            file.counts.masked,
            language.pick("connexion", "connection"),
            language.pick("connexions", "connections"),
        );
        body.paragraph(
            "Pour {}, le site visité n'a pas été inscrit (section 3).",
            "For {}, the site visited was not written down (section 3).",
            &[&masked],
        );
    }
    shared(body, file);
}

fn shared(body: &mut Writer, file: &SubjectFile) {
    if file.counts.shared > 0 {
        let lines = wording::count(
            body.language,
            file.counts.shared,
            body.language.pick("ligne", "line"),
            body.language.pick("lignes", "lines"),
        );
        body.paragraph(
            "{} d'adresses partagées par plusieurs personnes ne sont pas communiquées, car elles porteraient atteinte aux droits \
             d'autrui ({gdpr-15-4}).",
            "{} of addresses that several people share are not disclosed, for they would adversely affect the rights of others \
             ({gdpr-15-4}).",
            &[&lines],
        );
    }
}

fn charts(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let of = body.words("Connexions", "Connections", &[]);
    let chart = |body: &mut Writer, shape, title: (&str, &str), by: (&str, &str), bars: Vec<Bar>| {
        if !bars.is_empty() {
            let (title, by) = (body.words(title.0, title.1, &[]), body.words(by.0, by.1, &[]));
            body.passages.push(Passage::Chart(Chart { shape, title, by, of: of.clone(), bars }));
        }
    };
    let mut year_shown = None;
    let months = file.counts.by_month.iter().map(|(year, month, value)| {
        let with_year = year_shown.replace(*year) != Some(*year);
        Bar {
            label: wording::month(language, *year, *month),
            short: wording::short_month(language, *year, *month, with_year),
            value: *value,
        }
    });
    let months = months.collect();
    chart(body, Shape::Standing, ("Connexions par mois", "Connections by month"), ("Mois", "Month"), months);
    let bar = |label: String, value| Bar { short: label.clone(), label, value };
    let mut categories: Vec<Bar> =
        file.counts.by_category.iter().take(CATEGORIES).map(|(name, value)| bar(body.text(name), *value)).collect();
    let rest: u64 = file.counts.by_category.iter().skip(CATEGORIES).map(|(_, value)| value).sum();
    if rest > 0 {
        categories.push(bar(body.words("autres catégories", "other categories", &[]), rest));
    }
    let title = ("Connexions par catégorie de site", "Connections by category of site");
    chart(body, Shape::Lying, title, ("Catégorie", "Category"), categories);
    let actions =
        file.counts.by_action.iter().map(|(action, value)| bar(action_in_words(body, *action), *value)).collect();
    let title = ("Connexions par décision", "Connections by decision");
    chart(body, Shape::Lying, title, ("Décision", "Decision"), actions);
}

/// A decision in words.
pub(super) fn action_in_words(body: &Writer, action: Action) -> String {
    let (french, english) = match action {
        Action::Allowed => ("autorisée", "allowed"),
        Action::Blocked => ("refusée", "refused"),
        Action::Warned => ("autorisée après avertissement", "allowed after a warning"),
        Action::Budgeted => ("autorisée sur un crédit de temps", "allowed on a budget"),
    };
    body.words(french, english, &[])
}

/// Art. 15(3): the copy itself.
pub(super) fn copy(body: &mut Writer, file: &SubjectFile) {
    body.heading(2, "10. Copie des données", "10. Copy of the data");
    article(body, "gdpr-15-3");
    if file.found() {
        body.paragraph(
            "Cette copie est gratuite. Les fichiers joints la contiennent en entier, en heure locale et en temps universel ; ce rapport en \
             donne le résumé.",
            "This copy is free of charge. The enclosed files hold all of it, in local and universal time; this report sums it up.",
            &[],
        );
    }
    files(body, file);
    records(body, file);
    beside(body, file);
    withheld(body);
}

/// What is left out of every copy, with its reason in general words (art. 15(4)).
fn withheld(body: &mut Writer) {
    body.heading(3, "Ce qui n'est pas communiqué", "What is not disclosed");
    let items = vec![
        body.say(
            "l'identité des personnes habilitées qui ont consulté vos données, et les données des autres personnes",
            "who the authorised people are that consulted your data, and other people's data",
            &[],
        ),
        body.say(
            "les lignes d'adresses que plusieurs personnes partagent, dont le nombre est indiqué s'il y en a",
            "lines of addresses that several people share; how many is told if there are any",
            &[],
        ),
        body.say(
            "les motifs rédigés librement qui désignent d'autres personnes : ils sont relus avant d'être communiqués",
            "reasons in free text that name other people: they are reviewed before they are disclosed",
            &[],
        ),
    ];
    body.list(items);
    body.paragraph(
        "Ces limites protègent les droits et libertés d'autrui ({gdpr-15-4}).",
        "These limits protect the rights and freedoms of others ({gdpr-15-4}).",
        &[],
    );
}

fn files(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let rows = file.files.iter().map(|joined| vec![joined.name.clone(), body.text(&joined.what)]).collect();
    let columns =
        vec![Column::words(language.pick("Fichier", "File")), Column::words(language.pick("Contenu", "What it holds"))];
    let caption = body.words("Fichiers joints", "Enclosed files", &[]);
    let table = Table { caption, columns, rows, row_headings: true };
    body.table(table, "Aucun fichier n'est joint à ce rapport.", "No file comes with this report.");
}

fn records(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    body.heading(3, "Connexions", "Connections");
    let shown = file.records.len().min(SHOWN);
    if shown > 0 && file.counts.total > shown as u64 {
        let (shown, total) = (wording::number(language, shown as u64), wording::number(language, file.counts.total));
        body.paragraph(
            "Les {} connexions les plus récentes sur {} ; la liste complète est dans les fichiers joints.",
            "The {} newest connections of {}; the complete list is in the enclosed files.",
            &[&shown, &total],
        );
    }
    let rows = file.records.iter().take(SHOWN).map(|record| row(body, record)).collect();
    let table = Table {
        caption: String::new(),
        columns: vec![
            Column::words(language.pick("Date et heure", "Date and time")),
            Column::words("Site"),
            Column::words(language.pick("Catégorie", "Category")),
            Column::words(language.pick("Décision", "Decision")),
            Column::words(language.pick("Poste", "Machine")),
            Column::numbers(language.pick("Volume", "Volume")),
        ],
        rows,
        row_headings: true,
    };
    body.table(table, "Aucune connexion enregistrée.", "No connection recorded.");
}

fn row(body: &Writer, record: &Record) -> Vec<String> {
    let host = match &record.host {
        Ok(host) => host.clone(),
        Err(Masked::Category) => body.words("non conservé (catégorie protégée)", "not kept (protected category)", &[]),
        Err(Masked::Person) => body.words("non conservé (personne protégée)", "not kept (protected person)", &[]),
        Err(Masked::Guest) => body.words("non conservé (accès invité)", "not kept (guest access)", &[]),
    };
    vec![
        wording::stamp(body.language, &record.opened),
        host,
        label(body, record.category.as_ref()),
        decision(body, record),
        record.client.clone(),
        wording::bytes(body.language, record.bytes),
    ]
}

/// What was decided, and that nothing came of it.
fn decision(body: &Writer, record: &Record) -> String {
    let decided = action_in_words(body, record.action);
    let (french, english) = match record.unfinished {
        None => return decided,
        Some(Unfinished::Failed) => ("{}, site non joint", "{}, site not reached"),
        Some(Unfinished::Abandoned) => ("{}, abandonnée par le poste", "{}, abandoned by the machine"),
        Some(Unfinished::Interrupted) => ("{}, interrompue", "{}, interrupted"),
    };
    body.words(french, english, &[&decided])
}

/// Everything else, in a table a kind; kinds of which there is nothing are named in one sentence.
fn beside(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let beside = &file.beside;
    let day = |date| wording::short_date(language, date);
    let dated = |rows: &[(jiff::civil::Date, String)]| -> Vec<Vec<String>> {
        rows.iter().map(|(date, what)| vec![day(*date), what.clone()]).collect()
    };
    let roles = |roles: &[super::Role]| -> String {
        if roles.is_empty() {
            return "–".to_owned();
        }
        roles.iter().map(|role| role_in_words(body, *role)).collect::<Vec<_>>().join(", ")
    };
    type Kind<'a> = ((&'a str, &'a str), Vec<(&'a str, &'a str)>, Vec<Vec<String>>);
    let (date, what) = (("Date", "Date"), ("Objet", "What"));
    let kinds: [Kind<'_>; 7] = [
        (
            ("Déclarations jointes à vos données", "Statements attached to your data"),
            vec![date, what],
            dated(&beside.statements),
        ),
        (
            ("Avertissements et lectures confirmés", "Warnings and readings acknowledged"),
            vec![date, what],
            dated(&beside.acknowledgements),
        ),
        (
            ("Exceptions accordées", "Exceptions granted"),
            vec![("Du", "From"), ("Au", "To"), what],
            beside.exceptions.iter().map(|(from, to, what)| vec![day(*from), day(*to), what.clone()]).collect(),
        ),
        (
            ("Sessions", "Sessions"),
            vec![("Début", "Begin"), ("Fin", "End"), ("Adresse", "Address")],
            beside
                .sessions
                .iter()
                .map(|(from, to, address)| {
                    let to = to.as_ref().map_or_else(|| "–".to_owned(), |to| wording::stamp(language, to));
                    vec![wording::stamp(language, from), to, address.clone()]
                })
                .collect(),
        ),
        (
            ("Groupes mémorisés", "Groups remembered"),
            vec![("Groupe", "Group"), ("Depuis le", "Since")],
            beside.groups.iter().map(|(name, since)| vec![name.clone(), day(*since)]).collect(),
        ),
        (
            ("Comptes et habilitations", "Accounts and roles"),
            vec![("Compte", "Account"), ("Depuis le", "Since"), ("Habilitations", "Roles")],
            beside.accounts.iter().map(|(name, since, held)| vec![name.clone(), day(*since), roles(held)]).collect(),
        ),
        (
            ("Vos actes sur le registre", "Your acts on the register"),
            vec![date, ("Acte", "Act")],
            beside.acts.iter().map(|(at, what)| vec![wording::stamp(language, at), what.clone()]).collect(),
        ),
    ];
    body.heading(3, "Autres données vous concernant", "Other data about you");
    let mut none = Vec::new();
    for ((french, english), columns, rows) in kinds {
        let caption = body.words(french, english, &[]);
        if rows.is_empty() {
            none.push(lower(&caption));
            continue;
        }
        let columns = columns.into_iter().map(|(fr, en)| Column::words(body.words(fr, en, &[]))).collect();
        body.passages.push(Passage::Table(Table { caption, columns, rows, row_headings: true }));
    }
    if !none.is_empty() {
        let prose = body.say("Il n'y a rien à signaler pour : {}.", "There is nothing under: {}.", &[&none.join(", ")]);
        body.passages.push(Passage::Paragraph(prose));
    }
}

/// A caption within a sentence.
fn lower(caption: &str) -> String {
    let mut letters = caption.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_lowercase).collect();
    first + letters.as_str()
}
