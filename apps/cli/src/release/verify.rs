//! The check of a folder of a release. The rules and their order are in [`super`].

use std::path::Path;

use primitives::PublicKey;
use rpc::ExitCode;
use serde::{Deserialize, Serialize};

use super::files::{self, FileError, SUMMED};
use super::info::stamped_commit;
use super::provenance::Provenance;
use super::record::TestRecord;
use super::sign::{SignatureFile, Signer, signed_bytes, text_of};
use super::{PARTS, PROGRAM, PROVENANCE, SIGNATURE, SUMS};
use crate::exit::Failure;

/// Format of the list of parts.
const PARTS_FORMAT: (&str, &str) = ("CycloneDX", "1.6");
/// What the list of parts calls a SHA-256.
const PARTS_ALGORITHM: &str = "SHA-256";

/// What a good folder says.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The commit.
    pub commit: String,
    /// Who signed.
    pub signer: PublicKey,
    /// What the list of signers calls them.
    pub signer_name: String,
    /// SHA-256 of the program.
    pub program_sha256: String,
    /// Size of the program, bytes.
    pub program_bytes: usize,
    /// Parts that the program is made of.
    pub parts: usize,
    /// The tests of the commit; none where the builder had no record of them.
    pub tests: Option<TestRecord>,
    /// The Debian package that is listed, if any.
    pub package: Option<Package>,
}

/// A Debian package of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The SHA-256 that is listed.
    pub sha256: String,
    /// Whether it is in the folder; then it has this sum.
    pub is_here: bool,
}

#[derive(Deserialize)]
struct Parts {
    #[serde(rename = "bomFormat")]
    format: String,
    #[serde(rename = "specVersion")]
    version: String,
    metadata: PartsAbout,
    #[serde(default)]
    components: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct PartsAbout {
    component: About,
}

#[derive(Deserialize)]
struct About {
    name: String,
    #[serde(default)]
    hashes: Vec<AboutHash>,
}

#[derive(Deserialize)]
struct AboutHash {
    alg: String,
    content: String,
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let (exit, code) = match &error {
            FileError::Missing { .. } => (ExitCode::NotFound, "file_missing"),
            FileError::NotPlain { .. } | FileError::TooLarge { .. } => (ExitCode::Refused, "file_refused"),
            FileError::Disk { .. } => (ExitCode::Unexpected, "disk"),
        };
        Self::new(exit, code, error, "name the complete folder of a release, as its signer published it")
    }
}

/// Checks the release in `folder`.
///
/// # Errors
/// [`Failure`] naming the first rule that does not hold; nothing of the folder is to be used then.
pub fn verify(folder: &Path, signers: &[Signer], commit: Option<&str>) -> Result<Verified, Failure> {
    let program = files::read(folder, PROGRAM)?;
    let parts = files::read(folder, PARTS)?;
    let sums = files::read(folder, SUMS)?;
    let statement = files::read(folder, PROVENANCE)?;
    let signature = files::read(folder, SIGNATURE)?;
    let signer = check_signature(&statement, &signature, signers)?;
    let provenance = Provenance::parse(&statement).map_err(|error| damaged("provenance", PROVENANCE, error))?;
    let found = [files::sum(&program), files::sum(&parts)];
    let package = check_sums(&provenance, &sums, &found, folder)?;
    let [program_sha256, _] = found;
    let count = check_parts(&parts, &program_sha256)?;
    let stamped = stamped_commit(&program);
    if stamped.as_deref() != Some(provenance.commit.as_str()) {
        let stamped = stamped.unwrap_or_else(|| "no commit".to_owned());
        let error = format!("it was built from {stamped}, and its provenance says {}", provenance.commit);
        return Err(damaged("commit", PROGRAM, error));
    }
    if let Some(wanted) = commit.filter(|wanted| *wanted != provenance.commit) {
        let error = format!("the release is of commit {}, wanted is {wanted}", provenance.commit);
        return Err(Failure::new(ExitCode::Refused, "other_commit", error, "take the release of the wanted commit"));
    }
    Ok(Verified {
        commit: provenance.commit,
        signer: signer.key,
        signer_name: signer.name,
        program_sha256,
        program_bytes: program.len(),
        parts: count,
        tests: provenance.tests,
        package,
    })
}

