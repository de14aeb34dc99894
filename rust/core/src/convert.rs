//! Checking and converting one value of any type for one field: mappings and JSON take this way, texts of files that of
//! [`crate::value`].
use std::borrow::Cow;

use crate::calendar::{parse_date, parse_datetime};
use crate::dynamic::{Look, Value, not_unicode, wrong_type};
use crate::json;
use crate::reject::Fault;
use crate::schema::{Field, Kind};
use crate::value::{self, Form, Parsed};

/// A whole number beyond these is no longer exact as a float.
const EXACT: f64 = 1e15;

/// The value is Odoo's empty one: nothing, false, or no text.
pub fn is_empty<V: Value>(field: &Field, value: &V) -> bool {
    match value.look() {
        Look::Nothing => true,
        Look::Boolean(false) => field.kind != Kind::Boolean,
        Look::Text(text) => field.kind != Kind::Boolean && text.is_empty(),
        _ => false,
    }
}

/// Check a value for a field; `None` where it is to be written as the JSON that it is.
///
/// # Errors
/// What is wrong with it.
pub fn convert<'a, V: Value>(
    field: &Field,
    form: Form,
    value: &'a V,
) -> Result<Option<Parsed<'a>>, Fault> {
    let kind = field.kind;
    match value.look() {
        Look::Text(text) => from_text(field, form, text, value).map(Some),
        Look::Broken => Err(not_unicode()),
        Look::Nothing if kind == Kind::Boolean => Ok(Some(Parsed::Boolean(false))),
        Look::Nothing => Ok(Some(Parsed::False)),
        Look::Boolean(flag) => match (kind, flag) {
            (Kind::Boolean, flag) => Ok(Some(Parsed::Boolean(flag))),
            (Kind::Json, _) => Ok(None),
            (_, false) => Ok(Some(Parsed::False)),
            (_, true) => Err(wrong(kind, value)),
        },
        Look::Integer(number) => from_integer(field, number, value).map(Some),
        Look::Huge(digits) => from_digits(field, digits, value),
        look => from_other(field, &look, value),
    }
}

fn wrong<V: Value>(kind: Kind, value: &V) -> Fault {
    wrong_type(code(kind), value, wanted(kind))
}

fn from_text<'a, V: Value>(
    field: &Field,
    form: Form,
    text: Cow<'a, str>,
    value: &V,
) -> Result<Parsed<'a>, Fault> {
    let nothing = text.is_empty() && !matches!(field.kind, Kind::Text | Kind::Json);
    match field.kind {
        kind if nothing && kind != Kind::Boolean => Ok(Parsed::False),
        Kind::Text => value::checked_text(field, text),
        Kind::Selection => match &field.selection {
            Some(selection) if !selection.has_key(&text) => Err(value::bad_selection(field, &text)),
            _ => value::checked_text(field, text),
        },
        Kind::Date => {
            let moment = parse_date(text.as_bytes()).or_else(|| parse_datetime(text.as_bytes()));
            moment
                .map(Parsed::Date)
                .ok_or_else(|| value::bad_date(&text))
        }
        Kind::DateTime => parse_datetime(text.as_bytes())
            .map(Parsed::DateTime)
            .ok_or_else(|| value::bad_datetime(&text)),
        Kind::Reference => value::reference_text(&text)
            .map(drop)
            .map(|()| Parsed::Text(text)),
        Kind::Binary => value::base64_text(&text)
            .map(drop)
            .map(|()| Parsed::Text(text)),
        Kind::Json => {
            let mut out = Vec::new();
            json::string(&mut out, &text);
            let json = String::from_utf8_lossy(&out).into_owned();
            Ok(Parsed::Json(Cow::Owned(json)))
        }
        Kind::Many2one | Kind::ToMany if form == Form::DatabaseId => {
            value::database_ids(field, &text)
        }
        kind => Err(wrong(kind, value)),
    }
}

fn from_integer<'a, V: Value>(
    field: &Field,
    number: i64,
    value: &'a V,
) -> Result<Parsed<'a>, Fault> {
    match field.kind {
        Kind::Integer => value::integer(number),
        Kind::Many2one | Kind::Many2oneReference => value::positive_id(number).map(Parsed::Integer),
        #[allow(clippy::cast_precision_loss)] // Odoo's floats are no more exact.
        Kind::Float => Ok(Parsed::Float(number as f64)),
        Kind::Boolean if (0..=1).contains(&number) => Ok(Parsed::Boolean(number == 1)),
        // Codes and telephone numbers that a table made numbers of.
        Kind::Text => value::checked_text(field, Cow::Owned(number.to_string())),
        Kind::Selection => {
            let key = number.to_string();
            match &field.selection {
                Some(selection) if selection.has_key(&key) => Ok(Parsed::Text(Cow::Owned(key))),
                _ => Err(wrong(field.kind, value)),
            }
        }
        Kind::Json => Ok(Parsed::Integer(number)),
        kind => Err(wrong(kind, value)),
    }
}

