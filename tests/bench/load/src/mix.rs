//! All kinds of clients at once, for a long time: those that behave, those that are slow, those that vanish.
//!
//! Each kind asks for a host of its own, so that a register that names hosts can be compared with what each kind counted.
//! Bodies are compared with what the origin has, byte by byte.

use crate::client::{Client, any, get, patiently};
use crate::histogram::Histogram;
use crate::tally::{Failure, Tally};
use clap::Args;
use serde_json::{Map, json};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

/// The origin's byte at a place of a body is that place modulo this.
const PERIOD: u64 = 251;
/// The first line of a tunnel that is none of HTTP's, whether it is read alone or with what follows.
const VEIL: &[u8] = b"\0\n";
/// Pieces of bodies are shorter.
const LONGEST_PIECE: usize = 256 * 1024;

/// `load mix`.
#[derive(Debug, Args)]
pub(crate) struct Mix {
    /// Where the proxy listens
    #[arg(long)]
    proxy: SocketAddr,
    /// Port of the origin, which has /1k, /64k, /1m and /64m
    #[arg(long)]
    origin: u16,
    /// Port on which it listens itself, for tunnels whose bytes are no HTTP: behind a line more they reach that origin
    #[arg(long)]
    opaque: u16,
    /// Operations a second, of all kinds together that have a pace
    #[arg(long, default_value_t = 2_000.0)]
    rate: f64,
    /// For how long
    #[arg(long)]
    seconds: u64,
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// GET on a kept connection, the answer compared.
    Gets(&'static str),
    /// GET of what is refused, on a kept connection.
    IsRefused,
    /// CONNECT to what is refused.
    IsRefusedATunnel,
    /// A tunnel, one exchange, its end.
    Tunnels,
    /// A tunnel that is kept for some seconds, an exchange in each.
    KeepsATunnel,
    /// A head that comes in pieces.
    WritesSlowly,
    /// A body that is taken in pieces.
    ReadsSlowly,
    /// Leaves by a reset when the answer has begun.
    VanishesFromAnAnswer,
    /// Leaves a tunnel by a reset when the answer in it has begun.
    VanishesFromATunnel,
    /// Leaves in the middle of a head: no exchange has begun.
    VanishesFromAHead,
}

/// A kind of clients.
struct Kind {
    /// Its name, and of its host `NAME.soak.test`.
    name: &'static str,
    does: Does,
    clients: usize,
    /// Its part of the rate; 0 for those whose operation has a pace of its own.
    share: f64,
}

const fn kind(name: &'static str, does: Does, clients: usize, share: f64) -> Kind {
    Kind { name, does, clients, share }
}

const KINDS: [Kind; 12] = [
    kind("small", Does::Gets("/1k"), 32, 0.60),
    kind("middle", Does::Gets("/64k"), 8, 0.14),
    kind("large", Does::Gets("/1m"), 4, 0.01),
    kind("refused", Does::IsRefused, 8, 0.15),
    kind("refused-tunnel", Does::IsRefusedATunnel, 4, 0.02),
    kind("tunnel", Does::Tunnels, 8, 0.06),
    kind("kept-tunnel", Does::KeepsATunnel, 50, 0.0),
    kind("slow-writer", Does::WritesSlowly, 16, 0.0),
    kind("slow-reader", Does::ReadsSlowly, 16, 0.0),
    kind("gone-answer", Does::VanishesFromAnAnswer, 4, 0.005),
    kind("gone-tunnel", Does::VanishesFromATunnel, 4, 0.005),
    kind("gone-head", Does::VanishesFromAHead, 4, 0.01),
];

/// What the clients share.
struct Run {
    proxy: SocketAddr,
    origin: u16,
    opaque: u16,
    ends: Instant,
    bodies: Vec<u8>,
    tallies: Vec<RefCell<Tally>>,
    /// Of the running second: how many operations ended well, how many failed, how long small answers took.
    second: RefCell<(u64, u64, Histogram)>,
}

/// Runs until the time is over and every operation has ended.
pub(crate) async fn run(asked: Mix) -> Result<(), String> {
    let begun = Instant::now();
    let run = Rc::new(Run {
        proxy: asked.proxy,
        origin: asked.origin,
        opaque: asked.opaque,
        ends: begun + Duration::from_secs(asked.seconds),
        bodies: (0..LONGEST_PIECE as u64 + PERIOD).map(|place| (place % PERIOD) as u8).collect(),
        tallies: KINDS.iter().map(|_| RefCell::default()).collect(),
        second: RefCell::default(),
    });
    let opaque = TcpListener::bind((Ipv4Addr::LOCALHOST, asked.opaque)).await.map_err(|why| why.to_string())?;
    let unveiled = tokio::task::spawn_local(unveil(opaque, asked.origin));
    let mut clients = JoinSet::new();
    for (place, kind) in KINDS.iter().enumerate() {
        let every =
            (kind.share > 0.0).then(|| Duration::from_secs_f64(kind.clients as f64 / (asked.rate * kind.share)));
        for number in 0..kind.clients {
            clients.spawn_local(run.clone().client(place, number, every));
        }
    }
    let seconds = tokio::task::spawn_local(tell(run.clone(), begun));
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|why| why.to_string())?;
    }
    seconds.abort();
    unveiled.abort();
    let seconds = begun.elapsed().as_secs_f64();
    let kinds: Map<_, _> = KINDS
        .iter()
        .zip(&run.tallies)
        .map(|(kind, tally)| (kind.name.to_owned(), tally.borrow().told(seconds)))
        .collect();
    println!("{}", json!({ "kinds": kinds }));
    Ok(())
}

