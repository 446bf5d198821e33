//! `tb bench`: measure a running network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use primitives::{Address, Hash, Height, SecretKey};
use rpc::Client;
use wallet::KeyName;

use crate::bench::count;
use crate::bench::load::{Load, Queue, work};
use crate::bench::report::{Percentiles, Report, per_second};
use crate::bench::senders::{self, Sender};
use crate::commands::tx::parse_duration;
use crate::context::Context;
use crate::devnet::layout::{ACCOUNTS, account_name};
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  tb bench load --home ~/.the_block/devnet
  tb bench load --home ~/.the_block/devnet --rate 2000 --duration 30s --json
  tb bench load --home DIR --targets http://127.0.0.1:26658,http://127.0.0.1:26668";

/// Workers for each target.
const WORKERS_PER_TARGET: usize = 2;
/// Most targets.
const TARGETS_MAX: usize = 32;
/// Most senders: each is an account that stays on the chain.
const SENDERS_MAX: usize = 4_096;
/// Most transfers of one run: all are signed, and held in memory, before it starts (about 400 bytes each).
const TRANSFERS_MAX: u64 = 1_000_000;
/// Transfers per second that are signed for a run without a pace.
const UNPACED_PER_SECOND: u64 = 12_000;
/// Longest wait for what is in flight when sending has ended.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Pause between two looks at what is in flight.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Arguments of `tb bench`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send signed transfers and count them in finalized blocks
    #[command(after_help = EXAMPLES)]
    Load(LoadArguments),
}

#[derive(Debug, Args)]
struct LoadArguments {
    /// Transfers per second; 0 sends as many as may be in flight
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u64,
    /// How long to send, such as 30s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Accounts that send, made and paid at the start
    #[arg(long, value_name = "N", default_value_t = 200)]
    senders: usize,
    /// Most transfers in flight; above the mempool's limit the nodes refuse some
    #[arg(long, value_name = "N", default_value_t = 6_000)]
    in_flight: usize,
    /// URLs of the nodes to send to, separated by commas [default: the node at --rpc]
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    targets: Vec<String>,
    /// Keys that pay the senders, separated by commas [default: account-1 … account-10, as far as they exist]
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    from: Vec<KeyName>,
    /// File whose first line is the password of these keys [default: <home>/password if it exists, else asked]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the senders cannot be paid, or the node stops answering.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Command::Load(load) = &arguments.command;
    let report = load.run(context).await?;
    context.output.result(&report, || report.describe());
    Ok(())
}

impl LoadArguments {
    async fn run(&self, context: &Context) -> Result<Report, Failure> {
        self.check()?;
        let urls = if self.targets.is_empty() { vec![context.rpc_url().to_owned()] } else { self.targets.clone() };
        let clients: Vec<Client> = urls.iter().map(|url| context.client_at(url)).collect::<Result<_, _>>()?;
        let first = clients.first().expect("there is at least one URL").clone();
        context.output.talk(format!("paying {} senders …", self.senders));
        let senders = senders::make(&first, &self.payers(context)?, self.senders).await?;
        let status = first.node_status().await?;
        let valid_for = first.limits().await?.valid_until_max;
        self.check_validity(valid_for, status.block_interval_ms)?;
        let valid_until = Height(status.finalized_height.0.saturating_add(valid_for));
        context.output.talk("signing …");
        let workers = clients.len().saturating_mul(WORKERS_PER_TARGET);
        let queues = sign(senders, workers, self.transfers(), valid_until, status.genesis_hash).await?;
        context.output.talk(format!("sending for {} s …", self.duration.as_secs()));
        let next = first.node_status().await?.finalized_height.next();
        let load = Arc::new(Load::new(self.in_flight, self.rate, self.duration, status.genesis_hash));
        self.drive(&load, &first, &clients, queues, next).await?;
        Ok(self.report(&load, urls))
    }

    fn check(&self) -> Result<(), Failure> {
        let range = |name: &str, good: bool, rule: String| {
            if good { Ok(()) } else { Err(Failure::usage(format!("{name} is out of range"), rule)) }
        };
        range("--senders", (1..=SENDERS_MAX).contains(&self.senders), format!("choose 1 to {SENDERS_MAX}"))?;
        range("--in-flight", self.in_flight > 0, "choose at least 1".to_owned())?;
        range("--targets", self.targets.len() <= TARGETS_MAX, format!("name at most {TARGETS_MAX}"))?;
        range("--duration", self.duration >= Duration::from_secs(1), "choose at least 1s".to_owned())?;
        range(
            "--rate times --duration",
            self.transfers() <= TRANSFERS_MAX,
            format!("at most {TRANSFERS_MAX} transfers are signed beforehand; lower one of them"),
        )
    }

