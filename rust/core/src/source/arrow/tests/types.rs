//! Types of columns, to fields of every kind.
use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::types::{Int8Type, Int32Type};

use super::*;

#[test]
fn texts_are_checked_as_csv_text_is() {
    let texts = |cells: &[&str]| StringArray::from(cells.to_vec());
    assert_eq!(
        vals("short", texts(&["ab\"", "long", "é€ü", "nul\0"])),
        [
            r#"{"short":"ab\""}"#,
            "too_long",
            r#"{"short":"é€ü"}"#,
            "nul"
        ]
    );
    assert_eq!(
        vals("number", texts(&[" 7 ", "x", "", "2147483648"])),
        [
            r#"{"number":7}"#,
            "invalid_integer",
            r#"{"name":"x"}"#,
            "integer_out_of_range"
        ]
    );
    assert_eq!(
        vals("state", texts(&["One", "Two"])),
        [r#"{"state":"1"}"#, "invalid_selection"]
    );
    assert_eq!(vals("flag", texts(&["yes"])), [r#"{"flag":true}"#]);
    assert_eq!(
        vals("tags/.id", texts(&["1, 2", "0"])),
        [r#"{"tags":[[6,0,[1,2]]]}"#, "invalid_id"]
    );
}

#[test]
fn every_spelling_of_texts_reads_the_same() {
    let cells = vec![
        Some("a"),
        None,
        Some("a text of more than twelve bytes"),
        Some(""),
        Some("é"),
    ];
    let wanted = [
        r#"{"short":"a"}"#,
        r#"{"name":"x"}"#,
        "too_long",
        r#"{"name":"x"}"#,
        r#"{"short":"é"}"#,
    ];
    let keys = DictionaryArray::<Int8Type>::from_iter(cells.clone());
    assert_eq!(vals("short", StringArray::from(cells.clone())), wanted);
    assert_eq!(vals("short", LargeStringArray::from(cells.clone())), wanted);
    assert_eq!(vals("short", StringViewArray::from(cells)), wanted);
    assert_eq!(vals("short", keys), wanted);
}

#[test]
fn numbers_go_where_numbers_fit() {
    let whole = Int64Array::from(vec![Some(1), Some(-3_000_000_000), None, Some(0)]);
    assert_eq!(
        vals("number", whole.clone()),
        [
            r#"{"number":1}"#,
            "integer_out_of_range",
            r#"{"name":"x"}"#,
            r#"{"number":0}"#
        ]
    );
    assert_eq!(
        vals("parent/.id", whole.clone()),
        [
            r#"{"parent":1}"#,
            "invalid_id",
            r#"{"name":"x"}"#,
            "invalid_id"
        ]
    );
    assert_eq!(
        vals("flag", whole.clone()),
        [
            r#"{"flag":true}"#,
            "invalid_boolean",
            r#"{"name":"x"}"#,
            r#"{"flag":false}"#
        ]
    );
    assert_eq!(
        vals("state", whole.clone()),
        [
            r#"{"state":"1"}"#,
            "invalid_selection",
            r#"{"name":"x"}"#,
            "invalid_selection"
        ]
    );
    assert_eq!(
        vals("short", whole.clone())[..2],
        [r#"{"short":"1"}"#, "too_long"]
    );
    assert_eq!(
        vals("amount", whole.clone())[1],
        r#"{"amount":-3000000000}"#
    );
    assert_eq!(vals("tags/.id", whole)[0], r#"{"tags":[[6,0,[1]]]}"#);
    assert_eq!(
        vals("number", UInt64Array::from(vec![7, u64::MAX])),
        [r#"{"number":7}"#, "integer_out_of_range"]
    );
    assert_eq!(
        vals("amount", UInt64Array::from(vec![u64::MAX])),
        [r#"{"amount":18446744073709551615}"#]
    );
    assert_eq!(
        vals("number", Int8Array::from(vec![-5])),
        [r#"{"number":-5}"#]
    );
}

#[test]
fn floats_and_decimals_keep_their_digits() {
    let floats = || Float64Array::from(vec![5.0, 0.1, f64::NAN, f64::INFINITY, 1e18]);
    assert_eq!(
        vals("amount", floats()),
        [
            r#"{"amount":5.0}"#,
            r#"{"amount":0.1}"#,
            "invalid_float",
            "invalid_float",
            r#"{"amount":1e+18}"#
        ]
    );
    assert_eq!(
        vals("number", floats()),
        [
            r#"{"number":5}"#,
            "invalid_integer",
            "invalid_integer",
            "invalid_integer",
            "integer_out_of_range"
        ]
    );
    assert_eq!(
        vals("parent/.id", floats())[..2],
        [r#"{"parent":5}"#, "invalid_id"]
    );
    assert_eq!(
        vals("amount", Float32Array::from(vec![0.1])),
        [r#"{"amount":0.1}"#]
    );
    let decimals = || {
        let cells = Decimal128Array::from(vec![1250, -500, 5]);
        cells.with_precision_and_scale(10, 2).unwrap()
    };
    assert_eq!(
        vals("amount", decimals()),
        [
            r#"{"amount":12.50}"#,
            r#"{"amount":-5.00}"#,
            r#"{"amount":0.05}"#
        ]
    );
    assert_eq!(
        vals("number", decimals()),
        ["invalid_integer", r#"{"number":-5}"#, "invalid_integer"]
    );
    assert_eq!(
        vals("short", decimals()),
        ["too_long", "too_long", "too_long"]
    );
}

#[test]
fn days_and_moments_become_odoos() {
    let days = || Date32Array::from(vec![Some(19_782), None, Some(i32::MAX)]);
    assert_eq!(
        vals("day", days()),
        [r#"{"day":"2024-02-29"}"#, r#"{"name":"x"}"#, "invalid_date"]
    );
    assert_eq!(
        vals("moment", days()),
        [
            r#"{"moment":"2024-02-29 00:00:00"}"#,
            r#"{"name":"x"}"#,
            "invalid_datetime"
        ]
    );
    assert_eq!(
        vals("day", Date64Array::from(vec![86_400_000])),
        [r#"{"day":"1970-01-02"}"#]
    );
    let moment = r#"{"moment":"1969-12-31 23:59:59"}"#;
    for array in [
        Arc::new(TimestampSecondArray::from(vec![-1])) as ArrayRef,
        Arc::new(TimestampMillisecondArray::from(vec![-1])),
        Arc::new(TimestampMicrosecondArray::from(vec![-1])),
        Arc::new(TimestampNanosecondArray::from(vec![-1])),
        // A zone says how to show a moment: the number is UTC's.
        Arc::new(TimestampMicrosecondArray::from(vec![-1]).with_timezone("+02:00")),
    ] {
        assert_eq!(one("moment", array, Shape::Vals), [moment]);
    }
    assert_eq!(
        vals("day", TimestampSecondArray::from(vec![-1])),
        [r#"{"day":"1969-12-31"}"#]
    );
}

#[test]
fn lists_bytes_and_booleans() {
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), Some(2)]);
    lists.append_null();
    lists.append_value([]);
    lists.append_value([Some(3), None]);
    lists.append_value([Some(0)]);
    let lists = lists.finish();
    assert_eq!(
        vals("tags/.id", lists.clone()),
        [
            r#"{"tags":[[6,0,[1,2]]]}"#,
            r#"{"name":"x"}"#,
            r#"{"tags":[[6,0,[]]]}"#,
            "invalid_id",
            "invalid_id"
        ]
    );
    assert_eq!(
        one("tags/.id", Arc::new(lists.slice(0, 3)), Shape::Load),
        [r#"["1,2"]"#, r#"[""]"#, r#"[""]"#]
    );
    let narrow = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        [Some([Some(4), Some(5)]), Some([Some(6), Some(7)])],
        2,
    );
    assert_eq!(
        vals("tags/.id", narrow.slice(1, 1)),
        [r#"{"tags":[[6,0,[6,7]]]}"#]
    );
    assert_eq!(
        vals("image", BinaryArray::from_vec(vec![b"hi"])),
        [r#"{"image":"aGk="}"#]
    );
    let views = BinaryViewArray::from_iter_values([b"hi"]);
    assert_eq!(vals("image", views), [r#"{"image":"aGk="}"#]);
    let flags = || BooleanArray::from(vec![Some(true), Some(false), None]);
    assert_eq!(
        vals("flag", flags()),
        [r#"{"flag":true}"#, r#"{"flag":false}"#, r#"{"name":"x"}"#]
    );
    assert_eq!(
        one("flag", Arc::new(flags()), Shape::Load),
        [r#"["True"]"#, r#"["False"]"#, r#"[""]"#]
    );
    assert_eq!(
        one("data", Arc::new(flags()), Shape::Load)[0],
        r#"["true"]"#
    );
    assert_eq!(vals("number", NullArray::new(1)), [r#"{"name":"x"}"#]);
}

#[test]
fn dictionaries_of_any_values_are_unpacked() {
    let keys = Int8Array::from(vec![Some(1), None, Some(0), Some(2)]);
    let values = Int32Array::from(vec![Some(10), Some(20), None]);
    let array = DictionaryArray::new(keys, Arc::new(values));
    assert_eq!(
        vals("number", array.slice(0, 4)),
        [
            r#"{"number":20}"#,
            r#"{"name":"x"}"#,
            r#"{"number":10}"#,
            r#"{"name":"x"}"#
        ]
    );
}
