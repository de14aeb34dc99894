//! The `zenoo_fast._core` extension module: registers, nothing else.
use pyo3::prelude::*;

mod answer;
mod arrow;
mod chunk;
mod columns;
mod dicts;
mod errors;
mod extract;
mod layout;
mod levels;
mod raw;
mod revise;
mod rows;
mod schema;
mod sources;
mod values;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::answer::usual_answer;
    #[pymodule_export]
    use super::arrow::PyArrowSource;
    #[pymodule_export]
    use super::chunk::{PyBlock, PyChunk};
    #[pymodule_export]
    use super::columns::arrow_buffers;
    #[pymodule_export]
    use super::dicts::rows_as_dicts;
    #[pymodule_export]
    use super::layout::PyLayout;
    #[pymodule_export]
    use super::levels::PyLevels;
    #[pymodule_export]
    use super::raw::Memory;
    #[pymodule_export]
    use super::revise::revise;
    #[pymodule_export]
    use super::rows::{PyIdMap, PyIds, PyRowSet, are_ids, parse_ids};
    #[pymodule_export]
    use super::schema::PySchema;
    #[pymodule_export]
    use super::sources::{PyCsvSource, PyNdjsonSource, file_digest};
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
