//! Octroi: the gate.
fn main() {}
