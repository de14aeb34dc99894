//! Checking and converting one value for one field, and writing it in either shape.
use std::borrow::Cow;
use std::fmt::Write as _;

use crate::calendar::{DateTime, parse_date, parse_datetime};
use crate::json::{self, Prepared};
use crate::reject::{Fault, shown};
use crate::schema::{Field, Kind};

/// What a column of a relation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The value itself (`field`); of a relation: a name that the server searches for.
    Plain,
    /// Database ids (`field/.id`).
    DatabaseId,
    /// External ids (`field/id`).
    ExternalId,
}

/// A checked value, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed<'a> {
    /// Odoo's empty value.
    False,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Float(f64),
    /// A finite number, spelled as JSON spells it.
    Number(Cow<'a, str>),
    /// True or false.
    Boolean(bool),
    /// A date.
    Date(DateTime),
    /// A moment in UTC.
    DateTime(DateTime),
    /// Database ids that replace a to-many field's records.
    Ids(Vec<i64>),
    /// JSON text.
    Json(Cow<'a, str>),
}

impl Parsed<'_> {
    /// The same value, with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Parsed<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        match self {
            Self::False => Parsed::False,
            Self::Text(text) => Parsed::Text(own(text)),
            Self::Integer(number) => Parsed::Integer(number),
            Self::Float(number) => Parsed::Float(number),
            Self::Number(text) => Parsed::Number(own(text)),
            Self::Boolean(flag) => Parsed::Boolean(flag),
            Self::Date(date) => Parsed::Date(date),
            Self::DateTime(moment) => Parsed::DateTime(moment),
            Self::Ids(ids) => Parsed::Ids(ids),
            Self::Json(text) => Parsed::Json(own(text)),
        }
    }
}

/// The largest database id and integer value: int4.
pub const INTEGER_MAX: i64 = i32::MAX as i64;
/// The smallest integer value.
pub const INTEGER_MIN: i64 = i32::MIN as i64;

/// Check a non-empty text, as a CSV cell holds it, for a field.
///
/// # Errors
/// What is wrong with it.
pub fn from_text<'a>(field: &Field, form: Form, text: &'a str) -> Result<Parsed<'a>, Fault> {
    match (field.kind, form) {
        (_, Form::ExternalId) => external_ids(field, text),
        (Kind::Many2one | Kind::ToMany, Form::DatabaseId) | (Kind::Many2oneReference, _) => {
            database_ids(field, text)
        }
        (Kind::Text, _) => checked_text(field, Cow::Borrowed(text)),
        (Kind::Many2one | Kind::ToMany, Form::Plain) => Ok(Parsed::Text(Cow::Borrowed(text))),
        (Kind::Integer, _) => integer_text(text),
        (Kind::Float, _) => float_text(text),
        (Kind::Boolean, _) => boolean_text(text),
        (Kind::Date, _) => date_text(text),
        (Kind::DateTime, _) => parse_datetime(text.as_bytes())
            .map(Parsed::DateTime)
            .ok_or_else(|| bad_datetime(text)),
        (Kind::Selection, _) => selection_text(field, text),
        (Kind::Reference, _) => reference_text(text).map(|text| Parsed::Text(Cow::Borrowed(text))),
        (Kind::Json, _) if json::is_valid(text) => Ok(Parsed::Json(Cow::Borrowed(text))),
        (Kind::Json, _) => Err(Fault::new(
            "invalid_json",
            format!("{} is not JSON", shown(text)),
        )),
        (Kind::Binary, _) => base64_text(text).map(|text| Parsed::Text(Cow::Borrowed(text))),
    }
}

/// The database ids that a text names: one, or several with commas between them for a to-many field.
///
/// # Errors
/// One of them is none.
pub fn database_ids(field: &Field, text: &str) -> Result<Parsed<'static>, Fault> {
    if field.kind != Kind::ToMany {
        return database_id(text).map(Parsed::Integer);
    }
    let ids = text.split(',').map(|part| database_id(part.trim()));
    ids.collect::<Result<_, _>>().map(Parsed::Ids)
}

