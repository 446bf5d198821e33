//! What developers are given beside the code: scripts, shortcuts, shipped files.
//!
//! `scripts/bootstrap.sh` runs on a machine of our own making: a folder of programs that stand for package tool, rustup,
//! cargo and the rest, and that note what they were asked to install. Nothing here leaves that folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The programs of every Unix machine that the script uses.
const COMMON: [&str; 10] = ["bash", "sh", "sed", "sort", "head", "dirname", "env", "cat", "chmod", "mkdir"];

/// Makes the program `$1`, as an installation would.
const MAKE: &str = r##"
write() { { echo '#!/bin/bash'; cat; } > "$MACHINE/bin/$1"; chmod +x "$MACHINE/bin/$1"; }
case $1 in
curl) write curl <<'END'
echo "curl $*" >> "$MACHINE/log"
echo '"$MACHINE/make" rustup; "$MACHINE/make" cargo; "$MACHINE/make" rustc'
END
;;
python3) write python3 <<'END'
version=$(cat "$MACHINE/python" 2>/dev/null || echo 3.12.3)
if [[ $1 == --version ]]; then echo "Python $version"; exit; fi
echo "python3 $*" >> "$MACHINE/log"
mkdir -p .venv/bin
printf '#!/bin/bash\necho Python %s\n' "$version" > .venv/bin/python3
chmod +x .venv/bin/python3
END
;;
node) write node <<'END'
echo "v$(cat "$MACHINE/node" 2>/dev/null || echo 18.19.0)"
END
;;
rustup) write rustup <<'END'
if [[ "$1 $2" == "toolchain list" ]]; then cat "$MACHINE/toolchains" 2>/dev/null; exit 0; fi
echo "rustup $*" >> "$MACHINE/log"
case "$1 $2" in
"toolchain install") echo "$3" >> "$MACHINE/toolchains" ;;
"component add") echo yes > "$MACHINE/components" ;;
esac
END
;;
rustc) write rustc <<'END'
[[ -e $MACHINE/toolchains ]] || exit 1
read -r channel < "$MACHINE/toolchains"
echo "rustc $channel (made up)"
END
;;
cargo) write cargo <<'END'
case $1 in
fmt | clippy) [[ -e $MACHINE/components ]] ;;
install) echo "cargo $*" >> "$MACHINE/log"; "$MACHINE/make" "$2" ;;
esac
END
;;
*) write "$1" <<'END'
exit 0
END
;;
esac
"##;

const APT_GET: &str = r#"#!/bin/bash
echo "apt-get $*" >> "$MACHINE/log"
for name in "$@"; do
    case $name in
    build-essential) "$MACHINE/make" cc ;;
    nodejs) "$MACHINE/make" node ;;
    prometheus) "$MACHINE/make" prometheus && "$MACHINE/make" promtool ;;
    chromium-driver) "$MACHINE/make" chromedriver ;;
    dpkg) "$MACHINE/make" dpkg-deb ;;
    git | curl | python3 | patchelf | chromium | prometheus-alertmanager | fakeroot | strace) "$MACHINE/make" "$name" ;;
    esac
done
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

struct Machine {
    folder: TempDir,
}

impl Machine {
    /// A Linux machine with a package tool and nothing else.
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder") };
        let root = root();
        for folder in ["bin", "project/scripts", "home"] {
            fs::create_dir_all(machine.path(folder)).expect("a folder");
        }
        for file in ["scripts/bootstrap.sh", "rust-toolchain.toml"] {
            fs::copy(root.join(file), machine.path("project").join(file)).expect("it is there");
        }
        for name in COMMON {
            let places = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
            let real = places.iter().find(|place| place.exists()).expect("every Unix machine has it");
            symlink(real, machine.path("bin").join(name)).expect("a link");
        }
        machine.program("make", &format!("#!/bin/bash\n{MAKE}"));
        machine.program("bin/apt-get", APT_GET);
        machine.program("bin/uname", "#!/bin/bash\necho Linux\n");
        machine.program("bin/id", "#!/bin/bash\necho \"$MACHINE_USER\"\n");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    fn run(&self, user: &str, arguments: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = Command::new("/bin/bash")
            .arg(self.path("project/scripts/bootstrap.sh"))
            .args(arguments)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("MACHINE", self.folder.path())
            .env("MACHINE_USER", user)
            .output()
            .expect("bash runs");
        let said = [stdout, stderr].concat();
        (status.success(), String::from_utf8(said).expect("text"))
    }

    /// What was installed so far, one line for each time.
    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn set(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }
}

