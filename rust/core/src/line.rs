//! A row of JSON members on its way into a buffer.
//!
//! Rows are put together in a small room of fixed size, which stays in the processor's nearest cache, and go to their
//! buffer in large pieces: a member is written in fixed lengths, without a look at the buffer's length and capacity.
use crate::json::{MEMBER, Prepared};
use crate::short::{self, is_plain};

/// Bytes of a row that wait for the buffer.
const ROOM: usize = 1024;

/// The room. It may be used for any number of rows, one after the other.
#[derive(Debug)]
pub struct Room([u8; ROOM]);

impl Default for Room {
    fn default() -> Self {
        Self([0; ROOM])
    }
}

/// Members that are appended to a buffer; all of them are there when it is dropped.
#[derive(Debug)]
pub struct Line<'a> {
    room: &'a mut [u8; ROOM],
    out: &'a mut Vec<u8>,
    at: usize,
}

impl Drop for Line<'_> {
    #[inline]
    fn drop(&mut self) {
        self.out.extend_from_slice(&self.room[..self.at]);
    }
}

impl<'a> Line<'a> {
    /// What is appended goes to the end of `out`.
    #[inline]
    pub fn new(room: &'a mut Room, out: &'a mut Vec<u8>) -> Self {
        Self {
            room: &mut room.0,
            out,
            at: 0,
        }
    }

    #[cold]
    #[inline(never)]
    fn flush(&mut self) {
        self.out.extend_from_slice(&self.room[..self.at]);
        self.at = 0;
    }

    /// Append one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        if self.at >= ROOM {
            self.flush();
        }
        self.room[self.at] = byte;
        self.at += 1;
    }

    /// Room for one member.
    #[allow(clippy::inline_always)] // called, it takes a tenth longer
    #[inline(always)]
    fn member(&mut self) -> &mut [u8; MEMBER] {
        if self.at > ROOM - MEMBER {
            self.flush();
        }
        self.room[self.at..]
            .first_chunk_mut()
            .expect("there is room for one")
    }

    #[inline]
    fn bare(&mut self, key: &Prepared, value: &[u8]) {
        match key.write::<false>(self.member(), value, short::copy) {
            Some(length) => self.at += length,
            None => self.long_bare(key, value),
        }
    }

    #[cold]
    #[inline(never)]
    fn long_bare(&mut self, key: &Prepared, value: &[u8]) {
        self.flush();
        key.append_raw(self.out, value);
    }

    /// Append a key, an integer and a comma.
    #[inline]
    pub fn integer(&mut self, key: &Prepared, number: i64) {
        self.bare(key, itoa::Buffer::new().format(number).as_bytes());
    }

    /// Append a key, a finite float and a comma.
    #[inline]
    pub fn float(&mut self, key: &Prepared, number: f64) {
        debug_assert!(number.is_finite());
        self.bare(key, zmij::Buffer::new().format_finite(number).as_bytes());
    }

    /// Append a key, a boolean and a comma.
    #[inline]
    pub fn boolean(&mut self, key: &Prepared, flag: bool) {
        self.bare(key, if flag { b"true" } else { b"false" });
    }

    /// Append a key, a text and a comma; `false`, and nothing is appended, where it holds a NUL.
    #[allow(clippy::inline_always)] // called, it takes a tenth longer
    #[inline(always)]
    pub fn text(&mut self, key: &Prepared, text: &str) -> bool {
        let copy = short::copy_plain::<false>;
        match key.write::<true>(self.member(), text.as_bytes(), copy) {
            Some(length) => {
                self.at += length;
                true
            }
            None => self.long_text(key, text),
        }
    }

    #[inline(never)]
    fn long_text(&mut self, key: &Prepared, text: &str) -> bool {
        let bytes = text.as_bytes();
        let size = key.len() + bytes.len() + 3;
        let plain = is_plain(bytes);
        if !plain || self.at + size > ROOM {
            self.flush();
        }
        if !plain {
            return key.append_escaped(self.out, text);
        }
        if size > ROOM {
            return key.append_text(self.out, text);
        }
        let mut room = &mut self.room[self.at..];
        for part in [key.as_bytes(), b"\"", bytes, b"\","] {
            let (here, rest) = room.split_at_mut(part.len());
            here.copy_from_slice(part);
            room = rest;
        }
        self.at += size;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_that_are_appended_one_by_one() {
        let long = "k".repeat(50);
        let names = [
            "a",
            "partner_latitude",
            "a_name_of_some_thirty_letters",
            &long,
        ];
        let texts = [
            "",
            "x",
            "short",
            "a text of some thirty letters..",
            "é",
            "a \"quote\"",
            "\n",
        ];
        let mut texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        texts.extend([33, 100, 900, 1019, 1020, 5000].map(|length| "y".repeat(length)));
        let mut room = Room::default();
        for shift in 0..70 {
            let (mut wanted, mut out) = (b"before".to_vec(), b"before".to_vec());
            let mut line = Line::new(&mut room, &mut out);
            (0..shift).for_each(|_| line.push(b'{'));
            wanted.extend(vec![b'{'; shift]);
            for name in names {
                let key = Prepared::new(format!("\"{name}\":").as_bytes());
                for text in &texts {
                    assert!(line.text(&key, text));
                    key.append_text(&mut wanted, text);
                }
                assert!(!line.text(&key, "a\0b"));
                for number in [0, -7, i64::MIN, i64::MAX] {
                    line.integer(&key, number);
                    key.append_integer(&mut wanted, number);
                }
                for number in [0.5, -1e300, f64::MIN_POSITIVE] {
                    line.float(&key, number);
                    key.append_float(&mut wanted, number);
                }
                line.boolean(&key, shift % 2 == 0);
                key.append_boolean(&mut wanted, shift % 2 == 0);
            }
            drop(line);
            assert_eq!(out, wanted);
        }
    }
}
