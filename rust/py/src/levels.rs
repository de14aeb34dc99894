//! `Levels`.
use pyo3::prelude::*;
use zenoo_fast_core::levels::Levels;

use crate::chunk::PyBlock;
use crate::rows::PyRowSet;

#[pyclass(name = "Levels", module = "zenoo_fast._core")]
pub struct PyLevels(Option<Levels>);

#[pymethods]
impl PyLevels {
    #[new]
    #[pyo3(signature = (columns, /))]
    fn new(columns: Vec<String>) -> Self {
        Self(Some(Levels::new(columns)))
    }

    #[pyo3(signature = (block, /))]
    fn add(&mut self, py: Python<'_>, block: &PyBlock) {
        let chunk = &block.chunk.get().chunk;
        if let Some(levels) = &mut self.0 {
            py.detach(|| levels.add(chunk, block.first_row, block.read));
        }
    }

    fn finish(&mut self, py: Python<'_>) -> Vec<PyRowSet> {
        let levels = self.0.take();
        let found = py.detach(|| levels.map(Levels::finish));
        found.into_iter().flatten().map(PyRowSet).collect()
    }
}
