//! The one file with `unsafe`: looking at a mapping's items without taking references, lending memory out, and taking
//! over an Arrow stream.
//!
//! # A mapping's items
//!
//! Counting references up and down, checking the mapping's length at each step and asking for a value's type by calls
//! was more than half of the time that a record took. What is here borrows instead. It is sound because
//!
//! - an [`Item`] lives as long as the borrows of the mapping and of the [`Walk`] that found it, and nothing here that
//!   is done with one runs Python code: [`Item::plain`] looks at exact built-in types only;
//! - who has to run Python code for a value calls [`Items::owned`], which consumes the items and takes references to
//!   all that are left, before anything runs that could change the mapping;
//! - the interpreter's lock is held throughout (`'py`); the stable ABI that this is built for has no build without it.
//!
//! # Arrow streams
//!
//! Arrow's C stream interface hands memory on by a pointer in a capsule; that it is what the interface says is the
//! producer's word, as with every extension module. All else is `arrow-array`'s safe interface: texts, whose bytes a file
//! may have got wrong, are looked at as bytes and checked before they are taken for texts.
//!
//! # Lending memory
//!
//! Columns are handed to pyarrow as they lie in memory: a copy, and the zeros that a `bytes` object is filled with first,
//! took half as long again as making them. A chunk's JSON is written to a socket as it lies in its block. A [`Memory`] gives
//! its bytes through the buffer protocol, read-only. It is sound because nothing changes or moves the bytes as long as the
//! object lives, and whoever looks at them holds a reference to it: columns are its own, and a chunk's buffers are behind
//! an `Arc`, changed by `Arc::get_mut` only, which this share of them keeps from succeeding.
#![allow(unsafe_code)]
use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr;

use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyDict, PyString};
use zenoo_fast_core::chunk::Chunk;
use zenoo_fast_core::columns::Part;

/// A value of one of the exact types that records are mostly made of.
pub enum Plain<'a> {
    Text(&'a str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Nothing,
    /// Of another type, a text that is not Unicode, an integer beyond 64 bits.
    Other,
}

#[derive(Clone, Copy)]
struct Pair {
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
}

/// An allocation that walks share. What it holds between walks is never read.
#[derive(Default)]
pub struct Walk(Vec<Pair>);

/// The items of a mapping, borrowed from it.
pub struct Items<'a, 'py> {
    py: Python<'py>,
    pairs: &'a [Pair],
}

/// A key and a value that a mapping holds.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pair: Pair,
    items: PhantomData<&'a Pair>,
}

impl Walk {
    /// The items of a mapping. All are found before the first is looked at, so that the processor fetches many values
    /// from memory at once.
    #[inline]
    pub fn items<'a, 'py>(&'a mut self, mapping: &'a Bound<'py, PyDict>) -> Items<'a, 'py> {
        let pairs = &mut self.0;
        pairs.clear();
        let mut position = 0;
        let mut pair = Pair {
            key: ptr::null_mut(),
            value: ptr::null_mut(),
        };
        // SAFETY: the mapping is a dict and alive, the lock is held, the pointers are to locals. No code runs in
        // between that could change the mapping.
        while unsafe {
            ffi::PyDict_Next(
                mapping.as_ptr(),
                &raw mut position,
                &raw mut pair.key,
                &raw mut pair.value,
            )
        } != 0
        {
            prefetch(pair.value);
            pairs.push(pair);
        }
        Items {
            py: mapping.py(),
            pairs,
        }
    }
}

#[inline]
fn prefetch(object: *const ffi::PyObject) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing as far as the program can tell.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(object.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = object;
}

