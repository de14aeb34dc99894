//! `Chunk` and `Block`.
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView, PyString, PyTuple};
use zenoo_fast_core::chunk::{Block, Chunk, RawFormat};
use zenoo_fast_core::lanes::lanes;
use zenoo_fast_core::reject::Reject;
use zenoo_fast_core::source::csv::{Dialect, cells_of};
use zenoo_fast_core::span::DUPLICATE_KEY;

use crate::columns::{Column, Kinds, buffers};
use crate::dicts::dicts;
use crate::raw::Memory;
use crate::rows::PyRowSet;

/// The records a chunk was made of, where they are Python objects: sequences, and the row number of the first of each.
pub struct Records(Vec<(u64, Py<PyAny>)>);

impl Records {
    pub fn new(sequence: Py<PyAny>, first_row: u64) -> Self {
        Self(vec![(first_row, sequence)])
    }

    fn get(&self, py: Python<'_>, row: u64) -> PyResult<Py<PyAny>> {
        let after = self.0.partition_point(|&(first_row, _)| first_row <= row);
        let (first_row, sequence) = &self.0[after - 1];
        Ok(sequence.bind(py).get_item(row - first_row)?.unbind())
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        let parts = self.0.iter();
        Self(
            parts
                .map(|(row, sequence)| (*row, sequence.clone_ref(py)))
                .collect(),
        )
    }

    fn extend(&mut self, py: Python<'_>, other: &Self) {
        self.0.extend(other.clone_ref(py).0);
        self.0.sort_by_key(|&(row, _)| row);
        self.0.dedup_by_key(|(row, _)| *row);
    }
}

#[pyclass(name = "Chunk", module = "zenoo_fast._core", frozen)]
pub struct PyChunk {
    pub chunk: Chunk,
    pub records: Option<Records>,
}

impl PyChunk {
    fn with(&self, py: Python<'_>, chunk: Chunk) -> Self {
        Self {
            chunk,
            records: self.records.as_ref().map(|records| records.clone_ref(py)),
        }
    }

    fn checked(&self, index: isize) -> PyResult<usize> {
        let length = self.chunk.len();
        usize::try_from(index)
            .ok()
            .filter(|&index| index < length)
            .ok_or_else(|| PyIndexError::new_err(format!("record {index} of {length}")))
    }
}

/// A record as it was read, from the bytes kept beside the rows.
fn raw_record(py: Python<'_>, raw: &[u8], format: RawFormat) -> PyResult<Option<Py<PyAny>>> {
    let text =
        || std::str::from_utf8(raw).map_err(|error| PyValueError::new_err(error.to_string()));
    match format {
        RawFormat::None => Ok(None),
        RawFormat::Csv {
            delimiter,
            quote,
            newline,
        } => {
            let dialect = Dialect {
                delimiter,
                quote,
                newline,
            };
            let cells = cells_of(text()?, dialect);
            Ok(Some(PyList::new(py, cells)?.into_any().unbind()))
        }
        RawFormat::Json => Ok(Some(raw_json(py, text()?)?)),
    }
}

/// A line of JSON; the text itself where it is none, or has more digits or levels than Python takes.
pub fn raw_json(py: Python<'_>, text: &str) -> PyResult<Py<PyAny>> {
    let decoded = py.import("json")?.call_method1("loads", (text,));
    Ok(match decoded {
        Ok(value) => value.unbind(),
        Err(_) => PyString::new(py, text).into_any().unbind(),
    })
}

#[pymethods]
impl PyChunk {
    fn __len__(&self) -> usize {
        self.chunk.len()
    }

