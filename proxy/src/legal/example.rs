//! Made-up values for the tests and for the pictures in the guide: nobody's.
use super::document::Document;
use super::letters::answer::{Answer, Attached, Decision, Outcome, Rest};
use super::letters::{Correspondence, Extension, Ground as Refused, Lifting, Portability, Receipt, Refusal, Right};
use super::parties::{Organisation, Person};
use super::requisition::{Act, Clock, Counts as Found, HashedFile, Requisition, Scope};
use super::subject::{
    Action, Attributed, Beside, Charter, Copies, Counts, Detail, Ground, Hold, JoinedFile, Look, Masked, Processing,
    Purpose, Record, Role, Searched, Stated, Store, SubjectFile, Unfinished,
};
use crate::pages::Language;
use jiff::civil::Date;
use jiff::{ToSpan as _, ZonedDateTime};
use policy::verdict::Text;

pub(super) fn text(fr: &str, en: &str) -> Text {
    Text { fr: fr.into(), en: en.into() }
}

pub(super) fn day(text: &str) -> Date {
    text.parse().expect("a date")
}

pub(super) fn at(text: &str) -> ZonedDateTime {
    format!("{text}[Europe/Paris]").parse().expect("a moment")
}

pub(super) fn organisation() -> Organisation {
    Organisation {
        name: "Exemple SAS".into(),
        address: vec!["12 rue de la République".into(), "69002 Lyon".into()],
        place: "Lyon".into(),
        contact: "informatique@exemple.fr".into(),
        dpo: "dpo@exemple.fr".into(),
    }
}

pub(super) fn person() -> Person {
    Person {
        name: String::new(),
        address: vec!["Service comptabilité".into(), "12 rue de la République".into(), "69002 Lyon".into()],
        account: "a.martin".into(),
    }
}

