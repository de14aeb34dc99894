//! Arrow record batches: Parquet files, tables, query results, anything that hands them on by Arrow's C stream.
mod accept;
mod column;
mod convert;
mod row;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::chunk::{Block, Originals, RawFormat};
use crate::chunker::Chunker;
use crate::error::Error;
use crate::layout::{Layout, Shape, Target};
use crate::rowset::{RowSet, Skipped};
use crate::schema::Kind;
use crate::value::Form;

use column::{Cell, Column};
use row::Rows;

/// Rows whose columns are looked at together. A block of long texts ends within a piece, and the next one looks at the
/// rest of it again: more rows would make that costly.
const PIECE_ROWS: usize = 1024;

/// Reads record batches.
pub struct ArrowSource {
    reader: Box<dyn RecordBatchReader + Send>,
    schema: SchemaRef,
    batch: Option<RecordBatch>,
    at: usize,
    next_row: u64,
    ended: bool,
    /// Why reading cannot go on, told once the rows before it are out.
    failed: Option<Error>,
    /// Bytes of a row in the block before.
    row_bytes: usize,
}

impl ArrowSource {
    /// Read from a reader.
    pub fn new(reader: Box<dyn RecordBatchReader + Send>) -> Self {
        let schema = reader.schema();
        Self {
            reader,
            schema,
            batch: None,
            at: 0,
            next_row: 0,
            ended: false,
            failed: None,
            row_bytes: 0,
        }
    }

    /// The column names.
    pub fn columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// Columns whose cells are numbers, or lists of whole ones: where they go to a relation, they are database ids.
    pub fn number_columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields
            .filter(|field| accept::holds_numbers(field.data_type()))
            .map(|field| field.name().clone())
            .collect()
    }

    /// The types of the columns go to their fields.
    ///
    /// # Errors
    /// One does not.
    pub fn check(&self, layout: &Layout) -> Result<(), Error> {
        let fields = self.schema.fields();
        if fields.len() != layout.columns().len() {
            return Err(Error::Config(format!(
                "{} columns, and the layout has {}",
                fields.len(),
                layout.columns().len()
            )));
        }
        for (field, column) in fields.iter().zip(layout.columns()) {
            if !accept::accepts(field.data_type(), &column.target, layout) {
                return Err(Error::Config(format!(
                    "column {:?} is of type {}, which {} does not take: convert it first, or leave it out",
                    field.name(),
                    field.data_type(),
                    column.name
                )));
            }
        }
        Ok(())
    }

    /// Rows read so far.
    pub fn position(&self) -> u64 {
        self.next_row
    }

    /// The next block; `None` at the end of the input. Rows in `skip` are counted and left out.
    ///
    /// # Errors
    /// Reading cannot go on; blocks that were read before are good. A column's type does not go to its field.
    pub fn read(
        &mut self,
        layout: &Layout,
        max_rows: usize,
        max_bytes: usize,
        skip: Option<&RowSet>,
    ) -> Result<Option<Block>, Error> {
        self.check(layout)?;
        let first_row = self.next_row;
        let mut chunker = Chunker::new(self.next_row, max_rows, max_bytes, RawFormat::None);
        if layout.shape() == Shape::Load {
            chunker.set_fields(layout.fields().clone());
        }
        let mut batches = Batches {
            whole_numbers: whole_numbers(layout),
            batches: Vec::new(),
        };
        let mut skipped = Skipped::new(skip);
        while chunker.has_room() {
            let Some((batch, at)) = self.batch() else {
                break;
            };
            if batches.batches.is_empty() || at == 0 {
                batches
                    .batches
                    .push((self.next_row - at as u64, batch.clone()));
            }
            let left = max_rows
                .saturating_sub((self.next_row - first_row) as usize)
                .max(1);
            let piece = batch.slice(at, PIECE_ROWS.min(left).min(batch.num_rows() - at));
            chunker.expect(left, self.row_bytes * left);
            let rows = Rows::new(&piece, layout);
            for row in 0..piece.num_rows() {
                if !chunker.has_room() {
                    break;
                }
                if skipped.has(self.next_row) {
                    chunker.skip();
                } else {
                    rows.write(row, &mut chunker);
                }
                self.next_row += 1;
                self.at += 1;
            }
        }
        chunker.set_originals(Arc::new(batches));
        let block = chunker.finish();
        if block.read == 0 {
            return self.failed.take().map_or(Ok(None), Err);
        }
        if let Some(bytes) = block.chunk.json().len().checked_div(block.chunk.len()) {
            // A sixteenth more than on average: rows of the next block differ a little.
            self.row_bytes = bytes + bytes / 16 + 1;
        }
        Ok(Some(block))
    }

    /// Read on to the end and count the records: whether all of the input can be read is known before any is sent.
    ///
    /// # Errors
    /// It cannot.
    pub fn count(&mut self) -> Result<u64, Error> {
        let before = self.next_row;
        while let Some((batch, at)) = self.batch() {
            self.next_row += (batch.num_rows() - at) as u64;
            self.at = batch.num_rows();
        }
        self.failed.take().map_or(Ok(self.next_row - before), Err)
    }

    /// The batch that the next row is in, and its place there; `None` at the end, or where reading failed.
    fn batch(&mut self) -> Option<(RecordBatch, usize)> {
        loop {
            if let Some(batch) = &self.batch {
                if self.at < batch.num_rows() {
                    return Some((batch.clone(), self.at));
                }
                self.batch = None;
            }
            if self.ended {
                return None;
            }
            self.at = 0;
            match self.reader.next() {
                None => self.ended = true,
                Some(Ok(batch)) => self.batch = Some(batch),
                Some(Err(error)) => {
                    self.ended = true;
                    let message = said(&error);
                    self.failed = Some(Error::Config(format!("row {}: {message}", self.next_row)));
                }
            }
        }
    }
}

