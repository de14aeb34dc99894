//! Typed views of a record batch's columns.
use std::cell::OnceCell;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryViewArray, OffsetSizeTrait};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};

const DAY_MILLISECONDS: i64 = 86_400_000;
/// Texts that are checked together, at most: a dictionary may hold many more than a piece of a table has rows.
const MAX_CHECKED: usize = 8192;

/// One cell.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// Null.
    Nothing,
    /// A text.
    Text(&'a str),
    /// A text that is not valid UTF-8.
    NotText(&'a [u8]),
    /// A number.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// Days since 1970-01-01.
    Day(i64),
    /// Seconds since 1970-01-01 00:00:00 UTC.
    Second(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Several numbers: these of a column's items.
    Numbers(&'a Lists, usize, usize),
}

/// A number.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    Whole(i64),
    /// Units of ten to the power of minus the second.
    Decimal(i128, i8),
    Float(f64),
    Single(f32),
}

/// A column's values, those of nulls included, where they mean nothing.
#[derive(Debug)]
pub enum Values<'b> {
    Nothing,
    Text(Bytes<'b>),
    Numbers(Numbers),
    Boolean(&'b BooleanBuffer),
    Day(ScalarBuffer<i64>),
    Second(ScalarBuffer<i64>),
    Bytes(Bytes<'b>),
    Lists(Lists),
    Dictionary(ScalarBuffer<i64>, Box<Column<'b>>),
}

/// Numbers of one type; narrow ones are widened, what is wide already is shared.
#[derive(Debug)]
pub enum Numbers {
    Whole(ScalarBuffer<i64>),
    Decimal(ScalarBuffer<i128>, i8),
    Float(ScalarBuffer<f64>),
    Single(ScalarBuffer<f32>),
}

/// A column.
#[derive(Debug)]
pub struct Column<'b> {
    pub values: Values<'b>,
    pub nulls: Option<&'b NullBuffer>,
}

impl<'b> Column<'b> {
    /// A view of an array; `None` for types that go nowhere.
    pub fn of(array: &'b dyn Array) -> Option<Self> {
        let values = match array.data_type() {
            DataType::Null => Values::Nothing,
            DataType::Boolean => Values::Boolean(array.as_boolean().values()),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Text(Bytes::of(array)?)
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Values::Bytes(Bytes::of(array)?),
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>().values().iter();
                Values::Day(days.map(|&day| i64::from(day)).collect())
            }
            DataType::Date64 => {
                let moments = array.as_primitive::<Date64Type>().values();
                Values::Day(divided(moments, DAY_MILLISECONDS))
            }
            DataType::Timestamp(unit, _) => Values::Second(seconds(array, *unit)),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
                Values::Lists(Lists::of(array)?)
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let values = Self::of(dictionary.values())?;
                Values::Dictionary(keys(dictionary.keys())?, Box::new(values))
            }
            _ => Values::Numbers(Numbers::of(array)?),
        };
        Some(Self {
            values,
            nulls: array.nulls(),
        })
    }

    /// The cell is null; one of a dictionary may be so without this being true.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// The cell of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Cell<'_> {
        if self.is_null(row) {
            return Cell::Nothing;
        }
        match &self.values {
            Values::Nothing => Cell::Nothing,
            Values::Text(texts) => texts.cell(row),
            Values::Numbers(numbers) => Cell::Number(numbers.get(row)),
            Values::Boolean(flags) => Cell::Boolean(flags.value(row)),
            Values::Day(days) => Cell::Day(days[row]),
            Values::Second(seconds) => Cell::Second(seconds[row]),
            Values::Bytes(bytes) => Cell::Bytes(bytes.bytes(row)),
            Values::Lists(lists) => {
                Cell::Numbers(lists, lists.offsets[row], lists.offsets[row + 1])
            }
            Values::Dictionary(keys, values) => values.get(keys[row] as usize),
        }
    }
}

/// Where texts and other bytes lie.
#[derive(Debug)]
enum Places<'b> {
    Small(&'b [i32]),
    Large(&'b [i64]),
    Fixed(usize),
    Views(BinaryViewArray),
}

/// Texts or other bytes.
#[derive(Debug)]
pub struct Bytes<'b> {
    places: Places<'b>,
    data: &'b [u8],
    /// So many rows, where it is worth checking their texts all at once; else none.
    rows: usize,
    /// Checked when it is first asked for: the part of `data` that the cells are in and where it begins, if all of it
    /// is valid UTF-8.
    valid: OnceCell<Option<(&'b str, usize)>>,
}

impl<'b> Bytes<'b> {
    fn of(array: &'b dyn Array) -> Option<Self> {
        let (places, data): (_, &[u8]) = match array.data_type() {
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                (Places::Small(array.value_offsets()), array.value_data())
            }
            DataType::LargeBinary => {
                let array = array.as_binary::<i64>();
                (Places::Large(array.value_offsets()), array.value_data())
            }
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                (Places::Small(array.value_offsets()), array.value_data())
            }
            DataType::LargeUtf8 => {
                let array = array.as_string::<i64>();
                (Places::Large(array.value_offsets()), array.value_data())
            }
            DataType::BinaryView => (Places::Views(array.as_binary_view().clone()), &[]),
            DataType::Utf8View => {
                let views = array.as_string_view().clone().to_binary_view();
                (Places::Views(views), &[])
            }
            DataType::FixedSizeBinary(size) => {
                let data = array.as_fixed_size_binary().value_data();
                (Places::Fixed(usize::try_from(*size).ok()?), data)
            }
            _ => return None,
        };
        Some(Self {
            rows: if array.len() > MAX_CHECKED || matches!(places, Places::Views(_)) {
                0
            } else {
                array.len()
            },
            places,
            data,
            valid: OnceCell::new(),
        })
    }

    /// All texts at once, and where they begin in `data`; `None` where one of them is no text.
    fn whole(&self) -> Option<(&'b str, usize)> {
        *self.valid.get_or_init(|| {
            let (first, _) = self.range(0);
            let (_, last) = self.range(self.rows - 1);
            let text = simdutf8::basic::from_utf8(self.data.get(first..last)?).ok()?;
            Some((text, first))
        })
    }

    #[inline]
    fn range(&self, row: usize) -> (usize, usize) {
        match &self.places {
            Places::Small(offsets) => (offsets[row] as usize, offsets[row + 1] as usize),
            Places::Large(offsets) => (offsets[row] as usize, offsets[row + 1] as usize),
            Places::Fixed(size) => (row * size, (row + 1) * size),
            Places::Views(_) => (0, 0),
        }
    }

    /// The bytes of a cell.
    #[inline]
    pub fn bytes(&self, row: usize) -> &[u8] {
        if let Places::Views(views) = &self.places {
            return views.value(row);
        }
        let (start, stop) = self.range(row);
        self.data.get(start..stop).unwrap_or_default()
    }

    /// A cell of texts.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        self.text(row)
            .map_or_else(|| Cell::NotText(self.bytes(row)), Cell::Text)
    }

    /// The text of a cell; `None` where it is none: who made it may not have looked at its bytes.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&str> {
        if self.rows > 0
            && let Some((text, base)) = self.whole()
        {
            let (start, stop) = self.range(row);
            // Where a cell ends within a character, the cell is not text although the whole is.
            return text.get(start.wrapping_sub(base)..stop.wrapping_sub(base));
        }
        simdutf8::basic::from_utf8(self.bytes(row)).ok()
    }
}

