//! The Debian package: made of the program of this build, installed by `dpkg` into a folder, started from there as its unit
//! says, stopped as systemd stops it, and removed without what belongs to the operator.
//!
//! In a folder (`--root`) the scripts of a package do nothing. They run in a copy of this machine: a file system that lies over the
//! real one in memory, seen by the processes of the test alone, where the package is installed and set up as the quickstart says.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cli::devnet::layout::Ports;
use nix::sys::signal::{Signal, kill};
use rpc::{Client, ClientConfig};

use crate::cluster::{START_TIME, Turn, free_base, until};
use crate::command::{pid, without_ours};
use crate::documents;

/// Files that the package brings, below its root.
const FILES: [&str; 19] = [
    "usr/bin/tb",
    "usr/bin/tb-cli",
    "usr/bin/contract-cli",
    "usr/bin/rpp-node",
    "usr/bin/simnet",
    "usr/bin/probe",
    "usr/lib/systemd/system/the-block.service",
    "usr/lib/systemd/system/ledger-node.service",
    "usr/lib/systemd/system/the-block-signer.service",
    "usr/share/the-block/node.toml",
    "usr/share/the-block/profiles.toml",
    "usr/share/the-block/alert.rules.yml",
    "usr/share/the-block/prometheus.yml",
    "usr/share/the-block/alertmanager.yml",
    "usr/share/the-block/release.conf",
    "usr/share/doc/the-block/CHANGELOG.md",
    "usr/share/doc/the-block/openapi.json",
    "usr/share/doc/the-block/openrpc.json",
    "usr/share/doc/the-block/dashboards/consensus_proof_validation.json",
];
/// Scripts that pages name, below the folder from which they are run.
const SCRIPTS: [&str; 5] = [
    "scripts/prometheus_query",
    "scripts/smoke_rollout.sh",
    "scripts/smoke_otlp_export.sh",
    "tests/pipeline/run.sh",
    "tests/observability/run.sh",
];
/// Where the package has its pages.
const MANUAL: &str = "usr/share/doc/the-block";
/// Fewest links of the pages to files of the package.
const LINKS_MIN: usize = 300;
/// Folders of the project and where the package has their files of this kind.
const FOLDERS: [(&str, &str, &str); 8] = [
    ("monitoring/grafana", "json", "usr/share/the-block/grafana"),
    ("docs", "md", "usr/share/doc/the-block"),
    ("docs/deployment", "md", "usr/share/doc/the-block/deployment"),
    ("docs/runbooks", "md", "usr/share/doc/the-block/runbooks"),
    ("docs/performance", "md", "usr/share/doc/the-block/performance"),
    ("docs/adr", "md", "usr/share/doc/the-block/adr"),
    ("docs/nightly", "json", "usr/share/doc/the-block/nightly"),
    ("spec", "md", "usr/share/doc/the-block/spec"),
];
/// What the quickstart calls the package.
const NAME: &str = "./the-block_0.1.0_amd64.deb";
/// Says what failed when the copy of the machine cannot be made here.
const NO_COPY: &str = "no copy of this machine";
/// Makes the copy below `$1` and runs `$2` in it. Everything ends with its first process.
const COPY: &str = r#"set -eu
place=$1 script=$2
{
    mount -t tmpfs tmpfs "$place" && mkdir "$place/upper" "$place/work" "$place/root" &&
        mount -t overlay overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$place/root" &&
        mount --rbind /dev "$place/root/dev" && mount -t proc proc "$place/root/proc"
} || { echo "no copy of this machine" >&2; exit 77; }
cp "$PACKAGE" "$place/root/root/the-block.deb"
exec chroot "$place/root" bash -c "$script"
"#;
/// Programs of a real machine that the copy has no use for: who is root needs no sudo, and a unit is run by its own words.
const STAND_INS: &str = r#"set -euo pipefail
cd /root
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
sudo() { if [ "$1" = -u ]; then runuser -u "$2" -- "${@:3}"; else "$@"; fi; }
apt() { [ "$1" = install ] && dpkg --install "$2"; }
unit() { sed -n "s/^$2=//p" "/usr/lib/systemd/system/$1.service"; }
systemctl() {
    case $1 in
    enable)
        [ "$2" = --now ]
        runuser -u "$(unit "$3" User)" -- $(unit "$3" ExecStartPre)
        runuser -u "$(unit "$3" User)" -- $(unit "$3" ExecStart) > "/run/$3.log" 2>&1 < /dev/null &
        ;;
    is-active) pgrep -u "$2" > /dev/null ;;
    esac
}
journalctl() { [ "$1" = -u ] && tail -n "$4" "/run/$2.log"; }
"#;
/// After the blocks of the page: the service runs as its user and ends as systemd ends it, and whoever removes the package keeps the keys.
const AFTERWARDS: &str = r#"
echo "user $(id -un the-block) $(id -un the-block-signer)"
stat -c 'home %n %a %U %G' /var/lib/the-block /var/lib/the-block-signer
kill -INT $(pgrep -u the-block -x tb)
wait "$!"
dpkg --install the-block.deb
dpkg --purge the-block
[ ! -e /usr/bin/tb ] && [ ! -e /usr/share/the-block ]
stat -c 'kept %n %a %U' /var/lib/the-block/validator_key.json
"#;

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

