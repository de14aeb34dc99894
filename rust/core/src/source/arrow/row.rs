//! Rows of a piece of a record batch, checked and written. What a column's type and field need is looked up once a
//! piece, not once a cell.
use arrow_array::RecordBatch;
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};

use super::column::{Bytes, Cell, Column, Number, Numbers, Values};
use super::convert::{not_text, parsed, row_external_id, row_id, text};
use crate::chunker::Chunker;
use crate::json::{self, Prepared};
use crate::layout::{self, Layout, Shape, Target, empty_record, missing_id, required};
use crate::reject::Fault;
use crate::schema::{Field, Kind};
use crate::value::{self, Form, INTEGER_MAX, INTEGER_MIN};

type Failure<'l> = (Fault, Option<&'l str>);

/// How a column's cells are written in the `vals` shape.
enum Road<'b> {
    /// Texts for a text field of any length; with keys where they are a dictionary's.
    Text(Bytes<'b>),
    Keyed(ScalarBuffer<i64>, Bytes<'b>),
    /// Whole numbers from a least one to the greatest that an int4 holds.
    Integer(ScalarBuffer<i64>, i64),
    Float(ScalarBuffer<f64>),
    Boolean(&'b BooleanBuffer),
    /// Everything else, and what has something wrong.
    General(Column<'b>),
}

struct Writer<'b> {
    about: &'b layout::Column,
    field: Option<(&'b Field, Form)>,
    nulls: Option<&'b NullBuffer>,
    key: Prepared,
    road: Road<'b>,
}

/// Writes the rows of one piece.
pub(super) struct Rows<'b> {
    layout: &'b Layout,
    writers: Vec<Writer<'b>>,
}

impl<'b> Rows<'b> {
    /// Look at a piece; its columns are the layout's.
    pub(super) fn new(piece: &'b RecordBatch, layout: &'b Layout) -> Self {
        let pairs = piece.columns().iter().zip(layout.columns());
        let writers = pairs
            .map(|(array, about)| {
                let unread = Column {
                    values: Values::Nothing,
                    nulls: None,
                };
                // A type that goes nowhere is in a column that goes nowhere: that was checked.
                let column = Column::of(array).unwrap_or(unread);
                Writer::new(about, column, layout)
            })
            .collect();
        Self { layout, writers }
    }

    /// Write a row, or reject it.
    #[inline]
    pub(super) fn write(&self, row: usize, chunker: &mut Chunker) {
        let mark = chunker.mark();
        let written = match self.layout.shape() {
            Shape::Vals => self.vals(row, chunker),
            Shape::Load => self.load(row, chunker),
            Shape::Ids => self.ids(row, chunker),
        };
        match written {
            Ok(()) => chunker.keep(&[]),
            Err((fault, field)) => {
                let reject = fault.at(chunker.next_row(), field);
                chunker.reject(mark, reject, &[]);
            }
        }
    }

    fn vals(&self, row: usize, chunker: &mut Chunker) -> Result<(), Failure<'_>> {
        let begin = chunker.data().len();
        chunker.data().push(b'{');
        for writer in &self.writers {
            let at_fault = |fault| (fault, Some(writer.about.name.as_str()));
            match (&writer.about.target, writer.field) {
                (Target::Field(..), Some((field, form))) => {
                    let filled = writer
                        .append(field, form, row, chunker.data())
                        .map_err(at_fault)?;
                    if !filled && writer.about.required {
                        return Err(at_fault(required()));
                    }
                }
                (Target::DatabaseId, _) => {
                    chunker.push_id(row_id(writer.cell(row)).map_err(at_fault)?);
                }
                (Target::ExternalId, _) => {
                    let id = row_external_id(writer.cell(row)).map_err(at_fault)?;
                    chunker.push_external_id(id.into_owned());
                }
                _ => {}
            }
        }
        let data = chunker.data();
        if data.len() == begin + 1 {
            return Err((empty_record(), None));
        }
        let last = data.len() - 1;
        data[last] = b'}';
        Ok(())
    }

    fn load(&self, row: usize, chunker: &mut Chunker) -> Result<(), Failure<'_>> {
        chunker.data().push(b'[');
        if let Some(id) = self.made_external_id(row, chunker.next_row()) {
            let data = chunker.data();
            json::string(data, &id);
            data.push(b',');
            chunker.push_external_id(id);
        }
        let mut filled = false;
        for writer in &self.writers {
            let at_fault = |fault| (fault, Some(writer.about.name.as_str()));
            let cell = writer.cell(row);
            match (&writer.about.target, writer.field) {
                (Target::Field(..), Some((field, form))) => {
                    if is_empty(cell) {
                        if writer.about.required {
                            return Err(at_fault(required()));
                        }
                        chunker.data().extend_from_slice(&writer.about.default);
                    } else {
                        let parsed = parsed(field, form, cell).map_err(at_fault)?;
                        value::write_load(chunker.data(), &parsed);
                        filled = true;
                    }
                }
                (Target::DatabaseId, _) => {
                    let id = row_id(cell).map_err(at_fault)?;
                    chunker.push_id(id);
                    let data = chunker.data();
                    data.push(b'"');
                    json::integer(data, id);
                    data.push(b'"');
                }
                (Target::ExternalId, _) => {
                    let id = row_external_id(cell).map_err(at_fault)?;
                    json::string(chunker.data(), &id);
                    chunker.push_external_id(id.into_owned());
                }
                _ => continue,
            }
            chunker.data().push(b',');
        }
        self.layout
            .check_filled(filled)
            .map_err(|fault| (fault, None))?;
        let data = chunker.data();
        let last = data.len() - 1;
        data[last] = b']';
        Ok(())
    }

    fn ids(&self, row: usize, chunker: &mut Chunker) -> Result<(), Failure<'_>> {
        for writer in &self.writers {
            let at_fault = |fault| (fault, Some(writer.about.name.as_str()));
            match writer.about.target {
                Target::DatabaseId => {
                    let id = row_id(writer.cell(row)).map_err(at_fault)?;
                    json::integer(chunker.data(), id);
                    chunker.push_id(id);
                    return Ok(());
                }
                Target::ExternalId => {
                    let id = row_external_id(writer.cell(row)).map_err(at_fault)?;
                    json::string(chunker.data(), &id);
                    chunker.push_external_id(id.into_owned());
                    return Ok(());
                }
                _ => {}
            }
        }
        Err((missing_id(), None))
    }

    fn made_external_id(&self, row: usize, number: u64) -> Option<String> {
        let keys = self.layout.key_columns().iter();
        let texts: Vec<String> = keys
            .map(|&at| text(self.writers[at].cell(row), true))
            .collect();
        self.layout.external_id_of(number, &texts)
    }
}

