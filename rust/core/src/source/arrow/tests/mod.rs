mod reading;
mod types;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::*;
use arrow_schema::ArrowError;

use super::*;
use crate::layout::Settings;
use crate::schema::{FieldDescription, Schema};

fn schema() -> Arc<Schema> {
    let kinds = [
        ("name", "char"),
        ("short", "char"),
        ("number", "integer"),
        ("amount", "monetary"),
        ("flag", "boolean"),
        ("day", "date"),
        ("moment", "datetime"),
        ("state", "selection"),
        ("parent", "many2one"),
        ("tags", "many2many"),
        ("data", "json"),
        ("image", "binary"),
        ("link", "reference"),
    ];
    let descriptions = kinds.map(|(name, odoo_type)| FieldDescription {
        name: name.into(),
        odoo_type: odoo_type.into(),
        required: name == "name",
        size: (name == "short").then_some(3),
        selection: (name == "state").then(|| vec![("1".to_owned(), "One".to_owned())]),
        ..Default::default()
    });
    Arc::new(Schema::new("m".into(), descriptions.to_vec()).unwrap())
}

fn settings(shape: Shape, targets: &[&str]) -> Settings {
    Settings {
        shape,
        columns: Some(
            targets
                .iter()
                .map(|name| (!name.is_empty()).then(|| (*name).to_owned()))
                .collect(),
        ),
        renames: HashMap::new(),
        defaults: HashMap::from([("number".to_owned(), "9".to_owned())]),
        required: false,
        external_id: None,
        identity: None,
        matched: HashSet::new(),
    }
}

fn layout(shape: Shape, targets: &[&str]) -> Layout {
    Layout::new(Some(schema()), settings(shape, targets)).unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn source(batches: Vec<RecordBatch>) -> ArrowSource {
    let schema = batches[0].schema();
    let batches = batches.into_iter().map(Ok::<_, ArrowError>);
    ArrowSource::new(Box::new(RecordBatchIterator::new(batches, schema)))
}

fn read(source: &mut ArrowSource, layout: &Layout, rows: usize) -> Option<Block> {
    source.read(layout, rows, 1 << 20, None).unwrap()
}

/// One column to one target: each row's JSON, or the code of its reject.
fn one(target: &str, array: ArrayRef, shape: Shape) -> Vec<String> {
    let layout = layout(shape, &["name", target]);
    let names: StringArray = (0..array.len()).map(|_| Some("x")).collect();
    let mut source = source(vec![batch(vec![("name", Arc::new(names)), ("c", array)])]);
    let block = read(&mut source, &layout, 1000).unwrap();
    let mut found: Vec<(u64, String)> = (0..block.chunk.len())
        .map(|at| {
            let json = String::from_utf8(block.chunk.row_json(at).to_vec()).unwrap();
            let json = json
                .replace("{\"name\":\"x\",", "{")
                .replace("[\"x\",", "[");
            (block.chunk.rows()[at], json)
        })
        .collect();
    found.extend(
        block
            .rejects
            .iter()
            .map(|(reject, _)| (reject.row, reject.code.to_owned())),
    );
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

fn vals(target: &str, array: impl Array + 'static) -> Vec<String> {
    one(target, Arc::new(array), Shape::Vals)
}