fn damaged(code: &str, file: &str, error: impl std::fmt::Display) -> Failure {
    let hint = "use nothing of this folder; fetch the release again, and tell its signer when that does not help";
    Failure::new(ExitCode::Damaged, code, format!("{file}: {error}"), hint)
}

fn check_signature(statement: &[u8], signature: &[u8], signers: &[Signer]) -> Result<Signer, Failure> {
    let (key, signature) = SignatureFile::parse(signature).map_err(|error| damaged("signature", SIGNATURE, error))?;
    let Some(signer) = signers.iter().find(|signer| signer.key == key) else {
        let error = format!("the release is signed by {}, who is not on the list of signers", text_of(&key));
        let hint = "use nothing of this folder; name the list of whom you trust with --signers";
        return Err(Failure::new(ExitCode::Unauthorized, "signer_unknown", error, hint));
    };
    if !key.verify(&signed_bytes(statement), &signature) {
        return Err(damaged(
            "signature",
            SIGNATURE,
            format!("it is no signature of {} over {PROVENANCE}", signer.name),
        ));
    }
    Ok(signer.clone())
}

/// The package that the provenance lists beside the files of every release; where it is in the folder, it has the listed sum.
fn check_package(provenance: &Provenance, folder: &Path) -> Result<Option<Package>, Failure> {
    let mut others = provenance.subjects.iter().filter(|(name, _)| !SUMMED.contains(&name.as_str()));
    let Some((name, said)) = others.next() else { return Ok(None) };
    let second = others.next().map(|(name, _)| name);
    if let Some(other) = if files::is_package(name) { second } else { Some(name) } {
        let error = format!("it speaks of {other:?}, which is no file of a release");
        return Err(damaged("provenance", PROVENANCE, error));
    }
    let is_here = match files::read(folder, name) {
        Ok(bytes) if files::sum(&bytes) == *said => true,
        Ok(bytes) => {
            let error = format!("it has the sum {}, and its provenance says {said}", files::sum(&bytes));
            return Err(damaged("sum", name, error));
        }
        Err(FileError::Missing { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Package { name: name.clone(), sha256: said.clone(), is_here }))
}

/// Provenance and sums name the files that have sums, and the files have these sums. Gives the package among them.
fn check_sums(
    provenance: &Provenance,
    sums: &[u8],
    found: &[String; 2],
    folder: &Path,
) -> Result<Option<Package>, Failure> {
    for (name, found) in SUMMED.iter().zip(found) {
        match provenance.subjects.get(*name) {
            None => return Err(damaged("provenance", PROVENANCE, format!("it does not speak of {name}"))),
            Some(said) if said != found => {
                let error = format!("it has the sum {found}, and its provenance says {said}");
                return Err(damaged("sum", name, error));
            }
            Some(_) => {}
        }
    }
    let package = check_package(provenance, folder)?;
    let more = package.as_ref().map(|package| (package.name.as_str(), package.sha256.as_str()));
    let listed = SUMMED.into_iter().zip(found.iter().map(String::as_str)).chain(more);
    let wanted: String = listed.map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    if sums != wanted.as_bytes() {
        return Err(damaged("sum", SUMS, "it does not hold the sums of the files, in the form of sha256sum"));
    }
    Ok(package)
}

fn check_parts(bytes: &[u8], program_sha256: &str) -> Result<usize, Failure> {
    let parts: Parts = serde_json::from_slice(bytes).map_err(|error| damaged("parts", PARTS, error))?;
    if (parts.format.as_str(), parts.version.as_str()) != PARTS_FORMAT {
        let error = format!("it is {} {}, wanted is CycloneDX 1.6", parts.format, parts.version);
        return Err(damaged("parts", PARTS, error));
    }
    let about = parts.metadata.component;
    let is_ours = about.name == PROGRAM
        && about.hashes.iter().any(|hash| hash.alg == PARTS_ALGORITHM && hash.content == program_sha256);
    if !is_ours || parts.components.is_empty() {
        return Err(damaged("parts", PARTS, "it does not list the parts of this program"));
    }
    Ok(parts.components.len())
}
