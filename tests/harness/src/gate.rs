//! The gate itself: the real binary in a folder of its own, started, stopped, killed and asked.
use crate::raw::{self, Client};
use crate::record::Record;
use crate::{Authority, LIMIT, Setup, binary, wait};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, thread};
use tempfile::TempDir;

/// A gate under test. Dropped, it is killed and its folder removed.
pub struct Gate {
    folder: TempDir,
    proxy: SocketAddr,
    secure: Option<SocketAddr>,
    console: SocketAddr,
    process: Option<Process>,
}

struct Process {
    child: Child,
    printed: Printed,
    readers: Vec<thread::JoinHandle<()>>,
}

/// What a process printed so far, both streams as they came.
type Printed = Arc<Mutex<String>>;

/// How a process ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// All it printed.
    pub printed: String,
}

impl Gate {
    pub(crate) fn prepare(setup: Setup) -> Gate {
        let folder = TempDir::with_prefix("octroi-").expect("the temporary folder is writable");
        let (proxy, console) = setup.addresses();
        let gate = Gate { folder, proxy, secure: setup.secure(), console, process: None };
        gate.write("octroi.toml", setup.config_text());
        if let Some(charter) = setup.charter_text() {
            gate.write("charter.toml", charter);
        }
        gate
    }

    /// Its folder: `octroi.toml`, `charter.toml`, `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file of its folder; keys and passwords for nobody else to read.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("the folder is writable");
        fs::write(&path, content).expect("the folder is writable");
        if path.extension().is_some_and(|ending| ending == "key" || ending == "password") {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
        }
    }

    /// Where the proxy listens.
    pub fn proxy(&self) -> SocketAddr {
        self.proxy
    }

    /// Where the proxy listens by TLS.
    ///
    /// # Panics
    /// When it wasn't set up to.
    pub fn secure(&self) -> SocketAddr {
        self.secure.expect("a gate set up with TLS")
    }

    /// Writes the certificate of 127.0.0.1 and its key where [`Setup::tls`] has the gate look for them.
    pub fn certify(&self, authority: &Authority) {
        let (certificate, key) = authority.files(&["127.0.0.1"]);
        self.write("ca.pem", authority.pem());
        self.write("gate.pem", certificate + &authority.pem());
        self.write("gate.key", key);
    }

    /// Where the console listens.
    pub fn console(&self) -> SocketAddr {
        self.console
    }

    /// A bare connection to the proxy.
    pub fn client(&self) -> Client {
        Client::connect(self.proxy).expect("the proxy accepts connections")
    }

    /// A page of the console.
    pub fn page(&self, path: &str) -> raw::Response {
        self.try_page(path).expect("the console answers")
    }

    fn try_page(&self, path: &str) -> std::io::Result<raw::Response> {
        let mut client = Client::connect(self.console)?;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.console))?;
        client.response("GET")
    }

    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// With all it printed, when it doesn't within [`LIMIT`].
    pub fn start(&mut self) {
        self.start_with(self.command(&["run"]));
    }

    /// Starts it so that [`Gate::fill_disk`] works.
    ///
    /// A write past the limit also sends SIGXFSZ, which kills by default; a disk that is full sends nothing. So the
    /// signal is ignored, and the write alone fails.
    pub fn start_on_a_disk_that_may_fill(&mut self) {
        let gate = self.command(&["run"]);
        let mut command = Command::new("env");
        command.arg("--ignore-signal=XFSZ").arg(gate.get_program()).args(gate.get_args());
        self.isolate(&mut command);
        self.start_with(command);
    }

    /// Starts it with a clock that is that many days behind (Debian's `faketime`): what it records is of that day.
    ///
    /// # Panics
    /// Also when faketime is not installed.
    pub fn start_days_ago(&mut self, days: u32) {
        self.start_at(&format!("-{days}d"));
    }

    /// Starts it by another clock, as faketime writes it: `+1h` is off by that much; `@2026-11-25 23:58:50 x20` begins there (in
    /// UTC) and runs twenty times as fast.
    ///
    /// # Panics
    /// As [`Gate::start_days_ago`].
    pub fn start_at(&mut self, clock: &str) {
        let mut command = self.command(&["run"]);
        // The loader fills in `$LIB`. Only the date is another: durations are measured as ever.
        command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("TZ", "UTC");
        command.env("FAKETIME", clock).env("DONT_FAKE_MONOTONIC", "1");
        self.start_with(command);
        assert!(!self.printed().contains("LD_PRELOAD"), "{}tests/run installs faketime", self.printed());
    }

    fn start_with(&mut self, command: Command) {
        self.process = Some(Process::spawn(command));
        let serving = wait::within(LIMIT, || match self.try_page("/readyz") {
            Ok(_) => Some(true),
            Err(_) if self.ended() => Some(false),
            Err(_) => None,
        });
        if serving == Some(false) {
            let ended = self.wait();
            panic!("the gate ended with {:?}; it printed:\n{}", ended.code, ended.printed);
        }
        assert_eq!(serving, Some(true), "the gate doesn't serve; it printed:\n{}", self.printed());
    }

    /// Runs it until it ends by itself: for starts that must fail.
    ///
    /// # Panics
    /// When it still runs after [`LIMIT`].
    pub fn run_to_its_end(&self) -> Ended {
        Process::spawn(self.command(&["run"])).wait()
    }

    /// `octroi ARGS --config …`, to be started as wished.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary::octroi());
        command.args(args).arg("--config").arg(self.path("octroi.toml"));
        self.isolate(&mut command);
        command
    }

    /// Nothing of the tester's own environment reaches the gate.
    fn isolate(&self, command: &mut Command) {
        command.current_dir(self.folder()).stdin(Stdio::null()).env_clear().env("HOME", self.folder());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    }

    /// Runs a command to its end.
    pub fn octroi(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary can be started")
    }

    /// Runs a command that must succeed, and returns what it printed on standard output.
    ///
    /// # Panics
    /// With all it printed, when its exit code isn't 0.
    pub fn say(&self, args: &[&str]) -> String {
        let output = self.octroi(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "octroi {}: {}\n{out}{err}", args.join(" "), output.status);
        out.into_owned()
    }

    /// The records `octroi log search` shows for these further arguments, in the clear.
    ///
    /// # Panics
    /// When the command fails otherwise than by finding nothing, or shows what is no record.
    pub fn log_search(&self, args: &[&str]) -> Vec<Record> {
        let open = ["log", "search", "--json", "--limit", "1000000", "--purpose", "security", "--reason", "test"];
        let output = self.octroi(&[&open, args].concat());
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(0) => serde_json::from_str(&out).unwrap_or_else(|error| panic!("not records: {error}\n{out}")),
            Some(1) => Vec::new(),
            _ => panic!("octroi log search {}: {}\n{out}{err}", args.join(" "), output.status),
        }
    }

    /// All records.
    pub fn log(&self) -> Vec<Record> {
        self.log_search(&[])
    }

    /// The records once there are as many as `count`: an exchange is settled just after its last byte, so a client that
    /// has read it may ask too soon.
    ///
    /// # Panics
    /// When there are fewer or unsettled ones after [`LIMIT`].
    pub fn log_of(&self, count: usize) -> Vec<Record> {
        wait::until(&format!("{count} settled records"), LIMIT, || {
            let records = self.log();
            (records.len() >= count && records.iter().all(|record| record.closed_at.is_some())).then_some(records)
        })
    }

    /// All it printed since it was started.
    pub fn printed(&self) -> String {
        self.process.as_ref().map(Process::printed).unwrap_or_default()
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it doesn't run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the gate runs").child.id()
    }

    /// Whether the process is over.
    fn ended(&mut self) -> bool {
        let process = self.process.as_mut().expect("the gate was started");
        process.child.try_wait().expect("the child is ours").is_some()
    }

    /// Asks it to stop, as a service manager does (SIGTERM); see [`Gate::wait`].
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to reload, as a service manager does (SIGHUP).
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.process_id(), signal).expect("the gate runs and is ours");
    }

    fn process_id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.pid()).expect("process ids are small")).expect("a child's id isn't 0")
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it still runs after [`LIMIT`], or wasn't started.
    pub fn wait(&mut self) -> Ended {
        self.process.take().expect("the gate was started").wait()
    }

    /// Ends it at once (SIGKILL), whatever it is doing.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.child.kill().expect("the gate is ours");
            process.child.wait().expect("the gate is ours");
        }
    }

    /// From now on no file of the gate may grow, as on a full disk; see [`Gate::start_on_a_disk_that_may_fill`].
    pub fn fill_disk(&self) {
        self.limit_files(Some(0));
    }

    /// The disk has room again.
    pub fn free_disk(&self) {
        // The gate was started with this process's own limits.
        self.limit_files(getrlimit(Resource::Fsize).current);
    }

    fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: getrlimit(Resource::Fsize).maximum };
        prlimit(Some(self.process_id()), Resource::Fsize, limit).expect("a process may lower its child's limits");
    }
}

impl Process {
    fn spawn(mut command: Command) -> Process {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let printed = Printed::default();
        let out = gather(child.stdout.take(), &printed);
        let err = gather(child.stderr.take(), &printed);
        Process { child, printed, readers: vec![out, err] }
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wait(mut self) -> Ended {
        let status = wait::within(LIMIT, || self.child.try_wait().expect("the child is ours"));
        let Some(status) = status else {
            let _ = self.child.kill();
            let _ = self.child.wait();
            panic!("the gate still runs after {} s; it printed:\n{}", LIMIT.as_secs(), self.printed());
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("reading a pipe doesn't panic");
        }
        Ended { code: status.code(), printed: self.printed() }
    }
}

fn gather(stream: Option<impl Read + Send + 'static>, into: &Printed) -> thread::JoinHandle<()> {
    let mut stream = stream.expect("the stream is piped");
    let into = into.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    })
}

impl Drop for Gate {
    fn drop(&mut self) {
        if thread::panicking() && self.process.is_some() {
            eprintln!("The gate printed:\n{}", self.printed());
        }
        self.kill();
    }
}
