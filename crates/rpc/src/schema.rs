//! Schemas of the values that travel as text: how an address, a hash or an amount looks in OpenAPI.
//!
//! `primitives` does not know OpenAPI. A field of one of its types names a type of this module with
//! `#[schema(value_type = …)]`; these types hold nothing and are never made.

use std::borrow::Cow;

use utoipa::openapi::schema::{Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Name and schema of one type, as the tables of routes carry it.
#[derive(Debug, Clone, Copy)]
pub struct TypeSchema {
    /// The component's name.
    pub name: fn() -> Cow<'static, str>,
    /// The component itself.
    pub schema: fn() -> RefOr<Schema>,
    /// Adds the components that it refers to.
    pub nested: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl TypeSchema {
    /// The schema of `T`.
    pub const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, nested: T::schemas }
    }
}

macro_rules! text {
    ($name:ident, $component:literal, $description:literal, $pattern:literal) => {
        #[doc = concat!("Schema only: ", $description)]
        #[derive(Debug)]
        pub enum $name {}
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::String))
                    .description(Some($description))
                    .pattern(Some($pattern))
                    .into()
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($component)
            }
        }
    };
}

text!(AddressText, "Address", "an account address, bech32m with the prefix tb", "^tb1[02-9ac-hj-np-z]{54}$");
text!(HashText, "Hash", "32 bytes in lower-case hexadecimal", "^[0-9a-f]{64}$");
text!(DigestText, "LedgerDigest", "eight field elements, little-endian, in hexadecimal", "^[0-9a-f]{64}$");
text!(TransactionIdText, "TransactionId", "the hash that names a transaction", "^[0-9a-f]{64}$");
text!(PublicKeyText, "PublicKey", "an Ed25519 public key in hexadecimal", "^[0-9a-f]{64}$");
text!(SignatureText, "Signature", "an Ed25519 signature in hexadecimal", "^[0-9a-f]{128}$");
text!(VrfProofText, "VrfProof", "a proof of the beacon in hexadecimal", "^[0-9a-f]{160}$");
text!(HexText, "Hex", "bytes in hexadecimal, two digits each", "^([0-9a-fA-F]{2})*$");
text!(BlockIdText, "BlockId", "a height in decimal digits, or a block hash", "^([0-9]{1,20}|[0-9a-fA-F]{64})$");
text!(
    CursorText,
    "HistoryCursor",
    "a place in an account's history: height, index of the transaction, part of the receipt",
    "^[0-9]{1,20}\\.[0-9]{1,10}\\.[0-9]{1,10}$"
);
text!(
    LaneText,
    "Lane",
    "the lane of a transaction: consumer, industrial or reserved",
    "^(consumer|industrial|reserved)$"
);
text!(OutcomeText, "Outcome", "how an executed transaction ended, such as success", "^[a-z_]+$");
text!(EngineText, "Engine", "what makes blocks: bft or solo", "^(bft|solo)$");

/// Schema only: a stage of a transaction.
#[derive(Debug)]
pub enum StageText {}

impl PartialSchema for StageText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .description(Some("How far a transaction has come."))
            .enum_values(Some(primitives::Stage::ALL.map(primitives::Stage::name)))
            .into()
    }
}

impl ToSchema for StageText {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Stage")
    }
}

/// Schema only: an amount of money.
#[derive(Debug)]
pub enum AmountInteger {}

impl PartialSchema for AmountInteger {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("an amount in µBLOCK (1 BLOCK = 1,000,000 µBLOCK)"))
            .minimum(Some(0))
            .maximum(Some(i64::MAX))
            .into()
    }
}

impl ToSchema for AmountInteger {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Amount")
    }
}

/// Schema only: the genesis file; its fields are those of `primitives::Genesis`.
#[derive(Debug)]
pub enum GenesisObject {}

impl PartialSchema for GenesisObject {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new()
            .description(Some("the genesis file of the chain, field by field as genesis.json has it"))
            .schema_type(SchemaType::Type(Type::Object));
        for name in ["chain_id", "engine", "genesis_time", "params", "accounts", "validators", "gates"] {
            object = object.required(name);
        }
        object.into()
    }
}

impl ToSchema for GenesisObject {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Genesis")
    }
}
