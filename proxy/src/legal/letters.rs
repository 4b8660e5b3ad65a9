//! Letters about rights: receipt, extension, refusal, and the answers that are no copy of data (art. 12 and 16 to 21 GDPR).
pub(crate) mod answer;

use super::document::Document;
use super::parties::{Frame, Organisation, Person, remedies};
use super::wording;
use super::write::Writer;
use crate::pages::Language;
use jiff::ZonedDateTime;
use jiff::civil::Date;

/// From whom to whom, about which request, and when.
#[derive(Debug, Clone)]
pub(crate) struct Correspondence {
    /// The controller.
    pub(crate) organisation: Organisation,
    /// The person who asked.
    pub(crate) person: Person,
    /// The number of the request.
    pub(crate) reference: String,
    /// When the request was received.
    pub(crate) received: Date,
    /// When the letter is written.
    pub(crate) issued: ZonedDateTime,
}

/// A right of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Right {
    /// Art. 15.
    Access,
    /// Art. 16.
    Rectification,
    /// Art. 17.
    Erasure,
    /// Art. 18.
    Restriction,
    /// Art. 20.
    Portability,
    /// Art. 21.
    Objection,
}

impl Right {
    /// What is asked for, after "votre demande" and "your request".
    pub(super) fn asked(self) -> (&'static str, &'static str) {
        match self {
            Right::Access => ("d'accès à vos données ({gdpr-15})", "for access to your data ({gdpr-15})"),
            Right::Rectification => ("de rectification ({gdpr-16})", "for rectification ({gdpr-16})"),
            Right::Erasure => ("d'effacement ({gdpr-17})", "for erasure ({gdpr-17})"),
            Right::Restriction => {
                ("de limitation du traitement ({gdpr-18})", "for restriction of processing ({gdpr-18})")
            }
            Right::Portability => ("de portabilité ({gdpr-20})", "for portability ({gdpr-20})"),
            Right::Objection => ("d'opposition ({gdpr-21})", "objecting to the processing ({gdpr-21})"),
        }
    }
}

impl Correspondence {
    /// The letter around a text, the date of the request in its head.
    fn letter(&self, language: Language, object: (&str, &str), body: Writer) -> Document {
        let Correspondence { organisation, person, reference, received, issued } = self;
        let received = body.words("reçue le {}", "received on {}", &[&wording::date(language, *received)]);
        let details = vec![(body.words("Votre demande", "Your request", &[]), received)];
        Frame { organisation, person, reference, issued }.letter(language, object, details, body)
    }

    /// The sentence that says which request is answered.
    fn request(&self, body: &mut Writer, right: Right, french: &str, english: &str) {
        let (fr, en) = right.asked();
        let received = wording::date(body.language, self.received);
        let french = french.replace("{right}", fr);
        let english = english.replace("{right}", en);
        body.paragraph(&french, &english, &[&received]);
    }
}

/// The reasons, as they were typed, set as a sentence.
fn reasons(body: &mut Writer, words: &str) {
    body.note("**Motifs.** {}", "**Reasons.** {}", &[&body.typed(&sentence(words))]);
}

/// With a capital and a full stop, whatever was typed.
fn sentence(words: &str) -> String {
    let mut letters = words.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let capital: String = first.to_uppercase().chain(letters).collect();
    if capital.ends_with(['.', '!', '?', '…', '»']) { capital } else { format!("{capital}.") }
}

/// The dated receipt, given on the spot.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    /// From whom to whom.
    pub(crate) to: Correspondence,
    /// What is asked for.
    pub(crate) right: Right,
    /// The last day of the answer: one month from receipt (art. 12(3)).
    pub(crate) due: Date,
    /// Whether it is in reasonable doubt who asks, so that proof is asked for (art. 12(6)).
    pub(crate) identity_doubted: bool,
}

