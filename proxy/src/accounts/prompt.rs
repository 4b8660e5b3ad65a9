//! A password asked for: on the terminal, which shows nothing of it, or as a line of standard input.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

/// A new password of an account or of something else, asked for twice where somebody types it.
pub(crate) fn new_password(name: &impl Display, stdin: bool) -> io::Result<String> {
    if stdin || !io::stdin().is_terminal() {
        return line_of_stdin();
    }
    let mut terminal = Terminal::open()?;
    let first = terminal.ask(&format!("password of {name}: "))?;
    let second = terminal.ask("the same again: ")?;
    if first == second { Ok(first) } else { Err(io::Error::other("these are two different passwords")) }
}

/// The password of something that has one.
pub(crate) fn password(name: &impl Display, stdin: bool) -> io::Result<String> {
    if stdin || !io::stdin().is_terminal() {
        return line_of_stdin();
    }
    Terminal::open()?.ask(&format!("password of {name}: "))
}

fn line_of_stdin() -> io::Result<String> {
    let line = read_line(&mut io::stdin().lock())?;
    line.ok_or_else(|| io::Error::other("no password came: standard input is empty"))
}

/// One line without its end; `None` when nothing comes.
fn read_line(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let bytes = input.read_line(&mut line)?;
    Ok((bytes > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// The terminal, which shows nothing of what is typed until this is dropped.
struct Terminal {
    tty: BufReader<File>,
    before: Termios,
}

impl Terminal {
    fn open() -> io::Result<Terminal> {
        let tty = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&tty)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&tty, OptionalActions::Flush, &silent)?;
        Ok(Terminal { tty: BufReader::new(tty), before })
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.tty.get_mut().write_all(question.as_bytes())?;
        let line = read_line(&mut self.tty)?.unwrap_or_default();
        self.tty.get_mut().write_all(b"\n")?;
        Ok(line)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(self.tty.get_ref(), OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for (input, line) in [("a b \r\nnext\n", Some("a b ")), ("é", Some("é")), ("\n", Some("")), ("", None)] {
            assert_eq!(read_line(&mut input.as_bytes()).expect("read").as_deref(), line);
        }
    }
}
