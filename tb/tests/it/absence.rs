//! An address without an account: a light client shows that there is none, and no lie about it passes.

use primitives::{Address, Hash, Header, Height, SecretKey, decode, encode};
use rpc::Client;
use rpc::types::{AccountProof, BlockId, Hex};
use testkit::Seed;

use crate::cluster::Cluster;
use crate::proofs::{alter, verify_with};
use crate::proxy::{Lie, Proxy};

/// Random alterations of the proof.
const ALTERATIONS: usize = 6;

/// Of a network that has a chain proof, of the node behind the proxy, and of an address that has an account there.
pub async fn is_shown_and_no_lie_passes(cluster: &Cluster, client: &Client, proxy: &Proxy, owner: Address) {
    let stranger = Address::of_key(&SecretKey::from_seed([213; 32]).public_key());
    let shown = verify_with(cluster, client.base_url(), &["--account", &stranger.to_string()]).ok();
    assert!(shown["account"].is_null(), "{shown}");
    let none = &shown["no_account"];
    assert_eq!(none["address"], stranger.to_string());
    let height = none["height"].as_u64().expect("a height");
    assert!(Some(height) >= shown["proven_height"].as_u64() && Some(height) <= shown["attested_height"].as_u64());
    let block = client.certified_block(BlockId::Height(Height(height))).await.expect("it is there");
    let (header, ..) = block.decode().expect("a header");
    assert_eq!(none["block"], header.hash().to_string(), "the block that says so is on the chain");
    // The owner of an account is not absent, and nobody is both.
    let owned = verify_with(cluster, client.base_url(), &["--account", &owner.to_string()]).ok();
    assert!(owned["no_account"].is_null() && owned["account"]["balance"].as_u64().is_some(), "{owned}");

    let path = format!("/accounts/{stranger}/proof");
    let lied = |what: &str, change: Box<dyn Fn(AccountProof) -> AccountProof + Send>| {
        let path = path.clone();
        proxy.lies(Box::new(move |asked, body| {
            (asked == path).then(|| {
                let honest: AccountProof = serde_json::from_slice(body).expect("a proof");
                serde_json::to_vec(&change(honest)).expect("JSON")
            })
        }));
        let ended = verify_with(cluster, &proxy.url, &["--account", &stranger.to_string()]);
        assert_eq!(ended.refused().code, "not_proven", "{what}: {ended:?}");
    };
    let of_owner = client.account_proof(&owner).await.expect("it has an account");
    let other_state = |proof: &AccountProof, root: Hash| {
        let header: Header = decode(&proof.header.0).expect("a header");
        let header = Header { state_root: root, ..header };
        let mut proof = AccountProof { block: header.hash(), header: Hex(encode(&header)), ..proof.clone() };
        proof.state.root = root;
        proof
    };
    let shown_of_owner = of_owner.clone();
    lied("the account of another", Box::new(move |_| shown_of_owner.clone()));
    lied(
        "a slot that is not its own",
        Box::new(move |proof| AccountProof {
            slot: of_owner.slot,
            ledger_slot: of_owner.ledger_slot.clone(),
            ledger_proof: of_owner.ledger_proof.clone(),
            ..proof
        }),
    );
    lied(
        "a value that is not there",
        Box::new(|mut proof| {
            proof.state.value = Some(Hex(vec![0; 4]));
            proof
        }),
    );
    lied("another state root", Box::new(move |proof| other_state(&proof, Hash([7; 32]))));
    lied("another height", Box::new(|proof| AccountProof { height: proof.height.next(), ..proof }));
    let mut seed = Seed::new();
    for _ in 0..ALTERATIONS {
        let random = seed.u64();
        lied(
            "an altered bit",
            Box::new(move |mut proof| {
                let state = serde_json::to_vec(&proof.state).expect("JSON");
                proof.state = serde_json::from_slice(&alter(&state, "proof", random)).expect("a proof");
                proof
            }),
        );
    }
    let honest: Lie = Box::new(|_, _| None);
    proxy.lies(honest);
    let again = verify_with(cluster, &proxy.url, &["--account", &stranger.to_string()]).ok();
    assert_eq!(again["no_account"]["address"], stranger.to_string(), "the proxy alone changes nothing");
}
