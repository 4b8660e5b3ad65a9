//! Sections 2 to 5 of the report: why data are processed, which, who receives them, and for how long they are kept.
use super::letter::days;
use super::report::article;
use super::{Copies, Detail, Ground, Processing, Purpose, Stated, SubjectFile, glossary};
use crate::legal::document::{Column, Passage, Table};
use crate::legal::prose::Prose;
use crate::legal::wording;
use crate::legal::write::Writer;

/// A purpose in words; those of the organisation's own as it configured them.
pub(super) fn purpose_in_words(body: &Writer, purpose: &Purpose) -> String {
    match purpose.code.as_str() {
        "security" => body.words(
            "sécurité du système d'information : détection et analyse des incidents",
            "security of the information system: detection and analysis of incidents",
            &[],
        ),
        "charter" => body.words(
            "contrôle du respect de la charte informatique, d'abord global, nominatif seulement sur indices sérieux",
            "checking that the IT charter is respected, in aggregate first, by name only upon serious indications",
            &[],
        ),
        "rights" => body.words("réponse aux demandes des personnes", "answering people's requests", &[]),
        "judicial" => {
            body.words("réponse aux autorités que la loi habilite", "answering authorities that the law empowers", &[])
        }
        // What records were kept for beyond their term.
        "incident" => body.words("analyse d'un incident de sécurité", "analysis of a security incident", &[]),
        "litigation" => body.words(
            "constatation, exercice ou défense d'un droit en justice",
            "establishment, exercise or defence of a legal claim",
            &[],
        ),
        _ => body.text(&purpose.words),
    }
}

/// Section 2.
pub(super) fn purposes(body: &mut Writer, file: &SubjectFile) {
    body.heading(2, "2. Finalités et base juridique", "2. Purposes and legal basis");
    article(body, "gdpr-15-1-a");
    body.paragraph("Les finalités déclarées sont les suivantes :", "The declared purposes are:", &[]);
    let mut items: Vec<Prose> =
        file.processing.purposes.iter().map(|purpose| Prose::plain(purpose_in_words(body, purpose))).collect();
    if items.is_empty() {
        items.push(Prose::plain(wording::unknown(body.language)));
    }
    body.list(items);
    body.paragraph(
        "Ce traitement repose sur **l'intérêt légitime** de l'organisation ({gdpr-6-1-f}) : protéger ses équipements et ses \
         données, et faire respecter les règles d'usage d'Internet qui ont été portées à la connaissance de chacun. Les données \
         servent en outre à répondre aux demandes des personnes et, lorsque la loi l'exige, aux réquisitions des autorités \
         ({gdpr-6-1-c}). Elles ne servent ni à mesurer le temps de travail ni à évaluer les personnes.",
        "This processing rests on the **legitimate interest** of the organisation ({gdpr-6-1-f}): protecting its equipment and \
         data, and having the rules for the use of the Internet respected, which were made known to everyone. The data also serve \
         to answer people's requests and, where the law requires it, requisitions of the authorities ({gdpr-6-1-c}). They serve \
         neither to measure working time nor to assess people.",
        &[],
    );
}

/// Section 3.
pub(super) fn categories(body: &mut Writer, file: &SubjectFile) {
    body.heading(2, "3. Catégories de données", "3. Categories of data");
    article(body, "gdpr-15-1-b");
    glossary::fields(body, file);
    let detail = match file.processing.detail {
        Detail::Host => body.say(
            "De l'adresse demandée, seul le nom du site est conservé, jamais la page.",
            "Of the address asked for, only the name of the site is kept, never the page.",
            &[],
        ),
        Detail::Path => body.say(
            "De l'adresse demandée sont conservés le nom du site et le chemin de la page lorsque la connexion n'est pas chiffrée.",
            "Of the address asked for, the name of the site is kept, and the path of the page where the connection is not encrypted.",
            &[],
        ),
        Detail::Url => body.say(
            "L'adresse demandée est conservée entière, paramètres compris, lorsque la connexion n'est pas chiffrée.",
            "The address asked for is kept whole, with its parameters, where the connection is not encrypted.",
            &[],
        ),
    };
    body.passages.push(Passage::Paragraph(detail));
    let names: Vec<String> = file.processing.masked_categories.iter().map(|label| body.text(label)).collect();
    let names = if names.is_empty() { wording::unknown(body.language).to_owned() } else { names.join(", ") };
    body.note(
        "**Ce qui n'est pas conservé.** Le site n'est jamais inscrit pour les visites autorisées des catégories protégées : {}.",
        "**What is not kept.** The site is never written down for allowed visits in the protected categories: {}.",
        &[&names],
    );
    if file.processing.masked_persons {
        body.paragraph(
            "Il ne l'est pas non plus pour les personnes dont les échanges sont protégés, tels les représentants du personnel. Rien \
             ne permet de retrouver ensuite ce qui n'a pas été inscrit.",
            "Nor is it for people whose exchanges are protected, such as staff representatives. Nothing can bring back afterwards \
             what was not written down.",
            &[],
        );
    }
    body.paragraph(
        "Ne sont **jamais enregistrés** : le contenu des pages et des messages, les fichiers et leurs noms, les mots de passe, les \
         témoins de connexion (« cookies »), les en-têtes, le titre des pages, le logiciel employé.",
        "**Never recorded** are: the content of pages and messages, files and their names, passwords, cookies, headers, the title of \
         pages, the software used.",
        &[],
    );
}

