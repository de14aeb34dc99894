//! JSON as it stands in a line: finding where values end, and looking at them without building a tree.
use std::borrow::Cow;
use std::collections::HashSet;

use crate::convert::not_finite;
use crate::dynamic::{Look, MAX_DEPTH, UNREADABLE, Value, not_unicode, too_deep};
use crate::json;
use crate::reject::Fault;
use crate::value::nul;

/// Why a value has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It is not JSON.
    Syntax,
    /// It is nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

/// Where blanks end.
#[inline]
pub fn blanks_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r' | b'\n') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The closing quote of a string whose opening one is before `at`, and whether the string holds escapes.
#[inline]
pub fn string_end(bytes: &[u8], at: usize) -> Result<(usize, bool), Problem> {
    let at = json::plain_end(bytes, at);
    if bytes.get(at) == Some(&b'"') {
        return Ok((at, false));
    }
    escaped_end(bytes, at).map(|end| (end, true))
}

/// [`string_end`] from a byte on that is not plain, nor a quote.
#[cold]
fn escaped_end(bytes: &[u8], mut at: usize) -> Result<usize, Problem> {
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), _) => return Ok(at),
            (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => at += 2,
            (Some(b'\\'), Some(b'u')) => {
                let digits = bytes.get(at + 2..at + 6).ok_or(Problem::Syntax)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Problem::Syntax);
                }
                at += 6;
            }
            _ => return Err(Problem::Syntax),
        }
        at = json::plain_end(bytes, at);
    }
}

/// A number as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Where it ends.
    pub end: usize,
    /// It is a whole number.
    pub whole: bool,
    /// It is written as [`json::float`] writes it: a few digits, a point, a few digits.
    pub as_written: bool,
}

/// Most digits that a float keeps for certain.
const EXACT_DIGITS: usize = 15;
/// Most zeros behind the point before the first digit: with more of them it is written with an exponent.
const LEADING_ZEROS: usize = 3;

/// The number that begins at `at`.
#[inline]
pub fn number(bytes: &[u8], at: usize) -> Result<Number, Problem> {
    let start = at + usize::from(bytes.get(at) == Some(&b'-'));
    let point = digits_end(bytes, start);
    if point == start || (bytes[start] == b'0' && point > start + 1) {
        return Err(Problem::Syntax);
    }
    match bytes.get(point) {
        Some(b'.') => {}
        Some(b'e' | b'E') => return exponent(bytes, point),
        _ => {
            return Ok(Number {
                end: point,
                whole: true,
                as_written: false,
            });
        }
    }
    let end = digits_end(bytes, point + 1);
    if end == point + 1 {
        return Err(Problem::Syntax);
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        return exponent(bytes, end);
    }
    let fraction = &bytes[point + 1..end];
    let as_written = end - start - 1 <= EXACT_DIGITS
        && (bytes[end - 1] != b'0' || fraction.len() == 1)
        && (bytes[start] != b'0'
            || fraction.len() == 1
            || fraction
                .iter()
                .take(LEADING_ZEROS + 1)
                .any(|&digit| digit != b'0'));
    Ok(Number {
        end,
        whole: false,
        as_written,
    })
}

fn exponent(bytes: &[u8], at: usize) -> Result<Number, Problem> {
    let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
    let start = at + 1 + sign;
    let end = digits_end(bytes, start);
    if end == start {
        return Err(Problem::Syntax);
    }
    Ok(Number {
        end,
        whole: false,
        as_written: false,
    })
}

#[inline]
fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends.
///
/// # Errors
/// It is not JSON, or nested too deeply.
pub fn value_end(bytes: &[u8], mut at: usize) -> Result<usize, Problem> {
    // One bit a level: it is an object.
    let mut objects = 0u64;
    let mut depth = 0;
    loop {
        // A value begins here.
        match bytes.get(at) {
            Some(&open @ (b'[' | b'{')) => {
                if depth == MAX_DEPTH {
                    return Err(Problem::TooDeep);
                }
                let object = open == b'{';
                at = blanks_end(bytes, at + 1);
                if bytes.get(at) == Some(if object { &b'}' } else { &b']' }) {
                    at += 1;
                } else {
                    depth += 1;
                    objects = objects << 1 | u64::from(object);
                    if object {
                        at = key_end(bytes, at)?;
                    }
                    continue;
                }
            }
            _ => at = scalar_end(bytes, at)?,
        }
        // It has ended.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            let object = objects & 1 == 1;
            at = blanks_end(bytes, at);
            match bytes.get(at) {
                Some(b',') => {
                    at = blanks_end(bytes, at + 1);
                    if object {
                        at = key_end(bytes, at)?;
                    }
                    break;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(Problem::Syntax),
            }
            at += 1;
            depth -= 1;
            objects >>= 1;
        }
    }
}

