//! The parts of a drill that need no node: lines that are cut, histories, artefacts without secrets.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::artefact::{self, Artefact, Metadata, stamp};
use cli::devnet::datagrams::{DatagramRelay, Traffic};
use cli::devnet::drill::history::{History, Recovery};
use cli::devnet::drill::reader::series;
use cli::devnet::relay::{Cut, Line, Relay, Weather};
use primitives::{Hash, Height};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;

/// Longest wait for something that must happen.
const TIME: Duration = Duration::from_secs(10);
/// Long enough for something that must not happen.
const QUIET: Duration = Duration::from_millis(300);

const LINE: Line = Line { from: 0, to: 1, delay_ms: 0, jitter_ms: 0, loss_ppm: 0, duplicate_ppm: 0 };

async fn joined(line: Line, weather: &watch::Sender<Weather>) -> (Relay, TcpStream, TcpStream) {
    let behind = TcpListener::bind("127.0.0.1:0").await.expect("loopback works");
    let target: SocketAddr = behind.local_addr().expect("loopback works");
    let relay = Relay::start(line, target, weather.subscribe(), 1).await.expect("loopback works");
    let near = TcpStream::connect(relay.address).await.expect("loopback works");
    let (far, _) =
        tokio::time::timeout(TIME, behind.accept()).await.expect("loopback works").expect("a file of the test");
    (relay, near, far)
}

async fn reads(stream: &mut TcpStream, wanted: &[u8]) {
    let mut bytes = vec![0; wanted.len()];
    tokio::time::timeout(TIME, stream.read_exact(&mut bytes)).await.expect("in time").expect("loopback works");
    assert_eq!(bytes, wanted);
}

/// The stream has ended, or breaks.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 16];
    !matches!(tokio::time::timeout(TIME, stream.read(&mut bytes)).await, Err(_) | Ok(Ok(1..)))
}

fn cut(side: &[u16], one_way: bool) -> Weather {
    let cut = Cut { side: side.iter().copied().collect::<BTreeSet<_>>(), one_way };
    Weather { cuts: vec![(0, cut)], ..Weather::default() }
}

#[tokio::test]
async fn a_line_carries_both_ways_until_it_is_cut_and_again_after_the_heal() {
    let (weather, _keep) = watch::channel(Weather::default());
    let (relay, mut near, mut far) = joined(LINE, &weather).await;
    near.write_all(b"out").await.unwrap();
    reads(&mut far, b"out").await;
    far.write_all(b"back").await.unwrap();
    reads(&mut near, b"back").await;
    weather.send_replace(cut(&[1, 2], false));
    assert!(is_closed(&mut near).await && is_closed(&mut far).await);
    let mut refused = TcpStream::connect(relay.address).await.unwrap();
    assert!(is_closed(&mut refused).await);
    weather.send_modify(|weather| weather.clear(0));
    let (_relay, mut near, mut far) = joined(LINE, &weather).await;
    near.write_all(b"again").await.unwrap();
    reads(&mut far, b"again").await;
}

#[tokio::test]
async fn a_cut_between_others_and_a_cut_of_one_way_leave_the_rest_alone() {
    let (weather, _keep) = watch::channel(cut(&[2], false));
    let (_relay, mut near, mut far) = joined(LINE, &weather).await;
    near.write_all(b"a").await.unwrap();
    reads(&mut far, b"a").await;
    // What leaves node 0 is lost, what it is told arrives.
    weather.send_replace(cut(&[0], true));
    tokio::time::sleep(QUIET).await;
    near.write_all(b"lost").await.unwrap();
    far.write_all(b"told").await.unwrap();
    reads(&mut near, b"told").await;
    let mut bytes = [0; 16];
    assert!(tokio::time::timeout(QUIET, far.read(&mut bytes)).await.is_err(), "nothing arrives");
    // A stream with a hole is of no use after the heal.
    weather.send_replace(Weather::default());
    assert!(is_closed(&mut near).await && is_closed(&mut far).await);
}

