//! Every message of the wire: round trip, truncated, trailing, over a bound, pinned, random bytes.

use std::fmt::Debug;

use arc_malachitebft_app_channel::app::consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use arc_malachitebft_app_channel::app::types::core::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature,
    SignedMessage, ValidatorProof, Validity, VoteType,
};
use arc_malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use arc_malachitebft_sync::{ValueRequest, ValueResponse};
use bytes::Bytes;
use consensus::blocks::ProposedBlocks;
use consensus::certificate::to_engine;
use consensus::codec::{Blob, CodecError, NetworkCodec, WalCodec};
use consensus::context::ChainContext;
use consensus::signer::WITHHELD;
use consensus::types::{
    BlockId, ChainHeight, PART_BYTES_MAX, ProposalInit, ProposalMessage, ProposalPart, ValidatorAddress, VoteMessage,
};
use primitives::validator::VALIDATORS_MAX;
use primitives::{Address, CommitCertificate, CommitSignature, Hash, Height, Proposal, Signature};
use testkit::Seed;

type Vote = SignedMessage<ChainContext, VoteMessage>;

fn network() -> NetworkCodec {
    NetworkCodec::reader()
}

fn wal() -> WalCodec {
    WalCodec::new(ProposedBlocks::default())
}

fn address(seed: &mut Seed) -> ValidatorAddress {
    ValidatorAddress(Address(seed.array()))
}

fn signature(seed: &mut Seed) -> Signature {
    Signature(seed.array())
}

fn block_id(seed: &mut Seed) -> BlockId {
    BlockId(Hash(seed.array()))
}

fn height(seed: &mut Seed) -> ChainHeight {
    ChainHeight(Height(seed.edge_u64()))
}

fn round(seed: &mut Seed) -> Round {
    Round::Some(u32::try_from(seed.below(1 << 32)).expect("below 2^32"))
}

fn value(seed: &mut Seed) -> NilOrVal<BlockId> {
    if seed.chance(30) { NilOrVal::Nil } else { NilOrVal::Val(block_id(seed)) }
}

fn vote(seed: &mut Seed) -> Vote {
    let kind = if seed.chance(50) { VoteType::Prevote } else { VoteType::Precommit };
    let vote = VoteMessage { kind, height: height(seed), round: round(seed), value: value(seed), voter: address(seed) };
    SignedMessage::new(vote, signature(seed))
}

fn consensus_message(seed: &mut Seed) -> SignedConsensusMsg<ChainContext> {
    if seed.chance(50) {
        return SignedConsensusMsg::Vote(vote(seed));
    }
    let pol_round = if seed.chance(50) { Round::Nil } else { round(seed) };
    let proposal = ProposalMessage {
        height: height(seed),
        round: round(seed),
        value: block_id(seed),
        pol_round,
        proposer: address(seed),
    };
    SignedConsensusMsg::Proposal(SignedMessage::new(proposal, signature(seed)))
}

fn polka(seed: &mut Seed, entries: usize) -> PolkaCertificate<ChainContext> {
    PolkaCertificate {
        height: height(seed),
        round: round(seed),
        value_id: block_id(seed),
        polka_signatures: (0..entries).map(|_| PolkaSignature::new(address(seed), signature(seed))).collect(),
    }
}

fn liveness(seed: &mut Seed) -> LivenessMsg<ChainContext> {
    match seed.below(3) {
        0 => LivenessMsg::Vote(vote(seed)),
        1 => LivenessMsg::PolkaCertificate(polka(seed, 4)),
        _ => LivenessMsg::SkipRoundCertificate(RoundCertificate {
            height: height(seed),
            round: round(seed),
            cert_type: if seed.chance(50) { RoundCertificateType::Skip } else { RoundCertificateType::Precommit },
            round_signatures: (0..3)
                .map(|_| RoundSignature::new(VoteType::Precommit, value(seed), address(seed), signature(seed)))
                .collect(),
        }),
    }
}

fn part(seed: &mut Seed) -> ProposalPart {
    if seed.chance(50) {
        let length = seed.index(2_000);
        let bytes = Blob::new(seed.bytes(length).into()).expect("within the bound");
        return ProposalPart::Data { last: seed.chance(50), bytes };
    }
    let proposal = Proposal {
        height: height(seed).0,
        round: primitives::Round(7),
        value: block_id(seed).0,
        pol_round: seed.chance(50).then_some(primitives::Round(3)),
        proposer: address(seed).0,
    };
    ProposalPart::Init(ProposalInit { proposal, signature: signature(seed), bytes: 5 })
}