/// A cell that a CSV file would leave empty.
fn is_empty(cell: Cell<'_>) -> bool {
    matches!(cell, Cell::Nothing | Cell::Text(""))
}

impl<'b> Writer<'b> {
    fn new(about: &'b layout::Column, column: Column<'b>, layout: &'b Layout) -> Self {
        let field = match about.target {
            Target::Field(at, form) => layout.field_at(at).map(|field| (field, form)),
            _ => None,
        };
        let nulls = column.nulls;
        let vals = layout.shape() == Shape::Vals;
        Self {
            about,
            field,
            nulls,
            key: Prepared::new(field.map_or(&[], |(field, _)| &field.json_key)),
            road: match field {
                Some((field, form)) if vals => Road::new(field, form, column),
                _ => Road::General(column),
            },
        }
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        if self.is_null(row) {
            return Cell::Nothing;
        }
        match &self.road {
            Road::Text(texts) => texts.cell(row),
            Road::Keyed(keys, texts) => texts.cell(keys[row] as usize),
            Road::Integer(numbers, _) => Cell::Number(Number::Whole(numbers[row])),
            Road::Float(numbers) => Cell::Number(Number::Float(numbers[row])),
            Road::Boolean(flags) => Cell::Boolean(flags.value(row)),
            Road::General(column) => column.get(row),
        }
    }

    /// Append the field's key, a cell and a comma; `false`, and nothing is appended, where the cell is empty.
    #[inline]
    fn append(
        &self,
        field: &Field,
        form: Form,
        row: usize,
        data: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        if self.is_null(row) {
            return Ok(false);
        }
        match &self.road {
            Road::Text(texts) => return self.append_text(texts, row, data),
            Road::Keyed(keys, texts) => return self.append_text(texts, keys[row] as usize, data),
            Road::Integer(numbers, least) => {
                let number = numbers[row];
                if (*least..=INTEGER_MAX).contains(&number) {
                    self.key.append_integer(data, number);
                    return Ok(true);
                }
            }
            Road::Float(numbers) => {
                let number = numbers[row];
                if number.is_finite() {
                    self.key.append_float(data, number);
                    return Ok(true);
                }
            }
            Road::Boolean(flags) => {
                self.key.append_boolean(data, flags.value(row));
                return Ok(true);
            }
            Road::General(_) => {}
        }
        self.append_any(field, form, row, data)
    }

    #[inline]
    fn append_text(
        &self,
        texts: &Bytes<'_>,
        row: usize,
        data: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let bytes = texts.bytes(row);
        if bytes.is_empty() {
            return Ok(false);
        }
        if self.key.append_ascii(data, bytes) {
            return Ok(true);
        }
        match texts.text(row) {
            Some(text) if self.key.append_text(data, text) => Ok(true),
            Some(_) => Err(value::nul()),
            None => Err(not_text()),
        }
    }

    fn append_any(
        &self,
        field: &Field,
        form: Form,
        row: usize,
        data: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let cell = self.cell(row);
        if is_empty(cell) {
            return Ok(false);
        }
        let parsed = parsed(field, form, cell)?;
        self.key.append(data);
        value::write_vals(data, &parsed);
        data.push(b',');
        Ok(true)
    }
}

impl<'b> Road<'b> {
    fn new(field: &'b Field, form: Form, column: Column<'b>) -> Self {
        match (column.values, field.kind, form) {
            (Values::Text(texts), Kind::Text, _) if field.size.is_none() => Self::Text(texts),
            (Values::Dictionary(keys, values), Kind::Text, _)
                if field.size.is_none() && values.nulls.is_none() =>
            {
                match *values {
                    Column {
                        values: Values::Text(texts),
                        ..
                    } => Self::Keyed(keys, texts),
                    other => Self::General(Column {
                        values: Values::Dictionary(keys, Box::new(other)),
                        nulls: column.nulls,
                    }),
                }
            }
            (Values::Numbers(Numbers::Whole(numbers)), Kind::Integer, _) => {
                Self::Integer(numbers, INTEGER_MIN)
            }
            (Values::Numbers(Numbers::Whole(numbers)), Kind::Many2one, Form::DatabaseId) => {
                Self::Integer(numbers, 1)
            }
            (Values::Numbers(Numbers::Float(numbers)), Kind::Float, _) => Self::Float(numbers),
            (Values::Boolean(flags), Kind::Boolean, _) => Self::Boolean(flags),
            (values, ..) => Self::General(Column {
                values,
                nulls: column.nulls,
            }),
        }
    }
}
