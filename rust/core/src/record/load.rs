//! Rows of the `load` shape.
use std::sync::Arc;

use crate::chunker::Chunker;
use crate::convert::{self, external_id, is_empty, related_keys, to_id};
use crate::dynamic::{Value, key_text};
use crate::json;
use crate::layout::{ExternalIdRule, Layout, empty_record, required};
use crate::reject::Fault;
use crate::value::Form;

use super::rows::check_ids;
use super::{Failure, Key, Keys, Slot};

/// Which keys the records of a block in the `load` shape have.
#[derive(Debug)]
pub struct LoadKeys {
    /// Places among the known keys, in the first record's order.
    keys: Vec<usize>,
    /// Of each column that external ids are made of: where it stands among `keys`.
    made_of: Vec<Option<usize>>,
}

impl LoadKeys {
    /// Those of the first record.
    fn new(keys: &Keys<'_>, found: Vec<usize>) -> Self {
        let mut made_of = Vec::new();
        if let Some(ExternalIdRule::Key(_, columns)) = &keys.layout.settings.external_id {
            let place = |column: &String| {
                let named = |is_it: fn(&Key<'_>, &String) -> bool| {
                    let mut places = found.iter();
                    places.position(|&key| is_it(&keys.known[key], column))
                };
                named(|key, column| key.target == *column)
                    .or_else(|| named(|key, column| key.name == *column))
            };
            made_of = columns.iter().map(place).collect();
        }
        Self {
            keys: found,
            made_of,
        }
    }

    /// The values of a record in the order of the first one's; `None` where it has other keys.
    fn order<'m, V>(&self, members: &'m [(usize, V)]) -> Option<Vec<&'m V>> {
        if self.keys.len() != members.len() {
            return None;
        }
        let values = self.keys.iter().zip(members).map(|(wanted, (key, value))| {
            if key == wanted {
                return Some(value);
            }
            let other = members.iter().find(|(key, _)| key == wanted);
            other.map(|(_, value)| value)
        });
        values.collect()
    }

    /// The `fields` of `load`: a relation without a form holds database ids, as values that are no texts do.
    fn fields(&self, keys: &Keys<'_>) -> Vec<String> {
        let layout = keys.layout;
        let mut fields = Vec::with_capacity(self.keys.len() + 1);
        if layout.settings.external_id.is_some() {
            fields.push("id".to_owned());
        }
        for &place in &self.keys {
            let key = &keys.known[place];
            match (&key.slot, &key.quick) {
                (Slot::Skip | Slot::Bad(_), _) => {}
                (
                    Slot::Field {
                        form: Form::Plain, ..
                    },
                    Some(quick),
                ) if quick.field.kind.is_relation() => {
                    fields.push(format!("{}/.id", key.target));
                }
                _ => fields.push(key.target.clone()),
            }
        }
        fields
    }

    /// The external id that is made for a record.
    fn made<V: Value>(
        &self,
        layout: &Layout,
        values: &[&V],
        row: u64,
    ) -> Result<Option<String>, Failure> {
        let mut texts = Vec::with_capacity(self.made_of.len());
        if let Some(ExternalIdRule::Key(_, columns)) = &layout.settings.external_id {
            for (column, place) in columns.iter().zip(&self.made_of) {
                let in_column = |fault| (fault, Some(column.clone()));
                let missing = || Fault::new("missing_key", "the external id is made of it");
                let place = place.ok_or_else(|| in_column(missing()))?;
                texts.push(key_text(values[place]).map_err(in_column)?);
            }
        }
        Ok(layout.external_id_of(row, &texts))
    }
}

/// Write a record's row in the `load` shape; `false` where its keys are not those of the records before it: the block
/// ends there. A key comes once among the members.
///
/// # Errors
/// What is wrong with it.
pub fn write_load<V: Value>(
    members: &[(usize, V)],
    keys: &Keys<'_>,
    load: &mut Option<LoadKeys>,
    chunker: &mut Chunker,
) -> Result<bool, Failure> {
    if members.is_empty() {
        return Err((empty_record(), None));
    }
    let mark = chunker.mark();
    let load = load.get_or_insert_with(|| {
        let load = LoadKeys::new(keys, members.iter().map(|(key, _)| *key).collect());
        chunker.set_fields(Arc::new(load.fields(keys)));
        load
    });
    let Some(values) = load.order(members) else {
        return Ok(false);
    };
    let layout = keys.layout;
    chunker.data().push(b'[');
    if let Some(made) = load.made(layout, &values, chunker.next_row())? {
        let data = chunker.data();
        json::string(data, &made);
        data.push(b',');
        chunker.push_external_id(made);
    }
    let mut filled = false;
    for (&place, value) in load.keys.iter().zip(values) {
        filled |= write_cell(layout, &keys.known[place], value, chunker)?;
    }
    layout.check_filled(filled).map_err(|fault| (fault, None))?;
    let data = chunker.data();
    let last = data.len() - 1;
    data[last] = b']';
    check_ids(layout, mark, chunker)?;
    Ok(true)
}

/// Append a cell of `load` with its comma; `true` where a field is given a value by it.
fn write_cell<V: Value>(
    layout: &Layout,
    key: &Key<'_>,
    value: &V,
    chunker: &mut Chunker,
) -> Result<bool, Failure> {
    let in_field = |fault| (fault, Some(key.name.clone()));
    let mut filled = false;
    match (&key.slot, &key.quick) {
        (Slot::Skip, _) => return Ok(false),
        (slot @ (Slot::Field { .. } | Slot::Matched(_)), Some(quick)) => {
            let field = quick.field;
            let empty = is_empty(field, value);
            if empty && quick.required != 0 {
                return Err(in_field(required()));
            }
            let data = chunker.data();
            if empty {
                let default = layout.settings.defaults.get(&field.name);
                json::string(data, default.map_or("", String::as_str));
            } else if let Slot::Field { form, .. } = slot {
                convert::write_load(field, *form, value, data).map_err(in_field)?;
            } else {
                json::string(data, &related_keys(field, value).map_err(in_field)?);
            }
            filled = !empty;
        }
        (Slot::Field { .. } | Slot::Matched(_) | Slot::Any(_), _) => {
            return Err(in_field(Fault::new("no_schema", "load needs a schema")));
        }
        (Slot::DatabaseId, _) => {
            let id = to_id(value).map_err(in_field)?;
            chunker.push_id(id);
            json::string(chunker.data(), &id.to_string());
        }
        (Slot::ExternalId, _) => {
            let text = external_id(value).map_err(in_field)?;
            json::string(chunker.data(), &text);
            chunker.push_external_id(text);
        }
        (Slot::Bad(fault), _) => return Err(in_field(fault.clone())),
    }
    chunker.data().push(b',');
    Ok(filled)
}