impl Receipt {
    /// The letter.
    pub(crate) fn letter(&self, language: Language) -> Document {
        let mut body = Writer::new(language);
        self.to.request(
            &mut body,
            self.right,
            "Nous avons bien reçu, le {}, votre demande {right}, et nous vous en remercions.",
            "We have received, on {}, your request {right}, and thank you for it.",
        );
        let due = wording::date(language, self.due);
        if self.to.issued.date() > self.due {
            body.paragraph(
                "Le délai d'un mois dans lequel une réponse vous était due ({gdpr-12-3}) s'est achevé le {}. Nous vous prions de nous en \
                 excuser : notre réponse vous sera adressée **dans les meilleurs délais**.",
                "The month within which you were to have an answer ({gdpr-12-3}) ended on {}. We apologise for this: you will have our \
                 answer **as soon as possible**.",
                &[&due],
            );
        } else {
            body.paragraph(
            "Une réponse vous sera adressée **au plus tard le {}**, soit dans le mois qui suit la réception de votre demande \
             ({gdpr-12-3}). Si sa complexité ou le nombre des demandes l'exigeait, ce délai pourrait être prolongé de deux mois : nous \
             vous en donnerions les raisons avant cette date.",
            "You will have an answer **by {} at the latest**, that is within one month of receipt of your request ({gdpr-12-3}). Should \
             its complexity or the number of requests make it necessary, this period could be extended by two months: we would give you \
             the reasons before that date.",
            &[&due],
        );
        }
        let contact = self.to.organisation.rights(language);
        if self.identity_doubted {
            body.paragraph(
                "Pour ne pas communiquer vos données à un tiers, nous devons nous assurer de votre identité ({gdpr-12-6}). Nous vous \
                 prions de vous présenter en personne, ou d'écrire à {@}, depuis votre messagerie professionnelle si vous en avez une. \
                 Une pièce d'identité n'est nécessaire qu'à défaut ; elle serait supprimée aussitôt vérifiée.",
                "So as not to disclose your data to anybody else, we have to make sure who you are ({gdpr-12-6}). Please come in person, \
                 or write to {@}, from your work mailbox if you have one. An identity paper is needed only failing that; it would be \
                 deleted as soon as it has been checked.",
                &[&contact],
            );
        } else {
            body.paragraph(
                "Votre identité est suffisamment établie : aucune pièce n'est à fournir.",
                "Your identity is sufficiently established: no document is needed.",
                &[],
            );
        }
        if self.right == Right::Access {
            body.paragraph(
                "Celles de vos données dont la durée de conservation s'achève avant notre réponse sont mises de côté, afin de vous être \
                 communiquées.",
                "Those of your data whose retention period ends before our answer are set aside, so that they can be given to you.",
                &[],
            );
        }
        body.paragraph(
            "Cette démarche est gratuite et vous n'avez pas de motif à donner, sauf pour une opposition. Pour toute question, écrivez à \
             {@} en rappelant nos références.",
            "This is free of charge, and you need give no reason, except for an objection. If you have any question, write to {@}, \
             quoting our reference.",
            &[&contact],
        );
        self.to.letter(language, ("accusé de réception de votre demande", "receipt of your request"), body)
    }
}

/// Two months more, told with its reasons within the first month (art. 12(3)).
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    /// From whom to whom.
    pub(crate) to: Correspondence,
    /// What is asked for.
    pub(crate) right: Right,
    /// The last day as it was.
    pub(crate) due: Date,
    /// The last day from now on: three months from receipt.
    pub(crate) extended: Date,
    /// Why: complexity or number, in words for the person.
    pub(crate) reasons: String,
}

impl Extension {
    /// The letter.
    pub(crate) fn letter(&self, language: Language) -> Document {
        let mut body = Writer::new(language);
        self.to.request(
            &mut body,
            self.right,
            "Nous instruisons la demande {right} que vous nous avez adressée le {}.",
            "We are working on the request {right} that you sent us on {}.",
        );
        let (due, extended) = (wording::date(language, self.due), wording::date(language, self.extended));
        body.paragraph(
            "Nous ne serons pas en mesure d'y répondre le {}. Comme le permet l'{gdpr-12-3}, le délai est prolongé de deux mois : notre \
             réponse vous parviendra **au plus tard le {}**.",
            "We will not be able to answer it by {}. As {gdpr-12-3} allows, the period is extended by two months: you will have our \
             answer **by {} at the latest**.",
            &[&due, &extended],
        );
        body.note(
            "**Motifs de la prolongation.** {}",
            "**Reasons for the extension.** {}",
            &[&body.typed(&self.reasons)],
        );
        remedies(&mut body);
        let object =
            ("prolongation du délai de réponse à votre demande", "extension of the time to answer your request");
        self.to.letter(language, object, body)
    }
}

/// Why a request may be refused as such (art. 12(5)); the controller bears the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Manifestly unfounded.
    Unfounded,
    /// Manifestly excessive, repetitive above all.
    Excessive,
}

/// A request refused as such.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// From whom to whom.
    pub(crate) to: Correspondence,
    /// What is asked for.
    pub(crate) right: Right,
    /// Why.
    pub(crate) ground: Ground,
    /// What shows it, in words for the person.
    pub(crate) reasons: String,
}

