//! Operational logs: what the gate does, and nothing about anybody. Who went where is the register's, never theirs.
use crate::config::Config;
use std::io::{self, IsTerminal as _};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Libraries that would log what passes through them, names and addresses, at the levels below `warn`: whatever
/// `OCTROI_LOG` asks, they say no more than that.
const LIBRARIES: [&str; 8] =
    ["hickory_net", "hickory_proto", "hickory_resolver", "hyper", "hyper_util", "rustls", "sqlx", "tokio_rustls"];
/// Says by itself, at each connection, what whoever opens it says once.
const REPEATS: &str = "rustls_platform_verifier=off";
/// Days of operational logs kept.
const DAYS: usize = 30;

/// Starts logging to standard error and to a file a day in the data folder. `OCTROI_LOG` sets the level (`info`).
/// Lines are written by a thread of their own; what is still waiting is written when the returned guard is dropped.
pub(crate) fn start(config: &Config) -> io::Result<WorkerGuard> {
    let folder = config.data_dir.join("log");
    crate::files::private_dir(&folder)?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("octroi")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(folder)
        .map_err(io::Error::other)?;
    let (files, guard) = tracing_appender::non_blocking(files);
    let chosen = EnvFilter::try_from_env("OCTROI_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let limits = LIBRARIES.iter().map(|library| format!("{library}=warn")).chain([REPEATS.to_owned()]);
    let filter = limits.fold(chosen, |filter, limit| match limit.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    });
    let to_file = tracing_subscriber::fmt::layer().with_ansi(false).with_span_events(FmtSpan::NONE).with_writer(files);
    let colours = io::stderr().is_terminal();
    let to_terminal = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(io::stderr).with_target(false);
    // Refused only when a logger is already there, which then serves as well.
    let _ = tracing_subscriber::registry().with(filter).with(to_file).with(to_terminal).try_init();
    Ok(guard)
}