/// What this test needs of the machine.
const PACKERS: &str = "dpkg-deb with root or fakeroot";

fn can_pack() -> bool {
    is_there("dpkg-deb") && (is_root() || is_there("fakeroot"))
}

/// Whether a packed text is the project's own, lines with links apart: those lead to where the package has the files.
fn is_the_same(packed: &str, own: &str) -> bool {
    let is_same = |(packed, own): (&str, &str)| packed == own || own.contains("](");
    packed.lines().count() == own.lines().count() && packed.lines().zip(own.lines()).all(is_same)
}

/// The pages in a folder and below it.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the manual") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    found
}

/// How many links of a page name files; each is there once the package is installed.
fn links_that_lead(machine: &Machine, page: &Path) -> usize {
    let text = std::fs::read_to_string(page).expect("it was listed");
    // Every second part stands between two fences, where brackets belong to programs.
    let prose = text.split("\n```").step_by(2).flat_map(|part| part.split("](").skip(1));
    let links = prose.filter_map(|rest| rest.split([')', '#']).next());
    let files: Vec<&str> = links.filter(|link| !link.is_empty() && !link.starts_with("http")).collect();
    for link in &files {
        let target = match link.strip_prefix('/') {
            Some(below) => machine.path(below),
            None => page.parent().expect("a folder").join(link),
        };
        assert!(target.exists(), "{}: {link} leads nowhere", page.display());
    }
    files.len()
}

/// Every file that operators are told of, as it is in the project.
fn holds_all(machine: &Machine) {
    for file in FILES {
        assert!(machine.path(file).exists(), "{file} is not in the package");
    }
    for (folder, kind, place) in FOLDERS {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the project");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|found| found == kind)).collect();
        assert!(!paths.is_empty(), "{folder}");
        for path in paths {
            let packed = machine.path(place).join(path.file_name().expect("a name"));
            let text = std::fs::read_to_string(&packed).unwrap_or_else(|error| panic!("{}: {error}", packed.display()));
            let own = std::fs::read_to_string(&path).expect("it was listed");
            assert!(is_the_same(&text, &own), "{} is another file", packed.display());
        }
    }
    // The Prometheus of the example finds its rules beside itself.
    let example = std::fs::read_to_string(machine.path("usr/share/the-block/prometheus.yml")).expect("it is there");
    assert!(example.contains("rule_files:\n  - alert.rules.yml\n"), "{example}");
    assert!(example.contains("\nalerting:\n"), "{example}");
    for script in SCRIPTS {
        let used = machine.program(&format!("usr/share/the-block/{script}")).output();
        assert_eq!(used.expect("it can be run").status.code(), Some(2), "{script} says how it is used");
    }
    let links: usize = pages(&machine.path(MANUAL)).iter().map(|page| links_that_lead(machine, page)).sum();
    assert!(links > LINKS_MIN, "{links}");
    // And they name the runbooks where these lie now.
    let rules = std::fs::read_to_string(machine.path("usr/share/the-block/alert.rules.yml")).expect("it is there");
    assert!(rules == monitoring::rules_with_runbooks("/usr/share/doc/the-block/runbooks"), "{rules}");
}

