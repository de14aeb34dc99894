//! Finding keys, texts and numbers in rows that were serialised here: no white space, and JSON for certain.
//!
//! What is nearly always so (a text without escapes, a number of few digits, keys in the same order) is looked for
//! first, in a way that costs a few instructions.
/// Bytes compared at once.
const STEP: usize = 16;

/// Bytes that rows have at their usual place, such as a member's name.
#[derive(Debug)]
pub struct Key {
    bytes: Vec<u8>,
    word: [u64; 2],
    mask: [u64; 2],
}

impl Key {
    /// A member's name as it stands in the JSON, colon included.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::between("", name, "")
    }

    /// The same with what is before and behind it.
    #[must_use]
    pub fn between(before: &str, name: &str, behind: &str) -> Self {
        let mut bytes = before.as_bytes().to_vec();
        crate::json::string(&mut bytes, name);
        bytes.push(b':');
        bytes.extend_from_slice(behind.as_bytes());
        let (mut word, mut mask) = ([0u8; STEP], [0u8; STEP]);
        for (at, byte) in bytes.iter().take(STEP).enumerate() {
            word[at] = *byte;
            mask[at] = 0xff;
        }
        Self {
            bytes,
            word: words(&word),
            mask: words(&mask),
        }
    }

    /// What follows the key, if it stands there.
    #[inline]
    #[must_use]
    pub fn skipped<'a>(&self, json: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(found) = json.first_chunk::<STEP>() {
            let [low, high] = words(found);
            if low & self.mask[0] != self.word[0] || high & self.mask[1] != self.word[1] {
                return None;
            }
            if self.bytes.len() <= STEP {
                return json.get(self.bytes.len()..);
            }
        }
        json.strip_prefix(self.bytes.as_slice())
    }
}

#[inline]
fn words(bytes: &[u8; STEP]) -> [u64; 2] {
    let whole = u128::from_le_bytes(*bytes);
    [whole as u64, (whole >> 64) as u64]
}

/// Reads a text from behind its opening quote on: how many bytes it has, and what follows its closing quote. `None`
/// where it has escapes, or where the end of the rows is near.
#[inline]
#[must_use]
pub fn plain(json: &[u8]) -> Option<(usize, &[u8])> {
    let mut rest = json;
    let (before, end) = loop {
        let (bytes, more) = rest.split_first_chunk::<STEP>()?;
        let [low, high] = words(bytes);
        let found = ends(low);
        if found != 0 {
            break (found.trailing_zeros() as usize / 8, rest);
        }
        let found = ends(high);
        if found != 0 {
            break (8 + found.trailing_zeros() as usize / 8, rest);
        }
        rest = more;
    };
    let (_, end) = end.split_at_checked(before)?;
    let (quote, after) = end.split_first()?;
    (*quote == b'"').then(|| (json.len() - end.len(), after))
}

/// The highest bit of the lowest byte that is a quote or a backslash.
#[inline]
const fn ends(word: u64) -> u64 {
    zero_byte(word ^ (ONES * 0x22)) | zero_byte(word ^ (ONES * 0x5c))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The highest bit of the lowest zero byte is set, and none below it.
#[inline]
const fn zero_byte(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// A whole number of few digits, and what follows it.
#[inline]
#[must_use]
pub fn digits(json: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, mut rest) = match json {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, json),
    };
    let mut value = 0i64;
    let begun = rest.len();
    while let [digit @ b'0'..=b'9', more @ ..] = rest {
        value = value.wrapping_mul(10) + i64::from(digit - b'0');
        rest = more;
    }
    let few = (1..=18).contains(&(begun - rest.len())) && matches!(rest, [b',' | b'}', ..]);
    few.then_some((if negative { -value } else { value }, rest))
}

/// Reads any value, where the quick ways do not do.
pub struct Reader<'a> {
    /// The whole.
    pub json: &'a [u8],
    /// Where it reads on.
    pub at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte; 0 at the end.
    #[must_use]
    pub fn peek(&self) -> u8 {
        self.json.get(self.at).copied().unwrap_or(0)
    }

    /// The body of a string, its quotes left out; and whether it holds escapes.
    ///
    /// # Errors
    /// There is none.
    pub fn string(&mut self) -> Result<(&'a [u8], bool), String> {
        self.at = expect(self.json, self.at, b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok((&self.json[start..self.at - 1], escaped));
                }
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                0 => return Err("a string without end".to_owned()),
                _ => self.at += 1,
            }
        }
    }

    /// A value that is no string, as its JSON.
    ///
    /// # Errors
    /// There is none.
    pub fn other(&mut self) -> Result<&'a [u8], String> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' if depth > 0 => depth -= 1,
                b',' | b']' | b'}' if depth == 0 => break,
                0 => break,
                _ => {}
            }
            self.at += 1;
        }
        if start == self.at || depth > 0 {
            return Err(format!("no value at byte {start}"));
        }
        Ok(&self.json[start..self.at])
    }
}

/// Where it goes on after this byte.
///
/// # Errors
/// It is another one.
#[inline]
pub fn expect(json: &[u8], at: usize, byte: u8) -> Result<usize, String> {
    if json.get(at) == Some(&byte) {
        Ok(at + 1)
    } else {
        Err(format!("no {:?} at byte {at}", byte as char))
    }
}
