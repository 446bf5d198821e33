//! Signing: what a refusal becomes, and who believes what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_malachitebft_app_channel::app::consensus::SignedConsensusMsg;
use arc_malachitebft_app_channel::app::types::codec::Codec;
use arc_malachitebft_app_channel::app::types::core::{NilOrVal, Round, VoteType};
use arc_malachitebft_app_channel::{Signer, Verifier};
use consensus::VoteSigner;
use consensus::codec::{CodecError, NetworkCodec};
use consensus::signer::{ChainVerifier, GuardedSigner, LogSync, WITHHELD};
use consensus::types::{BlockId, ChainHeight, ProposalMessage, ValidatorAddress, VoteMessage};
use primitives::{Hash, Height};
use testkit::Seed;

use crate::memory_chain::MemorySigner;

const CHAIN: Hash = Hash([9; 32]);

fn vote(signer: &GuardedSigner, block: u8) -> VoteMessage {
    VoteMessage {
        kind: VoteType::Precommit,
        height: ChainHeight(Height(5)),
        round: Round::new(1),
        value: NilOrVal::Val(BlockId(Hash([block; 32]))),
        voter: ValidatorAddress(signer.address()),
    }
}

#[tokio::test]
async fn refused_signature_abstains_and_the_node_goes_on() {
    let key = MemorySigner::new(0).public_key();
    let signer = GuardedSigner::new(Box::new(MemorySigner::new(0)), CHAIN);
    let verifier = ChainVerifier::new(CHAIN);
    let first = signer.sign_vote(vote(&signer, 1)).await.expect("signing never fails");
    assert!(verifier.is_vote_valid(&first.message, &first.signature, &key));

    // Another block in the same step: refused by the guard, and nobody may ever count it.
    let second = signer.sign_vote(vote(&signer, 2)).await.expect("a refusal is no error");
    assert_eq!(second.signature, WITHHELD);
    let verdict = verifier.verify_signed_vote(&second.message, &second.signature, &key).await.expect("a verdict");
    assert!(verdict.is_invalid(), "the node counts its own withheld vote");
    let codec = NetworkCodec::reader();
    assert_eq!(codec.encode(&SignedConsensusMsg::Vote(second)), Err(CodecError::Withheld));
    assert_eq!(signer.refusals(), 1);

    // The same bytes again get the stored signature, and the next height is signed as ever.
    let again = signer.sign_vote(vote(&signer, 1)).await.expect("signing never fails");
    assert_eq!(again.signature, first.signature);
    let next = VoteMessage { height: ChainHeight(Height(6)), ..vote(&signer, 3) };
    let next = signer.sign_vote(next).await.expect("signing never fails");
    assert!(verifier.is_vote_valid(&next.message, &next.signature, &key));
}

#[tokio::test]
async fn parts_and_proposal_carry_one_signature() {
    let signer = GuardedSigner::new(Box::new(MemorySigner::new(0)), CHAIN);
    let proposal = ProposalMessage {
        height: ChainHeight(Height(5)),
        round: Round::new(0),
        value: BlockId(Hash([1; 32])),
        pol_round: Round::Nil,
        proposer: ValidatorAddress(signer.address()),
    };
    let parts = signer.sign_offer(&proposal).await;
    let message = signer.sign_proposal(proposal).await.expect("signing never fails");
    assert_eq!(parts, message.signature);
    assert_eq!(signer.refusals(), 0);
    let other = ProposalMessage { value: BlockId(Hash([2; 32])), ..proposal };
    assert_eq!(signer.sign_offer(&other).await, WITHHELD);
}

#[tokio::test]
async fn nothing_is_signed_after_a_fault() {
    let signer = GuardedSigner::new(Box::new(MemorySigner::new(0)), CHAIN);
    signer.close();
    let vote = signer.sign_vote(vote(&signer, 1)).await.expect("a refusal is no error");
    assert_eq!(vote.signature, WITHHELD);
}

#[test]
fn signatures_bind_chain_key_and_every_field() {
    let mut seed = Seed::new();
    let mut key = MemorySigner::new(0);
    let signer = GuardedSigner::new(Box::new(key.clone()), CHAIN);
    let vote = vote(&signer, 1);
    let body = vote.signed().expect("it names a round");
    let step = consensus::SignedStep::Precommit;
    let signature = key.sign(step, body.height, body.round, &body.signing_bytes(&CHAIN)).expect("the first");
    let (verifier, public) = (ChainVerifier::new(CHAIN), key.public_key());
    assert!(verifier.is_vote_valid(&vote, &signature, &public));
    assert!(!ChainVerifier::new(Hash(seed.array())).is_vote_valid(&vote, &signature, &public), "another chain");
    assert!(!verifier.is_vote_valid(&vote, &signature, &MemorySigner::new(1).public_key()), "another key");
    let others = [
        VoteMessage { kind: VoteType::Prevote, ..vote },
        VoteMessage { height: ChainHeight(Height(6)), ..vote },
        VoteMessage { round: Round::new(2), ..vote },
        VoteMessage { round: Round::Nil, ..vote },
        VoteMessage { value: NilOrVal::Nil, ..vote },
    ];
    for other in others {
        assert!(!verifier.is_vote_valid(&other, &signature, &public), "{other:?}");
    }
    assert!(!verifier.is_vote_valid(&vote, &WITHHELD, &public));
}

#[tokio::test]
async fn the_log_is_durable_before_a_signature_and_a_failed_sync_closes_the_signer() {
    let synced = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&synced);
    let log: LogSync = Arc::new(move || match count.fetch_add(1, Ordering::SeqCst) {
        1 => Err(std::io::Error::other("the disk is gone")),
        _ => Ok(()),
    });
    let signer = GuardedSigner::new(Box::new(MemorySigner::new(0)), CHAIN).after(log);
    let first = signer.sign_vote(vote(&signer, 1)).await.expect("signing never fails");
    assert_ne!(first.signature, WITHHELD);
    assert_eq!(synced.load(Ordering::SeqCst), 1, "one sync for one signature");
    // The second sync fails. Nothing is signed after it, though a third would succeed.
    for height in [6, 7] {
        let next = VoteMessage { height: ChainHeight(Height(height)), ..vote(&signer, 3) };
        let next = signer.sign_vote(next).await.expect("a refusal is no error");
        assert_eq!(next.signature, WITHHELD);
    }
    assert_eq!(synced.load(Ordering::SeqCst), 2, "a closed signer does not ask again");
}
