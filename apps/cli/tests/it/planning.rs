//! From the words of a payment to a plan.

use std::collections::BTreeSet;
use std::time::Duration;

use cli::commands::tx::{parse_duration, parse_stage};
use cli::planning::{Wish, action, plan, read_payments, recipients, split_payment};
use primitives::{Action, Address, Amount, Height, Lane, Nonce, Payment};
use rpc::ExitCode;
use rpc::types::{AccountView, Stage};
use wallet::FeeQuote;

fn address(name: &str) -> Address {
    Address::of_module(name)
}

fn amount(text: &str) -> Amount {
    text.parse().expect("an amount")
}

fn account(balance: &str, opened: bool) -> AccountView {
    AccountView {
        address: address("payer"),
        balance: amount(balance),
        nonce: Nonce::new(7).expect("small"),
        slot: opened.then_some(3),
        opened,
        height: Height(40),
    }
}

fn quote() -> FeeQuote {
    FeeQuote {
        height: Height(40),
        base_fees: [amount("0.000008"), amount("0.000010"), amount("0.000001")],
        open_fee: amount("0.001"),
        open_fee_rise: amount("0.001"),
        valid_until_max: 1_000,
    }
}

fn wish(action: Action) -> Wish {
    Wish { payer: address("payer"), action, tip: amount("0.5"), valid_for: 100 }
}

fn pay(to: &[&str], each: &str) -> Vec<Payment> {
    to.iter().map(|name| Payment { to: address(name), amount: amount(each) }).collect()
}

#[test]
fn a_list_of_payments_is_read_line_by_line() {
    let (a, b) = (address("a"), address("b"));
    let text = format!("# wages\n\n{a},1.5\r\n  {b} , 2  \n");
    let payments = read_payments(&text).expect("a good list");
    assert_eq!(payments, [Payment { to: a, amount: amount("1.5") }, Payment { to: b, amount: amount("2") }]);
    assert_eq!(read_payments("").expect("an empty list"), []);
}

#[test]
fn a_bad_line_is_named() {
    let a = address("a");
    for (line, what) in [
        (format!("{a};1"), "is not a payment"),
        (format!("{a},1.0000001"), "at most six decimals"),
        (format!("{a},-1"), "an amount is"),
        ("tb1qqq,1".to_owned(), "an address starts with tb1"),
        (format!("{a},9223372036855"), "an amount is"),
    ] {
        let failure = read_payments(&format!("{a},1\n{line}\n")).expect_err("a bad list");
        assert_eq!(failure.exit, ExitCode::Usage);
        assert!(failure.error.error.starts_with("line 2: "), "{}", failure.error.error);
        assert!(failure.error.error.contains(what), "{} lacks {what}", failure.error.error);
    }
    assert!(split_payment(&format!("{a}=3"), '=').is_ok());
}

#[test]
fn one_recipient_is_a_transfer_and_several_are_a_batch() {
    let one = action(pay(&["a"], "1"), "hello").expect("a transfer");
    assert!(matches!(&one, Action::Transfer(transfer) if &transfer.memo[..] == b"hello"));
    let two = action(pay(&["a", "b", "a"], "1"), "").expect("a batch");
    assert_eq!(two.lane(), Lane::Industrial);
    assert_eq!(recipients(&two), BTreeSet::from([address("a"), address("b")]));
    assert_eq!(action(pay(&["a", "b"], "1"), "hello").expect_err("no memo").exit, ExitCode::Usage);
    assert_eq!(action(pay(&["a"], "0"), "").expect_err("nothing to pay").error.code, "plan");
    assert_eq!(action(pay(&["a"; 65], "1"), "").expect_err("too many").error.code, "plan");
}

#[test]
fn a_plan_takes_nonce_price_and_expiry_from_the_node() {
    let action = action(pay(&["a"], "10"), "").expect("a transfer");
    let made = plan(&wish(action), &account("11", true), 1, &quote()).expect("a plan");
    assert_eq!(made.body.nonce, Nonce::new(7).expect("small"));
    assert_eq!(made.body.valid_until, Height(140));
    assert_eq!(made.body.lane, Lane::Consumer);
    // 100 units at 8 µBLOCK, one account, and the tip.
    assert_eq!(made.fee_now, amount("0.5018"));
    assert!(made.body.max_fee > made.fee_now);
}

#[test]
fn the_expiry_never_goes_beyond_what_the_chain_takes() {
    let action = action(pay(&["a"], "1"), "").expect("a transfer");
    let wish = Wish { valid_for: u64::MAX, ..wish(action) };
    assert_eq!(plan(&wish, &account("11", true), 0, &quote()).expect("a plan").body.valid_until, Height(1_040));
}

#[test]
fn who_cannot_pay_is_told_before_anything_is_signed() {
    let ten = action(pay(&["a"], "10"), "").expect("a transfer");
    let failure = plan(&wish(ten.clone()), &account("0", false), 0, &quote()).expect_err("no account");
    assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "unknown_payer"));
    let failure = plan(&wish(ten.clone()), &account("10.5007", true), 0, &quote()).expect_err("a little too poor");
    assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "insufficient_balance"));
    assert!(failure.error.error.contains("10.5007 BLOCK"), "{}", failure.error.error);
    plan(&wish(ten), &account("10.5008", true), 0, &quote()).expect("exactly enough");
}

#[test]
fn times_have_a_unit_and_stages_a_name() {
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
    assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
    assert_eq!(parse_duration("24h"), Ok(Duration::from_secs(86_400)));
    for bad in [
        "",
        "10",
        "s",
        "-1s",
        "1d",
        "1.5s",
        "10 s",
        "99999999999999999999s",
        "18446744073709551615m",
        "18446744073709551615h",
    ] {
        assert!(parse_duration(bad).is_err(), "{bad:?} was taken");
    }
    assert_eq!(parse_stage("proposed"), Ok(Stage::Proposed));
    for bad in ["rejected", "expired", "dropped", "done", ""] {
        assert!(parse_stage(bad).is_err(), "{bad:?} was taken");
    }
}
