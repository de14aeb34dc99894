//! Appending JSON to a byte buffer.
use crate::short::{self, HIGHS, ONES, SHORT, is_plain, special_bytes};

/// For each byte: 0 where it stands for itself in a JSON string, else the letter after the backslash (`u`: `\u00XX`).
const ESCAPE: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Length of the longest prefix that can be copied as it is.
#[inline]
fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let found = special_bytes(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < bytes.len() && ESCAPE[bytes[at] as usize] == 0 {
        at += 1;
    }
    at
}

/// The first byte from `at` on that does not stand for itself in a JSON string: a quote, a backslash, a control
/// character, or the end.
#[inline]
pub fn plain_end(bytes: &[u8], at: usize) -> usize {
    at + plain_prefix(bytes.get(at..).unwrap_or_default())
}

/// Append `text` as a JSON string, quotes included.
#[inline]
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    string_body(out, text);
    out.push(b'"');
}

/// Append `text` as a JSON string; `false` where it holds a NUL (what was appended then is of no use).
#[inline]
pub fn string_without_nul(out: &mut Vec<u8>, text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = plain_prefix(bytes);
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    out.extend_from_slice(&bytes[..plain]);
    if plain < bytes.len() {
        // A NUL is among what has to be escaped: only such texts are searched for it.
        if memchr::memchr(0, &bytes[plain..]).is_some() {
            return false;
        }
        string_body(out, &text[plain..]);
    }
    out.push(b'"');
    true
}

/// Append `text` escaped for the inside of a JSON string.
#[inline]
pub fn string_body(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        if plain == rest.len() {
            return;
        }
        let byte = rest[plain];
        let letter = ESCAPE[byte as usize];
        if letter == b'u' {
            let high = HEX[(byte >> 4) as usize];
            let low = HEX[(byte & 15) as usize];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(&[b'\\', letter]);
        }
        rest = &rest[plain + 1..];
    }
}

/// A member's key, `"name":`, to be written again and again.
#[derive(Debug, Clone)]
pub struct Prepared {
    padded: [u8; SHORT],
    length: usize,
    bytes: Vec<u8>,
}

/// A short key, a short value, two quotes and a comma.
pub const MEMBER: usize = 2 * SHORT + 3;

impl Prepared {
    /// From the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; SHORT];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self {
            padded,
            length: bytes.len(),
            bytes: bytes.to_vec(),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Append them.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>) {
        if self.length <= SHORT {
            let end = out.len() + self.length;
            out.extend_from_slice(&self.padded);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.bytes);
        }
    }

    /// Write a member where both are short: a copy of the padded key, the value, and a comma.
    ///
    /// What lies behind it in the room is of no meaning then.
    ///
    /// Returns its length; `None` where `copy` refuses the value.
    #[allow(clippy::inline_always)] // called, it takes a tenth longer
    #[inline(always)]
    pub fn write<const QUOTED: bool>(
        &self,
        room: &mut [u8; MEMBER],
        value: &[u8],
        copy: impl Fn(&mut [u8], &[u8]) -> bool,
    ) -> Option<usize> {
        if self.length > SHORT || value.len() > SHORT {
            return None;
        }
        room[..SHORT].copy_from_slice(&self.padded);
        let mut at = self.length;
        if QUOTED {
            room[at] = b'"';
            at += 1;
        }
        if !copy(&mut room[at..], value) {
            return None;
        }
        at += value.len();
        if QUOTED {
            room[at] = b'"';
            at += 1;
        }
        room[at] = b',';
        Some(at + 1)
    }

    /// Append such a member; `false`, and nothing is appended, where it is none.
    ///
    /// Everything goes into room of a fixed length, which is cut to size once: the vector's length is read and written
    /// twice, not at every part, each of which would have to wait for the one before it.
    #[inline]
    fn append_short<const QUOTED: bool>(
        &self,
        out: &mut Vec<u8>,
        value: &[u8],
        copy: impl Fn(&mut [u8], &[u8]) -> bool,
    ) -> bool {
        let begin = out.len();
        out.extend_from_slice(&[0; MEMBER]);
        let room = out.last_chunk_mut();
        let length = room.and_then(|room| self.write::<QUOTED>(room, value, copy));
        out.truncate(begin + length.unwrap_or(0));
        length.is_some()
    }

    #[inline]
    fn append_bare(&self, out: &mut Vec<u8>, value: &[u8]) {
        if !self.append_short::<false>(out, value, short::copy) {
            for part in [&self.bytes, value, b","] {
                out.extend_from_slice(part);
            }
        }
    }

    /// Append them, an integer and a comma.
    #[inline]
    pub fn append_integer(&self, out: &mut Vec<u8>, number: i64) {
        self.append_bare(out, itoa::Buffer::new().format(number).as_bytes());
    }

    /// Append them, JSON and a comma.
    #[inline]
    pub fn append_raw(&self, out: &mut Vec<u8>, json: &[u8]) {
        self.append_bare(out, json);
    }

    /// Append them, a finite float and a comma.
    #[inline]
    pub fn append_float(&self, out: &mut Vec<u8>, number: f64) {
        debug_assert!(number.is_finite());
        self.append_bare(out, zmij::Buffer::new().format_finite(number).as_bytes());
    }

    /// Append them, a boolean and a comma.
    #[inline]
    pub fn append_boolean(&self, out: &mut Vec<u8>, flag: bool) {
        self.append_bare(out, if flag { b"true" } else { b"false" });
    }

    /// Append them, a short text of plain ASCII and a comma; `false`, and nothing is appended, where the bytes are none.
    #[inline]
    pub fn append_ascii(&self, out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        self.append_short::<true>(out, bytes, short::copy_plain::<true>)
    }

    /// Append them, a string and a comma; `false`, and nothing is appended, where it holds a NUL.
    #[inline]
    pub fn append_text(&self, out: &mut Vec<u8>, text: &str) -> bool {
        self.append_short::<true>(out, text.as_bytes(), short::copy_plain::<false>)
            || self.append_long_text(out, text)
    }

    fn append_long_text(&self, out: &mut Vec<u8>, text: &str) -> bool {
        if is_plain(text.as_bytes()) {
            out.reserve(self.length + text.len() + 3);
            for part in [&self.bytes, &b"\""[..], text.as_bytes(), b"\","] {
                out.extend_from_slice(part);
            }
            return true;
        }
        self.append_escaped(out, text)
    }

    /// The same, for a text with something to escape.
    pub fn append_escaped(&self, out: &mut Vec<u8>, text: &str) -> bool {
        let begin = out.len();
        self.append(out);
        if string_without_nul(out, text) {
            out.push(b',');
            true
        } else {
            out.truncate(begin);
            false
        }
    }
}

