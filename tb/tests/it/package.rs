//! The Debian package: made of the program of this build, installed by `dpkg` into a folder, started from there as its unit
//! says, stopped as systemd stops it, and removed without what belongs to the operator.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cli::devnet::layout::Ports;
use nix::sys::signal::{Signal, kill};
use rpc::{Client, ClientConfig};

use crate::cluster::{START_TIME, Turn, free_base, until};
use crate::command::{pid, without_ours};

/// Files that the package brings, below its root.
const FILES: [&str; 11] = [
    "usr/bin/tb",
    "usr/bin/tb-cli",
    "usr/bin/contract-cli",
    "usr/bin/rpp-node",
    "usr/bin/probe",
    "usr/lib/systemd/system/the-block.service",
    "usr/lib/systemd/system/ledger-node.service",
    "usr/lib/systemd/system/the-block-signer.service",
    "usr/share/the-block/node.toml",
    "usr/share/the-block/profiles.toml",
    "usr/share/the-block/alert.rules.yml",
];

/// A folder that `dpkg` takes for a machine.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["info", "updates", "triggers"] {
            std::fs::create_dir_all(folder.path().join("var/lib/dpkg").join(part)).expect("a folder");
        }
        for file in ["status", "available"] {
            std::fs::write(folder.path().join("var/lib/dpkg").join(file), "").expect("written");
        }
        Self(folder)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// `dpkg` with these words. The libraries of the package are those of the real machine.
    fn dpkg(&self, words: &[&str]) -> Output {
        // Who is not root may own no file of root; fakeroot pretends.
        let is_root = is_root();
        let mut command = Command::new(if is_root { "dpkg" } else { "fakeroot" });
        if !is_root {
            command.arg("dpkg");
        }
        let log = format!("--log={}", self.path("dpkg.log").display());
        let root = format!("--root={}", self.0.path().display());
        command.args([&root, &log, "--force-not-root", "--force-script-chrootless", "--force-depends"]);
        command.arg("--force-bad-path").args(words).output().expect("dpkg")
    }

    /// A program of the package.
    fn program(&self, path: &str) -> Command {
        let mut command = Command::new(self.path(path.trim_start_matches('/')));
        without_ours(&mut command);
        command
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn passes(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ends the node when the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the unit says after `key=`, word by word, with the home below the folder.
fn words_of(unit: &str, key: &str, machine: &Machine) -> Vec<String> {
    let line = unit.lines().find_map(|line| line.strip_prefix(&format!("{key}="))).expect("a line of the unit");
    let home = machine.path("var/lib/the-block").display().to_string();
    line.split_whitespace().map(|word| word.replace("/var/lib/the-block", &home)).collect()
}

/// Whether this user owns what root owns.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Makes the package of the program under test.
fn package(out: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build_deb.sh");
    let mut command = Command::new("bash");
    without_ours(&mut command);
    command.arg(script).args(["--binary", env!("CARGO_BIN_EXE_tb"), "--out"]).arg(out).env("DEB_COMPRESSION", "none");
    PathBuf::from(passes(&mut command).trim())
}

/// A home where the unit looks for it, with the configuration that the package ships.
fn home(machine: &Machine) {
    let home = machine.path("var/lib/the-block");
    let genesis = machine.path("genesis.json");
    let tb = |words: &[&str]| passes(machine.program("usr/bin/tb").args(words).arg("--home").arg(&home));
    tb(&["init", "--mode", "validator", "--moniker", "packaged"]);
    let public = home.join("validator_public.json");
    let mut new = machine.program("usr/bin/tb");
    new.args(["genesis", "new", "--chain-id", "packaged", "--engine", "solo", "--validator"]).arg(&public);
    passes(new.arg("--out").arg(&genesis));
    tb(&["init", "--genesis", genesis.to_str().expect("text")]);
    std::fs::copy(machine.path("usr/share/the-block/node.toml"), home.join("node.toml")).expect("copied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_debian_package_is_installed_started_and_removed() {
    if !is_there("dpkg-deb") || !(is_root() || is_there("fakeroot")) {
        eprintln!("this machine lacks dpkg-deb or fakeroot: the package is not shown here");
        return;
    }
    let _turn = Turn::take();
    let machine = Machine::new();
    let package = package(&machine.path("out"));
    let installed = machine.dpkg(&["--install", package.to_str().expect("text")]);
    assert!(installed.status.success(), "{}", said(&installed));
    let status = said(&machine.dpkg(&["--status", "the-block"]));
    assert!(status.contains("Status: install ok installed") && status.contains("Depends: libc6 (>= 2."), "{status}");
    for file in FILES {
        assert!(machine.path(file).exists(), "{file} is not in the package");
    }
    let unit = std::fs::read_to_string(machine.path("usr/lib/systemd/system/ledger-node.service")).expect("the unit");
    home(&machine);
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let settings = [
        "mode=validator".to_owned(),
        format!("rpc.listen=127.0.0.1:{}", ports.rpc),
        "consensus.listen=/ip4/127.0.0.1/tcp/0".to_owned(),
        "p2p.listen=/ip4/127.0.0.1/udp/0/quic-v1".to_owned(),
        "log.level=warn".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting.as_str()]).collect();
    for key in ["ExecStartPre", "ExecStart"] {
        let words = words_of(&unit, key, &machine);
        assert_eq!(words[0], "/usr/bin/tb", "{words:?}");
        let mut command = machine.program(&words[0]);
        command.args(&words[1..]).args(&settings).stdin(Stdio::null());
        if key == "ExecStartPre" {
            passes(&mut command);
            continue;
        }
        let mut node = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
        let client = Client::new(&ClientConfig::new(ports.rpc_url())).expect("a URL");
        until("readiness of the packaged node", START_TIME, async || {
            assert_eq!(node.0.try_wait().expect("our child"), None, "it ended by itself");
            client.health_ready().await.ok().filter(|ready| ready.ready)
        })
        .await;
        assert!(unit.contains("KillSignal=SIGINT"), "systemd stops it with the signal of this test");
        kill(pid(node.0.id()), Signal::SIGINT).expect("it runs");
        let ended = until("the end of the node", START_TIME, async || node.0.try_wait().expect("our child")).await;
        assert!(ended.success(), "{ended}");
    }
    // The unit of a signer starts one where there is one.
    let unit = machine.path("usr/lib/systemd/system/the-block-signer.service");
    let words = words_of(&std::fs::read_to_string(unit).expect("the unit"), "ExecStart", &machine);
    let refused = machine.program(&words[0]).args(&words[1..]).arg("--json").output().expect("it starts");
    assert!(said(&refused).contains("\"code\": \"no_signer\""), "{}", said(&refused));
    // The program is gone, and what nobody could bring back is there.
    let purged = machine.dpkg(&["--purge", "the-block"]);
    assert!(purged.status.success(), "{}", said(&purged));
    assert!(!machine.path("usr/bin/tb").exists() && !machine.path("usr/share/the-block").exists());
    assert!(machine.path("var/lib/the-block/validator_key.json").exists(), "a purge keeps keys");
}