/// An origin whose clients say a line before they speak HTTP: what passes in their tunnels is nothing a gate can read.
async fn unveil(listener: TcpListener, origin: u16) {
    while let Ok((mut client, _)) = listener.accept().await {
        tokio::task::spawn_local(async move {
            client.set_nodelay(true)?;
            client.read_exact(&mut [0; VEIL.len()]).await?;
            let mut origin = TcpStream::connect((Ipv4Addr::LOCALHOST, origin)).await?;
            origin.set_nodelay(true)?;
            copy_bidirectional(&mut client, &mut origin).await
        });
    }
}

/// Tells each second what it brought.
async fn tell(run: Rc<Run>, begun: Instant) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.tick().await;
    loop {
        seconds.tick().await;
        let (ok, failed, times) = run.second.take();
        let (p50, p99, max) = (times.quantile(0.5), times.quantile(0.99), times.largest());
        let at = begun.elapsed().as_secs_f64();
        println!("{}", json!({"at": at, "ok": ok, "failed": failed, "p50_us": p50, "p99_us": p99, "max_us": max}));
    }
}

impl Run {
    /// One client, until the run ends.
    async fn client(self: Rc<Self>, place: usize, number: usize, every: Option<Duration>) {
        let Some((kind, tally)) = KINDS.get(place).zip(self.tallies.get(place)) else { return };
        let mut client = Client::new(self.proxy);
        if kind.does == Does::ReadsSlowly {
            client = client.slow();
        }
        let host = format!("{}.soak.test:{}", kind.name, self.origin);
        let share = number as f64 / kind.clients as f64;
        // Not all at once: evenly over the first turn, or over the first second.
        let mut due = Instant::now() + every.unwrap_or(Duration::from_secs(1)).mul_f64(share);
        let mut turn = number;
        while due < self.ends {
            sleep_until(due).await;
            let sent = Instant::now();
            let came = patiently(self.operation(&mut client, kind.does, &host, turn)).await;
            if came.is_err() {
                client.close();
            }
            let took = sent.elapsed();
            let mut second = self.second.borrow_mut();
            match came {
                Ok(_) => second.0 += 1,
                Err(_) => second.1 += 1,
            }
            if came.is_ok() && kind.name == "small" {
                second.2.add(took.as_micros() as u64);
            }
            tally.borrow_mut().count(took, came);
            due = (due + every.unwrap_or_default()).max(Instant::now());
            turn += 1;
        }
        tally.borrow_mut().redialled += client.redialled;
    }

    /// A tunnel whose bytes are no HTTP, see [`unveil`].
    async fn opaque(&self, client: &mut Client, host: &str) -> Result<(), Failure> {
        let name = host.split(':').next().unwrap_or_default();
        client.tunnel(&format!("{name}:{}", self.opaque), false).await?;
        let (stream, _) = client.connection()?;
        stream.write_all(VEIL).await.map_err(|_| Failure::Write)
    }

