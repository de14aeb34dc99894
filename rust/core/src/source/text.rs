//! The text of an input, a buffer of it at a time.
use crate::error::Error;
use crate::source::input::Input;

/// Text that was read and not consumed yet, and the input that more of it comes from.
pub struct Text {
    input: Input,
    buffer: Vec<u8>,
    at: usize,
    /// Offset in the text of `buffer[0]`.
    offset: u64,
    at_end: bool,
}

impl Text {
    /// Nothing is read yet.
    pub fn new(input: Input) -> Self {
        let offset = input.text_offset();
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            offset,
            at_end: false,
        }
    }

    /// What was read and not consumed.
    #[inline]
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// There is no more to be read.
    #[inline]
    pub fn at_end(&self) -> bool {
        self.at_end
    }

    /// Offset in the text of what was not consumed.
    pub fn offset(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// Bytes of the file, where it is one.
    pub fn size(&self) -> Option<u64> {
        self.input.size()
    }

    /// Bytes of the file that were read and consumed, as far as that can be told.
    pub fn position(&self) -> u64 {
        let ahead = self.rest().len() as u64;
        self.input.position().saturating_sub(ahead)
    }

    /// Go on behind so many bytes.
    #[inline]
    pub fn consume(&mut self, length: usize) {
        self.at += length;
    }

    /// What was consumed last.
    #[inline]
    pub fn last(&self, length: usize) -> &[u8] {
        &self.buffer[self.at - length..self.at]
    }

    /// Take back what was consumed last.
    pub fn unread(&mut self, length: usize) {
        self.at -= length;
    }

    /// Read more; `false` at the end of the input.
    ///
    /// # Errors
    /// The operating system refuses, or the bytes are not in the encoding.
    pub fn more(&mut self) -> Result<bool, Error> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.offset += self.at as u64;
            self.at = 0;
        }
        if self.at_end {
            return Ok(false);
        }
        let before = self.buffer.len();
        while self.input.fill(&mut self.buffer)? {
            if self.buffer.len() > before {
                return Ok(true);
            }
        }
        self.at_end = true;
        Ok(self.buffer.len() > before)
    }

    /// The fault of what was consumed last, which is no UTF-8.
    pub fn encoding_error(&self, row: Option<u64>, length: usize) -> Error {
        let good = simdutf8::compat::from_utf8(self.last(length))
            .err()
            .map_or(0, |error| error.valid_up_to());
        Error::Encoding {
            row,
            offset: self.offset() - (length - good) as u64,
            encoding: self.input.encoding().name(),
        }
    }
}
