//! Real connections: who is let in, what happens to wrong bytes and slow peers, and what a client makes of silence.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use primitives::{Hash, Height, SecretKey, VoteKind};
use rpc::tls::ClientFiles;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, StreamOwned};
use testkit::certificates::{Authority, Pair, Use};

use super::{GENESIS, begin, hello, key, open, vote};
use crate::certificates::{self, Certificates};
use crate::client::{Client, ClientError, ClientSettings};
use crate::guests::{CONNECTIONS_MAX, NEWCOMERS_MAX};
use crate::message::{Answer, FRAME_BYTES_MAX, RefusalCode, Request, read_length, read_message, write_frame};
use crate::server::{HANDSHAKE_TIME, News, Server};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TIMEOUT: Duration = Duration::from_secs(5);

/// A signer with its certificates and what it told.
struct Set {
    folder: tempfile::TempDir,
    server: Option<Server>,
    address: SocketAddr,
    files: ClientFiles,
    tls: Arc<ServerConfig>,
    news: Arc<Mutex<Vec<News>>>,
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

impl Set {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Certificates { authority, signer, node } = certificates::make(&[HERE]).unwrap();
        let at = folder.path();
        let ca = write(at, "ca", &authority);
        let mut tls = (*rpc::tls::server(&write(at, "s", &signer.cert), &write(at, "sk", &signer.key), Some(&ca))
            .unwrap())
        .clone();
        tls.alpn_protocols = vec![crate::PROTOCOL.to_vec()];
        let identity = Some((write(at, "n", &node.cert), write(at, "nk", &node.key)));
        let mut set = Self {
            files: ClientFiles { ca: Some(ca), identity },
            server: None,
            address: SocketAddr::new(HERE, 0),
            tls: Arc::new(tls),
            news: Arc::default(),
            folder,
        };
        drop(begin(set.folder.path()));
        set.start();
        set
    }

    fn start(&mut self) {
        let news = Arc::clone(&self.news);
        let listener = Arc::new(move |one| news.lock().unwrap().push(one));
        let keyholder = open(self.folder.path()).unwrap();
        let server = Server::start(self.address, Arc::clone(&self.tls), keyholder, listener).unwrap();
        (self.address, self.server) = (server.address(), Some(server));
    }

    fn stop(&mut self) {
        self.server = None;
    }

    fn settings(&self, files: &ClientFiles) -> ClientSettings {
        ClientSettings {
            address: self.address,
            tls: Arc::new(tls(files)),
            genesis: GENESIS,
            key: Some(key().public_key()),
            timeout: TIMEOUT,
        }
    }

    fn client(&self) -> Client {
        Client::new(self.settings(&self.files))
    }

    /// A connection whose messages the test writes itself.
    fn raw(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let connection = ClientConnection::new(Arc::new(tls(&self.files)), ServerName::from(HERE)).unwrap();
        StreamOwned::new(connection, stream)
    }

    fn told(&self, wanted: impl Fn(&News) -> bool) -> bool {
        self.news.lock().unwrap().iter().any(wanted)
    }

