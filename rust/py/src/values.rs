//! One Python object as a value of any type.
use std::borrow::Cow;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use zenoo_fast_core::calendar::parse_datetime;
use zenoo_fast_core::convert::not_finite;
use zenoo_fast_core::dynamic::{
    Look, MAX_DEPTH, UNREADABLE, Value, not_unicode, too_deep, wrong_type,
};
use zenoo_fast_core::json;
use zenoo_fast_core::reject::Fault;
use zenoo_fast_core::value::{Parsed, nul, write_vals};

/// A value that a record holds.
pub struct Object<'py>(pub Bound<'py, PyAny>);

impl Value for Object<'_> {
    fn look(&self) -> Look<'_> {
        let value = &self.0;
        if let Ok(text) = value.cast::<PyString>() {
            let text = text.to_str();
            text.map_or(Look::Broken, |text| Look::Text(Cow::Borrowed(text)))
        } else if value.is_none() {
            Look::Nothing
        } else if let Ok(flag) = value.cast_exact::<PyBool>() {
            Look::Boolean(flag.is_true())
        } else if value.is_instance_of::<PyInt>() {
            let number = value.extract();
            number.map_or_else(|_| Look::Huge(Cow::Owned(value.to_string())), Look::Integer)
        } else if let Ok(number) = value.cast::<PyFloat>() {
            Look::Float(number.value())
        } else if is_list(value) {
            Look::List
        } else if value.is_instance_of::<PyDict>() {
            Look::Mapping
        } else {
            Look::Other
        }
    }

    fn type_name(&self) -> Cow<'static, str> {
        let name = self.0.get_type().name();
        Cow::Owned(name.map_or_else(|_| "?".to_owned(), |name| name.to_string()))
    }

    fn each(&self, visit: &mut dyn FnMut(Option<&str>, &Self) -> bool) {
        if let Ok(mapping) = self.0.cast::<PyDict>() {
            for (key, value) in mapping {
                let key = key.str();
                let text = key.as_ref().map_or(Ok(UNREADABLE), |key| key.to_str());
                if !visit(Some(text.unwrap_or(UNREADABLE)), &Object(value)) {
                    return;
                }
            }
        } else if let Ok(items) = self.0.try_iter() {
            for item in items.map_while(Result::ok) {
                if !visit(None, &Object(item)) {
                    return;
                }
            }
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        write_any(self, out, 0)
    }

    /// numpy's whole numbers have `__index__`.
    fn to_integer(&self) -> Option<i64> {
        self.0.extract().ok()
    }

    /// `Decimal` and numpy's numbers have `__float__`; texts have not.
    fn to_float(&self) -> Option<f64> {
        self.0.extract().ok()
    }

    fn to_iso(&self) -> Option<String> {
        let (value, py) = (&self.0, self.0.py());
        let date = py
            .import(intern!(py, "datetime"))
            .and_then(|module| module.getattr(intern!(py, "date")));
        if !date
            .and_then(|date| value.is_instance(&date))
            .unwrap_or(false)
        {
            return None;
        }
        value
            .call_method0(intern!(py, "isoformat"))
            .ok()?
            .extract()
            .ok()
    }

    fn to_base64(&self) -> Option<String> {
        let (value, py) = (&self.0, self.0.py());
        if !value.is_instance_of::<PyBytes>() {
            return None;
        }
        let encoded = py
            .import(intern!(py, "base64"))
            .and_then(|module| module.call_method1("b64encode", (value,)));
        encoded
            .and_then(|bytes| bytes.call_method1("decode", ("ascii",))?.extract())
            .ok()
    }

    fn to_text(&self) -> (String, String) {
        let lossy = |text: PyResult<Bound<'_, PyString>>| {
            text.map_or_else(
                |_| String::new(),
                |text| text.to_string_lossy().into_owned(),
            )
        };
        (lossy(self.0.str()), lossy(self.0.repr()))
    }
}

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// Append any value that has a JSON form.
fn write_any(value: &Object<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    match value.look() {
        Look::Nothing => out.extend_from_slice(b"null"),
        Look::Boolean(true) => out.extend_from_slice(b"true"),
        Look::Boolean(false) => out.extend_from_slice(b"false"),
        Look::Integer(number) => json::integer(out, number),
        Look::Huge(digits) => out.extend_from_slice(digits.as_bytes()),
        Look::Float(number) if number.is_finite() => json::float(out, number),
        Look::Float(_) => return Err(not_finite(value)),
        Look::Text(text) => write_text(&text, out)?,
        Look::Broken => return Err(not_unicode()),
        Look::List | Look::Mapping if depth >= MAX_DEPTH => return Err(too_deep()),
        Look::List => return write_list(value, out, depth),
        Look::Mapping => return write_mapping(value, out, depth),
        Look::Other => return write_other(value, out),
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    if text.as_bytes().contains(&0) {
        return Err(nul());
    }
    json::string(out, text);
    Ok(())
}

fn no_form(value: &Object<'_>) -> Fault {
    wrong_type("not_json", value, "a value with a JSON form")
}

fn write_list(value: &Object<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    out.push(b'[');
    let items = value.0.try_iter().map_err(|_| no_form(value))?;
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let item = Object(item.map_err(|_| no_form(value))?);
        write_any(&item, out, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn write_mapping(value: &Object<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    out.push(b'{');
    let items = value.0.cast::<PyDict>().into_iter().flatten();
    for (at, (key, item)) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let key = key
            .cast::<PyString>()
            .map_err(|_| Fault::new("invalid_key", "has a key that is not a text"))?;
        write_text(key.to_str().map_err(|_| not_unicode())?, out)?;
        out.push(b':');
        write_any(&Object(item), out, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_other(value: &Object<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    if let Some(text) = value.to_base64() {
        json::string(out, &text);
    } else if let Some(text) = value.to_iso() {
        let moment = parse_datetime(text.as_bytes()).ok_or_else(|| no_form(value))?;
        let parsed = if text.len() == 10 {
            Parsed::Date(moment)
        } else {
            Parsed::DateTime(moment)
        };
        write_vals(out, &parsed);
    } else if let Some(number) = value.to_integer() {
        json::integer(out, number);
    } else {
        let number = value.to_float().ok_or_else(|| no_form(value))?;
        if !number.is_finite() {
            return Err(not_finite(value));
        }
        json::float(out, number);
    }
    Ok(())
}
