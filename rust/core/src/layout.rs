//! How a record's cells become one serialised row.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::chunker::Chunker;
use crate::digest;
use crate::error::Error;
use crate::json::{self, Prepared};
use crate::reject::{Fault, Reject};
use crate::schema::{Field, Kind, Schema};
use crate::value::{self, Form};

/// What a serialised row looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON object, for `create` and `web_save_multi`.
    Vals,
    /// A JSON array of strings, for `load`.
    Load,
    /// A bare database id, for `unlink`.
    Ids,
}

/// What names the record of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nothing: every row is a new record.
    New,
    /// An external id (`id`).
    External,
    /// A database id (`.id`).
    Database,
}

/// Where a column's cells go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nowhere.
    Skip,
    /// Into a field: its position in the schema.
    Field(usize, Form),
    /// The row's own external id (`id`).
    ExternalId,
    /// The row's own database id (`.id`).
    DatabaseId,
}

/// One input column.
#[derive(Debug, Clone)]
pub struct Column {
    /// As the layout was told (`parent_id/.id`).
    pub name: String,
    /// Where its cells go.
    pub target: Target,
    /// What an empty cell becomes in the `load` shape, as JSON.
    pub(crate) default: Vec<u8>,
    /// An empty cell is a fault.
    pub(crate) required: bool,
    /// The field's key in the `vals` shape.
    key: Prepared,
}

/// How external ids are made where the input has none.
#[derive(Debug, Clone)]
pub enum ExternalIdRule {
    /// The prefix and the row number.
    Row(String),
    /// The prefix and a digest of these columns' texts.
    Key(String, Vec<String>),
}

/// Settings of a [`Layout`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// What a row looks like.
    pub shape: Shape,
    /// Target of each input column, `None` to skip it; `None` for mappings that name their own.
    pub columns: Option<Vec<Option<String>>>,
    /// Record key -> target, for mappings.
    pub renames: HashMap<String, String>,
    /// What an empty cell of a field becomes in the `load` shape, as text.
    pub defaults: HashMap<String, String>,
    /// Check required fields.
    pub required: bool,
    /// Make external ids.
    pub external_id: Option<ExternalIdRule>,
    /// What a mapping has to name its record by; `None` for whatever it has.
    pub identity: Option<Identity>,
    /// Relations whose values, in mappings, are keys of related records.
    pub matched: HashSet<String>,
}

/// How a record becomes one serialised row.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Fields to check against.
    pub schema: Option<Arc<Schema>>,
    /// What it was made of.
    pub settings: Settings,
    columns: Vec<Column>,
    key_columns: Vec<usize>,
    fields: Arc<Vec<String>>,
    /// Positions of required fields without a default, at most 64.
    required: Vec<usize>,
}

impl Layout {
    /// Compile the settings.
    ///
    /// # Errors
    /// A target that the schema does not know or that cannot be written; settings that contradict each other.
    pub fn new(schema: Option<Arc<Schema>>, settings: Settings) -> Result<Self, Error> {
        let mut layout = Self {
            schema,
            settings,
            columns: Vec::new(),
            key_columns: Vec::new(),
            fields: Arc::new(Vec::new()),
            required: Vec::new(),
        };
        if layout.settings.required && layout.settings.shape != Shape::Ids {
            layout.required = layout.required_fields();
        }
        if let Some(names) = layout.settings.columns.clone() {
            layout.set_columns(&names)?;
        } else if matches!(layout.settings.external_id, Some(ExternalIdRule::Key(..)))
            && layout.settings.shape != Shape::Load
        {
            return Err(Error::Config(
                "external ids are made in the load shape only".into(),
            ));
        }
        // An empty target leaves the key out.
        let targets = layout.settings.renames.values();
        for target in targets.filter(|target| !target.is_empty()) {
            layout.target(target)?;
        }
        Ok(layout)
    }

    fn required_fields(&self) -> Vec<usize> {
        let Some(schema) = &self.schema else {
            return Vec::new();
        };
        let wanted =
            |field: &Field| field.required && !field.readonly && field.kind != Kind::Boolean;
        let without_default = |field: &Field| !self.settings.defaults.contains_key(&field.name);
        let fields = schema.fields().iter().enumerate();
        fields
            .filter(|(_, field)| wanted(field) && without_default(field))
            .map(|(at, _)| at)
            .take(64)
            .collect()
    }

