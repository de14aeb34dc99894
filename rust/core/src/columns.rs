//! Serialised rows as columns in Arrow's memory layout, for validators that work on whole columns.
//!
//! Rows of one block name the same fields in the same order nearly always: a key is recognised by its bytes at its
//! position, and looked up only where that fails.
use std::collections::HashMap;

use crate::scan::{Key, Reader, digits, expect, plain};

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8; any value that is not a string as its JSON.
    Text,
    /// 64-bit integers.
    Integer,
    /// 64-bit floats.
    Float,
    /// Bits.
    Boolean,
}

/// One column. `false` and `null` are Arrow's null, but for `false` in a boolean column.
#[derive(Debug)]
pub struct Column {
    /// The field.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// How many values are null.
    pub nulls: usize,
    /// A bit a value: it is not null. Empty where none is.
    pub validity: Vec<u8>,
    /// Where each text begins, and the end of the last; empty for other kinds.
    pub offsets: Vec<i32>,
    /// The values, numbers little-endian.
    pub data: Vec<u8>,
    rows: usize,
    length: usize,
    name_key: Key,
    /// What comes before a value at its usual place: brace or comma, name, and the quote of a text.
    key: Key,
}

/// A part of a column as it lies in memory.
#[derive(Debug)]
pub enum Part {
    /// Bits, texts, numbers.
    Bytes(Vec<u8>),
    /// Offsets.
    Integers(Vec<i32>),
}

impl Part {
    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> *const u8 {
        match self {
            Self::Bytes(bytes) => bytes.as_ptr(),
            Self::Integers(integers) => integers.as_ptr().cast(),
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Integers(integers) => integers.len() * size_of::<i32>(),
        }
    }
}

/// Rows that make no columns: which row of the block, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct ColumnError {
    /// 0-based.
    pub index: usize,
    /// One line.
    pub message: String,
}

/// Texts up to this length are copied whole.
const SHORT: usize = 32;

impl Column {
    /// The column at this place among the members of a row.
    fn new(name: &str, kind: ColumnKind, place: usize, rows: usize) -> Self {
        let quote = if kind == ColumnKind::Text { "\"" } else { "" };
        let mut column = Self {
            name: name.to_owned(),
            kind,
            nulls: 0,
            validity: Vec::new(),
            offsets: Vec::new(),
            data: Vec::new(),
            rows,
            length: 0,
            name_key: Key::new(name),
            key: Key::between(if place == 0 { "{" } else { "," }, name, quote),
        };
        match kind {
            ColumnKind::Text => {
                column.offsets.reserve(rows + 1);
                column.offsets.push(0);
                column.data.reserve(rows * 24);
            }
            ColumnKind::Integer | ColumnKind::Float => column.data.reserve(rows * 8),
            ColumnKind::Boolean => column.data = vec![0; rows.div_ceil(8)],
        }
        column
    }

    /// The value just added is there.
    #[inline]
    fn valid(&mut self) {
        if self.nulls > 0 {
            self.validity[self.length / 8] |= 1 << (self.length % 8);
        }
        self.length += 1;
    }

    fn null(&mut self) {
        if self.nulls == 0 {
            // Every value so far is there.
            self.validity = vec![0xff; self.length / 8];
            self.validity.push((1 << (self.length % 8)) - 1);
            self.validity
                .resize(self.rows.div_ceil(8).max(self.validity.len()), 0);
        }
        match self.kind {
            ColumnKind::Text => self.offsets.push(self.data.len() as i32),
            ColumnKind::Integer | ColumnKind::Float => self.data.extend_from_slice(&[0; 8]),
            ColumnKind::Boolean => {}
        }
        self.nulls += 1;
        self.length += 1;
    }

