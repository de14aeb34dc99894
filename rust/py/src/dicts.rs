//! `dicts`: rows as a dict each, for validators that want them.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString};
use zenoo_fast_core::scan::{Key, Reader, digits, expect, plain};

/// A member that rows have, at its usual place.
struct Member<'py> {
    key: Key,
    name: Bound<'py, PyString>,
}

struct Rows<'py, 'a> {
    py: Python<'py>,
    json: &'a [u8],
    members: Vec<Member<'py>>,
}

/// A list of one dict a row.
pub fn dicts<'py>(
    py: Python<'py>,
    json: &[u8],
    count: usize,
    fields: Option<&[String]>,
) -> PyResult<Bound<'py, PyList>> {
    let member = |name: &String| Member {
        key: Key::new(name),
        name: PyString::intern(py, name),
    };
    let mut rows = Rows {
        py,
        json,
        members: fields.unwrap_or_default().iter().map(member).collect(),
    };
    let mut found = Vec::with_capacity(count);
    let mut at = 0;
    for index in 0..count {
        if index > 0 {
            at = expect(json, at, b',').map_err(PyValueError::new_err)?;
        }
        let dict = PyDict::new(py);
        at = if fields.is_some() {
            rows.array(at, &dict)?
        } else {
            rows.object(at, &dict)?
        };
        found.push(dict);
    }
    if at != json.len() {
        return Err(PyValueError::new_err(format!("more than {count} rows")));
    }
    PyList::new(py, found)
}

impl<'py> Rows<'py, '_> {
    fn array(&self, at: usize, dict: &Bound<'py, PyDict>) -> PyResult<usize> {
        let mut at = expect(self.json, at, b'[').map_err(PyValueError::new_err)?;
        for (position, member) in self.members.iter().enumerate() {
            if position > 0 {
                at = expect(self.json, at, b',').map_err(PyValueError::new_err)?;
            }
            let (value, end) = self.value(at)?;
            dict.set_item(&member.name, value)?;
            at = end;
        }
        expect(self.json, at, b']').map_err(PyValueError::new_err)
    }

    fn object(&mut self, at: usize, dict: &Bound<'py, PyDict>) -> PyResult<usize> {
        let mut at = expect(self.json, at, b'{').map_err(PyValueError::new_err)?;
        if self.json.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let mut seen = 0;
        loop {
            let rest = self.json.get(at..).unwrap_or_default();
            let usual = self.members.get(seen).and_then(|one| one.key.skipped(rest));
            let place = if let Some(after) = usual {
                at = self.json.len() - after.len();
                seen
            } else {
                self.named(&mut at)?
            };
            let (value, end) = self.value(at)?;
            dict.set_item(&self.members[place].name, value)?;
            seen += 1;
            match self.json.get(end) {
                Some(b',') => at = end + 1,
                Some(b'}') => return Ok(end + 1),
                _ => return Err(PyValueError::new_err(format!("no '}}' at byte {end}"))),
            }
        }
    }

    /// The member of the key that stands there, whatever its place.
    fn named(&mut self, at: &mut usize) -> PyResult<usize> {
        let (name, end) = self.text(*at)?;
        *at = expect(self.json, end, b':').map_err(PyValueError::new_err)?;
        let same = |one: &Member<'_>| one.name.to_cow().is_ok_and(|known| known == name.as_str());
        Ok(self.members.iter().position(same).unwrap_or_else(|| {
            self.members.push(Member {
                key: Key::new(&name),
                name: PyString::intern(self.py, &name),
            });
            self.members.len() - 1
        }))
    }

    /// One value, and where it ends.
    #[inline]
    fn value(&self, at: usize) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let rest = self.json.get(at..).unwrap_or_default();
        let end = |after: &[u8]| self.json.len() - after.len();
        match rest {
            [b'"', body @ ..] => {
                if let Some((length, after)) = plain(body) {
                    let text = utf8(&body[..length])?;
                    return Ok((PyString::new(self.py, text).into_any(), end(after)));
                }
                let (text, end) = self.text(at)?;
                Ok((PyString::new(self.py, &text).into_any(), end))
            }
            [b't', b'r', b'u', b'e', after @ ..] => Ok((self.boolean(true), end(after))),
            [b'f', b'a', b'l', b's', b'e', after @ ..] => Ok((self.boolean(false), end(after))),
            [b'n', b'u', b'l', b'l', after @ ..] => {
                Ok((self.py.None().into_bound(self.py), end(after)))
            }
            _ => match digits(rest) {
                Some((number, after)) => {
                    Ok((number.into_pyobject(self.py)?.into_any(), end(after)))
                }
                None => self.other(at),
            },
        }
    }

    fn boolean(&self, value: bool) -> Bound<'py, PyAny> {
        PyBool::new(self.py, value).to_owned().into_any()
    }

    /// A text with escapes, or near the end.
    #[inline(never)]
    fn text(&self, at: usize) -> PyResult<(String, usize)> {
        let mut reader = Reader {
            json: self.json,
            at,
        };
        reader.string().map_err(PyValueError::new_err)?;
        let whole = &self.json[at..reader.at];
        let text = serde_json::from_slice(whole)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((text, reader.at))
    }

    /// A long or broken number, a list, an object: seldom enough for Python's own reader.
    #[inline(never)]
    fn other(&self, at: usize) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let mut reader = Reader {
            json: self.json,
            at,
        };
        let json = reader.other().map_err(PyValueError::new_err)?;
        let text = utf8(json)?;
        if let (true, Ok(number)) = (text.contains('.'), text.parse::<f64>()) {
            return Ok((number.into_pyobject(self.py)?.into_any(), reader.at));
        }
        let value = self
            .py
            .import("json")?
            .call_method1("loads", (PyBytes::new(self.py, json),))?;
        Ok((value, reader.at))
    }
}

fn utf8(bytes: &[u8]) -> PyResult<&str> {
    std::str::from_utf8(bytes).map_err(|error| PyValueError::new_err(error.to_string()))
}

#[pyfunction(name = "dicts")]
#[pyo3(signature = (json, count, fields, /))]
pub fn rows_as_dicts<'py>(
    py: Python<'py>,
    json: &[u8],
    count: usize,
    fields: Option<Vec<String>>,
) -> PyResult<Bound<'py, PyList>> {
    dicts(py, json, count, fields.as_deref())
}
