//! `tb tx`: send transactions and follow them to the end.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use primitives::{Action, Address, Amount, Outcome, Payment, Timestamp, Transaction, TransactionId};
use rpc::limits::WAIT_MAX_MS;
use rpc::types::{
    ActionView, EventView, Hex, ReceiptView, Stage, SubmitTransaction, TransactionStatus, TransactionView, WaitQuery,
};
use rpc::{Client, ExitCode};
use wallet::KeyName;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Output, blocks, duration_ms, fields};
use crate::planning::{VALID_FOR_DEFAULT, Wish, action, prepare, read_payments};
use crate::provision::read_text;

const EXAMPLES: &str = "\
Examples:
  tb tx transfer --from alice --to tb1… --amount 12.5 --memo lunch
  tb tx show ID
  tb tx wait ID --stage finalized";
const EXAMPLES_TRANSFER: &str = "\
Examples:
  tb tx transfer --from alice --to bob --amount 12.5
  tb tx transfer --from alice --to tb1…,tb1… --amount 1 --tip 0.001
  tb tx transfer --from alice --to bob --amount 1 --no-wait --json";
const EXAMPLES_BATCH: &str = "\
Examples:
  tb tx batch --from alice --file payments.csv

The file has one line per payment: ADDRESS,AMOUNT in BLOCK. All are paid or none; at most 64.";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb tx show ID
  tb tx show ID --json";
const EXAMPLES_WAIT: &str = "\
Examples:
  tb tx wait ID
  tb tx wait ID --stage proposed --timeout 2s";
const EXAMPLES_SUBMIT: &str = "\
Examples:
  tb tx submit 01a0…                      the signed transaction's bytes, hexadecimal";

/// Largest file of payments that is read, bytes.
const PAYMENTS_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Arguments of `tb tx`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pay one or several recipients the same amount
    #[command(after_help = EXAMPLES_TRANSFER)]
    Transfer(Transfer),
    /// Pay a list of recipients, all or none
    #[command(after_help = EXAMPLES_BATCH)]
    Batch(Batch),
    /// Show what a transaction says and how far it is
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Show),
    /// Wait until a transaction reaches a stage
    #[command(after_help = EXAMPLES_WAIT)]
    Wait(WaitFor),
    /// Submit a transaction that was signed elsewhere
    #[command(after_help = EXAMPLES_SUBMIT)]
    Submit(Submit),
}

#[derive(Debug, Args)]
struct Payer {
    /// Name of the key that pays
    #[arg(long, value_name = "KEY")]
    from: KeyName,
    /// Extra for the proposer, BLOCK
    #[arg(long, value_name = "BLOCK", default_value = "0")]
    tip: Amount,
    /// Heights from now on in which a block may include it
    #[arg(long, value_name = "HEIGHTS", default_value_t = VALID_FOR_DEFAULT)]
    valid_for: u64,
    /// File whose first line is the password [default: <home>/password if it exists, else asked]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    follow: Follow,
}

/// Whether and how long to wait.
#[derive(Debug, Clone, Args)]
pub(crate) struct Follow {
    /// Do not wait for the transaction to be finalized
    #[arg(long)]
    no_wait: bool,
    /// Longest wait, such as 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
}

#[derive(Debug, Args)]
struct Transfer {
    #[command(flatten)]
    payer: Payer,
    /// Who is paid: addresses or names of keys, separated by commas
    #[arg(long, value_name = "ADDRESS|KEY,…", required = true, value_delimiter = ',')]
    to: Vec<String>,
    /// What each of them gets, BLOCK
    #[arg(long, value_name = "BLOCK")]
    amount: Amount,
    /// A note for the recipient, at most 64 bytes; everybody can read it
    #[arg(long, value_name = "TEXT", default_value = "")]
    memo: String,
}

#[derive(Debug, Args)]
struct Batch {
    #[command(flatten)]
    payer: Payer,
    /// File with one payment per line
    #[arg(long, value_name = "CSV")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Show {
    /// The transaction
    id: TransactionId,
}

#[derive(Debug, Args)]
struct WaitFor {
    /// The transaction
    id: TransactionId,
    /// The stage to wait for
    #[arg(long, value_name = "STAGE", default_value = "finalized", value_parser = parse_stage)]
    stage: Stage,
    /// Longest wait, such as 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
}

#[derive(Debug, Args)]
struct Submit {
    /// The signed transaction's canonical bytes, hexadecimal
    #[arg(value_name = "HEX")]
    transaction: Hex,
    #[command(flatten)]
    follow: Follow,
}

/// A time with its unit: `500ms`, `10s`, `2m`.
///
/// # Errors
/// What would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a whole number with ms, s, m or h, such as 10s".to_owned();
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| wrong())?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(wrong)
}