/// Where the value of the member whose key begins at `at` begins.
fn key_end(bytes: &[u8], at: usize) -> Result<usize, Problem> {
    if bytes.get(at) != Some(&b'"') {
        return Err(Problem::Syntax);
    }
    let (quote, _) = string_end(bytes, at + 1)?;
    let colon = blanks_end(bytes, quote + 1);
    if bytes.get(colon) != Some(&b':') {
        return Err(Problem::Syntax);
    }
    Ok(blanks_end(bytes, colon + 1))
}

fn scalar_end(bytes: &[u8], at: usize) -> Result<usize, Problem> {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first() {
        Some(b'"') => string_end(bytes, at + 1).map(|(quote, _)| quote + 1),
        Some(b'-' | b'0'..=b'9') => number(bytes, at).map(|number| number.end),
        _ => ["null", "true", "false"]
            .iter()
            .find(|word| rest.starts_with(word.as_bytes()))
            .map(|word| at + word.len())
            .ok_or(Problem::Syntax),
    }
}

/// The text of a string, quotes included; `None` where it is not Unicode.
pub fn unescaped(string: &str) -> Option<Cow<'_, str>> {
    let body = string.get(1..string.len() - 1)?;
    if memchr::memchr(b'\\', body.as_bytes()).is_none() {
        return Some(Cow::Borrowed(body));
    }
    serde_json::from_str(string).ok().map(Cow::Owned)
}

/// One value's text, which is known to be JSON.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a>(&'a str);

impl<'a> Span<'a> {
    /// The value between two places that [`value_end`] found.
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }
}

impl Value for Span<'_> {
    fn look(&self) -> Look<'_> {
        let text = self.0;
        match text.as_bytes().first() {
            Some(b'"') => unescaped(text).map_or(Look::Broken, Look::Text),
            Some(b'[') => Look::List,
            Some(b'{') => Look::Mapping,
            Some(b't') => Look::Boolean(true),
            Some(b'f') => Look::Boolean(false),
            Some(b'n') | None => Look::Nothing,
            Some(_) if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
                Look::Float(text.parse().unwrap_or(f64::NAN))
            }
            Some(_) => text
                .parse()
                .map_or(Look::Huge(Cow::Borrowed(text)), Look::Integer),
        }
    }

    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self.look() {
            Look::Nothing | Look::Other => "NoneType",
            Look::Boolean(_) => "bool",
            Look::Integer(_) | Look::Huge(_) => "int",
            Look::Float(_) => "float",
            Look::Text(_) | Look::Broken => "str",
            Look::List => "list",
            Look::Mapping => "dict",
        })
    }

    fn each(&self, visit: &mut dyn FnMut(Option<&str>, &Self) -> bool) {
        let bytes = self.0.as_bytes();
        let object = bytes.first() == Some(&b'{');
        let mut at = blanks_end(bytes, 1);
        while !matches!(bytes.get(at), None | Some(b']' | b'}')) {
            let mut key = None;
            if object {
                let Ok(value) = key_end(bytes, at) else {
                    return;
                };
                let Ok((quote, _)) = string_end(bytes, at + 1) else {
                    return;
                };
                key = Some(unescaped(&self.0[at..=quote]).unwrap_or(Cow::Borrowed(UNREADABLE)));
                at = value;
            }
            let Ok(end) = value_end(bytes, at) else {
                return;
            };
            if !visit(key.as_deref(), &Span(&self.0[at..end])) {
                return;
            }
            at = blanks_end(bytes, end);
            at = blanks_end(bytes, at + usize::from(bytes.get(at) == Some(&b',')));
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        write_value(self.0, 0, out).map(drop)
    }
}

