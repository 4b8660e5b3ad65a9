//! The answer to a request for rectification, erasure, restriction, or to an objection: what was done, or why it was not.
use super::{Correspondence, Right};
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

/// What was asked for. Access and portability have letters of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Art. 16: the statement that is attached, in its words.
    Rectification {
        /// What it says.
        statement: String,
    },
    /// Art. 17.
    Erasure,
    /// Art. 18.
    Restriction,
    /// Art. 21.
    Objection,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Granted {
        /// Since when.
        since: Date,
        /// How many records it is about.
        records: u64,
        /// Recipients that were told (art. 19).
        told: Vec<String>,
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
            Decision::Rectification { .. } => Right::Rectification,
            Decision::Erasure => Right::Erasure,
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
            Outcome::Granted { since, records, told } => {
                self.granted(&mut body, *since, *records);
                self.notified(&mut body, told);
            }
            Outcome::Refused { reasons } => {
                self.refused(&mut body);
                body.note("**Motifs.** {}", "**Reasons.** {}", &[&body.typed(reasons)]);
            }
        }
        remedies(&mut body);
        let object = match self.decision.right() {
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
        let one = language.pick("enregistrement", "record");
        let count = wording::count(language, records, one, language.pick("enregistrements", "records"));
        body.paragraph("**Nous y avons fait droit.**", "**We have granted it.**", &[]);
        match &self.decision {
            Decision::Rectification { statement } => {
                body.paragraph(
                    "Le {}, la déclaration suivante, signée, a été jointe à {} :",
                    "On {}, the following signed statement was attached to {}:",
                    &[&since, &count],
                );
                body.note("{}", "{}", &[&body.typed(statement)]);
                body.paragraph(
                    "Elle est montrée avec ces enregistrements lors de toute consultation et dans toute copie. Les enregistrements \
                     eux-mêmes ne sont pas réécrits, afin que l'intégrité du registre reste vérifiable ; l'attribution est corrigée pour \
                     l'avenir.",
                    "It is shown with these records at every look and in every copy. The records themselves are not rewritten, so that the \
                     integrity of the register can still be verified; the attribution is corrected for the future.",
                    &[],
                );
            }
            Decision::Erasure => body.paragraph(
                "Le {}, le contenu de {} a été détruit. N'en subsistent qu'une empreinte, dont rien ne permet de déduire ce contenu, et une \
                 attestation signée qui porte la date et le motif, sans votre nom. Il en va de même dans les copies de sauvegarde.",
                "On {}, the content of {} was destroyed. All that is left is a hash, from which nothing can be inferred about that \
                 content, and a signed certificate of date and ground, without your name. The same holds for backup copies.",
                &[&since, &count],
            ),
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
                 peuvent plus être consultées pour les finalités déclarées ; elles seront détruites au terme de leur conservation.",
                "As from {}, those of your connections that are allowed are recorded without the site visited. Data already recorded \
                 ({}) can no longer be looked at for the declared purposes; they will be destroyed at the end of their term.",
                &[&since, &count],
            ),
        }
    }

    /// Art. 19: who was told.
    fn notified(&self, body: &mut Writer, told: &[String]) {
        if self.decision == Decision::Objection {
            return;
        }
        if told.is_empty() {
            body.paragraph(
                "Ces données n'ayant été communiquées à aucun destinataire, il n'y avait personne à en informer ({gdpr-19}).",
                "As these data had been disclosed to no recipient, there was nobody to inform ({gdpr-19}).",
                &[],
            );
        } else {
            body.paragraph(
                "Les destinataires suivants en ont été informés ({gdpr-19}) : {}.",
                "The following recipients have been informed ({gdpr-19}): {}.",
                &[&told.join(", ")],
            );
        }
    }

    fn refused(&self, body: &mut Writer) {
        match self.decision.right() {
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
