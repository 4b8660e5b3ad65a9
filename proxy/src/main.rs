//! Octroi: the gate.
#[allow(
    dead_code,
    unused_imports,
    reason = "the gate that serves these pages is joined to them by the merge"
)]
mod pages;

fn main() {}
