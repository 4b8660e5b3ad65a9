//! The answer to a request for rectification, erasure, restriction, or to an objection: what was done, or why it was not.
use super::{Correspondence, Right, reasons};
use crate::legal::document::Document;
use crate::legal::parties::remedies;
use crate::legal::wording;
use crate::legal::write::Writer;
use crate::pages::Language;
use jiff::civil::Date;

/// The answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// From whom to whom.
    pub(crate) to: Correspondence,
    /// What was asked for.
    pub(crate) decision: Decision,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// What was asked for, and what only that right has. Portability has a letter of its own; so has access, when it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Art. 15, which was not done: what was is told by the letter in its bundle.
    Access,
    /// Art. 16.
    Rectification {
        /// What was attached, in its words.
        attached: Vec<Attached>,
        /// Whether an account or an address is another's since, so that what is to come is attributed rightly.
        corrected: bool,
    },
    /// Art. 17: what is not erased yet.
    Erasure(Rest),
    /// Art. 18.
    Restriction,
    /// Art. 21.
    Objection,
}

/// A statement that is attached to records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    /// Since when.
    pub(crate) on: Date,
    /// To how many records.
    pub(crate) records: u64,
    /// What it says.
    pub(crate) text: String,
}

/// What is left of records that are to be erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// How many wait until their day is sealed.
    pub(crate) waiting: u64,
    /// The first day on which all of those can be gone.
    pub(crate) from: Date,
    /// How many are kept for claims (art. 17(3)(e)).
    pub(crate) held: u64,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Granted {
        /// Since when.
        since: Date,
        /// How many records it is about; of an erasure, those that are gone.
        records: u64,
        /// Recipients that were told (art. 19).
        told: Vec<String>,
        /// Recipients that are to be told.
        untold: Vec<String>,
    },
    /// It was not.
    Refused {
        /// Why, in words for the person.
        reasons: String,
    },
}

impl Decision {
    fn right(&self) -> Right {
        match self {
            Decision::Access => Right::Access,
            Decision::Rectification { .. } => Right::Rectification,
            Decision::Erasure(_) => Right::Erasure,
            Decision::Restriction => Right::Restriction,
            Decision::Objection => Right::Objection,
        }
    }
}

impl Answer {
    /// The letter.
    pub(crate) fn letter(&self, language: Language) -> Document {
        let mut body = Writer::new(language);
        self.to.request(
            &mut body,
            self.decision.right(),
            "Vous nous avez adressé, le {}, une demande {right}.",
            "On {} you sent us a request {right}.",
        );
        match &self.outcome {
            Outcome::Granted { since, records, told, untold } => {
                self.granted(&mut body, *since, *records);
                self.notified(&mut body, told, untold);
            }
            Outcome::Refused { reasons: words } => {
                self.refused(&mut body);
                reasons(&mut body, words);
            }
        }
        remedies(&mut body);
        let object = match self.decision.right() {
            Right::Access => ("votre demande d'accès à vos données", "your request for access to your data"),
            Right::Rectification => ("votre demande de rectification", "your request for rectification"),
            Right::Erasure => ("votre demande d'effacement", "your request for erasure"),
            Right::Restriction => {
                ("votre demande de limitation du traitement", "your request for restriction of processing")
            }
            _ => ("votre opposition au traitement de vos données", "your objection to the processing of your data"),
        };
        self.to.letter(language, object, body)
    }

