//! The letter: what was asked, what was found in a few figures, what comes with it, and what can be done next.
use super::{Action, SubjectFile};
use crate::legal::document::Document;
use crate::legal::parties::{Frame, remedies};
use crate::legal::prose::Prose;
use crate::legal::wording;
use crate::legal::write::Writer;
use crate::pages::Language;

/// The letter that answers a request for access.
pub(super) fn letter(file: &SubjectFile, language: Language) -> Document {
    let mut body = Writer::new(language);
    opening(&mut body, file);
    if file.found() {
        figures(&mut body, file);
        meaning(&mut body);
    } else {
        nothing(&mut body, file);
    }
    enclosures(&mut body, file);
    rights(&mut body, file);
    remedies(&mut body);
    let SubjectFile { organisation, person, reference, answered, .. } = file;
    let received = body.words("reçue le {}", "received on {}", &[&wording::date(language, file.received)]);
    let details = vec![(body.words("Votre demande", "Your request", &[]), received)];
    let object = (
        "réponse à votre demande d'accès à vos données personnelles",
        "answer to your request for access to your personal data",
    );
    Frame { organisation, person, reference, issued: answered }.letter(language, object, details, body)
}

fn opening(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let (from, to) = (wording::date(language, file.searched.from), wording::date(language, file.searched.to));
    body.paragraph(
        "Vous nous avez demandé quelles données personnelles vous concernant sont enregistrées par le serveur mandataire par \
         lequel passent les accès à Internet de notre organisation. Nous vous répondons en application de l'{gdpr-15}.",
        "You asked us which personal data about you are recorded by the proxy server through which Internet access passes in \
         our organisation. This is our answer under {gdpr-15}.",
        &[],
    );
    if file.found() {
        body.paragraph(
            "Nous vous confirmons que **des données vous concernant sont traitées**. Nos recherches ont porté sur la période du \
             {} au {}, et sur tous les emplacements où de telles données peuvent se trouver.",
            "We confirm that **data about you are processed**. We searched the period from {} to {}, and every place where \
             such data can be.",
            &[&from, &to],
        );
    } else {
        body.paragraph(
            "Nous avons recherché ces données pour la période du {} au {}, dans tous les emplacements où elles peuvent se \
             trouver : **nous ne détenons aucune donnée vous concernant**.",
            "We searched for such data over the period from {} to {}, in every place where they can be: **we hold no data about \
             you**.",
            &[&from, &to],
        );
    }
}

fn figures(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let number = |value| Prose::plain(wording::number(language, value));
    let refused = file.counts.by_action.iter().filter(|(action, _)| *action == Action::Blocked).map(|(_, n)| n).sum();
    let mut pairs = vec![
        (body.words("Connexions enregistrées", "Connections recorded", &[]), number(file.counts.total)),
        (body.words("dont refusées par la charte", "of which refused under the charter", &[]), number(refused)),
    ];
    if file.counts.masked > 0 {
        let label = body.words("dont le site n'est pas conservé", "of which the site is not kept", &[]);
        pairs.push((label, number(file.counts.masked)));
    }
    let label = body.words("Consultations de vos données", "Consultations of your data", &[]);
    pairs.push((label, number(file.looks.len() as u64)));
    let label = body.words("Durée de conservation", "Retention period", &[]);
    pairs.push((label, Prose::plain(days(body, file.processing.retention_days))));
    body.definitions(pairs);
    shared(body, file);
}

/// What is held back of addresses that several people share.
fn shared(body: &mut Writer, file: &SubjectFile) {
    if file.counts.shared > 0 {
        let count = wording::count(
            body.language,
            file.counts.shared,
            body.language.pick("ligne relative", "line"),
            body.language.pick("lignes relatives", "lines"),
        );
        body.paragraph(
            "{} à des adresses que plusieurs personnes ont partagées ne sont pas communiquées : elles révéleraient les connexions \
             d'autres personnes ({gdpr-15-4}).",
            "{} of addresses that several people shared are not disclosed: they would reveal other people's connections \
             ({gdpr-15-4}).",
            &[&count],
        );
    }
}

/// Days and, in full, what they are.
pub(super) fn days(body: &Writer, days: u32) -> String {
    wording::count(
        body.language,
        u64::from(days),
        body.language.pick("jour", "day"),
        body.language.pick("jours", "days"),
    )
}

fn meaning(body: &mut Writer) {
    body.paragraph(
        "Ces données décrivent des connexions : leur date, le site demandé, la règle de la charte appliquée, le volume échangé. \
         Elles ne contiennent ni le contenu des pages, ni vos messages, ni vos mots de passe. Une connexion ne signifie pas \
         toujours que vous avez consulté un site : les navigateurs et les logiciels en ouvrent aussi d'eux-mêmes.",
        "These data describe connections: their date, the site asked for, the rule of the charter applied, the volume exchanged. \
         They hold neither the content of pages, nor your messages, nor your passwords. A connection does not always mean that \
         you visited a site: browsers and other software also open some by themselves.",
        &[],
    );
}

fn nothing(body: &mut Writer, file: &SubjectFile) {
    let kept = days(body, file.processing.retention_days);
    body.paragraph(
        "Les connexions ne sont conservées que {} ; celles qui seraient plus anciennes ont été détruites. Le rapport joint \
         précise les comptes et les adresses recherchés : si vous en avez utilisé d'autres, indiquez-les-nous et nous reprendrons \
         nos recherches.",
        "Connections are kept for {} only; any older ones have been destroyed. The enclosed report says which accounts and \
         addresses we searched for: if you used others, tell us and we will search again.",
        &[&kept],
    );
    shared(body, file);
}

fn enclosures(body: &mut Writer, file: &SubjectFile) {
    body.paragraph("Vous trouverez avec cette lettre :", "With this letter you will find:", &[]);
    let mut items = vec![body.say(
        "**un rapport** qui présente l'ensemble des informations prévues par la loi, en termes clairs",
        "**a report** that sets out, in plain words, all the information the law provides for",
        &[],
    )];
    if file.found() {
        items.push(body.say(
            "**la copie complète de vos données**, gratuite, dans des fichiers qu'un tableur ou un programme peut lire",
            "**the complete copy of your data**, free of charge, in files that a spreadsheet or a program can read",
            &[],
        ));
    }
    items.push(body.say(
        "**les éléments de vérification**, qui permettent à un tiers de contrôler que rien n'y a été modifié",
        "**what is needed for verification**, so that a third party can check that nothing has been altered",
        &[],
    ));
    body.list(items);
}

fn rights(body: &mut Writer, file: &SubjectFile) {
    let contact = file.organisation.rights(body.language);
    body.paragraph(
        "Vous pouvez demander la rectification de vos données, leur effacement ou la limitation de leur traitement, et vous \
         opposer à ce traitement pour des raisons tenant à votre situation particulière. Il vous suffit d'écrire à {@} en \
         rappelant nos références ; nous répondons aussi à toute question sur les documents joints.",
        "You may ask for your data to be rectified or erased, or for their processing to be restricted, and you may object to \
         this processing on grounds relating to your particular situation. Simply write to {@}, quoting our reference; we will \
         also answer any question about the enclosed documents.",
        &[&contact],
    );
}
