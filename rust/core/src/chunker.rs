//! Collects serialised rows into a chunk.
use std::sync::Arc;

use crate::chunk::{Block, Buffers, Chunk, Originals, RawFormat};
use crate::reject::Reject;

/// Builds the buffers of one block: a row is begun, written, and then kept or taken back.
#[derive(Debug)]
pub struct Chunker {
    buffers: Buffers,
    rejects: Vec<(Reject, Vec<u8>)>,
    first_row: u64,
    next_row: u64,
    max_rows: usize,
    max_bytes: usize,
}

/// Where a row begins, to take it back.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    data: usize,
    ids: usize,
    external_ids: usize,
}

/// The largest block: offsets are 32 bits wide.
pub const MAX_BLOCK_BYTES: usize = 1 << 30;

impl Chunker {
    /// A chunker that is full once `max_rows` records were read, or `max_bytes` of good rows; `first_row` numbers the first record.
    pub fn new(first_row: u64, max_rows: usize, max_bytes: usize, raw_format: RawFormat) -> Self {
        let buffers = Buffers {
            raw_format,
            ..Default::default()
        };
        let max_bytes = max_bytes.min(MAX_BLOCK_BYTES);
        Self {
            buffers,
            rejects: Vec::new(),
            first_row,
            next_row: first_row,
            max_rows: max_rows.max(1),
            max_bytes,
        }
    }

    /// Make room for as many rows as will come, of about this many bytes.
    pub fn expect(&mut self, rows: usize, bytes: usize) {
        let rows = rows.min(self.max_rows);
        self.buffers.data.reserve(bytes.min(self.max_bytes));
        self.buffers.offsets.reserve(rows);
        self.buffers.rows.reserve(rows);
    }

    /// Room for one more record.
    pub fn has_room(&self) -> bool {
        self.next_row - self.first_row < self.max_rows as u64
            && self.buffers.data.len() < self.max_bytes
    }

    /// Row number of the next record.
    pub fn next_row(&self) -> u64 {
        self.next_row
    }

    /// The columns of the `load` shape.
    pub fn set_fields(&mut self, fields: Arc<Vec<String>>) {
        self.buffers.fields = Some(fields);
    }

    /// Where the input's records are found again.
    pub fn set_originals(&mut self, originals: Arc<dyn Originals>) {
        self.buffers.originals = Some(originals);
    }

    /// Where the row's JSON goes.
    pub fn data(&mut self) -> &mut Vec<u8> {
        &mut self.buffers.data
    }

    /// Give the row a database id.
    pub fn push_id(&mut self, id: i64) {
        self.buffers.ids.push(id);
    }

    /// Give the row an external id.
    pub fn push_external_id(&mut self, id: String) {
        self.buffers.external_ids.push(id);
    }

    /// Begin a row.
    pub fn mark(&self) -> Mark {
        Mark {
            data: self.buffers.data.len(),
            ids: self.buffers.ids.len(),
            external_ids: self.buffers.external_ids.len(),
        }
    }

    /// How many bytes of JSON were written since.
    pub fn written(&self, mark: Mark) -> usize {
        self.buffers.data.len() - mark.data
    }

    /// How many database ids and external ids were given since.
    pub fn ids_since(&self, mark: Mark) -> (usize, usize) {
        let ids = self.buffers.ids.len() - mark.ids;
        (ids, self.buffers.external_ids.len() - mark.external_ids)
    }

    /// The row that is being written can be kept: of either kind, every row of a block has one id, or none has any.
    pub fn in_step(&self) -> bool {
        let rows = self.buffers.rows.len() + 1;
        let counts = [self.buffers.ids.len(), self.buffers.external_ids.len()];
        counts.iter().all(|&count| count == 0 || count == rows)
    }

    /// Keep the row that was written since the last one; `raw` is the record as it was read.
    pub fn keep(&mut self, raw: &[u8]) {
        self.buffers.data.push(b',');
        self.buffers.offsets.push(self.buffers.data.len() as u32);
        self.buffers.rows.push(self.next_row);
        if self.buffers.raw_format != RawFormat::None {
            self.buffers.raw.extend_from_slice(raw);
            self.buffers.raw_offsets.push(self.buffers.raw.len() as u32);
        }
        self.next_row += 1;
    }

    /// Take back what was written since `mark`; the record is a reject.
    pub fn reject(&mut self, mark: Mark, reject: Reject, raw: &[u8]) {
        self.take_back(mark);
        let raw = if self.buffers.raw_format == RawFormat::None {
            Vec::new()
        } else {
            raw.to_vec()
        };
        self.rejects.push((reject, raw));
        self.next_row += 1;
    }

    /// Take back what was written since `mark`, without counting a record.
    pub fn take_back(&mut self, mark: Mark) {
        self.buffers.data.truncate(mark.data);
        self.buffers.ids.truncate(mark.ids);
        self.buffers.external_ids.truncate(mark.external_ids);
    }

    /// Count a record that is left out on purpose.
    pub fn skip(&mut self) {
        self.next_row += 1;
    }

    /// What was collected.
    pub fn finish(self) -> Block {
        let read = self.next_row - self.first_row;
        Block {
            chunk: Chunk::new(self.buffers),
            rejects: self.rejects,
            first_row: self.first_row,
            read,
        }
    }
}