/// A site, its category in both languages, what was decided, bytes.
type Site = (&'static str, Option<(&'static str, &'static str)>, Action, u64);

const SITES: [Site; 8] = [
    ("www.service-public.example", Some(("administrations", "public services")), Action::Allowed, 184_211),
    ("intranet.exemple.fr", None, Action::Allowed, 2_904_118),
    ("www.journal.example", Some(("presse", "press")), Action::Allowed, 1_250_337),
    ("cdn.journal.example", Some(("presse", "press")), Action::Allowed, 8_402_990),
    ("paris-sportifs.example", Some(("jeux d’argent", "gambling")), Action::Blocked, 0),
    ("courrier.exemple.fr", Some(("messagerie", "webmail")), Action::Allowed, 96_204),
    ("mises-a-jour.logiciel.example", Some(("mises à jour", "updates")), Action::Allowed, 64_118_201),
    ("fournisseur-de-papeterie.example", None, Action::Warned, 412_870),
];

fn record(number: usize) -> Record {
    let (host, category, action, bytes) = SITES[number % SITES.len()];
    let masked = number % 23 == 7;
    let before = (number as i64 * 4_127).seconds();
    Record {
        id: 48_213 - number as u64,
        opened: at("2026-11-20T17:42:09+01:00").checked_sub(before).expect("a moment"),
        host: if masked { Err(Masked::Category) } else { Ok(host.into()) },
        category: category.filter(|_| !masked).map(|(fr, en)| text(fr, en)),
        action: if masked { Action::Allowed } else { action },
        unfinished: (number % 31 == 12).then_some(Unfinished::Failed),
        client: "10.4.2.17".into(),
        bytes,
    }
}

pub(super) fn purpose(code: &str) -> Purpose {
    Purpose { code: code.into(), words: Text::default() }
}

/// A file with something of everything.
pub(super) fn file() -> SubjectFile {
    let fields = "id node opened_at closed_at user auth client_ip method scheme host port tls_name masked destination_ip status \
                  bytes_sent bytes_received action outcome rule article category charter";
    let months = [
        (2025, 11, 211),
        (2025, 12, 1_204),
        (2026, 1, 1_630),
        (2026, 2, 1_492),
        (2026, 3, 1_811),
        (2026, 4, 1_377),
        (2026, 5, 1_090),
        (2026, 6, 1_702),
        (2026, 7, 940),
        (2026, 8, 312),
        (2026, 9, 1_655),
        (2026, 10, 1_788),
        (2026, 11, 1_042),
    ];
    let categories = [
        (text("non classé", "not categorised"), 6_118),
        (text("presse", "press"), 3_407),
        (text("mises à jour de logiciels", "software updates"), 2_951),
        (text("administrations", "public services"), 1_864),
        (text("messagerie", "webmail"), 1_122),
        (text("achats", "shopping"), 640),
        (text("jeux d’argent", "gambling"), 152),
    ];
    SubjectFile {
        organisation: organisation(),
        person: person(),
        reference: "DA-2026-014".into(),
        received: day("2026-11-03"),
        answered: at("2026-11-24T10:15:00+01:00"),
        searched: Searched {
            from: day("2025-11-23"),
            to: day("2026-11-23"),
            accounts: vec![
                Attributed { name: "a.martin".into(), from: day("2025-11-23"), to: day("2026-11-23") },
                Attributed { name: "a.martin@exemple.fr".into(), from: day("2026-03-02"), to: day("2026-11-23") },
            ],
            addresses: vec![Attributed { name: "10.4.2.17".into(), from: day("2026-03-02"), to: day("2026-11-23") }],
            stores: vec![Store::Register, Store::Held, Store::AuditTrail, Store::Accounts, Store::Ledgers],
        },
        processing: Processing {
            purposes: vec![purpose("security"), purpose("charter")],
            detail: Detail::Host,
            fields: fields.split_whitespace().map(str::to_owned).collect(),
            masked_categories: vec![
                text("santé", "health"),
                text("syndicats", "trade unions"),
                text("opinions politiques", "politics"),
                text("religion", "religion"),
                text("vie affective", "dating and sexuality"),
                text("aide juridique", "legal aid"),
                text("signalement d’alertes", "whistleblowing"),
            ],
            copies: Copies::Names,
            alone: false,
            masked_persons: true,
            retention_days: 365,
            retention_reason: Text::default(),
            processor: Stated::None,
            hosting: Stated::None,
            transfers: Stated::None,
        },
        counts: Counts {
            total: 16_254,
            masked: 96,
            shared: 12,
            by_month: months.to_vec(),
            by_category: categories.to_vec(),
            by_action: vec![(Action::Allowed, 15_908), (Action::Blocked, 194), (Action::Warned, 152)],
        },
        records: (0..60).map(record).collect(),
        beside: Beside {
            statements: vec![(
                day("2026-06-12"),
                "Les connexions du 10 juin 2026 de 9 h à 11 h ont été faites par un collègue depuis ce poste.".into(),
            )],
            acknowledgements: vec![(day("2026-03-02"), "Charte informatique, version 2026-03".into())],
            exceptions: vec![(day("2026-09-01"), day("2026-09-30"), "achats de papeterie".into())],
            groups: vec![("comptabilité".into(), day("2026-03-02"))],
            accounts: vec![("a.martin".into(), day("2024-01-08"), vec![])],
            ..Beside::default()
        },
        looks: vec![
            Look { at: at("2026-11-24T09:58:12+01:00"), purpose: purpose("rights"), role: Role::Rights },
            Look { at: at("2026-09-17T14:20:31+02:00"), purpose: purpose("security"), role: Role::Investigator },
        ],
        holds: vec![Hold { ground: Ground::Incident, until: day("2027-03-31") }],
        charter: Charter {
            title: "Charte informatique d’Exemple SAS".into(),
            version: "2026-11".into(),
            hash: "3f9a1c07be52".into(),
        },
        files: vec![
            JoinedFile {
                name: "records.csv".into(),
                what: text("toutes les connexions, pour un tableur", "all connections, for a spreadsheet"),
            },
            JoinedFile {
                name: "records.json".into(),
                what: text("les mêmes, pour un programme", "the same, for a program"),
            },
            JoinedFile {
                name: "manifest.json".into(),
                what: text("la liste des fichiers et leurs empreintes", "the list of files and their hashes"),
            },
        ],
        key_fingerprint: "9b97d8722ff66cbdd72ae6565079712aa301fea39f84e76955c831f26a3602e2".into(),
    }
}

/// Nothing found, and nothing configured.
pub(super) fn nothing() -> SubjectFile {
    let whole = file();
    SubjectFile {
        organisation: Organisation::default(),
        person: Person { account: "p.dupont".into(), ..Person::default() },
        searched: Searched {
            accounts: vec![Attributed { name: "p.dupont".into(), ..whole.searched.accounts[0].clone() }],
            addresses: vec![],
            ..whole.searched
        },
        processing: Processing {
            purposes: vec![],
            masked_categories: vec![],
            copies: Copies::None,
            alone: true,
            masked_persons: false,
            processor: Stated::Unknown,
            hosting: Stated::Unknown,
            transfers: Stated::Unknown,
            fields: vec![],
            ..whole.processing
        },
        counts: Counts::default(),
        records: vec![],
        beside: Beside::default(),
        looks: vec![],
        holds: vec![],
        charter: Charter::default(),
        files: vec![],
        key_fingerprint: String::new(),
        ..whole
    }
}

fn correspondence() -> Correspondence {
    Correspondence {
        organisation: organisation(),
        person: person(),
        reference: "DA-2026-014".into(),
        received: day("2026-11-23"),
        issued: at("2026-11-24T10:15:00+01:00"),
    }
}

/// Every letter but that of the answer to a request for access.
pub(super) fn letters(language: Language) -> Vec<(&'static str, Document)> {
    let to = correspondence;
    let answer = |decision, outcome| Answer { to: to(), decision, outcome }.letter(language);
    let granted = |records, told: &[&str], untold: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Outcome::Granted { since: day("2026-11-24"), records, told: names(told), untold: names(untold) }
    };
    let erasure = |waiting, held| Decision::Erasure(Rest { waiting, from: day("2026-11-26"), held });
    let refused = || Outcome::Refused {
        reasons: language
            .pick(
                "Le poste 10.4.2.17 vous était attribué à vous seul pendant toute la période.",
                "The machine 10.4.2.17 was yours alone throughout the period.",
            )
            .into(),
    };
    let attached = |records, french: &str, english: &str| Attached {
        on: day("2026-11-24"),
        records,
        text: language.pick(french, english).to_owned(),
    };
    let shared = attached(
        202,
        "Les connexions du 10 juin 2026 de 9 h à 11 h ont été faites par une autre personne depuis ce poste.",
        "The connections of 10 June 2026 from 9:00 to 11:00 were made by somebody else from this machine.",
    );
    let lent = attached(12, "Le poste était prêté le 11 juin 2026.", "The machine was lent on 11 June 2026.");
    let rectification = |attached: &[&Attached], corrected| Decision::Rectification {
        attached: attached.iter().copied().cloned().collect(),
        corrected,
    };
    let reasons = language.pick(
        "La recherche porte sur plusieurs années et sur quatre comptes, dont deux ont changé de nom.",
        "The search covers several years and four accounts, two of which changed their name.",
    );
    let repeated = language.pick(
        "Il s’agit de votre cinquième demande identique en deux mois ; la précédente a reçu une réponse complète le 2 novembre 2026.",
        "This is your fifth identical request in two months; the one before was answered in full on 2 November 2026.",
    );
    let examined =
        language.pick("L’examen de votre opposition est terminé.", "The examination of your objection has ended.");
    let (due, extended) = (day("2026-12-23"), day("2027-02-23"));
    let receipt = |right, identity_doubted| Receipt { to: to(), right, due, identity_doubted }.letter(language);
    vec![
        ("receipt-access", receipt(Right::Access, false)),
        ("receipt-objection-doubted", receipt(Right::Objection, true)),
        (
            "receipt-late",
            Receipt { to: to(), right: Right::Erasure, due: day("2026-10-20"), identity_doubted: true }
                .letter(language),
        ),
        (
            "extension",
            Extension { to: to(), right: Right::Access, due, extended, reasons: reasons.into() }.letter(language),
        ),
        (
            "refusal-excessive",
            Refusal { to: to(), right: Right::Access, ground: Refused::Excessive, reasons: repeated.into() }
                .letter(language),
        ),
        (
            "refusal-unfounded",
            Refusal { to: to(), right: Right::Erasure, ground: Refused::Unfounded, reasons: String::new() }
                .letter(language),
        ),
        ("access-not-done", answer(Decision::Access, refused())),
        (
            "rectification-granted",
            answer(rectification(&[&shared, &lent], true), granted(214, &["Infogérance Exemple"], &[])),
        ),
        (
            "rectification-attached",
            answer(rectification(&[&shared], false), granted(202, &[], &["Infogérance Exemple"])),
        ),
        ("rectification-refused", answer(rectification(&[], false), refused())),
        ("erasure-granted", answer(erasure(0, 0), granted(214, &[], &[]))),
        ("erasure-partial", answer(erasure(7, 3), granted(34, &[], &[]))),
        ("erasure-held", answer(erasure(0, 41), granted(0, &[], &[]))),
        ("erasure-refused", answer(erasure(0, 0), refused())),
        ("restriction-granted", answer(Decision::Restriction, granted(214, &[], &[]))),
        ("restriction-refused", answer(Decision::Restriction, refused())),
        ("objection-granted", answer(Decision::Objection, granted(214, &[], &[]))),
        ("objection-refused", answer(Decision::Objection, refused())),
        ("portability", Portability { to: to() }.letter(language)),
        (
            "lifting",
            Lifting { to: to(), since: day("2026-11-24"), on: day("2026-12-10"), reasons: examined.into() }
                .letter(language),
        ),
    ]
}

