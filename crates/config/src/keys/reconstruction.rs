//! The keys of reconstruction.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `spec/recovery.md`.

use super::entry::{Key, key};
use crate::value::Kind;

pub(super) const ARCHIVE: Key = key(
    "reconstruction.archive",
    &["TB_RECONSTRUCTION_ARCHIVE"],
    Kind::Path,
    "Folder of bodies, or s3://BUCKET/PREFIX, as `tb storage export` writes it, from which pruned blocks are given again while the gate `reconstruction` is on; peers are asked for what is not in it.",
)
.unset("peers alone are asked", "archive");

pub(super) const S3_ENDPOINT: Key = key(
    "reconstruction.s3_endpoint",
    &["TB_RECONSTRUCTION_S3_ENDPOINT"],
    Kind::Url,
    "URL of the S3-compatible store that holds the bucket of `reconstruction.archive`.",
)
.unset("Amazon S3 in the region", "https://objects.example.org:9000");

pub(super) const S3_REGION: Key = key(
    "reconstruction.s3_region",
    &["TB_RECONSTRUCTION_S3_REGION"],
    Kind::Name,
    "Region of the bucket; requests are signed for it.",
)
.default("us-east-1", "eu-central-1");

pub(super) const S3_PATH_STYLE: Key = key(
    "reconstruction.s3_path_style",
    &["TB_RECONSTRUCTION_S3_PATH_STYLE"],
    Kind::Bool,
    "Whether the bucket's name stands in the path of a request, as most S3-compatible stores want it, instead of in the name of the host.",
)
.default("true", "false");

pub(super) const S3_ALLOW_HTTP: Key = key(
    "reconstruction.s3_allow_http",
    &["TB_RECONSTRUCTION_S3_ALLOW_HTTP"],
    Kind::Bool,
    "Whether an endpoint that begins with http:// may be asked. Bodies are checked in any case; who listens can read them.",
)
.default("false", "true");

pub(super) const S3_CA_FILE: Key = key(
    "reconstruction.s3_ca_file",
    &["TB_RECONSTRUCTION_S3_CA_FILE"],
    Kind::Path,
    "File of the authorities that vouch for the endpoint, PEM. A certificate of anybody else is refused.",
)
.unset("the authorities of the web", "tls/objects.pem");

pub(super) const S3_CREDENTIALS_FILE: Key = key(
    "reconstruction.s3_credentials_file",
    &["TB_RECONSTRUCTION_S3_CREDENTIALS_FILE"],
    Kind::Path,
    "File with the key of the bucket, mode 0600: the lines `aws_access_key_id = …`, `aws_secret_access_key = …` and, for a key that ends, `aws_session_token = …`.",
)
.unset("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment", "s3_credentials");