    /// Waits until the signer has told that it turned somebody away for this reason.
    fn turns_away(&self, reason: &str) {
        let until = Instant::now() + TIMEOUT;
        while !self.told(|news| matches!(news, News::TurnedAway(_, why) if why.contains(reason))) {
            assert!(Instant::now() < until, "nobody was turned away because {reason}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn tls(files: &ClientFiles) -> ClientConfig {
    let mut tls = rpc::tls::client(files).unwrap();
    tls.alpn_protocols = vec![crate::PROTOCOL.to_vec()];
    tls
}

fn prevote(height: u64, value: u8) -> Request {
    Request::Vote(vote(VoteKind::Prevote, height, 0, value))
}

fn read(stream: &mut impl Read) -> std::io::Result<Answer> {
    let length = read_length(stream, FRAME_BYTES_MAX)?;
    read_message(stream, length)
}

#[test]
fn a_node_with_its_certificate_gets_signatures_and_two_nodes_get_no_two_for_one_place() {
    let set = Set::new();
    let (mut first, mut second) = (set.client(), set.client());
    let welcome = first.connect().unwrap();
    assert_eq!((welcome.key, welcome.genesis), (key().public_key(), GENESIS));
    let signature = first.sign(&prevote(1, 1)).unwrap();
    assert!(key().public_key().verify(&vote(VoteKind::Prevote, 1, 0, 1).signing_bytes(&GENESIS), &signature));
    assert_eq!(second.sign(&prevote(1, 1)), Ok(signature), "the same vote is the same signature");
    let Err(ClientError::Refused(refusal)) = second.sign(&prevote(1, 2)) else { panic!("a second vote") };
    assert_eq!(refusal.code, RefusalCode::Conflict);
    assert!(second.sign(&prevote(2, 2)).is_ok(), "a refusal does not end the connection, and no pause follows it");
    assert!(set.told(|news| matches!(news, News::Refused(_, refusal) if refusal.code == RefusalCode::Conflict)));
}

#[test]
fn nobody_without_a_certificate_of_the_one_authority_is_let_in() {
    let set = Set::new();
    let foreign = Authority::new(set.folder.path(), "foreign");
    let pair = |Pair { cert, key }: Pair| Some((cert, key));
    let ca = set.files.ca.clone();
    let strangers = [
        ClientFiles { ca: ca.clone(), identity: None },
        ClientFiles { ca: ca.clone(), identity: pair(foreign.issue("stranger", Use::Client)) },
        // The signer's own certificate is one of a server.
        ClientFiles { ca, identity: Some((set.folder.path().join("s"), set.folder.path().join("sk"))) },
    ];
    for files in strangers {
        let mut client = Client::new(set.settings(&files));
        let refused = client.connect().expect_err("it has no certificate of a node");
        assert!(matches!(&refused, ClientError::Unreachable { cause, .. } if cause.contains("alert")), "{refused}");
    }
    assert!(!set.told(|news| matches!(news, News::Joined(_))), "nobody got as far as a question");
    // And a node does not speak to a signer of another authority.
    let files = ClientFiles { ca: Some(foreign.ca), identity: set.files.identity.clone() };
    let refused = Client::new(set.settings(&files)).connect().expect_err("it is not our signer");
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[test]
fn a_node_of_another_chain_or_validator_is_refused_at_every_connection() {
    let set = Set::new();
    let other = ClientSettings { genesis: Hash([8; 32]), ..set.settings(&set.files) };
    let Err(ClientError::Refused(refusal)) = Client::new(other).connect() else { panic!("another chain") };
    assert_eq!(refusal.code, RefusalCode::OtherChain);
    let wanted = SecretKey::from_seed([4; 32]).public_key();
    let other = ClientSettings { key: Some(wanted), ..set.settings(&set.files) };
    let mut client = Client::new(other);
    let refused = client.sign(&prevote(1, 1)).expect_err("the signer has another key");
    assert_eq!(refused, ClientError::OtherKey { address: set.address, found: key().public_key(), wanted });
}

#[test]
fn wrong_bytes_end_a_connection_and_the_next_one_is_served() {
    let set = Set::new();
    // What comes instead of a hello, and after one.
    let mut stream = set.raw();
    write_frame(&mut stream, &Request::Reaches(Height(1))).unwrap();
    assert!(matches!(read(&mut stream), Ok(Answer::Refused(refusal)) if refusal.code == RefusalCode::Order));
    let greet = || {
        let mut stream = set.raw();
        write_frame(&mut stream, &hello(GENESIS)).unwrap();
        assert!(matches!(read(&mut stream), Ok(Answer::Welcome(_))));
        stream
    };
    let mut stream = greet();
    write_frame(&mut stream, &hello(GENESIS)).unwrap();
    assert!(matches!(read(&mut stream), Ok(Answer::Refused(refusal)) if refusal.code == RefusalCode::Order));
    let over = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    for bytes in [&over[..], &[0, 0, 0, 3, 200, 1, 2], &[0, 0, 0, 0]] {
        let mut stream = greet();
        stream.write_all(bytes).unwrap();
        let answer = read(&mut stream);
        assert!(matches!(&answer, Ok(Answer::Refused(one)) if one.code == RefusalCode::Malformed), "{answer:?}");
        assert!(read(&mut stream).is_err(), "it is closed");
    }
    // A first frame above the bound of strangers, and another protocol.
    let mut stream = set.raw();
    stream.write_all(&[0, 0, 4, 0]).unwrap();
    let _ = stream.write_all(&[0; 1_024]);
    assert!(read(&mut stream).is_err());
    let mut plain = TcpStream::connect(set.address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(set.client().sign(&prevote(1, 1)).is_ok(), "the others are served");
}

#[test]
fn a_silent_peer_is_shown_out_and_connections_are_bounded() {
    let set = Set::new();
    let start = Instant::now();
    let mut silent = TcpStream::connect(set.address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(silent.read(&mut [0; 16]).unwrap_or(0), 0, "closed without a word");
    assert!(start.elapsed() >= HANDSHAKE_TIME - Duration::from_millis(200), "{:?}", start.elapsed());
    // As many as there may be: one more is closed at once, and there is room again when one leaves.
    let mut inside: Vec<Client> = (0..CONNECTIONS_MAX).map(|_| set.client()).collect();
    for client in &mut inside {
        client.connect().unwrap();
    }
    assert!(set.client().connect().is_err());
    set.turns_away("open already");
    assert!(inside[0].sign(&prevote(1, 1)).is_ok(), "those inside are served");
    inside.truncate(CONNECTIONS_MAX - 1);
    let until = Instant::now() + TIMEOUT;
    while set.client().connect().is_err() {
        assert!(Instant::now() < until, "no room again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn strangers_that_say_nothing_keep_no_node_out_and_take_nothing_from_those_inside() {
    let set = Set::new();
    let mut before = set.client();
    before.connect().unwrap();
    let start = Instant::now();
    let mut strangers: Vec<TcpStream> =
        (0..3 * NEWCOMERS_MAX).map(|_| TcpStream::connect(set.address).unwrap()).collect();
    assert!(set.client().sign(&prevote(1, 1)).is_ok(), "a node comes in");
    assert!(before.sign(&prevote(1, 1)).is_ok(), "the one inside is served");
    // The first ones are shown out for the others, not by the clock.
    for stranger in strangers.iter_mut().take(2 * NEWCOMERS_MAX) {
        stranger.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(stranger.read(&mut [0; 16]).unwrap_or(0), 0, "closed without a word");
    }
    assert!(start.elapsed() < HANDSHAKE_TIME, "{:?}", start.elapsed());
    set.turns_away("others came");
}

#[test]
fn a_signer_that_comes_back_is_asked_again_and_in_between_every_question_fails_at_once() {
    let mut set = Set::new();
    let mut client = set.client();
    let signature = client.sign(&prevote(1, 1)).unwrap();
    set.stop();
    set.start();
    assert_eq!(
        client.sign(&prevote(1, 1)),
        Ok(signature),
        "a connection that ended is made again for the same question"
    );
    set.stop();
    assert!(matches!(client.sign(&prevote(2, 1)), Err(ClientError::Unreachable { .. })));
    let start = Instant::now();
    assert!(matches!(client.sign(&prevote(2, 1)), Err(ClientError::Later { .. })), "no second try at once");
    assert!(start.elapsed() < Duration::from_millis(50), "{:?}", start.elapsed());
    set.start();
    let until = Instant::now() + TIMEOUT;
    while client.sign(&prevote(2, 1)).is_err() {
        assert!(Instant::now() < until, "it is not asked again");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(client.sign(&Request::Reaches(Height(1))).is_err(), "an answer of another kind is no signature");
}

#[test]
fn a_signer_that_says_nothing_costs_no_more_than_the_timeout() {
    let set = Set::new();
    let deaf = TcpListener::bind((HERE, 0)).unwrap();
    let timeout = Duration::from_millis(300);
    let settings = ClientSettings { address: deaf.local_addr().unwrap(), timeout, ..set.settings(&set.files) };
    let start = Instant::now();
    let refused = Client::new(settings).sign(&prevote(1, 1)).expect_err("nobody answers");
    assert!(matches!(refused, ClientError::Unreachable { .. }), "{refused}");
    assert!(start.elapsed() >= timeout && start.elapsed() < timeout * 4, "{:?}", start.elapsed());
}