/// What a stream says of its failure; of a traceback, which pyarrow adds where Python made the stream, nothing.
fn said(error: &ArrowError) -> String {
    let text = match error {
        ArrowError::CDataInterface(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text
        .split(" Detail: Python exception")
        .next()
        .unwrap_or_default();
    let words: Vec<&str> = text
        .trim_end_matches(['.', ' '])
        .split_whitespace()
        .collect();
    words.join(" ")
}

/// The batches that a block's rows are in: they show a record once more, where it is rejected.
#[derive(Debug)]
struct Batches {
    /// Columns that take whole numbers only.
    whole_numbers: Vec<bool>,
    /// Each with the row number of its first record, ascending.
    batches: Vec<(u64, RecordBatch)>,
}

impl Originals for Batches {
    fn cells(&self, row: u64) -> Option<Vec<String>> {
        let place = self.batches.partition_point(|(first, _)| *first <= row);
        let (first, batch) = self.batches.get(place.checked_sub(1)?)?;
        let at = usize::try_from(row - first).ok()?;
        if at >= batch.num_rows() {
            return None;
        }
        let piece = batch.slice(at, 1);
        let columns = piece.columns().iter().zip(&self.whole_numbers);
        let cells = columns.map(|(array, &whole)| {
            let column = Column::of(array);
            let cell = column
                .as_ref()
                .map_or(Cell::Nothing, |column| column.get(0));
            convert::text(cell, whole)
        });
        Some(cells.collect())
    }
}

fn whole_numbers(layout: &Layout) -> Vec<bool> {
    let whole = |target: &Target| match target {
        Target::DatabaseId | Target::ExternalId => true,
        Target::Skip => false,
        Target::Field(at, form) => layout.field_at(*at).is_some_and(|field| {
            *form != Form::Plain || matches!(field.kind, Kind::Integer | Kind::Many2oneReference)
        }),
    };
    let columns = layout.columns().iter();
    columns.map(|column| whole(&column.target)).collect()
}