#[tokio::test]
async fn a_delay_holds_everything_back_and_keeps_the_order() {
    let (weather, _keep) = watch::channel(Weather::default());
    let (_relay, mut near, mut far) = joined(Line { delay_ms: 120, jitter_ms: 60, ..LINE }, &weather).await;
    let start = Instant::now();
    let sent: Vec<u8> = (0..200).collect();
    for byte in &sent {
        near.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    reads(&mut far, &sent).await;
    assert!(start.elapsed() >= Duration::from_millis(120), "{:?}", start.elapsed());
}

fn hash(byte: u8) -> Hash {
    Hash([byte; 32])
}

fn recovery(kind: &str, ended_ms: u64, alone: bool) -> Recovery {
    Recovery {
        fault: kind.to_owned(),
        what: kind.to_owned(),
        began_ms: 0,
        ended_ms,
        alone,
        height: Height::GENESIS,
        somebody_ms: None,
        everybody_ms: None,
        missed: 0,
        redialled_ms: None,
    }
}

#[test]
fn a_recovery_counts_from_the_end_of_its_fault_until_something_new_is_final() {
    let mut history = History::of(2);
    history.look(0, &[Some((Height(5), hash(5))), Some((Height(4), hash(4)))]);
    history.ended(recovery("crash", 100, true));
    // The slower one reaches what was known already: nothing new.
    history.look(200, &[Some((Height(5), hash(5))), Some((Height(5), hash(5)))]);
    assert_eq!(history.recoveries[0].somebody_ms, None);
    history.look(350, &[None, Some((Height(6), hash(6)))]);
    assert_eq!((history.recoveries[0].somebody_ms, history.recoveries[0].everybody_ms), (Some(250), None));
    history.look(900, &[Some((Height(7), hash(7))), None]);
    assert_eq!((history.recoveries[0].somebody_ms, history.resume_ms()), (Some(250), Some(800)));
    history.ended(recovery("crash", 1_000, false));
    history.look(1_100, &[Some((Height(8), hash(8))), Some((Height(8), hash(8)))]);
    assert_eq!(history.recovery_ms().into_iter().collect::<Vec<_>>(), [("crash".to_owned(), 250)]);
    assert_eq!(history.resume_ms(), Some(100));
    assert!(history.forks.is_empty());
}

#[test]
fn peers_are_found_again_when_no_node_misses_one_any_more() {
    let mut history = History::of(2);
    history.ended(Recovery { missed: 2, ..recovery("partition", 100, true) });
    history.ended(recovery("pause", 150, false));
    history.miss(200, 1);
    assert_eq!(history.redialled_ms(), None, "one still misses somebody");
    history.miss(1_300, 0);
    history.miss(1_400, 0);
    assert_eq!(history.recoveries[0].redialled_ms, Some(1_200));
    assert_eq!(history.recoveries[1].redialled_ms, None, "nobody missed anybody at its end");
    assert_eq!(history.redialled_ms(), Some(1_200));
}

/// A relay of datagrams between two sockets: the near one, the far one, where to send, and what was counted.
async fn packets(line: Line, weather: &watch::Sender<Weather>) -> (DatagramRelay, UdpSocket, UdpSocket, Arc<Traffic>) {
    let bound = async || UdpSocket::bind("127.0.0.1:0").await.expect("loopback works");
    let (near, far) = (bound().await, bound().await);
    let traffic = Arc::new(Traffic::default());
    let target = far.local_addr().expect("loopback works");
    let relay = DatagramRelay::start(line, target, weather.subscribe(), 7, Arc::clone(&traffic)).await;
    let relay = relay.expect("loopback works");
    near.connect(relay.address).await.expect("loopback works");
    (relay, near, far, traffic)
}

/// How many packets come within the time of quiet after the last one, and from whom.
async fn come(socket: &UdpSocket) -> (u64, Option<SocketAddr>) {
    let (mut count, mut last, mut buffer) = (0, None, [0; 64]);
    while let Ok(Ok((_, from))) = tokio::time::timeout(QUIET, socket.recv_from(&mut buffer)).await {
        (count, last) = (count + 1, Some(from));
    }
    (count, last)
}

async fn send(socket: &UdpSocket, to: Option<SocketAddr>, count: u64) {
    for number in 0..count {
        let packet = number.to_le_bytes();
        match to {
            Some(to) => socket.send_to(&packet, to).await.expect("loopback works"),
            None => socket.send(&packet).await.expect("loopback works"),
        };
        // A socket holds only so many that nobody has read.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_are_lost_and_doubled_by_chance_in_both_directions_and_every_one_in_a_cut() {
    let (weather, _keep) = watch::channel(Weather::default());
    let line = Line { loss_ppm: 200_000, ..LINE };
    let (_relay, near, far, traffic) = packets(line, &weather).await;
    let (sent, (arrived, dialler)) = tokio::join!(send(&near, None, 1_000), come(&far));
    let ((), dialler) = (sent, dialler.expect("most arrive"));
    assert!((700..=900).contains(&arrived), "{arrived} of 1000, one in five is lost");
    let ((), (back, _)) = tokio::join!(send(&far, Some(dialler), 1_000), come(&near));
    assert!((700..=900).contains(&back), "{back} of 1000");
    let counted = traffic.packets();
    assert_eq!((counted.carried, counted.doubled), (2_000, 0));
    assert_eq!(counted.carried - counted.lost, arrived + back, "{counted:?}");

    // A fault adds to the line, and takes back what it did.
    weather.send_modify(|weather| weather.loss_ppm.push((4, 800_000)));
    let ((), (none, _)) = tokio::join!(send(&near, None, 100), come(&far));
    assert_eq!(none, 0);
    weather.send_modify(|weather| weather.clear(4));
    weather.send_modify(|weather| weather.duplicate_ppm.push((5, 1_000_000)));
    let ((), (twice, _)) = tokio::join!(send(&near, None, 100), come(&far));
    assert!(twice > 110 && twice % 2 == 0, "{twice} of 100");
    weather.send_modify(|weather| weather.clear(5));
    weather.send_modify(|weather| *weather = cut(&[0], true));
    let ((), (none, _)) = tokio::join!(send(&near, None, 50), come(&far));
    let ((), (told, _)) = tokio::join!(send(&far, Some(dialler), 50), come(&near));
    assert!(none == 0 && told > 25, "{none} leave, {told} are told");
}

#[tokio::test]
async fn a_packet_is_held_back_for_the_time_of_its_line() {
    let (weather, _keep) = watch::channel(Weather::default());
    let (_relay, near, far, _) = packets(Line { delay_ms: 120, ..LINE }, &weather).await;
    let start = Instant::now();
    send(&near, None, 1).await;
    let mut buffer = [0; 64];
    tokio::time::timeout(TIME, far.recv(&mut buffer)).await.expect("in time").expect("loopback works");
    assert!(start.elapsed() >= Duration::from_millis(120), "{:?}", start.elapsed());
}

#[test]
fn two_hashes_at_one_height_are_a_fork_whoever_shows_them_and_whenever() {
    let mut history = History::of(3);
    history.look(0, &[Some((Height(1), hash(1))), Some((Height(1), hash(1))), Some((Height::GENESIS, hash(9)))]);
    history.look(1, &[Some((Height(2), hash(2))), None, None]);
    assert!(history.forks.is_empty());
    // Also when one node takes back what it showed.
    history.shown(0, Height(1), hash(7));
    assert_eq!(history.forks.len(), 1);
    assert!(history.forks[0].starts_with("height 1 is "), "{:?}", history.forks);
}

#[test]
fn series_are_read_by_their_whole_name() {
    let text = "# HELP a b\na 3\na_total 9\nb{kind=\"x\"} 2\nb{kind=\"y\"} 5\n";
    assert_eq!((series(text, "a"), series(text, "b"), series(text, "c")), (3, 7, 0));
}

#[test]
fn an_artefact_holds_no_secret_and_gives_its_scenario_back() {
    let folder = tempfile::tempdir().unwrap();
    let (home, seed) = (folder.path().join("net/node1"), "5c".repeat(32));
    std::fs::create_dir_all(&home).unwrap();
    let key =
        serde_json::json!({ "public_key": "aa".repeat(32), "protection": { "plain": { "seeds": seed.repeat(2) } } });
    std::fs::write(home.join("validator_key.json"), key.to_string()).unwrap();
    std::fs::write(folder.path().join("net/password"), "0123456789abcdef0123\n").unwrap();
    std::fs::write(home.join("node.log"), format!("a {seed} b 0123456789abcdef0123 c {}", "aa".repeat(32))).unwrap();
    let mut artefact = Artefact::of(&folder.path().join("net"));
    let metadata = Metadata { block_interval_ms: 300, ..Metadata::new("split", 7) };
    artefact.add("scenario.toml", "seed = 1\n");
    artefact.add("metadata.json", &serde_json::to_string(&metadata).unwrap());
    artefact.add_file("logs/node1.log", &home.join("node.log"));
    artefact.add_file("logs/node2.log", &home.join("not there"));
    let (path, hash) = artefact.write(&folder.path().join("root"), "split", 1_795_329_063_000).unwrap();
    assert!(path.ends_with("root/split-20261122-061103.zip") || path.to_string_lossy().contains("split-2026"));
    let again = artefact.write_to(&path).unwrap_err();
    assert_eq!(again.error.code, "file_exists", "{again:?}");
    // One that cannot be finished leaves nothing.
    artefact.add("scenario.toml", "a second one");
    let broken = folder.path().join("broken.zip");
    assert_eq!(artefact.write_to(&broken).unwrap_err().error.code, "disk");
    assert!(!broken.exists());
    let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut log = String::new();
    zip.by_name("logs/node1.log").unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(log, format!("a [secret] b [secret] c {}", "aa".repeat(32)));
    assert!(zip.by_name("logs/node2.log").is_err());
    let (scenario, read, read_hash) = artefact::read(&path).unwrap();
    assert_eq!((scenario.as_str(), read, read_hash), ("seed = 1\n", metadata, hash));
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert_eq!(artefact::read(&path).unwrap_err().error.code, "artefact", "cut to {length} bytes");
    }
}

#[test]
fn a_log_is_named_by_as_much_of_its_path_as_tells_it_from_the_others() {
    let names_of = |paths: &[&str]| artefact::names(&paths.iter().map(std::path::PathBuf::from).collect::<Vec<_>>());
    assert_eq!(names_of(&["/var/log/node.log", "/root/prover.log"]), ["node.log", "prover.log"]);
    assert_eq!(names_of(&["/net/a/node.log", "/net/b/node.log"]), ["a/node.log", "b/node.log"]);
    assert_eq!(names_of(&["/x/a/node.log", "/y/a/node.log"]), ["x/a/node.log", "y/a/node.log"]);
    assert_eq!(names_of(&["/node.log", "/a/node.log"]), ["node.log", "a/node.log"], "one is the end of the other");
}

#[test]
fn a_stamp_is_the_time_in_utc() {
    assert_eq!(stamp(0), "19700101-000000");
    assert_eq!(stamp(951_782_400_000), "20000229-000000");
    assert_eq!(stamp(1_709_251_199_999), "20240229-235959");
    assert_eq!(stamp(4_102_444_800_000), "21000101-000000");
}
