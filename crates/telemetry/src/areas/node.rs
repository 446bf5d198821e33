//! The process and its state as a whole.

use crate::handles::{Counter, FloatCounter, FloatGauge, Gauge, InfoFamily};
use crate::metric::{Metric, Unit};

area! {
    /// The process and its state as a whole.
    Node {
        "Software version, role, chain id and genesis hash of this node"
        info: InfoFamily<4> = Metric::info("node_info").labels(&["version", "role", "chain", "genesis"]);
        "1 when GET /health/ready answers 200, else 0"
        ready: Gauge = Metric::gauge("node_ready");
        "1 while the node fetches heights that others have, else 0"
        syncing: Gauge = Metric::gauge("node_syncing").aliases(&["cometbft_blocksync_syncing"]);
        "Time since the process started"
        uptime: FloatGauge = Metric::gauge("node_uptime_seconds").unit(Unit::Seconds);
        "Memory of the process that is in RAM"
        resident_memory: Gauge = Metric::gauge("process_resident_memory_bytes").unit(Unit::Bytes);
        "Processor time of the process, user and system"
        cpu: FloatCounter = Metric::counter("process_cpu_seconds_total").unit(Unit::Seconds);
        "Open file descriptors of the process"
        open_files: Gauge = Metric::gauge("process_open_fds");
        "Changes of the configuration file that were taken while the node ran"
        config_reloads: Counter = Metric::counter("config_reloads_total");
        "Changes of the configuration file that were not taken because of a problem; the old values stayed"
        config_reload_failures: Counter = Metric::counter("config_reload_failures_total");
        "Threads of the process"
        threads: Gauge = Metric::gauge("process_threads");
    }
}
