//! What fields, codes and words mean, and how somebody else checks all of it without this program.
use super::SubjectFile;
use crate::legal::document::{Column, Passage, Table};
use crate::legal::wording;
use crate::legal::write::Writer;

/// Each field of a record in plain words; a test holds this to `logstore/fields.toml`.
const FIELDS: &[(&str, &str, &str)] = &[
    (
        "id",
        "numéro de l'enregistrement, qui figure sur les pages de refus",
        "number of the record, as it stands on refusal pages",
    ),
    ("node", "serveur mandataire qui a écrit l'enregistrement", "proxy server that wrote the record"),
    ("opened_at", "début de la connexion", "when the connection began"),
    ("closed_at", "fin de la connexion", "when the connection ended"),
    ("user", "compte, s'il est établi", "account, if one was established"),
    (
        "auth",
        "manière dont le compte a été établi, donc degré de certitude",
        "how the account was established, hence how sure it is",
    ),
    (
        "client_ip",
        "adresse de l'équipement qui a demandé la connexion",
        "address of the machine that asked for the connection",
    ),
    ("method", "type de requête", "kind of request"),
    ("scheme", "protocole demandé", "protocol asked for"),
    (
        "host",
        "nom du site demandé ; vide s'il n'est pas conservé",
        "name of the site asked for; empty where it is not kept",
    ),
    ("port", "port demandé", "port asked for"),
    (
        "tls_name",
        "nom annoncé à l'ouverture du chiffrement, s'il est différent du site",
        "name given when encryption began, if other than the site",
    ),
    ("masked", "raison pour laquelle le site n'est pas conservé", "why the site is not kept"),
    ("path", "chemin de la page ; vide s'il n'est pas conservé", "path of the page; empty if it is not kept"),
    (
        "destination_ip",
        "adresse du serveur joint ; vide si elle n'est pas conservée",
        "address of the server reached; empty where it is not kept",
    ),
    ("status", "code de la réponse", "code of the answer"),
    ("bytes_sent", "octets envoyés", "bytes sent"),
    ("bytes_received", "octets reçus", "bytes received"),
    ("action", "décision prise", "what was decided"),
    ("outcome", "manière dont la connexion s'est terminée", "how the connection ended"),
    ("rule", "règle de la charte qui a décidé", "rule of the charter that decided"),
    ("article", "article de la charte que sert cette règle", "article of the charter that the rule serves"),
    ("category", "catégorie du site qui a décidé", "category of the site that decided"),
    ("charter", "version et empreinte de la charte en vigueur", "version and hash of the charter in force"),
];

/// Codes in the files, and what they mean.
const CODES: &[(&str, &str, &str, &str)] = &[
    ("action", "allow", "autorisée", "allowed"),
    ("action", "block", "refusée", "refused"),
    ("action", "warn", "autorisée après avertissement", "allowed after a warning"),
    ("action", "budget", "autorisée sur un crédit de temps", "allowed on a budget"),
    ("outcome", "completed", "menée à son terme", "ran to its end"),
    ("outcome", "refused", "refusée par le serveur mandataire", "refused by the proxy server"),
    ("outcome", "failed", "le site n'a pas pu répondre", "the site could not answer"),
    ("outcome", "abandoned", "abandonnée par l'équipement", "given up by the machine"),
    ("outcome", "interrupted", "coupée par un arrêt du serveur mandataire", "cut by a stop of the proxy server"),
    ("outcome", "continued", "poursuivie le jour suivant", "goes on in the next day"),
    ("masked", "category", "catégorie protégée", "protected category"),
    ("masked", "person", "personne protégée", "protected person"),
    ("masked", "guest", "accès invité", "guest access"),
    ("auth", "negotiate", "ouverture de session Windows (Kerberos)", "Windows session (Kerberos)"),
    ("auth", "basic", "nom et mot de passe", "name and password"),
    ("auth", "portal", "portail des visiteurs", "visitors' portal"),
    ("auth", "address", "adresse de l'équipement seule", "address of the machine only"),
];

const WORDS: &[(&str, &str, &str, &str)] = &[
    (
        "Serveur mandataire",
        "Proxy server",
        "le serveur par lequel passent les accès à Internet ; il applique la charte et tient le registre",
        "the server through which Internet access passes; it applies the charter and keeps the register",
    ),
    (
        "Connexion",
        "Connection",
        "une demande à un site, ou un échange chiffré avec lui ; une page en entraîne souvent plusieurs dizaines",
        "one request to a site, or one encrypted exchange with it; a page often brings about several dozens",
    ),
    (
        "Registre",
        "Register",
        "l'ensemble des enregistrements, chiffrés jour par jour, et la trace de qui les a consultés",
        "all records, encrypted day by day, and the trace of who looked at them",
    ),
    (
        "Catégorie",
        "Category",
        "un ensemble de sites de même nature, d'après des listes publiques ou propres à l'organisation",
        "sites of one kind, from public lists or the organisation's own",
    ),
    (
        "Empreinte",
        "Hash",
        "un nombre calculé sur un fichier, qui change si le fichier change (SHA-256)",
        "a number computed from a file, which changes when the file does (SHA-256)",
    ),
    (
        "Sceau",
        "Seal",
        "l'empreinte signée d'une journée du registre, enchaînée à celles qui la précèdent",
        "the signed hash of a day of the register, chained to those before it",
    ),
    (
        "Pseudonyme",
        "Pseudonym",
        "ce qui tient lieu de nom tant qu'une consultation nominative n'est pas ouverte",
        "what stands for a name as long as no look by name has been opened",
    ),
    (
        "UTC",
        "UTC",
        "le temps universel, dans lequel le registre est tenu",
        "universal time, in which the register is kept",
    ),
];

