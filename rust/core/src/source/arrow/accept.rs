//! Which types of columns go to which fields: told before a record is read.
use arrow_schema::DataType;

use crate::layout::{Layout, Target};
use crate::schema::Kind;
use crate::value::Form;

/// What a type's cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Nothing,
    Text,
    Whole,
    Decimal,
    Float,
    Boolean,
    Day,
    Second {
        zoned: bool,
    },
    Bytes,
    Numbers,
    /// Nothing that a field takes.
    Other,
}

impl Class {
    fn is_number(self) -> bool {
        matches!(self, Self::Whole | Self::Decimal | Self::Float)
    }
}

fn class(data_type: &DataType) -> Class {
    match data_type {
        DataType::Null => Class::Nothing,
        DataType::Boolean => Class::Boolean,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Class::Text,
        DataType::Date32 | DataType::Date64 => Class::Day,
        DataType::Timestamp(_, zone) => Class::Second {
            zoned: zone.is_some(),
        },
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Class::Bytes,
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale) => {
            if *scale > 0 {
                Class::Decimal
            } else {
                Class::Whole
            }
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Class::Float,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match class(item.data_type()) {
                Class::Whole if !matches!(item.data_type(), DataType::Dictionary(..)) => {
                    Class::Numbers
                }
                _ => Class::Other,
            }
        }
        DataType::Dictionary(_, values) => match class(values) {
            Class::Numbers => Class::Other,
            class => class,
        },
        whole if whole.is_integer() => Class::Whole,
        _ => Class::Other,
    }
}

/// The cells are numbers: where they go to a relation, they are database ids and no names.
pub(super) fn holds_numbers(data_type: &DataType) -> bool {
    class(data_type).is_number() || class(data_type) == Class::Numbers
}

/// Cells of this type can go there.
pub(super) fn accepts(data_type: &DataType, target: &Target, layout: &Layout) -> bool {
    let class = class(data_type);
    if matches!(class, Class::Nothing | Class::Text) {
        return true;
    }
    match target {
        Target::Skip => true,
        Target::DatabaseId => class.is_number(),
        Target::ExternalId => class == Class::Whole,
        Target::Field(at, form) => layout
            .field_at(*at)
            .is_none_or(|field| suits(class, field.kind, *form)),
    }
}

fn suits(class: Class, kind: Kind, form: Form) -> bool {
    match (kind, form) {
        (_, Form::ExternalId) | (Kind::Many2one | Kind::ToMany, Form::Plain) => {
            class == Class::Whole
        }
        (Kind::ToMany, _) => class.is_number() || class == Class::Numbers,
        (Kind::Many2one | Kind::Many2oneReference | Kind::Integer | Kind::Float, _) => {
            class.is_number()
        }
        (Kind::Text, _) => matches!(class, Class::Whole | Class::Decimal),
        (Kind::Selection, _) => class == Class::Whole,
        (Kind::Boolean, _) => matches!(class, Class::Whole | Class::Boolean),
        (Kind::Date, _) => matches!(class, Class::Day | Class::Second { zoned: false }),
        (Kind::DateTime, _) => matches!(class, Class::Day | Class::Second { .. }),
        (Kind::Json, _) => class.is_number() || class == Class::Boolean,
        (Kind::Binary, _) => class == Class::Bytes,
        (Kind::Reference, _) => false,
    }
}
