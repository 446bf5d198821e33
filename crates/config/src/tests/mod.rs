//! Tests of the configuration: every key through every source, every rule, every message, no secret anywhere.

mod check;
mod edit;
mod files;
mod home;
mod keys;
mod precedence;
mod print;
mod profile;
mod rules;
mod secrets;
mod telemetry;
mod values;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::{ConfigErrors, Home, Loaded, NodeConfig};

/// A home directory that is removed with its files.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn home(&self) -> Home {
        Home::new(self.path())
    }

    /// Writes a file that only its owner may use.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Loads with flags and environment.
    fn load(&self, flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
        load(&self.home(), flags, environment)
    }

    /// The problems of a file, as shown to people.
    fn refusal(&self, toml: &str) -> String {
        self.write("node.toml", toml);
        self.load(&[], &[]).expect_err("the file must be refused").to_string()
    }
}

fn load(home: &Home, flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let flags: Vec<(String, String)> = flags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    NodeConfig::load(home, &flags, lookup(environment))
}

/// An environment of these variables alone.
fn lookup<'e>(environment: &'e [(&'e str, &'e str)]) -> impl Fn(&str) -> Option<String> + 'e {
    |name| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
}