/// What is recorded: the fields in force, each in plain words.
pub(super) fn fields(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    let meaning = |name: &str| {
        let found = FIELDS.iter().find(|(field, _, _)| *field == name);
        found.map_or(wording::unknown(language).to_owned(), |(_, fr, en)| body.words(fr, en, &[]))
    };
    let mut rows: Vec<_> = file.processing.fields.iter().map(|name| vec![meaning(name), name.clone()]).collect();
    if !rows.is_empty() {
        // No field of the register: files of an answer have it beside `opened_at`.
        let local =
            body.words("début de la connexion, en heure locale", "when the connection began, in local time", &[]);
        rows.push(vec![local, "opened_at_local".to_owned()]);
    }
    let columns = vec![
        Column::words(language.pick("Donnée", "Data")),
        Column::words(language.pick("Nom dans les fichiers", "Name in the files")),
    ];
    let caption = body.words("Données enregistrées pour chaque connexion", "Data recorded of each connection", &[]);
    let table = Table { caption, columns, rows, row_headings: true };
    body.table(table, "Données enregistrées : [à compléter].", "Data recorded: [to be completed].");
}

/// The last sections: words, codes, verification.
pub(super) fn glossary(body: &mut Writer, file: &SubjectFile) {
    let language = body.language;
    body.heading(2, "13. Glossaire", "13. Glossary");
    let words =
        WORDS.iter().map(|(fr, en, told_fr, told_en)| (body.words(fr, en, &[]), body.say(told_fr, told_en, &[])));
    let words = words.collect();
    body.definitions(words);
    let rows = CODES
        .iter()
        .map(|(field, code, fr, en)| vec![(*code).to_owned(), (*field).to_owned(), body.words(fr, en, &[])]);
    let table = Table {
        caption: body.words("Codes employés dans les fichiers", "Codes used in the files", &[]),
        columns: vec![
            Column::words("Code"),
            Column::words(language.pick("Donnée", "Field")),
            Column::words(language.pick("Signification", "Meaning")),
        ],
        rows: rows.collect(),
        row_headings: true,
    };
    body.passages.push(Passage::Table(table));
    verification(body, file);
}

fn verification(body: &mut Writer, file: &SubjectFile) {
    body.heading(2, "14. Vérification", "14. Verification");
    body.paragraph(
        "Les documents joints sont conçus pour qu'un tiers puisse vérifier leur intégrité, sans notre logiciel, avec des outils \
         libres (sha256sum, openssl) :",
        "The enclosed documents are designed so that a third party can verify their integrity, without our software, with free tools \
         (sha256sum, openssl):",
        &[],
    );
    let fingerprint = body.stated(&file.key_fingerprint);
    let steps = vec![
        body.say(
            "calculez l'empreinte de chaque fichier (sha256sum) et comparez-la à celle que donne **manifest.json**",
            "compute the hash of each file (sha256sum) and compare it with the one in **manifest.json**",
            &[],
        ),
        body.say(
            "vérifiez avec la clé publique **key.pem** la signature Ed25519 inscrite dans le commentaire de l'archive : elle porte sur \
             l'empreinte de tous les octets qui la précèdent",
            "with the public key **key.pem**, verify the Ed25519 signature in the comment of the archive: it covers the hash of every \
             byte before it",
            &[],
        ),
        body.say(
            "comparez l'empreinte de cette clé avec celle que l'organisation a confiée à un tiers : {}",
            "compare the hash of this key with the one the organisation has given to a third party: {}",
            &[&fingerprint],
        ),
        body.say(
            "pour chaque enregistrement, **proofs.jsonl** donne le chemin qui mène de sa feuille à la racine de sa journée ({rfc-9162}), \
             et **seals.jsonl** le sceau qui signe cette racine",
            "for each record, **proofs.jsonl** gives the path that leads from its leaf to the root of its day ({rfc-9162}), and \
             **seals.jsonl** the seal that signs this root",
            &[],
        ),
    ];
    body.steps(steps);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_register_is_explained_and_no_other() {
        let table = include_str!("../../../../logstore/fields.toml");
        let names: Vec<&str> =
            table.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
        let told: Vec<&str> = FIELDS.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(told, names);
    }
}
