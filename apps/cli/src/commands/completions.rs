//! `tb completions`: the completion script of a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::context::Context;
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  tb completions bash > ~/.local/share/bash-completion/completions/tb
  tb completions fish > ~/.config/fish/completions/tb.fish";

/// Arguments of `tb completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// None; the type is that of every command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "tb", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if context.output.is_json() {
        context.output.result(&serde_json::json!({ "script": script }), String::new);
    } else {
        context.output.raw(&script);
    }
    Ok(())
}
