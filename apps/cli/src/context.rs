//! What every command starts from: the home directory, the node's URL, where to print, and how to get a password.

use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::Home;
use primitives::Address;
use rpc::tls::ClientFiles;
use rpc::{Client, ClientConfig, ExitCode};
use wallet::{KeyName, Keystore, Password, Unlocked};

use crate::args::Global;
use crate::exit::Failure;
use crate::output::Output;
use crate::provision::{VALIDATOR_PUBLIC_FILE, ValidatorPublic};

/// The environment variable that holds the node's token.
const TOKEN_VARIABLE: &str = "TB_RPC_AUTH_TOKEN";
/// The environment variable with the longest TLS handshake, milliseconds; a node reads it for its server.
const HANDSHAKE_VARIABLE: &str = "TB_TLS_HANDSHAKE_TIMEOUT_MS";
/// What it takes.
const HANDSHAKE_MS: RangeInclusive<u64> = 100..=60_000;
/// File below the home directory that holds the password of its keys, for throw-away networks.
pub const PASSWORD_FILE: &str = "password";

/// What every command starts from.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) home: PathBuf,
    home_named: bool,
    rpc_url: String,
    tls: ClientFiles,
    /// Where to print.
    pub output: Output,
}

impl Context {
    /// From the global options and the environment of the process.
    ///
    /// # Errors
    /// [`Failure`] when there is no place for the home directory.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let home = match &global.home {
            Some(home) => home.clone(),
            None => config::default_root(environment)?,
        };
        Ok(Self {
            home,
            home_named: global.home.is_some(),
            rpc_url: global.rpc.clone(),
            tls: ClientFiles {
                ca: global.ca_cert.clone(),
                identity: global.client_cert.clone().zip(global.client_key.clone()),
            },
            output: Output::new(global.json),
        })
    }

    /// The home directory.
    pub fn home(&self) -> Home {
        Home::new(&self.home)
    }

    /// The directory named with `--home`, or `name` below the home directory.
    pub fn home_or_below(&self, name: &str) -> PathBuf {
        if self.home_named { self.home.clone() } else { self.home.join(name) }
    }

    /// A client of the node at `--rpc`.
    ///
    /// # Errors
    /// [`Failure`] for a URL that cannot be used.
    pub fn client(&self) -> Result<Client, Failure> {
        self.client_at(&self.rpc_url)
    }

    /// The same for a command that looks again and again: it waits where the node says that it was asked too often.
    ///
    /// # Errors
    /// [`Failure`] for a URL that cannot be used.
    pub fn patient_client(&self) -> Result<Client, Failure> {
        Ok(self.client()?.patient())
    }

    /// A client of the node at `url`, with the certificates of the command line.
    ///
    /// # Errors
    /// [`Failure`] for a URL or files that cannot be used.
    pub fn client_at(&self, url: &str) -> Result<Client, Failure> {
        client_with(url, self.tls.clone())
    }

    /// The certificates of the command line.
    pub fn tls(&self) -> &ClientFiles {
        &self.tls
    }

    /// The URL of the node.
    pub fn rpc_url(&self) -> &str {
        &self.rpc_url
    }

    /// The wallet keys of the home directory.
    pub fn keystore(&self) -> Keystore {
        Keystore::new(self.home().keys())
    }

    /// An address as text, or the address of the key with this name.
    ///
    /// # Errors
    /// [`Failure`] when it is neither.
    pub fn address(&self, text: &str) -> Result<Address, Failure> {
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        match text.parse::<KeyName>() {
            Ok(name) if !text.starts_with("tb1") => Ok(self.keystore().entry(&name)?.address),
            Ok(_) | Err(_) => Err(Failure::usage(
                format!("{text:?} is neither an address nor the name of a key"),
                "an address starts with tb1 and has 57 characters; tb keys list shows the names of keys",
            )),
        }
    }

    /// The same; without text the validator of the home directory.
    ///
    /// # Errors
    /// [`Failure`] when it is neither, or the home has no validator.
    pub fn address_or_own(&self, text: Option<&str>) -> Result<Address, Failure> {
        if let Some(text) = text {
            return self.address(text);
        }
        let path = self.home().resolve(VALIDATOR_PUBLIC_FILE);
        let public = ValidatorPublic::read(&path).map_err(|failure| {
            Failure::usage(
                format!("no address is given, and the home has no validator: {}", failure.error.error),
                "name an address or a key, or the home directory of a validator with --home",
            )
        })?;
        Ok(public.address)
    }

    /// Unlocks the key `name`, with the password of [`Context::password`].
    ///
    /// # Errors
    /// [`Failure`] when there is no such key, or the password is wrong.
    pub fn unlock(&self, name: &KeyName, file: Option<&Path>) -> Result<Unlocked, Failure> {
        let keystore = self.keystore();
        // Asked first, so that nobody types a password for a key that does not exist.
        keystore.entry(name)?;
        let password = self.password(file, &format!("Password of key {name}: "))?;
        let unlocked = keystore.unlock(name, &password)?;
        if let Some(warning) = &unlocked.entry.warning {
            self.output.talk(format!("warning: {warning}"));
        }
        Ok(unlocked)
    }

    /// The password from `file`, else from `<home>/password` if there is one, else from the person at the terminal.
    ///
    /// # Errors
    /// [`Failure`] when there is no password to be had.
    pub fn password(&self, file: Option<&Path>, question: &str) -> Result<Password, Failure> {
        if let Some(path) = self.password_path(file) {
            let loaded = wallet::key_file::read_password(&path)?;
            if let Some(warning) = loaded.warning {
                self.output.talk(format!("warning: {warning}"));
            }
            return Ok(loaded.key);
        }
        ask(question)
    }

    /// A password for a new key: as [`Context::password`], but a typed one is asked for twice.
    ///
    /// # Errors
    /// [`Failure`] when there is no password to be had, or the two differ.
    pub fn new_password(&self, file: Option<&Path>, name: &KeyName) -> Result<Password, Failure> {
        if self.password_path(file).is_some() {
            return self.password(file, "");
        }
        self.typed_twice(&format!("New password for key {name}: "))
    }

    /// A password for a new validator key: from `file`, else typed twice. Passwords of wallets do not serve.
    ///
    /// # Errors
    /// As [`Context::new_password`].
    pub fn new_validator_password(&self, file: Option<&Path>) -> Result<Password, Failure> {
        match file {
            Some(_) => self.password(file, ""),
            None => self.typed_twice("New password for the validator key: "),
        }
    }

    /// A password for a new backup: from `file`, else typed twice. The one beside a home does not serve: it is lost with the home.
    ///
    /// # Errors
    /// As [`Context::new_password`].
    pub fn new_backup_password(&self, file: Option<&Path>) -> Result<Password, Failure> {
        match file {
            Some(_) => self.password(file, ""),
            None => self.typed_twice("New password for the backup: "),
        }
    }

    /// The password of a backup: from `file`, else typed.
    ///
    /// # Errors
    /// As [`Context::password`].
    pub fn backup_password(&self, file: Option<&Path>) -> Result<Password, Failure> {
        match file {
            Some(_) => self.password(file, ""),
            None => ask("Password of the backup: "),
        }
    }

    /// A password that the person at the terminal types.
    ///
    /// # Errors
    /// [`Failure`] when nobody is there to ask.
    pub fn typed(&self, question: &str) -> Result<Password, Failure> {
        ask(question)
    }

    fn typed_twice(&self, question: &str) -> Result<Password, Failure> {
        let first = prompt(question)?;
        let second = prompt("Again: ")?;
        if *first != *second {
            return Err(Failure::usage("the two passwords differ", "type the same one twice; nothing was written"));
        }
        password_of(&first)
    }

    fn password_path(&self, file: Option<&Path>) -> Option<PathBuf> {
        let beside = self.home.join(PASSWORD_FILE);
        file.map(Path::to_owned).or_else(|| beside.exists().then_some(beside))
    }
}

