//! The core's one error enum as Python exceptions.
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;
use zenoo_fast_core::error::Error;

/// `OSError` for the operating system's refusals, `ValueError` for everything else.
pub fn to_python(error: Error) -> PyErr {
    match error {
        Error::Io(error) => error.into(),
        other => PyValueError::new_err(other.to_string()),
    }
}