fn stream(seed: &mut Seed) -> StreamMessage<ProposalPart> {
    let content = if seed.chance(20) { StreamContent::Fin } else { StreamContent::Data(part(seed)) };
    let length = seed.index(33);
    StreamMessage::new(StreamId::new(seed.bytes(length).into()), seed.edge_u64(), content)
}

fn peer(seed: &mut Seed) -> PeerId {
    // The identity form of an Ed25519 key: two header bytes of the multihash, then the key.
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    bytes.extend(seed.array::<32>());
    PeerId::from_bytes(&bytes).expect("a peer id")
}

fn status(seed: &mut Seed) -> Status<ChainContext> {
    Status { peer_id: peer(seed), tip_height: height(seed), history_min_height: height(seed) }
}

fn request(seed: &mut Seed) -> Request<ChainContext> {
    Request::ValueRequest(ValueRequest::new(height(seed)..=height(seed)))
}

fn certificate(seed: &mut Seed) -> CommitCertificate {
    let signatures = (0..3).map(|_| CommitSignature { address: address(seed).0, signature: signature(seed) }).collect();
    CommitCertificate::new(height(seed).0, primitives::Round(1), block_id(seed).0, signatures).expect("three fit")
}

fn response(seed: &mut Seed) -> Response<ChainContext> {
    let mut values = Vec::new();
    for _ in 0..seed.index(4) {
        let length = seed.index(3_000);
        let block = Bytes::from(seed.bytes(length));
        values.push(RawDecidedValue::new(block, to_engine(&certificate(seed))));
    }
    Response::ValueResponse(ValueResponse::new(height(seed), values))
}

fn proof(seed: &mut Seed) -> ValidatorProof<ChainContext> {
    ValidatorProof::new(seed.bytes(32), peer(seed).to_bytes(), signature(seed))
}

fn proposed_value(seed: &mut Seed) -> ProposedValue<ChainContext> {
    ProposedValue {
        height: height(seed),
        round: round(seed),
        valid_round: if seed.chance(50) { Round::Nil } else { round(seed) },
        proposer: address(seed),
        value: block_id(seed),
        validity: Validity::from_bool(seed.chance(50)),
    }
}

