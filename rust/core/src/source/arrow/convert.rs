//! From a cell to a checked value, and to the text that a CSV file would hold.
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::column::{Cell, Number};
use crate::calendar::DateTime;
use crate::json;
use crate::reject::{Fault, shown};
use crate::schema::{Field, Kind};
use crate::value::{self, Form, Parsed};

/// Whole numbers up to here are exact as floats, and far beyond any field.
const MAX_WHOLE_FLOAT: f64 = 1e15;

/// Check a cell, which is not null, for a field.
pub(super) fn parsed<'a>(field: &Field, form: Form, cell: Cell<'a>) -> Result<Parsed<'a>, Fault> {
    match cell {
        Cell::Nothing => Ok(Parsed::False),
        Cell::Text(text) => {
            if memchr::memchr(0, text.as_bytes()).is_some() {
                return Err(value::nul());
            }
            value::from_text(field, form, text)
        }
        Cell::NotText(_) => Err(not_text()),
        Cell::Number(number) => from_number(field, form, number),
        Cell::Boolean(flag) if field.kind == Kind::Json => {
            Ok(Parsed::Json(Cow::Borrowed(if flag {
                "true"
            } else {
                "false"
            })))
        }
        Cell::Boolean(flag) => Ok(Parsed::Boolean(flag)),
        Cell::Day(days) => {
            let date = DateTime::from_days(days).ok_or_else(|| out_of_time(field, days, "days"))?;
            Ok(moment(field, date))
        }
        Cell::Second(seconds) => {
            let found = DateTime::from_seconds(seconds)
                .ok_or_else(|| out_of_time(field, seconds, "seconds"))?;
            Ok(moment(field, found))
        }
        Cell::Bytes(bytes) => Ok(Parsed::Text(Cow::Owned(STANDARD.encode(bytes)))),
        Cell::Numbers(lists, start, stop) => lists
            .items(start, stop)
            .map(|item| item.ok_or_else(null_id).and_then(id))
            .collect::<Result<_, _>>()
            .map(Parsed::Ids),
    }
}

fn moment(field: &Field, moment: DateTime) -> Parsed<'static> {
    if field.kind == Kind::Date {
        Parsed::Date(moment)
    } else {
        Parsed::DateTime(moment)
    }
}

#[cold]
fn out_of_time(field: &Field, number: i64, unit: &str) -> Fault {
    let code = if field.kind == Kind::Date {
        "invalid_date"
    } else {
        "invalid_datetime"
    };
    let message = format!("{number} {unit} from 1970 on is outside the years 1 to 9999");
    Fault::new(code, message)
}

/// The fault of a text that is not UTF-8.
#[cold]
pub(super) fn not_text() -> Fault {
    Fault::new("invalid_text", "is not valid Unicode")
}

#[cold]
fn null_id() -> Fault {
    Fault::new("invalid_id", "a null among the ids")
}

fn from_number(field: &Field, form: Form, number: Number) -> Result<Parsed<'static>, Fault> {
    match (field.kind, form) {
        (Kind::Integer, _) => match whole(number) {
            Some(number) => value::integer(number),
            None if is_beyond(number) => {
                Err(Fault::new("integer_out_of_range", "is far outside int4"))
            }
            None => as_text(field, form, number),
        },
        (Kind::Float, _) => finite(number),
        (Kind::Many2one, Form::DatabaseId) | (Kind::Many2oneReference, _) => {
            id(number).map(Parsed::Integer)
        }
        (Kind::ToMany, Form::DatabaseId) => id(number).map(|id| Parsed::Ids(vec![id])),
        (Kind::Json, _) => {
            finite(number)?;
            Ok(Parsed::Json(Cow::Owned(exact(number))))
        }
        // Codes and telephone numbers that a table made numbers of, keys of a selection, 0 and 1 for a boolean.
        _ => as_text(field, form, number),
    }
}

/// As the number's text in a CSV file is checked.
fn as_text(field: &Field, form: Form, number: Number) -> Result<Parsed<'static>, Fault> {
    value::from_text(field, form, &exact(number)).map(Parsed::into_owned)
}

fn finite(number: Number) -> Result<Parsed<'static>, Fault> {
    match number {
        Number::Whole(number) => {
            let text = itoa::Buffer::new().format(number).to_owned();
            Ok(Parsed::Number(Cow::Owned(text)))
        }
        Number::Decimal(..) => Ok(Parsed::Number(Cow::Owned(exact(number)))),
        Number::Float(number) if number.is_finite() => Ok(Parsed::Float(number)),
        Number::Single(single) if single.is_finite() => {
            Ok(Parsed::Number(Cow::Owned(exact(number))))
        }
        Number::Float(_) | Number::Single(_) => {
            let message = format!("{} is not a number", shown(&exact(number)));
            Err(Fault::new("invalid_float", message))
        }
    }
}

/// The database id that a number is.
pub(super) fn id(number: Number) -> Result<i64, Fault> {
    match whole(number) {
        Some(number) => value::positive_id(number),
        None => value::database_id(&exact(number)),
    }
}

