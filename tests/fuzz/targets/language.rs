//! Accept-Language: an answer for any text, the same in any case and with blanks; what a range asks for, it gets.
#![no_main]

#[path = "../../../proxy/src/pages/language.rs"]
#[allow(dead_code, reason = "a target looks at one part of it")]
mod language;

use language::Language;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for default in [Language::French, Language::English] {
        let chosen = Language::negotiate(Some(text), default);
        for same in [text.to_ascii_uppercase(), text.replace(',', " , "), text.replace(';', " ; "), format!("{text},")]
        {
            assert_eq!(Language::negotiate(Some(&same), default), chosen, "{same:?}");
        }
        let neither = !["fr", "en", "*"].iter().any(|tag| text.to_ascii_lowercase().contains(tag));
        assert!(!neither || chosen == default);
        // A language at full weight in front of all others is not outweighed.
        for (tag, language) in [("fr", Language::French), ("en-GB", Language::English)] {
            assert_eq!(Language::negotiate(Some(&format!("{tag},{text}")), default), language);
        }
    }
});
