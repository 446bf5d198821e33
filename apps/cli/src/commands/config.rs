//! `tb config`: what a node is told, and whether it makes sense.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::args::RPC_URL_VARIABLE;
use crate::context::{Context, environment};
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  tb config show
  tb config check --dry-run
  tb config set mempool_limit 20000
  tb config template > node.toml";
const EXAMPLES_SET: &str = "\
Examples:
  tb config set mempool_limit 20000
  tb config set queue_weights.priority 0.6 queue_weights.fee 0.4      both or none, because they must sum to 1
  tb config set p2p.peers /dns/example.org/udp/26657/quic-v1,/ip4/192.0.2.1/tcp/26657 --config config/node.toml";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb config show                          every key, its value and where it comes from
  tb config show --set mempool_limit=20000";
const EXAMPLES_CHECK: &str = "\
Examples:
  tb config check --dry-run
  tb config check --config config/node.toml --json";
const EXAMPLES_DIFF: &str = "\
Examples:
  tb config diff                          what differs from the defaults
  tb config diff --with /etc/the-block/node.toml --json";
const EXAMPLES_TEMPLATE: &str = "\
Examples:
  tb config template > node.toml";

/// Arguments of `tb config`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every key with its value and where it comes from; secrets are not shown
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Files),
    /// Load the configuration as a start would and list every problem and warning; nothing is started or written
    #[command(after_help = EXAMPLES_CHECK)]
    Check(Check),
    /// Print the keys that differ from the defaults, or from another file; secrets are not shown
    #[command(after_help = EXAMPLES_DIFF)]
    Diff(Diff),
    /// Set keys in the configuration file; comments stay, and a file that a start would refuse is never written
    #[command(after_help = EXAMPLES_SET)]
    Set(Set),
    /// Print a node.toml with every key as a comment
    #[command(after_help = EXAMPLES_TEMPLATE)]
    Template,
}