/// Check a text value's size and that it holds no NUL.
///
/// # Errors
/// What is wrong with it.
pub fn checked_text<'a>(field: &Field, text: Cow<'a, str>) -> Result<Parsed<'a>, Fault> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(nul());
    }
    if let Some(size) = field.size {
        // A text of fewer bytes than that has fewer characters, too.
        if text.len() > size && text.chars().count() > size {
            let count = text.chars().count();
            return Err(Fault::new(
                "too_long",
                format!("{count} characters, and the field takes {size}"),
            ));
        }
    }
    Ok(Parsed::Text(text))
}

/// Check a text for a field of kind [`Kind::Text`] and append it as JSON, in one pass.
///
/// # Errors
/// What is wrong with it; what was appended then has to be taken back.
#[inline]
pub fn write_text(out: &mut Vec<u8>, field: &Field, text: &str) -> Result<(), Fault> {
    if field.size.is_some() {
        write_vals(out, &checked_text(field, Cow::Borrowed(text))?);
        return Ok(());
    }
    if json::string_without_nul(out, text) {
        Ok(())
    } else {
        Err(nul())
    }
}

/// Check a non-empty text, as a CSV cell holds it, for a field; append the field's key, its value as `create` takes it,
/// and a comma.
///
/// # Errors
/// What is wrong with it; what was appended then has to be taken back.
pub fn append_text(
    out: &mut Vec<u8>,
    key: &Prepared,
    field: &Field,
    form: Form,
    text: &str,
) -> Result<(), Fault> {
    // The commonest kinds in one piece; all others by way of a value.
    match (field.kind, form) {
        (Kind::Text, Form::Plain) if field.size.is_none() => {
            return if key.append_text(out, text) {
                Ok(())
            } else {
                Err(nul())
            };
        }
        (Kind::Integer, Form::Plain) => {
            key.append_integer(out, integer_number(text)?);
            return Ok(());
        }
        (Kind::Many2one, Form::DatabaseId) => {
            key.append_integer(out, database_id(text)?);
            return Ok(());
        }
        (Kind::Boolean, Form::Plain) => {
            key.append_boolean(out, boolean(text)?);
            return Ok(());
        }
        _ => {}
    }
    match from_text(field, form, text)? {
        Parsed::Number(number) => key.append_raw(out, number.as_bytes()),
        parsed => {
            key.append(out);
            write_vals(out, &parsed);
            out.push(b',');
        }
    }
    Ok(())
}

/// The fault of a text with a NUL in it.
pub fn nul() -> Fault {
    Fault::new(
        "nul",
        "holds a NUL character, which PostgreSQL cannot store",
    )
}

fn integer_text(text: &str) -> Result<Parsed<'static>, Fault> {
    integer_number(text).map(Parsed::Integer)
}

fn integer_number(text: &str) -> Result<i64, Fault> {
    let bad = || {
        Fault::new(
            "invalid_integer",
            format!("{} is not a whole number", shown(text)),
        )
    };
    let number: i64 = text.trim().parse().map_err(|_| bad())?;
    in_range(number)
}

/// Check an integer's range.
///
/// # Errors
/// It does not fit the database's int4.
pub fn integer(number: i64) -> Result<Parsed<'static>, Fault> {
    in_range(number).map(Parsed::Integer)
}

fn in_range(number: i64) -> Result<i64, Fault> {
    if (INTEGER_MIN..=INTEGER_MAX).contains(&number) {
        Ok(number)
    } else {
        let message = format!("{number} is outside {INTEGER_MIN} to {INTEGER_MAX}");
        Err(Fault::new("integer_out_of_range", message))
    }
}

/// Check a database id's range.
///
/// # Errors
/// It is not a positive int4.
pub fn positive_id(number: i64) -> Result<i64, Fault> {
    if (1..=INTEGER_MAX).contains(&number) {
        Ok(number)
    } else {
        Err(Fault::new(
            "invalid_id",
            format!("{number} is not a database id (1 to {INTEGER_MAX})"),
        ))
    }
}

/// A database id as a text.
///
/// # Errors
/// It is not a positive int4.
pub fn database_id(text: &str) -> Result<i64, Fault> {
    let bad = || {
        Fault::new(
            "invalid_id",
            format!("{} is not a database id (1 to {INTEGER_MAX})", shown(text)),
        )
    };
    positive_id(text.trim().parse().map_err(|_| bad())?)
}

/// JSON's grammar of a number: `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`, short enough to be finite for certain.
fn is_json_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> usize {
        text.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || whole > 300 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    match &rest[whole..] {
        [] => true,
        [b'.', fraction @ ..] => !fraction.is_empty() && digits(fraction) == fraction.len(),
        _ => false,
    }
}