    fn set_columns(&mut self, names: &[Option<String>]) -> Result<(), Error> {
        let mut fields = Vec::new();
        if self.settings.shape == Shape::Load && self.settings.external_id.is_some() {
            fields.push("id".to_owned());
        }
        for name in names {
            let name = name.clone().unwrap_or_default();
            let target = if name.is_empty() {
                Target::Skip
            } else {
                self.target(&name)?
            };
            if target == Target::ExternalId && self.settings.external_id.is_some() {
                return Err(Error::Config(
                    "the input has a column id, and external ids were to be made".into(),
                ));
            }
            if target != Target::Skip {
                if fields.contains(&name) {
                    return Err(Error::Config(format!("two columns go to {name}")));
                }
                fields.push(name.clone());
            }
            let column = self.column(name, target);
            self.columns.push(column);
        }
        let covered: Vec<usize> = self
            .columns
            .iter()
            .filter_map(|column| field_position(&column.target))
            .collect();
        if let (Some(schema), Some(missing)) = (
            &self.schema,
            self.required.iter().find(|at| !covered.contains(at)),
        ) {
            let name = &schema.fields()[*missing].name;
            return Err(Error::Config(format!(
                "{}.{name} is required and no column goes to it",
                schema.model()
            )));
        }
        if let Some(ExternalIdRule::Key(_, keys)) = &self.settings.external_id {
            for key in keys {
                let at = self.columns.iter().position(|column| column.name == *key);
                let at = at.ok_or_else(|| {
                    Error::Config(format!("the key column {key} is not in the input"))
                })?;
                self.key_columns.push(at);
            }
        }
        self.fields = Arc::new(fields);
        Ok(())
    }

    fn column(&self, name: String, target: Target) -> Column {
        let position = field_position(&target);
        let mut default = Vec::new();
        let text = match (&self.schema, position) {
            (Some(schema), Some(at)) => self.settings.defaults.get(&schema.fields()[at].name),
            _ => None,
        };
        json::string(&mut default, text.map_or("", String::as_str));
        let required = position.is_some_and(|at| self.required.contains(&at));
        let key = position.and_then(|at| self.field_at(at));
        Column {
            name,
            target,
            default,
            required,
            key: Prepared::new(key.map_or(&[], |field| &field.json_key)),
        }
    }

    /// What a target's name means.
    ///
    /// # Errors
    /// The schema does not know it, or it cannot be written.
    pub fn target(&self, name: &str) -> Result<Target, Error> {
        match name {
            "id" => return Ok(Target::ExternalId),
            ".id" => return Ok(Target::DatabaseId),
            _ => {}
        }
        let (field, form) = match name.split_once('/') {
            None => (name, Form::Plain),
            Some((field, "id")) => (field, Form::ExternalId),
            Some((field, ".id")) => (field, Form::DatabaseId),
            Some((_, rest)) => {
                return Err(Error::Config(format!(
                    "{name}: only /id and /.id may follow a field, not /{rest}"
                )));
            }
        };
        let Some(schema) = &self.schema else {
            return Err(Error::Config(format!("{name}: columns need a schema")));
        };
        let model = schema.model();
        let at = schema
            .position(field)
            .ok_or_else(|| Error::Config(format!("{model} has no field {field}")))?;
        let found = &schema.fields()[at];
        if found.readonly {
            return Err(Error::Config(format!("{model}.{field} is readonly")));
        }
        if form != Form::Plain && !found.kind.is_relation() {
            return Err(Error::Config(format!(
                "{name}: {model}.{field} is not a relation"
            )));
        }
        if self.settings.shape == Shape::Vals {
            if form == Form::ExternalId {
                return Err(Error::Config(format!(
                    "{name}: external ids are resolved by load only"
                )));
            }
            if form == Form::Plain && found.kind.is_relation() && self.settings.columns.is_some() {
                return Err(Error::Config(format!(
                    "{name}: names are resolved by load only; {name}/.id takes ids"
                )));
            }
        }
        Ok(Target::Field(at, form))
    }

