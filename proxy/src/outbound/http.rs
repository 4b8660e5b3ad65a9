//! One HTTP request of the gate's own, and its answer.

use super::{Outbound, SILENCE, within};
use crate::upstream::Form;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Builder;
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;

/// Sends a request to where `uri` leads, over a connection of its own: its path, host and what every request of the
/// gate's says of itself are added to what `request` has. Nothing is followed: another address is the caller's choice.
pub(crate) async fn send(
    outbound: &Outbound,
    uri: &Uri,
    request: Builder,
    body: Bytes,
) -> Result<Response<Incoming>, String> {
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("only http and https addresses are fetched".to_owned()),
    };
    let host = uri.host().ok_or("the address names no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = outbound.open(host, port, secure).await?;
    let io = TokioIo::new(stream.io);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(|why| broken(&why))?;
    // Ends with the connection, which the end of the response closes, or with the command's runtime.
    tokio::spawn(connection);
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (named, credentials) = match &stream.form {
        Form::Origin => (path.to_owned(), None),
        Form::Absolute { credentials } => (format!("{}{path}", origin(uri)), credentials.clone()),
    };
    let credentials = credentials.map(|secret| HeaderValue::from_str(secret.told())).transpose();
    let request = credentials
        .map_err(|why| why.to_string())?
        .into_iter()
        .fold(request, |request, credentials| request.header(header::PROXY_AUTHORIZATION, credentials));
    let request = request
        .uri(named)
        .header(header::HOST, authority.rsplit_once('@').map_or(authority, |(_, host)| host))
        .header(header::USER_AGENT, concat!("octroi/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Full::new(body))
        .map_err(|why| why.to_string())?;
    within(SILENCE, sender.send_request(request)).await?.map_err(|why| broken(&why))
}

/// The address as far as it can be shown: without a password, and without the query, which may hold one.
pub(crate) fn place(uri: &Uri) -> String {
    format!("{}{}", origin(uri), uri.path())
}

/// Scheme, host and port.
pub(crate) fn origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{}://{host}", uri.scheme_str().unwrap_or_default())
}

/// The cause rather than "connection error".
pub(crate) fn broken(why: &hyper::Error) -> String {
    std::error::Error::source(why).map_or_else(|| why.to_string(), |cause| format!("{why}: {cause}"))
}