    #[inline]
    fn nulls_until(&mut self, length: usize) {
        while self.length < length {
            self.null();
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.data.extend_from_slice(text);
        self.offsets.push(self.data.len() as i32);
        self.valid();
    }

    #[inline]
    fn number(&mut self, bytes: [u8; 8]) {
        self.data.extend_from_slice(&bytes);
        self.valid();
    }

    #[inline]
    fn boolean(&mut self, value: bool) {
        self.data[self.length / 8] |= u8::from(value) << (self.length % 8);
        self.valid();
    }

    /// Takes a text without escapes: the first bytes of `json`.
    #[inline]
    fn plain_text(&mut self, json: &[u8], length: usize) {
        let end = self.data.len() + length;
        match json.first_chunk::<SHORT>() {
            // A copy of a fixed length takes no call.
            Some(bytes) if length <= SHORT => {
                self.data.extend_from_slice(bytes);
                self.data.truncate(end);
            }
            _ => self.data.extend_from_slice(&json[..length]),
        }
        self.offsets.push(end as i32);
        self.valid();
    }

    /// Takes a number or boolean of the plainest form; answers what follows it.
    #[inline]
    fn plain_scalar<'a>(&mut self, json: &'a [u8]) -> Option<&'a [u8]> {
        match (self.kind, json) {
            (ColumnKind::Integer, _) => {
                let (number, end) = digits(json)?;
                self.number(number.to_le_bytes());
                Some(end)
            }
            (ColumnKind::Boolean, [b't', b'r', b'u', b'e', end @ ..]) => {
                self.boolean(true);
                Some(end)
            }
            (ColumnKind::Boolean, [b'f', b'a', b'l', b's', b'e', end @ ..]) => {
                self.boolean(false);
                Some(end)
            }
            _ => None,
        }
    }

    /// A value that is no string: its JSON.
    fn other(&mut self, json: &[u8]) -> Result<(), String> {
        match (self.kind, json) {
            (ColumnKind::Boolean, b"true") => self.boolean(true),
            (ColumnKind::Boolean, b"false") => self.boolean(false),
            (_, b"false" | b"null") => self.null(),
            (ColumnKind::Text, _) => self.text(json),
            (ColumnKind::Integer, _) => {
                let value: i64 = parsed(json).ok_or_else(|| self.wrong(json, "an integer"))?;
                self.number(value.to_le_bytes());
            }
            (ColumnKind::Float, _) => {
                let value: f64 = parsed(json).ok_or_else(|| self.wrong(json, "a number"))?;
                self.number(value.to_le_bytes());
            }
            (ColumnKind::Boolean, _) => return Err(self.wrong(json, "a boolean")),
        }
        Ok(())
    }

    fn wrong(&self, json: &[u8], wanted: &str) -> String {
        let shown: String = String::from_utf8_lossy(json).chars().take(60).collect();
        format!("{}: {shown} is not {wanted}", self.name)
    }
}

fn parsed<T: std::str::FromStr>(json: &[u8]) -> Option<T> {
    std::str::from_utf8(json).ok()?.parse().ok()
}

/// Reads members as long as they are those of the columns in order and of the plainest form; answers how many, and
/// what follows the last of them. `json` begins with the brace or comma before the first.
#[inline(never)]
fn plain_members<'a>(json: &'a [u8], found: &mut [Column], index: usize) -> (usize, &'a [u8]) {
    let mut rest = json;
    let mut seen = 0;
    for column in found {
        // A column that the rows before lack is filled up at the end of each of them.
        debug_assert_eq!(column.length, index);
        let Some(after) = column.key.skipped(rest) else {
            break;
        };
        if column.kind == ColumnKind::Text {
            let Some((length, end)) = plain(after) else {
                break;
            };
            column.plain_text(after, length);
            rest = end;
        } else {
            let Some(end) = column.plain_scalar(after) else {
                break;
            };
            rest = end;
        }
        seen += 1;
    }
    (seen, rest)
}

/// Reads one value; answers where it ends.
fn value(json: &[u8], at: usize, column: &mut Column) -> Result<usize, String> {
    let mut reader = Reader { json, at };
    if reader.peek() != b'"' {
        column.other(reader.other()?)?;
        return Ok(reader.at);
    }
    let (body, escaped) = reader.string()?;
    let whole = &json[at..reader.at];
    if column.kind != ColumnKind::Text {
        return Err(column.wrong(whole, "of the type the other rows have"));
    }
    if escaped {
        let text: String = serde_json::from_slice(whole).map_err(|error| error.to_string())?;
        column.text(text.as_bytes());
    } else {
        column.text(body);
    }
    Ok(reader.at)
}

