//! One value of a serialised row, without decoding the others.
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::chunk::Chunk;

/// Where a relation's value stands in a chunk's rows.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// At this position of arrays (the `load` shape).
    At(usize),
    /// The member of objects.
    Member(&'a str),
    /// The rows have no such value.
    Nowhere,
}

impl<'a> Place<'a> {
    /// Where the values of a field stand, in whatever form its column names them (`parent_id`, `parent_id/id`).
    pub fn of_field(chunk: &Chunk, field: &'a str) -> Self {
        Self::find(chunk, field, |name| name.split('/').next() == Some(field))
    }

    /// Where the values of a column stand.
    pub fn of_column(chunk: &Chunk, column: &'a str) -> Self {
        Self::find(chunk, column, |name| name == column)
    }

    fn find(chunk: &Chunk, name: &'a str, is_it: impl Fn(&str) -> bool) -> Self {
        match chunk.fields().filter(|fields| !fields.is_empty()) {
            None => Self::Member(name),
            Some(fields) => fields
                .iter()
                .position(|one| is_it(one))
                .map_or(Self::Nowhere, Self::At),
        }
    }

    /// The value's JSON in one row; `None` where it is not there or empty (`""`, `false`, `null`).
    pub fn json(self, row: &[u8]) -> Option<&str> {
        let mut reader = serde_json::Deserializer::from_slice(row);
        let found: Option<&RawValue> = self.deserialize(&mut reader).ok()?;
        found
            .map(RawValue::get)
            .filter(|json| !matches!(*json, "\"\"" | "false" | "null"))
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        match self {
            Place::At(_) => reader.deserialize_seq(self),
            Place::Member(_) => reader.deserialize_map(self),
            Place::Nowhere => Ok(None),
        }
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let Place::At(at) = self else { return Ok(None) };
        for _ in 0..at {
            if values.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = values.next_element()?;
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Place::Member(name) = self else {
            return Ok(None);
        };
        let mut found = None;
        while let Some(key) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == name {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_position_and_by_name() {
        let row = br#"["a","b\"c","",7]"#;
        assert_eq!(Place::At(1).json(row), Some(r#""b\"c""#));
        assert_eq!(Place::At(2).json(row), None);
        assert_eq!(Place::At(3).json(row), Some("7"));
        assert_eq!(Place::At(4).json(row), None);
        let row = br#"{"n\u0061me":"x","parent_id":12,"tags":[[6,0,[1]]],"no":false}"#;
        assert_eq!(Place::Member("name").json(row), Some("\"x\""));
        assert_eq!(Place::Member("parent_id").json(row), Some("12"));
        assert_eq!(Place::Member("tags").json(row), Some("[[6,0,[1]]]"));
        assert_eq!(Place::Member("no").json(row), None);
        assert_eq!(Place::Member("absent").json(row), None);
        assert_eq!(Place::Nowhere.json(row), None);
    }
}
