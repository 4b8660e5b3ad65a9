//! The report: every item of art. 15 GDPR under its own heading, in the order of the article, a summary before them.
use super::processing::{self, purpose_in_words};
use super::{Copies, Role, Store, SubjectFile, copy, glossary};
use crate::legal::document::{Column, Document, Passage, Table};
use crate::legal::parties::remedies;
use crate::legal::prose::Prose;
use crate::legal::wording;
use crate::legal::write::Writer;
use crate::pages::Language;
use policy::verdict::Text;

/// The report that goes with the letter.
pub(super) fn report(file: &SubjectFile, language: Language) -> Document {
    let mut body = Writer::new(language);
    let above = file.organisation.shown(language);
    let title =
        body.words("Vos données personnelles et l'accès à Internet", "Your personal data and Internet access", &[]);
    body.passages.push(Passage::Title { above: above.clone(), title: title.clone() });
    facts(&mut body, file);
    copy::summary(&mut body, file);
    confirmation(&mut body, file);
    processing::purposes(&mut body, file);
    processing::categories(&mut body, file);
    processing::recipients(&mut body, file);
    processing::retention(&mut body, file);
    rights(&mut body, file);
    complaint(&mut body);
    source(&mut body);
    decisions(&mut body, file);
    copy::copy(&mut body, file);
    looks(&mut body, file);
    controller(&mut body, file);
    glossary::glossary(&mut body, file);
    let person = file.person.shown(language);
    Document {
        title: format!("{title} – {person}"),
        language,
        author: above,
        subject: body.words("Rapport d'accès aux données, {gdpr-15}", "Report on access to data, {gdpr-15}", &[]),
        reference: body.stated(&file.reference),
        issued: file.answered.clone(),
        passages: body.passages,
    }
}

fn facts(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let (from, to) = (wording::date(language, file.searched.from), wording::date(language, file.searched.to));
    body.definitions(vec![
        (body.words("Personne concernée", "Data subject", &[]), Prose::plain(file.person.shown(language))),
        (body.words("Référence", "Reference", &[]), Prose::plain(body.stated(&file.reference))),
        (
            body.words("Demande reçue le", "Request received on", &[]),
            Prose::plain(wording::date(language, file.received)),
        ),
        (
            body.words("Rapport établi le", "Report made on", &[]),
            Prose::plain(wording::date(language, file.answered.date())),
        ),
        (body.words("Période", "Period", &[]), body.say("du {} au {}", "{} to {}", &[&from, &to])),
        (
            body.words("Heures", "Times", &[]),
            body.say(
                "heure locale ({}) ; les fichiers joints donnent aussi le temps universel (UTC)",
                "local time ({}); the enclosed files also give universal time (UTC)",
                &[file.answered.time_zone().iana_name().unwrap_or("UTC")],
            ),
        ),
    ]);
}

/// The article that a section answers, below its heading.
pub(super) fn article(body: &mut Writer, id: &str) {
    let gap = format!("{{{id}}}");
    let words = body.words(&gap, &gap, &[]);
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    body.passages.push(Passage::Under(Prose::plain(first + letters.as_str())));
}

fn confirmation(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    body.heading(2, "1. Confirmation du traitement", "1. Confirmation of processing");
    article(body, "gdpr-15-1");
    let (from, to) = (wording::date(language, file.searched.from), wording::date(language, file.searched.to));
    if file.found() {
        body.paragraph(
            "**Oui, des données vous concernant sont traitées.** Elles ont été recherchées pour la période du {} au {}.",
            "**Yes, data about you are processed.** They were searched for over the period from {} to {}.",
            &[&from, &to],
        );
    } else {
        body.paragraph(
            "**Non : aucune donnée vous concernant n'a été trouvée** pour la période du {} au {}. Les sections qui suivent \
             décrivent le traitement tel qu'il s'applique à toute personne qui accède à Internet par notre serveur mandataire.",
            "**No: no data about you were found** for the period from {} to {}. The sections that follow describe the processing \
             as it applies to anyone who reaches the Internet through our proxy server.",
            &[&from, &to],
        );
    }
    let columns = || {
        vec![
            Column::words(language.pick("Compte ou adresse", "Account or address")),
            Column::words(language.pick("Du", "From")),
            Column::words(language.pick("Au", "To")),
        ]
    };
    let rows = file.searched.accounts.iter().chain(&file.searched.addresses);
    let rows = rows.map(|one| {
        vec![one.name.clone(), wording::short_date(language, one.from), wording::short_date(language, one.to)]
    });
    let caption = body.words("Comptes et adresses recherchés", "Accounts and addresses searched for", &[]);
    let table = Table { caption, columns: columns(), rows: rows.collect(), row_headings: true };
    body.table(
        table,
        "Aucun compte ni aucune adresse ne vous a été attribué pendant cette période.",
        "No account and no address was yours during this period.",
    );
    body.paragraph("Emplacements dans lesquels la recherche a été faite :", "Places that were searched:", &[]);
    let stores = file.searched.stores.iter().map(|store| store_in_words(body, *store)).collect();
    body.list(stores);
    if file.processing.copies != Copies::None {
        let unknown = wording::unknown(language);
        body.paragraph(
            "Une copie des enregistrements est en outre transmise au système central de journaux (SIEM) de l'organisation, qui n'est pas \
             compris dans cette recherche. Données vous concernant dans ce système, et durée de leur conservation : {}.",
            "A copy of records also goes to the organisation's central system of logs (SIEM), which this search doesn't reach. Data about \
             you in that system, and how long they are kept there: {}.",
            &[unknown],
        );
    }
}

