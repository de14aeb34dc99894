//! A chunk: one buffer of serialised rows, where each begins, and which input row it was.
use std::sync::Arc;

use crate::rowset::RowSet;

/// How the input's own records are kept beside the rows, so that a reject can show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawFormat {
    /// Not kept.
    None,
    /// Lines of CSV, as UTF-8.
    Csv {
        /// Between cells.
        delimiter: u8,
        /// Around cells.
        quote: u8,
        /// Ends a record.
        newline: u8,
    },
    /// One JSON value each.
    Json,
}

/// Where the input's own records are found again, when they are not kept beside the rows.
pub trait Originals: std::fmt::Debug + Send + Sync {
    /// The cells of a record, as the text a CSV file would hold.
    fn cells(&self, row: u64) -> Option<Vec<String>>;
}

/// The buffers that chunks share.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// Each row's JSON and a comma.
    pub data: Vec<u8>,
    /// Where row `i` begins; one more than there are rows.
    pub offsets: Vec<u32>,
    /// Row number in the input, ascending.
    pub rows: Vec<u64>,
    /// Database id of each row, or empty.
    pub ids: Vec<i64>,
    /// External id of each row, or empty.
    pub external_ids: Vec<String>,
    /// The input's records, or empty.
    pub raw: Vec<u8>,
    /// Where record `i` begins in `raw`, or empty.
    pub raw_offsets: Vec<u32>,
    pub raw_format: RawFormat,
    pub originals: Option<Arc<dyn Originals>>,
    /// Columns of the `load` shape.
    pub fields: Option<Arc<Vec<String>>>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            offsets: vec![0],
            rows: Vec::new(),
            ids: Vec::new(),
            external_ids: Vec::new(),
            raw: Vec::new(),
            raw_offsets: vec![0],
            raw_format: RawFormat::None,
            originals: None,
            fields: None,
        }
    }
}

impl Buffers {
    /// Append one record of a chunk.
    fn push_from(&mut self, chunk: &Chunk, index: usize) {
        self.data.extend_from_slice(chunk.row_json(index));
        self.data.push(b',');
        self.offsets.push(self.data.len() as u32);
        self.rows.push(chunk.rows()[index]);
        self.ids.extend(chunk.ids().map(|ids| ids[index]));
        self.external_ids
            .extend(chunk.external_ids().map(|ids| ids[index].clone()));
        if let Some(raw) = chunk.raw(index) {
            self.raw.extend_from_slice(raw);
            self.raw_offsets.push(self.raw.len() as u32);
        }
    }
}

/// Consecutive records of one job, validated and serialised. Cheap to clone and to slice.
#[derive(Debug, Clone)]
pub struct Chunk {
    buffers: Arc<Buffers>,
    start: usize,
    stop: usize,
}

