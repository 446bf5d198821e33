//! Official vectors: BIP-39 (English, 12 and 24 words), SLIP-10 (Ed25519), and the chain's own path.

use crate::derive::{ACCOUNT_MAX, AccountError, account_key, derive};
use crate::mnemonic::{Mnemonic, MnemonicError};
use primitives::SecretKey;

/// Entropy, words, seed with the passphrase "TREZOR"; from the reference implementation's `vectors.json`.
const BIP39: &[(&str, &str, &str)] = &[
    (
        "00000000000000000000000000000000",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
    ),
    (
        "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
        "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607",
    ),
    (
        "80808080808080808080808080808080",
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
        "d71de856f81a8acc65e6fc851a38d4d7ec216fd0796d0a6827a3ad6ed5511a30fa280f12eb2e47ed2ac03b5c462a0358d18d69fe4f985ec81778c1b370b652a8",
    ),
    (
        "ffffffffffffffffffffffffffffffff",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        "ac27495480225222079d7be181583751e86f571027b0497b5b5d11218e0a8a13332572917f0f8e5a589620c6f15b11c61dee327651a14c34e18231052e48c069",
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
        "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8",
    ),
    (
        "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
        "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
        "bc09fca1804f7e69da93c2f2028eb238c227f2e9dda30cd63699232578480a4021b146ad717fbb7e451ce9eb835f43620bf5c514db0f8add49f5d121449d3e87",
    ),
    (
        "8080808080808080808080808080808080808080808080808080808080808080",
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
        "c0c519bd0e91a2ed54357d9d1ebef6f5af218a153624cf4f2da911a0ed8f7a09e2ef61af0aca007096df430022f7a2b6fb91661a9589097069720d015e4e982f",
    ),
    (
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
        "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
    ),
    (
        "9e885d952ad362caeb4efe34a8e91bd2",
        "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
        "274ddc525802f7c828d8ef7ddbcdc5304e87ac3535913611fbbfa986d0c9e5476c91689f9c8a54fd55bd38606aa6a8595ad213d4c9c9f9aca3fb217069a41028",
    ),
    (
        "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
        "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
        "64c87cde7e12ecf6704ab95bb1408bef047c22db4cc7491c4271d170a1b213d20b385bc1588d9c7b38f1b39d415665b8a9030c9ec653d75e65f847d8fc1fc440",
    ),
    (
        "c0ba5a8e914111210f2bd131f3d5e08d",
        "scheme spot photo card baby mountain device kick cradle pact join borrow",
        "ea725895aaae8d4c1cf682c1bfd2d358d52ed9f0f0591131b559e2724bb234fca05aa9c02c57407e04ee9dc3b454aa63fbff483a8b11de949624b9f1831a9612",
    ),
    (
        "9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863",
        "panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside",
        "72be8e052fc4919d2adf28d5306b5474b0069df35b02303de8c1729c9538dbb6fc2d731d5f832193cd9fb6aeecbc469594a70e3dd50811b5067f3b88b28c3e8d",
    ),
    (
        "23db8160a31d3e0dca3688ed941adbf3",
        "cat swing flag economy stadium alone churn speed unique patch report train",
        "deb5f45449e615feff5640f2e49f933ff51895de3b4381832b3139941c57b59205a42480c52175b6efcffaa58a2503887c1e8b363a707256bdd2b587b46541f5",
    ),
    (
        "066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad",
        "all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform",
        "26e975ec644423f4a4c4f4215ef09b4bd7ef924e85d1d17c4cf3f136c2863cf6df0a475045652c57eb5fb41513ca2a2d67722b77e954b4b3fc11f7590449191d",
    ),
    (
        "f30f8c1da665478f49b001d94c5fc452",
        "vessel ladder alter error federal sibling chat ability sun glass valve picture",
        "2aaa9242daafcee6aa9d7269f17d4efe271e1b9a529178d7dc139cd18747090bf9d60295d0ce74309a78852a9caadf0af48aae1c6253839624076224374bc63f",
    ),
    (
        "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
        "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold",
        "01f5bced59dec48e362f2c45b5de68b9fd6c92c6634f44d6d40aab69056506f0e35524a518034ddc1192e1dacd32c1ed3eaa3c3b131c88ed8e7e54c49a5d0998",
    ),
];

/// 18 words: valid in BIP-39, refused here.
const BIP39_18_WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon agent";

