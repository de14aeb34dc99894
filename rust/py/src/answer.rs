//! `usual_answer`.
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zenoo_fast_core::answer::usual_head;

/// Media type, bytes of the body, and as much of the body as follows the head; `None` where the head is another one.
#[pyfunction]
#[pyo3(signature = (data, /))]
pub fn usual_answer<'py>(
    py: Python<'py>,
    data: &[u8],
) -> Option<(String, usize, Bound<'py, PyBytes>)> {
    let head = usual_head(data)?;
    let body = PyBytes::new(py, &data[head.end..]);
    Some((head.media_type, head.length, body))
}
