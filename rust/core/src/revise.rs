//! From rows of the `load` shape to values that are written: relations' keys become database ids, and where a record's
//! current values are at hand, only what differs is kept.
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::schema::{Field, Kind, Schema};
use crate::value::{self, Form, Parsed};

/// Key -> database id, by column (`parent_id/id`).
pub type Lookups = HashMap<String, HashMap<String, i64>>;

/// What an empty cell becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// Odoo's empty value: the record loses what it has.
    False,
    /// Nothing: the field's default is taken.
    LeftOut,
}

struct Column<'a> {
    name: &'a str,
    field: &'a Field,
    form: Form,
    lookup: Option<&'a HashMap<String, i64>>,
}

/// Turns rows of one set of columns.
pub struct Reviser<'a> {
    columns: Vec<Option<Column<'a>>>,
    empty: Empty,
}

impl<'a> Reviser<'a> {
    /// A reviser for rows of these columns.
    ///
    /// # Errors
    /// A column is none of the schema's.
    pub fn new(
        schema: &'a Schema,
        fields: &'a [String],
        lookups: &'a Lookups,
        empty: Empty,
    ) -> Result<Self, Error> {
        let column = |name: &'a String| {
            if name == "id" || name == ".id" {
                return Ok(None);
            }
            let (field, form) = match name.split_once('/') {
                None => (name.as_str(), Form::Plain),
                Some((field, "id")) => (field, Form::ExternalId),
                Some((field, _)) => (field, Form::DatabaseId),
            };
            let field = schema
                .get(field)
                .ok_or_else(|| Error::Config(format!("{} has no field {field}", schema.model())))?;
            Ok(Some(Column {
                name,
                field,
                form,
                lookup: lookups.get(name.as_str()),
            }))
        };
        Ok(Self {
            columns: fields.iter().map(column).collect::<Result<_, Error>>()?,
            empty,
        })
    }

    /// The values of each row, as the JSON of an object.
    ///
    /// # Errors
    /// The rows are not what the columns say, or a key was not looked up.
    pub fn values(&self, rows: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let rows = parse_rows(rows)?;
        rows.iter()
            .map(|row| {
                let mut out = vec![b'{'];
                for (column, cell) in self.cells(row)? {
                    if let Some(parsed) = self.parsed(column, cell)? {
                        append(&mut out, column.field, &parsed);
                    }
                }
                Ok(closed(out))
            })
            .collect()
    }

    /// Of each row what differs from the record's current values, as the JSON of an object; `None` where nothing does.
    ///
    /// # Errors
    /// As [`Self::values`]; or the current values make no sense, or lack a record of `ids`.
    pub fn differences(
        &self,
        rows: &[u8],
        ids: &[i64],
        current: &[u8],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let rows = parse_rows(rows)?;
        let records: Vec<Map<String, Value>> =
            serde_json::from_slice(current).map_err(|error| Error::Config(error.to_string()))?;
        let by_id: HashMap<i64, &Map<String, Value>> = records
            .iter()
            .filter_map(|record| Some((record.get("id")?.as_i64()?, record)))
            .collect();
        if rows.len() != ids.len() {
            return Err(Error::Config(format!(
                "{} ids for {} rows",
                ids.len(),
                rows.len()
            )));
        }
        rows.iter()
            .zip(ids)
            .map(|(row, id)| {
                let record = by_id
                    .get(id)
                    .ok_or_else(|| Error::Config(format!("record {id} was not read")))?;
                let mut out = vec![b'{'];
                for (column, cell) in self.cells(row)? {
                    if let Some(parsed) = self.parsed(column, cell)?
                        && !same(column.field, &parsed, record.get(&column.field.name))
                    {
                        append(&mut out, column.field, &parsed);
                    }
                }
                Ok((out.len() > 1).then(|| closed(out)))
            })
            .collect()
    }

    fn cells<'r>(
        &'r self,
        row: &'r [String],
    ) -> Result<impl Iterator<Item = (&'r Column<'a>, &'r str)>, Error> {
        if row.len() != self.columns.len() {
            return Err(Error::Config(format!(
                "{} cells for {} columns",
                row.len(),
                self.columns.len()
            )));
        }
        let pairs = self.columns.iter().zip(row);
        Ok(pairs.filter_map(|(column, cell)| Some((column.as_ref()?, cell.as_str()))))
    }

    fn parsed<'c>(&self, column: &Column<'_>, cell: &'c str) -> Result<Option<Parsed<'c>>, Error> {
        if cell.is_empty() {
            return Ok((self.empty == Empty::False).then_some(Parsed::False));
        }
        if let Some(lookup) = column.lookup {
            return column.resolved(lookup, cell).map(Some);
        }
        value::from_text(column.field, column.form, cell)
            .map(Some)
            .map_err(|fault| Error::Config(format!("{}: {}", column.name, fault.message)))
    }
}

