//! `ArrowSource`: record batches from anything that hands them on by Arrow's C stream, read with the interpreter
//! detached.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use zenoo_fast_core::source::arrow::ArrowSource;

use crate::chunk::PyBlock;
use crate::errors::to_python;
use crate::layout::PyLayout;
use crate::raw::arrow_stream;
use crate::rows::PyRowSet;

#[pyclass(name = "ArrowSource", module = "zenoo_fast._core", frozen)]
pub struct PyArrowSource {
    source: Mutex<ArrowSource>,
    columns: Vec<String>,
    numbers: Vec<String>,
    /// Beside the source: who asks holds the interpreter, which whoever reads may wait for, the source locked.
    position: AtomicU64,
}

impl PyArrowSource {
    fn lock(&self) -> MutexGuard<'_, ArrowSource> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyArrowSource {
    #[new]
    #[pyo3(signature = (stream, /))]
    fn new(stream: &Bound<'_, PyAny>) -> PyResult<Self> {
        let handed_on = stream.call_method0("__arrow_c_stream__")?;
        let capsule = handed_on
            .cast::<PyCapsule>()
            .map_err(|_| PyTypeError::new_err("__arrow_c_stream__ gave no capsule"))?;
        let source = ArrowSource::new(Box::new(arrow_stream(capsule)?));
        Ok(Self {
            columns: source.columns(),
            numbers: source.number_columns(),
            source: Mutex::new(source),
            position: AtomicU64::new(0),
        })
    }

    #[getter]
    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    #[getter]
    fn number_columns(&self) -> Vec<String> {
        self.numbers.clone()
    }

    #[getter]
    fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    #[pyo3(signature = (layout, /))]
    fn check(&self, py: Python<'_>, layout: &PyLayout) -> PyResult<()> {
        let layout = &layout.0;
        py.detach(|| self.lock().check(layout)).map_err(to_python)
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
            .detach(|| {
                let mut source = self.lock();
                let block = source.read(layout, max_rows, max_bytes, skip.as_ref());
                self.position.store(source.position(), Ordering::Relaxed);
                block
            })
            .map_err(to_python)?;
        block.map(|block| PyBlock::new(py, block, None)).transpose()
    }
}
