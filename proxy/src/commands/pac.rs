//! `octroi pac`: the PAC file, as the running gate serves it.

use super::{Answer, Wrong, answer, configuration};
use crate::control::{self, Request};
use crate::pages::pac;
use std::net::SocketAddr;
use std::path::Path;

/// Prints the PAC file. The ports of a running gate are known; otherwise they are the configuration's.
pub(crate) fn pac(path: Option<&Path>) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let (plain, secure) = match control::ask(&config.data_dir, &Request::Status) {
        Ok(control::Answer::Status(status)) => (status.proxy, status.proxy_tls.addresses),
        _ => (config.listen.proxy, config.listen.proxy_tls.into_iter().map(|one| one.address).collect()),
    };
    let named = |secure| move |address: &SocketAddr| (host(address), address.port(), secure);
    let named: Vec<(String, u16, bool)> =
        plain.iter().map(named(false)).chain(secure.iter().map(named(true))).collect();
    let proxies: Vec<pac::Proxy<'_>> =
        named.iter().map(|(host, port, secure)| pac::Proxy { host, port: *port, secure: *secure }).collect();
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
