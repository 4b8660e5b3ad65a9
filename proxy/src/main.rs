//! Octroi: the gate.

mod accounts;
mod cli;
mod control;
mod files;

fn main() {}
