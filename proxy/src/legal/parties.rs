//! Who writes and to whom: the organisation, the person, and the head of a letter between them.
use super::document::{Document, Letterhead, Passage, Signature};
use super::wording;
use super::write::Writer;
use crate::pages::Language;
use jiff::ZonedDateTime;

/// The organisation that answers: controller in the sense of the GDPR. Empty values are shown as to be completed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Organisation {
    /// Its name.
    pub(crate) name: String,
    /// Its address, line by line.
    pub(crate) address: Vec<String>,
    /// The town letters are dated from.
    pub(crate) place: String,
    /// Who answers requests: an e-mail address as a rule.
    pub(crate) contact: String,
    /// The data protection officer's address; empty when there is none.
    pub(crate) dpo: String,
}

/// The person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Person {
    /// The civil name; empty: the account stands for it.
    pub(crate) name: String,
    /// The postal address, line by line; empty when the letter is handed over or sent by other means.
    pub(crate) address: Vec<String>,
    /// The account.
    pub(crate) account: String,
}

/// The one authority for complaints in France: its name, and its postal address in a line.
pub(super) const CNIL_ADDRESS: &str = "3\u{a0}place de Fontenoy, TSA\u{a0}80715, 75334\u{a0}Paris Cedex\u{a0}07";
/// Its site.
pub(super) const CNIL_SITE: &str = "www.cnil.fr";

/// What every letter needs besides its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) organisation: &'a Organisation,
    pub(super) person: &'a Person,
    /// Our reference.
    pub(super) reference: &'a str,
    /// When it was written.
    pub(super) issued: &'a ZonedDateTime,
}

impl Organisation {
    /// Its name, or that it is missing.
    pub(super) fn shown(&self, language: Language) -> String {
        wording::stated(language, &self.name)
    }

    /// Who is written to about rights: the officer if there is one, else the contact.
    pub(super) fn rights(&self, language: Language) -> String {
        let first = if self.dpo.trim().is_empty() { &self.contact } else { &self.dpo };
        wording::stated(language, first)
    }
}

impl Person {
    /// The name, else the account, else that it is missing.
    pub(super) fn shown(&self, language: Language) -> String {
        wording::stated(language, if self.name.trim().is_empty() { &self.account } else { &self.name })
    }
}

impl Frame<'_> {
    /// A letter: head, salutation, `body`, closing, signature.
    pub(super) fn letter(
        self,
        language: Language,
        object: (&str, &str),
        details: Vec<(String, String)>,
        body: Writer,
    ) -> Document {
        let mut letter = Writer::new(language);
        let object = letter.words(object.0, object.1, &[]);
        let mut sender = vec![self.organisation.shown(language)];
        sender.extend(self.organisation.address.iter().cloned());
        let mut recipient = vec![self.person.shown(language)];
        recipient.extend(self.person.address.iter().cloned());
        let date = wording::date(language, self.issued.date());
        let place = self.organisation.place.trim();
        let place_and_date = match (language, place.is_empty()) {
            (Language::French, true) => format!("Le\u{a0}{date}"),
            (Language::French, false) => format!("{place}, le\u{a0}{date}"),
            (Language::English, true) => date,
            (Language::English, false) => format!("{place}, {date}"),
        };
        let mut all = vec![(letter.words("Nos références", "Our reference", &[]), letter.stated(self.reference))];
        all.extend(details);
        letter.passages.push(Passage::Letterhead(Letterhead {
            sender,
            recipient,
            place_and_date,
            details: all,
            object_label: letter.words("Objet", "Subject", &[]),
            object: object.clone(),
        }));
        letter.paragraph("Madame, Monsieur,", "Dear Sir or Madam,", &[]);
        letter.passages.extend(body.passages);
        letter.paragraph(
            "Nous vous prions d'agréer, Madame, Monsieur, l'expression de nos salutations distinguées.",
            "Yours faithfully,",
            &[],
        );
        let name = self.organisation.shown(language);
        letter.passages.push(Passage::Signatures(vec![Signature {
            quality: letter.words("Pour {}", "For {}", &[&name]),
            name: letter.words("Nom, qualité et signature", "Name, position and signature", &[]),
        }]));
        let person = self.person.shown(language);
        Document {
            title: format!("{object} – {person}"),
            language,
            author: name,
            subject: object,
            reference: letter.stated(self.reference),
            issued: self.issued.clone(),
            passages: letter.passages,
        }
    }
}

/// The paragraph that every answer ends with: the complaint and the judge.
pub(super) fn remedies(body: &mut Writer) {
    body.paragraph(
        "Vous pouvez à tout moment adresser une réclamation ({gdpr-77}) à la Commission nationale de l'informatique et des \
         libertés (CNIL), {}, {@}. Un recours juridictionnel vous est également ouvert ({gdpr-79}).",
        "You may at any time lodge a complaint ({gdpr-77}) with the French data protection authority, the CNIL, {}, {@}. You also \
         have the right to a judicial remedy ({gdpr-79}).",
        &[CNIL_ADDRESS, CNIL_SITE],
    );
}