/// Columns of serialised rows.
///
/// `json` holds the rows joined by commas, `count` of them: objects, or arrays whose values are those of `fields`.
/// `kinds` tells what a field's values are; those of a field that it does not name are text.
pub fn columns<S: std::hash::BuildHasher>(
    json: &[u8],
    count: usize,
    fields: Option<&[String]>,
    kinds: &HashMap<String, ColumnKind, S>,
) -> Result<Vec<Column>, ColumnError> {
    let kind = |name: &str| kinds.get(name).copied().unwrap_or(ColumnKind::Text);
    let mut found: Vec<Column> = fields
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(place, name)| Column::new(name, ColumnKind::Text, place, count))
        .collect();
    let mut at = 0;
    for index in 0..count {
        let row = |message: String| ColumnError { index, message };
        if index > 0 {
            at = expect(json, at, b',').map_err(row)?;
        }
        at = if fields.is_some() {
            array(json, at, &mut found).map_err(row)?
        } else {
            let (seen, end) = object(json, at, &mut found, index, count, &kind).map_err(row)?;
            if seen < found.len() {
                for column in &mut found {
                    column.nulls_until(index + 1);
                }
            }
            end
        };
    }
    if at != json.len() {
        return Err(ColumnError {
            index: count,
            message: format!("more than {count} rows"),
        });
    }
    Ok(found)
}

/// Reads one array; answers where it ends.
fn array(json: &[u8], at: usize, found: &mut [Column]) -> Result<usize, String> {
    let mut at = expect(json, at, b'[')?;
    for (position, column) in found.iter_mut().enumerate() {
        if position > 0 {
            at = expect(json, at, b',')?;
        }
        at = value(json, at, column)?;
    }
    expect(json, at, b']')
}

/// Reads one object; answers how many members it has, and where it ends.
fn object(
    json: &[u8],
    at: usize,
    found: &mut Vec<Column>,
    index: usize,
    count: usize,
    kind: &dyn Fn(&str) -> ColumnKind,
) -> Result<(usize, usize), String> {
    let mut at = expect(json, at, b'{')? - 1;
    let mut seen = 0;
    let mut in_order = true;
    loop {
        if in_order {
            let (more, rest) = plain_members(&json[at..], &mut found[seen..], index);
            seen += more;
            at = json.len() - rest.len();
        }
        match json.get(at) {
            Some(b'}') => return Ok((seen, at + 1)),
            Some(b'{') if seen == 0 && json.get(at + 1) == Some(&b'}') => return Ok((0, at + 2)),
            Some(b'{') if seen == 0 => at += 1,
            Some(b',') if seen > 0 => at += 1,
            _ => return Err(format!("no '}}' at byte {at}")),
        }
        let usual = found
            .get(seen)
            .and_then(|column| column.name_key.skipped(&json[at..]));
        let place = if let Some(after) = usual {
            at = json.len() - after.len();
            seen
        } else {
            named(json, &mut at, found, count, kind)?
        };
        in_order = place == seen;
        let column = &mut found[place];
        if column.length > index {
            return Err(format!("{} comes twice", column.name));
        }
        column.nulls_until(index);
        at = value(json, at, column)?;
        seen += 1;
    }
}

