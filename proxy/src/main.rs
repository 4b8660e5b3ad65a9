//! Octroi: the gate.
#![allow(dead_code, reason="x")]
mod wire;
fn main() {}
