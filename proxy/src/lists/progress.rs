//! What somebody who waits is told: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Time between two lines.
const NOW_AND_THEN: Duration = Duration::from_secs(5);

/// Where progress and sentences go.
pub(crate) struct Progress {
    way: Way,
    last: Instant,
}

enum Way {
    Bar(ProgressBar),
    Lines(fn(&str)),
}

impl Progress {
    /// On standard error: a bar if it is a terminal.
    pub(crate) fn stderr() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::lines(|line| eprintln!("{line}"));
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg:<32} {wide_bar} {percent:>3} % {eta:>4}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { way: Way::Bar(bar), last: Instant::now() }
    }

    /// In the operational log.
    pub(crate) fn log() -> Progress {
        Progress::lines(|line| tracing::info!("{line}"))
    }

    fn lines(line: fn(&str)) -> Progress {
        Progress { way: Way::Lines(line), last: Instant::now() }
    }

    /// A sentence worth reading at once.
    pub(crate) fn say(&mut self, sentence: &str) {
        match &self.way {
            Way::Bar(bar) => bar.suspend(|| eprintln!("{sentence}")),
            Way::Lines(line) => line(sentence),
        }
    }

    /// How far a step is. A total of 0 is not known.
    pub(crate) fn step(&mut self, what: &str, done: u64, total: u64) {
        match &self.way {
            Way::Bar(bar) => {
                if bar.message() != what {
                    bar.reset();
                    bar.set_message(what.to_owned());
                }
                bar.set_length(total.max(done));
                bar.set_position(done);
            }
            Way::Lines(line) if self.last.elapsed() >= NOW_AND_THEN => {
                self.last = Instant::now();
                match (done * 100).checked_div(total) {
                    Some(percent) => line(&format!("{what}: {percent} %")),
                    None => line(&format!("{what}: {done}")),
                }
            }
            Way::Lines(_) => {}
        }
    }

    /// Nothing more to wait for.
    pub(crate) fn done(&mut self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}