const REQUIRED: [&str; 5] = ["git", "cc", "curl", "python3", "cargo"];
/// Installed for root where they can be, and no reason to fail.
const WANTED: [&str; 5] = ["Prometheus", "Alertmanager", "Chromium and its driver", "dpkg-deb and fakeroot", "strace"];
const FUZZ: &str = "cargo-fuzz with a nightly Rust";
const USEFUL: [&str; 5] = ["cargo-nextest", FUZZ, "patchelf", "Python 3.12.3 in .venv", "Node 18.0.0"];

fn names(said: &str, tool: &str) -> bool {
    said.lines().any(|line| line.contains(&format!(": {tool} — ")))
}

#[test]
fn bootstrap_installs_what_is_missing_once() {
    let _script = testkit::contract!("S003-002");
    let machine = Machine::new();
    // Whoever is not root gets names, and so does whoever asks for a check.
    for (user, arguments) in [("1000", &[][..]), ("0", &["--check"]), ("1000", &["--check"])] {
        let (done, said) = machine.run(user, arguments);
        assert!(!done && REQUIRED.iter().all(|tool| names(&said, tool)), "{said}");
        assert!(names(&said, "patchelf") && WANTED.iter().all(|tool| names(&said, tool)), "{said}");
        assert_eq!(machine.log(), [""; 0], "nothing was installed");
    }
    // Root gets what is required, as on a fresh machine of CI.
    let (done, said) = machine.run("0", &[]);
    assert!(done, "{said}");
    assert!(REQUIRED.iter().chain(&WANTED).all(|tool| !names(&said, tool)), "{said}");
    assert!(USEFUL.iter().all(|tool| names(&said, tool)), "what is only useful is named: {said}");
    let required = machine.log();
    assert!(required.iter().all(|line| !line.contains("patchelf") && !line.contains("nextest")), "{required:?}");
    // Again: nothing is left to do.
    assert!(machine.run("0", &[]).0);
    assert_eq!(machine.log(), required);
    // All the rest, on request; and again nothing.
    let (done, said) = machine.run("0", &["--install"]);
    assert!(done && USEFUL.iter().all(|tool| !names(&said, tool)), "{said}");
    let all = machine.log();
    for tool in [
        "prometheus",
        "prometheus-alertmanager",
        "chromium-driver",
        "dpkg",
        "fakeroot",
        "strace",
        "patchelf",
        "nodejs",
        "cargo-nextest",
        "cargo-fuzz",
        "toolchain install nightly",
        "-m venv .venv",
    ] {
        let times = all.iter().filter(|line| format!("{line} ").contains(&format!("{tool} "))).count();
        assert_eq!(times, 1, "{tool}: {all:?}");
    }
    for arguments in [&[][..], &["--install"], &["--check"]] {
        let (done, said) = machine.run("0", arguments);
        assert!(done && said.lines().count() == 1, "{said}");
        assert_eq!(machine.log(), all, "it is idempotent");
    }
    let (done, said) = machine.run("0", &["--everything"]);
    assert!(!done && said.contains("unknown argument --everything"), "{said}");
}

#[test]
fn bootstrap_checks_the_floor_of_the_toolchain() {
    let _floor = testkit::contract!("S003-001");
    let machine = Machine::new();
    assert!(machine.run("0", &["--install"]).0, "all is there");
    // Rust below 1.86 is refused, even when the project were pinned to it.
    let pinned = fs::read_to_string(machine.path("project/rust-toolchain.toml")).expect("it is there");
    machine.set("project/rust-toolchain.toml", "[toolchain]\nchannel = \"1.85.1\"\n");
    machine.set("toolchains", "1.85.1\nnightly\n");
    let (done, said) = machine.run("1000", &[]);
    assert!(!done && names(&said, "Rust 1.85.1"), "{said}");
    machine.set("project/rust-toolchain.toml", "[toolchain]\nchannel = \"1.86.0\"\n");
    machine.set("toolchains", "1.86.0\nnightly\n");
    assert!(machine.run("1000", &[]).0);
    // Another toolchain than the pinned one is refused.
    machine.set("project/rust-toolchain.toml", &pinned);
    let (done, said) = machine.run("1000", &[]);
    assert!(!done && said.contains("found: rustc 1.86.0"), "{said}");
    let channel = pinned.split('"').nth(1).expect("a channel in quotes");
    machine.set("toolchains", &format!("{channel}\n"));
    // Fuzzing needs a nightly toolchain, Python 3.12.3 stands in a virtual environment, dashboards want Node 18: named,
    // and no reason to fail.
    machine.set("node", "16.20.2");
    machine.program("project/.venv/bin/python3", "#!/bin/bash\necho Python 3.12.2\n");
    fs::remove_file(machine.path("bin/cargo-nextest")).expect("it was installed");
    let (done, said) = machine.run("1000", &[]);
    assert!(done, "{said}");
    for tool in ["cargo-nextest", FUZZ, "Python 3.12.3 in .venv", "Node 18.0.0"] {
        assert!(names(&said, tool), "{tool}: {said}");
    }
    assert!(said.contains("work on dashboards uses it, nothing else"), "{said}");
    // What is wanted and cannot be installed is named too; the tests that need it say so.
    fs::remove_file(machine.path("bin/prometheus")).expect("it was installed");
    machine.program("bin/apt-get", "#!/bin/bash\nexit 100\n");
    let (done, said) = machine.run("0", &[]);
    assert!(done && names(&said, "Prometheus") && said.contains("Prometheus could not be installed"), "{said}");
    machine.program("bin/apt-get", APT_GET);
    // An older Python cannot become a virtual environment that is good enough.
    machine.set("python", "3.11.7");
    let (done, said) = machine.run("0", &["--install"]);
    assert!(!done && said.contains("python3 is 3.11.7; 3.12.3 or later is wanted"), "{said}");
    machine.set("python", "3.12.4");
    machine.set("node", "20.0.0");
    assert!(machine.run("0", &["--install"]).0);
}

