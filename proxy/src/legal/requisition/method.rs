//! What goes with every delivery: how the clock was kept, how records arise and what they don't say, how all of it is verified.
use super::{Clock, Requisition};
use crate::legal::wording;
use crate::legal::write::Writer;
use jiff::ToSpan as _;
use jiff::civil::Date;

/// The statement on the clock.
pub(super) fn clock(body: &mut Writer, requisition: &Requisition) {
    body.heading(2, "Horloge", "Clock");
    body.paragraph(
        "Le registre est tenu en temps universel (UTC) ; les heures de ce document portent leur décalage.",
        "The register is kept in universal time (UTC); the times in this document carry their offset.",
        &[],
    );
    match &requisition.clock {
        Clock::Unknown => body.paragraph(
            "Rien n'indique si l'horloge du serveur mandataire était synchronisée pendant la période.",
            "Nothing says whether the clock of the proxy server was synchronised during the period.",
            &[],
        ),
        Clock::Kept { source, offset_ms } => body.paragraph(
            "L'horloge du serveur mandataire était synchronisée pendant toute la période (source : {}) ; son écart estimé n'a pas \
             dépassé {}\u{a0}ms.",
            "The clock of the proxy server was synchronised throughout the period (source: {}); its estimated offset never exceeded \
             {}\u{a0}ms.",
            &[&body.stated(source), &offset_ms.to_string()],
        ),
        Clock::Lost { days } => body.paragraph(
            "D'après les sceaux du registre, l'horloge du serveur mandataire n'était pas synchronisée pour les journées suivantes (UTC) : \
             {}.",
            "According to the seals of the register, the clock of the proxy server was not synchronised for the following days (UTC): \
             {}.",
            &[&in_words(body, days)],
        ),
    }
}

/// Days in words; those that follow each other as from one to the other.
fn in_words(body: &Writer, days: &[Date]) -> String {
    let mut runs: Vec<(Date, Date)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1.day()).is_ok_and(|next| next == *day) => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let told = runs.iter().map(|(first, last)| {
        let [from, to] = [first, last].map(|day| wording::date(body.language, *day));
        if first == last { from } else { body.words("du {} au {}", "{} to {}", &[&from, &to]) }
    });
    told.collect::<Vec<_>>().join(", ")
}

/// How records arise, and the limits of what they say.
pub(super) fn method(body: &mut Writer) {
    body.heading(2, "Méthode", "Method");
    body.paragraph("Les enregistrements sont à lire comme suit :", "The records are to be read as follows:", &[]);
    let items = vec![
        body.say(
            "chaque connexion qui passe par le serveur mandataire est inscrite au registre avant que le premier octet ne parte, puis \
             complétée à sa fin",
            "each connection that passes through the proxy server is written into the register before the first byte leaves, and \
             completed when it ends",
            &[],
        ),
        body.say(
            "un enregistrement désigne un compte ou une adresse, non une personne ; le champ « auth » indique comment le compte a été \
             établi",
            "a record names an account or an address, not a person; the field “auth” says how the account was established",
            &[],
        ),
        body.say(
            "le site des visites de catégories protégées n'est jamais inscrit, et rien ne permet de le retrouver",
            "the site of visits in protected categories is never written down, and nothing can bring it back",
            &[],
        ),
        body.say(
            "le contenu des échanges n'est pas enregistré",
            "the content of what is exchanged is not recorded",
            &[],
        ),
        body.say(
            "les données remises sont celles de l'étendue de l'acte ; rien de ce qui se trouve au-delà de cette étendue n'y figure",
            "the data handed over are those within the scope of the act; nothing that lies beyond this scope is among them",
            &[],
        ),
    ];
    body.list(items);
}

/// How somebody else verifies a delivery.
pub(super) fn verification(body: &mut Writer, requisition: &Requisition) {
    body.heading(2, "Vérification", "Verification");
    body.paragraph(
        "Cette remise est conçue pour permettre la vérification de son intégrité par un tiers, sans le logiciel qui l'a produite :",
        "This delivery is designed so that a third party can verify its integrity, without the software that made it:",
        &[],
    );
    let fingerprint = body.stated(&requisition.key_fingerprint);
    let steps = vec![
        body.say(
            "calculer l'empreinte SHA-256 de chaque fichier et la comparer à celle de cet inventaire",
            "compute the SHA-256 of each file and compare it with the one in this inventory",
            &[],
        ),
        body.say(
            "vérifier la signature de l'archive (Ed25519) avec la clé publique jointe, dont l'empreinte est {}",
            "verify the signature of the archive (Ed25519) with the enclosed public key, whose hash is {}",
            &[&fingerprint],
        ),
        body.say(
            "vérifier que chaque enregistrement appartient à une journée scellée : le chemin de sa feuille à la racine est joint \
             ({rfc-9162}), avec le sceau qui la signe",
            "verify that each record belongs to a sealed day: the path from its leaf to the root is enclosed ({rfc-9162}), with the seal \
             that signs it",
            &[],
        ),
    ];
    body.steps(steps);
}
