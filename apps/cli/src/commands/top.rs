//! `tb top`: what a node does, on one screen that renews itself.
//!
//! What is shown is in [`crate::top`].

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use rpc::{Client, ExitCode};
use tokio::task::JoinHandle;

use crate::commands::tx::parse_duration;
use crate::context::Context;
use crate::exit::Failure;
use crate::top::{Pace, Standing, View, draw, gather, lines};

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
    let node = context.patient_client()?;
    let prometheus = arguments.prometheus.as_ref().map(|url| context.client_at(url)).transpose()?;
    let mut looker = Looker { node, prometheus, pace: Pace::new(arguments.interval), waited: 0 };
    let view = looker.look().await?;
    if arguments.once {
        context.output.result(&view, || lines(&view, ONCE.0, ONCE.1));
        return Ok(());
    }
    if context.output.is_json() {
        return print_views(context, looker, view).await;
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let hint = "print it once with --once, or one line of JSON for each look with --json";
        return Err(Failure::new(ExitCode::Usage, "no_terminal", "tb top needs a terminal to draw on", hint));
    }
    let failed = |cause: std::io::Error| {
        Failure::new(ExitCode::Unexpected, "terminal", format!("the terminal: {cause}"), "use --once instead")
    };
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown = show(&mut terminal, looker, view).await;
    ratatui::try_restore().map_err(failed)?;
    shown.map_err(failed)
}

/// Whom to ask, and how often.
#[derive(Clone)]
struct Looker {
    node: Client,
    prometheus: Option<Client>,
    pace: Pace,
    /// Waits of the node's client before the look that goes on.
    waited: u64,
}

impl Looker {
    /// One look; a limit of the node that was met makes the next ones rarer.
    async fn look(&mut self) -> Result<View, Failure> {
        let before = self.node.waited();
        let view = gather(&self.node, self.prometheus.as_ref()).await;
        self.pace.note(self.node.waited() > before);
        view
    }

    /// How a look that was answered stands.
    fn standing(&self) -> Standing {
        match self.pace.is_slowed() {
            true => Standing::Slowed { seconds: self.pace.pause().as_secs() },
            false => Standing::Live,
        }
    }

    /// How a look stands that waits for the node's limit.
    fn waiting(&self) -> Standing {
        let mut next = self.pace;
        next.note(true);
        Standing::Slowed { seconds: next.pause().as_secs() }
    }
}

/// One line of JSON for each look, until nobody reads or the node is gone.
async fn print_views(context: &Context, mut looker: Looker, mut view: View) -> Result<(), Failure> {
    let mut told = looker.pace;
    loop {
        context.output.event(&view, String::new);
        if looker.pace.pause() != told.pause() {
            told = looker.pace;
            let seconds = told.pause().as_secs_f64();
            context.output.talk(format!("the node limits how often it is asked: one look in {seconds} s"));
        }
        tokio::time::sleep(looker.pace.pause()).await;
        view = looker.look().await?;
    }
}

/// Draws until the person ends it. Keys are heard while the node is asked.
async fn show(terminal: &mut DefaultTerminal, mut looker: Looker, mut view: View) -> std::io::Result<()> {
    let (mut answered, mut looked, mut standing) = (Instant::now(), Instant::now(), looker.standing());
    let mut looking: Option<JoinHandle<(Looker, Result<View, Failure>)>> = None;
    loop {
        terminal.draw(|frame| draw(&view, &standing, frame.area(), frame.buffer_mut()))?;
        match tokio::task::spawn_blocking(key).await.map_err(std::io::Error::other)?? {
            Some(Key::Quit) => return Ok(()),
            Some(Key::Pause) if standing == Standing::Paused => standing = looker.standing(),
            Some(Key::Pause) => standing = Standing::Paused,
            None => {}
        }
        match looking.take() {
            Some(task) if task.is_finished() => {
                let (asked, next) = task.await.map_err(std::io::Error::other)?;
                (looker, looked) = (asked, Instant::now());
                let now = match next {
                    Ok(next) => {
                        (view, answered) = (next, Instant::now());
                        looker.standing()
                    }
                    Err(failure) => {
                        Standing::Silent { seconds: answered.elapsed().as_secs(), reason: failure.error.error }
                    }
                };
                if standing != Standing::Paused {
                    standing = now;
                }
            }
            Some(task) => {
                if standing == Standing::Live && looker.node.waited() > looker.waited {
                    standing = looker.waiting();
                }
                looking = Some(task);
            }
            None if standing != Standing::Paused && looked.elapsed() >= looker.pace.pause() => {
                looker.waited = looker.node.waited();
                let mut asking = looker.clone();
                looking = Some(tokio::spawn(async move {
                    let next = asking.look().await;
                    (asking, next)
                }));
            }
            None => {}
        }
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