/// Where a configuration comes from; shared with `tb node start`.
#[derive(Debug, Clone, Args)]
pub struct Files {
    /// Configuration file [default: <home>/node.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one configuration key, once for each; stronger than environment and files
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Files {
    /// The home directory with the named configuration file.
    pub fn home(&self, context: &Context) -> config::Home {
        let home = context.home();
        match &self.config {
            Some(file) => home.with_config(file),
            None => home,
        }
    }

    /// The keys and values of `--set`.
    ///
    /// # Errors
    /// [`Failure`] for one without `=`.
    pub fn flags(&self) -> Result<Vec<(String, String)>, Failure> {
        self.set
            .iter()
            .map(|text| match text.split_once('=') {
                Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
                None => Err(Failure::usage(
                    format!("--set {text} has no value"),
                    "write --set KEY=VALUE, for example --set mempool_limit=20000",
                )),
            })
            .collect()
    }
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    files: Files,
    /// Accepted for scripts: the check never changes anything
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Diff {
    #[command(flatten)]
    files: Files,
    /// Another configuration file, read without environment and flags [default: the defaults]
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct DifferenceView {
    key: &'static str,
    here: String,
    there: String,
    /// Where the value here comes from.
    source: String,
    /// Whether a running node takes a change of it; otherwise the next start does.
    live: bool,
}

#[derive(Debug, Args)]
struct Set {
    /// Key and value, and further ones in pairs; the entries of a list stand between commas
    #[arg(required = true, num_args = 2.., value_names = ["KEY", "VALUE"], allow_negative_numbers = true)]
    values: Vec<String>,
    /// Configuration file [default: <home>/node.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct SetView {
    path: String,
    written: bool,
    changes: Vec<ChangeView>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ChangeView {
    key: &'static str,
    before: Option<String>,
    after: String,
    /// A stronger source that hides what was set.
    hidden_by: Option<String>,
    /// Whether a running node takes it; otherwise the next start does.
    live: bool,
}

#[derive(Debug, Serialize)]
struct Checked {
    ok: bool,
    problems: Vec<ProblemView>,
}

#[derive(Debug, Serialize)]
struct ProblemView {
    severity: &'static str,
    text: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a configuration with problems.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Show(files) => {
            let loaded = config::NodeConfig::load(&files.home(context), &files.flags()?, environment)?;
            for warning in &loaded.warnings {
                context.output.talk(format!("warning: {warning}"));
            }
            context.output.raw(&config::show(&loaded, context.output.is_json()));
            Ok(())
        }
        Command::Check(check) => check.run(context),
        Command::Diff(diff) => diff.run(context),
        Command::Set(set) => set.run(context),
        Command::Template => {
            let text = config::template();
            if context.output.is_json() {
                context.output.result(&serde_json::json!({ "template": text }), String::new);
            } else {
                context.output.raw(&text);
            }
            Ok(())
        }
    }
}

impl Diff {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let home = self.files.home(context);
        let here = config::NodeConfig::load(&home, &self.files.flags()?, environment)?;
        let there = match &self.with {
            Some(file) => config::Loaded::of_file(&context.home().with_config(file))?,
            None => config::Loaded::defaults(&context.home())?,
        };
        let value = |loaded: &config::Loaded, key: &config::Key| {
            loaded.settings.get(key.name).map_or_else(String::new, |setting| match &setting.value {
                config::Value::Unset => format!("({})", key.unset),
                value => value.to_string(),
            })
        };
        let view = |key: &'static config::Key| DifferenceView {
            key: key.name,
            here: value(&here, key),
            there: value(&there, key),
            source: here.source(key.name).map_or_else(String::new, ToString::to_string),
            live: key.live,
        };
        let differences: Vec<DifferenceView> = here.changed(&there).into_iter().map(view).collect();
        let what = if self.with.is_some() { "there" } else { "default" };
        context.output.result(&differences, || match differences.as_slice() {
            [] => "no key differs".to_owned(),
            all => {
                let line = |one: &DifferenceView| {
                    let DifferenceView { key, here, there, source, .. } = one;
                    format!("{key} = {here}  # {what}: {there}; from {source}")
                };
                all.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        });
        Ok(())
    }
}

impl Set {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let (pairs, rest) = self.values.as_chunks::<2>();
        if let [key] = rest {
            return Err(Failure::usage(
                format!("{key} has no value"),
                "write KEY VALUE pairs, for example: tb config set mempool_limit 20000",
            ));
        }
        let values: Vec<(String, String)> = pairs.iter().map(|[key, value]| (key.clone(), value.clone())).collect();
        let home = match &self.config {
            Some(file) => context.home().with_config(file),
            None => context.home(),
        };
        let edited = config::set(&home, &values, environment)?;
        for warning in &edited.warnings {
            context.output.talk(format!("warning: {warning}"));
        }
        let view = SetView {
            path: edited.path.display().to_string(),
            written: edited.written,
            changes: edited.changes.iter().map(ChangeView::of).collect(),
            warnings: edited.warnings,
        };
        context.output.result(&view, || view.lines());
        Ok(())
    }
}

impl ChangeView {
    fn of(change: &config::Change) -> Self {
        Self {
            key: change.key.name,
            before: change.before.as_ref().map(ToString::to_string),
            after: change.after.to_string(),
            hidden_by: change.hidden_by.as_ref().map(ToString::to_string),
            live: change.key.live,
        }
    }
}

impl SetView {
    fn lines(&self) -> String {
        let what = if self.written { "written" } else { "as it was" };
        let mut lines = vec![format!("{} is {what}", self.path)];
        for ChangeView { key, before, after, hidden_by, live } in &self.changes {
            let was = before.as_ref().map(|before| format!(", was {before}")).unwrap_or_default();
            let when = if *live {
                "a running node takes it, unless a flag or variable of its start is stronger"
            } else {
                "counts at the next start"
            };
            lines.push(match hidden_by {
                None => format!("{key} = {after}{was}; {when}"),
                Some(source) => format!("{key} stays {after}: {source} is stronger than the file"),
            });
        }
        lines.join("\n")
    }
}

impl Check {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        // `--dry-run` only says what is always so.
        let _ = self.dry_run;
        let mut report = config::check(&self.files.home(context), &self.files.flags()?, environment);
        let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        let unknown =
            config::unknown_environment(names.iter().map(String::as_str).filter(|name| *name != RPC_URL_VARIABLE));
        let warning = |text| config::Problem { severity: config::Severity::Warning, text };
        report.problems.extend(unknown.into_iter().map(warning));
        let checked = Checked {
            ok: !report.has_errors(),
            problems: report
                .problems
                .iter()
                .map(|problem| ProblemView {
                    severity: match problem.severity {
                        config::Severity::Error => "error",
                        config::Severity::Warning => "warning",
                    },
                    text: problem.text.clone(),
                })
                .collect(),
        };
        let lines: Vec<String> =
            checked.problems.iter().map(|problem| format!("{}: {}", problem.severity, problem.text)).collect();
        if checked.ok {
            context.output.result(&checked, || match lines.len() {
                0 => "ok: a node would start with this configuration".to_owned(),
                count => {
                    format!("{}\nok: a node would start with this configuration; warnings: {count}", lines.join("\n"))
                }
            });
            return Ok(());
        }
        let errors = report.problems.iter().filter(|problem| problem.severity == config::Severity::Error).count();
        let warnings = lines.len().saturating_sub(errors);
        Err(Failure::new(
            rpc::ExitCode::Config,
            "config",
            format!("problems of the configuration: {errors}; warnings: {warnings}\n{}", lines.join("\n")),
            "correct each of them, then run this command again",
        ))
    }
}
