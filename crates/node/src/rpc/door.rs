//! What stands before every route: names, tokens, rates, bounds of connections, and the counts of all that.
//!
//! The RPC server of a node has one, and so has the server of a wallet runtime, which has no node behind it.
//!
//! Read next: [`super::auth`], [`super::origin`], [`super::connections`].

use std::sync::Mutex;

use ::config::{RateLimitConfig, RpcConfig};
use axum::response::Response;
use rpc::rate::Buckets;
use telemetry::areas::Rpc;
use tokio::sync::watch;

use super::auth;

/// What stands before every route.
pub struct Door {
    /// Tokens and bounds.
    pub config: RpcConfig,
    /// How often each caller may ask; changes while the process runs.
    pub rate_limit: watch::Receiver<RateLimitConfig>,
    /// What is counted.
    pub metrics: Rpc,
    /// What each caller has left.
    pub buckets: Mutex<Buckets>,
}

impl Door {
    /// With full buckets.
    pub fn new(config: RpcConfig, rate_limit: watch::Receiver<RateLimitConfig>, metrics: Rpc) -> Self {
        let buckets = Mutex::new(Buckets::new(auth::rates(&rate_limit.borrow())));
        Self { config, rate_limit, metrics, buckets }
    }

    /// Counts an answer under the path of its route.
    pub fn count(&self, route: &'static str, response: &Response) {
        let status = match response.status().as_u16() {
            200 => "200",
            204 => "204",
            400 => "400",
            401 => "401",
            403 => "403",
            404 => "404",
            405 => "405",
            409 => "409",
            410 => "410",
            413 => "413",
            415 => "415",
            422 => "422",
            429 => "429",
            431 => "431",
            500 => "500",
            503 => "503",
            504 => "504",
            _ => "other",
        };
        self.metrics.requests.with([route, status]).inc();
    }
}
