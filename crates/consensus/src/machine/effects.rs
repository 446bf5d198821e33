//! What the core asks for, answered in place or put behind what is being done.
//!
//! Rule: what the engine's actors do by message (build, decide, finalize, judge a synced block, assemble
//! parts) waits in the work queue until the core has finished its input; what they do by call is done at once.

use arc_malachitebft_app_channel::AppMsg;
use arc_malachitebft_app_channel::app::consensus::{
    ConsensusMsg, Effect, Input, LivenessMsg, MisbehaviorEvidence, Resumable, Resume, Role, SignedConsensusMsg,
};
use arc_malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use arc_malachitebft_app_channel::app::streaming::StreamMessage;
use arc_malachitebft_app_channel::app::types::codec::Codec;
use arc_malachitebft_app_channel::app::types::core::{
    CertificateError, CommitCertificate, Round as EngineRound, SignedMessage, Timeouts, ValueOrigin, ValueResponse,
    VoteExtensions,
};
use arc_malachitebft_app_channel::{Signer, Verifier};
use arc_malachitebft_signing::{Error as SigningError, VerificationResult, VerifierExt};
use tokio::sync::oneshot;

use super::{Channel, EffectHost, End, LogEntry, Output, Timer, Unready, done, wire};
use crate::again::SignedOffer;
use crate::context::ChainContext;
use crate::signer::WITHHELD;
use crate::types::{BlockId, ChainHeight, ProposalPart, ValidatorAddress};

/// What waits until the core has finished its input.
pub(super) enum Work {
    /// Something for the core.
    Input(Input<ChainContext>),
    /// A proposal part of a peer.
    Part(u16, StreamMessage<ProposalPart>),
    /// It is our turn to propose.
    Build(ChainHeight, EngineRound, std::time::Duration),
    /// A block goes out again.
    Restream(ChainHeight, EngineRound, EngineRound, ValidatorAddress, BlockId),
    /// A height is decided.
    Decided(CommitCertificate<ChainContext>, VoteExtensions<ChainContext>),
    /// A height is done.
    Finalized(CommitCertificate<ChainContext>, VoteExtensions<ChainContext>, MisbehaviorEvidence<ChainContext>),
    /// A synced block whose certificate verifies.
    Synced(ValueResponse<ChainContext>, ValidatorAddress),
}

type Answer = Result<Resume<ChainContext>, &'static str>;
type Certified = Result<(), CertificateError<ChainContext>>;

impl EffectHost {
    /// Answers one effect.
    pub(super) fn effect(&mut self, effect: Effect<ChainContext>) -> Answer {
        if self.is_over() {
            return Err("the machine has ended");
        }
        let (state, context) = (&self.state, &ChainContext);
        let resume = match effect {
            Effect::SignVote(vote, r) => {
                let vote = self.cast(vote);
                let signed = state.signer.as_ref().map(|signer| done(signer.sign_vote(vote)));
                r.resume_with(signed.and_then(Result::ok).unwrap_or(SignedMessage::new(vote, WITHHELD)))
            }
            Effect::SignProposal(proposal, r) => {
                let signed = state.signer.as_ref().map(|signer| done(signer.sign_proposal(proposal)));
                r.resume_with(signed.and_then(Result::ok).unwrap_or(SignedMessage::new(proposal, WITHHELD)))
            }
            Effect::VerifySignature(message, key, r) => {
                let signature = &message.signature;
                let verdict = match &message.message {
                    ConsensusMsg::Vote(vote) => done(state.verifier.verify_signed_vote(vote, signature, &key)),
                    ConsensusMsg::Proposal(offer) => {
                        done(state.verifier.verify_signed_proposal(offer, signature, &key))
                    }
                };
                r.resume_with(verdict.is_ok_and(|verdict| verdict.is_valid()))
            }
            Effect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                r.resume_with(done(state.verifier.verify_commit_certificate(context, &certificate, &set, thresholds)))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => {
                let verifier = &state.verifier;
                let verdict =
                    verifier.verify_extended_commit_certificate(context, &certificate, &set, thresholds, policy);
                r.resume_with(done(verdict))
            }
            Effect::VerifyPolkaCertificate(certificate, set, thresholds, r) => {
                r.resume_with(done(state.verifier.verify_polka_certificate(context, &certificate, &set, thresholds)))
            }
            Effect::VerifyRoundCertificate(certificate, set, thresholds, r) => {
                r.resume_with(done(state.verifier.verify_round_certificate(context, &certificate, &set, thresholds)))
            }
            Effect::ExtendVote(_, _, _, _, r) => r.resume_with(None),
            Effect::VerifyVoteExtension(_, _, _, _, _, _, r) => r.resume_with(Ok(())),
            other => self.act(other),
        };
        self.flush_if_asked();
        Ok(resume)
    }