fn from_digits<'a, V: Value>(
    field: &Field,
    digits: Cow<'a, str>,
    value: &V,
) -> Result<Option<Parsed<'a>>, Fault> {
    match field.kind {
        Kind::Integer => Err(Fault::new("integer_out_of_range", "is far outside int4")),
        Kind::Text => value::checked_text(field, digits).map(Some),
        Kind::Float => {
            let number: Option<f64> = digits
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite());
            number
                .map(|number| Some(Parsed::Float(number)))
                .ok_or_else(|| wrong(field.kind, value))
        }
        Kind::Json => Ok(None),
        kind => Err(wrong(kind, value)),
    }
}

fn from_other<'a, V: Value>(
    field: &Field,
    look: &Look<'_>,
    value: &'a V,
) -> Result<Option<Parsed<'a>>, Fault> {
    let kind = field.kind;
    let index = || match look {
        Look::Other => value.to_integer(),
        _ => None,
    };
    match (kind, look) {
        (Kind::Float, Look::Float(number)) => finite(*number, value),
        (Kind::Float, Look::Other) => {
            finite(value.to_float().ok_or_else(|| wrong(kind, value))?, value)
        }
        // Tables with gaps hold whole numbers as floats.
        (Kind::Integer, Look::Float(number)) if number.fract() == 0.0 && number.abs() < EXACT => {
            value::integer(*number as i64)
        }
        (Kind::Date, Look::Other) => moment(value)
            .map(Parsed::Date)
            .ok_or_else(|| wrong(kind, value)),
        (Kind::DateTime, Look::Other) => moment(value)
            .map(Parsed::DateTime)
            .ok_or_else(|| wrong(kind, value)),
        (Kind::ToMany, Look::List) => return commands(value).map(|()| None),
        (Kind::Json, _) => return Ok(None),
        (Kind::Binary, Look::Other) => value
            .to_base64()
            .map(|text| Parsed::Text(Cow::Owned(text)))
            .ok_or_else(|| wrong(kind, value)),
        (Kind::Integer | Kind::Many2one | Kind::Many2oneReference, _) => {
            let number = index().ok_or_else(|| wrong(kind, value))?;
            from_integer(field, number, value)
        }
        (kind, _) => Err(wrong(kind, value)),
    }
    .map(Some)
}

fn finite<'a, V: Value>(number: f64, value: &V) -> Result<Parsed<'a>, Fault> {
    if number.is_finite() {
        Ok(Parsed::Float(number))
    } else {
        Err(not_finite(value))
    }
}

/// The fault of an infinite number, and of one that is none.
pub fn not_finite<V: Value>(value: &V) -> Fault {
    wrong_type("invalid_float", value, "a finite number")
}

fn moment<V: Value>(value: &V) -> Option<crate::calendar::DateTime> {
    parse_datetime(value.to_iso()?.as_bytes())
}

/// Check that a to-many value is a list of commands.
fn commands<V: Value>(value: &V) -> Result<(), Fault> {
    let mut good = true;
    value.each(&mut |_, command| {
        good = matches!(first_integer(command), Some(0..=6));
        good
    });
    if good {
        Ok(())
    } else {
        Err(wrong(Kind::ToMany, value))
    }
}

fn integer_of<V: Value>(value: &V) -> Option<i64> {
    match value.look() {
        Look::Integer(number) => Some(number),
        Look::Other => value.to_integer(),
        _ => None,
    }
}

/// The first item of a list, where it is a whole number.
fn first_integer<V: Value>(value: &V) -> Option<i64> {
    let mut first = None;
    if value.look() == Look::List {
        value.each(&mut |_, item| {
            first = integer_of(item);
            false
        });
    }
    first
}

/// The ids of `[(6, 0, ids)]`.
fn replacing_ids<V: Value>(value: &V) -> Option<Vec<i64>> {
    let (mut commands, mut parts, mut ids) = (0, 0, Some(Vec::new()));
    value.each(&mut |_, command| {
        commands += 1;
        if first_integer(command) == Some(6) {
            command.each(&mut |_, part| {
                parts += 1;
                if parts == 3 {
                    if part.look() != Look::List {
                        ids = None;
                    }
                    part.each(&mut |_, id| {
                        match (integer_of(id), &mut ids) {
                            (Some(id), Some(ids)) => ids.push(id),
                            _ => ids = None,
                        }
                        ids.is_some()
                    });
                }
                true
            });
        }
        true
    });
    ids.filter(|_| commands == 1 && parts == 3)
}

/// A database id.
///
/// # Errors
/// It is not a positive int4.
pub fn to_id<V: Value>(value: &V) -> Result<i64, Fault> {
    let number = integer_of(value);
    value::positive_id(number.ok_or_else(|| wrong_type("invalid_id", value, "a database id"))?)
}