fn float_text(text: &str) -> Result<Parsed<'_>, Fault> {
    let text = text.trim();
    if is_json_number(text.as_bytes()) {
        return Ok(Parsed::Number(Cow::Borrowed(text)));
    }
    let bad = || {
        let hint = if text.contains(',') {
            " (the decimal separator is a point)"
        } else {
            ""
        };
        Fault::new(
            "invalid_float",
            format!("{} is not a number{hint}", shown(text)),
        )
    };
    // Rust reads "inf", "infinity" and "nan" as floats; Odoo must not get them.
    let number: f64 = text.parse().map_err(|_| bad())?;
    if number.is_finite() {
        Ok(Parsed::Float(number))
    } else {
        Err(bad())
    }
}

fn boolean_text(text: &str) -> Result<Parsed<'static>, Fault> {
    boolean(text).map(Parsed::Boolean)
}

fn boolean(text: &str) -> Result<bool, Fault> {
    // The words of Odoo's own import.
    let text = text.trim();
    if ["1", "true", "yes"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
    {
        Ok(true)
    } else if ["0", "false", "no"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
    {
        Ok(false)
    } else {
        let message = format!(
            "{} is neither true (1, true, yes) nor false (0, false, no)",
            shown(text)
        );
        Err(Fault::new("invalid_boolean", message))
    }
}

fn date_text(text: &str) -> Result<Parsed<'static>, Fault> {
    parse_date(text.trim().as_bytes())
        .map(Parsed::Date)
        .ok_or_else(|| bad_date(text))
}

/// The fault of a text that is not a date.
pub fn bad_date(text: &str) -> Fault {
    Fault::new(
        "invalid_date",
        format!("{} is not a date: YYYY-MM-DD", shown(text)),
    )
}

/// The fault of a text that is not a moment.
pub fn bad_datetime(text: &str) -> Fault {
    Fault::new(
        "invalid_datetime",
        format!(
            "{} is not a date and time: YYYY-MM-DD HH:MM:SS",
            shown(text)
        ),
    )
}

fn selection_text<'a>(field: &Field, text: &'a str) -> Result<Parsed<'a>, Fault> {
    let Some(selection) = &field.selection else {
        return checked_text(field, Cow::Borrowed(text));
    };
    match selection.key_of(text) {
        Some(key) if key == text => Ok(Parsed::Text(Cow::Borrowed(text))),
        Some(key) => Ok(Parsed::Text(Cow::Owned(key.to_owned()))),
        None => Err(bad_selection(field, text)),
    }
}

/// The fault of a value that the selection does not have.
pub fn bad_selection(field: &Field, text: &str) -> Fault {
    let keys = field
        .selection
        .as_ref()
        .map_or(&[][..], |selection| selection.keys());
    let mut message = format!("{} is not one of ", shown(text));
    for (at, key) in keys.iter().take(12).enumerate() {
        let _ = write!(message, "{}{key}", if at == 0 { "" } else { ", " });
    }
    if keys.len() > 12 {
        let _ = write!(message, " and {} more", keys.len() - 12);
    }
    Fault::new("invalid_selection", message)
}

fn external_ids<'a>(field: &Field, text: &'a str) -> Result<Parsed<'a>, Fault> {
    let single = field.kind != Kind::ToMany;
    if single {
        external_id(text)?;
    } else {
        for part in text.split(',') {
            external_id(part.trim())?;
        }
    }
    Ok(Parsed::Text(Cow::Borrowed(text)))
}

/// Check an external id: `name` or `module.name`.
///
/// # Errors
/// It cannot be one.
pub fn external_id(text: &str) -> Result<(), Fault> {
    let bad = |why: &str| {
        Err(Fault::new(
            "invalid_external_id",
            format!("{} is not an external id: {why}", shown(text)),
        ))
    };
    if text.is_empty() {
        return bad("it is empty");
    }
    if text
        .bytes()
        .any(|byte| byte.is_ascii_whitespace() || byte == 0 || byte == b',')
    {
        return bad("no blanks, commas or NUL");
    }
    if text.matches('.').count() > 1 || text.starts_with('.') || text.ends_with('.') {
        return bad("module.name has one dot");
    }
    Ok(())
}

