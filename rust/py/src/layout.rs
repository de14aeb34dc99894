//! `Layout`: settings in, a compiled layout out; `extract` hands over to [`crate::extract`].
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use zenoo_fast_core::layout::{ExternalIdRule, Identity, Layout, Settings, Shape};

use crate::chunk::{PyBlock, Records};
use crate::errors::to_python;
use crate::extract::extract;
use crate::schema::PySchema;

#[pyclass(name = "Layout", module = "zenoo_fast._core", frozen)]
pub struct PyLayout(pub Arc<Layout>, AtomicUsize);

/// Defaults as the texts that `load` takes; `False` and `None` are no default.
fn default_texts(defaults: Option<&Bound<'_, PyDict>>) -> PyResult<HashMap<String, String>> {
    let mut texts = HashMap::new();
    for (field, value) in defaults.into_iter().flat_map(PyDictMethods::iter) {
        if value.is_none() || value.extract::<bool>().is_ok_and(|value| !value) {
            continue;
        }
        texts.insert(
            field.extract()?,
            value.str()?.to_string_lossy().into_owned(),
        );
    }
    Ok(texts)
}

fn external_id_rule(rule: &Bound<'_, PyTuple>) -> PyResult<ExternalIdRule> {
    let kind: String = rule.get_item(0)?.extract()?;
    let prefix: String = rule.get_item(1)?.extract()?;
    match kind.as_str() {
        "row" => Ok(ExternalIdRule::Row(prefix)),
        "key" => Ok(ExternalIdRule::Key(prefix, rule.get_item(2)?.extract()?)),
        _ => Err(PyValueError::new_err(format!(
            "external_id: {kind:?} is neither \"row\" nor \"key\""
        ))),
    }
}

#[pymethods]
impl PyLayout {
    #[new]
    #[pyo3(signature = (schema = None, *, shape = "vals", columns = None, renames = None, defaults = None, required = true, external_id = None, identity = None, matched = None))]
    #[allow(clippy::too_many_arguments)] // keywords, most of them
    fn new(
        schema: Option<&PySchema>,
        shape: &str,
        columns: Option<Vec<Option<String>>>,
        renames: Option<HashMap<String, String>>,
        defaults: Option<&Bound<'_, PyDict>>,
        required: bool,
        external_id: Option<&Bound<'_, PyTuple>>,
        identity: Option<&str>,
        matched: Option<HashSet<String>>,
    ) -> PyResult<Self> {
        let shape = match shape {
            "vals" => Shape::Vals,
            "load" => Shape::Load,
            "ids" => Shape::Ids,
            other => {
                return Err(PyValueError::new_err(format!(
                    "shape: {other:?} is not vals, load or ids"
                )));
            }
        };
        let identity = match identity {
            None => None,
            Some("new") => Some(Identity::New),
            Some("external") => Some(Identity::External),
            Some("database") => Some(Identity::Database),
            Some(other) => {
                return Err(PyValueError::new_err(format!(
                    "identity: {other:?} is not new, external or database"
                )));
            }
        };
        let settings = Settings {
            shape,
            columns,
            renames: renames.unwrap_or_default(),
            defaults: default_texts(defaults)?,
            required,
            external_id: external_id.map(external_id_rule).transpose()?,
            identity,
            matched: matched.unwrap_or_default(),
        };
        Layout::new(schema.map(|schema| Arc::clone(&schema.0)), settings)
            .map(|layout| Self(Arc::new(layout), AtomicUsize::new(0)))
            .map_err(to_python)
    }

    #[getter]
    fn columns(&self) -> Option<Vec<Option<String>>> {
        self.0.settings.columns.clone()
    }

    #[pyo3(signature = (records, start = 0, *, first_row = 0, max_rows = 500, max_bytes = 4_194_304))]
    fn extract(
        &self,
        py: Python<'_>,
        records: Bound<'_, PyAny>,
        start: usize,
        first_row: u64,
        max_rows: usize,
        max_bytes: usize,
    ) -> PyResult<PyBlock> {
        let block = extract(
            &self.0, &self.1, &records, start, first_row, max_rows, max_bytes,
        )?;
        PyBlock::new(py, block, Some(Records::new(records.unbind(), first_row)))
    }
}