    fn __repr__(&self) -> String {
        format!(
            "<Chunk of {} records, {} bytes>",
            self.chunk.len(),
            self.chunk.json().len()
        )
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.chunk.json().len()
    }

    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.chunk.json())
    }

    fn view<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        let memory = Bound::new(py, Memory::rows(self.chunk.clone()))?;
        PyMemoryView::from(memory.as_any())
    }

    #[getter]
    fn fields(&self) -> Option<Vec<String>> {
        self.chunk
            .fields()
            .filter(|fields| !fields.is_empty())
            .map(<[String]>::to_vec)
    }

    fn rows(&self) -> Vec<u64> {
        self.chunk.rows().to_vec()
    }

    #[pyo3(signature = (index, /))]
    fn row(&self, index: isize) -> PyResult<u64> {
        Ok(self.chunk.rows()[self.checked(index)?])
    }

    fn ids(&self) -> Option<Vec<i64>> {
        self.chunk.ids().map(<[i64]>::to_vec)
    }

    fn external_ids(&self) -> Option<Vec<String>> {
        self.chunk.external_ids().map(<[String]>::to_vec)
    }

    #[pyo3(signature = (start, stop, /))]
    fn slice(&self, py: Python<'_>, start: usize, stop: usize) -> PyResult<Self> {
        if start > stop || stop > self.chunk.len() {
            return Err(PyIndexError::new_err(format!(
                "slice {start}:{stop} of {} records",
                self.chunk.len()
            )));
        }
        Ok(self.with(py, self.chunk.slice(start, stop)))
    }

    #[pyo3(signature = (start, max_rows, max_bytes, /))]
    fn fitting(&self, start: usize, max_rows: usize, max_bytes: usize) -> PyResult<usize> {
        if start > self.chunk.len() {
            return Err(PyIndexError::new_err(format!(
                "record {start} of {}",
                self.chunk.len()
            )));
        }
        Ok(self.chunk.fitting(start, max_rows, max_bytes))
    }

    #[pyo3(signature = (indexes, /))]
    fn select(&self, py: Python<'_>, indexes: Vec<usize>) -> PyResult<Self> {
        let length = self.chunk.len();
        if let Some(bad) = indexes.iter().find(|&&index| index >= length) {
            return Err(PyIndexError::new_err(format!("record {bad} of {length}")));
        }
        Ok(self.with(py, self.chunk.select(indexes)))
    }

    #[pyo3(signature = (field, count, /))]
    fn lanes(&self, py: Python<'_>, field: &str, count: u64) -> Vec<(Option<u64>, Self)> {
        let chunk = &self.chunk;
        py.detach(|| lanes(chunk, field, count))
            .into_iter()
            .map(|(lane, part)| (lane, self.with(py, part)))
            .collect()
    }

    #[staticmethod]
    #[pyo3(signature = (chunks, /))]
    fn joined(py: Python<'_>, chunks: Vec<PyRef<'_, Self>>) -> PyResult<Self> {
        let parts: Vec<&Chunk> = chunks.iter().map(|one| &one.chunk).collect();
        let chunk = Chunk::joined(&parts).ok_or_else(|| {
            PyValueError::new_err("chunks of different columns or kinds cannot be joined")
        })?;
        let mut records: Option<Records> = None;
        for part in chunks.iter().filter_map(|one| one.records.as_ref()) {
            match &mut records {
                Some(records) => records.extend(py, part),
                None => records = Some(part.clone_ref(py)),
            }
        }
        Ok(Self { chunk, records })
    }

    #[pyo3(signature = (rows, /))]
    fn without(&self, py: Python<'_>, rows: &PyRowSet) -> Self {
        self.with(py, self.chunk.without(&rows.0))
    }

    #[pyo3(signature = (kinds, /))]
    fn arrow_buffers(&self, py: Python<'_>, kinds: Kinds<'_>) -> PyResult<Vec<Column>> {
        let fields = self.chunk.fields().filter(|fields| !fields.is_empty());
        buffers(py, self.chunk.json(), self.chunk.len(), fields, kinds)
    }

    fn dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let fields = self.chunk.fields().filter(|fields| !fields.is_empty());
        dicts(py, self.chunk.json(), self.chunk.len(), fields)
    }

    #[pyo3(signature = (indexes, rows, /))]
    fn replaced(&self, py: Python<'_>, indexes: Vec<usize>, rows: Vec<Vec<u8>>) -> PyResult<Self> {
        let texts: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let chunk = self.chunk.replaced(&indexes, &texts);
        chunk.map(|chunk| self.with(py, chunk)).ok_or_else(|| {
            PyValueError::new_err("indexes ascend within the chunk, and each has a row")
        })
    }

    #[pyo3(signature = (index, /))]
    fn record(&self, py: Python<'_>, index: isize) -> PyResult<Option<Py<PyAny>>> {
        let index = self.checked(index)?;
        if let Some(records) = &self.records {
            return records.get(py, self.chunk.rows()[index]).map(Some);
        }
        if let Some(cells) = self.chunk.original(self.chunk.rows()[index]) {
            return Ok(Some(PyList::new(py, cells)?.into_any().unbind()));
        }
        self.chunk
            .raw(index)
            .map_or(Ok(None), |raw| raw_record(py, raw, self.chunk.raw_format()))
    }

    fn values(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut text = Vec::with_capacity(self.chunk.json().len() + 2);
        text.push(b'[');
        text.extend_from_slice(self.chunk.json());
        text.push(b']');
        Ok(py
            .import("json")?
            .call_method1("loads", (PyBytes::new(py, &text),))?
            .unbind())
    }
}

#[pyclass(name = "Block", module = "zenoo_fast._core", frozen)]
pub struct PyBlock {
    pub chunk: Py<PyChunk>,
    rejects: Vec<(Reject, Vec<u8>)>,
    format: RawFormat,
    records: Option<Records>,
    pub first_row: u64,
    pub read: u64,
}

impl PyBlock {
    pub fn new(py: Python<'_>, block: Block, records: Option<Records>) -> PyResult<Self> {
        let Block {
            chunk,
            rejects,
            first_row,
            read,
        } = block;
        let format = chunk.raw_format();
        let kept = records.as_ref().map(|records| records.clone_ref(py));
        let chunk = Py::new(
            py,
            PyChunk {
                chunk,
                records: kept,
            },
        )?;
        Ok(Self {
            chunk,
            rejects,
            format,
            records,
            first_row,
            read,
        })
    }
}

#[pymethods]
impl PyBlock {
    #[getter]
    fn chunk(&self, py: Python<'_>) -> Py<PyChunk> {
        self.chunk.clone_ref(py)
    }

    #[getter]
    fn rejects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tuples = self
            .rejects
            .iter()
            .map(|(reject, raw)| -> PyResult<Bound<'py, PyTuple>> {
                let original = self.chunk.get().chunk.original(reject.row);
                let record = match (&self.records, original) {
                    (Some(records), _) => Some(records.get(py, reject.row)?),
                    (None, Some(cells)) => Some(PyList::new(py, cells)?.into_any().unbind()),
                    // A mapping would have one of the two values only.
                    (None, None) if reject.code == DUPLICATE_KEY => {
                        let text = String::from_utf8_lossy(raw);
                        Some(PyString::new(py, &text).into_any().unbind())
                    }
                    (None, None) => raw_record(py, raw, self.format)?,
                };
                (
                    reject.row,
                    reject.field.as_deref(),
                    reject.code,
                    &reject.message,
                    record,
                )
                    .into_pyobject(py)
            });
        PyList::new(py, tuples.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn first_row(&self) -> u64 {
        self.first_row
    }

    #[getter]
    fn read(&self) -> u64 {
        self.read
    }
}
