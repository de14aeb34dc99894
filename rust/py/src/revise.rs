//! `revise`: rows of the `load` shape as values to write.
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zenoo_fast_core::revise::{Empty, Lookups, Reviser};

use crate::chunk::PyChunk;
use crate::errors::to_python;
use crate::schema::PySchema;

/// Of each row the values to write, as the JSON of an object; `None` where the record has them already.
#[pyfunction]
#[pyo3(signature = (schema, chunk, /, *, lookups, clear, ids = None, current = None))]
pub fn revise<'py>(
    py: Python<'py>,
    schema: &PySchema,
    chunk: &PyChunk,
    lookups: Lookups,
    clear: bool,
    ids: Option<Vec<i64>>,
    current: Option<Vec<u8>>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let empty = if clear { Empty::False } else { Empty::LeftOut };
    let fields = chunk.chunk.fields().unwrap_or_default();
    let rows = chunk.chunk.json();
    let found = py
        .detach(|| {
            let reviser = Reviser::new(&schema.0, fields, &lookups, empty)?;
            match current {
                Some(current) => reviser.differences(rows, &ids.unwrap_or_default(), &current),
                None => Ok(reviser.values(rows)?.into_iter().map(Some).collect()),
            }
        })
        .map_err(to_python)?;
    Ok(found
        .into_iter()
        .map(|row| row.map(|row| PyBytes::new(py, &row)))
        .collect())
}