impl Column<'_> {
    fn resolved<'c>(&self, lookup: &HashMap<String, i64>, cell: &str) -> Result<Parsed<'c>, Error> {
        let id = |key: &str| {
            lookup
                .get(key)
                .copied()
                .ok_or_else(|| Error::Config(format!("{}: {key:?} was not looked up", self.name)))
        };
        if self.field.kind == Kind::ToMany {
            let keys = cell.split(',').map(str::trim);
            return Ok(Parsed::Ids(keys.map(id).collect::<Result<_, _>>()?));
        }
        Ok(Parsed::Integer(id(cell)?))
    }
}

fn parse_rows(rows: &[u8]) -> Result<Vec<Vec<String>>, Error> {
    let mut text = Vec::with_capacity(rows.len() + 2);
    text.push(b'[');
    text.extend_from_slice(rows);
    text.push(b']');
    serde_json::from_slice(&text).map_err(|error| Error::Config(error.to_string()))
}

fn append(out: &mut Vec<u8>, field: &Field, parsed: &Parsed<'_>) {
    out.extend_from_slice(&field.json_key);
    if *parsed == Parsed::False && field.kind == Kind::ToMany {
        out.extend_from_slice(b"[[5,0,0]]");
    } else {
        value::write_vals(out, parsed);
    }
    out.push(b',');
}

fn closed(mut out: Vec<u8>) -> Vec<u8> {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b'}');
    out
}

/// The record has this value already. Where that cannot be told for certain the answer is no, which costs a write.
fn same(field: &Field, ours: &Parsed<'_>, theirs: Option<&Value>) -> bool {
    let kind = field.kind;
    let Some(theirs) = theirs else {
        return false;
    };
    match ours {
        Parsed::False => is_empty(kind, theirs),
        Parsed::Text(text) => theirs.as_str().map_or_else(
            || text.is_empty() && is_empty(kind, theirs),
            |found| found == text || (field.html && is_wrapped(found, text)),
        ),
        Parsed::Integer(number) => whole(theirs) == Some(*number),
        Parsed::Float(number) => near(*number, theirs),
        Parsed::Number(text) => text.parse::<f64>().is_ok_and(|number| near(number, theirs)),
        Parsed::Boolean(value) => theirs.as_bool() == Some(*value),
        Parsed::Date(_) | Parsed::DateTime(_) => {
            let mut text = Vec::new();
            value::write_vals(&mut text, ours);
            theirs
                .as_str()
                .is_some_and(|found| text.get(1..text.len() - 1) == Some(found.as_bytes()))
        }
        Parsed::Ids(ids) => theirs.as_array().is_some_and(|found| {
            let mut found: Vec<i64> = found.iter().filter_map(Value::as_i64).collect();
            let mut wanted = ids.clone();
            found.sort_unstable();
            wanted.sort_unstable();
            wanted.dedup();
            found == wanted
        }),
        Parsed::Json(text) => {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value == *theirs)
        }
    }
}

/// What the server makes of a plain text in an HTML field: Odoo 19 wraps it in a `span`, others in a paragraph.
fn is_wrapped(html: &str, text: &str) -> bool {
    let inner = ["p", "span", "div"].iter().find_map(|tag| {
        html.strip_prefix(&format!("<{tag}>"))
            .and_then(|rest| rest.strip_suffix(&format!("</{tag}>")))
    });
    let escaped = || {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    inner.is_some_and(|inner| inner == text || inner == escaped())
}

/// Odoo's empty value, or what a read gives for it.
fn is_empty(kind: Kind, value: &Value) -> bool {
    match value {
        Value::Bool(false) | Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Number(number) => {
            matches!(kind, Kind::Integer | Kind::Float) && number.as_f64() == Some(0.0)
        }
        _ => false,
    }
}

/// A whole number, or the id of a many2one's `[id, name]`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Array(pair) => pair.first().and_then(Value::as_i64),
        Value::Bool(false) => Some(0),
        _ => value.as_i64(),
    }
}

