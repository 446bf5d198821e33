//! `tb top`: what a node does, on one screen that renews itself.
//!
//! What is shown is in [`crate::top`].

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use rpc::{Client, ExitCode};

use crate::commands::tx::parse_duration;
use crate::context::Context;
use crate::exit::Failure;
use crate::top::{Standing, View, draw, gather, lines};

const EXAMPLES: &str = "\
Examples:
  tb top
  tb top --rpc http://127.0.0.1:26668 --prometheus http://127.0.0.1:9090
  tb top --once
  tb top --json --interval 5s";

/// Size of the picture of `--once`, cells.
const ONCE: (u16, u16) = (110, 33);
/// How often keys are looked for.
const KEYS: Duration = Duration::from_millis(100);

/// Arguments of `tb top`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    interval: Duration,
    /// Look once, print it, end
    #[arg(long)]
    once: bool,
    /// The Prometheus whose alerts are shown
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the node does not answer at the start, or where there is no terminal.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let node = context.client()?;
    let prometheus = arguments.prometheus.as_ref().map(|url| context.client_at(url)).transpose()?;
    let view = gather(&node, prometheus.as_ref()).await?;
    if arguments.once {
        context.output.result(&view, || lines(&view, ONCE.0, ONCE.1));
        return Ok(());
    }
    if context.output.is_json() {
        return print_views(arguments, context, (&node, prometheus.as_ref()), view).await;
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let hint = "print it once with --once, or one line of JSON for each look with --json";
        return Err(Failure::new(ExitCode::Usage, "no_terminal", "tb top needs a terminal to draw on", hint));
    }
    let failed = |cause: std::io::Error| {
        Failure::new(ExitCode::Unexpected, "terminal", format!("the terminal: {cause}"), "use --once instead")
    };
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown = show(&mut terminal, arguments.interval, (&node, prometheus.as_ref()), view).await;
    ratatui::try_restore().map_err(failed)?;
    shown.map_err(failed)
}

/// One line of JSON for each look, until nobody reads or the node is gone.
async fn print_views(
    arguments: &Arguments,
    context: &Context,
    (node, prometheus): (&Client, Option<&Client>),
    mut view: View,
) -> Result<(), Failure> {
    loop {
        context.output.event(&view, String::new);
        tokio::time::sleep(arguments.interval).await;
        view = gather(node, prometheus).await?;
    }
}

/// Draws until the person ends it.
async fn show(
    terminal: &mut DefaultTerminal,
    interval: Duration,
    (node, prometheus): (&Client, Option<&Client>),
    mut view: View,
) -> std::io::Result<()> {
    let (mut answered, mut looked, mut standing) = (Instant::now(), Instant::now(), Standing::Live);
    loop {
        terminal.draw(|frame| draw(&view, &standing, frame.area(), frame.buffer_mut()))?;
        match tokio::task::spawn_blocking(key).await.map_err(std::io::Error::other)?? {
            Some(Key::Quit) => return Ok(()),
            Some(Key::Pause) => standing = if standing == Standing::Paused { Standing::Live } else { Standing::Paused },
            None => {}
        }
        if standing == Standing::Paused || looked.elapsed() < interval {
            continue;
        }
        looked = Instant::now();
        standing = match gather(node, prometheus).await {
            Ok(next) => {
                (view, answered) = (next, Instant::now());
                Standing::Live
            }
            Err(failure) => Standing::Silent { seconds: answered.elapsed().as_secs(), reason: failure.error.error },
        };
    }
}

enum Key {
    Quit,
    Pause,
}

/// Waits a moment for a key.
fn key() -> std::io::Result<Option<Key>> {
    if !event::poll(KEYS)? {
        return Ok(None);
    }
    let Event::Key(pressed) = event::read()? else { return Ok(None) };
    if pressed.kind != KeyEventKind::Press {
        return Ok(None);
    }
    let is_interrupt = pressed.modifiers.contains(KeyModifiers::CONTROL) && pressed.code == KeyCode::Char('c');
    Ok(match pressed.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        _ if is_interrupt => Some(Key::Quit),
        KeyCode::Char('p') => Some(Key::Pause),
        _ => None,
    })
}
