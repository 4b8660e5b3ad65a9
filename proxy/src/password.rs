//! The gate's own page on which somebody changes their password: `http://compte.octroi.internal/`, reached through the proxy
//! itself, so that whoever can ask for a site can ask for it.
//!
//! Who asks has given name and password with the request, as for any other (RFC 7617). Nothing is changed without the current
//! password typed anew, and a token that only this page shows: no other site can have a browser send the form. Nothing of it
//! is recorded: it goes nowhere.
use crate::accounts::file::{self, Change};
use crate::accounts::rule::{self, Name};
use crate::accounts::{self, Due, Place, Verification};
use crate::body;
use crate::commands::user::holder_changed;
use crate::config::Method;
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::exchange::Asked;
use crate::form::{self, Form};
use crate::gate::{Gate, State};
use crate::identify::Client;
use crate::pages;
use crate::pages::password::{Objection, PasswordPage, Stage};
use crate::refuse;
use logstore::Auth;

/// Whether a request asks for this page.
pub(crate) fn is_asked(state: &State, asked: &Asked) -> bool {
    let identity = &state.config.identity;
    let target = &asked.target;
    target.host() == &*identity.basic.host
        && target.port() == 80
        && !asked.method.is_connect()
        && identity.methods.contains(&Method::Basic)
}

/// Where it is.
pub(crate) fn address(state: &State) -> String {
    format!("http://{}/", state.config.identity.basic.host)
}

/// Answers whoever asks for it.
///
/// Cancel safety: dropped, the password is as it was or changed.
pub(crate) async fn answer<R, W>(
    gate: &Gate,
    state: &State,
    connection: &mut Connection<R, W>,
    asked: &Asked,
    client: &Client,
    due: Option<Due>,
) -> Next
where
    R: ClientReader,
    W: ClientWriter,
{
    connection.take_head();
    let name = match (client.auth, client.user.as_deref().map(Name::parse)) {
        (Auth::Basic, Some(Ok(name))) if gate.accounts.exists(&name) => Some(name),
        _ => None,
    };
    let (mut next, mut status) = (refuse::next(asked), 200);
    let stage = match (&name, asked.method.as_str()) {
        _ if asked.target.path() != "/" => {
            status = 404;
            Stage::Asked
        }
        (None, _) => {
            status = 403;
            Stage::KeptElsewhere
        }
        (Some(_), "GET" | "HEAD") => Stage::Asked,
        (Some(name), "POST") => {
            // The body is read to its end, or nothing more is.
            match form::read(connection, asked, state.config.limits.idle_timeout).await {
                Some(form) => {
                    next = if asked.persistent { Next::Keep } else { Next::Linger };
                    change(gate, state, client, name, form).await
                }
                None => Stage::Refused(Objection::Stale),
            }
        }
        _ => {
            status = 405;
            Stage::Asked
        }
    };
    if matches!(stage, Stage::Refused(_)) {
        status = 422;
    }
    let token = name.as_ref().map(|name| gate.accounts.form_token(name)).unwrap_or_default();
    let organisation = &state.config.organisation;
    let page = PasswordPage {
        organisation: &organisation.name,
        contact: &organisation.contact,
        user: client.user.as_deref().unwrap_or_default(),
        due,
        rule: &state.config.identity.basic.rule,
        token: &token,
        stage,
    };
    let page = pages::password::password(asked.language, &page);
    let answer = refuse::own(status, asked.language, page, next, asked.method.is_head());
    match body::write(&mut connection.writer, answer.as_bytes(), state.config.limits.idle_timeout).await {
        Ok(()) => next,
        Err(_) => Next::Close,
    }
}

/// Changes a password as a form says.
async fn change(gate: &Gate, state: &State, client: &Client, name: &Name, form: Form) -> Stage {
    let refused = |why| Stage::Refused(why);
    if form.get("token") != gate.accounts.form_token(name) {
        return refused(Objection::Stale);
    }
    let (current, new) = (form.get("current").to_owned(), form.get("new").to_owned());
    // What costs no hashing first; of these none says anything about the current one.
    if new != form.get("again") {
        return refused(Objection::Different);
    }
    if let Err(weakness) = rule::judge(&state.config.identity.basic.rule, name, &new) {
        return refused(Objection::Weak(weakness));
    }
    if new == current {
        return refused(Objection::Same);
    }
    let turn = gate.turns.of(client.address);
    let _my_turn = turn.lock().await;
    let (accounts, config, name, place) =
        (gate.accounts.clone(), state.config.clone(), name.clone(), Place::Address(client.address));
    let changed = tokio::task::spawn_blocking(move || {
        match accounts.verify(name.as_str(), &current, place) {
            Verification::Verified(_) => {}
            Verification::Wrong => return Err(Objection::WrongCurrent),
            Verification::Throttled { retry_after } => return Err(Objection::Wait(retry_after.as_secs() + 1)),
        }
        let failed = |why: String| {
            tracing::error!(%why, "a password could not be changed");
            Objection::Failed
        };
        let hash = accounts::hash(&new).map_err(|why| failed(why.to_string()))?;
        let change = Change::Password { hash, must_change: false };
        file::change(&config.data_dir, &name, change).map_err(|why| failed(format!("{why:?}")))?;
        // The change stands; what is noted of it concerns those who open names.
        holder_changed(&config, &name).map_err(|why| failed(why.to_string()))
    });
    match changed.await {
        Ok(Ok(())) => Stage::Done,
        Ok(Err(why)) => refused(why),
        Err(_) => refused(Objection::Failed),
    }
}
