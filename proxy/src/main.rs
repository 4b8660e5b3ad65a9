//! Octroi: the gate.
#![allow(dead_code, unused_imports, reason = "being joined")]
mod accounts;
mod cli;
mod config;
mod control;
mod files;
mod lists;
mod pages;
fn main() {}
