//! Chunking, validation and serialisation of records for Odoo. Knows nothing of Python.
//!
//! A [`source`] reads records, a [`layout::Layout`] says how their cells become one serialised row, [`value`] checks
//! and converts each cell, [`chunker::Chunker`] collects the rows into a [`chunk::Chunk`]. A record that cannot go in
//! becomes a [`reject::Reject`].
pub mod answer;
pub mod calendar;
pub mod cell;
pub mod chunk;
pub mod chunker;
pub mod columns;
pub mod convert;
pub mod digest;
pub mod dynamic;
pub mod error;
pub mod idmap;
pub mod json;
pub mod lanes;
pub mod layout;
pub mod levels;
pub mod line;
pub mod record;
pub mod reject;
pub mod revise;
pub mod rowset;
pub mod scan;
pub mod schema;
pub mod short;
pub mod source;
pub mod span;
pub mod value;
mod varint;
