//! Validators and stakes, read from the state at the finalized height.

use primitives::params::BASIS_POINTS;
use primitives::{Address, Amount, Height, ValidatorSet, decode};
use rpc::types::{DelegationView, StakerView, UnbondingView, ValidatorList, ValidatorState};
use rpc::types::{ValidatorStatistics, ValidatorView};
use rpc::{ApiError, ErrorCode};
use state::context::epoch_of;
use state::staking::pool::Pool;
use state::staking::statistics::Statistics;
use state::staking::{self, Candidate, check, keys};
use state::view::{self, Broken};
use state::{StateView, rewards};

use super::errors;
use super::server::Server;

/// Validators of one list.
const LISTED_MAX: usize = 128;

/// The state with what every view needs from it.
struct Reading<'a> {
    state: &'a dyn StateView,
    set: ValidatorSet,
    epoch: u64,
    min_self_stake: Amount,
    unbonding_epochs: u64,
    missed_allowed: u64,
    power_cap_bps: u64,
}

fn broken(broken: Broken) -> ApiError {
    errors::of_fault(&replica::Fault(broken.to_string()))
}

fn read<T>(server: &Server, ask: impl FnOnce(&Reading<'_>) -> Result<T, Broken>) -> Result<T, ApiError> {
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let state = chain.state();
    let params = view::params(state).map_err(broken)?;
    let reading = Reading {
        state,
        set: view::validators(state).map_err(broken)?,
        epoch: epoch_of(&params, chain.head().height.next()),
        min_self_stake: params.staking.min_self_stake,
        unbonding_epochs: params.staking.unbonding_epochs,
        power_cap_bps: params.staking.power_cap_bps,
        missed_allowed: params.epoch_blocks.saturating_mul(params.staking.missed_max_bps) / BASIS_POINTS,
    };
    ask(&reading).map_err(broken)
}

/// `/validator/status`: this node's own validator.
///
/// # Errors
/// `not_found` when this node does not validate or has not bonded.
pub fn own(server: &Server) -> Result<ValidatorView, ApiError> {
    let Some(address) = server.shared.validator else {
        return Err(ApiError::new(ErrorCode::NotFound)
            .because("this node has no validator key".to_owned())
            .with_hint("ask a node with mode = \"validator\", or GET /staking/validators/{address}".to_owned()));
    };
    one(server, address)
}

/// `/staking/validators/{address}`.
///
/// # Errors
/// `not_found` when nobody bonded under this address.
pub fn one(server: &Server, address: Address) -> Result<ValidatorView, ApiError> {
    let found = read(server, |reading| match staking::candidate(reading.state, &address)? {
        Some(candidate) => reading.validator(address, &candidate).map(Some),
        None => Ok(None),
    })?;
    found.ok_or_else(|| has_bonded_nothing(&address))
}

fn has_bonded_nothing(address: &Address) -> ApiError {
    ApiError::new(ErrorCode::NotFound)
        .because(format!("{address} has bonded nothing"))
        .with_hint("bond with `tb stake bond` first".to_owned())
}

/// `/staking/validators/{address}/statistics`.
///
/// # Errors
/// `not_found` when nobody bonded under this address.
pub fn statistics(server: &Server, address: Address) -> Result<ValidatorStatistics, ApiError> {
    let height = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?.head().height;
    read(server, |reading| match staking::candidate(reading.state, &address)? {
        Some(_) => reading.statistics(address, height).map(Some),
        None => Ok(None),
    })?
    .ok_or_else(|| has_bonded_nothing(&address))
}

/// `/staking/validators`.
///
/// # Errors
/// `not_ready` when the chain has a fault.
pub fn list(server: &Server) -> Result<ValidatorList, ApiError> {
    let height = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?.head().height;
    read(server, |reading| {
        let mut found = staking::candidates(reading.state)?;
        found.sort_by_key(|(address, candidate)| (std::cmp::Reverse(candidate.bonded.tokens), *address));
        let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let shown = found.iter().take(LISTED_MAX);
        let validators = shown.map(|(address, one)| reading.validator(*address, one)).collect::<Result<_, _>>()?;
        Ok(ValidatorList { height, epoch: reading.epoch, validators, total })
    })
}

/// `/staking/accounts/{address}`.
///
/// # Errors
/// `not_ready` when the chain has a fault.
pub fn staker(server: &Server, address: Address) -> Result<StakerView, ApiError> {
    let height = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?.head().height;
    read(server, |reading| {
        let mut staker = StakerView { address, height, delegations: Vec::new(), unbonding: Vec::new() };
        for (validator, candidate) in staking::candidates(reading.state)? {
            staker.delegations.extend(reading.delegation(validator, &candidate, &address)?);
            staker.unbonding.extend(reading.unbonding(validator, &address)?);
        }
        Ok(staker)
    })
}

impl Reading<'_> {
    fn validator(&self, address: Address, candidate: &Candidate) -> Result<ValidatorView, Broken> {
        let tombstone = staking::tombstone(self.state, &address)?;
        let power = self.set.get(&address).map_or(0, |member| member.power);
        let self_stake = staking::self_stake(self.state, &address, candidate)?;
        let state = match (tombstone, candidate.jailed_until) {
            (Some(_), _) => ValidatorState::Tombstoned,
            (None, Some(_)) => ValidatorState::Jailed,
            (None, None) if power > 0 => ValidatorState::Voting,
            (None, None) => ValidatorState::Waiting,
        };
        let (reason, next) = self.why(state, candidate, self_stake);
        Ok(ValidatorView {
            address,
            public_key: candidate.key,
            vrf_key: candidate.vrf_key,
            state,
            power,
            total_power: self.set.total_power(),
            bonded: candidate.bonded.tokens,
            self_stake,
            unbonding: self.leaving(&address)?,
            commission_bps: candidate.commission_bps,
            missed_commits: staking::missed(self.state, self.epoch, &address)?,
            jailed_until: candidate.jailed_until,
            tombstone,
            reason,
            next,
        })
    }

    /// What a validator did and left undone, beside the sums over the present set.
    fn statistics(&self, address: Address, height: Height) -> Result<ValidatorStatistics, Broken> {
        let own = staking::statistics::statistics(self.state, &address)?;
        let turns = staking::statistics::turns(self.state, &address)?;
        let mut members = Statistics::default();
        for member in self.set.validators() {
            let one = staking::statistics::statistics(self.state, &member.address)?;
            members.built = members.built.saturating_add(one.built);
            members.votes_left_out = members.votes_left_out.saturating_add(one.votes_left_out);
            members.turns_lost = members.turns_lost.saturating_add(one.turns_lost);
        }
        Ok(ValidatorStatistics {
            address,
            height,
            epoch: self.epoch,
            epochs: own.epochs,
            commits: own.commits,
            missed: own.missed,
            built: own.built,
            votes_left_out: own.votes_left_out,
            turns_lost: own.turns_lost,
            jailed: own.jailed,
            epoch_missed: staking::missed(self.state, self.epoch, &address)?,
            epoch_built: turns.built.into(),
            epoch_votes_left_out: turns.votes_left_out.into(),
            epoch_turns_lost: turns.turns_lost.into(),
            missed_allowed: self.missed_allowed,
            members_built: members.built,
            members_votes_left_out: members.votes_left_out,
            members_turns_lost: members.turns_lost,
        })
    }

    /// Why a validator does not vote, and what would change that.
    fn why(
        &self,
        state: ValidatorState,
        candidate: &Candidate,
        self_stake: Amount,
    ) -> (Option<String>, Option<String>) {
        let (reason, next) = match state {
            ValidatorState::Voting => return (None, Some(self.raise())),
            ValidatorState::Tombstoned => (
                "it signed two different messages for one step".to_owned(),
                "nothing: take the remaining stake back with `tb stake unbond`".to_owned(),
            ),
            ValidatorState::Jailed => (
                "it missed too many commits of an epoch, left out too many votes, lost too many turns, or broke a rule of \
                 identities"
                    .to_owned(),
                match candidate.jailed_until.filter(|until| *until > self.epoch) {
                    Some(until) => format!("from epoch {until} on `tb stake unjail`; now is epoch {}", self.epoch),
                    None => "`tb stake unjail`".to_owned(),
                },
            ),
            ValidatorState::Waiting if self_stake < self.min_self_stake => (
                format!("its own stake is {self_stake} BLOCK, at least {} BLOCK are needed", self.min_self_stake),
                "bond more with `tb stake bond`".to_owned(),
            ),
            ValidatorState::Waiting => (
                "the set changes at the end of an epoch only, by a bounded part, and newcomers are admitted by the \
                 lottery where the chain has one"
                    .to_owned(),
                format!("wait for the end of epoch {}, or bond more", self.epoch),
            ),
        };
        (Some(reason), Some(next))
    }

    /// What raises a member's share of turns and pay.
    fn raise(&self) -> String {
        let total = u128::from(self.set.total_power());
        let members = u128::try_from(self.set.validators().len()).unwrap_or(u128::MAX).max(1);
        let cap =
            (total * u128::from(self.power_cap_bps)).div_ceil(u128::from(BASIS_POINTS)).max(total.div_ceil(members));
        format!(
            "its share of turns and pay is its power of the total, and every commit that it signs counts for pay: bond more to raise \
             it, each whole BLOCK is one power, up to about {cap} of the present total"
        )
    }

    fn leaving(&self, validator: &Address) -> Result<Amount, Broken> {
        self.buckets(validator)?.iter().try_fold(Amount::ZERO, |sum, (_, bucket)| {
            sum.checked_add(bucket.tokens).ok_or(Broken("unbonding stake out of range"))
        })
    }

    fn buckets(&self, validator: &Address) -> Result<Vec<(u64, Pool)>, Broken> {
        let most = usize::try_from(self.unbonding_epochs).unwrap_or(usize::MAX).saturating_add(2);
        let found = self.state.scan(&keys::buckets(validator), most);
        found
            .iter()
            .map(|(key, value)| {
                let epoch = keys::number_at(key, 31).ok_or(Broken("unbonding bucket key is too short"))?;
                Ok((epoch, decode(value).map_err(|_| Broken("unbonding bucket does not decode"))?))
            })
            .collect()
    }

    fn delegation(
        &self,
        validator: Address,
        candidate: &Candidate,
        owner: &Address,
    ) -> Result<Option<DelegationView>, Broken> {
        let part = staking::delegation(self.state, &validator, owner)?;
        if part.shares == 0 {
            return Ok(None);
        }
        Ok(Some(DelegationView {
            validator,
            amount: candidate.bonded.value(part.shares)?,
            held: check::held(self.state, &validator, owner)?,
            rewards: rewards::delegation::owed(candidate, &part)?,
        }))
    }

    fn unbonding(&self, validator: Address, owner: &Address) -> Result<Vec<UnbondingView>, Broken> {
        let mut found = Vec::new();
        for (epoch, bucket) in self.buckets(&validator)? {
            let key = keys::unbonding(epoch, &validator, owner);
            let shares: Option<u128> = view::read(self.state, &key, "unbonding entry does not decode")?;
            if let Some(shares) = shares {
                found.push(UnbondingView { validator, amount: bucket.value(shares)?, epoch });
            }
        }
        Ok(found)
    }
}