/// Round trips random messages, and shows that every prefix and every extension of their bytes is refused.
fn check<T, C>(codec: &C, make: fn(&mut Seed) -> T)
where
    T: PartialEq + Debug,
    C: Codec<T>,
{
    let mut seed = Seed::new();
    for _ in 0..40 {
        let message = make(&mut seed);
        let bytes = codec.encode(&message).expect("it has a wire form");
        assert_eq!(codec.decode(bytes.clone()).expect("its own bytes"), message);
        let cuts = [0, 1, bytes.len() / 2, bytes.len() - 1, seed.index(bytes.len())];
        for cut in cuts {
            assert!(codec.decode(bytes.slice(..cut)).is_err(), "accepted {cut} of {} bytes", bytes.len());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(codec.decode(longer.into()).is_err(), "accepted a trailing byte");
        // Any change must be refused or decode to bytes that encode to themselves: one encoding per message.
        let mut changed = bytes.to_vec();
        let place = seed.index(changed.len());
        changed[place] ^= 1 << seed.below(8);
        if let Ok(other) = codec.decode(changed.clone().into())
            && let Ok(again) = codec.encode(&other)
        {
            assert_eq!(again, changed);
        }
        let length = seed.index(200);
        let _ = codec.decode(seed.bytes(length).into());
    }
}

#[test]
fn consensus_messages_have_one_encoding() {
    check(&network(), consensus_message);
    check(&wal(), consensus_message);
}

#[test]
fn liveness_messages_have_one_encoding() {
    check(&network(), liveness);
    check(&wal(), |seed| polka(seed, 4));
}

#[test]
fn parts_have_one_encoding() {
    check(&network(), part);
    check(&network(), stream);
    check(&network(), proof);
}

#[test]
fn sync_messages_have_one_encoding() {
    check(&network(), status);
    check(&network(), request);
    check(&network(), response);
}

#[test]
fn a_certificate_in_another_order_is_refused() {
    let mut seed = Seed::new();
    let certificate = certificate(&mut seed);
    let value = RawDecidedValue::new(Bytes::from_static(b"a block"), to_engine(&certificate));
    let answer = Response::ValueResponse(ValueResponse::new(height(&mut seed), vec![value]));
    let good = network().encode(&answer).expect("it has a wire form").to_vec();
    // Two neighbours change places in the bytes; the engine's own form is sorted when it is written.
    let entry = 30 + 64;
    let first = good.len() - entry * certificate.signatures.len();
    let mut bad = good.clone();
    bad[first..first + 2 * entry].rotate_left(entry);
    assert_ne!(bad, good);
    let decoded = Codec::<Response<ChainContext>>::decode(&network(), bad.into());
    assert!(decoded.expect_err("another order").to_string().contains("not sorted"));
    Codec::<Response<ChainContext>>::decode(&network(), good.into()).expect("its own order");
}

#[test]
fn logged_values_have_one_encoding() {
    check(&wal(), proposed_value);
}

#[test]
fn announced_length_of_an_answer_is_its_length() {
    let mut seed = Seed::new();
    for _ in 0..20 {
        let answer = response(&mut seed);
        let bytes = network().encode(&answer).expect("it has a wire form");
        assert_eq!(network().encoded_len(&answer).expect("it has a length"), bytes.len());
    }
}

#[test]
fn logged_value_brings_its_block_back() {
    let mut seed = Seed::new();
    let value = proposed_value(&mut seed);
    let block = Bytes::from(seed.bytes(200_000));
    let (before, after) = (ProposedBlocks::default(), ProposedBlocks::default());
    before.insert(value.height.0, value.value.0, block.clone());
    let entry = WalCodec::new(before).encode(&value).expect("it has a log form");
    assert_eq!(after.get(&value.value.0), None);
    let replayed: ProposedValue<ChainContext> = WalCodec::new(after.clone()).decode(entry).expect("its own bytes");
    assert_eq!(replayed, value);
    assert_eq!(after.get(&value.value.0), Some(block));
}

#[test]
fn lengths_over_their_bound_are_refused_before_memory_is_spent() {
    // A part that claims one byte more than a part may have, and 4 GiB; neither brings any bytes.
    for claimed in [u32::try_from(PART_BYTES_MAX + 1).expect("fits"), u32::MAX] {
        let bytes = [&[1, 1][..], &claimed.to_le_bytes()].concat();
        let refused = Codec::<ProposalPart>::decode(&network(), bytes.into()).expect_err("over the bound");
        assert!(refused.to_string().contains("at most 65536"), "{refused}");
    }
    let mut seed = Seed::new();
    let largest = polka(&mut seed, VALIDATORS_MAX);
    assert!(wal().encode(&largest).is_ok());
    let over = polka(&mut seed, VALIDATORS_MAX + 1);
    assert_eq!(wal().encode(&over), Err(CodecError::TooLong));
    let id = StreamId::new(seed.bytes(33).into());
    let long: StreamMessage<ProposalPart> = StreamMessage::new(id, 0, StreamContent::Fin);
    assert_eq!(network().encode(&long), Err(CodecError::TooLong));
}

#[test]
fn withheld_signatures_and_the_nil_round_have_no_wire_form() {
    let mut seed = Seed::new();
    let mut withheld = vote(&mut seed);
    withheld.signature = WITHHELD;
    let message = SignedConsensusMsg::Vote(withheld.clone());
    assert_eq!(network().encode(&message), Err(CodecError::Withheld));
    assert_eq!(network().encode(&LivenessMsg::Vote(withheld)), Err(CodecError::Withheld));
    let mut nowhere = vote(&mut seed);
    nowhere.message.round = Round::Nil;
    assert_eq!(network().encode(&SignedConsensusMsg::Vote(nowhere)), Err(CodecError::NilRound));
}

#[test]
fn formats_are_pinned() {
    /// One hash over the encodings of fixed messages of one type.
    fn pin<T, C: Codec<T>>(codec: &C, make: fn(&mut Seed) -> T) -> String {
        let mut seed = Seed::of(7);
        let mut hasher = blake3::Hasher::new();
        for _ in 0..16 {
            hasher.update(&codec.encode(&make(&mut seed)).expect("it has a wire form"));
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
    // A change here is a change of the network or log format: nodes of two versions do not understand each other.
    let pins = [
        ("consensus message", pin(&network(), consensus_message), "dc68b08d6655e139"),
        ("liveness", pin(&network(), liveness), "1e0609647a4b54a6"),
        ("stream", pin(&network(), stream), "5f3a10da957f8982"),
        ("proof", pin(&network(), proof), "f56c69a24e026a23"),
        ("status", pin(&network(), status), "a95a9094e0a84dd2"),
        ("request", pin(&network(), request), "06b65f3ee90dc0e2"),
        ("response", pin(&network(), response), "2bbb1d5ea108ab01"),
        ("logged value", pin(&wal(), proposed_value), "2fd87cfbe09122a4"),
    ];
    let changed: Vec<_> = pins.iter().filter(|(_, found, expected)| found != expected).collect();
    assert!(changed.is_empty(), "changed encodings (name, found, expected): {changed:#?}");
}