pub(super) fn requisition() -> Requisition {
    let file = |name: &str, bytes, digit: &str| HashedFile { name: name.into(), bytes, sha256: digit.repeat(64) };
    Requisition {
        organisation: organisation(),
        processor: Stated::Is("Exemple Infogérance SARL, maintenance de la passerelle".into()),
        hosting: Stated::None,
        transfers: Stated::None,
        reference: "RQ-2026-003".into(),
        act: Act {
            authority: "Procureur de la République de Lyon".into(),
            service: "Brigade de recherches de Lyon".into(),
            officer: "un officier de police judiciaire".into(),
            article: "cpp-60-1".into(),
            case: "PV n° 2026/00412".into(),
            received: Some(day("2026-11-20")),
            checked: "par rappel du service à son numéro public, le 20/11/2026".into(),
        },
        from: at("2026-11-02T00:00:00+01:00"),
        to: at("2026-11-04T00:00:00+01:00"),
        scope: Scope::Account("a.martin".into()),
        counts: Found { records: 1_284, masked: 9, accounts: 1, out_of_reach: 0 },
        files: vec![
            file("records.csv", 214_880, "3f"),
            file("proofs.jsonl", 1_402_113, "a0"),
            file("seals.jsonl", 1_204, "7c"),
        ]
        .into_iter()
        .map(|file| HashedFile { sha256: file.sha256.chars().take(64).collect(), ..file })
        .collect(),
        in_charge: vec!["j.judicial".into(), "a.approver".into()],
        delivery: "remise en main propre, sur support chiffré".into(),
        encrypted_for: Some("la clé publique du service".into()),
        clock: Clock::Kept { source: "NTP".into(), offset_ms: 12 },
        retention_days: 365,
        key_fingerprint: "9b97d8722ff66cbdd72ae6565079712aa301fea39f84e76955c831f26a3602e2".into(),
        searched: at("2026-11-24T10:15:00+01:00"),
        made: at("2026-11-24T00:00:00+01:00"),
    }
}

pub(super) fn requisition_for_nothing() -> Requisition {
    Requisition {
        organisation: Organisation::default(),
        processor: Stated::Unknown,
        hosting: Stated::Unknown,
        transfers: Stated::Unknown,
        act: Act { article: "article 145 du code de procédure civile".into(), ..Act::default() },
        scope: Scope::Host("www.journal.example".into()),
        counts: Found { out_of_reach: 312, ..Found::default() },
        files: vec![],
        in_charge: vec![],
        delivery: String::new(),
        encrypted_for: None,
        clock: Clock::Unknown,
        ..requisition()
    }
}