    /// Whether a piece of a body is the origin's.
    fn is_the_origins(&self, place: u64, piece: &[u8]) -> bool {
        let begins = (place % PERIOD) as usize;
        self.bodies.get(begins..begins + piece.len()) == Some(piece)
    }

    /// One operation. It brings so many bytes of a body.
    async fn operation(&self, client: &mut Client, does: Does, host: &str, turn: usize) -> Result<u64, Failure> {
        let url = |path: &str| get(&format!("http://{host}{path}"), false).map_err(|_| Failure::Malformed);
        let inside = |path: &str, last: bool| {
            let close = if last { "Connection: close\r\n" } else { "" };
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{close}\r\n").into_bytes()
        };
        let compared = |place: u64, piece: &[u8]| self.is_the_origins(place, piece);
        let expect = |answer: crate::message::Answer, status, body: Option<u64>| match body {
            _ if answer.status != status => Err(Failure::Status(answer.status)),
            Some(length) if answer.body != length => Err(Failure::Body),
            _ => Ok(answer.body),
        };
        match does {
            Does::Gets(path) => expect(client.exchange(&url(path)?, compared).await?, 200, length(path)),
            Does::IsRefused => expect(client.exchange(&url("/1k")?, any).await?, 403, None),
            Does::IsRefusedATunnel => match client.tunnel(host, false).await {
                Err(Failure::Status(403)) => {
                    client.close();
                    Ok(0)
                }
                Ok(()) => Err(Failure::Status(200)),
                Err(other) => Err(other),
            },
            Does::Tunnels => {
                self.opaque(client, host).await?;
                let answer = client.inside(&inside("/1k", true), compared).await?;
                client.close();
                expect(answer, 200, length("/1k"))
            }
            Does::KeepsATunnel => {
                self.opaque(client, host).await?;
                let until = (Instant::now() + Duration::from_secs(5 + 7 * (turn as u64 % 9))).min(self.ends);
                let mut seconds = interval(Duration::from_secs(1));
                let mut bytes = 0;
                loop {
                    seconds.tick().await;
                    let last = Instant::now() >= until;
                    let answer = client.inside(&inside("/64k", last), compared).await?;
                    bytes += expect(answer, 200, length("/64k"))?;
                    if last {
                        client.close();
                        return Ok(bytes);
                    }
                }
            }
            Does::WritesSlowly => {
                let request = url("/1k")?;
                let stream = client.dial().await?;
                for piece in request.chunks(16) {
                    stream.write_all(piece).await.map_err(|_| Failure::Write)?;
                    sleep_until(Instant::now() + Duration::from_millis(100)).await;
                }
                let answer = client.inside(b"", compared).await?;
                client.close();
                expect(answer, 200, length("/1k"))
            }
            Does::ReadsSlowly => expect(client.exchange(&url("/1m")?, compared).await?, 200, length("/1m")),
            Does::VanishesFromAnAnswer => {
                client.dial().await?;
                self.begin_and_vanish(client, &url("/64m")?).await
            }
            Does::VanishesFromATunnel => {
                self.opaque(client, host).await?;
                self.begin_and_vanish(client, &inside("/64m", true)).await
            }
            Does::VanishesFromAHead => {
                let head = url("/1k")?;
                let half = head.get(..head.len() / 2).unwrap_or_default();
                client.dial().await?.write_all(half).await.map_err(|_| Failure::Write)?;
                client.reset();
                Ok(0)
            }
        }
    }

    async fn begin_and_vanish(&self, client: &mut Client, request: &[u8]) -> Result<u64, Failure> {
        let (stream, _) = client.connection()?;
        stream.write_all(request).await.map_err(|_| Failure::Write)?;
        match stream.read(&mut [0; 512]).await {
            Ok(0) => return Err(Failure::CutShort),
            Err(_) => return Err(Failure::Read),
            Ok(_) => {}
        }
        client.reset();
        Ok(0)
    }
}

/// How long the origin's document is.
fn length(path: &str) -> Option<u64> {
    match path {
        "/1k" => Some(1 << 10),
        "/64k" => Some(1 << 16),
        "/1m" => Some(1 << 20),
        _ => None,
    }
}