impl Refusal {
    /// The letter.
    pub(crate) fn letter(&self, language: Language) -> Document {
        let mut body = Writer::new(language);
        self.to.request(
            &mut body,
            self.right,
            "Vous nous avez adressé, le {}, une demande {right}.",
            "On {} you sent us a request {right}.",
        );
        match self.ground {
            Ground::Unfounded => body.paragraph(
                "Après l'avoir examinée, nous ne pouvons y donner suite : elle est **manifestement infondée** au sens de \
                 l'{gdpr-12-5}.",
                "Having examined it, we cannot act on it: it is **manifestly unfounded** within the meaning of {gdpr-12-5}.",
                &[],
            ),
            Ground::Excessive => body.paragraph(
                "Après l'avoir examinée, nous ne pouvons y donner suite : elle est **manifestement excessive** au sens de \
                 l'{gdpr-12-5}.",
                "Having examined it, we cannot act on it: it is **manifestly excessive** within the meaning of {gdpr-12-5}.",
                &[],
            ),
        }
        reasons(&mut body, &self.reasons);
        let contact = self.to.organisation.rights(language);
        body.paragraph(
            "Si votre situation a changé ou si votre demande a été mal comprise, écrivez à {@} : nous la reprendrons.",
            "If your situation has changed, or if your request was misunderstood, write to {@}: we will take it up again.",
            &[&contact],
        );
        remedies(&mut body);
        self.to.letter(language, ("suite donnée à votre demande", "outcome of your request"), body)
    }
}

/// Portability does not apply; what serves instead (art. 20).
#[derive(Debug, Clone)]
pub(crate) struct Portability {
    /// From whom to whom.
    pub(crate) to: Correspondence,
}

impl Portability {
    /// The letter.
    pub(crate) fn letter(&self, language: Language) -> Document {
        let mut body = Writer::new(language);
        self.to.request(
            &mut body,
            Right::Portability,
            "Vous nous avez adressé, le {}, une demande {right}.",
            "On {} you sent us a request {right}.",
        );
        body.paragraph(
            "Ce droit s'applique aux données que vous avez fournies et dont le traitement repose sur votre consentement ou sur un contrat \
             ({gdpr-20-1}). L'enregistrement des connexions repose sur l'intérêt légitime de l'organisation ({gdpr-6-1-f}) : la \
             portabilité **ne s'y applique pas**.",
            "This right applies to data that you provided and that are processed on the basis of your consent or of a contract \
             ({gdpr-20-1}). The recording of connections rests on the legitimate interest of the organisation ({gdpr-6-1-f}): portability \
             **does not apply** to it.",
            &[],
        );
        let contact = self.to.organisation.rights(language);
        body.paragraph(
            "Votre droit d'accès vous permet en revanche d'obtenir gratuitement la copie complète de vos données dans un format courant, \
             lisible par un programme ({gdpr-15}). Un simple message à {@} suffit : nous vous l'adresserons.",
            "Your right of access, however, lets you have, free of charge, the complete copy of your data in a common format that a \
             program can read ({gdpr-15}). A simple message to {@} is enough: we will send it to you.",
            &[&contact],
        );
        remedies(&mut body);
        self.to.letter(language, ("votre demande de portabilité", "your request for portability"), body)
    }
}

/// Notice before a restriction is lifted (art. 18(3)).
#[derive(Debug, Clone)]
pub(crate) struct Lifting {
    /// From whom to whom.
    pub(crate) to: Correspondence,
    /// Since when processing is restricted.
    pub(crate) since: Date,
    /// When the restriction will be lifted.
    pub(crate) on: Date,
    /// Why it is no longer needed.
    pub(crate) reasons: String,
}

