//! A hold that is over: what was taken out for it is destroyed at once, and attested.

use super::{Desk, Event, Hold, Holds, Standing, extract};
use crate::audit::{self, Act};
use crate::chain;
use crate::cipher::hex;
use crate::keys::Keys;
use crate::retention::{self, CERTIFICATE, Certificate, PurgeError, ReleasedHold};
use crate::{clock, crash};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What was done about holds that are over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Holds whose last day has passed, and that are released by that now.
    pub over: Vec<u64>,
    /// Holds whose extracts are destroyed now, with the certificate and its hash; none of judicial holds.
    pub destroyed: Vec<(u64, Option<(Certificate, String)>)>,
}

/// Releases the holds whose last day has passed, and destroys what was taken out for those that were released. To be called
/// when one is, and again until it is done: what a crash or a full disk has cut is taken up. Blocks on the file system.
pub fn settle(dir: &Path, keys: &Keys, organisation: &str, node: &str) -> Result<Settled, PurgeError> {
    let mut settled = Settled::default();
    let today = super::terms::date(clock::now());
    let is_due = |hold: &Hold| match hold.standing(today) {
        Standing::Over => true,
        Standing::Released => !hold.is_destroyed(),
        Standing::Held | Standing::Overdue => false,
    };
    if !Holds::read(dir, keys).map_err(PurgeError::Holds)?.all().any(is_due) {
        return Ok(settled);
    }
    let mut desk = Desk::open(dir, keys).map_err(PurgeError::Holds)?;
    let today = desk.today();
    let over: Vec<u64> =
        desk.holds.all().filter(|hold| hold.standing(today) == Standing::Over).map(|hold| hold.number).collect();
    let released: Vec<u64> =
        desk.holds.all().filter(|hold| !hold.is_kept() && !hold.is_destroyed()).map(|hold| hold.number).collect();
    for hold in released {
        let certificate = destroy(&mut desk, dir, keys, hold, organisation, node)?;
        settled.destroyed.push((hold, certificate));
    }
    if over.is_empty() {
        return Ok(settled);
    }
    // Not on the word of a clock that nothing bears out.
    retention::trust(dir, clock::now(), &clock::state())?;
    for hold in over {
        let event = Event::Released { hold, reason: "its last day has passed".to_owned(), approval: None };
        desk.write(extract::OWN, &event).map_err(PurgeError::Holds)?;
        settled.over.push(hold);
        let certificate = destroy(&mut desk, dir, keys, hold, organisation, node)?;
        settled.destroyed.push((hold, certificate));
    }
    Ok(settled)
}

/// Destroys what was taken out for a hold, wherever that was cut before.
fn destroy(
    desk: &mut Desk<'_>,
    dir: &Path,
    keys: &Keys,
    number: u64,
    organisation: &str,
    node: &str,
) -> Result<Option<(Certificate, String)>, PurgeError> {
    let Ok(hold) = desk.holds.get(number).cloned() else { return Ok(None) };
    let began = clock::rfc3339(clock::now());
    let (days, records) = match &hold.destroyed {
        Some(begun) => (begun.days, begun.records),
        None => {
            let records = hold.extracts.iter().map(|extract| extract.records).sum();
            let days = hold.extracts.len() as u64;
            desk.write(extract::OWN, &Event::Destroying { hold: number, days, records }).map_err(PurgeError::Holds)?;
            (days, records)
        }
    };
    crash::point("destruction noted");
    let entries: Vec<u64> = hold.extracts.iter().map(|extract| extract.entry).collect();
    desk.erase(&entries, &format!("hold {number} is over")).map_err(PurgeError::Holds)?;
    crash::point("extract keys destroyed");
    let folder = extract::folder(dir, number);
    match std::fs::remove_dir_all(&folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(PurgeError::File { file: folder, source });
        }
        _ => {}
    }
    // The last one takes the folder of all with it.
    let _ = std::fs::remove_dir(dir.join("holds"));
    crash::point("extracts deleted");
    let attested = match hold.is_secret() {
        true => None,
        false => {
            Some(attest(dir, keys, &hold, ReleasedHold { hold: number, days, records }, began, organisation, node)?)
        }
    };
    crash::point("destruction attested");
    let certificate = attested.as_ref().map(|(_, hash)| hash.clone());
    desk.write(extract::OWN, &Event::Destroyed { hold: number, certificate }).map_err(PurgeError::Holds)?;
    Ok(attested)
}

/// Adds the certificate to the chain, and notes it in the audit trail; unless a crash came when it was there.
fn attest(
    dir: &Path,
    keys: &Keys,
    hold: &Hold,
    released: ReleasedHold,
    began: String,
    organisation: &str,
    node: &str,
) -> Result<(Certificate, String), PurgeError> {
    let before = retention::certificates(dir, &keys.public())?.into_iter().rev();
    let is_this = |certificate: &Certificate| certificate.released.as_ref() == Some(&released);
    if let Some((hash, certificate)) = before.into_iter().find(|(_, certificate)| is_this(certificate)) {
        return Ok((certificate, hash));
    }
    let by_itself = hold.released.as_ref().is_some_and(|said| said.by == extract::OWN);
    let certificate = Certificate {
        organisation: organisation.to_owned(),
        node: node.to_owned(),
        stores: vec!["hold extracts".to_owned(), "their keys".to_owned()],
        released: Some(released.clone()),
        began,
        ended: clock::rfc3339(clock::now()),
        trigger: format!("hold {} {}", hold.number, if by_itself { "over" } else { "released" }),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        ..Certificate::default()
    };
    let hash = hex(&chain::append(&retention::certificates_file(dir), CERTIFICATE, keys, &certificate)?);
    let scope = [("hold", hold.number.to_string()), ("certificate", hash.clone()), ("days", released.days.to_string())];
    let scope = scope.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>();
    let reason = Some("what was taken out for it is destroyed".to_owned());
    let (who, act) = (extract::OWN.to_owned(), "hold".to_owned());
    let act = Act { at: String::new(), who, act, purpose: None, reason, scope, count: released.records };
    audit::add(dir, keys, act)?;
    Ok((certificate, hash))
}
