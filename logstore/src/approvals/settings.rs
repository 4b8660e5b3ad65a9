//! What was last in force of the settings that two persons loosen: which values, and what of another set of them is looser.
//!
//! Each setting is a set of texts. A number of days and a measure of detail are one text; of purposes, more are looser; of what is
//! masked and who is protected, fewer.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Days a record is kept.
pub const RETENTION: &str = "retention_days";
/// How much of a URL a record keeps: `host`, `path`, `url`.
pub const DETAIL: &str = "detail";
/// Declared purposes.
pub const PURPOSES: &str = "purposes";
/// From the least to the most.
const DETAILS: [&str; 3] = ["host", "path", "url"];

/// The settings of a gate, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, BTreeSet<String>>);

/// A value that is looser than what was in force.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loosening {
    /// The setting.
    pub setting: String,
    /// The new value, or what is no longer there.
    pub value: String,
}

impl Settings {
    /// Sets a value beside those that the setting has.
    pub fn add(&mut self, setting: &str, value: impl Into<String>) {
        self.0.entry(setting.to_owned()).or_default().insert(value.into());
    }

    /// The values of a setting.
    pub fn get(&self, setting: &str) -> impl Iterator<Item = &str> {
        self.0.get(setting).into_iter().flatten().map(String::as_str)
    }

    /// What of `now` is looser than these. What these do not know is not: nothing was in force.
    pub fn loosened(&self, now: &Settings) -> Vec<Loosening> {
        let one = |setting: &str, value: &str| Loosening { setting: setting.to_owned(), value: value.to_owned() };
        let mut found = Vec::new();
        for setting in self.0.keys() {
            let (before, after): (Vec<&str>, Vec<&str>) = (self.get(setting).collect(), now.get(setting).collect());
            match setting.as_str() {
                RETENTION => {
                    let days = |values: &[&str]| values.first().and_then(|days| days.parse::<u32>().ok());
                    let longer = days(&after) > days(&before);
                    found.extend(after.first().filter(|_| longer).map(|value| one(setting, value)));
                }
                DETAIL => {
                    let rank = |values: &[&str]| DETAILS.iter().position(|word| Some(word) == values.first());
                    let more = rank(&after) > rank(&before);
                    found.extend(after.first().filter(|_| more).map(|value| one(setting, value)));
                }
                PURPOSES => {
                    let declared = after.iter().filter(|purpose| !before.contains(*purpose));
                    found.extend(declared.map(|value| one(setting, value)));
                }
                _ => {
                    let gone = before.iter().filter(|entry| !after.contains(*entry));
                    found.extend(gone.map(|value| one(setting, value)));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        values.iter().for_each(|(setting, value)| settings.add(setting, *value));
        settings
    }

    #[test]
    fn longer_more_and_unmasked_is_looser_and_the_other_way_is_not_law_8() {
        let strict = [
            (RETENTION, "180"),
            (DETAIL, "host"),
            (PURPOSES, "security"),
            ("masking.users", "p.dupont"),
            ("masking.categories", "faith"),
        ];
        let loose = [
            (RETENTION, "365"),
            (DETAIL, "path"),
            (PURPOSES, "security"),
            (PURPOSES, "charter"),
            ("masking.users", "j.petit"),
        ];
        let (strict, loose) = (settings(&strict), settings(&loose));
        let told: Vec<String> =
            strict.loosened(&loose).iter().map(|one| format!("{}={}", one.setting, one.value)).collect();
        assert_eq!(
            told,
            [
                "detail=path",
                "masking.categories=faith",
                "masking.users=p.dupont",
                "purposes=charter",
                "retention_days=365"
            ]
        );
        let back: Vec<String> = loose.loosened(&strict).into_iter().map(|one| one.setting).collect();
        assert_eq!(back, ["masking.users"], "j.petit was protected then");
        assert!(strict.loosened(&strict).is_empty() && Settings::default().loosened(&loose).is_empty());
        // Days are numbers, not texts.
        assert_eq!(settings(&[(RETENTION, "90")]).loosened(&settings(&[(RETENTION, "180")])).len(), 1);
        assert!(settings(&[(DETAIL, "url")]).loosened(&settings(&[(DETAIL, "host")])).is_empty());
    }
}