/// The program inside is the one that was given, which may be that of a signed release, and a second package is the same.
fn packs_the_program_as_it_is(machine: &Machine, first: &Path) {
    let program = |path: &Path| std::fs::read(path).expect("a program");
    let same = program(&machine.path("usr/bin/tb")) == program(Path::new(env!("CARGO_BIN_EXE_tb")));
    assert!(same, "the program was changed on the way");
    let second = package(&machine.path("again"));
    assert!(program(first) == program(&second), "two packages of one program differ");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Makes the package of the program under test.
fn package(out: &Path) -> PathBuf {
    let script = root().join("scripts/build_deb.sh");
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
    if !can_pack() {
        return testkit::lacks!(PACKERS);
    }
    let _turn = Turn::take();
    let machine = Machine::new();
    let package = package(&machine.path("out"));
    let installed = machine.dpkg(&["--install", package.to_str().expect("text")]);
    assert!(installed.status.success(), "{}", said(&installed));
    let status = said(&machine.dpkg(&["--status", "the-block"]));
    assert!(status.contains("Status: install ok installed") && status.contains("Depends: libc6 (>= 2."), "{status}");
    holds_all(&machine);
    packs_the_program_as_it_is(&machine, &package);
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

#[test]
fn the_package_is_set_up_as_the_quickstart_says_and_its_scripts_do_what_they_say() {
    if !can_pack() || !["unshare", "runuser", "adduser", "pgrep"].into_iter().all(is_there) {
        return testkit::lacks!(PACKERS);
    }
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let package = package(&folder.path().join("out"));
    let place = folder.path().join("place");
    std::fs::create_dir(&place).expect("a folder");
    let blocks = documents::packaged().concat();
    assert!(blocks.contains(NAME) && blocks.contains("systemctl enable --now the-block"), "{blocks}");
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let url = ports.rpc_url();
    let blocks = blocks.replace(NAME, "./the-block.deb").replace("http://127.0.0.1:26658", &url);
    let mut command = Command::new("unshare");
    without_ours(&mut command);
    command.args(["--mount", "--pid", "--fork", "--kill-child", "bash", "-c", COPY, "bash"]).arg(&place);
    command.arg(format!("{STAND_INS}{blocks}{AFTERWARDS}")).env("PACKAGE", &package).env("TB_RPC_URL", &url);
    command.env("TB_RPC_LISTEN", format!("127.0.0.1:{}", ports.rpc)).stdin(Stdio::null());
    command.env("TB_CONSENSUS_LISTEN", format!("/ip4/127.0.0.1/tcp/{}", ports.consensus));
    command.env("TB_P2P_LISTEN", format!("/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p));
    let output = command.output().expect("it is there");
    let told = said(&output);
    if told.contains(NO_COPY) || told.contains("unshare failed") {
        return testkit::lacks!("root with a file system over its own (unshare, overlay)");
    }
    assert!(output.status.success(), "{told}");
    let user = "the-block";
    let signer = "the-block-signer";
    for line in [
        format!("user {user} {signer}"),
        format!("home /var/lib/{user} 700 {user} {user}"),
        format!("home /var/lib/{signer} 700 {signer} {signer}"),
        format!("kept /var/lib/{user}/validator_key.json 600 {user}"),
    ] {
        assert!(told.lines().any(|found| found == line), "{line} is not in\n{told}");
    }
}