    /// The effects that are answered with nothing.
    fn act(&mut self, effect: Effect<ChainContext>) -> Resume<ChainContext> {
        match effect {
            Effect::CancelAllTimeouts(_) => self.outputs.push(Output::CancelTimers),
            Effect::CancelTimeout(timeout, _) => self.outputs.push(Output::CancelTimer(Timer(timeout))),
            Effect::ScheduleTimeout(timeout, _) => {
                let after = self.params.timeouts.duration_for(timeout);
                self.outputs.push(Output::SetTimer(Timer(timeout), after));
            }
            Effect::StartRound(height, round, proposer, role, _) => self.start_round(height, round, proposer, role),
            Effect::PublishConsensusMsg(message, _) => {
                self.flush();
                let bytes = self.network_codec.encode(&message).ok();
                self.publish(Channel::Consensus, bytes);
            }
            Effect::PublishLivenessMsg(message, _) => self.publish_liveness(&message),
            Effect::RepublishVote(vote, _) => self.publish_liveness(&LivenessMsg::Vote(vote)),
            Effect::RepublishRoundCertificate(certificate, _) => {
                self.publish_liveness(&LivenessMsg::SkipRoundCertificate(certificate));
            }
            Effect::GetValue(height, round, timeout, _) => {
                let wait = self.params.timeouts.duration_for(timeout);
                self.work.push_back(Work::Build(height, round, wait));
            }
            Effect::RestreamProposal(height, round, valid_round, address, value, _) => {
                self.work.push_back(Work::Restream(height, round, valid_round, address, value));
            }
            Effect::Decide(certificate, extensions, _) => {
                self.flush();
                self.work.push_back(Work::Decided(certificate, extensions));
            }
            Effect::Finalize(certificate, extensions, evidence, _) => {
                self.work.push_back(Work::Finalized(certificate, extensions, evidence));
            }
            Effect::CertVerifiedSyncValue(value, proposer, _) => self.work.push_back(Work::Synced(value, proposer)),
            Effect::CertRejectedSyncValue(_, height, _, _) => self.outputs.push(Output::SyncFault(height.0)),
            Effect::WalAppend(height, input, _) => self.log(height, input),
            // Every effect with an answer of its own was handled before.
            _ => {}
        }
        Resume::Continue
    }

    /// Does what waited; `Some` is an input for the core.
    pub(super) fn perform(&mut self, work: Work) -> Option<Input<ChainContext>> {
        match work {
            Work::Input(input) => return Some(input),
            Work::Part(from, part) => {
                let (reply, mut answer) = oneshot::channel();
                let from = wire::peer_id(from);
                self.dispatch(AppMsg::ReceivedProposalPart { from, published_by: Some(from), part, reply });
                return answer.try_recv().ok().flatten().map(Self::value);
            }
            Work::Build(height, round, timeout) => {
                let (reply, mut answer) = oneshot::channel();
                self.dispatch(AppMsg::GetValue { height, round, timeout, reply });
                return answer.try_recv().ok().map(Input::Propose);
            }
            Work::Restream(height, round, valid_round, address, value_id) => {
                self.dispatch(AppMsg::RestreamProposal { height, round, valid_round, address, value_id });
            }
            Work::Decided(certificate, extensions) => {
                let (reply, _) = oneshot::channel();
                self.dispatch(AppMsg::Decided { certificate, extensions, reply });
            }
            Work::Finalized(certificate, extensions, evidence) => {
                let (reply, mut answer) = oneshot::channel();
                self.dispatch(AppMsg::Finalized { certificate, extensions, evidence, reply });
                if let Ok(next) = answer.try_recv() {
                    self.started_next(next);
                }
            }
            Work::Synced(value, proposer) => return self.judge_synced(value, proposer),
        }
        None
    }

