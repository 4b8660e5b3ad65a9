//! The rows of a table of figures: one kind of operation, as often as it goes.

use crate::client::{self, Client, any, patiently};
use crate::tally::{Failure, Tally};
use crate::{Connect, Get, Idle, Pace, Proxy, Tunnel};
use serde_json::json;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::sleep_until;

/// After so many failures one after the other a client gives up: the row is spoilt.
const GIVES_UP: u32 = 20;

/// When the row ends.
#[derive(Clone)]
struct End {
    at: Option<Instant>,
    told: Rc<Cell<bool>>,
}

impl End {
    fn of(pace: &Pace) -> End {
        let told = Rc::new(Cell::new(false));
        if pace.seconds > 0.0 {
            return End { at: Some(Instant::now() + Duration::from_secs_f64(pace.seconds)), told };
        }
        let tell = told.clone();
        spawn_local(async move {
            input_ends().await;
            tell.set(true);
        });
        End { at: None, told }
    }

    fn has_come(&self) -> bool {
        self.told.get() || self.at.is_some_and(|at| Instant::now() >= at)
    }
}

async fn input_ends() {
    let mut rest = Vec::new();
    // However it ends, it has ended.
    let _ = tokio::io::stdin().read_to_end(&mut rest).await;
}

/// Has every client of the row do its operation again and again, at the row's pace, and tells what came of it.
async fn repeat<O, F>(proxy: &Proxy, pace: &Pace, operation: O) -> Result<(), String>
where
    O: Fn(Client, usize) -> F + Clone + 'static,
    F: Future<Output = (Client, Result<u64, Failure>)> + 'static,
{
    let tally = Rc::new(RefCell::new(Tally::default()));
    let begun = Instant::now();
    let end = End::of(pace);
    let every = pace.rate.map(|rate| Duration::from_secs_f64(pace.connections as f64 / rate));
    let mut clients = JoinSet::new();
    for number in 0..pace.connections {
        let (tally, end, operation) = (tally.clone(), end.clone(), operation.clone());
        let mut client = Client::new(proxy.proxy);
        // Those at a pace begin one after the other, evenly.
        let mut due = begun + every.unwrap_or_default().mul_f64(number as f64 / pace.connections as f64);
        clients.spawn_local(async move {
            let mut failed = 0;
            // Each client begins elsewhere in what is asked.
            let mut turn = number * 7919;
            while !end.has_come() && failed < GIVES_UP {
                if let Some(every) = every {
                    sleep_until(due.into()).await;
                    due = (due + every).max(Instant::now());
                }
                let sent = Instant::now();
                let came;
                (client, came) = operation(client, turn).await;
                failed = if came.is_ok() { 0 } else { failed + 1 };
                tally.borrow_mut().count(sent.elapsed(), came);
                turn += 1;
            }
            tally.borrow_mut().redialled += client.redialled;
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|why| why.to_string())?;
    }
    println!("{}", tally.borrow().told(begun.elapsed().as_secs_f64()));
    Ok(())
}

/// `load get`.
pub(crate) async fn get(asked: Get) -> Result<(), String> {
    let urls = match (&asked.url, &asked.urls) {
        (Some(url), _) => vec![url.clone()],
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
            text.lines().map(str::to_owned).collect()
        }
        (None, None) => Vec::new(),
    };
    let requests: Result<Vec<_>, _> = urls.iter().map(|url| client::get(url, asked.proxy.direct)).collect();
    let requests: Rc<[Vec<u8>]> = requests?.into();
    if requests.is_empty() {
        return Err("nothing to ask for".into());
    }
    let credentials = Rc::new(Credentials::read(&asked)?);
    let (expected, anew) = (asked.expect, asked.anew);
    repeat(&asked.proxy, &asked.pace, move |mut client, turn| {
        let (requests, credentials) = (requests.clone(), credentials.clone());
        async move {
            let request = requests.get(turn % requests.len()).map(Vec::as_slice).unwrap_or_default();
            let request = credentials.with(request, client.is_new());
            let came = match patiently(client.exchange(&request, any)).await {
                Ok(answer) if answer.status == expected => Ok(answer.body),
                Ok(answer) => Err(Failure::Status(answer.status)),
                Err(failure) => {
                    client.close();
                    Err(failure)
                }
            };
            if anew {
                client.reset();
            }
            (client, came)
        }
    })
    .await
}

