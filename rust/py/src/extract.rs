//! Walks Python records once, checks every value and writes its row.
//!
//! Records made by one program name their fields by the same string objects in the same order: a key is recognised by
//! its address at its position, and looked up by text only where that fails.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use zenoo_fast_core::chunk::{Block, RawFormat};
use zenoo_fast_core::chunker::{Chunker, Mark};
use zenoo_fast_core::dynamic::Value;
use zenoo_fast_core::layout::{Layout, Shape};
use zenoo_fast_core::line::{Line, Room};
use zenoo_fast_core::record::{
    self, Failure, Keys, LoadKeys, Quick, invalid_key, not_a_mapping, write_bare_id, write_ids,
    write_load, write_member,
};
use zenoo_fast_core::schema::Kind;
use zenoo_fast_core::value;

use crate::raw::{Item, Plain, Walk};
use crate::values::Object;

/// Keys seen so far, by position in the record.
struct Known<'l> {
    keys: Keys<'l>,
    /// The object of each, as it came first.
    objects: Vec<Py<PyString>>,
}

impl<'l> Known<'l> {
    fn new(layout: &'l Layout) -> Self {
        Self {
            keys: Keys::new(layout),
            objects: Vec::new(),
        }
    }

    /// Where a key stands among the known ones.
    #[cold]
    fn find(&mut self, key: &Bound<'_, PyAny>) -> Result<usize, Failure> {
        let mut objects = self.objects.iter();
        if let Some(at) = objects.position(|known| known.as_ptr() == key.as_ptr()) {
            return Ok(at);
        }
        let text = key.cast::<PyString>().map_err(|_| invalid_key())?;
        let at = self.keys.find(text.to_str().map_err(|_| invalid_key())?);
        if at == self.objects.len() {
            self.objects.push(text.clone().unbind());
        }
        Ok(at)
    }

    /// The members of a mapping, with references of their own.
    fn members<'py>(
        &mut self,
        record: &Bound<'py, PyDict>,
        walk: &mut Walk,
    ) -> Result<Vec<(usize, Object<'py>)>, Failure> {
        let items = walk.items(record).owned(0).into_iter();
        items
            .enumerate()
            .map(|(at, (key, value))| {
                let known = self.objects.get(at);
                let place = match known.filter(|known| known.as_ptr() == key.as_ptr()) {
                    Some(_) => at,
                    None => self.find(&key)?,
                };
                Ok((place, Object(value)))
            })
            .collect()
    }
}

/// Check and serialise `records[start:]` until the block is full. `row_bytes` is how long rows were, before and after.
pub fn extract(
    layout: &Arc<Layout>,
    row_bytes: &AtomicUsize,
    records: &Bound<'_, PyAny>,
    start: usize,
    first_row: u64,
    max_rows: usize,
    max_bytes: usize,
) -> PyResult<Block> {
    let count = records.len()?;
    let mut chunker = Chunker::new(
        first_row + start as u64,
        max_rows,
        max_bytes,
        RawFormat::None,
    );
    let rows = max_rows.min(count.saturating_sub(start));
    chunker.expect(rows, row_bytes.load(Ordering::Relaxed).saturating_mul(rows));
    let mut known = Known::new(layout);
    let mut walk = Walk::default();
    let mut room = Room::default();
    let list = records.cast_exact::<PyList>().ok();
    let mut load = None;
    let mut at = start;
    while at < count && chunker.has_room() {
        let record = match list {
            Some(list) => list.get_item(at)?,
            None => records.get_item(at)?,
        };
        at += 1;
        let mark = chunker.mark();
        let written = match layout.settings.shape {
            Shape::Vals => vals(
                &record,
                &mut known,
                &mut walk,
                &mut room,
                mark,
                &mut chunker,
            )
            .map(|()| true),
            Shape::Load => load_row(&record, &mut known, &mut walk, &mut load, &mut chunker),
            Shape::Ids => ids(&record, &mut known, &mut walk, &mut chunker).map(|()| true),
        };
        match written {
            Ok(true) => chunker.keep(&[]),
            Ok(false) => {
                chunker.take_back(mark);
                break;
            }
            Err((fault, field)) => {
                let reject = fault.at(chunker.next_row(), field.as_deref());
                chunker.reject(mark, reject, &[]);
            }
        }
    }
    let block = chunker.finish();
    if let Some(bytes) = block.chunk.json().len().checked_div(block.chunk.len()) {
        // A sixteenth more than on average: rows of the next block differ a little.
        row_bytes.store(bytes + bytes / 16 + 1, Ordering::Relaxed);
    }
    Ok(block)
}

