//! The key of a validator with its double-sign guard, and the record of everything that it signed.
//!
//! Model: the guard keeps the rule of `wallet::signer` over memory that survives the validator's crashes, as the
//! guard's file would: the record of the highest height stays, the same bytes get the same signature, other bytes
//! at or below the highest place are refused. The notary stands outside and sees every signature that leaves.
//!
//! Rule: the notary shares nothing with the guard, so that a guard that forgets is found out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consensus::{SignRefused, SignedStep, VoteSigner};
use primitives::{Height, PublicKey, Round, SecretKey, Signature};

/// Where a signature belongs.
pub type Place = (Height, Round, SignedStep);

/// What was signed where, with the signature.
type Records = BTreeMap<Place, (Vec<u8>, Signature)>;

/// What the guard's file would hold. Clones are the same file.
#[derive(Debug, Clone, Default)]
pub struct GuardFile(Arc<Mutex<Records>>);

impl GuardFile {
    /// Loses everything, as a file that was deleted.
    pub fn forget(&self) {
        lock(&self.0).clear();
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
}

impl VoteSigner for Guarded {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        let place = (height, round, step);
        let mut records = lock(&self.file.0);
        if let Some((known, signature)) = records.get(&place) {
            let same = known == bytes;
            return if same { Ok(*signature) } else { Err(refused("other bytes were signed for this place")) };
        }
        if records.keys().next_back().is_some_and(|highest| place <= *highest) {
            return Err(refused("a later place was signed"));
        }
        records.retain(|(kept, _, _), _| *kept >= height);
        let signature = self.key.sign(bytes);
        records.insert(place, (bytes.to_vec(), signature));
        self.notary.saw(self.node, place, bytes);
        Ok(signature)
    }
}

fn refused(reason: &str) -> SignRefused {
    SignRefused { reason: reason.to_owned() }
}

// Both maps are whole between any two calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
