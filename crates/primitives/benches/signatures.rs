//! What checking a signature costs here, against the library below: JSON lines on standard output.
//!
//! Both sides check the same signatures of transfer-sized messages on one thread, in turns, so that what else the
//! machine does falls on both. Run with `cargo bench -p primitives`. Under `cargo test` it does nothing, because a
//! timed test is no test.

use std::convert::Infallible;
use std::time::Instant;

use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use primitives::crypto::ed25519::{BatchItem, verify_batch};
use primitives::{PublicKey, SecretKey, Signature};
use rand_core::{TryCryptoRng, TryRng};
use testkit::Seed;

/// Signatures of one batch.
const BATCH: usize = 100;
/// Bytes of one message, about a transfer's.
const MESSAGE_BYTES: usize = 200;
/// Turns; the middle one of each side is its figure.
const TURNS: usize = 201;

/// One signature.
struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

fn main() {
    // Cargo passes `--bench` to benchmarks and leaves it out when it runs them as tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut seed = Seed::of(1);
    let signed: Vec<Signed> = (0..BATCH)
        .map(|_| {
            let secret = SecretKey::from_seed(seed.array());
            let message = seed.bytes(MESSAGE_BYTES);
            Signed { key: secret.public_key(), signature: secret.sign(&message), message }
        })
        .collect();
    print("signature_single", &signed, single, raw_single);
    print("signature_batch", &signed, batched, |signed| raw_batched(signed, &mut Coefficients(seed.clone())));
}

/// Measures both in turns and prints nanoseconds for each signature.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn print(case: &str, signed: &[Signed], ours: impl Fn(&[Signed]) -> bool, mut raw: impl FnMut(&[Signed]) -> bool) {
    let (mut ours_ns, mut raw_ns) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let start = Instant::now();
        assert!(std::hint::black_box(ours(signed)), "the signatures are good");
        ours_ns.push(start.elapsed().as_nanos());
        let start = Instant::now();
        assert!(std::hint::black_box(raw(signed)), "the signatures are good");
        raw_ns.push(start.elapsed().as_nanos());
    }
    let each = |mut times: Vec<u128>| {
        times.sort_unstable();
        times[TURNS / 2] / u128::try_from(BATCH).expect("small")
    };
    let (ours_ns, raw_ns) = (each(ours_ns), each(raw_ns));
    println!(
        r#"{{"case":"{case}","signatures":{BATCH},"ours_ns":{ours_ns},"library_ns":{raw_ns},"per_second_and_core":{},"ours_per_library_ppm":{}}}"#,
        1_000_000_000 / ours_ns.max(1),
        ours_ns * 1_000_000 / raw_ns.max(1),
    );
}

fn single(signed: &[Signed]) -> bool {
    signed.iter().all(|one| one.key.verify(&one.message, &one.signature))
}

fn raw_single(signed: &[Signed]) -> bool {
    signed.iter().all(|one| {
        VerificationKey::try_from(one.key.0).and_then(|key| key.verify(&one.signature.0.into(), &one.message)).is_ok()
    })
}

fn batched(signed: &[Signed]) -> bool {
    let items: Vec<BatchItem<'_>> =
        signed.iter().map(|one| BatchItem { key: one.key, message: &one.message, signature: one.signature }).collect();
    verify_batch(&items).into_iter().all(|good| good)
}

fn raw_batched(signed: &[Signed], coefficients: &mut Coefficients) -> bool {
    let mut verifier = batch::Verifier::new();
    for one in signed {
        verifier.queue((VerificationKeyBytes::from(one.key.0), one.signature.0.into(), &one.message));
    }
    verifier.verify(coefficients).is_ok()
}

/// The library's batches want random numbers; those of a seed will do where nobody cheats.
struct Coefficients(Seed);

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.0.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}
