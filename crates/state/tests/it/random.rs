//! Random blocks: the whole-state invariants hold after each, and the same blocks give the same state.

use primitives::{Nonce, Params, Transaction};
use testkit::Seed;

use crate::chain::{ACCOUNTS, Chain, address, batch, stranger, transfer};

fn random_block(chain: &Chain, seed: &mut Seed) -> Vec<Transaction> {
    let mut nonces: Vec<u64> = (0..ACCOUNTS).map(|index| chain.nonce(&address(index))).collect();
    let mut transactions = Vec::new();
    for _ in 0..seed.below(12) {
        let from = u8::try_from(seed.below(u64::from(ACCOUNTS))).unwrap();
        let most = if seed.below(8) == 0 { 200_000_000 } else { 10_000 };
        let micro = 1 + seed.below(most);
        let known = address(u8::try_from(seed.below(u64::from(ACCOUNTS))).unwrap());
        let to = if seed.below(3) == 0 { stranger(seed.below(40)) } else { known };
        let action = if seed.below(3) == 0 { batch(&[(to, micro), (address(0), 1)]) } else { transfer(to, micro) };
        let mut body = chain.body(from, action);
        body.nonce = Nonce::new(nonces[usize::from(from)]).unwrap();
        body.tip = crate::chain::amount(seed.below(100));
        nonces[usize::from(from)] += 1;
        transactions.push(chain.sign(from, body));
    }
    transactions
}

#[test]
fn random_blocks_keep_every_invariant_and_replay_to_the_same_state() {
    let mut seed = Seed::new();
    for _ in 0..5 {
        let (mut first, mut second) = (Chain::new(Params::default()), Chain::new(Params::default()));
        for _ in 0..60 {
            let mut transactions = random_block(&first, &mut seed);
            // A payer may run out of money for fees; such a transaction is not in a block.
            let executed = loop {
                match first.block(&transactions) {
                    Ok(executed) => break executed,
                    Err(state::BlockInvalid::Transaction { index, .. }) => transactions.truncate(index),
                    Err(other) => unreachable!("{other}"),
                }
            };
            assert_eq!(second.block(&transactions).unwrap(), executed);
        }
        assert_eq!((first.state, first.slots), (second.state, second.slots));
    }
}
