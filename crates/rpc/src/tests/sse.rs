//! The parser of server-sent events: every way to end a line, any way to cut the bytes, and its bound.

use proptest::prelude::*;

use crate::client::sse::{EventTooLarge, Parser, ServerEvent};
use crate::limits::EVENT_BYTES_MAX;

fn event(name: &str, data: &str) -> ServerEvent {
    ServerEvent { name: name.to_owned(), data: data.to_owned() }
}

fn all(text: &str) -> Vec<ServerEvent> {
    Parser::default().push(text.as_bytes()).unwrap()
}

#[test]
fn events_are_read_as_the_standard_says() {
    let table: [(&str, &str, Vec<ServerEvent>); 10] = [
        ("plain", "event: block\ndata: {}\n\n", vec![event("block", "{}")]),
        ("no space", "event:block\ndata:{}\n\n", vec![event("block", "{}")]),
        ("one space only is taken off", "data:  x\n\n", vec![event("message", " x")]),
        ("carriage returns", "event: a\r\ndata: 1\r\n\r\n", vec![event("a", "1")]),
        ("lone carriage returns", "data: 1\r\rdata: 2\r\r", vec![event("message", "1"), event("message", "2")]),
        ("two lines of data", "data: 1\ndata: 2\n\n", vec![event("message", "1\n2")]),
        ("comments and unknown fields", ": hello\nid: 5\nretry: 1\nx\ndata: 1\n\n", vec![event("message", "1")]),
        ("a name without data is no event", "event: a\n\ndata: 1\n\n", vec![event("message", "1")]),
        ("empty data is data", "event: a\ndata\n\n", vec![event("a", "")]),
        ("an unfinished event waits", "data: 1\n", vec![]),
    ];
    for (name, text, expected) in table {
        assert_eq!(all(text), expected, "{name}");
    }
}

#[test]
fn endless_lines_and_endless_events_are_refused() {
    let line = vec![b'x'; EVENT_BYTES_MAX + 1];
    assert_eq!(Parser::default().push(&line), Err(EventTooLarge));
    let mut parser = Parser::default();
    let piece = format!("data: {}\n", "x".repeat(1_000));
    let refused = (0..1_000).any(|_| parser.push(piece.as_bytes()).is_err());
    assert!(refused);
}

proptest! {
    #[test]
    fn the_cuts_between_pieces_do_not_matter(text in "(event: [a-c]\r?\n|data: [a-c]{0,3}(\n|\r|\r\n)|:x\n|\n|\r\n){0,30}", cut in 1_usize..7) {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in text.as_bytes().chunks(cut) {
            events.extend(parser.push(piece).unwrap());
        }
        prop_assert_eq!(events, all(&text));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Parser::default().push(&bytes);
    }
}
