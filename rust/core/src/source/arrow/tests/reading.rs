//! Blocks, shapes and what is told before a record is read.
use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_schema::Schema as ArrowSchema;

use super::*;
use crate::layout::ExternalIdRule;

#[test]
fn a_load_row_is_texts_with_defaults() {
    let layout = layout(Shape::Load, &["id", "number", "amount", "moment"]);
    let mut source = source(vec![batch(vec![
        ("a", Arc::new(Int64Array::from(vec![12, 13]))),
        ("b", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("c", Arc::new(Float64Array::from(vec![1.5, 2.5]))),
        ("d", Arc::new(TimestampSecondArray::from(vec![0, 1]))),
    ])]);
    let block = read(&mut source, &layout, 10).unwrap();
    assert_eq!(
        String::from_utf8_lossy(block.chunk.json()),
        r#"["12","1","1.5","1970-01-01 00:00:00"],["13","9","2.5","1970-01-01 00:00:01"]"#
    );
    assert_eq!(block.chunk.external_ids().unwrap(), ["12", "13"]);
    assert_eq!(
        block.chunk.fields().unwrap(),
        ["id", "number", "amount", "moment"]
    );
}

#[test]
fn made_external_ids_are_those_of_the_same_texts() {
    let settings = Settings {
        external_id: Some(ExternalIdRule::Key("p_".into(), vec!["number".into()])),
        ..settings(Shape::Load, &["name", "number"])
    };
    let layout = Layout::new(Some(schema()), settings).unwrap();
    let ids: Vec<Vec<String>> = [
        Arc::new(Int64Array::from(vec![7])) as ArrayRef,
        Arc::new(Float64Array::from(vec![7.0])),
        Arc::new(StringArray::from(vec!["7"])),
    ]
    .into_iter()
    .map(|array| {
        let name = Arc::new(StringArray::from(vec!["x"]));
        let mut source = source(vec![batch(vec![("a", name), ("b", array)])]);
        let block = read(&mut source, &layout, 10).unwrap();
        block.chunk.external_ids().unwrap().to_vec()
    })
    .collect();
    assert_eq!(ids[0], [format!("p_{}", crate::digest::key(["7"]))]);
    assert!(ids.iter().all(|one| *one == ids[0]));
}

#[test]
fn an_ids_row_is_an_id() {
    let layout = layout(Shape::Ids, &[".id"]);
    let ids = Arc::new(Int64Array::from(vec![Some(5), None, Some(-1)]));
    let block = read(&mut source(vec![batch(vec![("a", ids)])]), &layout, 10).unwrap();
    assert_eq!(block.chunk.json(), b"5");
    assert_eq!(block.chunk.ids().unwrap(), [5]);
    assert_eq!(block.rejects.len(), 2);
}

#[test]
fn what_goes_nowhere_is_named_before_anything_is_read() {
    let floats = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let flags = || Arc::new(BooleanArray::from(vec![true])) as ArrayRef;
    let days = || Arc::new(Date32Array::from(vec![1])) as ArrayRef;
    let zoned = || Arc::new(TimestampSecondArray::from(vec![1]).with_timezone("UTC")) as ArrayRef;
    let times = || Arc::new(Time32SecondArray::from(vec![1])) as ArrayRef;
    for (target, array) in [
        ("short", floats()),
        ("short", days()),
        ("number", flags()),
        ("number", days()),
        ("parent", floats()),
        ("parent/id", floats()),
        ("tags", flags()),
        ("day", zoned()),
        ("day", floats()),
        ("state", floats()),
        ("link", floats()),
        ("image", flags()),
        ("moment", times()),
        (".id", flags()),
        ("id", floats()),
    ] {
        let layout = layout(Shape::Load, &[target]);
        let kind = array.data_type().to_string();
        let source = source(vec![batch(vec![("c", array)])]);
        let message = source.check(&layout).unwrap_err().to_string();
        assert!(
            message.contains("\"c\"") && message.contains(&kind) && message.contains(target),
            "{message}"
        );
    }
    let unused = source(vec![batch(vec![("c", times())])]);
    unused.check(&layout(Shape::Load, &[""])).unwrap();
}

#[test]
fn blocks_go_on_over_batches_and_skip_rows() {
    let layout = layout(Shape::Vals, &["number"]);
    let numbers = |range: std::ops::Range<i64>| {
        let array = Arc::new(Int64Array::from_iter_values(range));
        batch(vec![("n", array)])
    };
    let batches = vec![
        numbers(0..3),
        numbers(3..3),
        numbers(3..2500),
        numbers(2500..2501),
    ];
    let mut skip = RowSet::default();
    skip.add(1, 3);
    skip.add(1990, 2010);
    let mut source = source(batches);
    let mut seen = Vec::new();
    let mut read = 0;
    while let Some(block) = source.read(&layout, 1000, 1 << 20, Some(&skip)).unwrap() {
        assert_eq!(block.first_row, read);
        read += block.read;
        assert!(block.read == 1000 || read == 2501);
        for at in 0..block.chunk.len() {
            let row = block.chunk.rows()[at];
            assert_eq!(
                block.chunk.row_json(at),
                format!("{{\"number\":{row}}}").as_bytes()
            );
            assert_eq!(block.chunk.original(row).unwrap(), [row.to_string()]);
            seen.push(row);
        }
    }
    assert_eq!(read, 2501);
    let wanted: Vec<u64> = (0..2501).filter(|&row| !skip.contains(row)).collect();
    assert_eq!(seen, wanted);
    assert_eq!(source.position(), 2501);
}

#[test]
fn a_block_ends_at_its_bytes() {
    let layout = layout(Shape::Vals, &["name"]);
    let long = "x".repeat(1000);
    let texts = Arc::new(StringArray::from(vec![long.as_str(); 100]));
    let mut source = source(vec![batch(vec![("n", texts)])]);
    let mut rows = Vec::new();
    while let Some(block) = source.read(&layout, 1000, 10_000, None).unwrap() {
        rows.push(block.read);
    }
    assert_eq!(rows, [10; 10]);
}

#[test]
fn rows_before_a_failure_are_out_before_it_is_told() {
    let good = batch(vec![("n", Arc::new(Int64Array::from(vec![1, 2])))]);
    let schema: Arc<ArrowSchema> = good.schema();
    let batches = vec![
        Ok(good),
        Err(ArrowError::ComputeError("the disk is gone".into())),
    ];
    let mut source = ArrowSource::new(Box::new(RecordBatchIterator::new(batches, schema)));
    let layout = layout(Shape::Vals, &["number"]);
    assert_eq!(read(&mut source, &layout, 10).unwrap().read, 2);
    let message = source
        .read(&layout, 10, 1000, None)
        .unwrap_err()
        .to_string();
    assert!(message.contains("row 2") && message.contains("the disk is gone"));
    assert!(source.read(&layout, 10, 1000, None).unwrap().is_none());
}

#[test]
fn rejects_show_their_record_as_a_csv_file_would() {
    let layout = layout(
        Shape::Vals,
        &[
            "number",
            "amount",
            "parent/.id",
            "day",
            "tags/.id",
            "image",
            "",
        ],
    );
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), Some(2)]);
    let mut source = source(vec![batch(vec![
        ("a", Arc::new(Float64Array::from(vec![5.0]))),
        ("b", Arc::new(Float64Array::from(vec![f64::NAN]))),
        ("c", Arc::new(Float64Array::from(vec![7.0]))),
        ("d", Arc::new(Date32Array::from(vec![Some(0)]))),
        ("e", Arc::new(lists.finish())),
        ("f", Arc::new(BinaryArray::from_vec(vec![b"hi"]))),
        ("g", Arc::new(Time32SecondArray::from(vec![1]))),
    ])]);
    let block = read(&mut source, &layout, 10).unwrap();
    assert_eq!(block.rejects.len(), 1);
    assert_eq!(
        block.chunk.original(0).unwrap(),
        ["5", "NaN", "7", "1970-01-01", "1,2", "aGk=", ""]
    );
    assert_eq!(block.chunk.original(1), None);
}

