//! Public holidays of metropolitan France (code du travail, art. L3133-1), those of Alsace and Moselle besides
//! (art. L3134-13), and days of one's own. All are computed: no list of years runs out.
use jiff::ToSpan;
use jiff::civil::Date;

/// Where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Region {
    /// Anywhere in metropolitan France.
    #[default]
    Metropole,
    /// In Moselle, Bas-Rhin and Haut-Rhin: Good Friday and the second day of Christmas too.
    AlsaceMoselle,
}

/// The charter's `[holidays]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Holidays {
    pub(crate) region: Region,
    /// Dates off that are none by law: a bridge, the closing of August.
    pub(crate) also: Vec<Dates>,
    /// Public holidays that are worked: the day of solidarity.
    pub(crate) worked: Vec<Dates>,
}

/// From a day to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dates {
    first: Date,
    last: Date,
}

impl Dates {
    /// Reads `2026-12-24`, `2026-12-24/2027-01-03`; else says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Dates, String> {
        let form = || "expected a day such as \"2026-12-24\", or two: \"2026-12-24/2027-01-03\"".to_owned();
        let date = |text: &str| if text.len() == 10 { text.parse::<Date>().map_err(|_| form()) } else { Err(form()) };
        let (first, last) = text.split_once('/').unwrap_or((text, text));
        let (first, last) = (date(first)?, date(last)?);
        if first > last { Err("it ends before it begins".to_owned()) } else { Ok(Dates { first, last }) }
    }

    pub(crate) fn contains(&self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

impl Holidays {
    pub(crate) fn contains(&self, day: Date) -> bool {
        let within = |days: &[Dates]| days.iter().any(|days| days.contains(day));
        within(&self.also) || is_public_holiday(day, self.region) && !within(&self.worked)
    }
}

/// Whether a day is a public holiday there.
fn is_public_holiday(day: Date, region: Region) -> bool {
    let from_easter = easter(day.year()).and_then(|easter| easter.until(day).ok()).map(|span| span.get_days());
    let fixed = matches!(
        (day.month(), day.day()),
        (1, 1) | (5, 1) | (5, 8) | (7, 14) | (8, 15) | (11, 1) | (11, 11) | (12, 25)
    );
    // Easter Monday, Ascension, Whit Monday.
    let movable = matches!(from_easter, Some(1 | 39 | 50));
    let there = region == Region::AlsaceMoselle && (from_easter == Some(-2) || (day.month(), day.day()) == (12, 26));
    fixed || movable || there
}

/// Easter Sunday of the Gregorian calendar, by the computus of Meeus, Jones and Butcher.
fn easter(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15).rem_euclid(30);
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    // Dates from the 22nd of March.
    let days = epact + weekday - 7 * late;
    Date::new(i16::try_from(year).ok()?, 3, 22).ok()?.checked_add(days.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Easter Sundays of 2000 to 2099, as month and day: those of the tables of the churches.
    #[rustfmt::skip]
    const EASTERS: [(i8, i8); 100] = [
        (4, 23), (4, 15), (3, 31), (4, 20), (4, 11), (3, 27), (4, 16), (4, 8), (3, 23), (4, 12), // 2000
        (4, 4), (4, 24), (4, 8), (3, 31), (4, 20), (4, 5), (3, 27), (4, 16), (4, 1), (4, 21), // 2010
        (4, 12), (4, 4), (4, 17), (4, 9), (3, 31), (4, 20), (4, 5), (3, 28), (4, 16), (4, 1), // 2020
        (4, 21), (4, 13), (3, 28), (4, 17), (4, 9), (3, 25), (4, 13), (4, 5), (4, 25), (4, 10), // 2030
        (4, 1), (4, 21), (4, 6), (3, 29), (4, 17), (4, 9), (3, 25), (4, 14), (4, 5), (4, 18), // 2040
        (4, 10), (4, 2), (4, 21), (4, 6), (3, 29), (4, 18), (4, 2), (4, 22), (4, 14), (3, 30), // 2050
        (4, 18), (4, 10), (3, 26), (4, 15), (4, 6), (3, 29), (4, 11), (4, 3), (4, 22), (4, 14), // 2060
        (3, 30), (4, 19), (4, 10), (3, 26), (4, 15), (4, 7), (4, 19), (4, 11), (4, 3), (4, 23), // 2070
        (4, 7), (3, 30), (4, 19), (4, 4), (3, 26), (4, 15), (3, 31), (4, 20), (4, 11), (4, 3), // 2080
        (4, 16), (4, 8), (3, 30), (4, 12), (4, 4), (4, 24), (4, 15), (3, 31), (4, 20), (4, 12), // 2090
    ];

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn easter_is_when_the_tables_have_it() {
        for (year, (month, day)) in (2000..).zip(EASTERS) {
            assert_eq!(easter(year), Date::new(year, month, day).ok(), "{year}");
        }
    }

    #[test]
    fn a_year_has_eleven_public_holidays_and_thirteen_in_alsace_and_moselle() {
        for year in 2000..2100 {
            let days = || Date::new(year, 1, 1).expect("a date").series(1.day()).take_while(|day| day.year() == year);
            let of = |region| days().filter(|day| is_public_holiday(*day, region)).count();
            // The Ascension is on the first or the eighth of May when Easter is on one of these days.
            let on = |march| easter(year) == Date::new(year, 3, march).ok();
            let shared = usize::from(on(23) || on(30));
            assert_eq!((of(Region::Metropole), of(Region::AlsaceMoselle)), (11 - shared, 13 - shared), "{year}");
        }
    }

    #[test]
    fn the_holidays_of_2026() {
        let all = ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"];
        for holiday in all {
            assert!(is_public_holiday(day(&format!("2026-{holiday}")), Region::Metropole), "{holiday}");
        }
        for holiday in ["2026-04-03", "2026-12-26"] {
            assert!(!is_public_holiday(day(holiday), Region::Metropole), "{holiday}");
            assert!(is_public_holiday(day(holiday), Region::AlsaceMoselle), "{holiday}");
        }
        assert!(!is_public_holiday(day("2026-04-05"), Region::Metropole), "Easter Sunday is a Sunday like others");
    }

    #[test]
    fn days_of_ones_own_come_first() {
        let days = |text| Dates::parse(text).expect("days");
        let holidays = Holidays {
            region: Region::Metropole,
            also: vec![days("2026-12-24"), days("2026-12-28/2027-01-03")],
            worked: vec![days("2026-05-25")],
        };
        for (text, off) in [
            ("2026-12-24", true),
            ("2026-12-27", false),
            ("2026-12-28", true),
            ("2027-01-03", true),
            ("2027-01-04", false),
            ("2026-05-25", false),
            ("2027-05-17", true),
        ] {
            assert_eq!(holidays.contains(day(text)), off, "{text}");
        }
        for wrong in [
            "",
            "2026",
            "24/12/2026",
            "2026-02-30",
            "2026-12-24T10:00",
            "2026-12-24/",
            "2026-12-24/2026-12-23",
            "20261224",
        ] {
            assert!(Dates::parse(wrong).is_err(), "{wrong}");
        }
    }
}
