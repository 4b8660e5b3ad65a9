//! Node, running a script of the tests: a client of HTTP/2 that is nobody's here.
use crate::{LIMIT, wait};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A script under way. Dropped, it is killed.
pub struct Node {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Node {
    /// Starts a script.
    ///
    /// # Panics
    /// When Node can't be started.
    pub fn start(script: &Path, args: &[&str]) -> Node {
        let mut command = Command::new("node");
        command.arg(script).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let mut child = command.spawn().expect("node is installed: tests/run sees to it");
        let out = BufReader::new(child.stdout.take().expect("the stream is piped"));
        Node { child, out }
    }

    /// The next value it prints: one of JSON a line.
    ///
    /// # Panics
    /// When it has ended, or printed something else.
    pub fn says(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a pipe can be read");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    /// All that it still prints, once it has ended.
    ///
    /// # Panics
    /// When it doesn't end well within [`LIMIT`].
    pub fn end(mut self) -> Vec<serde_json::Value> {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("a pipe can be read");
        let status = wait::within(LIMIT, || self.child.try_wait().expect("the child is ours"));
        assert!(status.is_some_and(|status| status.success()), "node: {status:?}\n{rest}");
        let value = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        rest.lines().map(value).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
