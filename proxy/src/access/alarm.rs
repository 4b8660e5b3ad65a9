//! The alarm of a broken glass, by mail: to the data protection officer and to whom `[roles] alarm` names, at once (`law.md` 8).
//!
//! It goes the way of the day's seals (`[log.anchor] smtp`, `mail_from`) and has no name in it. One that cannot be written is an alarm
//! itself, in the log and in the status, and is tried again for hours; nothing waits for it. Whoever was written to is not again.

use super::Broken;
use crate::anchor::hand_over;
use crate::config::{Config, Post};
use crate::outbound::{Backoff, Outbound};
use crate::register;
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use logstore::{Register, audit};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The act in the audit trail.
const ALARM: &str = "alarm";
/// How an outcome begins that went well.
const SENT: &str = "mail: sent, ";
/// Between the first two attempts.
const FIRST: Duration = Duration::from_secs(5);
/// Between the last.
const LONGEST: Duration = Duration::from_secs(600);
/// So many attempts are made: within hours, for the review is due within days.
const ATTEMPTS: u32 = 24;

/// Why an alarm is not written; none when it is, or none was raised.
pub(crate) type Trouble = Arc<ArcSwapOption<String>>;

/// Who is written to.
pub(crate) fn recipients(config: &Config) -> Vec<Address> {
    let mut all: Vec<Address> = config.organisation.dpo.parse().ok().into_iter().collect();
    for address in &config.roles.alarm {
        if !all.contains(address) {
            all.push(address.clone());
        }
    }
    all
}

/// Why nobody could be written to, if it is so.
pub(crate) fn missing(config: &Config) -> Option<&'static str> {
    match (&config.log.anchor.post, recipients(config).is_empty()) {
        (None, _) => Some("`[log.anchor]` lacks smtp and mail_from"),
        (Some(_), true) => Some("neither `[organisation] dpo` nor `[roles] alarm` is an address"),
        (Some(_), false) => None,
    }
}

/// Writes the alarm, unless a gate before this one did. Returns when everybody has it or patience ends.
///
/// Cancel safety: dropped, it writes no more; the next gate begins again.
pub(crate) async fn write(config: Config, register: Register, broken: Broken, trouble: Trouble) {
    let (dir, number) = (register.dir().to_owned(), broken.number);
    if !matches!(tokio::task::spawn_blocking(move || is_written(&dir, number)).await, Ok(Ok(false))) {
        return;
    }
    let post = match (&config.log.anchor.post, missing(&config)) {
        (Some(post), None) => post,
        (_, why) => {
            let why = why.unwrap_or_default();
            tracing::error!(request = number, why, "nobody is told by mail of names opened without a second person");
            trouble.store(Some(Arc::new(format!("nobody is told by mail of the break-glass {number}: {why}"))));
            return;
        }
    };
    let mut left = recipients(&config);
    let count = left.len() as u64;
    let mut backoff = Backoff::new(FIRST, LONGEST);
    for attempt in 1..=ATTEMPTS {
        let (mut failed, mut why) = (Vec::new(), String::new());
        for to in left {
            // A server repeats the address it refuses, which is somebody's.
            if let Err(said) = send(&config, post, &to, &broken).await {
                why = said.replace(&to.to_string(), "the recipient");
                failed.push(to);
            }
        }
        left = failed;
        if left.is_empty() {
            trouble.store(None);
            tracing::info!(request = number, "the alarm was written");
            return note(&register, number, format!("{SENT}through {}", post.server), count).await;
        }
        trouble
            .store(Some(Arc::new(format!("the alarm of the break-glass {number} is not written to everybody: {why}"))));
        if attempt == 1 || attempt == ATTEMPTS {
            tracing::error!(request = number, why, "the alarm of names opened without a second person is not written");
            note(&register, number, format!("mail: failed, {why}"), left.len() as u64).await;
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(backoff.pause()).await;
        }
    }
}

/// Whether the trail has that everybody was written to.
fn is_written(dir: &Path, number: u64) -> Result<bool, logstore::ChainError> {
    let number = number.to_string();
    let is = |act: &audit::Act| {
        let says = |name: &str, wanted: &dyn Fn(&str) -> bool| act.scope.get(name).is_some_and(|said| wanted(said));
        act.act == ALARM && says("request", &|said| said == number) && says("outcome", &|said| said.starts_with(SENT))
    };
    Ok(audit::read(dir)?.acts.iter().any(is))
}

async fn note(register: &Register, number: u64, outcome: String, count: u64) {
    let register = register.clone();
    let scope = [("request", number.to_string()), ("outcome", outcome)];
    let noted = move || register::note_own(register.dir(), register.keys(), ALARM, scope, count);
    if let Err(panic) = tokio::task::spawn_blocking(noted).await {
        tracing::error!(%panic, "the audit trail cannot be written");
    }
}

async fn send(config: &Config, post: &Post, to: &Address, broken: &Broken) -> Result<(), String> {
    let anchor = &config.log.anchor;
    let outbound = Outbound::new(&config.dns, anchor.ca_file.as_deref())?;
    let node = register::settings(config).node;
    hand_over(&outbound, &post.server, &node, &letter(&node, post, to, broken)?).await
}

fn letter(node: &str, post: &Post, to: &Address, Broken { number, at, due }: &Broken) -> Result<Message, String> {
    let instant = |micros: i64| Timestamp::from_microsecond(micros).map(|at| format!("{at:.0}")).unwrap_or_default();
    let (opened, due) = (instant(*at), instant(*due));
    let text = format!(
        "(English below)\n\n\
         Sur la passerelle {node}, des noms ont été ouverts sans l’accord d’une seconde personne\n\
         (bris de glace, demande {number}), le {opened}.\n\n\
         Un approbateur doit en rédiger la revue avant le {due}\u{a0}:\n\
         octroi scope show {number}\n\
         octroi scope review {number} --text …\n\n\
         Ce message ne nomme personne et n’appelle pas de réponse.\n\n\
         -- \n\n\
         On the gate {node}, names were opened without the agreement of a second person\n\
         (break-glass, request {number}), on {opened}.\n\n\
         An approver has to review it in writing until {due}:\n\
         octroi scope show {number}\n\
         octroi scope review {number} --text …\n\n\
         This message names nobody, and no answer is expected.\n"
    );
    // Given twice, because an answer was lost, it is the same letter.
    let id = format!("<glass.{number}.{at}@{}>", post.from.domain());
    Message::builder()
        .from(Mailbox::new(Some("Octroi".to_owned()), post.from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(format!("Octroi, {node} : bris de glace / break-glass {number}"))
        .message_id(Some(id))
        // RFC 3834: nobody's absence is to be told to a machine.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(text)
        .map_err(|why| why.to_string())
}