/// What is said of a value that may be unknown or none.
fn stated(body: &Writer, value: &Stated<String>, none: (&str, &str)) -> Prose {
    match value {
        Stated::Unknown => Prose::plain(wording::unknown(body.language)),
        Stated::None => body.say(none.0, none.1, &[]),
        Stated::Is(name) => Prose::plain(body.stated(name)),
    }
}

/// Who reaches the data, as it is.
fn access(body: &mut Writer, alone: bool) {
    match alone {
        true => body.paragraph(
            "Aucun rôle n'a été attribué à ce jour : la personne qui administre le serveur mandataire agit seule, sans l'accord d'une \
             seconde personne. Lire des noms suppose une finalité déclarée, un motif et une période ; chaque consultation laisse une \
             trace.",
            "No role has been given to anybody so far: the person who looks after the proxy server acts alone, without the agreement of \
             a second person. Reading names takes a declared purpose, a reason and a period; every look leaves a trace.",
            &[],
        ),
        false => body.paragraph(
            "Les données ne sont accessibles qu'aux personnes habilitées, chacune sous son propre compte et selon son rôle. Lire des \
             noms suppose une finalité déclarée, un motif et une période ; chaque consultation laisse une trace.",
            "The data can be reached by authorised people only, each under an account of their own and within their role. Reading \
             names takes a declared purpose, a reason and a period; every look leaves a trace.",
            &[],
        ),
    }
}

/// What a system of logs receives, if any does.
fn copies(body: &Writer, copies: Copies) -> Option<Prose> {
    match copies {
        Copies::None => None,
        Copies::Pseudonyms => Some(body.say(
            "reçoit une copie des enregistrements au fil de l'eau, sous pseudonymes",
            "receives a copy of records as they are written, under pseudonyms",
            &[],
        )),
        Copies::Names => Some(body.say(
            "reçoit une copie des enregistrements au fil de l'eau, avec les comptes et les adresses",
            "receives a copy of records as they are written, with accounts and addresses",
            &[],
        )),
    }
}

/// Who else has the data, and where: a line each.
pub(in crate::legal) fn who_has_it(
    body: &Writer,
    processor: &Stated<String>,
    hosting: &Stated<String>,
    transfers: &Stated<String>,
) -> Vec<(String, Prose)> {
    let itself = ("personne : l'organisation s'en charge elle-même", "nobody: the organisation does so itself");
    let premises = ("dans les locaux de l'organisation", "on the organisation's premises");
    vec![
        (body.words("Sous-traitant", "Processor", &[]), stated(body, processor, itself)),
        (body.words("Hébergement", "Hosting", &[]), stated(body, hosting, premises)),
        (
            body.words("Transferts hors de l'Union européenne", "Transfers outside the European Union", &[]),
            stated(body, transfers, ("aucun", "none")),
        ),
    ]
}

