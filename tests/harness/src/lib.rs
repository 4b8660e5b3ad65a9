//! Drives the real gate from outside, with real clients.
//!
//! A test starts a [`Gate`] (the binary itself, in a folder of its own), puts an [`Origin`] behind it that stands in for
//! the web and writes down what it saw, and asks through [`Curl`], a [`Browser`] or a bare [`raw::Client`]. Nothing
//! leaves the loopback interface; nothing waits a fixed time: [`wait::until`] asks again until a deadline.
//!
//! Origins and bare clients are written on sockets and threads, not on the libraries the gate is built with, so that a
//! misreading of the protocol in those is not shared by both ends of a test.

pub mod authority;
pub mod bare;
pub mod binary;
pub mod blackhole;
pub mod browser;
pub mod curl;
pub mod dns;
pub mod driven;
pub mod frames;
pub mod gate;
pub mod latch;
pub mod message;
pub mod node;
pub mod origin;
pub mod ports;
pub mod raw;
pub mod record;
pub mod services;
pub mod setup;
pub mod wait;

pub use authority::Authority;
pub use bare::Bare;
pub use blackhole::Blackhole;
pub use browser::Browser;
pub use curl::Curl;
pub use dns::Dns;
pub use driven::Driven;
pub use gate::Gate;
pub use latch::Latch;
pub use node::Node;
pub use origin::{Answer, Origin, Seen};
pub use record::Record;
pub use setup::Setup;

/// How long anything in a test may take before it counts as hung. Generous: reached only by what is broken.
pub const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);
