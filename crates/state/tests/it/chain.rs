//! A chain in memory: applies what a block returns in the plainest way.

use std::collections::BTreeMap;

use primitives::actions::EndRecord;
use primitives::ledger::{FEE_POT, ISSUANCE_POT};
use primitives::{
    Action, Address, Amount, BatchTransfer, BoundedVec, Engine, FormatVersion, Genesis, GenesisAccount,
    GenesisValidator, Hash, Height, Lane, LedgerDigest, LedgerOp, LedgerSlot, Memo, Nonce, Params, Payment, SecretKey,
    SlotIndex, Timestamp, Transaction, TransactionBody, Transfer, VrfSecretKey,
};
use state::genesis::genesis_state;
use state::{BlockContext, BlockInvalid, Executed, StateView, execute_block};

pub const ACCOUNTS: u8 = 4;

pub fn key(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 1; 32])
}

pub fn vrf(index: u8) -> VrfSecretKey {
    VrfSecretKey::from_seed([index; 32])
}

pub fn address(index: u8) -> Address {
    Address::of_key(&key(index).public_key())
}

pub fn stranger(index: u64) -> Address {
    Address::of_module(&format!("stranger {index}"))
}

pub fn proposer() -> Address {
    Address::of_key(&key(200).public_key())
}

pub fn amount(micro: u64) -> Amount {
    Amount::new(micro).unwrap()
}

pub struct Chain {
    /// Validators that leave their signature out of every certificate.
    pub absent: std::collections::BTreeSet<Address>,
    pub bft: bool,
    pub genesis: Hash,
    pub height: Height,
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub slots: Vec<LedgerSlot>,
    pub supply: Amount,
    /// Judges chain proofs; refuses all of them unless a test says otherwise.
    pub verifier: std::sync::Arc<dyn state::ProofVerifier>,
}

impl StateView for Chain {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.state.get(key).cloned()
    }
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.state.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        entries.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
    fn slot(&self, slot: SlotIndex) -> Option<LedgerSlot> {
        self.slots.get(slot.get() as usize).copied()
    }
    fn next_slot(&self) -> u32 {
        self.slots.len() as u32
    }
    fn supply(&self) -> Amount {
        self.supply
    }
}

impl Chain {
    pub fn new(params: Params) -> Self {
        Self::of(Self::genesis(params))
    }

    /// One validator and some accounts.
    pub fn genesis(params: Params) -> Genesis {
        Genesis {
            version: FormatVersion,
            chain_id: "state-test".to_owned(),
            engine: Engine::Solo,
            proof_system: Default::default(),
            genesis_time: Timestamp(1),
            params,
            proof_keys: Default::default(),
            accounts: (0..ACCOUNTS)
                .map(|index| GenesisAccount { address: address(index), balance: Amount::from_blocks(100) })
                .collect(),
            validators: vec![GenesisValidator {
                public_key: key(200).public_key(),
                vrf_key: VrfSecretKey::from_seed([7; 32]).public_key(),
                power: 10,
            }],
            gates: Vec::new(),
        }
    }

    /// A chain of validators with these powers, named 200, 201 …, whose accounts hold 100 BLOCK each.
    pub fn bft(params: Params, powers: &[u64]) -> Self {
        let named = |index: usize| 200 + u8::try_from(index).unwrap();
        let funded = (0..ACCOUNTS).chain((0..powers.len()).map(named));
        Self::of(Genesis {
            version: FormatVersion,
            chain_id: "state-test".to_owned(),
            engine: Engine::Bft,
            proof_system: Default::default(),
            genesis_time: Timestamp(1),
            params,
            proof_keys: Default::default(),
            accounts: funded
                .map(|index| GenesisAccount { address: address(index), balance: Amount::from_blocks(100) })
                .collect(),
            validators: powers
                .iter()
                .enumerate()
                .map(|(index, power)| GenesisValidator {
                    public_key: key(named(index)).public_key(),
                    vrf_key: vrf(named(index)).public_key(),
                    power: *power,
                })
                .collect(),
            gates: vec![primitives::genesis::GateActivation {
                name: "malachite_consensus".to_owned(),
                height: Height(0),
            }],
        })
    }

    pub fn of(genesis: Genesis) -> Self {
        genesis.validate().unwrap();
        let start = genesis_state(&genesis).unwrap();
        let supply = start.slots.iter().fold(Amount::ZERO, |sum, slot| sum.checked_add(slot.balance).unwrap());
        let bft = genesis.engine == Engine::Bft;
        let absent = std::collections::BTreeSet::new();
        Self {
            absent,
            bft,
            genesis: genesis.hash(),
            height: Height(0),
            state: start.state,
            slots: start.slots,
            supply,
            verifier: std::sync::Arc::new(state::NoProofSystem),
        }
    }

