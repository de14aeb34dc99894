//! What ends a read or keeps it from beginning. Problems of single records are [`crate::reject::Reject`]s instead.
use thiserror::Error;

/// Why reading cannot begin or go on.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// There is not even a header.
    #[error("the file is empty: its first line must name the columns")]
    Empty,
    /// Bytes that are not text in the given encoding.
    #[error("{}byte {offset} is not {encoding}: name the file's encoding, or convert it", place(*.row))]
    Encoding {
        /// Row number, `None` in the header or where decoding runs ahead of rows.
        row: Option<u64>,
        /// Offset of the first wrong byte in the (uncompressed) input.
        offset: u64,
        /// The encoding it was read in.
        encoding: &'static str,
    },
    /// A record without an end in sight.
    #[error(
        "row {row}, which begins at byte {offset}, is longer than {limit} bytes: {hint} (a larger limit can be set)"
    )]
    RecordTooLong {
        /// Row number.
        row: u64,
        /// Offset of its first byte.
        offset: u64,
        /// The limit in force.
        limit: usize,
        /// What is wrong, probably.
        hint: &'static str,
    },
    /// The input ends within quotes: everything after the opening one would go into one cell.
    #[error("row {row}, which begins at byte {offset}, has a quote that is never closed")]
    OpenQuote {
        /// Row number.
        row: u64,
        /// Offset of its first byte.
        offset: u64,
    },
    /// Settings that contradict each other or the schema.
    #[error("{0}")]
    Config(String),
}

fn place(row: Option<u64>) -> String {
    row.map_or_else(String::new, |row| format!("row {row}: "))
}