    fn granted(&self, body: &mut Writer, since: Date, records: u64) {
        let language = body.language;
        let since = wording::date(language, since);
        let records_of = |records| {
            let one = language.pick("enregistrement", "record");
            wording::count(language, records, one, language.pick("enregistrements", "records"))
        };
        let count = records_of(records);
        match &self.decision {
            Decision::Erasure(Rest { waiting: 0, held: 1.., .. }) if records == 0 => {
                body.paragraph(
                    "**Nous ne pouvons y faire droit pour l'instant.**",
                    "**We cannot grant it for now.**",
                    &[],
                );
            }
            Decision::Erasure(Rest { held: 1.., .. }) => {
                body.paragraph("**Nous y avons fait droit en partie.**", "**We have granted it in part.**", &[]);
            }
            Decision::Erasure(Rest { waiting: 1.., .. }) => {
                body.paragraph("**Nous y faisons droit.**", "**We grant it.**", &[]);
            }
            _ => body.paragraph("**Nous y avons fait droit.**", "**We have granted it.**", &[]),
        }
        match &self.decision {
            Decision::Access => {}
            Decision::Rectification { attached, corrected } => {
                for Attached { on, records, text } in attached {
                    body.paragraph(
                        "Le {}, la déclaration suivante, signée, a été jointe à {} :",
                        "On {}, the following signed statement was attached to {}:",
                        &[&wording::date(language, *on), &records_of(*records)],
                    );
                    body.note("{}", "{}", &[&body.typed(text)]);
                }
                body.paragraph(
                    "Toute déclaration jointe est montrée avec ces enregistrements lors de toute consultation et dans toute copie. Les \
                     enregistrements eux-mêmes ne sont pas réécrits, afin que l'intégrité du registre reste vérifiable.",
                    "A statement that is attached is shown with these records at every look and in every copy. The records themselves are \
                     not rewritten, so that the integrity of the register can still be verified.",
                    &[],
                );
                if *corrected {
                    body.paragraph(
                        "L'attribution est corrigée pour l'avenir.",
                        "The attribution is corrected for the future.",
                        &[],
                    );
                }
            }
            Decision::Erasure(Rest { waiting, from, held }) => {
                match (records, waiting, held) {
                    (0, 0, 0) => body.paragraph(
                        "Aucun de ces enregistrements n'est plus conservé.",
                        "None of these records is kept any more.",
                        &[],
                    ),
                    (0, ..) => {}
                    _ => body.paragraph(
                        "Depuis le {}, le contenu de {} a été détruit. N'en subsistent qu'une empreinte, dont rien ne permet de déduire ce \
                         contenu, et une attestation signée qui porte la date et le motif, sans votre nom. Il en va de même dans les copies \
                         de sauvegarde.",
                        "Since {}, the content of {} has been destroyed. All that is left is a hash, from which nothing can be inferred about \
                         that content, and a signed certificate of date and ground, without your name. The same holds for backup copies.",
                        &[&since, &count],
                    ),
                }
                if *waiting > 0 {
                    body.paragraph(
                        "La destruction de {} est décidée et aura lieu **au plus tôt le {}** ; d'ici là, le traitement en est limité.",
                        "The destruction of {} is decided and will take place **on {} at the earliest**; until then, their processing is \
                         restricted.",
                        &[&records_of(*waiting), &wording::date(language, *from)],
                    );
                }
                if *held > 0 {
                    body.paragraph(
                        "La conservation de {} reste nécessaire à la constatation, à l'exercice ou à la défense de droits en justice \
                         ({gdpr-17-3-e}). La destruction en aura lieu, sans nouvelle demande de votre part, dès que cette nécessité \
                         cessera ; d'ici là, le traitement en est limité.",
                        "Keeping {} is still necessary for the establishment, exercise or defence of legal claims ({gdpr-17-3-e}). Their \
                         destruction will take place, without another request of yours, as soon as that necessity ends; until then, their \
                         processing is restricted.",
                        &[&records_of(*held)],
                    );
                }
            }
            Decision::Restriction => body.paragraph(
                "Depuis le {}, le traitement de vos données est limité ({}). Elles ne peuvent plus être consultées, sauf pour répondre à \
                 vos propres demandes, avec votre consentement, ou dans les cas que prévoit l'{gdpr-18-2}. Nous vous informerons avant de \
                 lever cette limitation ({gdpr-18-3}).",
                "Since {}, the processing of your data has been restricted ({}). They can no longer be looked at, except to answer your own \
                 requests, with your consent, or in the cases set out in {gdpr-18-2}. We will inform you before we lift this restriction \
                 ({gdpr-18-3}).",
                &[&since, &count],
            ),
            Decision::Objection => body.paragraph(
                "À compter du {}, vos connexions autorisées sont enregistrées sans le site visité. Les données déjà enregistrées ({}) ne \
                 peuvent plus être consultées pour les finalités déclarées. Elles seront détruites au terme de leur conservation, ou sans \
                 attendre si vous en demandez l'effacement ({gdpr-17-1-c}).",
                "As from {}, those of your connections that are allowed are recorded without the site visited. Data already recorded \
                 ({}) can no longer be looked at for the declared purposes. They will be destroyed at the end of their term, or without waiting \
                 for it if you ask for their erasure ({gdpr-17-1-c}).",
                &[&since, &count],
            ),
        }
    }

