use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::sync::Arc;

use super::*;
use crate::layout::{ExternalIdRule, Identity, Settings, Shape};
use crate::schema::{FieldDescription, Schema};

fn schema() -> Arc<Schema> {
    let field = |name: &str, odoo_type: &str| FieldDescription {
        name: name.into(),
        odoo_type: odoo_type.into(),
        required: name == "name",
        readonly: name == "computed",
        size: (name == "code").then_some(3),
        selection: (odoo_type == "selection").then(|| vec![("a".into(), "A".into())]),
    };
    let fields = [
        ("name", "char"),
        ("code", "char"),
        ("n", "integer"),
        ("x", "float"),
        ("b", "boolean"),
        ("d", "date"),
        ("t", "datetime"),
        ("s", "selection"),
        ("parent_id", "many2one"),
        ("tag_ids", "many2many"),
        ("j", "json"),
        ("computed", "char"),
    ];
    let fields = fields.map(|(name, odoo_type)| field(name, odoo_type));
    Arc::new(Schema::new("m".into(), fields.to_vec()).unwrap())
}

fn settings(shape: Shape) -> Settings {
    Settings {
        shape,
        columns: None,
        renames: HashMap::new(),
        defaults: HashMap::new(),
        required: false,
        external_id: None,
        identity: None,
        matched: HashSet::new(),
    }
}

fn layout(settings: Settings) -> Layout {
    Layout::new(Some(schema()), settings).unwrap()
}

fn source(text: impl Into<Vec<u8>>) -> NdjsonSource {
    let reader = Box::new(Cursor::new(text.into()));
    let input = Input::from_reader(reader, encoding_rs::UTF_8, None).unwrap();
    NdjsonSource::new(input, 1 << 20)
}

fn read(text: &str, layout: &Layout) -> Block {
    source(text)
        .read(layout, 1000, 1 << 20, None)
        .unwrap()
        .unwrap()
}

/// Row, field and code of a reject.
type Told = (u64, Option<String>, &'static str);

/// The rows of a text, and its rejects.
fn rows(text: &str, layout: &Layout) -> (String, Vec<Told>) {
    let block = read(text, layout);
    let rejects = block.rejects.into_iter();
    (
        String::from_utf8(block.chunk.json().to_vec()).unwrap(),
        rejects
            .map(|(reject, _)| (reject.row, reject.field, reject.code))
            .collect(),
    )
}

fn vals(line: &str) -> Result<String, &'static str> {
    let (rows, rejects) = rows(line, &layout(settings(Shape::Vals)));
    rejects.first().map_or(Ok(rows), |(_, _, code)| Err(code))
}

#[test]
fn what_is_good_as_it_stands_is_copied() {
    for line in [
        r#"{"name":"A","n":-5,"x":1.25,"b":true,"d":"2024-02-29","t":"2024-02-29 10:00:00","s":"a","parent_id":7,"code":"abc"}"#,
        r#"{"b":false,"name":"","s":false,"n":0,"x":-0.5}"#,
        "{\"name\":\"é 漢字 🦀\u{7f}\"}",
        r#"{"n":2147483647}"#,
        r#"{"n":-2147483648}"#,
    ] {
        assert_eq!(vals(line).as_deref(), Ok(line));
    }
}

