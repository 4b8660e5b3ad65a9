//! What is taken on the command line, and what is not.

use super::*;

#[test]
fn a_name_is_what_it_looks_like() {
    for good in ["a.martin", "poste d'accueil n° 1", "\"quoted\" / slashed", "=cmd|' /C calc'!A0", "Ильин", "אבג"]
    {
        assert_eq!(name(good).as_deref(), Ok(good));
    }
    for wrong in ["", "  ", "a\u{202e}b", "a\u{200f}", "a\nb", "a\u{1b}[2K", &"x".repeat(300)] {
        assert!(name(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(text(&"x".repeat(300)).map(|text| text.len()), Ok(300));
}

#[test]
fn a_day_that_is_written_otherwise_is_told_how() {
    for wrong in ["20/11/2026", "2026-02-30", ""] {
        assert!(day(wrong).is_err_and(|why| why.contains("YYYY-MM-DD")), "{wrong}");
    }
    assert_eq!(day("2026-11-20").map(|day| day.to_string()).as_deref(), Ok("2026-11-20"));
}

#[test]
fn nothing_is_delivered_by_plain_mail_law_9() {
    for wrong in ["mail", "email", "post", "plain"] {
        assert!(delivery(wrong).is_err_and(|why| why.contains("never by plain mail")), "{wrong}");
    }
    assert_eq!(delivery("in-hand"), Ok(Delivery::InHand));
    assert!(restriction("objection").is_err() && restriction("claim").is_ok());
}