/// Append `bytes[from..to]`: a short piece by one copy of a fixed length, which needs no call.
#[inline]
pub fn copy(out: &mut Vec<u8>, bytes: &[u8], from: usize, to: usize) {
    let piece = &bytes[from..to];
    match bytes.get(from..from + SHORT) {
        Some(room) if piece.len() <= SHORT => {
            let end = out.len() + piece.len();
            out.extend_from_slice(room);
            out.truncate(end);
        }
        _ => out.extend_from_slice(piece),
    }
}

/// Append an integer.
#[inline]
pub fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Append a finite float so that it reads back as the same number.
#[inline]
pub fn float(out: &mut Vec<u8>, number: f64) {
    debug_assert!(number.is_finite());
    out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
}

/// The bytes are one JSON value and nothing else (depth is bounded by the parser).
pub fn is_valid(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The array of database ids that the bytes are; `None` where they are anything else.
pub fn ids(text: &[u8]) -> Option<Vec<i64>> {
    // Most answers are of this form, which takes a third of the time.
    if let Some(ids) = plain_ids(text) {
        return Some(ids);
    }
    let ids: Vec<i64> = serde_json::from_slice(text).ok()?;
    ids.iter().all(|&id| id > 0).then_some(ids)
}

/// The number that the digits at the begin of eight bytes are, and how many these are: all of them at once, by
/// multiplications that add neighbouring digits, pairs and fours up.
#[inline]
fn leading_number(word: [u8; 8]) -> (i64, usize) {
    let digits = u64::from_le_bytes(word) ^ (ONES * u64::from(b'0'));
    let others = (digits | (digits & !HIGHS).wrapping_add(ONES * (0x80 - 10))) & HIGHS;
    let count = others.trailing_zeros() / 8;
    if count == 0 {
        return (0, 0);
    }
    // Zeros in front of the number: its last digit is in the highest byte.
    let ones = digits << (64 - 8 * count);
    let tens = ones.wrapping_mul(10).wrapping_add(ones >> 8);
    let even = (tens & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let odd = (tens >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    ((even.wrapping_add(odd) >> 32) as i64, count as usize)
}

/// The same for an array without anything but digits, commas and the spaces that Python's encoder puts behind them.
fn plain_ids(text: &[u8]) -> Option<Vec<i64>> {
    let inner = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    // Long answers of another kind are seen to be that before anything is allocated.
    inner.first().filter(|first| first.is_ascii_digit())?;
    let mut ids = Vec::with_capacity(inner.len() / 4 + 1);
    let mut at = 0;
    loop {
        let begin = at;
        let mut id = 0;
        if let Some(word) = inner[at..].first_chunk() {
            let (number, digits) = leading_number(*word);
            id = number;
            at += digits;
        }
        while let Some(digit @ 0..=9) = inner.get(at).map(|byte| byte.wrapping_sub(b'0')) {
            id = id.wrapping_mul(10).wrapping_add(i64::from(digit));
            at += 1;
        }
        if !(1..=18).contains(&(at - begin)) || inner[begin] == b'0' {
            return None;
        }
        ids.push(id);
        match inner.get(at) {
            None => return Some(ids),
            Some(b',') => at += 1,
            Some(_) => return None,
        }
        at += usize::from(inner.get(at) == Some(&b' '));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_array_of_ids_is_one() {
        for good in ["[1, 23,4]", " [1, 23,4]", "[1,23,4]", "[1 ,23,  4 ]\n"] {
            assert_eq!(ids(good.as_bytes()), Some(vec![1, 23, 4]), "{good}");
        }
        assert_eq!(ids(b"[]"), Some(vec![]));
        assert_eq!(
            ids(b"[1,9223372036854775807]"),
            Some(vec![1, 9_223_372_036_854_775_807])
        );
        for other in [
            "[0]",
            "[1, 0]",
            "[01]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[-1]",
            "[1.0]",
            "[true]",
            "[1",
            "{}",
            "[[1]]",
            "1",
            "[99999999999999999999]",
        ] {
            assert_eq!(ids(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn ids_of_every_length_are_read() {
        let mut wanted = Vec::new();
        for digits in 1..=18u32 {
            let least = 10i64.pow(digits - 1);
            wanted.extend([least, least + 7, least * 9 + least / 2, least * 10 - 1]);
        }
        for begin in 0..wanted.len() {
            for separator in [",", ", "] {
                let texts: Vec<String> = wanted[begin..].iter().map(i64::to_string).collect();
                let text = format!("[{}]", texts.join(separator));
                assert_eq!(
                    plain_ids(text.as_bytes()).as_deref(),
                    Some(&wanted[begin..])
                );
            }
        }
        for byte in 0..=255u8 {
            let mut text = *b"[1234567890, 12345]";
            text[5] = byte;
            assert_eq!(
                plain_ids(&text).is_some(),
                byte.is_ascii_digit() || byte == b',',
                "{byte}"
            );
        }
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_read_back_as_they_were() {
        let all: String = (0u32..0x250).filter_map(char::from_u32).collect();
        for text in [
            "",
            "plain",
            "exactly8",
            "a\"b",
            "back\\slash",
            "line\nbreak\ttab",
            "é ü 漢字 🦀",
            all.as_str(),
        ] {
            let back: String = serde_json::from_str(&written(text)).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn every_position_of_a_special_byte_is_found() {
        for special in ['"', '\\', '\n', '\u{1}', '\u{1f}'] {
            for position in 0..20 {
                let text: String = (0..20)
                    .map(|at| if at == position { special } else { 'x' })
                    .collect();
                let back: String = serde_json::from_str(&written(&text)).unwrap();
                assert_eq!(back, text);
            }
        }
    }

    #[test]
    fn short_ascii_is_told_from_everything_else() {
        let key = Prepared::new(b"\"k\":");
        for length in 0..40 {
            for special in [b'"', b'\\', b'\n', 0, 0x1f, 0x80, 0xff, 0xc3, 0x7f, b' '] {
                for position in 0..=length {
                    let mut bytes = vec![b'x'; length];
                    if let Some(byte) = bytes.get_mut(position) {
                        *byte = special;
                    }
                    let plain = position == length || matches!(special, 0x7f | b' ');
                    let mut out = b"{".to_vec();
                    let appended = key.append_ascii(&mut out, &bytes);
                    assert_eq!(appended, plain && length <= SHORT, "{bytes:?}");
                    let text = String::from_utf8(bytes).unwrap_or_default();
                    let wanted = if appended {
                        format!("{{\"k\":\"{text}\",")
                    } else {
                        "{".to_owned()
                    };
                    assert_eq!(out, wanted.as_bytes());
                }
            }
        }
    }

    #[test]
    fn floats_read_back_as_the_same_number() {
        for number in [0.0, -0.0, 1.5, 1e300, 5e-324, 0.1 + 0.2, -123_456.789] {
            let mut out = Vec::new();
            float(&mut out, number);
            let back: f64 = serde_json::from_slice(&out).unwrap();
            assert_eq!(back.to_bits(), number.to_bits());
        }
    }
}