/// A client of the node at `url`, with the token of the environment.
///
/// # Errors
/// [`Failure`] for a URL or token that cannot be used.
pub fn client(url: &str) -> Result<Client, Failure> {
    client_with(url, ClientFiles::default())
}

fn client_with(url: &str, tls: ClientFiles) -> Result<Client, Failure> {
    let mut settings = ClientConfig { tls, ..ClientConfig::new(url) };
    if let Some(text) = environment(HANDSHAKE_VARIABLE) {
        let time = text.parse().ok().filter(|time| HANDSHAKE_MS.contains(time)).ok_or_else(|| {
            Failure::usage(
                format!("{HANDSHAKE_VARIABLE} = {text:?} is no time"),
                format!("give milliseconds from {} to {}", HANDSHAKE_MS.start(), HANDSHAKE_MS.end()),
            )
        })?;
        settings.tls_handshake_timeout = Duration::from_millis(time);
    }
    settings.token = environment(TOKEN_VARIABLE).filter(|token| !token.is_empty());
    Ok(Client::new(&settings)?)
}

/// A variable of the process's environment; one that is not UTF-8 counts as not set.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn ask(question: &str) -> Result<Password, Failure> {
    password_of(&prompt(question)?)
}

fn password_of(text: &str) -> Result<Password, Failure> {
    Password::new(text.to_owned()).map_err(|error| Failure::told(ExitCode::Usage, "bad_password", error, "try again"))
}

/// Asks the person at the terminal without showing what is typed.
///
/// # Errors
/// [`Failure`] when nobody is there to ask.
pub fn prompt(question: &str) -> Result<zeroize::Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "a secret is needed and nobody is at the terminal to type it",
            "name a file that holds it, such as --password-file FILE",
        ));
    }
    rpassword::prompt_password(question).map(zeroize::Zeroizing::new).map_err(|cause| {
        Failure::usage(
            format!("the terminal gave no input: {cause}"),
            "name a file that holds it, such as --password-file FILE",
        )
    })
}
