//! Records that name their own fields: what each key means, and how a record's members become one serialised row.
//!
//! Python mappings and lines of NDJSON are read in their own ways, and both are written here.
use std::collections::HashMap;

use crate::json::Prepared;
use crate::layout::{Layout, Shape, Target};
use crate::reject::Fault;
use crate::schema::{Field, Kind, json_key};
use crate::value::Form;

mod load;
mod rows;

pub use load::{LoadKeys, write_load};
pub use rows::{end_object, write_bare_id, write_ids, write_member};

/// A fault and the field it is in.
pub type Failure = (Fault, Option<String>);

/// What a record's key means.
#[derive(Debug)]
enum Slot {
    Field {
        position: usize,
        form: Form,
    },
    /// A relation whose values are keys of related records.
    Matched(usize),
    /// Without a schema: the key, ready to append.
    Any(Vec<u8>),
    DatabaseId,
    ExternalId,
    Skip,
    /// Every record with this key is rejected.
    Bad(Fault),
}

/// A key that records have.
#[derive(Debug)]
pub struct Key<'l> {
    /// As the records spell it.
    pub name: String,
    /// Where its values go.
    target: String,
    slot: Slot,
    /// What its values need where it goes to a field of the schema.
    pub quick: Option<Quick<'l>>,
}

impl Key<'_> {
    /// Its bit among the required fields, or none.
    pub fn required(&self) -> u64 {
        self.quick.as_ref().map_or(0, |quick| quick.required)
    }
}

/// What a plain value of a known field needs: looked up once.
#[derive(Debug)]
pub struct Quick<'l> {
    /// The field.
    pub field: &'l Field,
    /// `"name":`, ready to append.
    pub key: Prepared,
    /// Its bit among the required fields, or none.
    pub required: u64,
    /// A text without a size.
    pub free_text: bool,
}

/// Keys seen so far, in the order in which they first came.
#[derive(Debug)]
pub struct Keys<'l> {
    layout: &'l Layout,
    known: Vec<Key<'l>>,
    places: HashMap<String, usize>,
}

impl<'l> Keys<'l> {
    /// None yet.
    pub fn new(layout: &'l Layout) -> Self {
        Self {
            layout,
            known: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// The layout that says what they mean.
    pub fn layout(&self) -> &'l Layout {
        self.layout
    }

    /// The keys.
    pub fn known(&self) -> &[Key<'l>] {
        &self.known
    }

    /// Where a key stands among the known ones; a new one is added.
    pub fn find(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let target = self.layout.settings.renames.get(name);
        let target = target.map_or(name, String::as_str).to_owned();
        let slot = self.slot(&target);
        let quick = self.quick(&slot);
        let place = self.known.len();
        self.places.insert(name.to_owned(), place);
        self.known.push(Key {
            name: name.to_owned(),
            target,
            slot,
            quick,
        });
        place
    }

    fn quick(&self, slot: &Slot) -> Option<Quick<'l>> {
        let (Slot::Field { position, .. } | Slot::Matched(position), Some(schema)) =
            (slot, &self.layout.schema)
        else {
            return None;
        };
        let field = &schema.fields()[*position];
        let mut required = self.layout.required().iter();
        let place = required.position(|required| required == position);
        Some(Quick {
            field,
            key: Prepared::new(&field.json_key),
            required: place.map_or(0, |place| 1 << place),
            free_text: field.kind == Kind::Text && field.size.is_none(),
        })
    }

    fn slot(&self, target: &str) -> Slot {
        if target.is_empty() {
            return Slot::Skip;
        }
        if let Some(fault) = self.layout.stranger(target) {
            return Slot::Bad(fault);
        }
        if self.layout.schema.is_none() && self.layout.shape() == Shape::Vals {
            return if target == ".id" {
                Slot::DatabaseId
            } else {
                Slot::Any(json_key(target))
            };
        }
        match self.layout.target(target) {
            Ok(Target::Field(position, _)) if self.layout.settings.matched.contains(target) => {
                Slot::Matched(position)
            }
            Ok(Target::Field(position, form)) => Slot::Field { position, form },
            Ok(Target::DatabaseId) => Slot::DatabaseId,
            Ok(Target::ExternalId) => Slot::ExternalId,
            Ok(Target::Skip) => Slot::Skip,
            Err(error) => Slot::Bad(Fault::new("unknown_field", error.to_string())),
        }
    }
}

/// The fault of a key that is no text.
pub fn invalid_key() -> Failure {
    let fault = Fault::new("invalid_key", "has a key that is not a text");
    (fault, None)
}

/// The fault of a record that is no mapping.
pub fn not_a_mapping(type_name: &str) -> Failure {
    let message = format!("is a {type_name}, not a mapping of field to value");
    (Fault::new("not_a_mapping", message), None)
}
