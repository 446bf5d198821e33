//! `tb signer`: a validator's key in a process of its own.
//!
//! Read next: `signer/src/lib.rs`, `handover.rs`, `spec/signer.md`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use config::Home;
use primitives::{Amount, Hash, PublicKey};
use rpc::ExitCode;
use serde::Serialize;
use signer::discovery::Announcer;
use signer::{Keyholder, Limits, News, Server};
use wallet::signer::GuardCrashPoint;

use crate::commands::snapshots::read_genesis;
use crate::context::Context;
use crate::exit::Failure;
use crate::handover::{AUTHORITY, Handover, SIGNER_CERT, SIGNER_KEY, unlock};
use crate::output::{Output, fields};
use crate::stop;

const EXAMPLES: &str = "\
Examples:
  tb signer init --from /var/lib/the-block --home /var/lib/the-block-signer
  tb signer serve --home /var/lib/the-block-signer";
const EXAMPLES_INIT: &str = "\
Examples:
  tb signer init --from /var/lib/the-block --home /var/lib/the-block-signer       on one machine
  tb signer init --from /var/lib/the-block --home /mnt/signer --address 10.0.0.7:26600

The node is stopped. Its key and its double-sign guard go to --home, certificates are made for both, and signer.address is
set in the node's configuration. Repeat the command if it was interrupted. Nothing of the signer's home may be copied back.";
const EXAMPLES_SERVE: &str = "\
Examples:
  tb signer serve --home /var/lib/the-block-signer
  tb signer serve --home /var/lib/the-block-signer --listen 10.0.0.7:26600 --announce

It signs votes, proposals and the duties of one validator on one chain, for the node that shows the certificate that
tb signer init made, and nothing else. Ctrl-C stops it.";

/// Names of the chains on which a process may be told to crash start with this.
const CRASH_CHAIN_PREFIX: &str = "dev";
/// Peers without a certificate that are named in one stretch; the others are counted.
const NAMED_MAX: u64 = 20;
/// The length of such a stretch.
const STRETCH: Duration = Duration::from_secs(10);

/// Arguments of `tb signer`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take the key of a stopped validator into this home, and make certificates for both
    #[command(after_help = EXAMPLES_INIT)]
    Init(Init),
    /// Sign for the node of this validator
    #[command(after_help = EXAMPLES_SERVE)]
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Init {
    /// Home directory of the validator's node
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Where the node will find the signer; the certificate is for this IP address
    #[arg(long, value_name = "IP:PORT", default_value_t = default_address())]
    address: SocketAddr,
    /// File whose first line is the password of the validator's key
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Serve {
    /// Where to listen
    #[arg(long, value_name = "IP:PORT", default_value_t = default_address())]
    listen: SocketAddr,
    /// Answer tb wallet discover-signers, by UDP at the same port
    #[arg(long)]
    announce: bool,
    /// Most that one duty of the validator may offer as its fee, BLOCK
    #[arg(long, value_name = "BLOCK", default_value = "1")]
    fee_max: Amount,
    /// File whose first line is the password of the validator's key
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Stop when standard input ends, so that the signer never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
    /// Abort at this place of the next guard write; only on chains named dev…
    #[arg(long, value_name = "POINT", hide = true)]
    crash_at: Option<GuardCrashPoint>,
}

fn default_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], signer::PORT))
}

#[derive(Debug, Serialize)]
struct InitView {
    home: PathBuf,
    node_home: PathBuf,
    key: PublicKey,
    genesis: Hash,
    address: SocketAddr,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Init(init) => init.run(context),
        Command::Serve(serve) => serve.run(context).await,
    }
}

impl Init {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let (from, to) = (Home::new(&self.from), context.home());
        if from.root() == to.root() {
            return Err(Failure::usage("the signer needs a home of its own", "name another one with --home"));
        }
        let handover = Handover { from: &from, to: &to, address: self.address };
        let given =
            handover.run(|| context.password(self.password_file.as_deref(), "Password of the validator key: "))?;
        let (home, node_home) = (to.root().to_owned(), from.root().to_owned());
        let view = InitView { home, node_home, key: given.key, genesis: given.genesis, address: self.address };
        context.output.result(&view, || {
            fields(&[
                ("signer", view.home.display().to_string()),
                ("node", format!("{}, asks the signer at {}", view.node_home.display(), view.address)),
                ("key", view.key.to_string()),
                ("next", format!("tb signer serve --home {} --listen {}", view.home.display(), view.address)),
            ])
        });
        Ok(())
    }
}

