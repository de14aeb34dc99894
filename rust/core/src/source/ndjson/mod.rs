//! NDJSON: one JSON object a line.
//!
//! What a line holds is what a row needs, nearly always: the same keys in the same order, texts without escapes, small
//! numbers. Such a line is looked at once, and copied as it stands, in as few pieces as there are differences between the
//! two (blanks, another name, a value that is converted). Whatever is not recognised goes the way of values of any type,
//! see [`crate::record`].
use crate::chunk::{Block, RawFormat};
use crate::chunker::Chunker;
use crate::error::Error;
use crate::json;
use crate::layout::Layout;
use crate::rowset::{RowSet, Skipped};
use crate::source::input::Input;
use crate::source::text::Text;
use crate::span::blanks_end;

mod lines;
mod quick;
#[cfg(test)]
mod tests;

use lines::Lines;

/// How much text is looked through for a first record.
const FIRST_BYTES: usize = 1 << 20;

/// Reads NDJSON.
pub struct NdjsonSource {
    text: Text,
    next_row: u64,
    max_record_bytes: usize,
    /// How long rows were, in the last block.
    row_bytes: usize,
}

impl NdjsonSource {
    /// Open a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &str, encoding: &str, max_record_bytes: usize) -> Result<Self, Error> {
        Ok(Self::new(Input::open(path, encoding)?, max_record_bytes))
    }

    /// Read from an input.
    pub fn new(input: Input, max_record_bytes: usize) -> Self {
        Self {
            text: Text::new(input),
            next_row: 0,
            max_record_bytes,
            row_bytes: 0,
        }
    }

    /// Bytes of the file, where it is one.
    pub fn size(&self) -> Option<u64> {
        self.text.size()
    }

    /// Bytes of the file read so far.
    pub fn position(&self) -> u64 {
        self.text.position()
    }

    /// Length of the line that begins `from` bytes on, its end included; `None` at the end of the input.
    fn line(&mut self, from: usize) -> Result<Option<usize>, Error> {
        let mut searched = from;
        loop {
            let rest = self.text.rest();
            let found = memchr::memchr(b'\n', &rest[searched..]);
            let end = match found {
                Some(found) => searched + found + 1,
                None => rest.len(),
            };
            if end - from > self.max_record_bytes + usize::from(found.is_some()) {
                return Err(Error::RecordTooLong {
                    row: self.next_row,
                    offset: self.text.offset() + from as u64,
                    limit: self.max_record_bytes,
                    hint: "is it one record a line?",
                });
            }
            if found.is_some() || self.text.at_end() {
                return Ok((end > from).then_some(end - from));
            }
            searched = end;
            self.text.more()?;
        }
    }

    /// Consume the next line that is not blank: its length; `None` at the end.
    fn next_line(&mut self) -> Result<Option<usize>, Error> {
        loop {
            let Some(length) = self.line(0)? else {
                return Ok(None);
            };
            self.text.consume(length);
            if !is_blank(self.text.last(length)) {
                return Ok(Some(length));
            }
        }
    }

    /// The line that was consumed last, as a text.
    fn checked(&self, length: usize) -> Result<&str, Error> {
        let line = self.text.last(length);
        if self.next_row == 0 && memchr::memchr(0, line).is_some() {
            let message =
                "the first line holds a NUL character: is it UTF-16? name the file's encoding";
            return Err(Error::Config(message.into()));
        }
        simdutf8::basic::from_utf8(line)
            .map_err(|_| self.text.encoding_error(Some(self.next_row), length))
    }

    /// The first line that is an object, which is not consumed; `None` where none is found near the begin.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn first(&mut self) -> Result<Option<String>, Error> {
        let mut from = 0;
        while from < FIRST_BYTES {
            let Some(length) = self.line(from)? else {
                break;
            };
            let line = &self.text.rest()[from..from + length];
            let text = simdutf8::basic::from_utf8(line).unwrap_or_default().trim();
            if text.starts_with('{') && json::is_valid(text) {
                return Ok(Some(text.to_owned()));
            }
            from += length;
        }
        Ok(None)
    }

    /// The next block; `None` at the end of the input. Rows in `skip` are counted and left out. In the `load` shape a
    /// block also ends where the records' keys change.
    ///
    /// # Errors
    /// Reading cannot go on; blocks that were read before are good.
    pub fn read(
        &mut self,
        layout: &Layout,
        max_rows: usize,
        max_bytes: usize,
        skip: Option<&RowSet>,
    ) -> Result<Option<Block>, Error> {
        let mut chunker = Chunker::new(self.next_row, max_rows, max_bytes, RawFormat::Json);
        chunker.expect(max_rows, self.row_bytes.saturating_mul(max_rows));
        let mut lines = Lines::new(layout);
        let mut skipped = Skipped::new(skip);
        while chunker.has_room() {
            let Some(length) = self.next_line()? else {
                break;
            };
            let row = self.next_row;
            if skipped.has(row) {
                chunker.skip();
            } else {
                let line = self.checked(length)?;
                if !lines.write(line, &mut chunker) {
                    self.text.unread(length);
                    break;
                }
            }
            self.next_row += 1;
        }
        let block = chunker.finish();
        if let Some(bytes) = block.chunk.json().len().checked_div(block.chunk.len()) {
            // A sixteenth more than on average: rows of the next block differ a little.
            self.row_bytes = bytes + bytes / 16 + 1;
        }
        Ok((block.read > 0).then_some(block))
    }

    /// Read on to the end and count the records: whether all of the input can be read is known before any is sent.
    ///
    /// # Errors
    /// It cannot: a broken encoding, a record that is too long.
    pub fn count(&mut self) -> Result<u64, Error> {
        let before = self.next_row;
        while let Some(length) = self.next_line()? {
            self.checked(length)?;
            self.next_row += 1;
        }
        Ok(self.next_row - before)
    }
}

fn is_blank(line: &[u8]) -> bool {
    blanks_end(line, 0) == line.len()
}
