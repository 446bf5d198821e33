//! The node that answers for a wallet runtime: whether it is there, of the same chain, and ready.
//!
//! Rules
//! - It is asked every [`ASK_EVERY`]. A change is one line of the log; the cause of silence is told there and nowhere else,
//!   because clients need not know where the node is.
//! - Before the first answer nothing is known, and nothing is passed on.

use std::sync::Arc;
use std::time::Duration;

use primitives::{Hash, Height};
use rpc::types::Reason;
use rpc::{ApiError, Client, ClientError, ErrorCode};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Pause between two questions to the node.
pub const ASK_EVERY: Duration = Duration::from_secs(1);
/// Longest time for the answer to one of them.
pub const ANSWER_TIME: Duration = Duration::from_secs(3);

/// What is known of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// It was not asked yet.
    Unasked,
    /// It does not answer.
    Silent,
    /// It refuses this process: the token is missing or wrong.
    Refuses,
    /// It is of another chain.
    OtherChain,
    /// It answers, and says why it is not ready.
    NotReady(Vec<Reason>),
    /// It answers and is ready.
    Ready,
}

/// The node, and what is known of it.
pub struct Upstream {
    /// Speaks to it.
    pub client: Client,
    genesis: Hash,
    state: watch::Sender<State>,
    height: watch::Sender<Height>,
}

impl Upstream {
    /// A node that was not asked yet.
    pub fn new(client: Client, genesis: Hash) -> Self {
        Self { client, genesis, state: watch::Sender::new(State::Unasked), height: watch::Sender::new(Height::GENESIS) }
    }

    /// Its finalized height when it last answered.
    pub fn height(&self) -> Height {
        *self.height.borrow()
    }

    /// Why this process is not ready because of the node; empty when it is.
    pub fn reasons(&self) -> Vec<Reason> {
        let reason = |code: &str, message: &str, hint: &str| {
            vec![Reason { code: code.to_owned(), message: message.to_owned(), hint: hint.to_owned() }]
        };
        match &*self.state.borrow() {
            State::Ready => Vec::new(),
            State::Unasked => reason("starting", "the upstream node was not asked yet", "wait a second"),
            State::Silent => reason(
                "upstream_silent",
                "the upstream node does not answer",
                "start it, or correct wallet.upstream; the log of this process has the cause",
            ),
            State::Refuses => reason(
                "upstream_refuses",
                "the upstream node refuses the token of this process",
                "put a token of that node into the file of wallet.upstream_token_file",
            ),
            State::OtherChain => reason(
                "upstream_other_chain",
                "the upstream node is of another chain than genesis.json",
                "name a node of this chain in wallet.upstream, or use the genesis file of the chain that was meant",
            ),
            State::NotReady(reasons) => reason(
                "upstream_not_ready",
                &format!("the upstream node is not ready: {}", codes(reasons)),
                "GET /health/ready of that node says what to do",
            ),
        }
    }

    /// Refuses what must not be passed on now.
    ///
    /// # Errors
    /// `not_ready`. A node that is not ready itself is asked all the same: it refuses what it cannot answer.
    pub fn check(&self) -> Result<(), ApiError> {
        let is_open = matches!(&*self.state.borrow(), State::Ready | State::NotReady(_) | State::Silent);
        match self.reasons().into_iter().next().filter(|_| !is_open) {
            Some(reason) => Err(ApiError::new(ErrorCode::NOT_READY).because(reason.message).with_hint(reason.hint)),
            None => Ok(()),
        }
    }

    async fn ask(&self) -> Result<State, ClientError> {
        let status = self.client.node_status().await?;
        if status.genesis_hash != self.genesis {
            return Ok(State::OtherChain);
        }
        self.height.send_replace(status.finalized_height);
        let ready = self.client.health_ready().await?;
        Ok(if ready.ready { State::Ready } else { State::NotReady(ready.reasons) })
    }
}

fn codes(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>().join(", ")
}

/// Asks until the task is ended.
pub async fn watch(upstream: Arc<Upstream>) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (next, cause) = match upstream.ask().await {
            Ok(state) => (state, String::new()),
            Err(ClientError::Api(error)) if matches!(error.http_status(), 401 | 403) => {
                (State::Refuses, error.to_string())
            }
            Err(error) => (State::Silent, error.to_string()),
        };
        if *upstream.state.borrow() == next {
            continue;
        }
        match &next {
            State::Ready => tracing::info!(height = %upstream.height(), "the upstream node is ready"),
            State::NotReady(reasons) => tracing::warn!(reasons = codes(reasons), "the upstream node is not ready"),
            State::OtherChain => tracing::error!("the upstream node is of another chain than genesis.json"),
            _ => tracing::warn!(cause, "the upstream node does not answer"),
        }
        upstream.state.send_replace(next);
    }
}
