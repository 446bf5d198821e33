//! Every block can be proven: it is full before its operations, or the hashes of its proof, are more than a part takes.

use primitives::ledger::SLOTS_MAX;
use primitives::part::PART_HASHES_MAX;
use primitives::{
    Address, Amount, Genesis, GenesisAccount, LedgerSlot, Nonce, Outcome, Params, PartLimits, PartMeter, Rejection,
    SlotIndex, Transaction,
};
use state::block::{END_OPS_MAX, END_SLOTS_MAX};
use state::transaction::Refused;
use state::{BlockExecution, BlockInvalid, StateView, execute_block};
use testkit::Seed;

use crate::chain::{ACCOUNTS, Chain, address, amount, batch, stranger};

/// Accounts besides those of the ordinary test chain.
const STRANGERS: u64 = 12_000;
/// Payments of one batch.
const PAYMENTS: usize = 64;

/// A chain that says it has as many slots in use as fit, so that paths in its ledger are as long as they can be.
struct Deep(Chain);

impl StateView for Deep {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.scan(prefix, limit)
    }
    fn slot(&self, slot: SlotIndex) -> Option<LedgerSlot> {
        self.0.slot(slot)
    }
    fn next_slot(&self) -> u32 {
        SLOTS_MAX - 1_000
    }
    fn supply(&self) -> Amount {
        self.0.supply()
    }
}

/// A chain of many accounts, whose blocks no other limit stops.
fn crowded() -> Chain {
    let params = Params { block_weight_max: 1 << 30, base_fee_initial: amount(1), ..Params::default() };
    let known = (0..ACCOUNTS).map(address).map(|address| (address, Amount::from_blocks(100_000)));
    let strangers = (0..STRANGERS).map(|index| (stranger(index), amount(1)));
    let accounts = known.chain(strangers).map(|(address, balance)| GenesisAccount { address, balance });
    Chain::of(Genesis { accounts: accounts.collect(), ..Chain::genesis(params) })
}

/// The next batch of the first account, to these.
fn pay(chain: &Chain, nonce: u64, to: &[Address]) -> Transaction {
    let payments: Vec<(Address, u64)> = to.iter().map(|to| (*to, 1)).collect();
    let mut body = chain.body(0, batch(&payments));
    body.nonce = Nonce::new(nonce).unwrap();
    chain.sign(0, body)
}

/// Fills a block; gives its transactions and the one that did not get in.
fn fill(
    base: &dyn StateView,
    chain: &Chain,
    mut to: impl FnMut(u64) -> Vec<Address>,
) -> (Vec<Transaction>, Transaction) {
    let mut execution = BlockExecution::begin(base, chain.context(), &state::NoProofSystem).unwrap();
    let mut taken = Vec::new();
    loop {
        let nonce = taken.len() as u64;
        let transaction = pay(chain, nonce, &to(nonce));
        match execution.transaction(&transaction, true) {
            Ok(receipt) => assert_eq!(receipt.outcome, Outcome::Success),
            Err(refused) => {
                assert_eq!(refused, Refused::Rejected(Rejection::BlockFull));
                return (taken, transaction);
            }
        }
        taken.push(transaction);
    }
}

fn meter(base: &dyn StateView, chain: &Chain, transactions: &[Transaction]) -> PartMeter {
    let executed = execute_block(base, chain.context(), transactions, &state::NoProofSystem).unwrap();
    let mut meter = PartMeter::new(base.next_slot());
    meter.add(&executed.ops);
    meter
}

#[test]
fn a_block_at_the_bound_of_touched_slots_is_full_and_one_more_transaction_makes_it_invalid() {
    let deep = Deep(crowded());
    let each = |nonce: u64| -> Vec<Address> {
        (0..PAYMENTS as u64).map(|payment| stranger((nonce * PAYMENTS as u64 + payment) % STRANGERS)).collect()
    };
    let (mut taken, refused) = fill(&deep, &deep.0, each);
    assert!(taken.len() > 50 && taken.len() * PAYMENTS < STRANGERS as usize, "{}", taken.len());
    let meter = meter(&deep, &deep.0, &taken);
    assert!(PartLimits::PART.admit(&meter.size()), "{:?}", meter.size());
    // What is left is what the end of a block may need, and less than one more transaction.
    let mut reserved = meter.size();
    reserved.operations += END_OPS_MAX + 1 + PAYMENTS;
    reserved.slots += END_SLOTS_MAX + PAYMENTS;
    assert!(reserved.hashes() > PART_HASHES_MAX, "{reserved:?}");

    let index = taken.len();
    taken.push(refused);
    let invalid = execute_block(&deep, deep.0.context(), &taken, &state::NoProofSystem).unwrap_err();
    assert_eq!(invalid, BlockInvalid::Transaction { index, rejection: Rejection::BlockFull });
    // In a ledger of as many accounts as there are, paths are short and the same block is no problem.
    assert!(execute_block(&deep.0, deep.0.context(), &taken, &state::NoProofSystem).is_ok());
}

#[test]
fn full_blocks_of_random_payments_fit_into_a_part() {
    let mut seed = Seed::new();
    let deep = Deep(crowded());
    for _ in 0..4 {
        let crowd = 1 + seed.below(STRANGERS);
        let to = |_| (0..1 + seed.below(PAYMENTS as u64)).map(|_| stranger(seed.below(crowd))).collect();
        let (taken, _) = fill(&deep, &deep.0, to);
        let size = meter(&deep, &deep.0, &taken).size();
        assert!(PartLimits::PART.admit(&size), "{size:?}");
    }
}

#[test]
fn six_and_a_half_thousand_transfers_over_some_thousand_accounts_fit() {
    let payers = 4_000;
    let size =
        primitives::PartSize { operations: 2 * 6_500 + END_OPS_MAX, slots: payers + END_SLOTS_MAX, next_slot: 10_000 };
    assert!(PartLimits::PART.admit(&size), "{}", size.hashes());
    assert!(3 * size.hashes() < PART_HASHES_MAX, "a third of what fits: {}", size.hashes());
}

#[test]
fn the_end_of_a_block_has_the_room_that_the_specification_says() {
    // BLK-18 and BLK-24: 3 + 4 pools + 2 for each of 256 earners + 32 stakers + 64 provers; 9 modules + proposer + the same.
    assert_eq!(END_OPS_MAX, 3 + 4 + 2 * 256 + 32 + 64);
    assert_eq!(END_SLOTS_MAX, 9 + 1 + 256 + 32 + 64);
    assert_eq!([END_OPS_MAX, END_SLOTS_MAX], [615, 362]);
    let spec = include_str!("../../../../spec/blocks.md");
    for said in ["+ 615 ≤ `block_ops_max`", "+ 362"] {
        assert!(spec.contains(said), "spec/blocks.md does not say {said}");
    }
}
