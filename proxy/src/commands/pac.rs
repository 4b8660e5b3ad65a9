//! `octroi pac`: the PAC file, as the running gate serves it.

use super::{Answer, Wrong, answer, configuration};
use crate::control::{self, Request};
use crate::pages::pac;
use std::net::SocketAddr;
use std::path::Path;

/// Prints the PAC file. The ports of a running gate are known; otherwise they are the configuration's.
pub(crate) fn pac(path: Option<&Path>) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let listening = match control::ask(&config.data_dir, &Request::Status) {
        Ok(control::Answer::Status(status)) => status.proxy,
        _ => config.listen.proxy,
    };
    let proxies: Vec<(String, u16)> = listening.iter().map(|address| (host(address), address.port())).collect();
    let proxies: Vec<(&str, u16)> = proxies.iter().map(|(host, port)| (host.as_str(), *port)).collect();
    answer(&pac::file(&proxies, &[]))?;
    Ok(Answer::Done)
}

/// The name other machines know the gate by; an address that is every address of the machine is no name.
fn host(address: &SocketAddr) -> String {
    if address.ip().is_unspecified() {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    } else {
        address.ip().to_string()
    }
}