/// A record's own external id.
///
/// # Errors
/// It is no text, or cannot be one.
pub fn external_id<V: Value>(value: &V) -> Result<String, Fault> {
    match value.look() {
        Look::Text(text) => {
            value::external_id(&text)?;
            Ok(text.into_owned())
        }
        Look::Broken => Err(not_unicode()),
        _ => Err(Fault::new("invalid_external_id", "is not a text")),
    }
}

/// The keys of related records that a value holds, with commas between them, as files have them.
///
/// # Errors
/// It is neither a text nor a whole number, nor a list of them for a to-many field.
pub fn related_keys<V: Value>(field: &Field, value: &V) -> Result<String, Fault> {
    let mut keys = Vec::new();
    let mut good = true;
    if field.kind == Kind::ToMany && value.look() == Look::List {
        value.each(&mut |_, item| {
            let key = related_key(item);
            good = key.is_some();
            keys.extend(key);
            good
        });
    } else {
        keys.extend(related_key(value));
        good = !keys.is_empty();
    }
    let wrong = || wrong_type("invalid_reference", value, "the key of a related record");
    good.then(|| keys.join(",")).ok_or_else(wrong)
}

fn related_key<V: Value>(value: &V) -> Option<String> {
    match value.look() {
        Look::Text(text) => Some(text.into_owned()),
        Look::Huge(digits) => Some(digits.into_owned()),
        _ => integer_of(value).map(|number| number.to_string()),
    }
}

/// Append a field's value as `create` and `write` take it; `true` where it is Odoo's empty value.
///
/// # Errors
/// What is wrong with it; what was appended then has to be taken back.
#[inline]
pub fn write_vals<V: Value>(
    field: &Field,
    form: Form,
    value: &V,
    out: &mut Vec<u8>,
) -> Result<bool, Fault> {
    if field.kind == Kind::Text
        && let Look::Text(text) = value.look()
    {
        value::write_text(out, field, &text)?;
        return Ok(text.is_empty());
    }
    match convert(field, form, value)? {
        Some(parsed) => {
            value::write_vals(out, &parsed);
            Ok(match &parsed {
                Parsed::False => true,
                Parsed::Text(text) => text.is_empty(),
                _ => false,
            })
        }
        None => value.write_json(out).map(|()| false),
    }
}

/// Append a field's value, which is not empty, as a cell of `load`.
///
/// # Errors
/// What is wrong with it; what was appended then has to be taken back.
pub fn write_load<V: Value>(
    field: &Field,
    form: Form,
    value: &V,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let look = value.look();
    // A text for a relation's external id, or for any column spelled as files spell it.
    if form == Form::ExternalId || (form == Form::DatabaseId && matches!(look, Look::Text(_))) {
        let text = match look {
            Look::Text(text) => text,
            Look::Broken => return Err(not_unicode()),
            _ => return Err(Fault::new("invalid_external_id", "is not a text")),
        };
        value::write_load(out, &value::from_text(field, form, &text)?);
        return Ok(());
    }
    if let Some(parsed) = convert(field, form, value)? {
        value::write_load(out, &parsed);
    } else if !field.kind.is_relation() {
        let mut text = Vec::new();
        value.write_json(&mut text)?;
        json::string(out, &String::from_utf8_lossy(&text));
    } else if let Some(ids) = replacing_ids(value) {
        value::write_load(out, &Parsed::Ids(ids));
    } else {
        let message = "load takes the ids of [(6, 0, ids)] only, not other commands";
        return Err(Fault::new("invalid_command", message));
    }
    Ok(())
}

fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "invalid_text",
        Kind::Integer => "invalid_integer",
        Kind::Float => "invalid_float",
        Kind::Boolean => "invalid_boolean",
        Kind::Date => "invalid_date",
        Kind::DateTime => "invalid_datetime",
        Kind::Selection => "invalid_selection",
        Kind::Many2one | Kind::Many2oneReference => "invalid_id",
        Kind::Reference => "invalid_reference",
        Kind::ToMany => "invalid_command",
        Kind::Json => "invalid_json",
        Kind::Binary => "invalid_base64",
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Integer => "a whole number",
        Kind::Float => "a number",
        Kind::Boolean => "True or False",
        Kind::Date => "a date (YYYY-MM-DD)",
        Kind::DateTime => "a date and time (YYYY-MM-DD HH:MM:SS)",
        Kind::Selection => "a key of the selection",
        Kind::Many2one | Kind::Many2oneReference => "a database id",
        Kind::Reference => "model,id",
        Kind::ToMany => "a list of commands such as [(6, 0, [ids])]",
        Kind::Json => "JSON",
        Kind::Binary => "base64 text or bytes",
    }
}