    /// Art. 19: who was told, and who will be.
    fn notified(&self, body: &mut Writer, told: &[String], untold: &[String]) {
        if self.decision == Decision::Objection {
            return;
        }
        if told.is_empty() && untold.is_empty() {
            body.paragraph(
                "Ces données n'ayant été communiquées à aucun destinataire, il n'y avait personne à en informer ({gdpr-19}).",
                "As these data had been disclosed to no recipient, there was nobody to inform ({gdpr-19}).",
                &[],
            );
        }
        if !told.is_empty() {
            body.paragraph(
                "Les destinataires suivants en ont été informés ({gdpr-19}) : {}.",
                "The following recipients have been informed ({gdpr-19}): {}.",
                &[&told.join(", ")],
            );
        }
        if !untold.is_empty() {
            body.paragraph(
                "Les destinataires suivants en seront informés ({gdpr-19}) : {}.",
                "The following recipients will be informed ({gdpr-19}): {}.",
                &[&untold.join(", ")],
            );
        }
    }

    fn refused(&self, body: &mut Writer) {
        match self.decision.right() {
            Right::Access => body.paragraph(
                "Après examen, **nous n'y donnons pas suite**, pour les motifs suivants.",
                "Having examined it, **we do not act on it**, for the following reasons.",
                &[],
            ),
            Right::Rectification => body.paragraph(
                "Après vérification, **nous n'y donnons pas suite** : les données nous paraissent exactes. Vous pouvez nous adresser une \
                 déclaration contraire, que nous joindrons aux enregistrements concernés.",
                "Having checked, **we do not act on it**: the data appear to us to be accurate. You may send us a statement to the \
                 contrary, which we will attach to the records concerned.",
                &[],
            ),
            Right::Erasure => body.paragraph(
                "Après examen, **nous n'y donnons pas suite** : aucun des cas que prévoit l'{gdpr-17-1} n'est rempli, ou l'une des exceptions \
                 de l'{gdpr-17-3} s'applique.",
                "Having examined it, **we do not act on it**: none of the cases of {gdpr-17-1} is met, or one of the exceptions of \
                 {gdpr-17-3} applies.",
                &[],
            ),
            Right::Restriction => body.paragraph(
                "Après examen, **nous n'y donnons pas suite** : aucun des cas que prévoit l'{gdpr-18-1} n'est rempli.",
                "Having examined it, **we do not act on it**: none of the cases of {gdpr-18-1} is met.",
                &[],
            ),
            _ => body.paragraph(
                "Pendant l'examen, vos données n'ont pu être consultées pour les finalités déclarées. Au terme de celui-ci, **nous ne pouvons \
                 accueillir votre opposition** : des motifs légitimes et impérieux prévalent sur vos intérêts, vos droits et vos \
                 libertés, ou le traitement est nécessaire à la défense de droits en justice ({gdpr-21-1}).",
                "While we examined it, your data could not be looked at for the declared purposes. Having done so, **we cannot uphold your \
                 objection**: compelling legitimate grounds override your interests, rights and freedoms, or the processing is needed \
                 for the defence of legal claims ({gdpr-21-1}).",
                &[],
            ),
        }
    }
}