#[test]
fn what_differs_is_converted() {
    for (line, wanted) in [
        (
            " { \"name\" : \"A\" , \"n\" :\t1 } \r",
            r#"{"name":"A","n":1}"#,
        ),
        (r#"{"name": "A", "n": 1}"#, r#"{"name":"A","n":1}"#),
        (
            r#"{"name":null,"b":null,"n":2}"#,
            r#"{"name":false,"b":false,"n":2}"#,
        ),
        (r#"{"name":"a\u00e9\/\n\""}"#, "{\"name\":\"aé/\\n\\\"\"}"),
        (r#"{"\u006eame":"A"}"#, r#"{"name":"A"}"#),
        (
            r#"{"x":1,"name":"A","n":1.0}"#,
            r#"{"x":1.0,"name":"A","n":1}"#,
        ),
        (r#"{"x":1.50}"#, r#"{"x":1.5}"#),
        (r#"{"x":1e3}"#, r#"{"x":1000.0}"#),
        (r#"{"n":-0}"#, r#"{"n":0}"#),
        (r#"{"name":5}"#, r#"{"name":"5"}"#),
        (
            r#"{"name":123456789012345678901234567890}"#,
            r#"{"name":"123456789012345678901234567890"}"#,
        ),
        (r#"{"b":1}"#, r#"{"b":true}"#),
        (
            r#"{"t":"2024-02-29T10:00:00Z","d":"2024-02-29 10:00:00"}"#,
            r#"{"t":"2024-02-29 10:00:00","d":"2024-02-29"}"#,
        ),
        (
            r#"{"t":"2024-02-29 10:00+01"}"#,
            r#"{"t":"2024-02-29 09:00:00"}"#,
        ),
        (
            r#"{"s":"","d":"","parent_id":false}"#,
            r#"{"s":false,"d":false,"parent_id":false}"#,
        ),
        (
            r#"{"tag_ids":[[6, 0, [1, 2]]],"j":{"a": [null, 1.50]}}"#,
            r#"{"tag_ids":[[6,0,[1,2]]],"j":{"a":[null,1.5]}}"#,
        ),
        (r#"{"j":"text","name":"A"}"#, r#"{"j":"text","name":"A"}"#),
        (r#"{"j":true}"#, r#"{"j":true}"#),
    ] {
        assert_eq!(vals(line).as_deref(), Ok(wanted), "{line}");
    }
}

#[test]
fn what_is_wrong_is_a_reject() {
    for (line, code) in [
        ("", "none"),
        (r#"{"name":"A""#, "not_json"),
        (r#"{"name":"A"} x"#, "not_json"),
        (r#"{"name":"A",}"#, "not_json"),
        (r#"{"name":'A'}"#, "not_json"),
        (r#"{name:"A"}"#, "not_json"),
        (r#"{"n":01}"#, "not_json"),
        (r#"{"n":tru}"#, "not_json"),
        (r#"{"b":truex}"#, "not_json"),
        ("{\"name\":\"a\u{1}\"}", "not_json"),
        (r#"{"name":"\x"}"#, "not_json"),
        (r#"{"nope":1"#, "not_json"),
        (r#"{"n":"x","name":"A"]"#, "not_json"),
        (r#"["A"]"#, "not_a_mapping"),
        (r#"["A"] x"#, "not_json"),
        ("5", "not_a_mapping"),
        ("{}", "empty_record"),
        (r#"{"name":"A","name":"B"}"#, "duplicate_key"),
        (r#"{"name":"A","\u006eame":"B"}"#, "duplicate_key"),
        (r#"{"nope":1}"#, "unknown_field"),
        (r#"{"computed":"x"}"#, "unknown_field"),
        (r#"{"\ud800":1}"#, "invalid_key"),
        (r#"{"name":"\u0000"}"#, "nul"),
        (r#"{"name":"\ud800"}"#, "invalid_text"),
        (r#"{"name":["A"]}"#, "invalid_text"),
        (r#"{"name":true}"#, "invalid_text"),
        (r#"{"code":"abcd"}"#, "too_long"),
        (r#"{"n":2147483648}"#, "integer_out_of_range"),
        (r#"{"n":-2147483649}"#, "integer_out_of_range"),
        (
            r#"{"n":123456789012345678901234567890}"#,
            "integer_out_of_range",
        ),
        (r#"{"n":1.5}"#, "invalid_integer"),
        (r#"{"n":"1"}"#, "invalid_integer"),
        (r#"{"x":1e999}"#, "invalid_float"),
        (r#"{"b":2}"#, "invalid_boolean"),
        (r#"{"d":"2023-02-29"}"#, "invalid_date"),
        (r#"{"t":"2023-02-28 25:00:00"}"#, "invalid_datetime"),
        (r#"{"s":"A"}"#, "invalid_selection"),
        (r#"{"parent_id":0}"#, "invalid_id"),
        (r#"{"parent_id":-0}"#, "invalid_id"),
        (r#"{"tag_ids":[1]}"#, "invalid_command"),
        (r#"{"j":{"a":1,"a":2}}"#, "duplicate_key"),
    ] {
        if code == "none" {
            assert!(
                source(line)
                    .read(&layout(settings(Shape::Vals)), 10, 100, None)
                    .unwrap()
                    .is_none()
            );
        } else {
            assert_eq!(vals(line), Err(code), "{line}");
        }
    }
}

#[test]
fn a_broken_line_is_shown_and_its_place_named() {
    let block = read(
        "{\"name\":\"A\"}\n  {\"name\" \"B\"}\r\n",
        &layout(settings(Shape::Vals)),
    );
    let (reject, raw) = &block.rejects[0];
    assert_eq!((reject.row, reject.field.as_deref()), (1, None));
    assert_eq!(
        reject.message,
        "is not JSON: expected `:` (at byte 9 of the line)"
    );
    assert_eq!(raw, br#"{"name" "B"}"#);
    assert_eq!(block.chunk.raw(0), Some(&br#"{"name":"A"}"#[..]));
}

#[test]
fn rows_are_those_of_lines_that_are_not_blank() {
    let text = "\u{feff}\r\n{\"name\":\"A\"}\r\n \t \n\n{\"n\":\"x\"}\n{\"name\":\"B\"}";
    let block = read(text, &layout(settings(Shape::Vals)));
    assert_eq!(block.chunk.rows(), [0, 2]);
    assert_eq!(block.chunk.json(), br#"{"name":"A"},{"name":"B"}"#);
    assert_eq!((block.read, block.rejects[0].0.row), (3, 1));
    assert_eq!(source(text).count().unwrap(), 3);
}

#[test]
fn required_fields_have_to_have_a_value() {
    let mut wanted = settings(Shape::Vals);
    wanted.required = true;
    let text = [
        r#"{"n":1}"#,
        r#"{"n":1,"name":null}"#,
        r#"{"name":""}"#,
        r#"{"name":"A"}"#,
        r#"{"name":"\u0041"}"#,
    ];
    let (good, rejects) = rows(&text.join("\n"), &layout(wanted));
    assert_eq!(good, r#"{"name":"A"},{"name":"A"}"#);
    let missing = |row| (row, Some("name".to_owned()), "required");
    assert_eq!(rejects, [missing(0), missing(1), missing(2)]);
}

#[test]
fn keys_are_renamed_and_left_out() {
    let mut wanted = settings(Shape::Vals);
    for (key, target) in [("Name", "name"), ("_row", ""), ("ref", ".id")] {
        wanted.renames.insert(key.into(), target.into());
    }
    let text = [
        r#"{"Name":"A","_row":{"x":[1,"]"]},"n":1}"#,
        r#"{"_row":1,"n":2,"Name":"B"}"#,
        r#"{"n":3,"_row":null}"#,
        r#"{"_row":1}"#,
    ];
    let (good, rejects) = rows(&text.join("\n"), &layout(wanted.clone()));
    assert_eq!(good, r#"{"name":"A","n":1},{"n":2,"name":"B"},{"n":3}"#);
    assert_eq!(rejects, [(3, None, "empty_record")]);
    let block = read(
        "{\"ref\": 7, \"n\":1}\n{\"n\":2,\"ref\":8}\n{\"n\":3}",
        &layout(wanted),
    );
    assert_eq!(block.chunk.json(), br#"{"n":1},{"n":2}"#);
    assert_eq!(block.chunk.ids(), Some(&[7, 8][..]));
    assert_eq!(block.rejects[0].0.code, "missing_id");
}

#[test]
fn rows_of_load_have_the_same_keys_in_a_block() {
    let mut wanted = settings(Shape::Load);
    wanted.external_id = Some(ExternalIdRule::Key("p.".into(), vec!["name".into()]));
    let wanted = layout(wanted);
    let text = [
        r#"{"name":"A","parent_id":1,"x":1.50}"#,
        r#"{"x":null,"name":"A","parent_id":""}"#,
        r#"{"name":"B","n":true}"#,
        r#"{"name":"B","n":2}"#,
        r#"{"parent_id/id":"a.b","name":"C"}"#,
    ];
    let mut source = source(text.join("\n"));
    let mut blocks = Vec::new();
    while let Some(block) = source.read(&wanted, 100, 1 << 20, None).unwrap() {
        blocks.push(block);
    }
    let read: Vec<_> = blocks
        .iter()
        .map(|block| (block.first_row, block.read))
        .collect();
    assert_eq!(read, [(0, 2), (2, 2), (4, 1)]);
    assert_eq!(
        blocks[0].chunk.fields().unwrap(),
        ["id", "name", "parent_id/.id", "x"]
    );
    let ids = blocks[0].chunk.external_ids().unwrap();
    assert_eq!(ids[0], ids[1]);
    assert!(
        std::str::from_utf8(blocks[0].chunk.json())
            .unwrap()
            .ends_with(r#""A","",""]"#)
    );
    assert_eq!(blocks[1].rejects[0].0.code, "invalid_integer");
    assert_eq!(
        blocks[2].chunk.fields().unwrap(),
        ["id", "parent_id/id", "name"]
    );
}

#[test]
fn rows_of_ids_are_objects_or_bare_ids() {
    let mut wanted = settings(Shape::Ids);
    wanted.identity = Some(Identity::Database);
    let (good, rejects) = rows(
        "{\".id\":5,\"name\":[]}\n7\n\"x\"\n{\"id\":\"a.b\"}\n8 9",
        &layout(wanted.clone()),
    );
    assert_eq!(good, "5,7");
    let codes: Vec<_> = rejects.iter().map(|(_, _, code)| *code).collect();
    assert_eq!(codes, ["invalid_id", "missing_id", "not_json"]);
    wanted.identity = Some(Identity::External);
    let block = read("{\"id\":\"a.b\"}\n{\".id\":5}\n6", &layout(wanted));
    assert_eq!(block.chunk.external_ids().unwrap(), ["a.b"]);
    assert_eq!(block.rejects.len(), 2);
}

#[test]
fn keys_of_related_records_are_texts_or_numbers() {
    let mut wanted = settings(Shape::Load);
    wanted.matched = ["parent_id".to_owned(), "tag_ids".to_owned()].into();
    let line = |parent: &str, tags: &str| {
        format!(r#"{{"name":"A","parent_id":{parent},"tag_ids":{tags}}}"#)
    };
    let text = [
        line("\"K\"", "[\"a\",2]"),
        line("7", "\"a,b\""),
        line("[1]", "null"),
        line("null", "[null]"),
    ];
    let block = read(&text.join("\n"), &layout(wanted));
    assert_eq!(
        block.chunk.fields().unwrap(),
        ["name", "parent_id", "tag_ids"]
    );
    assert_eq!(block.chunk.json(), br#"["A","K","a,2"],["A","7","a,b"]"#);
    assert_eq!(block.rejects.len(), 2);
}

#[test]
fn rows_to_be_skipped_are_counted_and_not_looked_at() {
    let mut skip = RowSet::default();
    skip.add(1, 3);
    let text = "{\"n\":0}\nbroken\n{\"n\":2}\n{\"n\":3}\n";
    let wanted = layout(settings(Shape::Vals));
    let block = source(text)
        .read(&wanted, 100, 1 << 20, Some(&skip))
        .unwrap()
        .unwrap();
    assert_eq!(
        (block.read, block.chunk.rows(), block.rejects.len()),
        (4, &[0, 3][..], 0)
    );
}

#[test]
fn lines_may_be_longer_than_a_read_but_not_than_the_limit() {
    let name = "x".repeat(700_000);
    let text = format!("{{\"n\":1}}\n{{\"name\":\"{name}\"}}\n{{\"n\":2}}\n");
    let wanted = layout(settings(Shape::Vals));
    assert_eq!(read(&text, &wanted).chunk.len(), 3);
    let reader = Box::new(Cursor::new(text));
    let input = Input::from_reader(reader, encoding_rs::UTF_8, None).unwrap();
    let mut source = NdjsonSource::new(input, 600_000);
    let error = source
        .read(&wanted, 100, 1 << 20, None)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("row 1, which begins at byte 8, is longer than 600000 bytes"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let text = b"{\"n\":1}\n\n{\"name\":\"\xff\"}\n".to_vec();
    for error in [
        source(text.clone())
            .read(&layout(settings(Shape::Vals)), 100, 1 << 20, None)
            .unwrap_err(),
        source(text.clone()).count().unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.starts_with("row 1: byte 18 is not UTF-8"), "{error}");
    }
}

#[test]
fn utf_16_is_told_by_its_nuls() {
    let wide: Vec<u8> = "{\"n\":1}\n".bytes().flat_map(|byte| [byte, 0]).collect();
    let error = source(wide).count().unwrap_err().to_string();
    assert!(error.contains("is it UTF-16?"), "{error}");
    let (good, rejects) = rows(
        "{\"n\":1}\n{\"name\":\"a\0\"}",
        &layout(settings(Shape::Vals)),
    );
    assert_eq!(
        (good.as_str(), rejects),
        ("{\"n\":1}", vec![(1, None, "not_json")])
    );
}

#[test]
fn the_first_record_stays_to_be_read() {
    let mut source = source("\nbroken\n[1]\n {\"n\":1} \r\n{\"n\":2}");
    assert_eq!(source.first().unwrap().as_deref(), Some("{\"n\":1}"));
    let block = source
        .read(&layout(settings(Shape::Vals)), 100, 1 << 20, None)
        .unwrap()
        .unwrap();
    assert_eq!((block.read, block.chunk.len()), (4, 2));
    assert_eq!(source.first().unwrap(), None);
}