/// A stage that one can wait for.
///
/// # Errors
/// The stages there are.
pub fn parse_stage(text: &str) -> Result<Stage, String> {
    Stage::from_name(text).filter(|stage| !stage.is_failure()).ok_or_else(|| {
        "stages to wait for: received, admitted, gossiped, proposed, decided, finalized, proven".to_owned()
    })
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; a transaction that was refused or dropped, or whose payment failed, is one too.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Transfer(transfer) => {
            let to: Vec<Address> = transfer.to.iter().map(|text| context.address(text)).collect::<Result<_, _>>()?;
            let payments = to.into_iter().map(|to| Payment { to, amount: transfer.amount }).collect();
            pay(&transfer.payer, action(payments, &transfer.memo)?, context).await
        }
        Command::Batch(batch) => {
            let payments = read_payments(&read_text(&batch.file, PAYMENTS_FILE_BYTES_MAX)?)?;
            pay(&batch.payer, wallet::plan::batch(payments)?, context).await
        }
        Command::Show(show) => {
            let status = context.client()?.transaction(show.id).await?;
            context.output.result(&status, || describe(&status));
            Ok(())
        }
        Command::Wait(wait) => {
            let client = context.client()?;
            let status = follow(&client, wait.id, wait.stage, wait.timeout, context.output).await?;
            finish(&status, wait.stage, context.output)
        }
        Command::Submit(submit) => {
            let request = SubmitTransaction { transaction: submit.transaction.clone(), genesis_hash: None };
            send(request, &submit.follow, context).await
        }
    }
}

async fn pay(payer: &Payer, action: Action, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let address = context.keystore().entry(&payer.from)?.address;
    let wish = Wish { payer: address, action, tip: payer.tip, valid_for: payer.valid_for };
    let prepared = prepare(&client, wish).await?;
    let unlocked = context.unlock(&payer.from, payer.password_file.as_deref())?;
    let plan = &prepared.plan;
    context.output.talk(format!(
        "paying {} from {} on chain {}, fee about {} and at most {}",
        blocks(plan.body.payments_total().unwrap_or(Amount::MAX)),
        payer.from,
        prepared.status.chain_id,
        blocks(plan.fee_now),
        blocks(plan.body.max_fee),
    ));
    let genesis = prepared.status.genesis_hash;
    let transaction: Transaction = prepared.sign(&unlocked.key);
    send(SubmitTransaction::new(&transaction, genesis), &payer.follow, context).await
}

pub(crate) async fn send(request: SubmitTransaction, following: &Follow, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let submitted = client.submit(&request).await?;
    if following.no_wait {
        context.output.result(&submitted, || format!("{}  {}", submitted.id, submitted.stage.name()));
        return Ok(());
    }
    context.output.talk(format!("transaction {}", submitted.id));
    let status = follow(&client, submitted.id, Stage::Finalized, following.timeout, context.output).await?;
    finish(&status, Stage::Finalized, context.output)
}

