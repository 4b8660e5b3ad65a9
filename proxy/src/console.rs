//! The console's socket: PAC file, health, metrics, front page. Plain HTTP, no identity asked, nothing personal shown.
use crate::config::Detail;
use crate::gate::{Gate, State};
use crate::metrics;
use crate::pages::{self, Depth, Enforced, Home, Language, pac};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use hyper::header::{ETAG, HOST, HeaderValue, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use xxhash_rust::xxh3::xxh3_64;

/// Connections served at once; further ones wait in the socket's queue.
const AT_ONCE: usize = 512;
/// A connection is closed after this, whatever it does: everything served here takes milliseconds.
const LONGEST: Duration = Duration::from_secs(30);
/// How long browsers may go by a PAC file without asking again: short enough that a moved gate is found the same morning.
const PAC_CACHE: &str = "max-age=300";

type Answer = Response<Full<Bytes>>;

/// Serves the console until the gate is closed.
pub(crate) async fn listen(gate: Arc<Gate>, listener: TcpListener, tasks: TaskTracker) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the console could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = gate.closed.cancelled() => return,
        };
        let gate = gate.clone();
        tasks.spawn(async move {
            let _place = place;
            let service = service_fn(|request| {
                let gate = gate.clone();
                async move { Ok::<_, Infallible>(answer(&gate, &request)) }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is its own affair.
            let _ = gate.closed.run_until_cancelled(tokio::time::timeout(LONGEST, serving)).await;
        });
    }
}

fn answer(gate: &Gate, request: &Request<Incoming>) -> Answer {
    let state = gate.state();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match request.uri().path() {
        "/" => home(gate, &state, request),
        "/proxy.pac" | "/wpad.dat" => pac_file(&state, request),
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" => ready(gate, &state),
        "/metrics" => typed(StatusCode::OK, metrics::MEDIA_TYPE, metrics::page(gate)),
        _ => text(StatusCode::NOT_FOUND, "not found\n"),
    }
}

/// Alive is one thing, ready another: the register can be written and the gate isn't stopping. What is missing although
/// it is ready is said too.
fn ready(gate: &Gate, state: &State) -> Answer {
    let (ready, why) = readiness(gate);
    let lists = gate.upkeep.lists_told(gate.now());
    let directory = state.directory.iter().flat_map(|directory| directory.notes());
    let others = lists.into_iter().chain(directory);
    let notes: Vec<String> =
        state.upstream.note().into_iter().chain(others).chain(state.notes.iter().cloned()).collect();
    let body = json!({ "ready": ready, "why": why, "notes": notes, "charter": &*state.charter });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    typed(status, "application/json", format!("{body}\n"))
}

/// Whether exchanges are let through, and why not.
pub(crate) fn readiness(gate: &Gate) -> (bool, Option<String>) {
    if gate.stopping.is_cancelled() {
        return (false, Some("the gate is stopping".into()));
    }
    match gate.register.health() {
        logstore::Health::Writable => (true, None),
        logstore::Health::Unwritable { why, .. } => (false, Some(format!("the register cannot be written: {why}"))),
    }
}

fn pac_file(state: &State, request: &Request<Incoming>) -> Answer {
    let asked = asked_host(request);
    // A browser elsewhere has nothing to find on its own loopback address.
    let elsewhere = asked.as_deref().is_some_and(|host| !is_loopback(host));
    let open_to_others = state.sockets.all().any(|own| !own.ip().is_loopback());
    let reachable = |own: &&SocketAddr| !(elsewhere && open_to_others && own.ip().is_loopback());
    let name = ticketed(state, asked.as_deref());
    let reached = |own: &SocketAddr| (reached_as(*own, name), own.port());
    let plain: Vec<_> = state.sockets.plain.iter().filter(reachable).map(reached).collect();
    let secure: Vec<_> = state.sockets.secure.iter().filter(reachable).map(reached).collect();
    let ways = plain.iter().map(|way| (way, false)).chain(secure.iter().map(|way| (way, true)));
    let proxies: Vec<pac::Proxy<'_>> =
        ways.map(|((host, port), secure)| pac::Proxy { host, port: *port, secure }).collect();
    let text = pac::file(&proxies, &[]);
    let tag = format!("\"{:016x}\"", xxh3_64(text.as_bytes()));
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        let mut answer = Response::new(Full::new(Bytes::new()));
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        typed(StatusCode::OK, pac::MEDIA_TYPE, text)
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(PAC_CACHE));
    // The answer names the gate as the browser does.
    headers.insert(VARY, HeaderValue::from_static("Host"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

/// The name in the request's Host field, without its port.
fn asked_host(request: &Request<Incoming>) -> Option<String> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let target = policy::Target::of_url(&format!("http://{host}/")).ok()?;
    Some(target.host().to_owned())
}

/// Whether a host in normal form is this machine and no other.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The name a browser finds a ticket for, where tickets are asked for and their services are named: that by which it found
/// the console if there are tickets for it, else the first.
fn ticketed<'a>(state: &'a State, asked: Option<&'a str>) -> Option<&'a str> {
    let identity = &state.config.identity;
    if !identity.takes_tickets() {
        return asked;
    }
    let hosts = || identity.negotiate.hosts();
    let known = asked.filter(|asked| hosts().any(|host| host.eq_ignore_ascii_case(asked)));
    known.or(hosts().next()).or(asked)
}

/// How a browser reaches one of the proxy's sockets: by the name under which it found the console, when the socket can be
/// reached from elsewhere (Kerberos needs the name); a loopback socket by its address, or a name that leads nowhere else
/// (RFC 6761 §6.3).
fn reached_as(own: SocketAddr, asked: Option<&str>) -> String {
    match (own.ip(), asked) {
        (ip, Some(name)) if !ip.is_loopback() || name.ends_with(".localhost") => name.to_owned(),
        (IpAddr::V4(ip), None) if ip.is_unspecified() => "127.0.0.1".into(),
        (IpAddr::V6(ip), None) if ip.is_unspecified() => "::1".into(),
        (ip, _) => ip.to_string(),
    }
}

fn home(gate: &Gate, state: &State, request: &Request<Incoming>) -> Answer {
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let lang = Language::negotiate(accepted, state.language);
    let asked = asked_host(request);
    let host = reached_as(gate.console, asked.as_deref());
    let pac = format!("http://{}/proxy.pac", with_port(&host, gate.console.port()));
    let proxy = state
        .sockets
        .all()
        .next()
        .map(|own| with_port(&reached_as(own, asked.as_deref()), own.port()))
        .unwrap_or_default();
    let refused = state.in_force.charter().refused();
    let enforced: Vec<Enforced<'_>> =
        refused.iter().map(|(article, what)| Enforced { article: *article, what }).collect();
    let organisation = &state.config.organisation;
    let body = pages::home(
        lang,
        &Home {
            organisation: &organisation.name,
            contact: &organisation.contact,
            dpo: &organisation.dpo,
            charter_title: state.in_force.charter().title(),
            charter: &state.charter,
            enforced: &enforced,
            pac: &pac,
            proxy: &proxy,
            retention_days: state.config.log.retention_days.into(),
            depth: match state.config.log.detail {
                Detail::Host => Depth::Host,
                Detail::Path => Depth::Path,
                Detail::Url => Depth::Url,
            },
        },
    );
    let mut answer = typed(StatusCode::OK, pages::MEDIA_TYPE, body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(pages::CONTENT_SECURITY_POLICY));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.tag()));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
    answer
}

fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn text(status: StatusCode, body: &str) -> Answer {
    typed(status, "text/plain; charset=utf-8", body.to_owned())
}

fn typed(status: StatusCode, media_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