/// Seed, then (path, private key, public key).
type Slip10 = (&'static str, &'static [(&'static [u32], &'static str, &'static str)]);

/// Test vectors 1 and 2 for Ed25519 of SLIP-10.
const SLIP10: &[Slip10] = &[
    (
        "000102030405060708090a0b0c0d0e0f",
        &[
            (
                &[],
                "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
                "a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
            ),
            (
                &[0],
                "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
                "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
            ),
            (
                &[0, 1],
                "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2",
                "1932a5270f335bed617d5b935c80aedb1a35bd9fc1e31acafd5372c30f5c1187",
            ),
            (
                &[0, 1, 2],
                "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9",
                "ae98736566d30ed0e9d2f4486a64bc95740d89c7db33f52121f8ea8f76ff0fc1",
            ),
            (
                &[0, 1, 2, 2],
                "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662",
                "8abae2d66361c879b900d204ad2cc4984fa2aa344dd7ddc46007329ac76c429c",
            ),
            (
                &[0, 1, 2, 2, 1_000_000_000],
                "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
                "3c24da049451555d51a7014a37337aa4e12d41e485abccfa46b47dfb2af54b7a",
            ),
        ],
    ),
    (
        "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
        &[
            (
                &[],
                "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012",
                "8fe9693f8fa62a4305a140b9764c5ee01e455963744fe18204b4fb948249308a",
            ),
            (
                &[0],
                "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635",
                "86fab68dcb57aa196c77c5f264f215a112c22a912c10d123b0d03c3c28ef1037",
            ),
            (
                &[0, 2_147_483_647],
                "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4",
                "5ba3b9ac6e90e83effcd25ac4e58a1365a9e35a3d3ae5eb07b9e4d90bcf7506d",
            ),
            (
                &[0, 2_147_483_647, 1],
                "3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c",
                "2e66aa57069c86cc18249aecf5cb5a9cebbfd6fadeab056254763874a9352b45",
            ),
            (
                &[0, 2_147_483_647, 1, 2_147_483_646],
                "5837736c89570de861ebc173b1086da4f505d4adb387c6a1b1342d5e4ac9ec72",
                "e33c0f7d81d843c572275f287498e8d408654fdf0d1e065b84e2e6f157aab09b",
            ),
            (
                &[0, 2_147_483_647, 1, 2_147_483_646, 2],
                "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d",
                "47150c75db263559a70d5778bf36abbab30fb061ad69f69ece61a72b0cfa4fc0",
            ),
        ],
    ),
];

/// Secrets of accounts 0, 1 and 2^31 − 1 below the words "abandon … art" without a passphrase, computed by an
/// independent implementation of PBKDF2 and SLIP-10.
const OWN_PATH: [(u32, &str); 3] = [
    (0, "3e72d3ee91be728c887ffa6ddc51ca29e5a272cc7b1f59f909c6f8c771f8feff"),
    (1, "2e838e649d557410127f2b73c212936de4e062c49b94ba85f0289def6def3abd"),
    (ACCOUNT_MAX, "f27d48334183fba277c7729e1ba6690f588d078ef71c2c35f825d4f47a006eaf"),
];

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("the vector is hexadecimal")
}

#[test]
fn bip39_vectors_pass_in_both_directions() {
    for (entropy, words, seed) in BIP39 {
        let mnemonic = Mnemonic::from_entropy(&bytes(entropy)).expect("the entropy has 16 or 32 bytes");
        assert_eq!(*mnemonic.phrase(), *words);
        assert_eq!(Mnemonic::parse(words).expect("the words are valid"), mnemonic);
        assert_eq!(*mnemonic.entropy(), bytes(entropy));
        assert_eq!(hex::encode(&mnemonic.seed("TREZOR")[..]), *seed);
        assert_ne!(hex::encode(&mnemonic.seed("")[..]), *seed, "the passphrase must count");
    }
}

#[test]
fn slip10_vectors_pass_for_secret_and_public_keys() {
    for (seed, cases) in SLIP10 {
        for (path, secret, public) in *cases {
            let derived = derive(&bytes(seed), path);
            assert_eq!(hex::encode(&derived[..]), *secret, "path {path:?}");
            assert_eq!(SecretKey::from_seed(*derived).public_key().to_string(), *public, "path {path:?}");
        }
    }
}

#[test]
fn accounts_lie_at_the_documented_path() {
    let words = BIP39.iter().find(|(_, words, _)| words.ends_with("abandon art")).expect("it is one of the vectors").1;
    let seed = Mnemonic::parse(words).expect("the words are valid").seed("");
    for (account, secret) in OWN_PATH {
        let key = account_key(&seed[..], account).expect("the index is in range");
        assert_eq!(hex::encode(key.seed()), secret, "account {account}");
    }
    assert_eq!(account_key(&seed[..], ACCOUNT_MAX + 1).err(), Some(AccountError(ACCOUNT_MAX + 1)));
}

#[test]
fn words_are_read_as_people_type_them() {
    let neat = Mnemonic::parse(BIP39[0].1).expect("the words are valid");
    let typed = format!("  {}\n", BIP39[0].1.replace(' ', "\t \n").to_uppercase());
    assert_eq!(Mnemonic::parse(&typed), Ok(neat));
}

#[test]
fn every_mistake_in_words_has_a_name() {
    let words = BIP39[0].1;
    let table = [
        ("", MnemonicError::WordCount(0)),
        ("abandon about", MnemonicError::WordCount(2)),
        (BIP39_18_WORDS, MnemonicError::WordCount(18)),
        (&words.replace("about", "abuot"), MnemonicError::UnknownWord(12)),
        (&words.replace("about", "abandon"), MnemonicError::Checksum),
        (&"abandon ".repeat(65), MnemonicError::TooLong),
    ];
    for (text, error) in table {
        assert_eq!(Mnemonic::parse(text), Err(error), "for {text:?}");
    }
    for length in [0, 15, 17, 24, 31, 33, 64] {
        assert_eq!(Mnemonic::from_entropy(&vec![7; length]), Err(MnemonicError::EntropyLength(length)));
    }
}

#[test]
fn debug_hides_the_words() {
    let mnemonic = Mnemonic::parse(BIP39[0].1).expect("the words are valid");
    assert_eq!(format!("{mnemonic:?}"), "Mnemonic(hidden)");
}