fn store_in_words(body: &Writer, store: Store) -> Prose {
    match store {
        Store::Register => body.say(
            "le registre des connexions, journal du jour compris",
            "the register of connections, with the journal of the day",
            &[],
        ),
        Store::Held => {
            body.say("les enregistrements conservés au-delà de leur terme", "records kept beyond their term", &[])
        }
        Store::AuditTrail => {
            body.say("le journal des consultations du registre", "the trail of looks at the register", &[])
        }
        Store::Accounts => body.say(
            "les comptes, avec leurs groupes et leurs habilitations",
            "accounts, with their groups and roles",
            &[],
        ),
        Store::Ledgers => body.say(
            "les déclarations, demandes et accords qui se rapportent à des personnes",
            "statements, requests and approvals that concern people",
            &[],
        ),
        Store::Central => body.say("le registre central", "the central register", &[]),
    }
}

fn rights(body: &mut Writer, file: &SubjectFile) {
    body.heading(
        2,
        "6. Droits de rectification, d'effacement, de limitation et d'opposition",
        "6. Rights to rectification, erasure, restriction and objection",
    );
    article(body, "gdpr-15-1-e");
    let pairs = vec![
        (
            body.words("Rectification", "Rectification", &[]),
            body.say(
                "si une connexion vous est attribuée à tort, une déclaration signée est jointe aux enregistrements et montrée avec eux, \
                 puis l'attribution est corrigée ({gdpr-16})",
                "if a connection is wrongly put down to you, a signed statement is attached to the records and shown with them, and \
                 the attribution is corrected ({gdpr-16})",
                &[],
            ),
        ),
        (
            body.words("Effacement", "Erasure", &[]),
            body.say(
                "si les données sont traitées sans droit, ne sont plus nécessaires, ou si votre opposition est accueillie ({gdpr-17})",
                "if the data are processed unlawfully, are no longer needed, or if your objection succeeds ({gdpr-17})",
                &[],
            ),
        ),
        (
            body.words("Limitation", "Restriction", &[]),
            body.say(
                "le temps d'une vérification ou d'un examen, vos données ne peuvent plus être consultées pour une autre fin ({gdpr-18})",
                "while something is checked or examined, your data can no longer be looked at for any other end ({gdpr-18})",
                &[],
            ),
        ),
        (
            body.words("Opposition", "Objection", &[]),
            body.say(
                "à tout moment, pour des raisons tenant à votre situation particulière ; si elle est accueillie, les sites que vous \
                 visitez ne sont plus inscrits ({gdpr-21})",
                "at any time, on grounds relating to your particular situation; if it succeeds, the sites you visit are no longer \
                 written down ({gdpr-21})",
                &[],
            ),
        ),
        (
            body.words("Portabilité", "Portability", &[]),
            body.say(
                "ne s'applique pas : le traitement ne repose ni sur votre consentement ni sur un contrat ({gdpr-20-1}). La copie jointe \
                 est néanmoins lisible par un programme",
                "does not apply: the processing rests neither on your consent nor on a contract ({gdpr-20-1}). The enclosed copy can be \
                 read by a program all the same",
                &[],
            ),
        ),
    ];
    body.definitions(pairs);
    let contact = file.organisation.rights(body.language);
    body.paragraph(
        "Écrivez à {@} en rappelant la référence {}. Nous répondons dans le mois ({gdpr-12-3}) ; aucun motif n'est à donner, \
         sauf pour une opposition. Vos droits sont aussi prévus par la {loi-78-17}.",
        "Write to {@}, quoting reference {}. We answer within one month ({gdpr-12-3}); no reason need be given, except for an \
         objection. Your rights are also set out in the {loi-78-17}.",
        &[&contact, &body.stated(&file.reference)],
    );
}

fn complaint(body: &mut Writer) {
    body.heading(2, "7. Réclamation auprès de la CNIL", "7. Complaint to the CNIL");
    article(body, "gdpr-15-1-f");
    remedies(body);
}

