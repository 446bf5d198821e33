//! What one line of the table of routes is made of. The table itself is in [`crate::routes`].

use crate::error::ErrorCode;
use crate::routes::Operation;
use crate::schema::TypeSchema;

/// HTTP method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Writes, or carries a body.
    Post,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone who can connect.
    Open,
    /// Whoever has the token, where the node has one.
    Write,
    /// Whoever has the token; nobody, where the node has none.
    Token,
}

/// What a token is good for. A route belongs to exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Asks about the chain.
    Read,
    /// Hands in transactions and proofs.
    Submit,
    /// Asks about this node itself: its keys, its peers, its audits, its metrics.
    Operate,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Operate];

    /// The word for it in token files, in refusals and in OpenAPI.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Operate => "operate",
        }
    }
}

/// Where a parameter is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A varying part of the path.
    Path,
    /// The query; always optional.
    Query,
}

/// What a parameter looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// An integer between two bounds.
    Integer {
        /// Lowest value.
        min: u64,
        /// Highest value.
        max: u64,
    },
    /// A named type.
    Named(TypeSchema),
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it is found.
    pub place: Place,
    /// What it looks like.
    pub shape: Shape,
    /// What it means.
    pub description: &'static str,
}

/// What a request carries.
#[derive(Debug, Clone, Copy)]
pub enum BodyOf {
    /// One JSON value.
    Json(TypeSchema),
    /// Bytes as they are.
    Bytes,
}

/// What a good answer holds.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// One JSON value.
    Json(TypeSchema),
    /// Text of this content type.
    Text(&'static str),
    /// Bytes as they are.
    Bytes,
    /// Server-sent events of this name, each with one JSON value.
    Events {
        /// The event's name.
        event: &'static str,
        /// Its data.
        data: TypeSchema,
    },
    /// The envelopes of [`crate::jsonrpc`].
    JsonRpc,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// What it asks for.
    pub operation: Operation,
    /// HTTP method.
    pub method: Method,
    /// Path with `{name}` for varying parts.
    pub path: &'static str,
    /// Name in OpenAPI.
    pub operation_id: &'static str,
    /// Name in JSON-RPC, if it is served there.
    pub method_name: Option<&'static str>,
    /// Who may ask.
    pub access: Access,
    /// One line for people.
    pub summary: &'static str,
    /// Parts of the path and the query.
    pub parameters: &'static [Parameter],
    /// The HTTP body, if it takes one.
    pub body: Option<BodyOf>,
    /// The JSON-RPC parameters, an object.
    pub params: TypeSchema,
    /// What a good answer holds.
    pub reply: Reply,
    /// The refusals of this route.
    pub errors: &'static [ErrorCode],
}
