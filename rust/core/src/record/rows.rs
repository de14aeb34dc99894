//! Objects, and rows that are ids.
use crate::chunker::{Chunker, Mark};
use crate::convert::{self, external_id, to_id};
use crate::dynamic::Value;
use crate::json;
use crate::layout::{Identity, Layout, empty_record, required};
use crate::reject::Fault;

use super::{Failure, Key, Keys, Slot};

/// Append one member of an object with its comma; `true` where its value is Odoo's empty one, or no field's.
///
/// # Errors
/// What is wrong with it.
pub fn write_member<V: Value>(
    key: &Key<'_>,
    value: &V,
    chunker: &mut Chunker,
) -> Result<bool, Failure> {
    let in_field = |fault| (fault, Some(key.name.clone()));
    let data = chunker.data();
    match (&key.slot, &key.quick) {
        (Slot::Field { form, .. }, Some(quick)) => {
            quick.key.append(data);
            let empty = convert::write_vals(quick.field, *form, value, data).map_err(in_field)?;
            data.push(b',');
            return Ok(empty);
        }
        (Slot::Matched(_), _) => {
            let message = "names a related record by a key, which load resolves";
            return Err(in_field(Fault::new("no_load", message)));
        }
        (Slot::Field { .. } | Slot::Skip, _) => {}
        (Slot::Any(json_key), _) => {
            data.extend_from_slice(json_key);
            value.write_json(data).map_err(in_field)?;
            data.push(b',');
        }
        (Slot::DatabaseId, _) => chunker.push_id(to_id(value).map_err(in_field)?),
        (Slot::ExternalId, _) => chunker.push_external_id(external_id(value).map_err(in_field)?),
        (Slot::Bad(fault), _) => return Err(in_field(fault.clone())),
    }
    Ok(true)
}

/// Close the object that was begun at `mark`; `filled` are the bits of the required fields that have a value.
///
/// # Errors
/// A required field has none, there is no value at all, or no id where one is needed.
pub fn end_object(
    layout: &Layout,
    filled: u64,
    mark: Mark,
    chunker: &mut Chunker,
) -> Result<(), Failure> {
    let wanted = layout.required();
    if let (Some(schema), true) = (&layout.schema, filled.count_ones() as usize != wanted.len())
        && let Some(missing) = (0..wanted.len()).find(|place| filled & (1 << place) == 0)
    {
        let name = schema.fields()[wanted[missing]].name.clone();
        return Err((required(), Some(name)));
    }
    if chunker.written(mark) == 1 {
        return Err((empty_record(), None));
    }
    let data = chunker.data();
    match data.last_mut() {
        Some(last) if *last == b',' => *last = b'}',
        _ => data.push(b'}'),
    }
    check_ids(layout, mark, chunker)
}

/// Every record of a block has an id, or none has; and the layout may want one.
pub(super) fn check_ids(layout: &Layout, mark: Mark, chunker: &Chunker) -> Result<(), Failure> {
    let (ids, external_ids) = chunker.ids_since(mark);
    match layout.settings.identity {
        Some(Identity::Database) if ids == 0 => Err(missing_id(layout)),
        Some(Identity::External) if external_ids == 0 => Err(missing_id(layout)),
        _ if chunker.in_step() => Ok(()),
        _ => {
            let message = "has another kind of id than the records before it, or none, or two";
            Err((Fault::new("missing_id", message), None))
        }
    }
}

/// The fault of a record without the id that is needed.
fn missing_id(layout: &Layout) -> Failure {
    let (message, name) = match layout.settings.identity {
        Some(Identity::Database) => ("has no database id", Some(".id")),
        Some(Identity::External) => ("has no external id", Some("id")),
        _ => ("has neither .id nor id", None),
    };
    (Fault::new("missing_id", message), name.map(str::to_owned))
}

/// Write the id that a mapping names its record by.
///
/// # Errors
/// It has none, or another kind than the records before it.
pub fn write_ids<V: Value>(
    members: &[(usize, V)],
    keys: &Keys<'_>,
    chunker: &mut Chunker,
) -> Result<(), Failure> {
    let mark = chunker.mark();
    let member = |is_it: fn(&Slot) -> bool| {
        let mut found = members.iter();
        found.find(|(key, _)| is_it(&keys.known[*key].slot))
    };
    let by_id = member(|slot| matches!(slot, Slot::DatabaseId));
    let named = by_id.or_else(|| member(|slot| matches!(slot, Slot::ExternalId)));
    let Some((key, value)) = named else {
        return Err(missing_id(keys.layout));
    };
    let in_field = |fault| (fault, Some(keys.known[*key].name.clone()));
    if by_id.is_some() {
        write_id(value, chunker).map_err(in_field)?;
    } else {
        let text = external_id(value).map_err(in_field)?;
        json::string(chunker.data(), &text);
        chunker.push_external_id(text);
    }
    check_ids(keys.layout, mark, chunker)
}

/// Write a record that is a bare database id.
///
/// # Errors
/// It is none, or the records before it have another kind.
pub fn write_bare_id<V: Value>(
    value: &V,
    layout: &Layout,
    chunker: &mut Chunker,
) -> Result<(), Failure> {
    let mark = chunker.mark();
    write_id(value, chunker).map_err(|fault| (fault, Some(".id".to_owned())))?;
    check_ids(layout, mark, chunker)
}

fn write_id<V: Value>(value: &V, chunker: &mut Chunker) -> Result<(), Fault> {
    let id = to_id(value)?;
    json::integer(chunker.data(), id);
    chunker.push_id(id);
    Ok(())
}