fn source(body: &mut Writer) {
    body.heading(2, "8. Source des données", "8. Source of the data");
    article(body, "gdpr-15-1-g");
    body.paragraph(
        "Les données proviennent de vos propres connexions. Le compte et les groupes proviennent de l'annuaire de l'organisation ou des \
         comptes du serveur mandataire. Aucune donnée n'est achetée ni obtenue de tiers ; les listes de sites ne concernent personne.",
        "The data come from your own connections. The account and groups come from the organisation's directory or from the accounts of \
         the proxy server. No data are bought or obtained from others; lists of sites concern nobody.",
        &[],
    );
}

fn decisions(body: &mut Writer, file: &SubjectFile) {
    let (title, version) = (body.stated(&file.charter.title), body.stated(&file.charter.version));
    let hash = body.stated(&file.charter.hash);
    body.heading(2, "9. Décision automatisée et profilage", "9. Automated decision-making and profiling");
    article(body, "gdpr-15-1-h");
    body.paragraph(
        "**Aucune décision** produisant des effets juridiques ou vous affectant de manière significative n'est prise sur le seul \
         fondement d'un traitement automatisé ({gdpr-22}). Il n'y a ni profil, ni note, ni classement des personnes, et aucune sanction \
         n'est automatique.",
        "**No decision** that has legal effects or significantly affects you is taken by automated processing alone ({gdpr-22}). There \
         is no profile, no score, no ranking of people, and no sanction is automatic.",
        &[],
    );
    body.paragraph(
        "Un site est refusé lorsqu'une règle de la charte vise la catégorie dont il relève, la même pour tous ceux à qui elle \
         s'applique ; la page de refus en donne l'article et permet de le contester. Charte en vigueur : « {} », version {}, \
         empreinte {}.",
        "A site is refused when a rule of the charter is about a category it belongs to, the same for everyone it applies to; the page \
         that says so names the article, and how to contest it. Charter in force: “{}”, version {}, hash {}.",
        &[&title, &version, &hash],
    );
}

fn looks(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    body.heading(2, "11. Consultations de vos données", "11. Consultations of your data");
    article(body, "cjeu-c-579-21");
    let rows = file.looks.iter().map(|look| {
        vec![wording::stamp(language, &look.at), purpose_in_words(body, &look.purpose), role_in_words(body, look.role)]
    });
    let table = Table {
        caption: body.words("Dates, finalités et rôles", "Dates, purposes and roles", &[]),
        columns: vec![
            Column::words(language.pick("Date", "Date")),
            Column::words(language.pick("Finalité", "Purpose")),
            Column::words(language.pick("Rôle", "Role")),
        ],
        rows: rows.collect(),
        row_headings: true,
    };
    body.table(table, "Vos données n'ont pas été consultées.", "Your data have not been consulted.");
    body.paragraph(
        "L'identité des personnes habilitées n'est pas communiquée : elle constitue une donnée relative à ces personnes. Les recherches \
         faites sous pseudonymes sans viser le vôtre, qui ne montrent aucun nom, et les accès liés à une mission d'enquête prévue par la loi ne figurent \
         pas dans cette liste, qu'il y en ait eu ou non.",
        "Who these people are is not disclosed: it is data about them. Searches under pseudonyms that did not look for yours, which show no name, and accesses for an \
         inquiry provided for by law are not in this list, whether there were any or not.",
        &[],
    );
}

/// A role in words.
pub(super) fn role_in_words(body: &Writer, role: Role) -> String {
    let (french, english) = match role {
        Role::Operator => ("exploitation", "operation"),
        Role::Policy => ("rédaction de la charte", "writing the charter"),
        Role::Statistics => ("statistiques", "statistics"),
        Role::Investigator => ("enquête", "investigation"),
        Role::Approver => ("approbation", "approval"),
        Role::Rights => ("réponse aux demandes", "answering requests"),
        Role::Auditor => ("contrôle", "control"),
    };
    body.words(french, english, &[])
}

fn controller(body: &mut Writer, file: &SubjectFile) {
    let organisation = &file.organisation;
    body.heading(2, "12. Responsable du traitement et contacts", "12. Controller and contacts");
    let address = body.stated(&organisation.address.join(", "));
    let dpo = if organisation.dpo.trim().is_empty() {
        Prose::plain(wording::unknown(body.language))
    } else {
        Prose::linked(organisation.dpo.trim())
    };
    body.definitions(vec![
        (body.words("Responsable du traitement", "Controller", &[]), Prose::plain(organisation.shown(body.language))),
        (body.words("Adresse", "Address", &[]), Prose::plain(address)),
        (body.words("Contact", "Contact", &[]), Prose::linked(&body.stated(&organisation.contact))),
        (body.words("Délégué à la protection des données", "Data protection officer", &[]), dpo),
        (body.words("Référence du dossier", "Reference", &[]), Prose::plain(body.stated(&file.reference))),
    ]);
}

/// Words of the configuration, when there are any.
pub(super) fn label(body: &Writer, text: Option<&Text>) -> String {
    text.map_or_else(|| "–".to_owned(), |text| body.text(text))
}
