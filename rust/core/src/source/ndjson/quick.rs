//! Values that are good as they stand.
use crate::calendar::{parse_date, parse_datetime};
use crate::json;
use crate::record::Quick;
use crate::schema::Kind;
use crate::span::number;
use crate::value::{INTEGER_MAX, INTEGER_MIN};

/// What was made of a value the quick way.
pub(super) enum Quickly {
    /// It can be copied as it stands: where it ends, and whether it is not Odoo's empty value.
    AsItStands(usize, bool),
    /// It becomes `false`: likewise.
    False(usize, bool),
    /// Nothing: it needs a closer look.
    No,
}

/// Look at a value of a field that is good as it stands, or empty.
#[inline]
pub(super) fn quickly(quick: &Quick<'_>, line: &str, at: usize) -> Quickly {
    let bytes = line.as_bytes();
    let kind = quick.field.kind;
    match bytes.get(at) {
        Some(b'"') => {
            let end = json::plain_end(bytes, at + 1);
            if bytes.get(end) == Some(&b'"') && good_text(quick, line, at + 1, end) {
                return Quickly::AsItStands(end + 1, end > at + 1);
            }
        }
        Some(b'-' | b'0'..=b'9') => {
            if let Ok(number) = number(bytes, at) {
                let good = match kind {
                    Kind::Integer => number.whole && is_within(bytes, at, number.end, INTEGER_MIN),
                    Kind::Many2one | Kind::Many2oneReference => {
                        number.whole && is_within(bytes, at, number.end, 1)
                    }
                    Kind::Float => number.as_written,
                    _ => false,
                };
                if good {
                    return Quickly::AsItStands(number.end, true);
                }
            }
        }
        Some(b't') if kind == Kind::Boolean && bytes[at..].starts_with(b"true") => {
            return Quickly::AsItStands(at + 4, true);
        }
        Some(b'f') if kind != Kind::Json && bytes[at..].starts_with(b"false") => {
            return Quickly::AsItStands(at + 5, kind == Kind::Boolean);
        }
        Some(b'n') if bytes[at..].starts_with(b"null") => {
            return Quickly::False(at + 4, kind == Kind::Boolean);
        }
        _ => {}
    }
    Quickly::No
}

/// The plain text between two places can be copied.
#[inline]
fn good_text(quick: &Quick<'_>, line: &str, start: usize, end: usize) -> bool {
    if quick.free_text {
        return true;
    }
    let field = quick.field;
    let text = &line[start..end];
    let bytes = text.as_bytes();
    match field.kind {
        Kind::Text => field.size.is_none_or(|size| text.len() <= size),
        Kind::Selection => {
            let selection = field.selection.as_ref();
            !text.is_empty() && selection.is_none_or(|selection| selection.has_key(text))
        }
        Kind::Date => parse_date(bytes).is_some(),
        Kind::DateTime => {
            let as_written = bytes.len() == 19 && [bytes[10], bytes[13], bytes[16]] == *b" ::";
            as_written && parse_datetime(bytes).is_some()
        }
        _ => false,
    }
}

/// The whole number between two places is at least `least`, at most int4, and written in the one way.
#[inline]
fn is_within(bytes: &[u8], at: usize, end: usize, least: i64) -> bool {
    // More digits than these are more than int4 for certain.
    if end - at > 11 {
        return false;
    }
    let negative = bytes[at] == b'-';
    let digits = &bytes[at + usize::from(negative)..end];
    let number = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    if negative {
        number > 0 && -number >= least
    } else {
        number >= least && number <= INTEGER_MAX
    }
}
