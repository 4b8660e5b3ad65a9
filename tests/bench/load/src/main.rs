//! Loads a proxy from one thread, and says in one line of JSON what came of it. `tests/bench/run` and `tests/bench/soak`
//! start it; it can be run by hand.
//!
//! An operation counts when the whole answer came, of the status that was expected. Everything else is a failure, counted
//! by its kind. Waits are measured from the moment the request is sent, connecting included when a connection is needed.

mod client;
mod histogram;
mod message;
mod mix;
mod names;
mod row;
mod tally;

use clap::{Args, Parser};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The command line.
#[derive(Debug, Parser)]
#[command(about = "Loads a proxy and says what came of it")]
enum Command {
    /// GET on kept connections, in absolute form (RFC 9112 §3.2.2)
    Get(Get),
    /// A tunnel, one exchange in it, its end: one operation (RFC 9110 §9.3.6)
    Connect(Connect),
    /// One long answer down a tunnel
    Bulk(Tunnel),
    /// Tunnels that do nothing, until standard input ends
    Idle(Idle),
    /// A name server that answers 127.0.0.1 to whoever asks for an IPv4 address (RFC 1035)
    Names {
        /// Where it listens
        #[arg(long)]
        listen: SocketAddr,
    },
    /// All kinds of clients at once, counted by kind; a line each second
    Mix(mix::Mix),
}

/// Which proxy, and how it is spoken to.
#[derive(Debug, Clone, Args)]
struct Proxy {
    /// Where the proxy listens
    #[arg(long)]
    proxy: SocketAddr,
    /// What listens there leads to one origin: requests are in origin form, and a tunnel is a connection
    #[arg(long)]
    direct: bool,
}

/// How long, how many, how fast.
#[derive(Debug, Clone, Args)]
struct Pace {
    /// Connections at work at once
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// For how long; 0 is until standard input ends
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Operations a second, of all connections together; without it as many as there can be
    #[arg(long)]
    rate: Option<f64>,
}

/// `load get`.
#[derive(Debug, Args)]
struct Get {
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    pace: Pace,
    /// What to ask for
    #[arg(long, conflicts_with = "urls", required_unless_present = "urls")]
    url: Option<String>,
    /// A file of what to ask for in turn, one address a line
    #[arg(long)]
    urls: Option<PathBuf>,
    /// The status that is a success
    #[arg(long, default_value_t = 200)]
    expect: u16,
    /// A connection for each request, ended by a reset
    #[arg(long)]
    anew: bool,
    /// A file of values of Proxy-Authorization, one a line: each connection sends the next with its first request
    #[arg(long)]
    credentials: Option<PathBuf>,
    /// With every request, not the first of a connection alone, as Basic asks (RFC 7617 §2.2)
    #[arg(long, requires = "credentials")]
    each: bool,
}

/// Where a tunnel leads, and what is asked in it.
#[derive(Debug, Clone, Args)]
struct Tunnel {
    #[command(flatten)]
    proxy: Proxy,
    /// Host and port of the tunnel
    #[arg(long)]
    target: String,
    /// Path of the exchange in it
    #[arg(long, default_value = "/1k")]
    path: String,
}

/// `load connect`.
#[derive(Debug, Args)]
struct Connect {
    #[command(flatten)]
    tunnel: Tunnel,
    #[command(flatten)]
    pace: Pace,
}

/// `load idle`.
#[derive(Debug, Args)]
struct Idle {
    #[command(flatten)]
    tunnel: Tunnel,
    /// How many
    #[arg(long)]
    tunnels: usize,
    /// Each has had an exchange before it falls silent
    #[arg(long)]
    used: bool,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return failed(&why.to_string()),
    };
    let done = tokio::task::LocalSet::new().block_on(&runtime, async {
        match command {
            Command::Get(asked) => row::get(asked).await,
            Command::Connect(asked) => row::connect(asked).await,
            Command::Bulk(asked) => row::bulk(asked).await,
            Command::Idle(asked) => row::idle(asked).await,
            Command::Names { listen } => names::serve(listen).await,
            Command::Mix(asked) => mix::run(asked).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(&why),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("load: {why}");
    ExitCode::from(2)
}
