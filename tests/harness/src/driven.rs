//! A Chromium that stays open and is driven: pages visited one after the other, forms filled, buttons clicked, pictures taken.
//!
//! By the DevTools protocol over a pipe (`--remote-debugging-pipe`): commands in, answers out, each ended by a zero byte.
use crate::{Browser, wait};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Starting a browser on a busy two-core machine takes a while.
const LIMIT: Duration = Duration::from_secs(90);

/// An open browser with one page. Dropped, it is closed.
pub struct Driven {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    page: String,
    number: u64,
    _folder: TempDir,
}

impl Browser {
    /// Opens a browser that stays open.
    ///
    /// # Panics
    /// When Chromium can't be started.
    pub fn open(&self) -> Driven {
        let folder = TempDir::with_prefix("octroi-browser-").expect("the temporary folder is writable");
        let (commands, answers) = (folder.path().join("commands"), folder.path().join("answers"));
        let made = Command::new("mkfifo").args([&commands, &answers]).status().expect("mkfifo is everywhere");
        assert!(made.success(), "pipes cannot be made");
        let mut shell = Command::new("sh");
        // Chromium takes descriptors 3 and 4; a shell opens them.
        shell.args(["-c", "exec chromium \"$@\" 3<\"$COMMANDS\" 4>\"$ANSWERS\"", "sh"]).args(self.args());
        shell.args(["--remote-debugging-pipe", "about:blank"]);
        shell.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let errors = File::create(folder.path().join("errors")).expect("the temporary folder is writable");
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).env_clear();
        shell.env("HOME", folder.path()).envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        shell.env("COMMANDS", &commands).env("ANSWERS", &answers);
        let child = shell.spawn().expect("a shell is everywhere");
        let commands = File::options().write(true).open(commands).expect("the shell opens the other end");
        let mut from = BufReader::new(File::open(answers).expect("the shell opens the other end"));
        let (tell, answers) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while let Ok(1..) = from.read_until(0, &mut message) {
                message.pop();
                if let Ok(value) = serde_json::from_slice(&message)
                    && tell.send(value).is_err()
                {
                    return;
                }
                message.clear();
            }
        });
        let mut driven = Driven { child, commands, answers, page: String::new(), number: 0, _folder: folder };
        let target = driven.command("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = driven.command("Target.attachToTarget", attached);
        driven.page = attached["sessionId"].as_str().expect("a session").to_owned();
        driven
    }
}

impl Driven {
    fn command(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": params });
        if !self.page.is_empty() {
            command["sessionId"] = json!(self.page);
        }
        let mut text = command.to_string().into_bytes();
        text.push(0);
        self.commands.write_all(&text).expect("chromium reads its commands");
        let until = Instant::now() + LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self.answers.recv_timeout(left).unwrap_or_else(|why| panic!("chromium: {method}: {why}"));
            if answer["id"] == json!(self.number) {
                assert!(answer["error"].is_null(), "chromium: {method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// What a JavaScript expression is in the page; nothing while there is no page to ask.
    pub fn ask(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        self.command("Runtime.evaluate", params)["result"]["value"].clone()
    }

    /// Goes to an address, as if somebody had typed it.
    pub fn go(&mut self, url: &str) {
        self.command("Page.navigate", json!({ "url": url }));
    }

    /// Waits until the page shows this text, whole.
    ///
    /// # Panics
    /// When it doesn't, with what it shows.
    pub fn shows(&mut self, text: &str) {
        let shown = "document.readyState === 'complete' ? document.body.innerText : ''";
        let found = wait::within(LIMIT, || self.ask(shown).as_str().filter(|shown| shown.contains(text)).map(drop));
        if found.is_none() {
            let (at, shown) = (self.ask("location.href"), self.ask("document.documentElement.outerHTML"));
            panic!("{at} doesn't show {text:?}:\n{shown}");
        }
    }

    /// Types into the field of this name.
    pub fn fill(&mut self, name: &str, text: &str) {
        let (name, text) = (json!(name), json!(text));
        let filled = self.ask(&format!("document.getElementsByName({name})[0].value = {text}"));
        assert_eq!(filled, text, "no field {name}");
    }

    /// Clicks what this selector finds first.
    pub fn click(&mut self, selector: &str) {
        let clicked = self.ask(&format!("document.querySelector({}).click(), true", json!(selector)));
        assert_eq!(clicked, json!(true), "nothing is {selector}");
    }

    /// Writes a picture of the page, `width` by `height` pixels, as PNG.
    pub fn picture(&mut self, file: &Path, (width, height): (u32, u32)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size);
        let picture = self.command("Page.captureScreenshot", json!({ "format": "png" }));
        let picture = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base 64");
        std::fs::write(file, picture).expect("the folder is writable");
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
