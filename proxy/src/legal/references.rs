//! References to the law, as data: the texts of documents name them by id, and nothing else in the program does.
use crate::pages::Language;

/// One reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    /// How texts name it.
    pub(crate) id: &'static str,
    /// How a French text cites it, after an article of speech.
    pub(crate) fr: &'static str,
    /// How an English text cites it.
    pub(crate) en: &'static str,
    /// When it was last compared with the text in force.
    pub(crate) checked: &'static str,
}

/// The reference of this id in a language; the id itself if there is none, which no document shows: a test sees to it.
pub(crate) fn cite(id: &str, language: Language) -> &str {
    REFERENCES.iter().find(|reference| reference.id == id).map_or(id, |found| language.pick(found.fr, found.en))
}

const fn reference(id: &'static str, fr: &'static str, en: &'static str) -> Reference {
    Reference { id, fr, en, checked: "2026-11-23" }
}

/// All of them. The Code de procédure pénale is numbered anew on 1 January 2029 (ordonnance 2025-1091).
pub(crate) const REFERENCES: &[Reference] = &[
    reference("gdpr", "règlement (UE) 2016/679 (RGPD)", "Regulation (EU) 2016/679 (GDPR)"),
    reference("gdpr-4-9", "article 4, point 9, du RGPD", "Article 4(9) GDPR"),
    reference("gdpr-6-1-c", "article 6, paragraphe 1, point c), du RGPD", "Article 6(1)(c) GDPR"),
    reference("gdpr-6-1-f", "article 6, paragraphe 1, point f), du RGPD", "Article 6(1)(f) GDPR"),
    reference("gdpr-9", "article 9 du RGPD", "Article 9 GDPR"),
    reference("gdpr-12-3", "article 12, paragraphe 3, du RGPD", "Article 12(3) GDPR"),
    reference("gdpr-12-4", "article 12, paragraphe 4, du RGPD", "Article 12(4) GDPR"),
    reference("gdpr-12-5", "article 12, paragraphe 5, du RGPD", "Article 12(5) GDPR"),
    reference("gdpr-12-6", "article 12, paragraphe 6, du RGPD", "Article 12(6) GDPR"),
    reference("gdpr-15", "article 15 du RGPD", "Article 15 GDPR"),
    reference("gdpr-15-1", "article 15, paragraphe 1, du RGPD", "Article 15(1) GDPR"),
    reference("gdpr-15-1-a", "article 15, paragraphe 1, point a), du RGPD", "Article 15(1)(a) GDPR"),
    reference("gdpr-15-1-b", "article 15, paragraphe 1, point b), du RGPD", "Article 15(1)(b) GDPR"),
    reference(
        "gdpr-15-1-c",
        "article 15, paragraphe 1, point c), et paragraphe 2, du RGPD",
        "Article 15(1)(c) and 15(2) GDPR",
    ),
    reference("gdpr-15-1-d", "article 15, paragraphe 1, point d), du RGPD", "Article 15(1)(d) GDPR"),
    reference("gdpr-15-1-e", "article 15, paragraphe 1, point e), du RGPD", "Article 15(1)(e) GDPR"),
    reference("gdpr-15-1-f", "article 15, paragraphe 1, point f), du RGPD", "Article 15(1)(f) GDPR"),
    reference("gdpr-15-1-g", "article 15, paragraphe 1, point g), du RGPD", "Article 15(1)(g) GDPR"),
    reference("gdpr-15-1-h", "article 15, paragraphe 1, point h), du RGPD", "Article 15(1)(h) GDPR"),
    reference("gdpr-15-3", "article 15, paragraphe 3, du RGPD", "Article 15(3) GDPR"),
    reference("gdpr-15-4", "article 15, paragraphe 4, du RGPD", "Article 15(4) GDPR"),
    reference("gdpr-16", "article 16 du RGPD", "Article 16 GDPR"),
    reference("gdpr-17", "article 17 du RGPD", "Article 17 GDPR"),
    reference("gdpr-17-1", "article 17, paragraphe 1, du RGPD", "Article 17(1) GDPR"),
    reference("gdpr-17-1-c", "article 17, paragraphe 1, point c), du RGPD", "Article 17(1)(c) GDPR"),
    reference("gdpr-17-3", "article 17, paragraphe 3, du RGPD", "Article 17(3) GDPR"),
    reference("gdpr-17-3-e", "article 17, paragraphe 3, point e), du RGPD", "Article 17(3)(e) GDPR"),
    reference("gdpr-18", "article 18 du RGPD", "Article 18 GDPR"),
    reference("gdpr-18-1", "article 18, paragraphe 1, du RGPD", "Article 18(1) GDPR"),
    reference("gdpr-18-2", "article 18, paragraphe 2, du RGPD", "Article 18(2) GDPR"),
    reference("gdpr-18-3", "article 18, paragraphe 3, du RGPD", "Article 18(3) GDPR"),
    reference("gdpr-19", "article 19 du RGPD", "Article 19 GDPR"),
    reference("gdpr-20", "article 20 du RGPD", "Article 20 GDPR"),
    reference("gdpr-20-1", "article 20, paragraphe 1, du RGPD", "Article 20(1) GDPR"),
    reference("gdpr-21", "article 21 du RGPD", "Article 21 GDPR"),
    reference("gdpr-21-1", "article 21, paragraphe 1, du RGPD", "Article 21(1) GDPR"),
    reference("gdpr-22", "article 22 du RGPD", "Article 22 GDPR"),
    reference("gdpr-77", "article 77 du RGPD", "Article 77 GDPR"),
    reference("gdpr-79", "article 79 du RGPD", "Article 79 GDPR"),
    reference(
        "loi-78-17",
        "loi n° 78-17 du 6 janvier 1978 modifiée, articles 48 à 56",
        "French Act No 78-17 of 6 January 1978 as amended, Articles 48 to 56",
    ),
    reference("cjeu-c-579-21", "arrêt de la CJUE du 22 juin 2023, C-579/21", "CJEU judgment of 22 June 2023, C-579/21"),
    reference(
        "cjeu-c-154-21",
        "arrêt de la CJUE du 12 janvier 2023, C-154/21",
        "CJEU judgment of 12 January 2023, C-154/21",
    ),
    reference(
        "cnil-2026-022",
        "délibération n° 2026-022 du 29 janvier 2026",
        "deliberation No 2026-022 of 29 January 2026",
    ),
    reference("rfc-9162", "RFC 9162", "RFC 9162"),
    reference("cpp-60-1", "article 60-1 du code de procédure pénale", "Article 60-1 of the Code of Criminal Procedure"),
    reference("cpp-60-2", "article 60-2 du code de procédure pénale", "Article 60-2 of the Code of Criminal Procedure"),
    reference(
        "cpp-77-1-1",
        "article 77-1-1 du code de procédure pénale",
        "Article 77-1-1 of the Code of Criminal Procedure",
    ),
    reference(
        "cpp-77-1-2",
        "article 77-1-2 du code de procédure pénale",
        "Article 77-1-2 of the Code of Criminal Procedure",
    ),
    reference("cpp-99-3", "article 99-3 du code de procédure pénale", "Article 99-3 of the Code of Criminal Procedure"),
    reference("cpp-99-4", "article 99-4 du code de procédure pénale", "Article 99-4 of the Code of Criminal Procedure"),
    reference("cpc-145", "article 145 du code de procédure civile", "Article 145 of the Code of Civil Procedure"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::Date;
    use std::collections::BTreeSet;

    #[test]
    fn each_is_there_once_in_both_languages_with_a_date() {
        let ids: BTreeSet<&str> = REFERENCES.iter().map(|reference| reference.id).collect();
        assert_eq!(ids.len(), REFERENCES.len());
        for reference in REFERENCES {
            assert!(!reference.fr.is_empty() && !reference.en.is_empty(), "{}", reference.id);
            let checked: Date = reference.checked.parse().expect("a date");
            assert!(checked.year() >= 2026, "{}", reference.id);
        }
    }

    #[test]
    fn cited_by_id() {
        assert_eq!(cite("gdpr-15", Language::French), "article 15 du RGPD");
        assert_eq!(cite("gdpr-15", Language::English), "Article 15 GDPR");
        assert_eq!(cite("none", Language::English), "none");
    }
}
