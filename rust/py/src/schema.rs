//! `Schema`: from the answer of `fields_get`.
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use zenoo_fast_core::schema::{FieldDescription, Schema};

use crate::errors::to_python;

#[pyclass(name = "Schema", module = "zenoo_fast._core", frozen)]
pub struct PySchema(pub Arc<Schema>);

fn flag(facts: &Bound<'_, PyDict>, name: &str) -> PyResult<bool> {
    facts
        .get_item(name)?
        .map_or(Ok(false), |value| value.is_truthy())
}

/// (key, label) pairs; keys and labels that are not text (Odoo has integer keys in old modules) as Python shows them.
fn selection(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<(String, String)>>> {
    let Ok(pairs) = value.cast::<PyList>() else {
        return Ok(None);
    };
    let text = |value: Bound<'_, PyAny>| -> PyResult<String> {
        Ok(value.str()?.to_string_lossy().into_owned())
    };
    pairs
        .iter()
        .map(|pair| Ok((text(pair.get_item(0)?)?, text(pair.get_item(1)?)?)))
        .collect::<PyResult<_>>()
        .map(Some)
}

fn description(name: &Bound<'_, PyAny>, facts: &Bound<'_, PyAny>) -> PyResult<FieldDescription> {
    let name: String = name.extract()?;
    let wrong = || {
        PyValueError::new_err(format!(
            "{name}: not what fields_get answers: it needs a type"
        ))
    };
    let facts = facts.cast::<PyDict>().map_err(|_| wrong())?;
    let odoo_type: String = facts
        .get_item("type")?
        .ok_or_else(wrong)?
        .extract()
        .map_err(|_| wrong())?;
    let size = facts
        .get_item("size")?
        .and_then(|size| size.extract::<usize>().ok());
    let selection = match facts.get_item("selection")? {
        Some(pairs) => selection(&pairs)?,
        None => None,
    };
    let (required, readonly) = (flag(facts, "required")?, flag(facts, "readonly")?);
    Ok(FieldDescription {
        name,
        odoo_type,
        required,
        readonly,
        size,
        selection,
    })
}

#[pymethods]
impl PySchema {
    #[new]
    fn new(model: String, fields: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = fields.cast::<PyDict>()?;
        let descriptions = fields
            .iter()
            .map(|(name, facts)| description(&name, &facts))
            .collect::<PyResult<_>>()?;
        Ok(Self(Arc::new(
            Schema::new(model, descriptions).map_err(to_python)?,
        )))
    }

    #[getter]
    fn model(&self) -> &str {
        self.0.model()
    }

    fn __contains__(&self, field: &Bound<'_, PyString>) -> PyResult<bool> {
        Ok(self.0.position(&field.to_cow()?).is_some())
    }

    fn __len__(&self) -> usize {
        self.0.fields().len()
    }

    fn names(&self) -> Vec<&str> {
        self.0
            .fields()
            .iter()
            .map(|field| field.name.as_str())
            .collect()
    }
}
