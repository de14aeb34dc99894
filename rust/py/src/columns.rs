//! `columns`: rows as buffers that pyarrow takes over.
use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zenoo_fast_core::columns::{self, ColumnKind, Part};

use crate::raw::Memory;

/// Name, kind, nulls; validity where there are nulls, offsets of texts, values.
pub type Column = (
    String,
    &'static str,
    usize,
    Option<Memory>,
    Option<Memory>,
    Memory,
);

fn kind(name: &str) -> PyResult<ColumnKind> {
    match name {
        "text" => Ok(ColumnKind::Text),
        "integer" => Ok(ColumnKind::Integer),
        "float" => Ok(ColumnKind::Float),
        "boolean" => Ok(ColumnKind::Boolean),
        _ => Err(PyValueError::new_err(format!(
            "no kind of column: {name:?}"
        ))),
    }
}

const fn kind_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "text",
        ColumnKind::Integer => "integer",
        ColumnKind::Float => "float",
        ColumnKind::Boolean => "boolean",
    }
}

pub type Kinds<'py> = HashMap<String, Bound<'py, PyString>>;

/// Columns of rows as tuples of buffers; the interpreter is detached while they are made.
pub fn buffers(
    py: Python<'_>,
    json: &[u8],
    count: usize,
    fields: Option<&[String]>,
    kinds: Kinds<'_>,
) -> PyResult<Vec<Column>> {
    let kinds = kinds
        .into_iter()
        .map(|(name, given)| Ok((name, kind(given.to_str()?)?)))
        .collect::<PyResult<HashMap<_, _>>>()?;
    let found = py
        .detach(|| columns::columns(json, count, fields, &kinds))
        .map_err(|error| {
            PyValueError::new_err(format!("row {}: {}", error.index, error.message))
        })?;
    let column = |one: columns::Column| {
        let texts = one.kind == ColumnKind::Text;
        (
            one.name,
            kind_name(one.kind),
            one.nulls,
            (one.nulls > 0).then(|| Memory::new(Part::Bytes(one.validity))),
            texts.then(|| Memory::new(Part::Integers(one.offsets))),
            Memory::new(Part::Bytes(one.data)),
        )
    };
    Ok(found.into_iter().map(column).collect())
}

#[pyfunction]
#[pyo3(signature = (json, count, fields, kinds, /))]
pub fn arrow_buffers(
    py: Python<'_>,
    json: &[u8],
    count: usize,
    fields: Option<Vec<String>>,
    kinds: Kinds<'_>,
) -> PyResult<Vec<Column>> {
    buffers(py, json, count, fields.as_deref(), kinds)
}