fn mapping<'a, 'py>(record: &'a Bound<'py, PyAny>) -> Result<&'a Bound<'py, PyDict>, Failure> {
    record
        .cast::<PyDict>()
        .map_err(|_| not_a_mapping(&Object(record.clone()).type_name()))
}

#[allow(clippy::inline_always)] // called, it takes a tenth longer
#[inline(always)]
fn vals(
    record: &Bound<'_, PyAny>,
    known: &mut Known<'_>,
    walk: &mut Walk,
    room: &mut Room,
    mark: Mark,
    chunker: &mut Chunker,
) -> Result<(), Failure> {
    let record = mapping(record)?;
    let mut line = Line::new(room, chunker.data());
    line.push(b'{');
    let mut filled = 0u64;
    let items = walk.items(record);
    let mut at = 0;
    'plain: loop {
        let keys = known.objects.iter().zip(known.keys.known()).skip(at);
        for (item, (object, key)) in items.from(at).zip(keys) {
            if !item.has_key(object) {
                break;
            }
            let Some(full) = write_plain(key.quick.as_ref(), item, &mut line) else {
                break 'plain;
            };
            filled |= full;
            at += 1;
        }
        let Some(item) = items.from(at).next() else {
            break;
        };
        // A key that is new, or not at its usual place.
        let found = known.find(&items.key(item))?;
        let quick = known.keys.known()[found].quick.as_ref();
        let Some(full) = write_plain_here(quick, item, &mut line) else {
            break;
        };
        filled |= full;
        at += 1;
    }
    drop(line);
    // The first value of another type, or with something wrong: the general way from there on.
    if items.from(at).next().is_some() {
        for (key, value) in items.owned(at) {
            let found = known.find(&key)?;
            let key = &known.keys.known()[found];
            if !write_member(key, &Object(value), chunker)? {
                filled |= key.required();
            }
        }
    }
    record::end_object(known.keys.layout(), filled, mark, chunker)
}

/// Append a key with a plain value that is good; the answer is the key's bit among the required fields where it has one
/// and the value is not Odoo's empty one. `None` where the general way has to be gone: nothing was appended.
#[allow(clippy::inline_always)] // called, it takes a tenth longer
#[inline(always)]
fn write_plain(quick: Option<&Quick<'_>>, item: Item<'_>, line: &mut Line<'_>) -> Option<u64> {
    let quick = quick?;
    let key = &quick.key;
    let within = |least, number| (least..=value::INTEGER_MAX).contains(&number);
    match (item.plain(), quick.field.kind) {
        (Plain::Text(text), _) if quick.free_text => {
            if !line.text(key, text) {
                return None;
            }
            if text.is_empty() {
                return Some(0);
            }
        }
        (Plain::Integer(number), Kind::Integer) if within(value::INTEGER_MIN, number) => {
            line.integer(key, number);
        }
        (Plain::Integer(number), Kind::Many2one | Kind::Many2oneReference) if within(1, number) => {
            line.integer(key, number);
        }
        (Plain::Float(number), Kind::Float) if number.is_finite() => {
            line.float(key, number);
        }
        (Plain::Boolean(flag), Kind::Boolean) => line.boolean(key, flag),
        (Plain::Boolean(false) | Plain::Nothing, kind)
            if !matches!(kind, Kind::Boolean | Kind::Json) =>
        {
            line.boolean(key, false);
            return Some(0);
        }
        _ => return None,
    }
    Some(quick.required)
}

/// The same, for what comes seldom.
#[cold]
#[inline(never)]
fn write_plain_here(quick: Option<&Quick<'_>>, item: Item<'_>, line: &mut Line<'_>) -> Option<u64> {
    write_plain(quick, item, line)
}

fn load_row(
    record: &Bound<'_, PyAny>,
    known: &mut Known<'_>,
    walk: &mut Walk,
    load: &mut Option<LoadKeys>,
    chunker: &mut Chunker,
) -> Result<bool, Failure> {
    let members = known.members(mapping(record)?, walk)?;
    write_load(&members, &known.keys, load, chunker)
}

fn ids(
    record: &Bound<'_, PyAny>,
    known: &mut Known<'_>,
    walk: &mut Walk,
    chunker: &mut Chunker,
) -> Result<(), Failure> {
    let Ok(mapping) = record.cast::<PyDict>() else {
        return write_bare_id(&Object(record.clone()), known.keys.layout(), chunker);
    };
    let members = known.members(mapping, walk)?;
    write_ids(&members, &known.keys, chunker)
}