    fn judge_synced(
        &mut self,
        value: ValueResponse<ChainContext>,
        proposer: ValidatorAddress,
    ) -> Option<Input<ChainContext>> {
        let (height, round) = (value.certificate.height, value.certificate.round);
        let (reply, mut answer) = oneshot::channel();
        self.dispatch(AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes: value.value_bytes, reply });
        match answer.try_recv() {
            Ok(SyncedValueOutcome::Verdict(mut judged)) if judged.value == value.certificate.value_id => {
                judged.round = round;
                Some(Input::ProposedValue(judged, ValueOrigin::Sync))
            }
            _ => {
                self.outputs.push(Output::SyncFault(height.0));
                None
            }
        }
    }

    fn start_round(&mut self, height: ChainHeight, round: EngineRound, proposer: ValidatorAddress, role: Role) {
        self.flush();
        let (reply_value, mut answer) = oneshot::channel();
        self.dispatch(AppMsg::StartedRound { height, round, proposer, role, reply_value });
        let values = answer.try_recv().unwrap_or_default();
        self.work.extend(values.into_iter().map(|value| Work::Input(Self::value(value))));
    }

    fn publish_liveness(&mut self, message: &LivenessMsg<ChainContext>) {
        let bytes = self.network_codec.encode(message).ok();
        self.publish(Channel::Liveness, bytes);
    }

    /// Publishes an offer of ours again.
    pub(super) fn publish_offer(&mut self, offer: SignedOffer) {
        let bytes = self.network_codec.encode(&SignedConsensusMsg::Proposal(offer)).ok();
        self.publish(Channel::Consensus, bytes);
    }

    fn publish(&mut self, channel: Channel, bytes: Option<bytes::Bytes>) {
        // What the codec refuses is a withheld signature: the node abstains.
        self.outputs.extend(bytes.map(|bytes| Output::Publish(channel, bytes)));
    }

    pub(super) fn flush(&mut self) {
        if self.validator && !self.recovering {
            self.outputs.push(Output::FlushLog);
        }
    }

    fn log(&mut self, height: ChainHeight, input: Input<ChainContext>) {
        if !self.validator || self.recovering {
            return;
        }
        let codec = &self.wal_codec;
        let entry = match input {
            Input::Vote(vote) => codec.encode(&SignedConsensusMsg::Vote(vote)).map(LogEntry::Message),
            Input::Proposal(offer) => codec.encode(&SignedConsensusMsg::Proposal(offer)).map(LogEntry::Message),
            Input::ProposedValue(value, _) => codec.encode(&value).map(LogEntry::Offer),
            Input::PolkaCertificate(polka) => codec.encode(&polka).map(LogEntry::Polka),
            Input::TimeoutElapsed(timeout) => Ok(LogEntry::Timeout(Timer(timeout))),
            _ => return self.stop(End::Core("the core logged an input that no log holds".to_owned())),
        };
        match entry {
            Ok(entry) => self.outputs.push(Output::Log(height.0, entry)),
            Err(error) => self.stop(End::Core(format!("the log cannot hold an entry: {error}"))),
        }
    }
}

impl Unready for Result<VerificationResult, SigningError> {
    fn unready() -> Self {
        Ok(VerificationResult::Invalid)
    }
}

impl Unready for Certified {
    fn unready() -> Self {
        Err(CertificateError::NotEnoughVotingPower { signed: 0, total: 0, expected: 0 })
    }
}

impl<M> Unready for Result<SignedMessage<ChainContext, M>, SigningError> {
    fn unready() -> Self {
        Err(SigningError::from_source(std::io::Error::other("the signer waited for something outside the machine")))
    }
}