/// Who the clients say they are.
struct Credentials {
    values: Vec<String>,
    /// How many were used.
    used: Cell<usize>,
    each: bool,
}

impl Credentials {
    fn read(asked: &Get) -> Result<Credentials, String> {
        let values = match &asked.credentials {
            Some(file) => std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?,
            None => String::new(),
        };
        let values = values.lines().map(str::to_owned).collect();
        Ok(Credentials { values, used: Cell::new(0), each: asked.each })
    }

    /// The request, with credentials when this is the place for them. None is used twice, unless it is the only one.
    fn with<'a>(&self, request: &'a [u8], first: bool) -> Cow<'a, [u8]> {
        if !first && !self.each {
            return Cow::Borrowed(request);
        }
        let value = match self.values.as_slice() {
            [only] => only,
            values => {
                let Some(next) = values.get(self.used.get()) else { return Cow::Borrowed(request) };
                self.used.set(self.used.get() + 1);
                next
            }
        };
        let head = request.strip_suffix(b"\r\n").unwrap_or(request);
        Cow::Owned([head, b"Proxy-Authorization: ", value.as_bytes(), b"\r\n\r\n"].concat())
    }
}

/// One exchange in a new tunnel.
async fn through(client: &mut Client, tunnel: &Tunnel) -> Result<u64, Failure> {
    client.tunnel(&tunnel.target, tunnel.proxy.direct).await?;
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", tunnel.path, tunnel.target);
    let answer = client.inside(request.as_bytes(), any).await?;
    if answer.status == 200 { Ok(answer.body) } else { Err(Failure::Status(answer.status)) }
}

/// `load connect`.
pub(crate) async fn connect(asked: Connect) -> Result<(), String> {
    let tunnel = Rc::new(asked.tunnel);
    let proxy = tunnel.proxy.clone();
    repeat(&proxy, &asked.pace, move |mut client, _| {
        let tunnel = tunnel.clone();
        async move {
            let came = patiently(through(&mut client, &tunnel)).await;
            client.reset();
            (client, came)
        }
    })
    .await
}

/// `load bulk`.
pub(crate) async fn bulk(asked: Tunnel) -> Result<(), String> {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut client = Client::new(asked.proxy.proxy);
    let came = patiently(through(&mut client, &asked)).await;
    tally.count(begun.elapsed(), came);
    println!("{}", tally.told(begun.elapsed().as_secs_f64()));
    Ok(())
}

/// `load idle`: how many tunnels are open, when all are; then nothing.
pub(crate) async fn idle(asked: Idle) -> Result<(), String> {
    /// Opened at once.
    const TOGETHER: usize = 64;
    let begun = Instant::now();
    let asked = Rc::new(asked);
    let mut tally = Tally::default();
    let mut open = Vec::with_capacity(asked.tunnels);
    while open.len() < asked.tunnels && tally.failed() < TOGETHER as u64 {
        let mut batch = JoinSet::new();
        for _ in 0..TOGETHER.min(asked.tunnels - open.len()) {
            let asked = asked.clone();
            batch.spawn_local(async move {
                let mut client = Client::new(asked.tunnel.proxy.proxy);
                let opened = patiently(async {
                    client.tunnel(&asked.tunnel.target, asked.tunnel.proxy.direct).await?;
                    if asked.used {
                        let Tunnel { path, target, .. } = &asked.tunnel;
                        let request = format!("GET {path} HTTP/1.1\r\nHost: {target}\r\n\r\n");
                        client.inside(request.as_bytes(), any).await?;
                    }
                    client.idle()
                });
                opened.await
            });
        }
        while let Some(ended) = batch.join_next().await {
            let (stream, came) = match ended.map_err(|why| why.to_string())? {
                Ok(stream) => (Some(stream), Ok(0)),
                Err(failure) => (None, Err(failure)),
            };
            tally.count(begun.elapsed(), came);
            open.extend(stream);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({ "open": open.len(), "failed": tally.failed(), "failures": tally.kinds(), "seconds": seconds })
    );
    input_ends().await;
    for stream in open {
        // One that the proxy closed needs no reset.
        let _ = stream.set_zero_linger();
    }
    Ok(())
}