    pub fn context(&self) -> BlockContext {
        BlockContext {
            genesis: self.genesis,
            height: self.height.next(),
            time: Timestamp(1_000 * (self.height.0 + 1)),
            parent: self.parent(),
            before: self.before(),
            proposer: proposer(),
            beacon: primitives::hash(primitives::Domain::Beacon, &[&self.height.0.to_le_bytes()]),
            last_commit: (self.bft && self.height > Height(0)).then(|| state::LastCommit {
                round: primitives::Round(0),
                signers: state::view::previous_validators(self)
                    .unwrap()
                    .validators()
                    .iter()
                    .map(|member| member.address)
                    .filter(|address| !self.absent.contains(address))
                    .collect(),
            }),
        }
    }

    /// A record that stands for the ledger after the last block.
    pub fn before(&self) -> EndRecord {
        let digest = |what: u32| LedgerDigest::new([what, self.height.0 as u32, 0, 0, 0, 0, 0, 0]).unwrap();
        EndRecord {
            height: self.height,
            ledger_root: digest(1),
            ops_digest: digest(2),
            supply: self.supply,
            next_slot: self.next_slot(),
        }
    }

    /// A hash that stands for that of the last block.
    pub fn parent(&self) -> Hash {
        primitives::hash(primitives::Domain::Header, &[&self.height.0.to_le_bytes()])
    }

    pub fn balance(&self, address: &Address) -> u64 {
        let found = self.slots.iter().find(|slot| slot.address == *address);
        found.map_or(0, |slot| slot.balance.micro())
    }

    pub fn nonce(&self, address: &Address) -> u64 {
        self.slots.iter().find(|slot| slot.address == *address).map_or(0, |slot| slot.nonce.get())
    }

    /// Executes the block and applies its operations one by one.
    pub fn block(&mut self, transactions: &[Transaction]) -> Result<Executed, BlockInvalid> {
        self.block_in(self.context(), transactions)
    }

    /// As [`Chain::block`], with another time, builder or certificate.
    pub fn block_in(&mut self, context: BlockContext, transactions: &[Transaction]) -> Result<Executed, BlockInvalid> {
        let executed = execute_block(self, context, transactions, self.verifier.as_ref())?;
        self.height = self.height.next();
        for (key, value) in &executed.writes {
            match value {
                Some(value) => self.state.insert(key.clone(), value.clone()),
                None => self.state.remove(key),
            };
        }
        for op in &executed.ops {
            self.apply(op);
        }
        assert_eq!(self.supply, executed.supply);
        assert_eq!(self.next_slot(), executed.next_slot);
        state::invariants::check_all(self).unwrap();
        Ok(executed)
    }

    fn apply(&mut self, op: &LedgerOp) {
        match *op {
            LedgerOp::Open { slot, address } => {
                assert_eq!(slot.get(), self.next_slot());
                self.slots.push(LedgerSlot { address, nonce: Nonce::default(), balance: Amount::ZERO });
            }
            LedgerOp::Charge { slot, fee } => {
                let payer = &mut self.slots[slot.get() as usize];
                payer.nonce = payer.nonce.next().unwrap();
                self.add(slot, -i128::from(fee.micro()));
                self.add(FEE_POT, i128::from(fee.micro()));
            }
            LedgerOp::Transfer { from, to, amount } => {
                self.add(from, -i128::from(amount.micro()));
                self.add(to, i128::from(amount.micro()));
            }
            LedgerOp::Burn { slot, amount } => {
                self.add(slot, -i128::from(amount.micro()));
                self.supply = self.supply.checked_sub(amount).unwrap();
            }
            LedgerOp::Seal { height, issuance } => {
                assert_eq!(height, self.height);
                self.add(ISSUANCE_POT, i128::from(issuance.micro()));
                self.supply = self.supply.checked_add(issuance).unwrap();
            }
        }
    }

    fn add(&mut self, slot: SlotIndex, difference: i128) {
        let content = &mut self.slots[slot.get() as usize];
        let balance = i128::from(content.balance.micro()) + difference;
        content.balance = amount(u64::try_from(balance).unwrap());
    }

    pub fn body(&self, from: u8, action: Action) -> TransactionBody {
        TransactionBody {
            version: FormatVersion,
            payer: address(from),
            nonce: Nonce::new(self.nonce(&address(from))).unwrap(),
            lane: action.lane(),
            tip: Amount::ZERO,
            max_fee: amount(50_000_000),
            valid_until: Height(self.height.0 + 100),
            action,
        }
    }

    pub fn sign(&self, from: u8, body: TransactionBody) -> Transaction {
        body.sign(&key(from), &self.genesis)
    }

    pub fn pay(&self, from: u8, to: Address, micro: u64) -> Transaction {
        self.sign(from, self.body(from, transfer(to, micro)))
    }
}

pub fn transfer(to: Address, micro: u64) -> Action {
    Action::Transfer(Transfer { to, amount: amount(micro), memo: Memo::default() })
}

pub fn batch(payments: &[(Address, u64)]) -> Action {
    let payments = payments.iter().map(|(to, micro)| Payment { to: *to, amount: amount(*micro) }).collect();
    Action::BatchTransfer(BatchTransfer { payments: BoundedVec::new(payments).unwrap() })
}

pub fn lane_of(transaction: &Transaction) -> Lane {
    transaction.body.lane
}