    /// Why a mapping must not have a key with this target: it names its record, and rows do not go by that.
    pub fn stranger(&self, target: &str) -> Option<Fault> {
        let identity = self.settings.identity?;
        let (what, own) = match target {
            "id" => ("an external id", Identity::External),
            ".id" => ("a database id", Identity::Database),
            _ => return None,
        };
        let message = match identity {
            _ if identity == own => return None,
            Identity::New => format!("holds {what}, and every row is a new record"),
            Identity::External => format!("holds {what}, and rows go by external ids"),
            Identity::Database => format!("holds {what}, and rows go by database ids"),
        };
        Some(Fault::new("unknown_field", message))
    }

    /// The input columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Positions of the input columns that external ids are made of.
    pub(crate) fn key_columns(&self) -> &[usize] {
        &self.key_columns
    }

    /// What a row looks like.
    pub fn shape(&self) -> Shape {
        self.settings.shape
    }

    /// The columns of the `load` shape.
    pub fn fields(&self) -> &Arc<Vec<String>> {
        &self.fields
    }

    /// Positions of required fields without a default.
    pub fn required(&self) -> &[usize] {
        &self.required
    }

    /// Check a record's cells and write its row, or reject it. `raw` is the record as it was read.
    pub fn write_cells(&self, cells: &[&str], raw: &[u8], chunker: &mut Chunker) {
        let mark = chunker.mark();
        match self.try_cells(cells, chunker) {
            Ok(()) => chunker.keep(raw),
            Err((fault, field)) => {
                let reject = fault.at(chunker.next_row(), field);
                chunker.reject(mark, reject, raw);
            }
        }
    }

