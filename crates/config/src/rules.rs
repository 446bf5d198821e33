//! Rules over several keys, and what is allowed but deserves a warning.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::address;
use crate::error::ConfigError;
use crate::files::open_to_others;
use crate::keys;
use crate::node::{NodeConfig, TlsConfig};
use crate::reconstruction::ArchivePlace;
use crate::secret::Secret;
use crate::sources::{Setting, Source};
use crate::value::{Value, shortened};

/// A shorter token can be guessed.
const TOKEN_LENGTH_ADVISED: usize = 16;

/// Breaches of the rules over several keys.
pub(crate) fn errors(config: &NodeConfig, settings: &BTreeMap<&'static str, Setting>) -> Vec<ConfigError> {
    let mut errors: Vec<ConfigError> = config.mempool.validate().err().map(ConfigError::from).into_iter().collect();
    errors.extend(archive(config, settings));
    errors.extend(port_taken_twice(config));
    errors.extend(tls_by_half(settings));
    let (batch, queue) = (config.telemetry.batch_size, config.telemetry.queue_size);
    if batch > queue {
        errors.push(ConfigError::Batch { batch, queue });
    }
    if config.validator_key_password.is_some() && config.validator_key_password_file.is_some() {
        let (first, second) = ("validator_key_password", "validator_key_password_file");
        errors.push(ConfigError::Both { first, second });
    }
    errors
}

/// An archive that is at no place, or one that would be asked without TLS.
fn archive(config: &NodeConfig, settings: &BTreeMap<&'static str, Setting>) -> Option<ConfigError> {
    if let Some(Value::Text(address)) = settings.get("reconstruction.archive").map(|setting| &setting.value)
        && let Err(reason) = ArchivePlace::parse(address, |path| path.into())
    {
        return Some(ConfigError::ArchivePlace { address: shortened(address), reason });
    }
    let endpoint = config.reconstruction.s3.plain_endpoint()?.to_owned();
    Some(ConfigError::PlainS3 { endpoint })
}

/// A certificate without its key, a key without its certificate, or authorities of clients without both.
fn tls_by_half(settings: &BTreeMap<&'static str, Setting>) -> Option<ConfigError> {
    let is_set = |key: &str| settings.get(key).is_some_and(|setting| setting.value != Value::Unset);
    let [cert, key, client_ca] = ["rpc.tls_cert", "rpc.tls_key", "rpc.tls_client_ca"].map(is_set);
    match (cert, key, client_ca) {
        (true, false, _) => Some(ConfigError::Needs { key: "rpc.tls_cert", needed: "rpc.tls_key" }),
        (false, true, _) => Some(ConfigError::Needs { key: "rpc.tls_key", needed: "rpc.tls_cert" }),
        (false, false, true) => Some(ConfigError::Needs { key: "rpc.tls_client_ca", needed: "rpc.tls_cert" }),
        _ => None,
    }
}

/// Two TCP or two UDP services on one port of one address, or of all addresses.
fn port_taken_twice(config: &NodeConfig) -> Option<ConfigError> {
    let parsed = |key: &'static str, text: &String| {
        let place = address::parse(text).ok()?;
        Some((key, place.transport, place.ip, place.port))
    };
    let (rpc, wallet) = (config.rpc.listen, config.wallet.listen);
    let has_both = config.mode.has_wallet_routes() && config.mode.has_chain();
    let mut places: Vec<_> = parsed("consensus.listen", &config.consensus.listen).into_iter().collect();
    places.extend(config.p2p.listen.iter().filter_map(|text| parsed("p2p.listen", text)));
    places.extend(has_both.then(|| ("wallet.listen", "tcp", Some(wallet.ip()), wallet.port())));
    let mut taken = vec![("rpc.listen", "tcp", Some(rpc.ip()), rpc.port())];
    for (key, transport, ip, port) in places {
        let clash = taken.iter().find(|(_, other, other_ip, other_port)| {
            let any = |ip: &Option<std::net::IpAddr>| ip.is_none_or(|ip| ip.is_unspecified());
            let same_host = *other_ip == ip || any(other_ip) || any(&ip);
            // The system picks a free port for 0.
            *other == transport && *other_port == port && port != 0 && same_host
        });
        if let Some((first, ..)) = clash {
            return Some(ConfigError::Port { first, second: key, place: format!("{transport} port {port}") });
        }
        taken.push((key, transport, ip, port));
    }
    None
}

/// Whether `token` was copied from the template.
fn is_example(token: &Secret) -> bool {
    keys::find("rpc.auth_token").is_some_and(|key| token.matches(key.example.as_bytes()))
}

/// Where clients are served: key and address.
fn listening(config: &NodeConfig) -> Vec<(&'static str, SocketAddr)> {
    let rpc = config.mode.has_chain().then_some(("rpc.listen", config.rpc.listen));
    let wallet = config.mode.has_wallet_routes().then_some(("wallet.listen", config.wallet.listen));
    rpc.into_iter().chain(wallet).collect()
}

