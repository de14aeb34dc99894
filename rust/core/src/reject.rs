//! A record that cannot go in, as a value.
use std::borrow::Cow;

/// One record that cannot go in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// 0-based number of the record in the input.
    pub row: u64,
    /// The field at fault, where one is.
    pub field: Option<String>,
    /// A stable word for the kind of fault.
    pub code: &'static str,
    /// What is wrong and what would be right, in one line.
    pub message: String,
}

/// What is wrong with one value; becomes a [`Reject`] once row and field are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable word for the kind of fault.
    pub code: &'static str,
    /// What is wrong and what would be right, in one line.
    pub message: Cow<'static, str>,
}

impl Fault {
    /// A fault with a message.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The reject of the record that holds this value.
    pub fn at(self, row: u64, field: Option<&str>) -> Reject {
        Reject {
            row,
            field: field.map(str::to_owned),
            code: self.code,
            message: self.message.into_owned(),
        }
    }
}

/// A value as a message shows it: quoted, control characters escaped, cut at 60 characters.
pub fn shown(value: &str) -> String {
    let mut text: String = value
        .chars()
        .take(60)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(60).is_some() {
        text.push('…');
    }
    format!("\"{text}\"")
}
