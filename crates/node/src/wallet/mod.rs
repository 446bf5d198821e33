//! The wallet runtime: the wallet routes of a node that runs elsewhere, without a chain, a store or peers here.
//!
//! ```text
//! wallets ──► door (tokens, rates, TLS) ──► relay ──► upstream node
//!                                             │  ▲
//!                        health, genesis ◄────┘  └── upstream: every second, is it there, of our chain, ready?
//! ```
//! Rules
//! - Every answer about the chain is the upstream node's, as it gave it. Nothing is kept and nothing is made up: while that
//!   node does not answer, neither does this process, and it is not ready.
//! - A node of another chain than genesis.json is asked nothing but what it is.
//! - Callers show the tokens of this process. That of the upstream node is sent for them and never shown.
//! - The routes are those of [`rpc::Route::is_wallet`], and `/metrics` of this process. In the mode `hybrid` the node of
//!   the process serves the same routes itself (`rpc/connections.rs`).
//! - Of the configuration the level of the log, the rates and the sampling are taken while it runs ([`crate::reload`]); the rest at the start.
//!
//! Read next: [`relay`], [`upstream`], `docs/adr/0035-modes.md`.

mod relay;
mod upstream;

use std::sync::Arc;

use ::config::{Loaded, NodeConfig, RateLimitConfig};
use primitives::Genesis;
use rpc::tls::ClientFiles;
use rpc::{Client, ClientConfig};
use telemetry::Metrics;
use telemetry::health::Role;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::relay::Relay;
use self::upstream::Upstream;
use crate::exports::{self, Origin};
use crate::reload::{Live, Reloader, take_level};
use crate::rpc::writes::WRITE_WAIT;
use crate::rpc::{Door, Serving, Tls, serve_at};
use crate::run::{RunOptions, Stopped, read_genesis};
use crate::samples::Sampling;
use crate::start_error::StartError;

/// Runs until it is asked to stop.
///
/// # Errors
/// [`StartError`] when it does not start. An upstream node that is not there is no error.
pub async fn run(options: RunOptions, loaded: Loaded, tls: Option<Tls>) -> Result<Stopped, StartError> {
    if options.state_sync.is_some() || options.crash_at.is_some() {
        return Err(StartError::NoChain);
    }
    let reloader = Reloader::new(&options.home, &options.flags, loaded.clone());
    let config = loaded.config;
    let genesis = read_genesis(&options.home.genesis_json())?;
    config.check_gates(&genesis)?;
    let address = config.wallet.listen;
    let taken = |error: std::io::Error| StartError::Rpc { address: address.to_string(), cause: error.to_string() };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let upstream = Arc::new(Upstream::new(client(&config)?, genesis.hash()));
    let metrics = Arc::new(Metrics::new());
    let (rate_limit, rates) = watch::channel(config.rpc.rate_limit);
    let (sampling, sampled) = watch::channel(Sampling::from(&config.telemetry));
    let door = Arc::new(Door::new(config.rpc.clone(), rates, metrics.rpc.clone()));
    announce(&config, &genesis);
    let exporter = export(&config, &genesis, &metrics, sampled)?;
    let taken_live = Taken { metrics: Arc::clone(&metrics), rate_limit, sampling };
    let follower = tokio::spawn(reloader.run(Arc::new(taken_live)));
    let watcher = tokio::spawn(upstream::watch(Arc::clone(&upstream)));
    let address = listener.local_addr().map_err(taken)?;
    let stop = options.stop;
    let relay = Arc::new(Relay::new(Arc::clone(&door), upstream, metrics, &genesis, address, stop.clone()));
    let serving = Serving { router: relay::router(relay), tls, door, write_wait: WRITE_WAIT, stop };
    let served = serve_at(listener, serving, "wallet").await;
    watcher.abort();
    follower.abort();
    if let Some(exporter) = exporter {
        exporter.stop().await;
    }
    served.map_err(taken)?;
    tracing::info!("wallet runtime stopped");
    Ok(Stopped::Requested)
}

/// What changes while a wallet runtime runs.
struct Taken {
    metrics: Arc<Metrics>,
    rate_limit: watch::Sender<RateLimitConfig>,
    sampling: watch::Sender<Sampling>,
}

impl Live for Taken {
    fn counts(&self) -> &telemetry::areas::Node {
        &self.metrics.node
    }

    fn apply(&self, loaded: &Loaded, live: &[&str]) -> Result<(), String> {
        let next = &loaded.config;
        take_level(next, live)?;
        self.rate_limit.send_replace(next.rpc.rate_limit);
        self.sampling.send_replace((&next.telemetry).into());
        Ok(())
    }
}

/// Speaks to the upstream node.
fn client(config: &NodeConfig) -> Result<Client, StartError> {
    let wallet = &config.wallet;
    let client = ClientConfig {
        token: wallet.upstream_token.as_ref().map(|token| token.expose().to_owned()),
        tls: ClientFiles { ca: wallet.upstream_ca.clone(), identity: None },
        request_timeout: upstream::ANSWER_TIME,
        ..ClientConfig::new(wallet.upstream.clone())
    };
    Client::new(&client).map_err(|error| StartError::Upstream(error.to_string()))
}

fn export(
    config: &NodeConfig,
    genesis: &Genesis,
    metrics: &Arc<Metrics>,
    sampling: watch::Receiver<Sampling>,
) -> Result<Option<telemetry::otlp::Exporter>, StartError> {
    let origin = Origin {
        config,
        chain_id: &genesis.chain_id,
        genesis: genesis.hash(),
        role: Role::Wallet,
        gates: String::new(),
        sampling,
    };
    let metrics = Arc::clone(metrics);
    exports::start(
        &origin,
        Arc::new(move || {
            let text = relay::own(&metrics.render());
            Box::pin(async move { Some(text) })
        }),
    )
}

fn announce(config: &NodeConfig, genesis: &Genesis) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        chain = genesis.chain_id,
        genesis = %genesis.hash(),
        role = Role::Wallet.name(),
        release_channel = config.release_channel.as_str(),
        wallet = %config.wallet.listen,
        upstream = config.wallet.upstream,
        "wallet runtime starts"
    );
}
