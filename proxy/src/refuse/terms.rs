//! Answers about the charter's terms: the page of a warning and how one goes on behind it, that of a budget used up, the desk.
use super::{Page, denied, local, refusal, send_page};
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::gate::{Gate, State};
use crate::identify::Client;
use crate::pages::terms::{Desk, Finding, Warning};
use crate::pages::{self, Body};
use crate::terms::{Terms, desk};
use logstore::OwedRecord;
use policy::{Budget, Decision, Target};
use std::fmt::Write as _;
use std::time::Duration;

/// The page of terms that are not met.
pub(super) fn unmet(
    gate: &Gate,
    state: &State,
    asked: &Asked,
    client: &Client,
    decision: &Decision,
    record: &OwedRecord,
) -> Page<'static> {
    match state.in_force.terms(decision) {
        policy::Terms::Budget(budget) => used_up(gate, state, asked, client, decision, budget, record),
        policy::Terms::None | policy::Terms::Acknowledge(_) => {
            warned(gate, state, asked, client, &asked.target, decision, record)
        }
    }
}

/// The page of a warning about `target`: what is asked for, or what the desk was asked about.
fn warned(
    gate: &Gate,
    state: &State,
    asked: &Asked,
    client: &Client,
    target: &Target,
    decision: &Decision,
    record: &OwedRecord,
) -> Page<'static> {
    let (lang, now, tunnel) = (asked.language, gate.now(), asked.method.is_connect());
    let (reference, moment) = (record.id().to_string(), state.blocks.moment(lang, &state.config.time_zone, now));
    let (action, origin) = if tunnel {
        (desk::about(target), String::new())
    } else {
        let origin = desk::origin(target);
        let offer = gate.terms.offer(state, client, target, decision, &desk::url(target, &origin), now);
        (desk::acknowledging(&offer), origin)
    };
    let long = match state.in_force.terms(decision) {
        policy::Terms::Acknowledge(long) => long,
        policy::Terms::None | policy::Terms::Budget(_) => Duration::ZERO,
    };
    let terms = Warning { action: &action, tunnel, long, reach: Terms::reach(state, decision) };
    let page = refusal(gate, state, client, target.host(), decision, &reference, &moment.1);
    let mut page = denied(lang, Body::Whole(pages::terms::warning(lang, &page, terms)));
    // The answer to the form leads there, and browsers hold that against the policy too.
    page.security = pages::security_policy_with_form(&format!("{} {origin}", desk::ORIGIN)).into();
    page
}

/// The page of a budget that is used up.
fn used_up(
    gate: &Gate,
    state: &State,
    asked: &Asked,
    client: &Client,
    decision: &Decision,
    budget: Budget,
    record: &OwedRecord,
) -> Page<'static> {
    let (lang, now) = (asked.language, gate.now());
    let usage = gate.terms.usage(state, client, decision, budget, now);
    let (reference, moment) = (record.id().to_string(), state.blocks.moment(lang, &state.config.time_zone, now));
    let page = refusal(gate, state, client, asked.target.host(), decision, &reference, &moment.1);
    let until = local(state, usage.until);
    denied(lang, Body::Whole(pages::terms::used_up(lang, &page, budget, &until)))
}

/// Shows the warning about a site that the desk was asked about.
pub(crate) async fn read_first<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
    (target, decision): (&Target, &Decision),
    record: &mut OwedRecord,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    let mut page = warned(gate, state, asked, client, target, decision, record);
    // It is what was asked for, and no refusal of it.
    (page.status, page.error) = (200, None);
    record.answered(200);
    send_page(state, connection, Some(asked), page).await
}

/// Shows the desk, with what it found.
pub(crate) async fn found<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    finding: Finding<'_>,
    record: &mut OwedRecord,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    let organisation = &state.config.organisation;
    let body = pages::terms::desk(
        asked.language,
        &Desk {
            organisation: &organisation.name,
            contact: &organisation.contact,
            dpo: &organisation.dpo,
            retention_days: state.config.log.retention_days.into(),
            finding,
        },
    );
    record.answered(200);
    let mut page = denied(asked.language, Body::Whole(body));
    (page.status, page.error) = (200, None);
    page.security = pages::security_policy_with_form(desk::ORIGIN).into();
    send_page(state, connection, Some(asked), page).await
}

/// Leads on (RFC 9110 §15.4.4) to a URL that the gate itself has signed.
pub(crate) async fn go_on<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    url: &str,
    record: &mut OwedRecord,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    record.answered(303);
    let mut page = denied(asked.language, Body::Whole(String::new()));
    (page.status, page.error) = (303, None);
    let _ = write!(page.fields, "Location: {url}\r\n");
    send_page(state, connection, Some(asked), page).await
}
