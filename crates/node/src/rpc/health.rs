//! Health: the legacy smoke test, liveness and readiness. None of them waits for anything, so that a node
//! under load still answers.

use ::config::Mode;
use primitives::Height;
use rpc::types::{HealthReport, Liveness, Ready, Reason};
use rpc::{ApiError, ErrorCode};

use super::server::Server;
use crate::ready;

/// What readiness is judged for: a node, a wallet runtime, or several services in one process.
pub const fn judged_for(mode: Mode) -> &'static str {
    match mode {
        Mode::Validator | Mode::Node => "node",
        Mode::Wallet => "wallet",
        Mode::Hybrid => "orchestrator",
    }
}

/// `/health`: role and address, never a failure.
pub fn report(server: &Server) -> HealthReport {
    HealthReport { role: ready::role(&server.shared).name().to_owned(), address: server.address.to_string() }
}

/// `/health/live`: the runtime works.
///
/// # Errors
/// `not_ready` once it has stopped, with the reason.
pub fn live(server: &Server) -> Result<Liveness, ApiError> {
    let fault = server.shared.fault.borrow().clone();
    let stopped = match fault {
        Some(reason) => Some(format!("the node has stopped because of a fault: {reason}")),
        None if server.shared.is_stopping() => Some("the node is shutting down".to_owned()),
        None => None,
    };
    match stopped {
        Some(reason) => Err(ApiError::new(ErrorCode::NOT_READY)
            .because(reason)
            .with_hint("restart the node if nobody stopped it on purpose; its log names the cause")),
        None => {
            let finalized_height = server.shared.store.head().map_or(Height::GENESIS, |head| head.height);
            Ok(Liveness { live: true, finalized_height })
        }
    }
}

/// `/health/ready`: whether the node should be given work, and why not.
pub fn ready(server: &Server) -> Ready {
    let judged = ready::judge(&server.shared);
    let reasons = judged.reasons.iter().map(view);
    Ready::judged(judged_for(server.shared.config.mode), reasons.collect())
}

/// A reason for clients. The texts say what is the matter, then what to do about it.
pub fn view(reason: &telemetry::health::Reason) -> Reason {
    let text = reason.to_string();
    let (message, hint) = text.split_once("; ").unwrap_or((&text, ""));
    Reason { code: reason.code().to_owned(), message: message.to_owned(), hint: hint.to_owned() }
}
