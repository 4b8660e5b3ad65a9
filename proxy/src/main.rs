//! Octroi: the gate.
#![allow(dead_code, unused_imports, reason = "being joined")]
mod accept;
mod accounts;
mod body;
mod cli;
mod commands {
    //! x
    pub(crate) mod run;
}
mod config;
mod connection;
mod console;
mod control;
mod exchange;
mod files;
mod gate;
mod identify;
mod lists;
mod pages;
mod pass;
mod record;
mod refuse;
mod reload;
mod shutdown;
mod telemetry;
mod tunnel;
mod upstream;
mod wire;
fn main() {}