/// What works but deserves a look.
pub(crate) fn warnings(config: &NodeConfig, settings: &BTreeMap<&'static str, Setting>) -> Vec<String> {
    let mut warnings = Vec::new();
    let open = listening(config).into_iter().find(|(_, at)| !at.ip().is_loopback());
    match (&config.rpc.auth_token, open) {
        (None, Some((key, at))) if config.rpc.tokens.is_empty() => warnings.push(format!(
            "`{key}` = {at} can be reached from other machines and no token is asked for; set rpc.auth_token_file or \
             listen on 127.0.0.1"
        )),
        (Some(token), _) if is_example(token) => warnings
            .push("the RPC token is the example of the template, which everybody knows; use a random one".to_owned()),
        (Some(token), _) if token.expose().len() < TOKEN_LENGTH_ADVISED => warnings.push(format!(
            "the RPC token is shorter than {TOKEN_LENGTH_ADVISED} characters and can be guessed; use a longer one"
        )),
        _ => {}
    }
    if config.rpc.tls.is_none() && !config.rpc.tokens.is_empty() && open.is_some() {
        warnings.push(
            "tokens of the RPC server travel unencrypted; set rpc.tls_cert and rpc.tls_key, or listen on 127.0.0.1 \
             behind a proxy that speaks https"
                .to_owned(),
        );
    }
    for (burst, what) in [(config.rpc.rate_limit.read_burst, "read"), (config.rpc.rate_limit.write_burst, "write")] {
        if burst == 0 {
            warnings.push(format!(
                "rpc.rate_limit.{what}_burst = 0: one caller may keep this node busy; set a burst unless something in \
                 front of the node limits its callers"
            ));
        }
    }
    if !config.rpc.open_reads && config.rpc.tokens.is_empty() {
        warnings.push(
            "rpc.open_reads is off and there is no token, so only the health probes are answered; set \
             rpc.auth_token_file or rpc.tokens_file"
                .to_owned(),
        );
    }
    if let Some(TlsConfig { key, .. }) = &config.rpc.tls
        && let Some(mode) = open_to_others(key)
    {
        let shown = key.display();
        warnings.push(format!(
            "{shown} holds the TLS key and can be used by others (mode {mode:o}); run: chmod 600 {shown}"
        ));
    }
    if config.validator_key_password.is_some() {
        warnings.push(
            "the password of the validator key is in the configuration or the environment, where other programs of \
             this user can read it; put it into a file of mode 600 and set validator_key_password_file"
                .to_owned(),
        );
    }
    warnings.extend(telemetry(config, settings));
    warnings.extend(upstream(config));
    warnings.extend(token_place(settings));
    warnings
}

/// An RPC token at a place where others can read it.
fn token_place(settings: &BTreeMap<&'static str, Setting>) -> Option<String> {
    match settings.get("rpc.auth_token").map(|setting| &setting.source)? {
        Source::Environment { name } => Some(format!(
            "the RPC token is in the environment ({name}), where other programs of this user can read it; put it into a \
             file of mode 600 and set rpc.auth_token_file"
        )),
        Source::File { path } | Source::EnvFile { path, .. } => open_to_others(path).map(|mode| {
            let shown = path.display();
            format!("{shown} holds the RPC token and can be used by others (mode {mode:o}); run: chmod 600 {shown}")
        }),
        Source::Default | Source::Flag => None,
    }
}

/// Whether what is sent there leaves this machine unencrypted.
fn is_plain_and_far(url: &str) -> bool {
    let is_near = ["http://127.", "http://localhost", "http://[::1]"].iter().any(|near| url.starts_with(near));
    url.starts_with("http://") && !is_near
}

/// What deserves a look about the node that answers for a wallet runtime.
fn upstream(config: &NodeConfig) -> Option<String> {
    let url = &config.wallet.upstream;
    let is_open = config.wallet.upstream_token.is_some() && is_plain_and_far(url);
    is_open.then(|| format!("the token for the upstream node travels unencrypted to {}; use https", shortened(url)))
}

/// What deserves a look about exporters.
fn telemetry(config: &NodeConfig, settings: &BTreeMap<&'static str, Setting>) -> Vec<String> {
    let telemetry = &config.telemetry;
    let endpoints = [&telemetry.endpoint, &telemetry.http_endpoint, &telemetry.secondary_endpoint];
    let mut warnings = Vec::new();
    if let Some(Source::Environment { name }) = settings.get("telemetry_auth_token").map(|setting| &setting.source) {
        warnings.push(format!(
            "the token for collectors is in the environment ({name}), where other programs of this user can read it; \
             put it into node.toml with mode 600"
        ));
    }
    let plain = endpoints.iter().filter_map(|url| url.as_deref()).find(|url| is_plain_and_far(url));
    if let Some(url) = plain.filter(|_| telemetry.auth_token.is_some()) {
        warnings.push(format!("the token for collectors travels unencrypted to {}; use https", shortened(url)));
    }
    if !telemetry.enabled && endpoints.iter().any(|url| url.is_some()) {
        warnings.push(
            "rollout.telemetry.enabled is off, so nothing is sent to the collectors that are named; turn it on or \
             remove them"
                .to_owned(),
        );
    }
    warnings
}
