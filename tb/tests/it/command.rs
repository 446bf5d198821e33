//! Running `tb` commands that end, and long ones that are read line by line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Longest time for a command that ends by itself.
pub const COMMAND_TIME: Duration = Duration::from_secs(30);

/// Characters of a log that are shown of a command that did not end.
const LOG_CHARS: usize = 4_000;

/// The program without anything of this machine's environment.
pub fn tb() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tb"));
    without_ours(&mut command);
    command
}

/// Takes away the variables of this machine that mean something to the program.
pub fn without_ours(command: &mut Command) {
    // Every test comes through here before it asks a node; the HTTP client of tests needs a provider, also for http.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (name, _) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| name.starts_with("TB_") || name == "RUST_LOG");
        if ours {
            command.env_remove(name);
        }
    }
}

/// The program called by another of its names, through a link in `folder`.
pub fn tb_as(name: &str, folder: &Path) -> Command {
    let link = folder.join(name);
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tb"), &link).expect("a link");
    }
    let mut command = Command::new(link);
    without_ours(&mut command);
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit number; `None` after a signal.
    pub code: Option<i32>,
    /// What it printed for programs.
    pub stdout: String,
    /// What it said to people, or its log.
    pub stderr: String,
}

impl Ended {
    /// Standard output as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The result of a command that must succeed.
    pub fn ok(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.json()
    }

    /// The refusal of a command that must fail.
    pub fn refused(&self) -> Refusal {
        assert!(self.code.is_some_and(|code| code != 0), "it must end with a number other than 0: {self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        let value = self.json();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let refusal = Refusal {
            exit: self.code.unwrap_or_default(),
            code: text("code"),
            error: text("error"),
            hint: text("hint"),
        };
        assert!(!refusal.code.is_empty() && !refusal.error.is_empty() && !refusal.hint.is_empty(), "{self:?}");
        refusal
    }
}

/// What a command said when it refused.
#[derive(Debug)]
pub struct Refusal {
    /// Exit number.
    pub exit: i32,
    /// Named cause.
    pub code: String,
    /// What happened.
    pub error: String,
    /// What to do next.
    pub hint: String,
}

/// Runs a command with `--json` until it ends.
pub fn run(command: &mut Command) -> Ended {
    command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program was built");
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let deadline = Instant::now() + COMMAND_TIME;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("it is our child");
            let _ = child.wait();
            let (out, err) = (drain(&out), drain(&err));
            panic!("{command:?} did not end; it said {out}\n{}", err.chars().take(LOG_CHARS).collect::<String>());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ended { code: status.code(), stdout: drain_all(&out), stderr: drain_all(&err) }
}

/// Runs `tb` with these words and the home directory.
pub fn run_in(home: &Path, words: &[&str]) -> Ended {
    run(tb().args(words).arg("--home").arg(home))
}

fn reader<R: Read + Send + 'static>(pipe: Option<R>) -> Receiver<String> {
    let (sender, receiver) = channel();
    let pipe = pipe.expect("the pipe was asked for");
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What came so far.
fn drain(lines: &Receiver<String>) -> String {
    lines.try_iter().collect::<Vec<_>>().join("\n")
}

/// What comes until the pipe is closed.
fn drain_all(lines: &Receiver<String>) -> String {
    lines.iter().collect::<Vec<_>>().join("\n")
}

/// A command that keeps running and prints one JSON object per line.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    talk: Receiver<String>,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program was built");
        let (lines, talk) = (reader(child.stdout.take()), reader(child.stderr.take()));
        Self { child, lines, talk }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event with this name; others are skipped.
    pub fn event(&mut self, name: &str, limit: Duration) -> Value {
        self.events_until(name, limit).pop().expect("the last one has the name")
    }

    /// Everything that is told up to the next event with this name, which comes last.
    pub fn events_until(&mut self, name: &str, limit: Duration) -> Vec<Value> {
        let deadline = Instant::now() + limit;
        let mut told = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no event {name:?} in {limit:?}; it said: {}", drain(&self.talk));
            };
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
            let is_last = value["event"] == name;
            told.push(value);
            if is_last {
                return told;
            }
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Presses Ctrl-C and waits for the end.
    pub fn interrupt(&mut self, limit: Duration) -> Option<i32> {
        kill(pid(self.child.id()), Signal::SIGINT).expect("it runs");
        self.ended(limit)
    }

    /// Waits for the end.
    pub fn ended(&mut self, limit: Duration) -> Option<i32> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not end within {limit:?}; it said: {}", drain(&self.talk));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first, so that it can stop its own children; they also stop when its end of their input closes.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill(pid(self.child.id()), Signal::SIGTERM);
            std::thread::sleep(Duration::from_millis(500));
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the command said: {}", drain(&self.talk));
        }
    }
}

/// A process id of the system.
pub fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("process ids are small"))
}

/// The texts of a zip by their names.
pub fn entries(path: &Path) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).expect("the artefact is there")).expect("it is a zip");
    let mut entries = BTreeMap::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).expect("an entry");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        let name = entry.name().expect("a name").into_owned();
        entries.insert(name, text);
    }
    entries
}
