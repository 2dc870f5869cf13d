//! Server-sent events, decoded: chunks of bytes in, events out, without I/O.
//!
//! An *event* is what a blank line ends. The wire formats above it see whole events only, whatever the
//! network did to the bytes. Everything that a hostile server can make long has a limit; the decoder that
//! has passed one stays failed.
//!
//! Source of the format: the HTML standard, section "Server-sent events", with one leniency: a stream may
//! end without the last blank line.

use std::mem::take;

/// One event: the name from its `event` field (empty when it has none) and its `data` lines, joined by `\n`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// What the `event` field said.
    pub name: String,
    /// UTF-8 with replacement characters where the bytes were none.
    pub data: String,
}

/// How much of each a stream may have. Bytes, but for `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One line.
    pub line: usize,
    /// The data of one event.
    pub event: usize,
    /// The whole body.
    pub body: usize,
    /// Events in one body.
    pub events: usize,
}

impl Default for Limits {
    /// Far above any answer: 1,000 tokens streamed one by one are 1,000 events and about 300 KB.
    fn default() -> Limits {
        Limits {
            line: 1 << 20,
            event: 1 << 20,
            body: 8 << 20,
            events: 50_000,
        }
    }
}

/// The limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// A line.
    Line,
    /// The data of an event.
    Event,
    /// The body.
    Body,
    /// The number of events.
    Events,
}

impl Exceeded {
    /// As a word in a sentence.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Exceeded::Line => "line",
            Exceeded::Event => "event",
            Exceeded::Body => "body",
            Exceeded::Events => "number of events",
        }
    }
}

/// The state between two chunks.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// The line so far, without its end.
    line: Vec<u8>,
    event: Event,
    /// The event has a data line, be it an empty one.
    has_data: bool,
    /// The last byte was CR, so that an LF now belongs to it.
    after_cr: bool,
    /// No line has ended yet, so a byte order mark may stand before this one.
    first_line: bool,
    body: usize,
    events: usize,
    failed: Option<Exceeded>,
}

impl Decoder {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            limits,
            line: Vec::new(),
            event: Event::default(),
            has_data: false,
            after_cr: false,
            first_line: true,
            body: 0,
            events: 0,
            failed: None,
        }
    }

    /// Takes the next chunk, cut anywhere, and puts the events that it completes behind `events`.
    ///
    /// # Errors
    /// The limit that the stream has passed; the events before it are in `events`.
    pub fn push(&mut self, chunk: &[u8], events: &mut Vec<Event>) -> Result<(), Exceeded> {
        if let Some(exceeded) = self.failed {
            return Err(exceeded);
        }
        let outcome = self.take_chunk(chunk, events);
        self.failed = outcome.err();
        outcome
    }

    /// The stream has ended: what stood behind the last line end, and an event without its blank line.
    ///
    /// # Errors
    /// The limit that the last line passed.
    pub fn finish(&mut self) -> Result<Option<Event>, Exceeded> {
        if let Some(exceeded) = self.failed {
            return Err(exceeded);
        }
        if !self.line.is_empty() {
            self.end_line(&mut Vec::new())?;
        }
        let event = take(&mut self.event);
        Ok(take(&mut self.has_data).then_some(event))
    }

    fn take_chunk(&mut self, mut chunk: &[u8], events: &mut Vec<Event>) -> Result<(), Exceeded> {
        self.body = self.body.saturating_add(chunk.len());
        // The bytes below the limit still count: what they complete is whole.
        let over = self.body.saturating_sub(self.limits.body);
        chunk = &chunk[..chunk.len() - over.min(chunk.len())];
        if chunk.is_empty() {
            return if over > 0 {
                Err(Exceeded::Body)
            } else {
                Ok(())
            };
        }
        if take(&mut self.after_cr) {
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = chunk.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.extend_line(&chunk[..end])?;
            let cr = chunk[end] == b'\r';
            chunk = &chunk[end + 1..];
            if cr {
                self.after_cr = chunk.is_empty();
                chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
            }
            self.end_line(events)?;
        }
        self.extend_line(chunk)?;
        if over > 0 {
            Err(Exceeded::Body)
        } else {
            Ok(())
        }
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), Exceeded> {
        if self.line.len() + bytes.len() > self.limits.line {
            return Err(Exceeded::Line);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<Event>) -> Result<(), Exceeded> {
        let bytes = take(&mut self.line);
        let mut bytes = bytes.as_slice();
        if take(&mut self.first_line) {
            bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        }
        if bytes.is_empty() {
            return self.end_event(events);
        }
        let line = String::from_utf8_lossy(bytes);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if take(&mut self.has_data) {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                if self.event.data.len() + value.len() > self.limits.event {
                    return Err(Exceeded::Event);
                }
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            // A comment has an empty field name; `id` and `retry` are about reconnecting, which we never do.
            _ => {}
        }
        Ok(())
    }

    fn end_event(&mut self, events: &mut Vec<Event>) -> Result<(), Exceeded> {
        let event = take(&mut self.event);
        if !take(&mut self.has_data) {
            return Ok(());
        }
        self.events += 1;
        if self.events > self.limits.events {
            return Err(Exceeded::Events);
        }
        events.push(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
