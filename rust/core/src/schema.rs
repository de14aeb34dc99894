//! A model's fields, compiled for checking.
use std::collections::HashMap;

use crate::error::Error;
use crate::json;

/// How a field's values are checked and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `char`, `text`, `html`.
    Text,
    /// `integer`: int4 in the database.
    Integer,
    /// `float`, `monetary`.
    Float,
    /// `boolean`.
    Boolean,
    /// `date`.
    Date,
    /// `datetime`, in UTC.
    DateTime,
    /// `selection`.
    Selection,
    /// `many2one`.
    Many2one,
    /// `many2one_reference`: a bare database id.
    Many2oneReference,
    /// `reference`: `model,id`.
    Reference,
    /// `one2many`, `many2many`.
    ToMany,
    /// `json`, `properties`, `properties_definition`.
    Json,
    /// `binary`, `image`: base64.
    Binary,
}

impl Kind {
    /// The kind of Odoo's field type.
    pub fn of(odoo_type: &str) -> Option<Self> {
        Some(match odoo_type {
            "char" | "text" | "html" => Self::Text,
            "integer" => Self::Integer,
            "float" | "monetary" => Self::Float,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "selection" => Self::Selection,
            "many2one" => Self::Many2one,
            "many2one_reference" => Self::Many2oneReference,
            "reference" => Self::Reference,
            "one2many" | "many2many" => Self::ToMany,
            "json" | "properties" | "properties_definition" => Self::Json,
            "binary" | "image" => Self::Binary,
            _ => return None,
        })
    }

    /// Its values are records of another model.
    pub fn is_relation(self) -> bool {
        matches!(self, Self::Many2one | Self::ToMany)
    }
}

/// The values a selection field takes.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    keys: Vec<String>,
    by_text: HashMap<String, usize>,
    by_small_text: HashMap<String, usize>,
}

impl Selection {
    /// From Odoo's (key, label) pairs. A text that is a key of one value and the label of another is the key.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        let mut by_text = HashMap::new();
        for (at, (_, label)) in pairs.iter().enumerate() {
            by_text.entry(label.clone()).or_insert(at);
        }
        let keys: Vec<String> = pairs.into_iter().map(|(key, _)| key).collect();
        for (at, key) in keys.iter().enumerate() {
            by_text.insert(key.clone(), at);
        }
        let mut by_small_text = HashMap::new();
        for at in 0..keys.len() {
            for (text, _) in by_text.iter().filter(|(_, found)| **found == at) {
                by_small_text.entry(text.to_lowercase()).or_insert(at);
            }
        }
        Self {
            keys,
            by_text,
            by_small_text,
        }
    }

    /// The key that a text names, by key or by label; where it is neither, without regard to case, as Odoo's own import
    /// takes it.
    pub fn key_of(&self, text: &str) -> Option<&str> {
        self.by_text
            .get(text)
            .or_else(|| self.by_small_text.get(&text.to_lowercase()))
            .map(|&at| self.keys[at].as_str())
    }

    /// The text is a key.
    pub fn has_key(&self, text: &str) -> bool {
        self.by_text
            .get(text)
            .is_some_and(|&at| self.keys[at] == text)
    }

    /// All keys, in Odoo's order.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }
}

/// One field as `fields_get` describes it.
#[derive(Debug, Clone, Default)]
pub struct FieldDescription {
    /// Technical name.
    pub name: String,
    /// Odoo's type.
    pub odoo_type: String,
    /// A record needs a value.
    pub required: bool,
    /// It cannot be written.
    pub readonly: bool,
    /// Characters at most.
    pub size: Option<usize>,
    /// (key, label) pairs of a selection; `None` where they are not known.
    pub selection: Option<Vec<(String, String)>>,
}

/// One field, compiled.
#[derive(Debug, Clone)]
pub struct Field {
    /// Technical name.
    pub name: String,
    /// How values are checked.
    pub kind: Kind,
    /// A record needs a value.
    pub required: bool,
    /// It cannot be written.
    pub readonly: bool,
    /// Characters at most.
    pub size: Option<usize>,
    /// Its text is HTML: the server wraps a plain text in a paragraph.
    pub html: bool,
    /// The values of a selection, where they are known.
    pub selection: Option<Selection>,
    /// `"name":`, ready to append.
    pub json_key: Vec<u8>,
}

/// `"name":`, ready to append.
pub fn json_key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 3);
    json::string(&mut key, name);
    key.push(b':');
    key
}

/// A model's fields.
#[derive(Debug, Clone)]
pub struct Schema {
    model: String,
    fields: Vec<Field>,
    index: HashMap<String, usize>,
}

impl Schema {
    /// Compile the descriptions.
    ///
    /// # Errors
    /// A type that Odoo does not have.
    pub fn new(model: String, descriptions: Vec<FieldDescription>) -> Result<Self, Error> {
        let mut fields = Vec::with_capacity(descriptions.len());
        let mut index = HashMap::with_capacity(descriptions.len());
        for description in descriptions {
            let FieldDescription {
                name,
                odoo_type,
                required,
                readonly,
                size,
                selection,
            } = description;
            let kind = Kind::of(&odoo_type).ok_or_else(|| {
                Error::Config(format!(
                    "{model}.{name} has the type {odoo_type:?}, which is not known"
                ))
            })?;
            index.insert(name.clone(), fields.len());
            let json_key = json_key(&name);
            let selection = selection.map(Selection::new);
            fields.push(Field {
                name,
                kind,
                required,
                readonly,
                size: size.filter(|&n| n > 0),
                html: odoo_type == "html",
                selection,
                json_key,
            });
        }
        Ok(Self {
            model,
            fields,
            index,
        })
    }

    /// Technical model name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// All fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Position of a field.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// A field by name.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.position(name).map(|at| &self.fields[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_wins_over_another_values_label() {
        let pairs = [("a", "b"), ("b", "Bee"), ("c", "See")]
            .map(|(key, label)| (key.to_owned(), label.to_owned()));
        let selection = Selection::new(pairs.to_vec());
        assert_eq!(selection.key_of("b"), Some("b"));
        assert_eq!(selection.key_of("See"), Some("c"));
        assert_eq!(selection.key_of("SEE"), Some("c"));
        assert_eq!(selection.key_of("A"), Some("a"));
        assert!(selection.has_key("a") && !selection.has_key("Bee"));
    }

    #[test]
    fn an_unknown_type_is_named() {
        let description = FieldDescription {
            name: "x".into(),
            odoo_type: "quaternion".into(),
            ..Default::default()
        };
        let error = Schema::new("m".into(), vec![description])
            .unwrap_err()
            .to_string();
        assert!(error.contains("m.x") && error.contains("quaternion"));
    }
}