impl Numbers {
    fn of(array: &dyn Array) -> Option<Self> {
        macro_rules! widened {
            ($kind:ty, $wide:expr) => {
                (array.as_primitive::<$kind>().values().iter())
                    .map(|&number| $wide(number))
                    .collect()
            };
        }
        Some(match array.data_type() {
            DataType::Int8 => Self::Whole(widened!(Int8Type, i64::from)),
            DataType::Int16 => Self::Whole(widened!(Int16Type, i64::from)),
            DataType::Int32 => Self::Whole(widened!(Int32Type, i64::from)),
            DataType::Int64 => Self::Whole(array.as_primitive::<Int64Type>().values().clone()),
            DataType::UInt8 => Self::Whole(widened!(UInt8Type, i64::from)),
            DataType::UInt16 => Self::Whole(widened!(UInt16Type, i64::from)),
            DataType::UInt32 => Self::Whole(widened!(UInt32Type, i64::from)),
            DataType::UInt64 => Self::Decimal(widened!(UInt64Type, i128::from), 0),
            DataType::Decimal32(_, scale) => {
                Self::Decimal(widened!(Decimal32Type, i128::from), *scale)
            }
            DataType::Decimal64(_, scale) => {
                Self::Decimal(widened!(Decimal64Type, i128::from), *scale)
            }
            DataType::Decimal128(_, scale) => {
                let numbers = array.as_primitive::<Decimal128Type>().values();
                Self::Decimal(numbers.clone(), *scale)
            }
            DataType::Float16 => Self::Single(widened!(Float16Type, f32::from)),
            DataType::Float32 => Self::Single(array.as_primitive::<Float32Type>().values().clone()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().values().clone()),
            _ => return None,
        })
    }

