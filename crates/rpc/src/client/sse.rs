//! A bounded parser of server-sent events (the HTML standard, section 9.2.6).
//!
//! Bytes go in as they arrive, whole events come out. Lines end in LF, CR or both; comments, ids and retry
//! times are read over. An event longer than [`EVENT_BYTES_MAX`] is refused, so a peer that never ends a
//! line costs no more memory than that.

use crate::limits::EVENT_BYTES_MAX;

/// The stream sent more than [`EVENT_BYTES_MAX`] without ending an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTooLarge;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its name; `message` when the server gave none.
    pub name: String,
    /// Its data, lines joined by LF.
    pub data: String,
}

/// The parser's state between two pieces of the body.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    after_return: bool,
    name: String,
    data: Option<String>,
}

impl Parser {
    /// Reads the next piece; gives the events that it completes.
    ///
    /// # Errors
    /// [`EventTooLarge`]; the parser must not be used any further.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<ServerEvent>, EventTooLarge> {
        let mut events = Vec::new();
        for &byte in bytes {
            let second_half = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    events.extend(self.end_line()?);
                }
                _ if self.line.len() >= EVENT_BYTES_MAX => return Err(EventTooLarge),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<ServerEvent>, EventTooLarge> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let event = self
                .data
                .take()
                .map(|data| ServerEvent { name: if name.is_empty() { "message".to_owned() } else { name }, data });
            return Ok(event);
        }
        let text = String::from_utf8_lossy(&line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.add_data(value)?,
            _ => {}
        }
        Ok(None)
    }

    fn add_data(&mut self, value: &str) -> Result<(), EventTooLarge> {
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) if data.len().saturating_add(value.len()) >= EVENT_BYTES_MAX => return Err(EventTooLarge),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
        Ok(())
    }
}