fn near(number: f64, theirs: &Value) -> bool {
    let found = match theirs {
        Value::Bool(false) => Some(0.0),
        _ => theirs.as_f64(),
    };
    found.is_some_and(|found| (found - number).abs() <= 1e-9 * number.abs().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FieldDescription;

    fn schema() -> Schema {
        let field = |name: &str, odoo_type: &str| FieldDescription {
            name: name.into(),
            odoo_type: odoo_type.into(),
            required: false,
            readonly: false,
            size: None,
            selection: None,
        };
        Schema::new(
            "x".into(),
            vec![
                field("name", "char"),
                field("color", "integer"),
                field("rate", "float"),
                field("active", "boolean"),
                field("day", "date"),
                field("parent_id", "many2one"),
                field("tags", "many2many"),
                field("comment", "html"),
            ],
        )
        .unwrap()
    }

    fn names(fields: &[&str]) -> Vec<String> {
        fields.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn values_have_their_types_and_keys_their_ids() {
        let (schema, fields) = (
            schema(),
            names(&["id", "name", "color", "parent_id/id", "tags/id"]),
        );
        let parents = HashMap::from([("a.b".to_owned(), 7)]);
        let tags = HashMap::from([("t.x".to_owned(), 3), ("t.y".to_owned(), 4)]);
        let lookups = HashMap::from([
            ("parent_id/id".to_owned(), parents),
            ("tags/id".to_owned(), tags),
        ]);
        let rows = br#"["m.1","Ada","5","a.b","t.x,t.y"],["m.2","","","",""]"#;
        let reviser = Reviser::new(&schema, &fields, &lookups, Empty::False).unwrap();
        let found = reviser.values(rows).unwrap();
        assert_eq!(
            std::str::from_utf8(&found[0]).unwrap(),
            r#"{"name":"Ada","color":5,"parent_id":7,"tags":[[6,0,[3,4]]]}"#
        );
        assert_eq!(
            std::str::from_utf8(&found[1]).unwrap(),
            r#"{"name":false,"color":false,"parent_id":false,"tags":[[5,0,0]]}"#
        );
        let reviser = Reviser::new(&schema, &fields, &lookups, Empty::LeftOut).unwrap();
        assert_eq!(reviser.values(rows).unwrap()[1], b"{}");
    }

    #[test]
    fn only_what_differs_is_written() {
        let (schema, lookups) = (schema(), Lookups::new());
        let fields = names(&[
            "name",
            "color",
            "rate",
            "active",
            "day",
            "parent_id/.id",
            "tags/.id",
        ]);
        let reviser = Reviser::new(&schema, &fields, &lookups, Empty::False).unwrap();
        let rows =
            br#"["Ada","5","1.5","True","2026-01-31","7","3,4"],["Bob","0","","False","","",""]"#;
        let current = br#"[{"id":2,"name":"Bob","color":0,"rate":0.0,"active":false,"day":false,"parent_id":false,"tags":[]},
            {"id":1,"name":"Ada","color":5,"rate":1.5,"active":true,"day":"2026-01-31","parent_id":[7,"P"],"tags":[4,3]}]"#;
        assert_eq!(
            reviser.differences(rows, &[1, 2], current).unwrap(),
            [None, None]
        );
        let current = br#"[{"id":2,"name":"Bo","color":1,"rate":0.5,"active":true,"day":"2026-01-01","parent_id":7,"tags":[1]},
            {"id":1,"name":"Ada","color":6,"rate":1.5,"active":true,"day":"2026-01-31","parent_id":[7,"P"],"tags":[4]}]"#;
        let found = reviser.differences(rows, &[1, 2], current).unwrap();
        assert_eq!(
            std::str::from_utf8(found[0].as_ref().unwrap()).unwrap(),
            r#"{"color":5,"tags":[[6,0,[3,4]]]}"#
        );
        assert_eq!(
            std::str::from_utf8(found[1].as_ref().unwrap()).unwrap(),
            r#"{"name":"Bob","color":0,"rate":false,"active":false,"day":false,"parent_id":false,"tags":[[5,0,0]]}"#
        );
        assert!(reviser.differences(rows, &[1, 9], current).is_err());
        let fields = names(&["comment"]);
        let reviser = Reviser::new(&schema, &fields, &lookups, Empty::False).unwrap();
        let current = br#"[{"id":1,"comment":"<p>a &amp; b</p>"}]"#;
        assert_eq!(
            reviser.differences(br#"["a & b"]"#, &[1], current).unwrap(),
            [None]
        );
        let found = reviser.differences(br#"["a"]"#, &[1], current).unwrap();
        assert_eq!(found[0].as_deref(), Some(br#"{"comment":"a"}"#.as_slice()));
    }
}