    #[inline]
    fn get(&self, row: usize) -> Number {
        match self {
            Self::Whole(numbers) => Number::Whole(numbers[row]),
            Self::Decimal(numbers, scale) => Number::Decimal(numbers[row], *scale),
            Self::Float(numbers) => Number::Float(numbers[row]),
            Self::Single(numbers) => Number::Single(numbers[row]),
        }
    }
}

/// Lists of numbers.
#[derive(Debug)]
pub struct Lists {
    offsets: Vec<usize>,
    items: Numbers,
    nulls: Option<NullBuffer>,
}

impl Lists {
    fn of(array: &dyn Array) -> Option<Self> {
        fn narrowed<O: OffsetSizeTrait>(array: &dyn Array) -> (Vec<usize>, &dyn Array) {
            let lists = array.as_list::<O>();
            let offsets = lists.value_offsets().iter();
            (offsets.map(|at| at.as_usize()).collect(), lists.values())
        }
        let (mut offsets, items) = match array.data_type() {
            DataType::List(_) => narrowed::<i32>(array),
            DataType::LargeList(_) => narrowed::<i64>(array),
            _ => {
                let lists = array.as_fixed_size_list();
                let size = usize::try_from(lists.value_length()).ok()?;
                let offsets = (0..=lists.len()).map(|at| at * size).collect();
                (offsets, lists.values().as_ref())
            }
        };
        // Only the items of these rows: those of a table's other rows need not be widened.
        let (first, last) = (*offsets.first()?, *offsets.last()?);
        let items = items.slice(first, last.checked_sub(first)?);
        for offset in &mut offsets {
            *offset = offset.checked_sub(first)?;
        }
        Some(Self {
            offsets,
            items: Numbers::of(&items)?,
            nulls: items.nulls().cloned(),
        })
    }

    /// The items of a list, from their column; `None` for a null.
    pub fn items(&self, start: usize, stop: usize) -> impl Iterator<Item = Option<Number>> + '_ {
        (start..stop).map(|at| {
            let null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
            (!null).then(|| self.items.get(at))
        })
    }
}

/// A dictionary's keys; those of nulls may be any.
fn keys(array: &dyn Array) -> Option<ScalarBuffer<i64>> {
    Some(match Numbers::of(array)? {
        Numbers::Whole(keys) => keys,
        Numbers::Decimal(keys, _) => keys.iter().map(|&key| key as i64).collect(),
        _ => return None,
    })
}

fn seconds(array: &dyn Array, unit: TimeUnit) -> ScalarBuffer<i64> {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values().clone(),
        TimeUnit::Millisecond => divided(
            array.as_primitive::<TimestampMillisecondType>().values(),
            1_000,
        ),
        TimeUnit::Microsecond => divided(
            array.as_primitive::<TimestampMicrosecondType>().values(),
            1_000_000,
        ),
        TimeUnit::Nanosecond => divided(
            array.as_primitive::<TimestampNanosecondType>().values(),
            1_000_000_000,
        ),
    }
}

/// Rounded down, so that a fraction is dropped before 1970, too.
fn divided(numbers: &[i64], by: i64) -> ScalarBuffer<i64> {
    (numbers.iter())
        .map(|number| number.div_euclid(by))
        .collect()
}
