//! `octroi log tail`: the register as it is written, under pseudonyms and no other way.
//!
//! Nobody is watched live by name: the gate sends pseudonyms, and no purpose opens them here. Names are a matter for
//! `octroi log search`. That somebody follows leaves its trace when it begins.

use super::{Answer, Wrong, format, given, host_filter, is_pseudonym, trace};
use crate::cli::{Format, Tail};
use crate::commands::{no_gate, plural, status};
use crate::config::Config;
use crate::control::{self, AskError, Following, Watch};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Write};

/// Shows records as they are filed, until the gate stops or nobody reads any more.
pub(super) fn tail(config: &Config, asked: &Tail) -> Result<Answer, Wrong> {
    let watch = watch(asked)?;
    let scope = given([("user", watch.user.clone()), ("client", watch.client.clone()), ("host", watch.host.clone())]);
    let format = if asked.json { Format::Json } else { asked.format.into() };
    let (mut following, first) = match Following::begin(&config.data_dir, watch) {
        Ok(begun) => begun,
        Err(AskError::NoGate) => return no(&no_gate(config)),
        Err(why) => return no(&why.to_string()),
    };
    match first {
        control::Answer::Following => {}
        control::Answer::Failed { why } => return no(&why),
        other => return Err(status::unexpected(other)),
    }
    // How many records it will be shown is not known yet.
    trace(config, "tail", None, scope, 0, None)?;
    eprintln!("following the register, under pseudonyms; Ctrl-C ends it");
    if !written(&format::heading(format))? {
        return Ok(Answer::Done);
    }
    loop {
        if !still_read(&following)? {
            return Ok(Answer::Done);
        }
        match following.next() {
            Ok(control::Answer::Filed { record }) => {
                let line = format::one(format, &record, &config.time_zone).map_err(Wrong::because)?;
                if !written(&line)? {
                    return Ok(Answer::Done);
                }
            }
            Ok(control::Answer::Missed { records }) => {
                eprintln!("{} missed here: this reader was too slow", plural(records, "record", "records"));
            }
            Ok(control::Answer::Stopped) => {
                eprintln!("the gate has stopped");
                return Ok(Answer::Done);
            }
            Ok(other) => return Err(status::unexpected(other)),
            Err(_) => return no("the gate ended without a word, or this reader took nothing for five minutes"),
        }
    }
}

fn no(why: &str) -> Result<Answer, Wrong> {
    eprintln!("{why}");
    Ok(Answer::No)
}

fn watch(asked: &Tail) -> Result<Watch, Wrong> {
    for (option, given, prefix) in [("--user", &asked.user, "p-"), ("--client", &asked.client, "a-")] {
        if given.as_deref().is_some_and(|given| !is_pseudonym(given, prefix)) {
            return Err(Wrong(format!(
                "{option} takes a pseudonym here ({prefix}…), as shown: nobody is followed live by name"
            )));
        }
    }
    if let Some(host) = &asked.host {
        host_filter(host).map_err(Wrong)?;
    }
    Ok(Watch { user: asked.user.clone(), client: asked.client.clone(), host: asked.host.clone() })
}

/// Writes at once. False when nobody reads any more.
fn written(text: &str) -> Result<bool, Wrong> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(why) => Err(Wrong::because(why)),
    }
}

/// Waits for the gate's next word. False when whoever read standard output has gone meanwhile (`octroi log tail | head`),
/// which a write would only show at the next record.
fn still_read(following: &Following) -> Result<bool, Wrong> {
    let Some(socket) = following.waiting() else { return Ok(true) };
    let out = io::stdout();
    loop {
        // Errors and hang-ups are reported without being asked for.
        let mut waited = [PollFd::new(socket, PollFlags::IN), PollFd::new(&out, PollFlags::empty())];
        match poll(&mut waited, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(why) => return Err(Wrong::because(why)),
        }
        let [socket, out] = waited.map(|waited| waited.revents());
        if out.intersects(PollFlags::ERR | PollFlags::HUP) {
            return Ok(false);
        }
        if !socket.is_empty() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::TailFormat;

    fn asked(user: &str, client: &str, host: &str) -> Tail {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Tail { user: some(user), client: some(client), host: some(host), format: TailFormat::Table, json: false }
    }

    #[test]
    fn nobody_is_followed_by_name() {
        let pseudonyms = asked("p-0123456789", "a-0123456789", "a.test");
        assert!(watch(&pseudonyms).is_ok());
        for wrong in [asked("a.martin", "", ""), asked("", "10.0.0.12", ""), asked("", "", "a b")] {
            assert!(watch(&wrong).is_err(), "{wrong:?}");
        }
    }
}