impl<'a, 'py> Items<'a, 'py> {
    /// The items from one on.
    #[inline]
    pub fn from(&self, at: usize) -> impl Iterator<Item = Item<'a>> {
        let rest = self.pairs.get(at..).unwrap_or_default();
        rest.iter().map(|&pair| Item {
            pair,
            items: PhantomData,
        })
    }

    /// A key with a reference of its own.
    pub fn key(&self, item: Item<'a>) -> Bound<'py, PyAny> {
        // SAFETY: the mapping holds the key, and no Python code ran since the walk.
        unsafe { Bound::from_borrowed_ptr(self.py, item.pair.key) }
    }

    /// The items from one on, with references of their own: Python code may run from here on.
    pub fn owned(self, from: usize) -> Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let rest = self.pairs.get(from..).unwrap_or_default().iter();
        // SAFETY: the mapping holds both, and no Python code ran since the walk.
        rest.map(|pair| unsafe {
            (
                Bound::from_borrowed_ptr(self.py, pair.key),
                Bound::from_borrowed_ptr(self.py, pair.value),
            )
        })
        .collect()
    }
}

impl<'a> Item<'a> {
    /// The key is this very object.
    #[inline]
    pub fn has_key(self, key: &Py<PyString>) -> bool {
        self.pair.key == key.as_ptr()
    }

    /// The value, where its type is exactly one of the plain ones.
    #[inline]
    pub fn plain(self) -> Plain<'a> {
        let value = self.pair.value;
        // SAFETY: the mapping holds the value, and no Python code ran since the walk. Each function is given an object
        // of the exact type it is for, and runs no Python code for it. An error that is set is cleared.
        unsafe {
            let kind = ffi::Py_TYPE(value);
            if kind == &raw mut ffi::PyUnicode_Type {
                let mut length = 0;
                let bytes = ffi::PyUnicode_AsUTF8AndSize(value, &raw mut length);
                if bytes.is_null() {
                    ffi::PyErr_Clear();
                    return Plain::Other;
                }
                let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize);
                // CPython made these bytes UTF-8; they live as long as the text.
                Plain::Text(std::str::from_utf8_unchecked(bytes))
            } else if kind == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let number = ffi::PyLong_AsLongLongAndOverflow(value, &raw mut overflow);
                if overflow == 0 {
                    Plain::Integer(number)
                } else {
                    Plain::Other
                }
            } else if kind == &raw mut ffi::PyFloat_Type {
                Plain::Float(ffi::PyFloat_AsDouble(value))
            } else if kind == &raw mut ffi::PyBool_Type {
                Plain::Boolean(value == ffi::Py_True())
            } else if value == ffi::Py_None() {
                Plain::Nothing
            } else {
                Plain::Other
            }
        }
    }
}

/// The stream that a capsule of Arrow's C stream interface holds; the capsule is left empty.
pub fn arrow_stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<RecordBatchStreamReader> {
    let pointer = capsule
        .pointer_checked(Some(c"arrow_array_stream"))?
        .cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds such a struct, initialised and aligned, and lives as long as it is borrowed;
    // the lock is held, so nobody else looks at it. The struct is moved out, and marked as released in its old place.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    RecordBatchStreamReader::try_new(stream)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Bytes that are lent out; see the file's comment.
#[pyclass(name = "Memory", module = "zenoo_fast._core", frozen)]
pub struct Memory(Lent);

enum Lent {
    Part(Part),
    /// A chunk's JSON.
    Rows(Chunk),
}

impl Memory {
    pub const fn new(part: Part) -> Self {
        Self(Lent::Part(part))
    }

    /// The JSON of a chunk. It shares its buffers with others; while there are any, and this one is, nobody can change
    /// them.
    pub const fn rows(chunk: Chunk) -> Self {
        Self(Lent::Rows(chunk))
    }

    fn place(&self) -> (*const u8, usize) {
        match &self.0 {
            Lent::Part(part) => (part.start(), part.bytes()),
            Lent::Rows(chunk) => (chunk.json().as_ptr(), chunk.json().len()),
        }
    }
}

#[pymethods]
impl Memory {
    fn __len__(&self) -> usize {
        self.place().1
    }

    /// # Safety
    /// Called by the interpreter only, with a view to be filled.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let (start, length) = slf.get().place();
        // SAFETY: the object is frozen and what it lends private, so the memory stays where and as it is while it lives,
        // and the view gets a reference to it. Readers only: a request to write is refused by the function.
        let done = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                start.cast_mut().cast(),
                length as ffi::Py_ssize_t,
                1,
                flags,
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}