/// Check a reference: `model,id`.
///
/// # Errors
/// It is not one.
pub fn reference_text(text: &str) -> Result<&str, Fault> {
    let good = text
        .split_once(',')
        .is_some_and(|(model, id)| !model.is_empty() && database_id(id).is_ok());
    if good {
        Ok(text)
    } else {
        Err(Fault::new(
            "invalid_reference",
            format!("{} is not model,id", shown(text)),
        ))
    }
}

/// Check base64: padded, line breaks allowed (Odoo's own decoder takes them).
///
/// # Errors
/// It is not base64.
pub fn base64_text(text: &str) -> Result<&str, Fault> {
    let mut count = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => count += 1,
            b'=' => padding += 1,
            b'\r' | b'\n' => {}
            _ => return Err(Fault::new("invalid_base64", "is not base64")),
        }
    }
    if padding > 2 || !(count + padding).is_multiple_of(4) {
        return Err(Fault::new(
            "invalid_base64",
            "is not base64: its length is not a multiple of 4",
        ));
    }
    Ok(text)
}

/// Append a value as JSON, as `create` and `write` take it.
pub fn write_vals(out: &mut Vec<u8>, value: &Parsed<'_>) {
    match value {
        Parsed::False | Parsed::Boolean(false) => out.extend_from_slice(b"false"),
        Parsed::Text(text) => json::string(out, text),
        Parsed::Integer(number) => json::integer(out, *number),
        Parsed::Float(number) => json::float(out, *number),
        Parsed::Boolean(true) => out.extend_from_slice(b"true"),
        Parsed::Date(_) | Parsed::DateTime(_) => write_quoted(out, value),
        Parsed::Ids(ids) => {
            out.extend_from_slice(b"[[6,0,[");
            write_ids(out, ids);
            out.extend_from_slice(b"]]]");
        }
        Parsed::Number(text) | Parsed::Json(text) => out.extend_from_slice(text.as_bytes()),
    }
}

/// Append a value as a JSON string, as `load` takes every cell.
pub fn write_load(out: &mut Vec<u8>, value: &Parsed<'_>) {
    match value {
        Parsed::Text(text) | Parsed::Json(text) => json::string(out, text),
        _ => write_quoted(out, value),
    }
}

/// Append a value whose text needs no escaping, in quotes.
fn write_quoted(out: &mut Vec<u8>, value: &Parsed<'_>) {
    out.push(b'"');
    match value {
        Parsed::Date(date) => date.write_date(out),
        Parsed::DateTime(moment) => moment.write_datetime(out),
        Parsed::Boolean(true) => out.extend_from_slice(b"True"),
        Parsed::Boolean(false) => out.extend_from_slice(b"False"),
        Parsed::Integer(number) => json::integer(out, *number),
        Parsed::Float(number) => json::float(out, *number),
        Parsed::Number(text) => out.extend_from_slice(text.as_bytes()),
        Parsed::Ids(ids) => write_ids(out, ids),
        Parsed::False => {}
        Parsed::Text(text) | Parsed::Json(text) => json::string_body(out, text),
    }
    out.push(b'"');
}

