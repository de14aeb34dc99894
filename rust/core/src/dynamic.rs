//! A value whose type shows only when it is looked at: a Python object, or a piece of JSON.
use std::borrow::Cow;
use std::fmt::Write as _;

use crate::json;
use crate::reject::{Fault, shown};

/// How deeply lists and mappings may be nested in a value.
pub const MAX_DEPTH: usize = 64;

/// Stands for a key that is not Unicode where [`Value::each`] visits it.
pub const UNREADABLE: &str = "\u{fffd}";

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Look<'a> {
    /// `None`, `null`.
    Nothing,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number beyond 64 bits: its digits.
    Huge(Cow<'a, str>),
    /// A number, finite or not.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A text with half of a surrogate pair: it has no UTF-8.
    Broken,
    /// Values in order.
    List,
    /// Values by key.
    Mapping,
    /// What JSON has not: the methods of [`Value`] that begin with `to` say what it can become.
    Other,
}

/// A value of any type.
pub trait Value: Sized {
    /// What it is.
    fn look(&self) -> Look<'_>;

    /// The name of its type, as Python has it.
    fn type_name(&self) -> Cow<'static, str>;

    /// Visit the items of a list, or the keys and values of a mapping, until the visitor answers `false`.
    fn each(&self, visit: &mut dyn FnMut(Option<&str>, &Self) -> bool);

    /// Append it as JSON.
    ///
    /// # Errors
    /// It has no JSON form, or holds what the database cannot store.
    fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Of [`Look::Other`]: the whole number that it is.
    fn to_integer(&self) -> Option<i64> {
        None
    }

    /// Of [`Look::Other`]: the number that it is.
    fn to_float(&self) -> Option<f64> {
        None
    }

    /// Of [`Look::Other`]: the date or moment that it is, in ISO 8601.
    fn to_iso(&self) -> Option<String> {
        None
    }

    /// Of [`Look::Other`]: the bytes that it holds, in base64.
    fn to_base64(&self) -> Option<String> {
        None
    }

    /// Of [`Look::Other`]: as a text, and as a message shows it.
    fn to_text(&self) -> (String, String) {
        (String::new(), String::new())
    }
}

/// The fault of a value of the wrong type.
pub fn wrong_type<V: Value>(code: &'static str, value: &V, wanted: &str) -> Fault {
    let hint = match value.look() {
        Look::Boolean(_) | Look::Integer(_) | Look::Huge(_) => String::new(),
        _ => format!(" ({})", value.type_name()),
    };
    Fault::new(code, format!("{}{hint} is not {wanted}", described(value)))
}

/// The fault of a text that is not Unicode.
pub fn not_unicode() -> Fault {
    Fault::new("invalid_text", "is not valid Unicode (a lone surrogate)")
}

/// The fault of a value that is nested too deeply.
pub fn too_deep() -> Fault {
    Fault::new("too_deep", format!("is nested more than {MAX_DEPTH} deep"))
}

/// A value as a message shows it, cut at some 60 characters.
pub fn described<V: Value>(value: &V) -> String {
    let mut text = String::new();
    describe(value, &mut text);
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

const MOST_SHOWN: usize = 63;

fn describe<V: Value>(value: &V, out: &mut String) {
    let (open, close) = match value.look() {
        Look::Nothing => return out.push_str("None"),
        Look::Boolean(true) => return out.push_str("True"),
        Look::Boolean(false) => return out.push_str("False"),
        Look::Integer(number) => {
            let _ = write!(out, "{number}");
            return;
        }
        Look::Huge(digits) => return out.extend(digits.chars().take(MOST_SHOWN + 1)),
        Look::Float(number) => return out.push_str(&float_text(number)),
        Look::Text(text) => return out.push_str(&shown(&text)),
        Look::Broken => return out.push_str("a text"),
        Look::Other => {
            let shown = value.to_text().1;
            let letters = shown.chars().filter(|letter| !letter.is_control());
            return out.extend(letters.take(MOST_SHOWN + 1));
        }
        Look::List => ('[', ']'),
        Look::Mapping => ('{', '}'),
    };
    out.push(open);
    let mut first = true;
    value.each(&mut |key, item| {
        if !std::mem::take(&mut first) {
            out.push_str(", ");
        }
        if let Some(key) = key {
            out.push_str(&shown(key));
            out.push_str(": ");
        }
        // Each level adds a bracket: the bound on what is shown bounds the depth, too.
        if out.chars().nth(MOST_SHOWN).is_none() {
            describe(item, out);
        }
        out.chars().nth(MOST_SHOWN).is_none()
    });
    out.push(close);
}

fn float_text(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string();
    }
    let mut text = Vec::new();
    json::float(&mut text, number);
    String::from_utf8_lossy(&text).into_owned()
}

/// A value as the text that external ids are made of: what a CSV file would hold.
///
/// # Errors
/// A text that is not Unicode.
pub fn key_text<V: Value>(value: &V) -> Result<String, Fault> {
    Ok(match value.look() {
        Look::Nothing => String::new(),
        Look::Boolean(flag) => if flag { "True" } else { "False" }.to_owned(),
        Look::Integer(number) => number.to_string(),
        Look::Huge(text) | Look::Text(text) => text.into_owned(),
        Look::Float(number) => float_text(number),
        Look::Broken => return Err(not_unicode()),
        Look::Other => value.to_text().0,
        Look::List | Look::Mapping => {
            let mut text = Vec::new();
            value.write_json(&mut text)?;
            String::from_utf8_lossy(&text).into_owned()
        }
    })
}
