//! What a requisition reaches: a person, an address or a host, and a time. Nothing without both is one.

use super::super::person::Whose;
use crate::access;
use crate::accounts::file as accounts;
use crate::cli::export::ExportRequisition;
use crate::commands::Wrong;
use crate::commands::log::{host_filter, network};
use crate::commands::when::{Day, instant};
use crate::config::Config;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use logstore::approvals::{Asked, Kind, LONGEST, Subject, bounded};
use logstore::people::{self, People, Period};
use logstore::{HostFilter, Record, Search};

/// Networks larger than these are everybody, and no scope.
const LARGEST: (u8, u8) = (16, 48);

/// What was typed, with what can be judged without knowing anybody.
pub(super) struct Bounds {
    period: Period,
    user: Option<String>,
    client: Option<IpNet>,
    host: Option<String>,
}

/// The scope, of which nothing goes beyond.
pub(super) struct Scope {
    pub(super) about: Vec<Subject>,
    pub(super) period: Period,
    people: People,
    asked: Asked,
}

impl Bounds {
    /// Reads it; an unbounded one is none.
    pub(super) fn of(config: &Config, asked: &ExportRequisition) -> Result<Bounds, Wrong> {
        let zone = &config.time_zone;
        let from = instant("--from", &asked.from, zone, Day::Begins)?;
        let to = instant("--to", &asked.to, zone, Day::Ends)?;
        if from >= to {
            return Err(Wrong("--from is later than --to".to_owned()));
        }
        let now = Timestamp::now();
        if from > now || to > now + SignedDuration::from_hours(25) {
            return Err(Wrong(
                "the period has not passed: what is still to come can be required by no such act".to_owned(),
            ));
        }
        let kept = i64::from(config.log.retention_days);
        let oldest = now - SignedDuration::from_hours(24 * (kept + 2));
        if to < oldest {
            eprintln!("note: records are kept for {kept} days, so that nothing is left of that time but what is held");
        }
        let user = asked.user.as_deref().map(people::name).transpose();
        let client = asked.client.as_deref().map(network).transpose()?.map(|network| network.trunc());
        if let Some(wide) = client.filter(|network| network.prefix_len() < least(network)) {
            let least = least(&wide);
            return Err(Wrong(format!(
                "--client {wide}: this is nearly everybody, and no scope; /{least} is the largest network"
            )));
        }
        let host = asked.host.as_deref().map(|host| host_filter(host).map_err(Wrong)).transpose()?;
        let host = host.map(|(HostFilter::Exactly(name) | HostFilter::WithSubdomains(name))| name);
        let reach = client.map(Subject::Client).into_iter().chain(host.clone().map(Subject::Host));
        bounded(Kind::Requisition, &reach.collect::<Vec<_>>()).map_err(Wrong::because)?;
        Ok(Bounds {
            period: Period { from: Some(from.as_microsecond()), to: Some(to.as_microsecond()) },
            user: user.map_err(|why| Wrong(format!("--user: {why}")))?,
            client,
            host,
        })
    }
}

fn least(network: &IpNet) -> u8 {
    match network {
        IpNet::V4(_) => LARGEST.0,
        IpNet::V6(_) => LARGEST.1,
    }
}

impl Scope {
    /// The scope, with the person whom a name stands for; why it stands for nobody in particular.
    pub(super) fn of(
        config: &Config,
        asked: &ExportRequisition,
        bounds: Bounds,
    ) -> Result<Result<Scope, String>, Wrong> {
        let Bounds { period, user, client, host } = bounds;
        let people = access::people(config)?;
        let person = match &user {
            None => None,
            Some(name) => {
                let local = accounts::read(&accounts::path(&config.data_dir)).map_err(Wrong::because)?;
                match Whose::of(people.clone(), &local, name, false) {
                    Ok(whose) => Some(whose.person),
                    Err(why) => return Ok(Err(why)),
                }
            }
        };
        let about =
            person.map(Subject::User).into_iter().chain(client.map(Subject::Client)).chain(host.map(Subject::Host));
        let about: Vec<Subject> = about.collect();
        let asked = Asked {
            kind: Kind::Requisition,
            purpose: None,
            reason: asked.reference.clone(),
            about: about.clone(),
            period,
            longer: None,
            fields: std::collections::BTreeMap::new(),
            lasts: LONGEST,
            incident: None,
        };
        Ok(Ok(Scope { about, period, people, asked }))
    }

    /// Whether a record lies within.
    pub(super) fn holds(&self, record: &Record) -> bool {
        self.asked.covers(record, &self.people)
    }

    /// The same whatever the host, when it is about one: what visits whose destination is withheld are counted in.
    pub(super) fn wherever(&self) -> Option<Scope> {
        let elsewhere = |about: &[Subject]| {
            about.iter().filter(|subject| !matches!(subject, Subject::Host(_))).cloned().collect::<Vec<_>>()
        };
        let about = elsewhere(&self.about);
        (about.len() < self.about.len()).then(|| Scope {
            asked: Asked { about: about.clone(), ..self.asked.clone() },
            about,
            period: self.period,
            people: self.people.clone(),
        })
    }

    /// Whether a record lies within, of those whose destination is withheld.
    pub(super) fn conceals(&self, record: &Record) -> bool {
        record.masked.is_some()
            && match self.about.is_empty() {
                true => self.period.holds(record.opened_at),
                false => self.holds(record),
            }
    }

    /// Whether it is one person's.
    pub(super) fn is_of_a_person(&self) -> bool {
        self.about.iter().any(|subject| matches!(subject, Subject::User(_)))
    }

    /// What to look for: more may be found, nothing is missed.
    pub(super) fn searches(&self) -> Vec<Search> {
        let Period { from, to } = self.period;
        let mut narrowed = Search { from, to, ..Search::default() };
        for subject in &self.about {
            match subject {
                Subject::Host(host) if host.parse::<std::net::IpAddr>().is_ok() => {
                    narrowed.host = Some(HostFilter::Exactly(host.clone()));
                }
                Subject::Host(host) => narrowed.host = Some(HostFilter::WithSubdomains(host.clone())),
                Subject::Client(network) => narrowed.client = Some(*network),
                Subject::User(_) => {}
            }
        }
        let person = self.about.iter().find_map(|subject| match subject {
            Subject::User(person) => Some(person),
            _ => None,
        });
        let Some(person) = person else { return vec![narrowed] };
        let accounts = self.people.accounts(person).into_iter().filter_map(|(name, period)| {
            let Period { from, to } = period.common(self.period)?;
            Some(Search { user: Some(name), any_case: true, from, to, ..narrowed.clone() })
        });
        accounts.collect()
    }
}