#[test]
fn a_required_cell_and_a_record_without_any() {
    let settings = Settings {
        required: true,
        ..settings(Shape::Vals, &["name", "number"])
    };
    let layout = Layout::new(Some(schema()), settings).unwrap();
    let names = Arc::new(StringArray::from(vec![Some("a"), Some(""), None]));
    let numbers = Arc::new(Int64Array::from(vec![None, Some(1), Some(1)]));
    let block = read(
        &mut source(vec![batch(vec![("a", names), ("b", numbers)])]),
        &layout,
        10,
    )
    .unwrap();
    assert_eq!(block.chunk.rows(), [0]);
    let codes: Vec<&str> = block
        .rejects
        .iter()
        .map(|(reject, _)| reject.code)
        .collect();
    assert_eq!(codes, ["required", "required"]);
    let layout = super::layout(Shape::Vals, &["number"]);
    let nothing = Arc::new(Int64Array::from(vec![None]));
    let block = read(&mut source(vec![batch(vec![("a", nothing)])]), &layout, 10).unwrap();
    assert_eq!(block.rejects[0].0.code, "empty_record");
}

#[test]
fn counting_reads_to_the_end() {
    let numbers = batch(vec![("n", Arc::new(Int64Array::from(vec![1, 2, 3])))]);
    assert_eq!(source(vec![numbers.clone(), numbers]).count().unwrap(), 6);
}
