//! Takes changes of `node.toml` while a node or a wallet runtime runs, for the keys that the table marks as live.
//!
//! ```text
//! file watch ──┐
//!              ├─► stamp differs? ─► read all sources again ─► problem: old values stay, counted, logged
//! poll tick ───┘                                            └► live keys: applied   others: named, next start
//! ```
//! Rules
//! - A change is seen at once where the system tells of it, and else at the next poll: `config_poll_ms`.
//! - A file with any problem changes nothing at all. A file that was there and is gone is a problem, and no wish for defaults.
//! - What is logged are names of keys and what is wrong, never a secret.
//! - Flags and environment stay what they were at the start: they are stronger than the file. A live key of the file that one of them hides is named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::config::{Home, Key, Loaded, NodeConfig};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::shared::Shared;

/// Shortest pause between two looks at the file: an editor writes it in several steps.
const SETTLE: Duration = Duration::from_millis(50);

/// What tells two states of a file apart without reading it.
type Stamp = Option<(SystemTime, u64)>;

/// What takes changes while it runs.
pub trait Live {
    /// Where they are counted.
    fn counts(&self) -> &telemetry::areas::Node;

    /// Puts the live keys in force: first what can be refused, then the rest.
    ///
    /// # Errors
    /// Why nothing was taken.
    fn apply(&self, next: &Loaded, live: &[&str]) -> Result<(), String>;
}

/// The configuration in force and where it came from.
pub struct Reloader {
    home: Home,
    flags: Vec<(String, String)>,
    file: PathBuf,
    loaded: Loaded,
}

impl Reloader {
    /// For the configuration that the node started with.
    pub fn new(home: &Home, flags: &[(String, String)], loaded: Loaded) -> Self {
        let mut this = Self { home: home.clone(), flags: flags.to_vec(), file: home.node_toml(), loaded };
        this.expect_file();
        this
    }

    /// A file that was read once must be there from then on.
    fn expect_file(&mut self) {
        if self.file.exists() {
            self.home = self.home.clone().with_config(&self.file);
        }
    }

    /// Follows the file until the task is ended.
    pub async fn run(mut self, running: Arc<impl Live>) {
        let told = Arc::new(Notify::new());
        let watcher = self.watch(&told);
        let mut ticks = interval(self.loaded.config.config_poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = self.stamp();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = told.notified(), if watcher.is_some() => tokio::time::sleep(SETTLE).await,
            }
            let stamp = self.stamp();
            if stamp != seen {
                seen = stamp;
                self.reload(&*running);
            }
        }
    }

    /// Asks the system to tell of changes; `None` where it does not, and polling alone has to do.
    fn watch(&self, told: &Arc<Notify>) -> Option<RecommendedWatcher> {
        let (file, told) = (self.file.clone(), Arc::clone(told));
        let changed = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| event.paths.iter().any(|path| path.file_name() == file.file_name())) {
                told.notify_one();
            }
        };
        // The folder and not the file: an editor puts a new file in its place.
        let folder = self.file.parent()?;
        let watcher = notify::recommended_watcher(changed).and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        watcher
            .inspect_err(|error| tracing::info!(%error, "changes of the configuration are looked for by polling alone"))
            .ok()
    }

    fn stamp(&self) -> Stamp {
        let found = std::fs::metadata(&self.file).ok()?;
        Some((found.modified().ok()?, found.len()))
    }

    fn reload(&mut self, running: &impl Live) {
        let environment = |name: &str| std::env::var(name).ok();
        let metrics = running.counts();
        let next = match NodeConfig::load(&self.home, &self.flags, environment) {
            Ok(next) => next,
            Err(errors) => {
                metrics.config_reload_failures.inc();
                for error in &errors.0 {
                    tracing::warn!(%error, "the configuration was not taken; the old values stay");
                }
                return;
            }
        };
        let changed: Vec<&'static Key> = self.loaded.changed(&next);
        for key in changed.iter().filter(|key| !key.live) {
            tracing::warn!(key = key.name, "this change of the configuration counts at the next start");
        }
        for (key, hidden_by) in next.hidden(&self.home) {
            tracing::warn!(
                key = key.name,
                %hidden_by,
                "the file says something else for this key, and what hides it is stronger: start the node without that to have the file count"
            );
        }
        let live: Vec<&str> = changed.iter().filter(|key| key.live).map(|key| key.name).collect();
        if let Err(error) = running.apply(&next, &live) {
            metrics.config_reload_failures.inc();
            tracing::warn!(error, "the configuration was not taken; the old values stay");
            return;
        }
        metrics.config_reloads.inc();
        if !live.is_empty() {
            tracing::info!(keys = live.join(", "), "changes of the configuration are in force");
        }
        self.loaded = next;
        self.expect_file();
    }
}

impl Live for Shared {
    fn counts(&self) -> &telemetry::areas::Node {
        &self.metrics.node
    }

    fn apply(&self, loaded: &Loaded, live: &[&str]) -> Result<(), String> {
        let next = &loaded.config;
        if *self.mempool.borrow() != next.mempool {
            let mut chain = self.chain().map_err(|fault| fault.0)?;
            chain.configure_mempool(next.mempool).map_err(|error| error.to_string())?;
            drop(chain);
            self.mempool.send_replace(next.mempool);
        }
        take_level(next, live)?;
        self.rate_limit.send_replace(next.rpc.rate_limit);
        self.samples.sampling.send_replace((&next.telemetry).into());
        self.sync.reload(next);
        self.pruner.reload(&next.pruning);
        // What counts at the next start stays what it is.
        let taken = crate::rollout::settings(loaded).into_iter().filter(|(key, _)| live.contains(&key.as_str()));
        self.settings.send_modify(|settings| settings.extend(taken));
        Ok(())
    }
}

/// The level of the log, which belongs to the process.
///
/// # Errors
/// A level that cannot be.
pub fn take_level(next: &NodeConfig, live: &[&str]) -> Result<(), String> {
    if live.contains(&"log.level") {
        telemetry::logging::set_filter(&next.log.level).map_err(|error| format!("log.level: {error}"))?;
    }
    Ok(())
}
