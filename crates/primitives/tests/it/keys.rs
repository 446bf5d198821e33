//! Ed25519: the vectors of RFC 8032, ZIP-215, and single == batch on every input.

use primitives::crypto::ed25519::BatchItem;
use primitives::crypto::verify_batch;
use primitives::{PublicKey, SecretKey, Signature};
use testkit::Seed;

/// RFC 8032 §7.1: secret, public, message, signature.
const RFC_8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

#[test]
fn rfc_8032_vectors_pass() {
    for [secret, public, message, signature] in RFC_8032 {
        let seed: [u8; 32] = hex::decode(secret).unwrap().try_into().unwrap();
        let secret = SecretKey::from_seed(seed);
        let message = hex::decode(message).unwrap();
        assert_eq!(secret.public_key().to_string(), public);
        assert_eq!(secret.sign(&message).to_string(), signature);
        assert!(secret.public_key().verify(&message, &signature.parse().unwrap()));
    }
}

/// Every encoding of a point of small order that ZIP-215 accepts: the eight canonical ones, then the six that are not.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn zip_215_accepts_small_order_signatures_and_we_refuse_such_keys_where_it_matters() {
    // The test set of ZIP-215: each small-order key with each small-order R and s = 0, singly and as one batch.
    let mut items = Vec::new();
    for key in SMALL_ORDER {
        let key: PublicKey = key.parse().unwrap();
        assert!(!key.is_strong());
        for commitment in SMALL_ORDER {
            let mut signature = [0_u8; 64];
            signature[..32].copy_from_slice(&commitment.parse::<PublicKey>().unwrap().0);
            let signature = Signature(signature);
            assert!(key.verify(b"Zcash", &signature), "{key} {signature}: rules 1 and 2, cofactored equation");
            items.push(BatchItem { key, message: b"Zcash", signature });
        }
    }
    assert_eq!(items.len(), 196);
    assert!(verify_batch(&items).into_iter().all(|good| good));
    assert!(SecretKey::from_seed([1; 32]).public_key().is_strong());
}

#[test]
fn what_is_no_point_of_the_curve_is_no_key_and_no_commitment() {
    // y = 2 and y = 7 belong to no point.
    for byte in [2, 7] {
        let mut bytes = [0; 32];
        bytes[0] = byte;
        let (key, weak) = (PublicKey(bytes), SMALL_ORDER[0].parse::<PublicKey>().unwrap());
        let mut signature = Signature([0; 64]);
        signature.0[..32].copy_from_slice(&weak.0);
        assert!(!key.is_strong() && !key.verify(b"Zcash", &signature));
        signature.0[..32].copy_from_slice(&bytes);
        assert!(!weak.verify(b"Zcash", &signature));
        let item = BatchItem { key: weak, message: b"Zcash", signature };
        assert_eq!(verify_batch(&[item, item]), [false, false]);
    }
}

#[test]
fn a_malleable_signature_is_refused() {
    let secret = SecretKey::from_seed([5; 32]);
    let mut signature = secret.sign(b"pay");
    // S + ℓ is the same scalar with another encoding.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0_u16;
    for (byte, add) in signature.0[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert!(secret.public_key().verify(b"pay", &secret.sign(b"pay")));
    assert!(!secret.public_key().verify(b"pay", &signature));
}

#[test]
fn batch_and_single_give_the_same_verdict_on_every_input() {
    let mut seed = Seed::new();
    for _ in 0..120 {
        let count = seed.index(12);
        let mut items = Vec::new();
        let messages: Vec<Vec<u8>> = (0..count).map(|_| seed.bytes(20)).collect();
        for message in &messages {
            let secret = SecretKey::from_seed(seed.array());
            let (mut key, mut signature) = (secret.public_key(), secret.sign(message));
            match seed.below(14) {
                0 => signature.0[seed.index(64)] ^= 1 << seed.below(8),
                1 => key.0[seed.index(32)] ^= 1 << seed.below(8),
                2 => key = PublicKey(seed.array()),
                3 => {
                    key = seed.pick(&SMALL_ORDER).parse().unwrap();
                    signature = Signature([0; 64]);
                    signature.0[..32].copy_from_slice(&key.0);
                }
                4 => signature = Signature([0xff; 64]),
                // Torsion that the cofactor hides, and a commitment that has nothing to do with the rest.
                5 => {
                    key = seed.pick(&SMALL_ORDER).parse().unwrap();
                    let commitment: PublicKey = seed.pick(&SMALL_ORDER).parse().unwrap();
                    signature = Signature([0; 64]);
                    signature.0[..32].copy_from_slice(&commitment.0);
                }
                6 => signature.0[..32].copy_from_slice(&seed.pick(&SMALL_ORDER).parse::<PublicKey>().unwrap().0),
                _ => {}
            }
            items.push(BatchItem { key, message, signature });
        }
        let single: Vec<bool> = items.iter().map(|item| item.key.verify(item.message, &item.signature)).collect();
        assert_eq!(verify_batch(&items), single);
    }
}

#[test]
fn secrets_do_not_print() {
    assert_eq!(format!("{:?}", SecretKey::from_seed([9; 32])), "SecretKey(hidden)");
    assert_eq!(format!("{:?}", primitives::VrfSecretKey::from_seed([9; 32])), "VrfSecretKey(hidden)");
}