impl Chunk {
    pub(crate) fn new(buffers: Buffers) -> Self {
        let stop = buffers.rows.len();
        Self {
            buffers: Arc::new(buffers),
            start: 0,
            stop,
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.stop - self.start
    }

    /// No record at all.
    pub fn is_empty(&self) -> bool {
        self.start == self.stop
    }

    /// The rows' JSON joined by commas, without the enclosing brackets.
    pub fn json(&self) -> &[u8] {
        if self.is_empty() {
            return &[];
        }
        let from = self.buffers.offsets[self.start] as usize;
        let to = self.buffers.offsets[self.stop] as usize;
        &self.buffers.data[from..to - 1]
    }

    /// One row's JSON.
    pub fn row_json(&self, index: usize) -> &[u8] {
        let at = self.start + index;
        let from = self.buffers.offsets[at] as usize;
        let to = self.buffers.offsets[at + 1] as usize;
        &self.buffers.data[from..to - 1]
    }

    /// Row numbers in the input.
    pub fn rows(&self) -> &[u64] {
        &self.buffers.rows[self.start..self.stop]
    }

    /// Database ids, where there are any.
    pub fn ids(&self) -> Option<&[i64]> {
        (!self.buffers.ids.is_empty()).then(|| &self.buffers.ids[self.start..self.stop])
    }

    /// External ids, where there are any.
    pub fn external_ids(&self) -> Option<&[String]> {
        (!self.buffers.external_ids.is_empty())
            .then(|| &self.buffers.external_ids[self.start..self.stop])
    }

    /// Columns of the `load` shape.
    pub fn fields(&self) -> Option<&[String]> {
        self.buffers.fields.as_ref().map(|fields| fields.as_slice())
    }

    /// How [`Self::raw`] reads.
    pub fn raw_format(&self) -> RawFormat {
        self.buffers.raw_format
    }

    /// One record as it was read, where it was kept.
    pub fn raw(&self, index: usize) -> Option<&[u8]> {
        if self.buffers.raw_format == RawFormat::None {
            return None;
        }
        let at = self.start + index;
        let from = *self.buffers.raw_offsets.get(at)? as usize;
        let to = *self.buffers.raw_offsets.get(at + 1)? as usize;
        Some(&self.buffers.raw[from..to])
    }

    /// The cells of the record of a row, where it is found again in memory that the input holds.
    pub fn original(&self, row: u64) -> Option<Vec<String>> {
        self.buffers.originals.as_ref()?.cells(row)
    }

    /// Some of these records. Panics where `start > stop` or `stop > len`.
    #[must_use]
    pub fn slice(&self, start: usize, stop: usize) -> Self {
        assert!(
            start <= stop && stop <= self.len(),
            "slice {start}..{stop} of {} records",
            self.len()
        );
        Self {
            buffers: Arc::clone(&self.buffers),
            start: self.start + start,
            stop: self.start + stop,
        }
    }

    /// How many records from `start` on fit `max_rows` and `max_bytes` (one at least, where there is one).
    pub fn fitting(&self, start: usize, max_rows: usize, max_bytes: usize) -> usize {
        let left = self.len() - start;
        let begin = self.buffers.offsets[self.start + start] as usize;
        let ends = &self.buffers.offsets[self.start + start + 1..=self.stop];
        let by_bytes = ends.partition_point(|&end| end as usize - begin <= max_bytes);
        by_bytes.min(max_rows).max(1).min(left)
    }

    /// These records but for those whose row is in the set.
    #[must_use]
    pub fn without(&self, skip: &RowSet) -> Self {
        if !self.rows().iter().any(|&row| skip.contains(row)) {
            return self.clone();
        }
        let kept = (0..self.len()).filter(|&index| !skip.contains(self.rows()[index]));
        self.select(kept)
    }

    /// The named records, in the given order, as a chunk of its own.
    #[must_use]
    pub fn select(&self, indexes: impl IntoIterator<Item = usize>) -> Self {
        let mut buffers = Buffers {
            raw_format: self.raw_format(),
            originals: self.buffers.originals.clone(),
            fields: self.buffers.fields.clone(),
            ..Default::default()
        };
        for index in indexes {
            buffers.push_from(self, index);
        }
        Self::new(buffers)
    }

    /// The records of all of these, one after the other; `None` where their columns, or what they keep, differ.
    pub fn joined(chunks: &[&Self]) -> Option<Self> {
        let filled = chunks.iter().find(|chunk| !chunk.is_empty());
        let first = *filled.or(chunks.first())?;
        let kind = |chunk: &Self| {
            let has = (chunk.ids().is_some(), chunk.external_ids().is_some());
            (chunk.raw_format(), has)
        };
        let mut buffers = Buffers {
            raw_format: first.raw_format(),
            fields: first.buffers.fields.clone(),
            ..Default::default()
        };
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            if kind(chunk) != kind(first) || chunk.fields() != first.fields() {
                return None;
            }
            for index in 0..chunk.len() {
                buffers.push_from(chunk, index);
            }
        }
        Some(Self::new(buffers))
    }

    /// These records with some of them serialised anew: `rows` holds the JSON of those named by `indexes`, which ascend.
    ///
    /// Answers `None` where an index does not ascend, is past the end, or has no row.
    pub fn replaced(&self, indexes: &[usize], rows: &[&[u8]]) -> Option<Self> {
        let ascending = indexes.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = indexes.last().is_none_or(|&last| last < self.len());
        if !ascending || !inside || indexes.len() != rows.len() {
            return None;
        }
        let mut chunk = self.select(0..self.len());
        let buffers = Arc::get_mut(&mut chunk.buffers)?;
        let before = std::mem::take(&mut buffers.data);
        let starts = std::mem::replace(&mut buffers.offsets, vec![0]);
        let mut replaced = indexes.iter().zip(rows).peekable();
        for index in 0..self.len() {
            if let Some((_, row)) = replaced.next_if(|(at, _)| **at == index) {
                buffers.data.extend_from_slice(row);
                buffers.data.push(b',');
            } else {
                let row = starts[index] as usize..starts[index + 1] as usize;
                buffers.data.extend_from_slice(&before[row]);
            }
            buffers.offsets.push(buffers.data.len() as u32);
        }
        Some(chunk)
    }
}

/// What one read gave.
#[derive(Debug)]
pub struct Block {
    /// The good records.
    pub chunk: Chunk,
    /// The others, each with its raw bytes where they are kept.
    pub rejects: Vec<(crate::reject::Reject, Vec<u8>)>,
    /// Row number of the first record read.
    pub first_row: u64,
    /// Records read, good and bad and skipped.
    pub read: u64,
}