fn write_ids(out: &mut Vec<u8>, ids: &[i64]) {
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::integer(out, *id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{FieldDescription, Schema};

    fn field(odoo_type: &str) -> Field {
        let selection = (odoo_type == "selection").then(|| {
            vec![
                ("draft".to_owned(), "Draft".to_owned()),
                ("done".to_owned(), "Finished".to_owned()),
            ]
        });
        let size = (odoo_type == "char").then_some(5);
        let description = FieldDescription {
            name: "f".into(),
            odoo_type: odoo_type.into(),
            size,
            selection,
            ..Default::default()
        };
        Schema::new("m".into(), vec![description]).unwrap().fields()[0].clone()
    }

    fn vals(odoo_type: &str, form: Form, text: &str) -> Result<String, &'static str> {
        let mut out = Vec::new();
        write_vals(
            &mut out,
            &from_text(&field(odoo_type), form, text).map_err(|fault| fault.code)?,
        );
        Ok(String::from_utf8(out).unwrap())
    }

    fn load(odoo_type: &str, form: Form, text: &str) -> Result<String, &'static str> {
        let mut out = Vec::new();
        write_load(
            &mut out,
            &from_text(&field(odoo_type), form, text).map_err(|fault| fault.code)?,
        );
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn texts_become_values() {
        for (odoo_type, form, text, wanted) in [
            ("char", Form::Plain, "ab\"c", r#""ab\"c""#),
            ("char", Form::Plain, "éééée", r#""éééée""#),
            ("integer", Form::Plain, "-2147483648", "-2147483648"),
            ("integer", Form::Plain, " 7 ", "7"),
            ("float", Form::Plain, "12.50", "12.50"),
            ("float", Form::Plain, "-0.5", "-0.5"),
            ("float", Form::Plain, ".5", "0.5"),
            ("float", Form::Plain, "1e3", "1000.0"),
            ("boolean", Form::Plain, "Yes", "true"),
            ("boolean", Form::Plain, "0", "false"),
            ("date", Form::Plain, "2024-02-29", "\"2024-02-29\""),
            (
                "datetime",
                Form::Plain,
                "2024-02-29T10:00:00+02:00",
                "\"2024-02-29 08:00:00\"",
            ),
            ("selection", Form::Plain, "done", "\"done\""),
            ("selection", Form::Plain, "Finished", "\"done\""),
            ("many2one", Form::DatabaseId, "12", "12"),
            ("many2many", Form::DatabaseId, "1, 2", "[[6,0,[1,2]]]"),
            (
                "reference",
                Form::Plain,
                "res.partner,3",
                "\"res.partner,3\"",
            ),
            ("json", Form::Plain, "{\"a\": [1]}", "{\"a\": [1]}"),
            ("binary", Form::Plain, "aGk=", "\"aGk=\""),
        ] {
            assert_eq!(
                vals(odoo_type, form, text).as_deref(),
                Ok(wanted),
                "{odoo_type} {text}"
            );
        }
    }

    #[test]
    fn load_takes_strings() {
        for (odoo_type, form, text, wanted) in [
            ("boolean", Form::Plain, "1", "\"True\""),
            ("integer", Form::Plain, "7", "\"7\""),
            ("float", Form::Plain, "1.5", "\"1.5\""),
            ("many2one", Form::ExternalId, "base.be", "\"base.be\""),
            ("many2one", Form::Plain, "Belgium", "\"Belgium\""),
            ("many2many", Form::DatabaseId, "1,2", "\"1,2\""),
            ("json", Form::Plain, "[\"a\"]", r#""[\"a\"]""#),
        ] {
            assert_eq!(
                load(odoo_type, form, text).as_deref(),
                Ok(wanted),
                "{odoo_type} {text}"
            );
        }
    }

    #[test]
    fn wrong_values_are_named() {
        for (odoo_type, form, text, code) in [
            ("char", Form::Plain, "a\0", "nul"),
            ("char", Form::Plain, "abcdef", "too_long"),
            ("integer", Form::Plain, "1.5", "invalid_integer"),
            ("integer", Form::Plain, "2147483648", "integer_out_of_range"),
            (
                "integer",
                Form::Plain,
                "99999999999999999999",
                "invalid_integer",
            ),
            ("float", Form::Plain, "1,5", "invalid_float"),
            ("float", Form::Plain, "nan", "invalid_float"),
            ("float", Form::Plain, "inf", "invalid_float"),
            ("float", Form::Plain, "1e999", "invalid_float"),
            ("boolean", Form::Plain, "maybe", "invalid_boolean"),
            ("date", Form::Plain, "2023-02-29", "invalid_date"),
            ("datetime", Form::Plain, "yesterday", "invalid_datetime"),
            ("selection", Form::Plain, "open", "invalid_selection"),
            ("many2one", Form::DatabaseId, "0", "invalid_id"),
            ("many2one", Form::DatabaseId, "-1", "invalid_id"),
            ("many2one", Form::DatabaseId, "abc", "invalid_id"),
            ("many2one", Form::ExternalId, "a b", "invalid_external_id"),
            ("many2one", Form::ExternalId, "a.b.c", "invalid_external_id"),
            ("many2many", Form::DatabaseId, "1,x", "invalid_id"),
            ("reference", Form::Plain, "res.partner", "invalid_reference"),
            ("json", Form::Plain, "{", "invalid_json"),
            ("binary", Form::Plain, "a$b=", "invalid_base64"),
            ("binary", Form::Plain, "abc", "invalid_base64"),
        ] {
            assert_eq!(vals(odoo_type, form, text), Err(code), "{odoo_type} {text}");
        }
    }
}
