//! Octroi: the gate.
#![allow(dead_code, unused_imports, reason = "being joined")]
mod pages;
mod wire;
fn main() {}
