//! Rules over several keys, and what is allowed but deserves a warning.

use std::collections::BTreeMap;

use crate::address;
use crate::error::ConfigError;
use crate::files::{open_to_others, read_text};
use crate::home::Home;
use crate::keys;
use crate::node::NodeConfig;
use crate::secret::Secret;
use crate::sources::{Setting, Source};
use crate::value::{Kind, Value};

/// Largest token file, bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 4 * 1_024;
/// A shorter token can be guessed.
const TOKEN_LENGTH_ADVISED: usize = 16;

/// The token of `rpc.auth_token` or the file of `rpc.auth_token_file`.
pub(crate) fn auth_token(
    home: &Home,
    settings: &BTreeMap<&'static str, Setting>,
) -> Result<Option<Secret>, ConfigError> {
    let value = |key: &str| settings.get(key).map(|setting| &setting.value);
    match (value("rpc.auth_token"), value("rpc.auth_token_file")) {
        (Some(Value::Secret(_)), Some(Value::Text(_))) => {
            Err(ConfigError::Both { first: "rpc.auth_token", second: "rpc.auth_token_file" })
        }
        (Some(Value::Secret(token)), _) => Ok(Some(token.clone())),
        (_, Some(Value::Text(file))) => token_file(home, file).map(Some),
        _ => Ok(None),
    }
}

fn token_file(home: &Home, file: &str) -> Result<Secret, ConfigError> {
    let path = home.resolve(file);
    let refused = |reason: String| ConfigError::TokenFile { path: path.clone(), reason };
    let text = read_text(&path, TOKEN_FILE_BYTES_MAX)?.ok_or_else(|| refused("does not exist".to_owned()))?;
    if let Some(mode) = open_to_others(&path) {
        return Err(refused(format!("can be used by others (mode {mode:o})")));
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if lines.any(|line| !line.trim().is_empty()) {
        return Err(refused("has more than one line".to_owned()));
    }
    match Kind::Secret.parse(first) {
        Ok(Value::Secret(token)) => Ok(token),
        Ok(_) => unreachable!("this kind is read as a secret"),
        Err(reason) => Err(refused(reason)),
    }
}

/// Breaches of the rules over several keys.
pub(crate) fn errors(config: &NodeConfig) -> Vec<ConfigError> {
    let mut errors: Vec<ConfigError> = config.mempool.validate().err().map(ConfigError::from).into_iter().collect();
    errors.extend(config.gates.not_there_yet());
    errors.extend(port_taken_twice(config));
    if config.validator_key_password.is_some() && config.validator_key_password_file.is_some() {
        let (first, second) = ("validator_key_password", "validator_key_password_file");
        errors.push(ConfigError::Both { first, second });
    }
    errors
}

/// Two TCP or two UDP services on one port of one address, or of all addresses.
fn port_taken_twice(config: &NodeConfig) -> Option<ConfigError> {
    let parsed = |key: &'static str, text: &String| address::parse(text).ok().map(|place| (key, place));
    let mut places: Vec<_> = parsed("consensus.listen", &config.consensus.listen).into_iter().collect();
    places.extend(config.p2p.listen.iter().filter_map(|text| parsed("p2p.listen", text)));
    let rpc = config.rpc.listen;
    let mut taken = vec![("rpc.listen", "tcp", Some(rpc.ip()), rpc.port())];
    for (key, place) in places {
        let clash = taken.iter().find(|(_, transport, ip, port)| {
            let any = |ip: &Option<std::net::IpAddr>| ip.is_none_or(|ip| ip.is_unspecified());
            let same_host = *ip == place.ip || any(ip) || any(&place.ip);
            // The system picks a free port for 0.
            *transport == place.transport && *port == place.port && place.port != 0 && same_host
        });
        if let Some((other, _, _, port)) = clash {
            return Some(ConfigError::Port {
                first: other,
                second: key,
                place: format!("{} port {port}", place.transport),
            });
        }
        taken.push((key, place.transport, place.ip, place.port));
    }
    None
}

/// Whether `token` was copied from the template.
fn is_example(token: &Secret) -> bool {
    keys::find("rpc.auth_token").is_some_and(|key| token.matches(key.example.as_bytes()))
}

/// What works but deserves a look.
pub(crate) fn warnings(config: &NodeConfig, settings: &BTreeMap<&'static str, Setting>) -> Vec<String> {
    let mut warnings = Vec::new();
    match &config.rpc.auth_token {
        None if !config.rpc.listen.ip().is_loopback() => warnings.push(format!(
            "`rpc.listen` = {} can be reached from other machines and no token is asked for; set rpc.auth_token_file \
             or listen on 127.0.0.1",
            config.rpc.listen
        )),
        Some(token) if is_example(token) => warnings
            .push("the RPC token is the example of the template, which everybody knows; use a random one".to_owned()),
        Some(token) if token.expose().len() < TOKEN_LENGTH_ADVISED => warnings.push(format!(
            "the RPC token is shorter than {TOKEN_LENGTH_ADVISED} characters and can be guessed; use a longer one"
        )),
        _ => {}
    }
    if config.validator_key_password.is_some() {
        warnings.push(
            "the password of the validator key is in the configuration or the environment, where other programs of \
             this user can read it; put it into a file of mode 600 and set validator_key_password_file"
                .to_owned(),
        );
    }
    let token_source = settings.get("rpc.auth_token").map(|setting| &setting.source);
    if let Some(Source::File { path } | Source::EnvFile { path, .. }) = token_source
        && let Some(mode) = open_to_others(path)
    {
        warnings.push(format!(
            "{} holds the RPC token and can be used by others (mode {mode:o}); run: chmod 600 {}",
            path.display(),
            path.display()
        ));
    }
    warnings
}