/// Append the value that begins at `at`, without blanks, texts and numbers as [`json`] writes them: where it ends.
fn write_value(text: &str, at: usize, out: &mut Vec<u8>) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(b'[') => write_list(text, at, out),
        Some(b'{') => write_mapping(text, at, out),
        _ => {
            let end = scalar_end(bytes, at).map_err(fault)?;
            write_scalar(Span(&text[at..end]), out)?;
            Ok(end)
        }
    }
}

/// What is wrong with a value whose end was not found.
pub fn fault(problem: Problem) -> Fault {
    match problem {
        Problem::TooDeep => too_deep(),
        Problem::Syntax => Fault::new("not_json", "is not JSON"),
    }
}

fn write_scalar(span: Span<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    match span.look() {
        Look::Text(text) if memchr::memchr(0, text.as_bytes()).is_some() => return Err(nul()),
        Look::Text(text) => json::string(out, &text),
        Look::Broken => return Err(not_unicode()),
        Look::Integer(number) => json::integer(out, number),
        Look::Float(number) if number.is_finite() => json::float(out, number),
        Look::Float(_) => return Err(not_finite(&span)),
        // null, true, false, and digits, as they stand.
        _ => out.extend_from_slice(span.0.as_bytes()),
    }
    Ok(())
}

fn write_list(text: &str, at: usize, out: &mut Vec<u8>) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    out.push(b'[');
    let mut at = blanks_end(bytes, at + 1);
    while bytes.get(at) != Some(&b']') {
        let end = write_value(text, at, out)?;
        at = next(bytes, end, out);
    }
    out.push(b']');
    Ok(at + 1)
}

fn write_mapping(text: &str, at: usize, out: &mut Vec<u8>) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let mut keys = HashSet::new();
    out.push(b'{');
    let mut at = blanks_end(bytes, at + 1);
    while bytes.get(at) != Some(&b'}') {
        let value = key_end(bytes, at).map_err(fault)?;
        let (quote, _) = string_end(bytes, at + 1).map_err(fault)?;
        let key = unescaped(&text[at..=quote]).ok_or_else(not_unicode)?;
        if memchr::memchr(0, key.as_bytes()).is_some() {
            return Err(nul());
        }
        json::string(out, &key);
        out.push(b':');
        if let Some(twice) = keys.replace(key) {
            return Err(duplicate_key(&twice));
        }
        let end = write_value(text, value, out)?;
        at = next(bytes, end, out);
    }
    out.push(b'}');
    Ok(at + 1)
}

/// Where the item after the one that ended begins, with its comma appended, or where the list ends.
fn next(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let at = blanks_end(bytes, at);
    if bytes.get(at) != Some(&b',') {
        return at;
    }
    out.push(b',');
    blanks_end(bytes, at + 1)
}

/// The code of [`duplicate_key`].
pub const DUPLICATE_KEY: &str = "duplicate_key";