    /// Transfers that are signed beforehand.
    fn transfers(&self) -> u64 {
        let rate = if self.rate == 0 { UNPACED_PER_SECOND } else { self.rate };
        let ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        rate.saturating_mul(ms).div_ceil(1_000)
    }

    /// Transfers are signed at the start, so they must stay valid to the end.
    fn check_validity(&self, valid_for: u64, block_interval_ms: u64) -> Result<(), Failure> {
        let all = self.duration.saturating_add(DRAIN_TIME);
        let heights = u64::try_from(all.as_millis()).unwrap_or(u64::MAX) / block_interval_ms.max(1);
        if heights < valid_for {
            return Ok(());
        }
        Err(Failure::usage(
            format!("the run is {heights} heights long and a transaction is valid for {valid_for}"),
            "choose a shorter --duration",
        ))
    }

    fn payers(&self, context: &Context) -> Result<Vec<SecretKey>, Failure> {
        let keystore = context.keystore();
        let names: Vec<KeyName> = if self.from.is_empty() {
            (1..=ACCOUNTS).map(account_name).filter(|name| keystore.entry(name).is_ok()).collect()
        } else {
            self.from.clone()
        };
        if names.is_empty() {
            return Err(Failure::usage(
                format!("no key in {} can pay the senders", context.home().keys().display()),
                "name the folder of the devnet with --home, or the keys with --from",
            ));
        }
        let password = context.password(self.password_file.as_deref(), "Password of the paying keys: ")?;
        names.iter().map(|name| Ok(keystore.unlock(name, &password)?.key)).collect()
    }

    /// Sends, counts, and waits for what is in flight.
    async fn drive(
        &self,
        load: &Arc<Load>,
        first: &Client,
        clients: &[Client],
        queues: Vec<Queue>,
        next: Height,
    ) -> Result<(), Failure> {
        let workers: Vec<_> = queues
            .into_iter()
            .zip(clients.iter().cycle())
            .map(|(queue, client)| tokio::spawn(work(Arc::clone(load), client.clone(), queue)))
            .collect();
        let sending = async {
            for worker in workers {
                // A worker that panicked has sent what it has sent; the count shows it.
                let _ = worker.await;
            }
            let deadline = tokio::time::Instant::now() + DRAIN_TIME;
            while load.tally.in_flight() > 0 && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(DRAIN_POLL).await;
            }
        };
        tokio::select! {
            () = sending => Ok(()),
            stopped = count::follow(first, next, &load.tally) => stopped,
        }
    }

    fn report(&self, load: &Load, targets: Vec<String>) -> Report {
        let counted = load.tally.finish();
        let wide = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let elapsed = counted.last_counted.map(|last| last.saturating_duration_since(load.start.into_std()));
        let elapsed_ms = elapsed.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let finalized = wide(counted.latencies_ms.len());
        Report {
            targets,
            senders: wide(self.senders),
            rate: self.rate,
            elapsed_ms,
            admitted: counted.admitted,
            finalized,
            finalized_per_second: per_second(finalized, elapsed_ms),
            blocks: counted.blocks,
            block_bytes: counted.block_bytes,
            bytes_per_second: per_second(counted.block_bytes, elapsed_ms),
            finality_ms: Percentiles::of(counted.latencies_ms),
            rejected: counted.rejected,
            failed_requests: counted.failed_requests,
            missing: counted.missing,
        }
    }
}

/// Signs about `count` transfers, each sender paying the next one, and deals the senders to the workers. The
/// workers' shares are signed side by side.
async fn sign(
    senders: Vec<Sender>,
    workers: usize,
    count: u64,
    valid_until: Height,
    genesis: Hash,
) -> Result<Vec<Queue>, Failure> {
    let addresses: Vec<Address> = senders.iter().map(|sender| sender.address).collect();
    let recipients = addresses.iter().cycle().skip(1).copied();
    let mut shares: Vec<Vec<(Sender, Address)>> = (0..workers).map(|_| Vec::new()).collect();
    let all = u64::try_from(senders.len()).unwrap_or(u64::MAX);
    for (index, pair) in senders.into_iter().zip(recipients).enumerate() {
        shares[index % workers].push(pair);
    }
    let rounds = count.div_ceil(all.max(1));
    let signing = shares.into_iter().map(|mut share| {
        tokio::task::spawn_blocking(move || {
            let mut queue = Queue::new();
            for _ in 0..rounds {
                queue.extend(share.iter_mut().map(|(sender, to)| sender.sign_next(*to, valid_until, &genesis)));
            }
            queue
        })
    });
    futures::future::try_join_all(signing).await.map_err(|cause| {
        Failure::new(rpc::ExitCode::Unexpected, "signing", format!("signing broke off: {cause}"), "try again")
    })
}
