//! Which records an act of the audit trail can have seen: those made before it. A clock that was set back makes that doubtful; a
//! record counts as seen whenever it may have been.

use jiff::Timestamp;
use logstore::audit::Act;

/// For each act the instant (UTC µs) before which the records were made that it can have seen.
///
/// The trail's order is the order of the acts, whatever the clock said. An act that bears no later time than one before it was
/// dated by a clock that had been set back, and stands somewhere before the next that does. A step back that the gate noticed
/// leaves records behind that were dated by the clock as it was.
pub(super) fn seen(acts: &[Act]) -> Vec<i64> {
    let at = |act: &Act| act.at.parse::<Timestamp>().ok().map(Timestamp::as_microsecond);
    let (mut latest, mut stepped) = (i64::MIN, i64::MIN);
    let mut seen: Vec<Option<i64>> = Vec::with_capacity(acts.len());
    // Those that wait for a later time.
    let mut doubtful = Vec::new();
    for act in acts {
        let at = at(act).unwrap_or(i64::MIN);
        stepped = stepped.max(before_step(act).unwrap_or(i64::MIN));
        if at > latest {
            latest = at;
            for place in doubtful.drain(..) {
                seen[place] = Some(at.max(stepped));
            }
            seen.push(Some(at.max(stepped)));
        } else {
            doubtful.push(seen.len());
            seen.push(None);
        }
    }
    seen.into_iter().map(|until| until.unwrap_or(i64::MAX)).collect()
}

/// What the clock showed before it was set back, if that is what the act tells.
fn before_step(act: &Act) -> Option<i64> {
    if act.act != "clock step" {
        return None;
    }
    let step: i64 = act.scope.get("microseconds")?.parse().ok()?;
    let now: Timestamp = act.scope.get("now")?.parse().ok()?;
    (step < 0).then(|| now.as_microsecond().saturating_sub(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(at: &str, step: Option<&str>) -> Act {
        let scope = step.map(|step| {
            [("microseconds".to_owned(), step.to_owned()), ("now".to_owned(), at.to_owned())].into_iter().collect()
        });
        Act {
            at: at.into(),
            who: "root".into(),
            act: if step.is_some() { "clock step" } else { "search" }.into(),
            purpose: None,
            reason: None,
            scope: scope.unwrap_or_default(),
            count: 1,
        }
    }

    fn instants(acts: &[Act]) -> Vec<String> {
        let told = |at: &i64| Timestamp::from_microsecond(*at).map_or_else(|_| "ever".to_owned(), |at| at.to_string());
        seen(acts).iter().map(told).collect()
    }

    #[test]
    fn an_act_under_a_clock_that_was_set_back_can_have_seen_what_was_dated_later() {
        let day = |day: u8| act(&format!("2026-11-{day:02}T10:00:00Z"), None);
        let at = |day: u8| format!("2026-11-{day:02}T10:00:00Z");
        assert_eq!(instants(&[day(1), day(2), day(3)]), [at(1), at(2), at(3)], "a good clock");
        assert_eq!(
            instants(&[day(5), day(2), day(5), day(6)]),
            [at(5), at(6), at(6), at(6)],
            "set back, and caught up"
        );
        assert_eq!(instants(&[day(5), day(2)]), [at(5), "ever".to_owned()], "and not caught up");
        // Three days back, noticed; what comes behind it can have seen what was dated before.
        let step = act(&at(6), Some("-259200000000"));
        assert_eq!(instants(&[day(5), step, day(7)]), [at(5), at(9), at(9)]);
        let forward = act(&at(6), Some("259200000000"));
        assert_eq!(instants(&[day(5), forward, day(7)]), [at(5), at(6), at(7)]);
        assert_eq!(instants(&[act("never", None), day(7)])[1], at(7));
    }
}