/// The database id of the row.
pub(super) fn row_id(cell: Cell<'_>) -> Result<i64, Fault> {
    match cell {
        Cell::Number(number) => id(number),
        Cell::NotText(_) => Err(not_text()),
        other => value::database_id(&text(other, true)),
    }
}

/// The external id of the row.
pub(super) fn row_external_id(cell: Cell<'_>) -> Result<Cow<'_, str>, Fault> {
    let text = match cell {
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::NotText(_) => return Err(not_text()),
        other => Cow::Owned(text(other, true)),
    };
    value::external_id(&text)?;
    Ok(text)
}

/// A number that has no fraction. Tables with gaps hold whole numbers as floats.
fn whole(number: Number) -> Option<i64> {
    let from_float = |number: f64| {
        (number.fract() == 0.0 && number.abs() < MAX_WHOLE_FLOAT).then_some(number as i64)
    };
    match number {
        Number::Whole(number) => Some(number),
        Number::Decimal(number, scale) => {
            let factor = 10i128.checked_pow(u32::from(scale.unsigned_abs()))?;
            let whole = if scale > 0 {
                (number % factor == 0).then_some(number / factor)?
            } else {
                number.checked_mul(factor)?
            };
            i64::try_from(whole).ok()
        }
        Number::Float(number) => from_float(number),
        Number::Single(number) => from_float(f64::from(number)),
    }
}

/// Whole, and too large for [`whole`].
fn is_beyond(number: Number) -> bool {
    match number {
        Number::Whole(_) => false,
        Number::Decimal(number, scale) => {
            scale <= 0
                || 10i128
                    .checked_pow(u32::from(scale.unsigned_abs()))
                    .is_some_and(|factor| number % factor == 0)
        }
        Number::Float(number) => number.is_finite() && number.abs() >= MAX_WHOLE_FLOAT,
        Number::Single(number) => number.is_finite() && f64::from(number).abs() >= MAX_WHOLE_FLOAT,
    }
}

/// All digits of a number.
fn exact(number: Number) -> String {
    match number {
        Number::Whole(number) => number.to_string(),
        Number::Decimal(number, scale) => decimal(number, scale),
        Number::Float(number) if number.is_finite() => {
            let mut out = Vec::new();
            json::float(&mut out, number);
            String::from_utf8(out).unwrap_or_default()
        }
        Number::Float(number) => number.to_string(),
        Number::Single(number) if number.is_finite() => {
            zmij::Buffer::new().format_finite(number).to_owned()
        }
        Number::Single(number) => number.to_string(),
    }
}

fn decimal(number: i128, scale: i8) -> String {
    let mut digits = number.unsigned_abs().to_string();
    let places = usize::from(scale.unsigned_abs());
    if scale < 0 && number != 0 {
        digits.push_str(&"0".repeat(places));
    } else if scale > 0 {
        if digits.len() <= places {
            digits.insert_str(0, &"0".repeat(places + 1 - digits.len()));
        }
        digits.insert(digits.len() - places, '.');
    }
    if number < 0 {
        digits.insert(0, '-');
    }
    digits
}

/// A cell as a CSV file would hold it. `whole_numbers`: a fraction of nothing but zeros is left out, where a column
/// takes whole numbers only.
pub(super) fn text(cell: Cell<'_>, whole_numbers: bool) -> String {
    let number = |number: Number| match whole(number) {
        Some(number) if whole_numbers => number.to_string(),
        _ => exact(number),
    };
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    };
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) => text.to_owned(),
        Cell::NotText(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Cell::Number(one) => number(one),
        Cell::Boolean(flag) => flag.to_string(),
        Cell::Day(days) => DateTime::from_days(days).map_or_else(
            || days.to_string(),
            |date| written(&|out| date.write_date(out)),
        ),
        Cell::Second(seconds) => DateTime::from_seconds(seconds).map_or_else(
            || seconds.to_string(),
            |moment| written(&|out| moment.write_datetime(out)),
        ),
        Cell::Bytes(bytes) => STANDARD.encode(bytes),
        Cell::Numbers(lists, start, stop) => {
            let items = lists.items(start, stop);
            let texts: Vec<String> = items
                .map(|item| item.map_or_else(String::new, number))
                .collect();
            texts.join(",")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_digit_by_digit() {
        for (number, scale, wanted) in [
            (1250, 2, "12.50"),
            (-5, 2, "-0.05"),
            (0, 3, "0.000"),
            (7, 0, "7"),
            (-7, -2, "-700"),
            (0, -2, "0"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
        ] {
            assert_eq!(decimal(number, scale), wanted);
        }
    }

    #[test]
    fn whole_numbers_are_told_from_others() {
        for (number, wanted) in [
            (Number::Float(5.0), Some(5)),
            (Number::Float(5.5), None),
            (Number::Float(f64::NAN), None),
            (Number::Float(1e18), None),
            (Number::Decimal(500, 2), Some(5)),
            (Number::Decimal(501, 2), None),
            (Number::Decimal(5, -3), Some(5000)),
            (Number::Decimal(i128::MAX, -38), None),
            (Number::Decimal(i128::MAX, 0), None),
            (Number::Single(3.0), Some(3)),
        ] {
            assert_eq!(whole(number), wanted, "{number:?}");
        }
    }
}
