//! Where the workspace is, and how other programs are started from it.
//!
//! A program either succeeds or its name, arguments and exit status become the error. Its output goes straight
//! to the terminal, except where a caller asks for the text; [`heard`] does both.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// The folder of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

/// What the variables begin with in which cargo tells a program about its own package.
const OF_OUR_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];

impl Workspace {
    /// The workspace whose xtask is running: cargo names our package folder, which sits in the root.
    pub(crate) fn find() -> Result<Self> {
        let root = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(package) => {
                Path::new(&package).parent().context("the xtask package has no folder above it")?.to_path_buf()
            }
            None => env::current_dir().context("the current folder cannot be read")?,
        };
        ensure!(
            root.join("Cargo.lock").is_file(),
            "{} is not the root of the workspace; run `cargo xtask` from inside it",
            root.display()
        );
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
        Ok(Self { root, target })
    }

    /// The workspace in a folder that a test has made, with everything below it.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), target: root.join("target") }
    }

    /// The root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that cargo builds into.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A program to be started in the root folder.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The cargo that started us, with `arguments`.
    ///
    /// What it told us about our own package stays here: a build script that looks at such variables would run again,
    /// and with it half of the workspace be built again, each time when cargo is started by hand and by us in turns.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        let ours = env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| OF_OUR_PACKAGE.iter().any(|prefix| name.to_string_lossy().starts_with(prefix))) {
            command.env_remove(name);
        }
        command
    }
}

/// Runs `command` to its end with its output on our terminal.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let shown = line_of(command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("`{shown}` could not be started; is it installed?"))?;
    ensure!(status.success(), "`{shown}` ended with {status}");
    Ok(())
}

/// Longest wait for the last words of a program that has ended, while something that it started holds its output open.
const LAST_WORDS_MAX: Duration = Duration::from_secs(30);

/// Runs `command` to its end with its output on our terminal, and returns the lines that begin with `mark`.
///
/// # Errors
/// A program that fails, and one whose output does not end with it.
pub(crate) fn heard(mut command: Command, mark: &'static str) -> Result<Vec<String>> {
    let shown = line_of(&command);
    println!("$ {shown}");
    let (ours, theirs) = io::pipe().context("there is no pipe")?;
    // Without colours: a mark stands at the beginning of its line.
    command.env("CARGO_TERM_COLOR", "never").stdout(theirs.try_clone().context("there is no pipe")?).stderr(theirs);
    let child = command.spawn();
    // What it holds of the pipe would keep the other end open.
    drop(command);
    let mut child = child.with_context(|| format!("`{shown}` could not be started; is it installed?"))?;
    let (told, hears) = mpsc::channel();
    // It ends with the output, or with this program; nobody who has stopped waiting is told.
    thread::spawn(move || told.send(passed_on(ours, mark)));
    let status = child.wait().with_context(|| format!("`{shown}` is gone"))?;
    let lines = hears.recv_timeout(LAST_WORDS_MAX);
    ensure!(status.success(), "`{shown}` ended with {status}");
    lines.with_context(|| format!("`{shown}` ended, and something that it started still holds its output"))?
}

/// Writes everything to standard output, and keeps the lines that begin with `mark`.
fn passed_on(output: impl Read, mark: &str) -> Result<Vec<String>> {
    let (mut output, mut line, mut kept) = (BufReader::new(output), Vec::new(), Vec::new());
    while output.read_until(b'\n', &mut line).context("the output of a program cannot be read")? > 0 {
        io::stdout().write_all(&line).context("standard output is closed")?;
        let text = String::from_utf8_lossy(&line);
        if text.trim_start().starts_with(mark) {
            kept.push(text.trim().to_owned());
        }
        line.clear();
    }
    Ok(kept)
}

/// Runs `command` quietly and returns what it wrote to standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<Vec<u8>> {
    let shown = line_of(command);
    let output = command.output().with_context(|| format!("`{shown}` could not be started; is it installed?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, said.trim());
    }
    Ok(output.stdout)
}

/// The command as one would type it, with the program's folder left out.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut words = vec![name.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{heard, line_of, output_of, succeed};

    #[test]
    fn a_failing_program_is_named_with_its_arguments() {
        let error = succeed(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("`sh -c exit 3` ended with"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output_of(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
        assert_eq!(line_of(&Command::new("/usr/bin/git")), "git");
    }

    #[test]
    fn lines_with_a_mark_are_kept_from_both_outputs_of_a_program_that_succeeds() {
        let sh = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            command
        };
        let said =
            heard(sh("echo one; echo '  mark: two' >&2; echo not mark; printf 'mark: three'"), "mark: ").unwrap();
        assert_eq!(said, ["mark: two", "mark: three"]);
        let error = heard(sh("echo mark: one; exit 3"), "mark: ").unwrap_err();
        assert!(error.to_string().contains("ended with"), "{error}");
    }

    #[test]
    fn output_is_returned() {
        let text = output_of(Command::new("/bin/sh").args(["-c", "echo yes"])).unwrap();
        assert_eq!(text, b"yes\n");
    }
}
