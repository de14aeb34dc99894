//! File sources, read with the interpreter detached.
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use zenoo_fast_core::digest;
use zenoo_fast_core::source::csv::CsvSource;
use zenoo_fast_core::source::ndjson::NdjsonSource;

use crate::chunk::{PyBlock, raw_json};
use crate::errors::to_python;
use crate::layout::PyLayout;
use crate::rows::PyRowSet;

/// 64 MiB: room for a record with an image in it.
const MAX_RECORD_BYTES: usize = 1 << 26;

#[pyclass(name = "CsvSource", module = "zenoo_fast._core", frozen)]
pub struct PyCsvSource(Mutex<CsvSource>);

impl PyCsvSource {
    fn lock(&self) -> MutexGuard<'_, CsvSource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One ASCII character.
fn ascii(name: &str, text: &str) -> PyResult<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(*byte),
        _ => Err(PyValueError::new_err(format!(
            "{name} is one ASCII character, not {text:?}"
        ))),
    }
}

#[pymethods]
impl PyCsvSource {
    #[new]
    #[pyo3(signature = (path, *, delimiter = None, quotechar = "\"", encoding = "utf-8", max_record_bytes = MAX_RECORD_BYTES))]
    fn new(
        py: Python<'_>,
        path: &str,
        delimiter: Option<&str>,
        quotechar: &str,
        encoding: &str,
        max_record_bytes: usize,
    ) -> PyResult<Self> {
        let delimiter = delimiter.map(|text| ascii("delimiter", text)).transpose()?;
        let quote = ascii("quotechar", quotechar)?;
        if delimiter == Some(quote) {
            return Err(PyValueError::new_err(
                "delimiter and quotechar are the same",
            ));
        }
        let opened =
            py.detach(|| CsvSource::open(path, delimiter, quote, encoding, max_record_bytes));
        opened
            .map(|source| Self(Mutex::new(source)))
            .map_err(to_python)
    }

    #[getter]
    fn header(&self) -> Vec<String> {
        self.lock().header().to_vec()
    }

    #[getter]
    fn delimiter(&self) -> String {
        (self.lock().dialect().delimiter as char).to_string()
    }

    #[getter]
    fn size(&self) -> Option<u64> {
        self.lock().size()
    }

    #[getter]
    fn position(&self) -> u64 {
        self.lock().position()
    }

    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.lock().count()).map_err(to_python)
    }

    #[pyo3(signature = (layout, *, max_rows, max_bytes, skip = None))]
    fn read(
        &self,
        py: Python<'_>,
        layout: &PyLayout,
        max_rows: usize,
        max_bytes: usize,
        skip: Option<&PyRowSet>,
    ) -> PyResult<Option<PyBlock>> {
        let layout = &layout.0;
        let skip = skip.map(|set| set.0.clone());
        let block = py
            .detach(|| self.lock().read(layout, max_rows, max_bytes, skip.as_ref()))
            .map_err(to_python)?;
        block.map(|block| PyBlock::new(py, block, None)).transpose()
    }
}

#[pyclass(name = "NdjsonSource", module = "zenoo_fast._core", frozen)]
pub struct PyNdjsonSource(Mutex<NdjsonSource>);

impl PyNdjsonSource {
    fn lock(&self) -> MutexGuard<'_, NdjsonSource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyNdjsonSource {
    #[new]
    #[pyo3(signature = (path, *, encoding = "utf-8", max_record_bytes = MAX_RECORD_BYTES))]
    fn new(py: Python<'_>, path: &str, encoding: &str, max_record_bytes: usize) -> PyResult<Self> {
        let opened = py.detach(|| NdjsonSource::open(path, encoding, max_record_bytes));
        opened
            .map(|source| Self(Mutex::new(source)))
            .map_err(to_python)
    }

    #[getter]
    fn size(&self) -> Option<u64> {
        self.lock().size()
    }

    #[getter]
    fn position(&self) -> u64 {
        self.lock().position()
    }

    fn first(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let line = py.detach(|| self.lock().first()).map_err(to_python)?;
        line.map(|line| raw_json(py, &line)).transpose()
    }

    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.lock().count()).map_err(to_python)
    }

    #[pyo3(signature = (layout, *, max_rows, max_bytes, skip = None))]
    fn read(
        &self,
        py: Python<'_>,
        layout: &PyLayout,
        max_rows: usize,
        max_bytes: usize,
        skip: Option<&PyRowSet>,
    ) -> PyResult<Option<PyBlock>> {
        let layout = &layout.0;
        let skip = skip.map(|set| set.0.clone());
        let block = py
            .detach(|| self.lock().read(layout, max_rows, max_bytes, skip.as_ref()))
            .map_err(to_python)?;
        block.map(|block| PyBlock::new(py, block, None)).transpose()
    }
}

/// (size, BLAKE3 in hex) of a whole file.
#[pyfunction]
#[pyo3(signature = (path, /))]
pub fn file_digest(py: Python<'_>, path: PathBuf) -> PyResult<(u64, String)> {
    Ok(py.detach(|| digest::file(&path))?)
}