    fn try_cells<'s>(
        &'s self,
        cells: &[&str],
        chunker: &mut Chunker,
    ) -> Result<(), (Fault, Option<&'s str>)> {
        if cells.len() != self.columns.len() {
            return Err((wrong_count(cells.len(), self.columns.len()), None));
        }
        match self.settings.shape {
            Shape::Vals => self.vals_cells(cells, chunker),
            Shape::Load => self.load_cells(cells, chunker),
            Shape::Ids => self.ids_cells(cells, chunker),
        }
    }

    pub(crate) fn field_at(&self, at: usize) -> Option<&Field> {
        self.schema.as_ref().map(|schema| &schema.fields()[at])
    }

    fn vals_cells<'s>(
        &'s self,
        cells: &[&str],
        chunker: &mut Chunker,
    ) -> Result<(), (Fault, Option<&'s str>)> {
        let begin = chunker.data().len();
        chunker.data().push(b'{');
        for (column, cell) in self.columns.iter().zip(cells) {
            match column.target {
                Target::Field(at, form) => {
                    if cell.is_empty() {
                        if column.required {
                            return Err((required(), Some(&column.name)));
                        }
                        continue;
                    }
                    let Some(field) = self.field_at(at) else {
                        continue;
                    };
                    value::append_text(chunker.data(), &column.key, field, form, cell)
                        .map_err(|fault| (fault, Some(&*column.name)))?;
                }
                Target::DatabaseId => {
                    let id =
                        value::database_id(cell).map_err(|fault| (fault, Some(&*column.name)))?;
                    chunker.push_id(id);
                }
                Target::ExternalId => {
                    value::external_id(cell).map_err(|fault| (fault, Some(&*column.name)))?;
                    chunker.push_external_id((*cell).to_owned());
                }
                Target::Skip => {}
            }
        }
        let data = chunker.data();
        if data.len() == begin + 1 {
            return Err((empty_record(), None));
        }
        let last = data.len() - 1;
        data[last] = b'}';
        Ok(())
    }

    /// A new record needs a value; a row that names a record which is there may empty all that it has.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn check_filled(&self, filled: bool) -> Result<(), Fault> {
        if filled || !self.settings.required {
            Ok(())
        } else {
            Err(empty_record())
        }
    }

    fn load_cells<'s>(
        &'s self,
        cells: &[&str],
        chunker: &mut Chunker,
    ) -> Result<(), (Fault, Option<&'s str>)> {
        chunker.data().push(b'[');
        if let Some(id) = self.made_external_id(cells, chunker.next_row()) {
            let data = chunker.data();
            json::string(data, &id);
            data.push(b',');
            chunker.push_external_id(id);
        }
        let mut filled = false;
        for (column, cell) in self.columns.iter().zip(cells) {
            match column.target {
                Target::Skip => continue,
                Target::Field(at, form) => {
                    if cell.is_empty() {
                        if column.required {
                            return Err((required(), Some(&column.name)));
                        }
                        chunker.data().extend_from_slice(&column.default);
                    } else if let Some(field) = self.field_at(at) {
                        let parsed = value::from_text(field, form, cell)
                            .map_err(|fault| (fault, Some(&*column.name)))?;
                        value::write_load(chunker.data(), &parsed);
                        filled = true;
                    }
                }
                Target::ExternalId => {
                    value::external_id(cell).map_err(|fault| (fault, Some(&*column.name)))?;
                    json::string(chunker.data(), cell);
                    chunker.push_external_id((*cell).to_owned());
                }
                Target::DatabaseId => {
                    let id =
                        value::database_id(cell).map_err(|fault| (fault, Some(&*column.name)))?;
                    chunker.push_id(id);
                    json::string(chunker.data(), cell.trim());
                }
            }
            chunker.data().push(b',');
        }
        self.check_filled(filled).map_err(|fault| (fault, None))?;
        let data = chunker.data();
        let last = data.len() - 1;
        data[last] = b']';
        Ok(())
    }

    fn ids_cells<'s>(
        &'s self,
        cells: &[&str],
        chunker: &mut Chunker,
    ) -> Result<(), (Fault, Option<&'s str>)> {
        let mut found = false;
        for (column, cell) in self.columns.iter().zip(cells) {
            match column.target {
                Target::DatabaseId => {
                    let id =
                        value::database_id(cell).map_err(|fault| (fault, Some(&*column.name)))?;
                    json::integer(chunker.data(), id);
                    chunker.push_id(id);
                    found = true;
                }
                Target::ExternalId => {
                    value::external_id(cell).map_err(|fault| (fault, Some(&*column.name)))?;
                    json::string(chunker.data(), cell);
                    chunker.push_external_id((*cell).to_owned());
                    found = true;
                }
                _ => {}
            }
            if found {
                return Ok(());
            }
        }
        Err((missing_id(), None))
    }

    /// The external id that a rule makes for these cells.
    fn made_external_id(&self, cells: &[&str], row: u64) -> Option<String> {
        match self.settings.external_id.as_ref()? {
            ExternalIdRule::Row(prefix) => Some(format!("{prefix}{row}")),
            ExternalIdRule::Key(prefix, _) => Some(format!(
                "{prefix}{}",
                digest::key(self.key_columns.iter().map(|&at| cells[at]))
            )),
        }
    }

    /// The external id that a rule makes for a mapping, given the texts of its key columns.
    pub fn external_id_of(&self, row: u64, keys: &[String]) -> Option<String> {
        match self.settings.external_id.as_ref()? {
            ExternalIdRule::Row(prefix) => Some(format!("{prefix}{row}")),
            ExternalIdRule::Key(prefix, _) => Some(format!(
                "{prefix}{}",
                digest::key(keys.iter().map(String::as_str))
            )),
        }
    }

    /// The reject of a record with this fault.
    pub fn reject(row: u64, fault: Fault, field: Option<&str>) -> Reject {
        fault.at(row, field)
    }
}

fn field_position(target: &Target) -> Option<usize> {
    if let Target::Field(at, _) = target {
        Some(*at)
    } else {
        None
    }
}

/// The fault of a required field without a value.
pub fn required() -> Fault {
    Fault::new("required", "is required and empty")
}

/// The fault of a record with no value at all.
pub fn empty_record() -> Fault {
    Fault::new("empty_record", "has no value at all")
}

/// The fault of a row to delete without anything that names its record.
pub(crate) fn missing_id() -> Fault {
    Fault::new("missing_id", "has neither .id nor id")
}

fn wrong_count(found: usize, wanted: usize) -> Fault {
    let code = if found > wanted {
        "too_many_cells"
    } else {
        "too_few_cells"
    };
    Fault::new(
        code,
        format!("has {found} cells, and the header has {wanted}"),
    )
}