impl Serve {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let home = context.home();
        if !home.signer_folder().exists() {
            let what = format!("{} is not the home of a signer", home.root().display());
            let next = "make one of a stopped validator: tb signer init --home SIGNER_HOME --from NODE_HOME";
            return Err(Failure::new(ExitCode::Config, "no_signer", what, next));
        }
        let genesis = read_genesis(&home)?;
        if self.crash_at.is_some() && !genesis.chain_id.starts_with(CRASH_CHAIN_PREFIX) {
            let what = format!("a crash point was asked for on the chain {}", genesis.chain_id);
            return Err(Failure::usage(what, "leave --crash-at out"));
        }
        let asked = || context.password(self.password_file.as_deref(), "Password of the validator key: ");
        let (key, _) = unlock(&home.validator_key(), asked)?;
        let limits = Limits { fee_max: self.fee_max };
        let (guard, mark) = (home.guard(), home.heartbeat_mark());
        let mut keyholder = Keyholder::open(key.consensus, &guard, &mark, genesis.hash(), limits)?;
        keyholder.set_crash_point(self.crash_at);
        let (public, highest) = (keyholder.public_key(), keyholder.highest().map(|place| place.to_string()));
        let folder = home.signer_folder();
        let [cert, secret, authority] = [SIGNER_CERT, SIGNER_KEY, AUTHORITY].map(|name| folder.join(name));
        let tls = rpc::tls::server(&cert, &secret, Some(&authority));
        let tls =
            tls.map_err(|error| Failure::new(ExitCode::Config, "tls", error, "tb signer init makes these files"))?;
        let tls = Arc::new(rustls_of(&tls));
        let mut stop = stop::requested(self.stop_with_stdin)?;
        let listener = Teller { output: context.output, stretch: Mutex::new((Instant::now(), 0)) };
        let told = Arc::new(move |news| listener.tell(&news));
        let server = Server::start(self.listen, tls, keyholder, told).map_err(|cause| self.taken("TCP", &cause))?;
        let at = server.address();
        let announcer = self.announce.then(|| Announcer::start(at, at.port())).transpose();
        let announcer = announcer.map_err(|cause| self.taken("UDP", &cause))?;
        let started =
            Event { event: "signer.listening", address: Some(at), key: Some(public), highest, ..Event::default() };
        context.output.event(&started, || {
            let signed = started.highest.as_deref().unwrap_or("nothing yet");
            format!("signer of {public} listens at {at}; signed: {signed}")
        });
        stop::wait(&mut stop).await;
        drop((announcer, server));
        let stopped = Event { event: "signer.stopped", ..Event::default() };
        context.output.event(&stopped, || "signer stopped".to_owned());
        Ok(())
    }

    fn taken(&self, transport: &str, cause: &std::io::Error) -> Failure {
        let what = format!("cannot listen at {} ({transport}): {cause}", self.listen);
        Failure::new(
            ExitCode::Refused,
            "signer_listen",
            what,
            "another process may use the port: choose another with --listen",
        )
    }
}

/// The server's TLS with the protocol of signers.
fn rustls_of(tls: &signer::ServerConfig) -> signer::ServerConfig {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![signer::PROTOCOL.to_vec()];
    tls
}

/// One line of what happens.
#[derive(Debug, Default, Serialize)]
struct Event {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Prints the news.
struct Teller {
    output: Output,
    /// When the stretch began, and how many peers were turned away in it.
    stretch: Mutex<(Instant, u64)>,
}

impl Teller {
    fn tell(&self, news: &News) {
        let event = match news {
            News::Joined(peer) => Event { event: "signer.joined", peer: Some(*peer), ..Event::default() },
            News::Left(peer) => Event { event: "signer.left", peer: Some(*peer), ..Event::default() },
            News::Refused(peer, refusal) => {
                let (code, reason) = (Some(refusal.code.name()), Some(refusal.to_string()));
                Event { event: "signer.refused", peer: Some(*peer), code, reason, ..Event::default() }
            }
            // Anybody who reaches the port can make these: they must not fill a disk with logs.
            News::TurnedAway(_, _) if !self.is_named() => return,
            News::TurnedAway(peer, why) => {
                Event { event: "signer.turned_away", peer: Some(*peer), reason: Some(why.clone()), ..Event::default() }
            }
        };
        self.output.event(&event, || {
            let peer = event.peer.map_or_else(String::new, |peer| peer.to_string());
            let reason = event.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
            format!("{} {peer}{reason}", event.event)
        });
    }

    /// Whether one more peer that was turned away is named in this stretch.
    fn is_named(&self) -> bool {
        let mut stretch = self.stretch.lock().unwrap_or_else(PoisonError::into_inner);
        if stretch.0.elapsed() > STRETCH {
            *stretch = (Instant::now(), 0);
        }
        stretch.1 = stretch.1.saturating_add(1);
        stretch.1 <= NAMED_MAX
    }
}
