//! The end of a gate, in one place and with deadlines: no new connection, exchanges in flight have `shutdown_grace` to
//! end, what is left is interrupted, the register is filed.
use crate::gate::{Gate, Limit};
use crate::{reload, service, upkeep};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What interrupted tasks have to drop what they hold.
const LAST_GRACE: Duration = Duration::from_secs(5);

/// The signals a gate listens for.
pub(crate) struct Stop {
    terminate: Signal,
    interrupted: Signal,
    hang_up: Signal,
    /// Cancelled when the grace is over: connections are dropped.
    pub(crate) interrupt: CancellationToken,
}

impl Stop {
    /// Listens for SIGTERM, SIGINT and SIGHUP.
    pub(crate) fn listen() -> io::Result<Stop> {
        Ok(Stop {
            terminate: signal(SignalKind::terminate())?,
            interrupted: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: CancellationToken::new(),
        })
    }

    /// Returns when the gate is told to stop.
    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupted.recv() => {}
        }
    }
}

/// Reloads on SIGHUP, and on SIGTERM or SIGINT stops the gate. A second one cuts the grace short. Returns how many
/// records could not be filed; they stay in the journal for the next start.
pub(crate) async fn wait_and_drain(
    gate: &Arc<Gate>,
    config_path: Option<&Path>,
    mut stop: Stop,
    tasks: TaskTracker,
    services: TaskTracker,
) -> u64 {
    loop {
        tokio::select! {
            // Whoever sent the signal reads the outcome in the log.
            _ = stop.hang_up.recv() => drop(reload::again(gate, config_path).await),
            _ = stop.terminate.recv() => break,
            _ = stop.interrupted.recv() => break,
        }
    }
    let grace = gate.state().config.limits.shutdown_grace;
    tracing::info!(grace_s = grace.as_secs(), "stopping: no new connection is taken");
    service::stopping();
    gate.stopping.cancel();
    tasks.close();
    let drained = tokio::select! {
        () = tasks.wait() => true,
        () = tokio::time::sleep(grace) => false,
        () = stop.told() => false,
    };
    if !drained {
        tracing::info!(connections = gate.counts.read().0, "interrupting what is left");
        gate.counts.reached(Limit::ShutdownGrace, gate.counts.open());
        gate.register.interrupting();
        stop.interrupt.cancel();
        if timeout(LAST_GRACE, tasks.wait()).await.is_err() {
            tracing::error!(tasks = tasks.len(), "some tasks did not end");
        }
    }
    gate.closed.cancel();
    services.close();
    if timeout(LAST_GRACE, services.wait()).await.is_err() {
        tracing::error!(tasks = services.len(), "some answers to commands did not end");
    }
    let unfiled = gate.register.clone().finish().await;
    if unfiled > 0 {
        tracing::error!(unfiled, "records stay in the journal; the next start files them");
    }
    upkeep::note_stop(gate, unfiled);
    tracing::info!("stopped");
    unfiled
}
