//! Finding a line of the route table, and the paths and refusals of one; what a submission can be refused with.
//!
//! Read next: [`super::ROUTES`].

use primitives::Rejection;

use super::{Operation, ROUTES, Route, Scope};
use crate::error::ErrorCode;

/// Refusals that any route can answer.
pub const COMMON_ERRORS: [ErrorCode; 9] = [
    ErrorCode::MethodNotAllowed,
    ErrorCode::HeadTooLarge,
    ErrorCode::UnknownHost,
    ErrorCode::ForeignOrigin,
    ErrorCode::Forbidden,
    ErrorCode::RateLimited,
    ErrorCode::Overloaded,
    ErrorCode::Timeout,
    ErrorCode::Internal,
];

/// What a submission can be refused with: the body first, then every rejection.
pub(super) const SUBMIT_ERRORS: [ErrorCode; 6 + Rejection::ALL.len()] = {
    let mut errors = [ErrorCode::BadRequest; 6 + Rejection::ALL.len()];
    errors[1] = ErrorCode::ParseError;
    errors[2] = ErrorCode::JsonTooDeep;
    errors[3] = ErrorCode::BodyTooLarge;
    errors[4] = ErrorCode::UnsupportedMedia;
    errors[5] = ErrorCode::Unauthorized;
    let mut index = 0;
    while index < Rejection::ALL.len() {
        errors[6 + index] = ErrorCode::Rejected(Rejection::ALL[index]);
        index += 1;
    }
    errors
};

/// What a wait that carries its question in a body can be refused with.
pub(super) const PIPELINE_WAIT_ERRORS: [ErrorCode; 6] = [
    ErrorCode::BadRequest,
    ErrorCode::ParseError,
    ErrorCode::JsonTooDeep,
    ErrorCode::BodyTooLarge,
    ErrorCode::UnsupportedMedia,
    ErrorCode::NotFound,
];

impl Route {
    /// The route of a JSON-RPC method.
    pub fn of_method(name: &str) -> Option<&'static Self> {
        ROUTES.iter().find(|route| route.method_name == Some(name))
    }

    /// The path with its varying parts filled in, in order. Missing parts stay as they are.
    pub fn path_with(&self, values: &[&str]) -> String {
        let mut values = values.iter();
        let fill = |part: &str| match part.starts_with('{') {
            true => values.next().map_or_else(|| part.to_owned(), |value| (*value).to_owned()),
            false => part.to_owned(),
        };
        self.path.split('/').map(fill).collect::<Vec<_>>().join("/")
    }

    /// The scope that a token must have for this route, where a token is asked for.
    pub const fn scope(&self) -> Scope {
        match self.operation {
            Operation::TransactionSubmit
            | Operation::ProofSubmit
            | Operation::ProofClaim
            | Operation::ProofChainSubmit => Scope::Submit,
            Operation::ValidatorStatus
            | Operation::ValidatorPeers
            | Operation::ValidatorVrf
            | Operation::AuditReputation
            | Operation::AuditSlashing
            | Operation::SnapshotMake
            | Operation::StateSyncSessionStart
            | Operation::StateSyncSessionResume
            | Operation::StateSyncSessionCancel
            | Operation::SnapshotBreakerReset
            | Operation::UiPage
            | Operation::UiScript
            | Operation::UiStyle
            | Operation::Metrics => Scope::Operate,
            _ => Scope::Read,
        }
    }

    /// Whether it is open to everybody on every node: probes of life ask without a token.
    pub const fn is_probe(&self) -> bool {
        matches!(self.operation, Operation::Health | Operation::HealthLive | Operation::HealthReady)
    }

    /// Whether requests of those who may ask are never counted: probes, metrics, without which nobody watches the node and of which one answer
    /// at a time is made, and the chunks of a state that this node has said it gives away, of which a newcomer needs all.
    pub const fn is_unlimited(&self) -> bool {
        self.is_probe()
            || matches!(
                self.operation,
                Operation::Metrics | Operation::StateSyncChunk | Operation::StateSyncChunkByIndex
            )
    }

    /// Whether it is one of the wallet routes: what a wallet needs to pay, to follow a payment and to read its accounts.
    /// The modes `wallet` and `hybrid` serve them at an address of their own.
    pub const fn is_wallet(&self) -> bool {
        self.is_probe()
            || matches!(
                self.operation,
                Operation::NodeStatus
                    | Operation::LimitsStatus
                    | Operation::Genesis
                    | Operation::TransactionSubmit
                    | Operation::TransactionStatus
                    | Operation::TransactionWait
                    | Operation::TransactionStream
                    | Operation::TransactionProof
                    | Operation::ReceiptGet
                    | Operation::AccountGet
                    | Operation::AccountHistory
                    | Operation::AccountProof
                    | Operation::AccountStream
                    | Operation::PipelineTelemetry
                    | Operation::PipelineDashboard
                    | Operation::PipelineStream
                    | Operation::PipelineWait
            )
    }

    /// Every refusal of this route, the common ones last.
    pub fn all_errors(&self) -> impl Iterator<Item = ErrorCode> {
        self.errors.iter().copied().chain(COMMON_ERRORS)
    }
}

impl Operation {
    /// The operation's line of the table.
    pub fn route(self) -> &'static Route {
        ROUTES
            .iter()
            .find(|route| route.operation == self)
            .expect("a test compares the table with the list of operations")
    }
}
