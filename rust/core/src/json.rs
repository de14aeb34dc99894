//! Appending JSON to a byte buffer.

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
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The highest bit of the lowest byte that is a control character, a quote or a backslash is set, and none below it.
#[inline]
fn special_bytes(word: u64) -> u64 {
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (below_space | is_quote | is_backslash) & HIGHS
}

/// All bytes can be copied as they are.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    // Without a branch, so that the compiler makes it a few instructions on all of them at once.
    let look = |block: &[u8; 16]| {
        let special_byte =
            |byte| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
        block
            .iter()
            .fold(0, |found, &byte| found | special_byte(byte))
            != 0
    };
    let word = |word: &[u8; 8]| special_bytes(u64::from_le_bytes(*word)) != 0;
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut blocks = bytes.chunks_exact(16);
        !(look(last) || blocks.any(|block| block.first_chunk().is_some_and(look)))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        !(word(first) || word(last))
    } else {
        bytes.iter().all(|&byte| ESCAPE[byte as usize] == 0)
    }
}

/// All bytes are ASCII and can be copied as they are: they are a text, without another look at them.
#[inline]
fn is_plain_ascii(bytes: &[u8]) -> bool {
    // As signed numbers, bytes from 0x80 on are below zero.
    let special =
        |byte: u8| u8::from((byte as i8) < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    let look = |block: &[u8; 16]| block.iter().fold(0, |found, &byte| found | special(byte)) != 0;
    let word = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word & HIGHS != 0 || special_bytes(word) != 0
    };
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut blocks = bytes.chunks_exact(16);
        !(look(last) || blocks.any(|block| block.first_chunk().is_some_and(look)))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        !(word(first) || word(last))
    } else {
        bytes.iter().all(|&byte| special(byte) == 0)
    }
}

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

/// Bytes that are appended again and again: short ones by one copy of a fixed length, which needs no call.
#[derive(Debug, Clone)]
pub struct Prepared {
    padded: [u8; PREPARED],
    length: usize,
    bytes: Vec<u8>,
}

const PREPARED: usize = 32;

impl Prepared {
    /// From the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; PREPARED];
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
        if self.bytes.len() <= PREPARED {
            let end = out.len() + self.bytes.len();
            out.extend_from_slice(&self.padded);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.bytes);
        }
    }

    /// Append them, a value (in quotes) and a comma.
    ///
    /// Everything goes into room of a fixed length, which is cut to size once: the vector's length is read and written
    /// twice, not at every part, each of which would have to wait for the one before it.
    #[inline]
    fn append_with<const QUOTED: bool>(&self, out: &mut Vec<u8>, value: &[u8]) {
        let quote: &[u8] = if QUOTED { b"\"" } else { b"" };
        let key = self.length;
        if key > PREPARED || value.len() > PREPARED {
            out.reserve(key + value.len() + 3);
            for part in [&self.bytes, quote, value, quote, b","] {
                out.extend_from_slice(part);
            }
            return;
        }
        let begin = out.len();
        out.extend_from_slice(&[0; 2 * PREPARED + 3]);
        let Some(room) = out.last_chunk_mut::<{ 2 * PREPARED + 3 }>() else {
            return;
        };
        room[..PREPARED].copy_from_slice(&self.padded);
        let mut at = key;
        if QUOTED {
            room[at] = b'"';
            at += 1;
        }
        place(&mut room[at..], value);
        at += value.len();
        if QUOTED {
            room[at] = b'"';
            at += 1;
        }
        room[at] = b',';
        out.truncate(begin + at + 1);
    }

    /// Append them, an integer and a comma.
    #[inline]
    pub fn append_integer(&self, out: &mut Vec<u8>, number: i64) {
        self.append_with::<false>(out, itoa::Buffer::new().format(number).as_bytes());
    }

    /// Append them, JSON and a comma.
    #[inline]
    pub fn append_raw(&self, out: &mut Vec<u8>, json: &[u8]) {
        self.append_with::<false>(out, json);
    }

    /// Append them, a finite float and a comma.
    #[inline]
    pub fn append_float(&self, out: &mut Vec<u8>, number: f64) {
        debug_assert!(number.is_finite());
        let mut buffer = zmij::Buffer::new();
        self.append_with::<false>(out, buffer.format_finite(number).as_bytes());
    }

    /// Append them, a boolean and a comma.
    #[inline]
    pub fn append_boolean(&self, out: &mut Vec<u8>, flag: bool) {
        self.append_with::<false>(out, if flag { b"true" } else { b"false" });
    }

    /// Append them, a short text of plain ASCII and a comma; `false`, and nothing is appended, where the bytes are none.
    #[inline]
    pub fn append_ascii(&self, out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        let plain = bytes.len() <= PREPARED && is_plain_ascii(bytes);
        if plain {
            self.append_with::<true>(out, bytes);
        }
        plain
    }

    /// Append them, a string and a comma; `false`, and nothing is appended, where it holds a NUL.
    #[inline]
    pub fn append_text(&self, out: &mut Vec<u8>, text: &str) -> bool {
        let bytes = text.as_bytes();
        if is_plain(bytes) {
            self.append_with::<true>(out, bytes);
            return true;
        }
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

/// Copy up to 32 bytes by copies of fixed lengths, which need no call: the second overlaps the first.
#[inline]
fn place(to: &mut [u8], bytes: &[u8]) {
    #[inline]
    fn twice<const N: usize>(to: &mut [u8], bytes: &[u8]) {
        if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
            to[..N].copy_from_slice(first);
            to[bytes.len() - N..bytes.len()].copy_from_slice(last);
        }
    }
    match bytes.len() {
        16.. => twice::<16>(to, bytes),
        8.. => twice::<8>(to, bytes),
        4.. => twice::<4>(to, bytes),
        2.. => twice::<2>(to, bytes),
        1 => to[0] = bytes[0],
        _ => {}
    }
}

/// Append `bytes[from..to]`: a short piece by one copy of a fixed length, which needs no call.
#[inline]
pub fn copy(out: &mut Vec<u8>, bytes: &[u8], from: usize, to: usize) {
    let piece = &bytes[from..to];
    match bytes.get(from..from + PREPARED) {
        Some(room) if piece.len() <= PREPARED => {
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
                    assert_eq!(appended, plain && length <= PREPARED, "{bytes:?}");
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