/// Waits stage by stage and says when each is reached.
async fn follow(
    client: &Client,
    id: TransactionId,
    target: Stage,
    timeout: Duration,
    output: Output,
) -> Result<TransactionStatus, Failure> {
    let deadline = tokio::time::Instant::now() + timeout;
    let mut told = 0;
    loop {
        let status = client.transaction(id).await?;
        told = tell(&status, told, output);
        if status.stage.ends_wait_for(target) {
            return Ok(status);
        }
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return Err(too_slow(&status, target, timeout));
        }
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).clamp(1, WAIT_MAX_MS);
        let wait = WaitQuery { stage: Some(after(status.stage, target)), timeout_ms: Some(left_ms) };
        match client.transaction_wait(id, wait).await {
            Ok(_) => {}
            // The node's own clock ran out: the deadline above decides.
            Err(error) if error.exit_code() == ExitCode::Timeout => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The next stage that is worth waiting for on the way to `target`.
fn after(stage: Stage, target: Stage) -> Stage {
    let next = Stage::ALL.into_iter().find(|next| *next > stage && !next.is_failure());
    next.map_or(target, |next| next.min(target))
}

fn too_slow(status: &TransactionStatus, target: Stage, timeout: Duration) -> Failure {
    let waited = duration_ms(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    Failure::new(
        ExitCode::Timeout,
        "timeout",
        format!("after {waited} the transaction {} is {}, not {}", status.id, status.stage.name(), target.name()),
        format!("it may still happen: tb tx wait {} --stage {}", status.id, target.name()),
    )
}

/// Says the stages from position `told` on; gives the new position.
fn tell(status: &TransactionStatus, told: usize, output: Output) -> usize {
    let start = status.reached.first().map_or(Timestamp(0), |first| first.time_ms);
    for reached in status.reached.iter().skip(told) {
        output.talk(format!("  {:<10} {:>8}", reached.stage.name(), duration_ms(reached.time_ms.since(start))));
    }
    status.reached.len()
}

/// Prints the end of a transaction; a bad one is a failure.
fn finish(status: &TransactionStatus, target: Stage, output: Output) -> Result<(), Failure> {
    if status.stage.is_failure() {
        let reason = status.reason.as_deref().unwrap_or(status.stage.name());
        return Err(Failure::new(
            ExitCode::Refused,
            reason,
            format!("the transaction {} was {}: {reason}", status.id, status.stage.name()),
            "nothing was paid; correct the cause and send it again",
        ));
    }
    if let Some(receipt) = status.receipt.as_ref().filter(|receipt| receipt.outcome != Outcome::Success) {
        return Err(Failure::new(
            ExitCode::Refused,
            receipt.outcome.name(),
            format!("the transaction {} is final, but its payment failed: {}", status.id, receipt.outcome.name()),
            format!(
                "only the fee of {} was paid; {}",
                blocks(fee(receipt)),
                receipt.outcome.hint().unwrap_or("correct the cause and send a new one")
            ),
        ));
    }
    output.result(status, || {
        let place = status.height.map(|height| format!(" at height {height}")).unwrap_or_default();
        let cost = status.receipt.as_ref().map(|receipt| format!(", fee {}", blocks(fee(receipt))));
        let stage = if status.stage >= target { status.stage } else { target };
        format!("{}{place}{}", stage.name(), cost.unwrap_or_default())
    });
    Ok(())
}

fn fee(receipt: &ReceiptView) -> Amount {
    receipt.fee_burned.checked_add(receipt.tip).unwrap_or(Amount::MAX)
}

/// A transaction for people.
fn describe(status: &TransactionStatus) -> String {
    let mut rows = vec![("transaction", status.id.to_string()), ("stage", status.stage.name().to_owned())];
    if let Some(reason) = &status.reason {
        rows.push(("reason", reason.clone()));
    }
    if let Some(height) = status.height {
        rows.push(("height", height.to_string()));
    }
    if let Some(view) = &status.transaction {
        describe_body(view, &mut rows);
    }
    if let Some(receipt) = &status.receipt {
        rows.push(("outcome", receipt.outcome.name().to_owned()));
        rows.push((
            "fee",
            format!("{} (burned {}, tip {})", blocks(fee(receipt)), blocks(receipt.fee_burned), blocks(receipt.tip)),
        ));
        for event in &receipt.events {
            rows.push(("event", describe_event(event)));
        }
    }
    let start = status.reached.first().map_or(Timestamp(0), |first| first.time_ms);
    for reached in &status.reached {
        rows.push((reached.stage.name(), duration_ms(reached.time_ms.since(start))));
    }
    fields(&rows)
}

fn describe_body(view: &TransactionView, rows: &mut Vec<(&'static str, String)>) {
    rows.push(("from", view.payer.to_string()));
    match &view.action {
        ActionView::Transfer { to, amount, memo } => {
            rows.push(("to", to.to_string()));
            rows.push(("amount", blocks(*amount)));
            if !memo.0.is_empty() {
                // Anybody may write a memo: control characters must not reach the terminal.
                rows.push(("memo", format!("{:?}", String::from_utf8_lossy(&memo.0))));
            }
        }
        ActionView::BatchTransfer { payments } => {
            for payment in payments {
                rows.push(("to", format!("{}  {}", payment.to, blocks(payment.amount))));
            }
        }
        ActionView::Stake { .. }
        | ActionView::Evidence { .. }
        | ActionView::Identity { .. }
        | ActionView::Timetoke { .. }
        | ActionView::Lottery { .. }
        | ActionView::Proving { .. }
        | ActionView::ProofSubmit { .. }
        | ActionView::Witness { .. } => rows.push(("action", as_json(&view.action))),
    }
    rows.push(("nonce", view.nonce.to_string()));
    rows.push(("valid until", view.valid_until.to_string()));
}

fn describe_event(event: &EventView) -> String {
    match event {
        EventView::AccountOpened { address, slot } => format!("{address} got an account (slot {slot})"),
        EventView::Transferred { from, to, amount } => format!("{from} paid {to} {}", blocks(*amount)),
        EventView::Bonded { owner, validator, amount } => {
            format!("{owner} bonded {} behind {validator}", blocks(*amount))
        }
        EventView::Unbonding { owner, validator, amount, epoch } => {
            format!("{owner} takes {} back from {validator}, paid after epoch {epoch}", blocks(*amount))
        }
        EventView::RewardPaid { to, amount } => format!("{to} was rewarded {}", blocks(*amount)),
        other => as_json(other),
    }
}

fn as_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