/// Section 4.
pub(super) fn recipients(body: &mut Writer, file: &SubjectFile) {
    body.heading(2, "4. Destinataires et transferts hors de l'Union européenne", "4. Recipients and third countries");
    article(body, "gdpr-15-1-c");
    access(body, file.processing.alone);
    let mut pairs = vec![(
        body.words("Au sein de l'organisation", "Within the organisation", &[]),
        body.say(
            "les personnes chargées de la sécurité, de l'application de la charte, des demandes d'accès et du contrôle",
            "those in charge of security, of applying the charter, of requests for access, and of control",
            &[],
        ),
    )];
    let Processing { processor, hosting, transfers, .. } = &file.processing;
    pairs.extend(who_has_it(body, processor, hosting, &transfers.clone().map(|text| body.text(&text))));
    if let Some(copies) = copies(body, file.processing.copies) {
        pairs.insert(
            1,
            (body.words("Système central de journaux (SIEM)", "Central system of logs (SIEM)", &[]), copies),
        );
    }
    body.definitions(pairs);
    body.paragraph(
        "Sur demande, nous vous indiquons l'identité des destinataires auxquels vos données auraient été communiquées \
         ({cjeu-c-154-21}). Les autorités qui reçoivent des données dans le cadre d'une mission d'enquête prévue par la loi ne sont \
         pas des destinataires ({gdpr-4-9}) : ce document n'en fait jamais état.",
        "On request we tell you who the recipients are to whom your data may have been disclosed ({cjeu-c-154-21}). Authorities that \
         receive data in an inquiry provided for by law are not recipients ({gdpr-4-9}): this document never mentions them.",
        &[],
    );
}

/// Section 5.
pub(super) fn retention(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let kept = days(body, file.processing.retention_days);
    body.heading(2, "5. Durée de conservation", "5. Retention period");
    article(body, "gdpr-15-1-d");
    body.paragraph(
        "Les connexions d'une journée sont conservées **{}** après la fin de celle-ci. Elles sont ensuite détruites, au plus tard le \
         lendemain, avec la clé qui les chiffre ; une attestation signée en fait foi.",
        "The connections of a day are kept for **{}** after it is over. They are then destroyed, on the following day at the latest, \
         together with the key that encrypts them; a signed certificate attests to it.",
        &[&kept],
    );
    let reason = language.words(&file.processing.retention_reason).map(|words| words.text.to_owned());
    match (reason, file.processing.retention_days) {
        (Some(reason), _) => body.paragraph("Motif de cette durée : {}", "Reason for this period: {}", &[&reason]),
        (None, 180..=365) => body.paragraph(
            "Cette durée permet d'enquêter sur des intrusions qui ne sont souvent découvertes que des mois après les faits. Elle se \
             situe entre six mois et un an, la fourchette que recommande la CNIL ({cnil-2026-022}).",
            "This period makes it possible to investigate intrusions, which are often found out only months later. It lies between \
             six months and one year, the range that the CNIL recommends ({cnil-2026-022}).",
            &[],
        ),
        (None, 366..) => {
            let unknown = wording::unknown(language);
            body.paragraph("Motif de cette durée : {}.", "Reason for this period: {}.", &[unknown]);
        }
        (None, _) => {}
    }
    let rows = file.holds.iter().map(|hold| vec![ground(body, hold.ground), wording::date(language, hold.until)]);
    let table = Table {
        caption: body.words(
            "Données vous concernant conservées au-delà de leur terme",
            "Data about you kept beyond their term",
            &[],
        ),
        columns: vec![
            Column::words(language.pick("Motif", "Ground")),
            Column::words(language.pick("Jusqu’au", "Until")),
        ],
        rows: rows.collect(),
        row_headings: true,
    };
    body.table(
        table,
        "Aucune donnée vous concernant n'est conservée au-delà de ce terme.",
        "No data about you are kept beyond this term.",
    );
    body.paragraph(
        "Ce document ne fait pas état des mesures de conservation ordonnées par une autorité judiciaire, qu'il en existe ou non.",
        "This document does not mention preservation ordered by a judicial authority, whether there is any or not.",
        &[],
    );
}

fn ground(body: &Writer, ground: Ground) -> String {
    match ground {
        Ground::Litigation => {
            body.words("constatation ou défense de droits en justice", "establishment or defence of legal claims", &[])
        }
        Ground::Incident => body.words("analyse d'un incident de sécurité", "analysis of a security incident", &[]),
        Ground::Rights => body.words(
            "conservation à votre demande ou dans votre intérêt",
            "kept at your request or in your interest",
            &[],
        ),
    }
}
