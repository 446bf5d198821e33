//! The bounds of a plan, checked before it runs.

use std::collections::BTreeSet;

use super::proofs::PROVERS_MAX;
use super::{
    FAULTS_MAX, FAULTS_MS_MAX, Fault, Links, Misbehaviour, PHASES_MAX, Plan, SEEDS_MAX, TRAFFIC_MAX, VALIDATORS_MAX,
    VALIDATORS_MIN,
};
use crate::random::PPM;

/// Most seats of a lottery, as the chain allows.
const LOTTERY_SEATS_MAX: u64 = 64;
/// Longest delay of a link, milliseconds.
const DELAY_MS_MAX: u64 = 60_000;

/// A plan that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not a plan.
    #[error("the scenario cannot be read: {0}; next: correct the key it names, spec/simulation.md lists them all")]
    Read(String),
    /// A key or a name that does not exist, and the nearest that does.
    #[error("the scenario says `{unknown}`{place}, which means nothing; next: {hint}")]
    Unknown {
        /// What it says.
        unknown: String,
        /// Where, in words; empty when that is not known.
        place: String,
        /// What it may have meant.
        hint: String,
    },
    /// A file that is neither TOML nor RON by its name.
    #[error("{0} is neither a .toml nor a .ron file; next: give the scenario one of these endings")]
    Format(String),
    /// A value outside its bounds.
    #[error("{name} is {value}; next: use {rule}")]
    Bound {
        /// Which.
        name: &'static str,
        /// What it holds.
        value: u64,
        /// What would be right.
        rule: &'static str,
    },
    /// A third of the power or more is dishonest or forgets.
    #[error(
        "{dishonest} of {validators} validators are dishonest or lose their disk; next: name fewer, or set \
         beyond_bound = true"
    )]
    TooManyDishonest {
        /// How many are dishonest or lose their disk.
        dishonest: usize,
        /// Of how many.
        validators: u16,
    },
    /// A validator that is not there.
    #[error("validator {node} is named, the last one is {last}; next: use 0 to {last}")]
    NoSuchNode {
        /// Who is named.
        node: u16,
        /// The last one.
        last: u16,
    },
    /// A region that is named twice, or holds a validator that another region holds.
    #[error("the region {0} is named twice, or holds a validator of another one; next: keep regions apart")]
    Regions(String),
    /// A route between regions that are not there.
    #[error("a route names the region {name}; next: use one of {known}")]
    NoSuchRegion {
        /// Who is named.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// A network that cannot be built.
    #[error("the topology asks for {value} as {name}, with {nodes} nodes; next: use {rule}")]
    Topology {
        /// Which key.
        name: &'static str,
        /// What it holds.
        value: u64,
        /// Among how many.
        nodes: u16,
        /// What would be right.
        rule: &'static str,
    },
    /// A fault of snapshots where nobody makes any.
    #[error("a {0} is scheduled and nobody makes snapshots; next: add the table [snapshots]")]
    NoSnapshots(&'static str),
    /// A fault or a misbehaviour of proofs where no block takes any.
    #[error("{0} is asked for and no block takes proofs; next: add the table [proofs]")]
    NoProofs(&'static str),
    /// A crash while pruning where nobody prunes.
    #[error("a prune_crash is scheduled and nobody prunes; next: add the table [pruning]")]
    NoPruning,
    /// An effect that no report has.
    #[error("expect.effects names `{name}`, which is no effect; next: {hint}")]
    Effect {
        /// The name.
        name: String,
        /// What it may have meant.
        hint: String,
    },
    /// Phases that are not in order.
    #[error("a phase begins at {0} ms, not after the one before; next: put the phases in order of from_ms")]
    PhaseOrder(u64),
    /// A defect, in a build that has none.
    #[error(
        "seeded_bug names a defect, which no program contains; next: run it in the test \
         `cargo test --release -p sim --features seeded-bugs`"
    )]
    NoSuchDefect,
    /// A lottery on a chain on which nobody registers.
    #[error(
        "staking.lottery_seats is {0}, and without [identities] nobody could be a candidate; next: add [identities]"
    )]
    LotteryWithoutIdentities(u64),
    /// A verdict that no run can have.
    #[error("expect.verdict is `{0}`; next: use pass, no progress, diverged, or invariant broken: NAME")]
    Verdict(String),
}

