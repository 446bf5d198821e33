//! Proofs in blocks over RPC: the proving module's state.

use primitives::Amount;
use primitives::ledger::PROVER_POOL;
use rpc::ApiError;
use rpc::types::{AcceptedProof, ProverView, ProversStatus, WaitingWindow};
use state::StateView;
use state::proving::{self, Window};
use state::view::{self, Broken};

use super::errors;
use super::server::Server;

/// Windows that are listed at most.
const WAITING_MAX: u64 = 64;

/// `/proofs/provers`.
///
/// # Errors
/// `not_ready` when the node stops.
pub fn status(server: &Server) -> Result<ProversStatus, ApiError> {
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let height = chain.head().height;
    read(server, chain.state(), height).map_err(|broken| errors::of_fault(&replica::Fault(broken.to_string())))
}

fn read(server: &Server, state: &dyn StateView, finalized_height: primitives::Height) -> Result<ProversStatus, Broken> {
    let (genesis, next) = (&server.shared.genesis, finalized_height.next());
    let params = &genesis.params;
    let taken = proving::is_on(state, next)?;
    let last = proving::proven(state)?;
    let lag_windows = proving::lag(state, params)?;
    let mut waiting = Vec::new();
    let end = proving::windows(state)?.map_or(0, |windows| windows.next);
    let first = end.saturating_sub(lag_windows);
    for number in first..end.min(first.saturating_add(WAITING_MAX)) {
        waiting.extend(proving::window(state, number)?.map(|window| waits(params, number, &window)));
    }
    let prover = |(address, bond): (primitives::Address, proving::Bond)| ProverView {
        address,
        bond: bond.amount,
        leaves_at: bond.leaves_at,
    };
    Ok(ProversStatus {
        taken,
        enforced: taken && view::gate(state, proving::ENFORCEMENT_GATE, next)?,
        proof_system: genesis.proof_system.name().to_owned(),
        finalized_height,
        proven_height: proving::proven_height(state)?,
        last: last.map(|last| AcceptedProof {
            height: last.height,
            proof: last.proof,
            prover: last.prover,
            payout: last.payout,
            reward: last.reward,
            accepted_at: last.accepted_at,
        }),
        lag_windows,
        block_weight_bps: proving::weight_bps(state, params, next)?,
        pool: state.slot(PROVER_POOL).map_or(Amount::ZERO, |pool| pool.balance),
        reward_per_height: params.proving.reward_per_height,
        bond_min: params.proving.bond_min,
        proof_bytes_max: params.proving.proof_bytes_max,
        waiting,
        provers: proving::provers(state)?.into_iter().map(prover).collect(),
    })
}

fn waits(params: &primitives::Params, window: u64, open: &Window) -> WaitingWindow {
    WaitingWindow {
        window,
        end_height: open.end.height,
        assigned: open.assigned,
        anyone_from: if open.assigned.is_some() { open.turn_ends(&params.proving) } else { open.opened_at },
    }
}
