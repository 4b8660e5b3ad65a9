//! The undertaking of confidentiality: what whoever gets a role that bears names signs once, before using it.
//!
//! The text is what was signed: its hash is kept with the signature. It says what `law.md` asks of document D9: person,
//! role, duties even towards the hierarchy, no reuse, end of mission, sanctions.

use crate::pages::Language;
use logstore::people::Role;
use sha2::{Digest, Sha256};

/// A provision that the text rests on, as each language writes it.
struct Reference {
    fr: &'static str,
    en: &'static str,
}

/// Secrecy of correspondence.
const CORRESPONDENCE: Reference = Reference { fr: "226-15", en: "226-15" };
/// Personal data used for another purpose.
const OTHER_PURPOSE: Reference = Reference { fr: "226-21", en: "226-21" };
/// Security of processing.
const SECURITY: Reference = Reference { fr: "article 32 du RGPD", en: "article 32 GDPR" };

/// The name of a role, in a sentence.
pub(crate) fn role(role: Role, language: Language) -> &'static str {
    let (fr, en) = match role {
        Role::Operator => ("exploitant", "operator"),
        Role::Policy => ("responsable de la charte", "policy editor"),
        Role::Statistics => ("lecteur des statistiques", "statistics reader"),
        Role::Investigator => ("enquêteur", "investigator"),
        Role::Approver => ("approbateur", "approver"),
        Role::Rights => ("chargé des droits des personnes", "rights desk"),
        Role::Judicial => ("chargé des réquisitions", "requisitions desk"),
        Role::Auditor => ("auditeur", "auditor"),
    };
    language.pick(fr, en)
}

/// The text, for this account with these roles.
pub(crate) fn text(language: Language, organisation: &str, account: &str, roles: &[Role]) -> String {
    let roles: Vec<&str> = roles.iter().map(|given| role(*given, language)).collect();
    let roles = roles.join(", ");
    let pick = |reference: &Reference| language.pick(reference.fr, reference.en);
    let (correspondence, other, security) = (pick(&CORRESPONDENCE), pick(&OTHER_PURPOSE), pick(&SECURITY));
    match language {
        Language::French => {
            let at = if organisation.is_empty() { String::new() } else { format!(" de {organisation}") };
            format!(
                "ENGAGEMENT DE CONFIDENTIALITÉ\n\n\
                 Titulaire du compte {account}, j’exerce, sur le registre des connexions{at}, la fonction suivante\u{a0}: {roles}.\n\n\
                 1. Je n’ouvre des noms, et n’en autorise l’ouverture, que pour une finalité déclarée, un motif que j’écris et les \
                 seules personnes, adresses ou périodes nécessaires.\n\
                 2. Je garde le secret sur ce que j’apprends. Il vaut aussi à l’égard de ma hiérarchie\u{a0}: je ne communique que \
                 le résultat nécessaire à la finalité, aux seules personnes qui ont à en connaître.\n\
                 3. Je ne copie, ne conserve ni ne réutilise ces données pour un autre usage, et jamais par curiosité ni pour \
                 évaluer une personne.\n\
                 4. Mon compte m’est personnel\u{a0}: je ne prête ni mon mot de passe ni ma session. Je ne décide ni de mes propres \
                 demandes, ni de celles qui me concernent.\n\
                 5. Je signale sans délai toute consultation anormale, toute perte et toute fuite ({security}).\n\
                 6. Je sais que chaque consultation est enregistrée, avec sa finalité et son motif, et que la personne concernée \
                 peut en connaître la date et la finalité.\n\
                 7. Cet engagement demeure après la fin de ma fonction ou de mon contrat. Je restitue ou détruis alors toute copie \
                 en ma possession.\n\
                 8. Y manquer m’expose à une sanction disciplinaire et à des poursuites (Code pénal, articles {correspondence} et \
                 {other}).\n"
            )
        }
        Language::English => {
            let at = if organisation.is_empty() { String::new() } else { format!(" of {organisation}") };
            format!(
                "UNDERTAKING OF CONFIDENTIALITY\n\n\
                 As the holder of the account {account}, I act on the register of connections{at} in this role: {roles}.\n\n\
                 1. I open names, or allow them to be opened, only for a declared purpose, for a reason that I write down, and only \
                 for the persons, addresses and periods that are needed.\n\
                 2. I keep what I learn secret, from my superiors too: I pass on only the result that the purpose needs, and only to \
                 those who have to know it.\n\
                 3. I neither copy, nor keep, nor reuse these data for anything else, and never out of curiosity or to assess a \
                 person.\n\
                 4. My account is personal: I lend neither my password nor my session. I decide neither on requests of my own, nor on \
                 those that concern me.\n\
                 5. I report without delay any unusual look, any loss and any leak ({security}).\n\
                 6. I know that each look is recorded, with its purpose and its reason, and that the person concerned can learn its \
                 date and its purpose.\n\
                 7. This undertaking goes on after my role or my contract has ended. I then return or destroy every copy I hold.\n\
                 8. A breach exposes me to disciplinary measures and to prosecution (French Criminal Code, articles {correspondence} \
                 and {other}).\n"
            )
        }
    }
}

/// What is kept of a text: SHA-256, in hexadecimal digits.
pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is said when names are opened.
pub(crate) fn reminder(language: Language) -> &'static str {
    language.pick(
        "Rappel\u{a0}: ce que vous lisez est confidentiel, même à l’égard de votre hiérarchie, et ne sert qu’à la finalité \
         déclarée. Chaque lecture est enregistrée.",
        "Reminder: what you read is confidential, from your superiors too, and serves the declared purpose alone. Each look is \
         recorded.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_undertaking_says_what_d9_asks_in_both_languages() {
        let roles = [Role::Investigator, Role::Approver];
        let french = text(Language::French, "AutoConcept", "a.martin", &roles);
        for said in
            ["a.martin", "AutoConcept", "enquêteur, approbateur", "hiérarchie", "autre usage", "fin de ma fonction"]
        {
            assert!(french.contains(said), "{said}: {french}");
        }
        assert!(french.contains("sanction disciplinaire") && french.contains("226-21"), "{french}");
        let english = text(Language::English, "", "a.martin", &roles);
        for said in ["a.martin", "investigator, approver", "superiors", "anything else", "has ended", "disciplinary"] {
            assert!(english.contains(said), "{said}: {english}");
        }
        assert_ne!(hash(&french), hash(&english));
        assert_eq!(hash("").len(), 64);
    }

    #[test]
    fn french_marks_stand_behind_spaces_that_do_not_break() {
        let french = text(Language::French, "AutoConcept", "a.martin", &[Role::Rights]);
        assert!(!french.contains(" :") && !french.contains('\''), "{french}");
    }
}
