//! Headless Chromium with a profile of its own, set up by the address of a PAC file alone, as a group policy does.
use crate::{Authority, wait};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Starting a browser on a busy two-core machine takes a while.
const LIMIT: Duration = Duration::from_secs(90);

/// A browser. Chromium never asks a proxy for the loopback interface, so URLs must use names.
pub struct Browser {
    args: Vec<String>,
    environment: Vec<(String, String)>,
    starter: Box<dyn Fn() -> Command>,
}

impl Browser {
    /// That fetches this PAC file and obeys it.
    pub fn by_pac(pac: &str) -> Browser {
        let fixed = [
            "--headless=new",
            // Chromium refuses its sandbox to root, which is who runs tests in a container.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-default-apps",
            "--disable-extensions",
            "--hide-scrollbars",
        ];
        let args = fixed.map(str::to_owned).into_iter().chain([format!("--proxy-pac-url={pac}")]).collect();
        Browser {
            args,
            environment: Vec::new(),
            starter: Box::new(|| {
                let mut command = Command::new("chromium");
                command.env_clear();
                command
            }),
        }
    }

    /// Accepts the certificates of that authority.
    pub fn trusting(mut self, authority: &Authority) -> Browser {
        self.args.push(format!("--ignore-certificate-errors-spki-list={}", authority.fingerprint()));
        self
    }

    /// Started otherwise: a command that runs `chromium` with the arguments that are added, where it is to run.
    pub fn started_by(mut self, starter: impl Fn() -> Command + 'static) -> Browser {
        self.starter = Box::new(starter);
        self
    }

    /// Of somebody with tickets; the environment says where, as [`crate::services::Kdc::environment`] does.
    pub fn with_tickets<const N: usize>(mut self, environment: [(&str, String); N]) -> Browser {
        self.environment.extend(environment.map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// Prefers that language: `fr`, `en`.
    pub fn language(mut self, language: &str) -> Browser {
        self.args.extend([format!("--lang={language}"), format!("--accept-lang={language}")]);
        self
    }

    /// What it is started with.
    pub(crate) fn args(&self) -> &[String] {
        &self.args
    }

    /// The document that a URL becomes, once loaded.
    ///
    /// # Panics
    /// When Chromium can't be started or doesn't finish.
    pub fn dom(&self, url: &str) -> String {
        self.run(&["--dump-dom", url])
    }

    /// Writes a picture of what a URL looks like, `width` by `height` pixels, as PNG.
    ///
    /// # Panics
    /// As [`Browser::dom`].
    pub fn screenshot(&self, url: &str, file: &Path, (width, height): (u32, u32)) {
        let size = format!("--window-size={width},{height}");
        self.run(&[&format!("--screenshot={}", file.display()), &size, url]);
    }

    fn run(&self, args: &[&str]) -> String {
        let folder = TempDir::with_prefix("octroi-browser-").expect("the temporary folder is writable");
        // On Linux a browser loads the library of Kerberos once it has been asked for a ticket, and what it was asked for by then
        // it has given up: this one has been asked before.
        let asked_before = "{\"net\":{\"received_http_auth_negotiate_headers\":true}}";
        std::fs::create_dir(folder.path().join("profile")).expect("the temporary folder is writable");
        std::fs::write(folder.path().join("profile/Local State"), asked_before)
            .expect("the temporary folder is writable");
        let (out, err) = (folder.path().join("out"), folder.path().join("err"));
        let file = |path: &Path| File::create(path).expect("the temporary folder is writable");
        let mut command = (self.starter)();
        command.args(&self.args).arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.args(args).stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
        command.env("HOME", folder.path()).envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().expect("chromium is installed: tests/run sees to it");
        let ended = wait::within(LIMIT, || child.try_wait().expect("the child is ours"));
        let read = |path: &Path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if ended.is_none_or(|status| !status.success()) {
            let _ = child.kill();
            let _ = child.wait();
            panic!("chromium {args:?}: {ended:?}\n{}", read(&err).unwrap_or_default());
        }
        read(&out).expect("chromium wrote its output")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Origin};

    #[test]
    fn a_browser_set_up_by_pac_asks_the_proxy_it_names() {
        // One server is both: the PAC file on the console's side, and the proxy that is asked in absolute form.
        let server = Origin::http(|seen| {
            let port = seen.head.field("host").and_then(|host| host.rsplit(':').next()).unwrap_or("0");
            match seen.target() {
                "/proxy.pac" => {
                    let text = format!("function FindProxyForURL() {{ return \"PROXY 127.0.0.1:{port}\"; }}");
                    Answer::with("200 OK", &[("Content-Type", "application/x-ns-proxy-autoconfig")], text)
                }
                "http://somewhere.test/" => {
                    Answer::with("200 OK", &[("Content-Type", "text/html")], "<p>by the gate</p>")
                }
                _ => Answer::with("404 Not Found", &[], ""),
            }
        });
        let browser = Browser::by_pac(&server.url("127.0.0.1", "/proxy.pac")).language("fr");
        let dom = browser.dom("http://somewhere.test/");
        assert!(dom.contains("<p>by the gate</p>"), "{dom}");
        let seen = server.seen();
        let asked = seen.iter().find(|seen| seen.target() == "http://somewhere.test/").expect("the proxy was asked");
        assert!(asked.head.field("accept-language").is_some_and(|value| value.starts_with("fr")));
    }
}
