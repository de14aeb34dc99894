//! `RowSet` and `IdMap`.
use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyIterator, PyList};
use zenoo_fast_core::idmap::IdMap;
use zenoo_fast_core::rowset::RowSet;

use crate::chunk::PyChunk;

/// Database ids that nobody may ever look at: they become Python's numbers when somebody does.
#[pyclass(name = "Ids", module = "zenoo_fast._core", frozen, sequence)]
pub struct PyIds(Vec<i64>);

#[pymethods]
impl PyIds {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__(&self, index: usize) -> PyResult<i64> {
        let found = self.0.get(index).copied();
        found.ok_or_else(|| PyIndexError::new_err("there are no more ids"))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, &self.0)?.try_iter()
    }
}

/// The ids that an answer's JSON is an array of; `None` where it is anything else.
#[pyfunction]
#[pyo3(signature = (json, /))]
pub fn parse_ids(json: &[u8]) -> Option<PyIds> {
    zenoo_fast_core::json::ids(json).map(PyIds)
}

/// Every one is a whole number from 1 on, and no boolean.
#[pyfunction]
#[pyo3(signature = (values, /))]
pub fn are_ids(values: &Bound<'_, PyList>) -> bool {
    let is_id = |one: &Bound<'_, PyAny>| {
        one.is_exact_instance_of::<PyInt>() && one.extract::<i64>().is_ok_and(|id| id > 0)
    };
    values.iter().all(|one| is_id(&one))
}

#[pyclass(name = "RowSet", module = "zenoo_fast._core")]
#[derive(Default)]
pub struct PyRowSet(pub RowSet);

#[pymethods]
impl PyRowSet {
    #[new]
    #[pyo3(signature = (ranges = None))]
    fn new(ranges: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let mut set = RowSet::default();
        if let Some(ranges) = ranges {
            for range in ranges.try_iter()? {
                let (start, stop) = range?.extract()?;
                set.add(start, stop);
            }
        }
        Ok(Self(set))
    }

    #[pyo3(signature = (start, stop, /))]
    fn add(&mut self, start: u64, stop: u64) {
        self.0.add(start, stop);
    }

    #[pyo3(signature = (rows, /))]
    fn add_rows(&mut self, rows: &Bound<'_, PyAny>) -> PyResult<()> {
        let rows: Vec<u64> = rows
            .try_iter()?
            .map(|row| row?.extract())
            .collect::<PyResult<_>>()?;
        self.0.add_rows(rows);
        Ok(())
    }

    fn __contains__(&self, row: u64) -> bool {
        self.0.contains(row)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.0.len())?)
    }

    fn __repr__(&self) -> String {
        format!("RowSet({:?})", self.0.ranges().collect::<Vec<_>>())
    }

    fn ranges(&self) -> Vec<(u64, u64)> {
        self.0.ranges().collect()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        RowSet::from_bytes(data)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("not the bytes of a RowSet"))
    }
}

#[pyclass(name = "IdMap", module = "zenoo_fast._core")]
#[derive(Default)]
pub struct PyIdMap(pub IdMap);

#[pymethods]
impl PyIdMap {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[pyo3(signature = (rows, ids, /))]
    fn put(&mut self, rows: &Bound<'_, PyAny>, ids: &Bound<'_, PyAny>) -> PyResult<()> {
        let given: Vec<i64>;
        let parsed = ids.cast::<PyIds>().ok();
        let ids: &[i64] = if let Some(parsed) = &parsed {
            &parsed.get().0
        } else {
            given = ids.extract()?;
            &given
        };
        let own: Vec<u64>;
        let chunk = rows.cast::<PyChunk>().ok();
        let rows: &[u64] = if let Some(chunk) = &chunk {
            chunk.get().chunk.rows()
        } else {
            own = rows.extract()?;
            &own
        };
        if rows.len() != ids.len() {
            return Err(PyValueError::new_err(format!(
                "{} ids for {} rows",
                ids.len(),
                rows.len()
            )));
        }
        if let Some(bad) = ids.iter().find(|&&id| id <= 0) {
            return Err(PyValueError::new_err(format!("{bad} is not a database id")));
        }
        self.0.put(rows.iter().copied().zip(ids.iter().copied()));
        Ok(())
    }

    #[pyo3(signature = (row, /))]
    fn get(&self, row: u64) -> Option<i64> {
        self.0.get(row)
    }

    fn __getitem__(&self, row: u64) -> PyResult<i64> {
        self.0.get(row).ok_or_else(|| PyKeyError::new_err(row))
    }

    fn __contains__(&self, row: u64) -> bool {
        self.0.get(row).is_some()
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.0.len())?)
    }

    fn __iter__(slf: Bound<'_, Self>) -> IdMapIterator {
        IdMapIterator {
            map: slf.unbind(),
            run: (0, 0, 0),
            next: 0,
        }
    }

    fn runs(&self) -> Vec<(u64, i64, u64)> {
        self.0.runs().collect()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        IdMap::from_bytes(data)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("not the bytes of an IdMap"))
    }
}

#[pyclass(module = "zenoo_fast._core")]
struct IdMapIterator {
    map: Py<PyIdMap>,
    run: (u64, i64, u64),
    next: u64,
}

#[pymethods]
impl IdMapIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> Option<(u64, i64)> {
        let (row, _, length) = self.run;
        if self.next >= row + length {
            self.run = self.map.borrow(py).0.run_from(self.next)?;
            self.next = self.run.0;
        }
        let (row, id, _) = self.run;
        let pair = (self.next, id + (self.next - row) as i64);
        self.next += 1;
        Some(pair)
    }
}