/// The column of the key that stands there, whatever its place.
#[inline(never)]
fn named(
    json: &[u8],
    at: &mut usize,
    found: &mut Vec<Column>,
    count: usize,
    kind: &dyn Fn(&str) -> ColumnKind,
) -> Result<usize, String> {
    let mut reader = Reader { json, at: *at };
    reader.string()?;
    let name: String =
        serde_json::from_slice(&json[*at..reader.at]).map_err(|error| error.to_string())?;
    *at = expect(json, reader.at, b':')?;
    Ok(found
        .iter()
        .position(|column| column.name == name)
        .unwrap_or_else(|| {
            found.push(Column::new(&name, kind(&name), found.len(), count));
            found.len() - 1
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> HashMap<String, ColumnKind> {
        HashMap::from([
            ("n".to_owned(), ColumnKind::Integer),
            ("x".to_owned(), ColumnKind::Float),
            ("b".to_owned(), ColumnKind::Boolean),
        ])
    }

    fn texts(column: &Column) -> Vec<Option<String>> {
        (0..column.length)
            .map(|at| {
                let valid = column.nulls == 0 || column.validity[at / 8] >> (at % 8) & 1 == 1;
                let offset = |at: usize| column.offsets[at] as usize;
                let text = &column.data[offset(at)..offset(at + 1)];
                valid.then(|| String::from_utf8(text.to_vec()).unwrap())
            })
            .collect()
    }

    #[test]
    fn objects_become_columns_of_their_kinds() {
        let json = br#"{"s":"a","n":1,"x":1.5,"b":true},{"s":false,"n":false,"x":2,"b":false},{"s":"\u00e9\n","n":-3,"x":null,"b":null}"#;
        let found = columns(json, 3, None, &kinds()).unwrap();
        let names: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["s", "n", "x", "b"]);
        assert_eq!(
            texts(&found[0]),
            [Some("a".into()), None, Some("é\n".into())]
        );
        assert_eq!(found[1].data[..8], 1i64.to_le_bytes());
        assert_eq!(found[1].data[16..], (-3i64).to_le_bytes());
        assert_eq!((found[1].nulls, found[1].validity[0]), (1, 0b101));
        assert_eq!(found[2].data[8..16], 2f64.to_le_bytes());
        assert_eq!(
            (found[3].data[0], found[3].validity[0], found[3].nulls),
            (0b001, 0b011, 1)
        );
    }

    #[test]
    fn fields_that_a_row_does_not_have_are_null() {
        let json = br#"{"p":"1"},{"q":"2","p":"3"},{},{"q":"4","r":[1,"],\"",{"d":2}]}"#;
        let found = columns(json, 4, None, &kinds()).unwrap();
        assert_eq!(
            texts(&found[0]),
            [Some("1".into()), Some("3".into()), None, None]
        );
        assert_eq!(
            texts(&found[1]),
            [None, Some("2".into()), None, Some("4".into())]
        );
        assert_eq!(
            texts(&found[2])[3].as_deref(),
            Some(r#"[1,"],\"",{"d":2}]"#)
        );
    }

    #[test]
    fn arrays_are_text() {
        let fields = ["id".to_owned(), "n".to_owned()];
        let found = columns(br#"["x.a","1"],["x.b",""]"#, 2, Some(&fields), &kinds()).unwrap();
        assert_eq!(texts(&found[1]), [Some("1".into()), Some(String::new())]);
    }

    #[test]
    fn no_rows_make_no_columns() {
        assert!(columns(b"", 0, None, &kinds()).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_row_is_named() {
        for (json, count, index) in [
            (&br#"{"n":"1"}"#[..], 1, 0),
            (br#"{"n":1},{"n":1.5}"#, 2, 1),
            (br#"{"b":1}"#, 1, 0),
            (br#"{"a":1,"a":2}"#, 1, 0),
            (br#"{"a":1}"#, 2, 1),
            (br#"{"a":1},{"a":1}"#, 1, 1),
            (br#"{"a":}"#, 1, 0),
            (br#"{"a":"#, 1, 0),
            (br#"{"a":"x"#, 1, 0),
            (br#"{"a":"x\"#, 1, 0),
            (br#"{"a":[1}"#, 1, 0),
            (br"{a:1}", 1, 0),
            (br#"["a"]"#, 1, 0),
        ] {
            let error = columns(json, count, None, &kinds()).unwrap_err();
            assert_eq!(
                error.index,
                index,
                "{}: {error:?}",
                String::from_utf8_lossy(json)
            );
        }
    }
}
