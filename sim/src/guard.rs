//! The key of a validator with its double-sign guard, and the record of everything that it signed.
//!
//! Model: the guard keeps the rule of `wallet::signer` over memory that survives the validator's crashes, as the
//! guard's file would: the record of the highest height stays, the same bytes get the same signature, other bytes
//! at or below the highest place are refused. When the log has lost the newest precommit for a block, the key is held
//! to it (GRD-13), also after the next restarts (GRD-14). The notary stands outside and sees every signature that leaves.
//!
//! Rule: the notary shares nothing with the guard, so that a guard that forgets is found out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consensus::signer::LoggedMessage;
use consensus::{SignRefused, SignedStep, VoteSigner};
use primitives::vote::VOTE_DOMAIN;
use primitives::{Hash, Height, PublicKey, Round, SecretKey, Signature, Vote, decode};

/// Where a signature belongs.
pub type Place = (Height, Round, SignedStep);

/// What was signed where, with the signature.
type Records = BTreeMap<Place, (Vec<u8>, Signature)>;

/// What the guard's file would hold. Clones are the same file.
#[derive(Debug, Clone, Default)]
pub struct GuardFile(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    records: Records,
    /// The precommit for a block that a log was once found to lack.
    lost: Option<Place>,
}

impl GuardFile {
    /// Loses everything, as a file that was deleted.
    pub fn forget(&self) {
        *lock(&self.0) = Kept::default();
    }
}

/// Every signature of every validator that ever left its signer. Clones are the same record.
#[derive(Debug, Clone, Default)]
pub struct Notary(Arc<Mutex<Signed>>);

#[derive(Debug, Default)]
struct Signed {
    places: BTreeMap<(u16, Place), Vec<u8>>,
    conflicts: Vec<(u16, Place)>,
}

impl Notary {
    fn saw(&self, node: u16, place: Place, bytes: &[u8]) {
        let mut signed = lock(&self.0);
        match signed.places.get(&(node, place)) {
            Some(known) if known != bytes => signed.conflicts.push((node, place)),
            Some(_) => {}
            None => {
                signed.places.insert((node, place), bytes.to_vec());
            }
        }
    }

    /// The places at which a validator signed two different messages.
    pub fn conflicts(&self) -> Vec<(u16, Place)> {
        lock(&self.0).conflicts.clone()
    }

    /// How many different messages were signed.
    pub fn len(&self) -> usize {
        lock(&self.0).places.len()
    }

    /// True when nothing was signed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A validator's signer.
pub struct Guarded {
    /// Which validator.
    pub node: u16,
    /// Its key.
    pub key: SecretKey,
    /// Its guard.
    pub file: GuardFile,
    /// Who watches.
    pub notary: Notary,
    /// The chain.
    pub genesis: Hash,
    /// The precommit for a block that the log has lost: where, and for which block.
    pub held: Option<(Place, Hash)>,
}

impl Guarded {
    /// The block that a signed vote is for.
    fn block_of(&self, bytes: &[u8]) -> Option<Hash> {
        let body = bytes.strip_prefix(VOTE_DOMAIN)?.strip_prefix(self.genesis.as_bytes().as_slice())?;
        decode::<Vote>(body).ok()?.value
    }

    /// True when these bytes may not be signed because of a lock that the log has lost.
    fn is_against_the_hold(&self, place: Place, bytes: &[u8]) -> bool {
        let Some(((height, _, _), block)) = self.held else { return false };
        let value = self.block_of(bytes);
        place.0 == height && place.2 == SignedStep::Prevote && value.is_some_and(|value| value != block)
    }

    /// A precommit for a block in that round or a later one, or another height, ends the hold and the loss.
    fn release(&mut self, place: Place, bytes: &[u8], lost: &mut Option<Place>) {
        let Some(((height, round, _), _)) = self.held else { return };
        let locks = place.2 == SignedStep::Precommit && place.1 >= round && self.block_of(bytes).is_some();
        if place.0 > height || (place.0 == height && locks) {
            self.held = None;
            *lost = None;
        }
    }
}

impl VoteSigner for Guarded {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        let place = (height, round, step);
        let file = self.file.clone();
        let mut kept = lock(&file.0);
        let Kept { records, lost } = &mut *kept;
        if let Some((known, signature)) = records.get(&place) {
            if known != bytes {
                return Err(refused("other bytes were signed for this place"));
            }
            self.release(place, bytes, lost);
            return Ok(*signature);
        }
        if self.is_against_the_hold(place, bytes) {
            return Err(refused("the log has lost the lock that this vote is against"));
        }
        if records.keys().next_back().is_some_and(|highest| place <= *highest) {
            return Err(refused("a later place was signed"));
        }
        records.retain(|(kept, _, _), _| *kept >= height);
        let signature = self.key.sign(bytes);
        records.insert(place, (bytes.to_vec(), signature));
        self.notary.saw(self.node, place, bytes);
        self.release(place, bytes, lost);
        Ok(signature)
    }

    fn recover(&mut self, finalized: Height, logged: &[LoggedMessage]) -> Result<(), SignRefused> {
        let file = self.file.clone();
        let mut kept = lock(&file.0);
        let Kept { records, lost } = &mut *kept;
        let newest = records.iter().rev().find_map(|(place, (bytes, _))| {
            let block = self.block_of(bytes).filter(|_| place.2 == SignedStep::Precommit)?;
            Some((*place, block))
        });
        let is_logged = |place: Place| logged.iter().any(|message| message.place() == place);
        let is_lost = |place: Place| *lost == Some(place) || !is_logged(place);
        self.held = newest.filter(|(place, _)| place.0 > finalized && is_lost(*place));
        *lost = self.held.map(|(place, _)| place).or(*lost);
        let unknown = logged.iter().find(|message| {
            let highest = records.keys().next_back();
            highest.is_none_or(|highest| message.place() > *highest)
        });
        unknown.map_or(Ok(()), |_| Err(refused("the log holds a message that the guard does not know")))
    }
}

fn refused(reason: &str) -> SignRefused {
    SignRefused { reason: reason.to_owned() }
}

// Both maps are whole between any two calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