fn bound(name: &'static str, value: u64, low: u64, high: u64, rule: &'static str) -> Result<(), PlanError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(PlanError::Bound { name, value, rule }) }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Plan {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn check(&self) -> Result<(), PlanError> {
        if self.seeded_bug.is_some() && !cfg!(feature = "seeded-bugs") {
            return Err(PlanError::NoSuchDefect);
        }
        let (low, high) = (u64::from(VALIDATORS_MIN), u64::from(VALIDATORS_MAX));
        bound("validators", u64::from(self.validators), low, high, "1 to 32")?;
        bound("seeds", self.seeds, 1, SEEDS_MAX, "1 to 10,000")?;
        bound("faults_ms", self.faults_ms, 0, FAULTS_MS_MAX, "at most 24 hours")?;
        bound("calm_heights", self.calm_heights, 1, 10_000, "1 to 10,000")?;
        bound("traffic_per_second", u64::from(self.traffic_per_second), 0, u64::from(TRAFFIC_MAX), "at most 200")?;
        bound("faults", length(self.faults.len()), 0, length(FAULTS_MAX), "at most 256")?;
        for scheduled in &self.faults {
            bound("at_ms", scheduled.at_ms, 0, self.faults_ms, "at most faults_ms")?;
            bound("for_ms", scheduled.for_ms, 1, FAULTS_MS_MAX, "1 ms to 24 hours")?;
        }
        check_links(&self.links)?;
        if let Some(staking) = &self.staking {
            bound("staking.actions_ppm", u64::from(staking.actions_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
            let rule = "fewer than the validators";
            bound(
                "staking.candidates",
                u64::from(staking.candidates),
                0,
                high.min(u64::from(self.validators) - 1),
                rule,
            )?;
            bound("staking.lottery_seats", staking.lottery_seats, 0, LOTTERY_SEATS_MAX, "at most 64")?;
            if staking.lottery_seats > 0 && self.identities.is_none() {
                return Err(PlanError::LotteryWithoutIdentities(staking.lottery_seats));
            }
        }
        if let Some(identities) = &self.identities {
            bound("identities.actions_ppm", u64::from(identities.actions_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
            bound("identities.paid_from", identities.paid_from, 0, 10_000, "at most 10,000")?;
        }
        self.check_snapshots()?;
        self.check_proofs()?;
        self.check_pruning()?;
        self.check_nodes()?;
        self.check_regions()?;
        self.check_phases()?;
        self.topology.check(self.nodes())?;
        self.expect.check()
    }

    fn check_snapshots(&self) -> Result<(), PlanError> {
        let Some(snapshots) = &self.snapshots else {
            let asks = self.faults.iter().find(|scheduled| scheduled.fault.is_of_snapshots());
            return asks.map_or(Ok(()), |scheduled| Err(PlanError::NoSnapshots(scheduled.fault.kind())));
        };
        bound("snapshots.every_heights", snapshots.every_heights, 1, 10_000, "1 to 10,000")?;
        bound("snapshots.keep", length(snapshots.keep), 1, 64, "1 to 64")?;
        bound("snapshots.copy_ms", snapshots.copy_ms, 1, DELAY_MS_MAX, "1 ms to a minute")?;
        let last = self.nodes().saturating_sub(1);
        match snapshots.liars.iter().copied().find(|node| *node > last) {
            Some(node) => Err(PlanError::NoSuchNode { node, last }),
            None => Ok(()),
        }
    }

    fn check_proofs(&self) -> Result<(), PlanError> {
        let Some(proofs) = &self.proofs else {
            let stops = self.faults.iter().find(|scheduled| scheduled.fault == Fault::ProversStop);
            let smuggles = self.dishonest.values().find(|kind| **kind == Misbehaviour::SmuggledProofs);
            let asked = stops.map(|scheduled| scheduled.fault.kind()).or(smuggles.map(|kind| kind.name()));
            return asked.map_or(Ok(()), |name| Err(PlanError::NoProofs(name)));
        };
        bound("proofs.provers", u64::from(proofs.provers), 1, u64::from(PROVERS_MAX), "1 to 16")?;
        bound("proofs.window_heights", proofs.window_heights, 1, 1_000, "1 to 1,000")?;
        bound("proofs.turn_heights", proofs.turn_heights, 0, 1_000, "at most 1,000")?;
        bound("proofs.work_ms", proofs.work_ms, 1, DELAY_MS_MAX, "1 ms to a minute")?;
        bound("proofs.bad_ppm", u64::from(proofs.bad_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
        bound("proofs.taken_from", proofs.taken_from, 0, 10_000, "at most 10,000")?;
        bound("proofs.enforced_from", proofs.enforced_from, 0, 10_000, "at most 10,000")
    }

    fn check_pruning(&self) -> Result<(), PlanError> {
        let Some(pruning) = &self.pruning else {
            let crashes = self.faults.iter().any(|scheduled| matches!(scheduled.fault, Fault::PruneCrash { .. }));
            return if crashes { Err(PlanError::NoPruning) } else { Ok(()) };
        };
        bound("pruning.every_heights", pruning.every_heights, 1, 10_000, "1 to 10,000")?;
        bound("pruning.keep_heights", pruning.keep_heights, 1, 10_000, "1 to 10,000")?;
        let least = pruning.keep_heights;
        bound("pruning.keep_headers", pruning.keep_headers, least, 10_000, "pruning.keep_heights to 10,000")
    }

    fn check_nodes(&self) -> Result<(), PlanError> {
        let validator = self.validators.saturating_sub(1);
        if let Some(node) = self.dishonest.keys().copied().find(|node| *node > validator) {
            return Err(PlanError::NoSuchNode { node, last: validator });
        }
        let last = self.nodes().saturating_sub(1);
        let faults = self.faults.iter().flat_map(|scheduled| scheduled.fault.nodes());
        let regions = self.regions.iter().flat_map(|region| region.validators.iter().copied());
        if let Some(node) = faults.chain(regions).find(|node| *node > last) {
            return Err(PlanError::NoSuchNode { node, last });
        }
        let dishonest = self.unreliable().len();
        if !self.beyond_bound && dishonest > usize::from(Self::dishonest_max(self.seats())) {
            return Err(PlanError::TooManyDishonest { dishonest, validators: self.seats() });
        }
        Ok(())
    }

    fn check_regions(&self) -> Result<(), PlanError> {
        bound("regions", length(self.regions.len()), 0, u64::from(VALIDATORS_MAX), "at most 32")?;
        let (mut names, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for region in &self.regions {
            let apart = region.validators.iter().all(|node| seen.insert(*node));
            if !names.insert(region.name.as_str()) || !apart {
                return Err(PlanError::Regions(region.name.clone()));
            }
        }
        let most = u64::from(VALIDATORS_MAX) * u64::from(VALIDATORS_MAX);
        bound("routes", length(self.routes.len()), 0, most, "at most 1,024")?;
        for route in &self.routes {
            if let Some(name) = route.between.iter().find(|name| !names.contains(name.as_str())) {
                let known = names.iter().copied().collect::<Vec<_>>().join(", ");
                return Err(PlanError::NoSuchRegion { name: name.clone(), known });
            }
            check_links(&route.links(&self.links))?;
        }
        Ok(())
    }

    fn check_phases(&self) -> Result<(), PlanError> {
        bound("phases", length(self.phases.len()), 0, length(PHASES_MAX), "at most 64")?;
        for pair in self.phases.windows(2) {
            if pair[0].from_ms >= pair[1].from_ms {
                return Err(PlanError::PhaseOrder(pair[1].from_ms));
            }
        }
        for phase in &self.phases {
            bound("from_ms", phase.from_ms, 0, FAULTS_MS_MAX, "at most 24 hours")?;
            phase.traffic.check()?;
        }
        Ok(())
    }
}

fn check_links(links: &Links) -> Result<(), PlanError> {
    bound("links.loss_ppm", u64::from(links.loss_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
    bound("links.duplicate_ppm", u64::from(links.duplicate_ppm), 0, u64::from(PPM), "at most 1,000,000")?;
    bound("links.delay_ms", links.delay_ms, 0, DELAY_MS_MAX, "at most a minute")?;
    bound("links.jitter_ms", links.jitter_ms, 0, DELAY_MS_MAX, "at most a minute")
}