impl Lifting {
    /// The letter.
    pub(crate) fn letter(&self, language: Language) -> Document {
        let mut body = Writer::new(language);
        let (since, on) = (wording::date(language, self.since), wording::date(language, self.on));
        body.paragraph(
            "À votre demande, le traitement de vos données est limité depuis le {} ({gdpr-18}). Comme le prévoit l'{gdpr-18-3}, nous vous \
             informons que cette limitation **sera levée le {}**.",
            "At your request, the processing of your data has been restricted since {} ({gdpr-18}). As {gdpr-18-3} provides, we inform you \
             that this restriction **will be lifted on {}**.",
            &[&since, &on],
        );
        reasons(&mut body, &self.reasons);
        let contact = self.to.organisation.rights(language);
        body.paragraph(
            "À compter de cette date, vos données pourront de nouveau être consultées pour les finalités déclarées, dans les conditions \
             ordinaires. Si vous estimez que la limitation doit être maintenue, écrivez auparavant à {@}.",
            "From that date, your data can again be looked at for the declared purposes, under the ordinary conditions. If you think that \
             the restriction has to stay, write to {@} before then.",
            &[&contact],
        );
        remedies(&mut body);
        let object = (
            "levée prochaine de la limitation du traitement de vos données",
            "coming end of the restriction on your data",
        );
        self.to.letter(language, object, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legal::{example, html};
    use Language::{English, French};

    fn letter(name: &str, language: Language) -> String {
        let letters = example::letters(language);
        let (_, document) = letters.iter().find(|(found, _)| *found == name).expect("there is such a letter");
        html::render(document).replace("&nbsp;", " ").replace("&#8239;", " ")
    }

    #[test]
    fn a_receipt_says_by_when_and_asks_for_no_paper_without_a_doubt() {
        let receipt = letter("receipt-access", French);
        assert!(receipt.contains("au plus tard le 23 décembre 2026") && receipt.contains("aucune pièce"), "{receipt}");
        assert!(receipt.contains("mises de côté"), "what would be purged before the answer is kept for the person");
        assert!(letter("receipt-objection-doubted", English).contains("deleted as soon as it has been checked"));
    }

    #[test]
    fn an_extension_gives_its_reasons_and_the_new_day() {
        let extension = letter("extension", French);
        for said in [
            "23 décembre 2026",
            "au plus tard le 23 février 2027",
            "quatre comptes",
            "article 12, paragraphe 3, du RGPD",
        ] {
            assert!(extension.contains(said), "{said}");
        }
    }

    #[test]
    fn whatever_refuses_names_the_authority_the_judge_and_the_reasons() {
        for name in [
            "refusal-excessive",
            "refusal-unfounded",
            "rectification-refused",
            "erasure-refused",
            "restriction-refused",
            "objection-refused",
            "portability",
            "extension",
            "lifting",
        ] {
            let french = letter(name, French);
            assert!(french.contains("(CNIL)") && french.contains("recours juridictionnel"), "{name}");
            let english = letter(name, English);
            assert!(english.contains("the CNIL") && english.contains("judicial remedy"), "{name}");
            assert!(name == "portability" || english.contains("Reasons"), "{name}");
        }
        assert!(letter("refusal-unfounded", French).contains("[à compléter]"), "no reason is invented");
    }

    #[test]
    fn what_is_granted_says_what_was_done_and_who_was_told() {
        assert!(letter("rectification-granted", French).contains("Infogérance Exemple"));
        assert!(letter("erasure-granted", French).contains("le contenu de 214 enregistrements a été détruit"));
        assert!(letter("restriction-granted", English).contains("before we lift this restriction"));
        let upheld = letter("objection-granted", French);
        assert!(
            upheld.contains("sans le site visité") && upheld.contains("point c), du RGPD"),
            "erased on demand: {upheld}"
        );
    }

    #[test]
    fn an_erasure_tells_what_is_done_what_waits_and_what_is_held() {
        let part = letter("erasure-partial", French);
        for said in [
            "fait droit en partie",
            "le contenu de 34 enregistrements a été détruit",
            "La destruction de 7 enregistrements est décidée et aura lieu <strong>au plus tôt le 26 novembre 2026",
            "La conservation de 3 enregistrements reste nécessaire",
            "point e), du RGPD",
        ] {
            assert!(part.contains(said), "{said}: {part}");
        }
        let held = letter("erasure-held", French);
        assert!(held.contains("ne pouvons y faire droit pour l’instant") && !held.contains("détruit."), "{held}");
        assert!(!held.contains("a été détruit"), "nothing was: {held}");
    }

    #[test]
    fn a_rectification_shows_each_statement_and_claims_no_correction_that_was_not_made() {
        let two = letter("rectification-granted", French);
        assert_eq!(two.matches("la déclaration suivante, signée,").count(), 2, "one paragraph each: {two}");
        assert!(two.contains("corrigée pour l’avenir"), "a link was changed: {two}");
        let one = letter("rectification-attached", French);
        assert!(!one.contains("corrigée pour l’avenir"), "none was: {one}");
        assert!(one.contains("seront informés"), "not told yet: {one}");
        assert!(!one.contains("communiquées à aucun"), "{one}");
    }

    #[test]
    fn a_receipt_after_the_term_promises_no_day_that_is_past() {
        let late = letter("receipt-late", French);
        assert!(late.contains("s’est achevé le 20 octobre 2026") && !late.contains("avant cette date"), "{late}");
    }

    #[test]
    fn reasons_are_sentences_whatever_was_typed() {
        for (typed, set) in
            [("the twelfth", "The twelfth."), ("École.", "École."), (" ", ""), ("émis à tort", "Émis à tort.")]
        {
            assert_eq!(sentence(typed), set);
        }
    }
}
