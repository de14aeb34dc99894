//! Where records come from: files read, checked and serialised without a Python object a record.
pub mod arrow;
pub mod csv;
pub mod input;
pub mod ndjson;
pub mod text;