/// The fault of an object that has a key twice: which of the two values is meant?
pub fn duplicate_key(key: &str) -> Fault {
    let message = format!("has the key {} twice", crate::reject::shown(key));
    Fault::new(DUPLICATE_KEY, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether all of a text is one value, by our own reading.
    fn whole(text: &str) -> Result<bool, Problem> {
        value_end(text.as_bytes(), 0).map(|end| end == text.len())
    }

    fn written(text: &str) -> Result<String, &'static str> {
        assert_eq!(whole(text), Ok(true), "{text}");
        let mut out = Vec::new();
        let written = Span::new(text).write_json(&mut out);
        written.map_err(|fault| fault.code)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// Numbers without end from a seed, by splitmix64.
    fn numbers(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }
    }

    #[test]
    fn a_text_is_json_where_serde_says_so() {
        let good = r#"{"a": [1, -0, 2.50, 1e5, -1.5E-7, "x\"\\\/\b\f\n\r\t\u00e9\ud800", true, false, null, {}, [ ]], "" : {"b":"é"}}"#;
        assert_eq!(whole(good), Ok(true));
        let mut next = numbers(1);
        let alphabet = r#"{}[]",:\ 0123456789.eE+-truefalsn"#.as_bytes();
        for _ in 0..100_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..=next() % 3 {
                let at = next() as usize % bytes.len();
                let byte = alphabet[next() as usize % alphabet.len()];
                match next() % 3 {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.remove(at)),
                }
            }
            let Ok(text) = std::str::from_utf8(&bytes) else {
                continue;
            };
            let text = text.trim_start();
            let serde = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            let end = value_end(text.as_bytes(), 0);
            let ours = end.is_ok_and(|end| blanks_end(text.as_bytes(), end) == text.len());
            assert_eq!(ours, serde, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_taken_as_they_stand_are_written_so() {
        let mut next = numbers(2);
        let mut taken = 0;
        for _ in 0..200_000 {
            let digits = next() % 18;
            let whole = next() % 10u64.pow(next() as u32 % 17);
            let sign = if next().is_multiple_of(4) { "-" } else { "" };
            let fraction = format!(
                "{:0width$}",
                next() % 10u64.pow(digits as u32),
                width = digits.max(1) as usize
            );
            let text = format!("{sign}{whole}.{fraction}");
            let found = number(text.as_bytes(), 0).unwrap();
            assert_eq!(found.end, text.len());
            if found.as_written {
                let mut out = Vec::new();
                json::float(&mut out, text.parse().unwrap());
                assert_eq!(std::str::from_utf8(&out).unwrap(), text);
                taken += 1;
            }
        }
        assert!(taken > 50_000, "{taken}");
        for text in ["0.0", "-0.0", "1.5", "100.25", "0.001", "123456789.125"] {
            assert!(number(text.as_bytes(), 0).unwrap().as_written, "{text}");
        }
        for text in ["1.50", "0.00001", "1e3", "1.0e1", "7", "1234567890.1234567"] {
            assert!(!number(text.as_bytes(), 0).unwrap().as_written, "{text}");
        }
    }

    #[test]
    fn values_are_written_in_one_way() {
        for (text, wanted) in [
            (r" [1 , 2.50,-0, 1e2 ]", "[1,2.5,0,100.0]"),
            (r#"{"b" : {} ,"a":[ ]}"#, r#"{"b":{},"a":[]}"#),
            (r#""\u00e9\/\n\ud83e\udd80""#, "\"é/\\n🦀\""),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("null", "null"),
        ] {
            assert_eq!(written(text.trim_start()).as_deref(), Ok(wanted));
        }
        for (text, code) in [
            (r#"{"a":1,"b":2,"\u0061":3}"#, "duplicate_key"),
            (r#"["a\u0000"]"#, "nul"),
            (r#"{"\u0000":1}"#, "nul"),
            (r#"["\ud800"]"#, "invalid_text"),
            ("[1e999]", "invalid_float"),
        ] {
            assert_eq!(written(text), Err(code), "{text}");
        }
    }

    #[test]
    fn values_are_seen_as_python_sees_them() {
        for (text, look) in [
            ("null", Look::Nothing),
            ("true", Look::Boolean(true)),
            ("-0", Look::Integer(0)),
            ("9223372036854775807", Look::Integer(i64::MAX)),
            (
                "9223372036854775808",
                Look::Huge("9223372036854775808".into()),
            ),
            ("1e400", Look::Float(f64::INFINITY)),
            ("-0.0", Look::Float(-0.0)),
            (r#""a\u00e9""#, Look::Text("aé".into())),
            (r#""\udc00\ud800""#, Look::Broken),
            ("[]", Look::List),
            ("{}", Look::Mapping),
        ] {
            assert_eq!(Span::new(text).look(), look, "{text}");
        }
        let mut seen = Vec::new();
        let object = r#"{ "a" : [1, {"b": 2}], "\u00e9":"]" , "c":null }"#;
        Span::new(object).each(&mut |key, value| {
            seen.push((key.unwrap().to_owned(), crate::dynamic::described(value)));
            true
        });
        let seen: Vec<_> = seen
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [("a", r#"[1, {"b": 2}]"#), ("é", r#""]""#), ("c", "None")]
        );
    }

    #[test]
    fn depth_is_bounded_and_so_is_what_is_shown() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(whole(&nested(MAX_DEPTH)), Ok(true));
        assert_eq!(whole(&nested(MAX_DEPTH + 1)), Err(Problem::TooDeep));
        assert_eq!(whole(&"[".repeat(1 << 20)), Err(Problem::TooDeep));
        let deep = nested(MAX_DEPTH);
        for text in [
            deep.as_str(),
            "123456789012345678901234567890",
            &format!("[{}1]", "1,".repeat(1 << 16)),
        ] {
            let shown = crate::dynamic::described(&Span::new(text));
            assert!(shown.chars().count() <= 64, "{shown}");
        }
    }
}