/// A commit in a repository whose only hook is the sample, with a cargo that fails at `broken`.
fn commit(broken: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let git = |arguments: &[&str]| {
        let ended = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .current_dir(folder.path())
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.path().join("bin").display()))
            .env("BROKEN", broken)
            .env_remove("GIT_DIR")
            .output()
            .expect("git runs");
        (ended.status.success(), String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned())
    };
    assert!(git(&["init", "--quiet"]).0);
    let (cargo, hook) = (folder.path().join("bin/cargo"), folder.path().join(".git/hooks/pre-commit"));
    fs::create_dir_all(folder.path().join("bin")).expect("a folder");
    fs::create_dir_all(folder.path().join(".git/hooks")).expect("a folder");
    fs::write(&cargo, "#!/bin/sh\nfor word in \"$@\"; do [ \"$word\" != \"$BROKEN\" ] || exit 1; done\n")
        .expect("a file");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::copy(root().join("scripts/pre-commit.sample"), &hook).expect("the sample keeps its permissions");
    git(&["commit", "--quiet", "--allow-empty", "--message", "one"])
}

#[test]
fn the_sample_hook_refuses_commits_that_are_not_formatted_or_do_not_pass_the_lints() {
    let _hook = testkit::contract!("S003-208");
    assert_eq!(commit("nothing"), (true, String::new()));
    for (broken, hint) in [
        ("fmt", "pre-commit: the code is not formatted; run: cargo fmt --all"),
        ("clippy", "pre-commit: a lint complains"),
        ("tidy", "pre-commit: a house rule is broken"),
    ] {
        let (done, said) = commit(broken);
        assert!(!done && said.contains(hint), "{broken}: {said}");
    }
}

#[test]
fn the_shortcut_for_a_node_is_the_command_that_starts_one() {
    let _shortcut = testkit::contract!("S003-024");
    let text = fs::read_to_string(root().join("justfile")).expect("the shortcuts");
    let recipe = text.lines().skip_while(|line| *line != "node *arguments:").nth(1).expect("the recipe of node");
    assert_eq!(recipe, "    cargo run --release -- node start {{arguments}}");
    // `cargo run` runs this program, because it is the default of the workspace.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    assert!(manifest.contains("default-members = [\"tb\"]"));
    let help = crate::command::tb().args(["node", "start", "--help"]).output().expect("it runs");
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Start a node in this process"));
}

#[test]
fn the_shipped_baselines_are_files_that_load() {
    let _folder = testkit::contract!("S003-017");
    let config = root().join("config");
    let names: Vec<String> = fs::read_dir(&config)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    assert!(["dependency_policies.toml", "node.toml"].iter().all(|name| names.iter().any(|file| file == name)));
    for name in names.iter().filter(|name| name.ends_with(".toml")) {
        let text = fs::read_to_string(config.join(name)).expect("a file");
        text.parse::<toml::Table>().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let home = tempfile::tempdir().expect("a folder");
    let mut check = crate::command::tb();
    check.args(["config", "show", "--home"]).arg(home.path()).arg("--config").arg(config.join("node.toml"));
    crate::command::run(&mut check).ok();
}
