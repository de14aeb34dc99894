//! From a line to a row.
use crate::chunker::{Chunker, Mark};
use crate::dynamic::Value;
use crate::json;
use crate::layout::{Layout, Shape};
use crate::record::{self, Failure, Key, Keys, LoadKeys};
use crate::reject::Fault;
use crate::scan;
use crate::schema::json_key;
use crate::span::{
    Problem, Span, blanks_end, duplicate_key, fault, string_end, unescaped, value_end,
};

use super::quick::{Quickly, quickly};

/// Why a line is a reject.
enum Stop {
    /// It has no end.
    Line(Problem),
    /// Something is wrong with the record.
    Record(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Record(failure)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Line(problem)
    }
}

impl Stop {
    /// What to say. A line that is no JSON is nothing else, whatever was found before that was.
    fn reason(self, line: &str) -> Failure {
        let broken = serde_json::from_str::<serde::de::IgnoredAny>(line).err();
        match (self, broken) {
            (Self::Record(failure), None) => failure,
            (Self::Line(problem), None) => (fault(problem), None),
            (_, Some(error)) => {
                let text = error.to_string();
                let what = text.split(" at line ").next().unwrap_or_default();
                let place = error.column();
                let message = format!("is not JSON: {what} (at byte {place} of the line)");
                (Fault::new("not_json", message), None)
            }
        }
    }
}

/// A key as lines spell it.
struct Spelling {
    key: scan::Key,
    length: usize,
    /// Rows spell it so, too.
    same: bool,
    /// The last record that had it.
    record: u64,
}

impl Spelling {
    fn new(key: &Key<'_>) -> Self {
        let spelled = json_key(&key.name);
        let quick = key.quick.as_ref();
        Self {
            key: scan::Key::new(&key.name),
            length: spelled.len(),
            same: quick.is_some_and(|quick| quick.key.as_bytes() == spelled),
            record: 0,
        }
    }
}

/// Writes lines of one block.
pub(super) struct Lines<'l> {
    keys: Keys<'l>,
    /// Of each known key.
    spellings: Vec<Spelling>,
    /// Which record it is, from 1 on.
    record: u64,
    load: Option<LoadKeys>,
    /// An allocation that records share, empty between them.
    members: Vec<(usize, Span<'static>)>,
}

/// Text that has been looked at and can be copied, some of it not copied yet.
struct Pending<'a> {
    bytes: &'a [u8],
    from: usize,
}

impl Pending<'_> {
    /// Copy up to `end`; what comes next in the row differs from the text, which goes on at `to`.
    #[inline]
    fn copy(&mut self, end: usize, to: usize, out: &mut Vec<u8>) {
        json::copy(out, self.bytes, self.from, end);
        self.from = to;
    }
}

impl<'l> Lines<'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        Self {
            keys: Keys::new(layout),
            spellings: Vec::new(),
            record: 0,
            load: None,
            members: Vec::new(),
        }
    }

    /// Write a line's row, or reject it; `false` where the block ends before it.
    pub(super) fn write(&mut self, line: &str, chunker: &mut Chunker) -> bool {
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        let mark = chunker.mark();
        self.record += 1;
        let written = match self.keys.layout().shape() {
            Shape::Vals => self.vals(line, mark, chunker).map(|()| true),
            Shape::Load => self.load(line, chunker),
            Shape::Ids => self.ids(line, chunker).map(|()| true),
        };
        match written {
            Ok(true) => chunker.keep(line.as_bytes()),
            Ok(false) => {
                chunker.take_back(mark);
                return false;
            }
            Err(stop) => {
                let (fault, field) = stop.reason(line);
                let reject = fault.at(chunker.next_row(), field.as_deref());
                chunker.reject(mark, reject, line.as_bytes());
            }
        }
        true
    }

    /// Where the first member begins.
    fn begin(line: &str) -> Result<usize, Stop> {
        let bytes = line.as_bytes();
        if bytes.first() == Some(&b'{') {
            return Ok(blanks_end(bytes, 1));
        }
        let value = Span::new(line);
        value_end(bytes, 0)?;
        Err(record::not_a_mapping(&value.type_name()).into())
    }

    /// Nothing but blanks follows.
    fn end(line: &str, at: usize) -> Result<(), Stop> {
        if blanks_end(line.as_bytes(), at) == line.len() {
            Ok(())
        } else {
            Err(Problem::Syntax.into())
        }
    }

    /// The key that begins at `at`, and where what is behind its colon begins; probably it is the one after the last.
    #[inline]
    fn key(&mut self, line: &str, at: usize, expected: usize) -> Result<(usize, usize), Stop> {
        let rest = &line.as_bytes()[at..];
        let known = self.spellings.get(expected);
        let (place, end) = match known.and_then(|known| known.key.skipped(rest)) {
            Some(behind) => (expected, line.len() - behind.len()),
            None => self.other_key(line, at)?,
        };
        let record = &mut self.spellings[place].record;
        if *record == self.record {
            let name = self.keys.known()[place].name.clone();
            return Err((duplicate_key(&name), Some(name)).into());
        }
        *record = self.record;
        Ok((place, end))
    }

    #[cold]
    fn other_key(&mut self, line: &str, at: usize) -> Result<(usize, usize), Stop> {
        let bytes = line.as_bytes();
        if bytes.get(at) != Some(&b'"') {
            return Err(Problem::Syntax.into());
        }
        let (quote, _) = string_end(bytes, at + 1)?;
        let colon = blanks_end(bytes, quote + 1);
        if bytes.get(colon) != Some(&b':') {
            return Err(Problem::Syntax.into());
        }
        let name = unescaped(&line[at..=quote]).ok_or_else(record::invalid_key)?;
        let place = self.keys.find(&name);
        if let Some(key) = self.keys.known().get(self.spellings.len()) {
            self.spellings.push(Spelling::new(key));
        }
        Ok((place, colon + 1))
    }

    /// Where the value of a key ends.
    fn value_end(&self, line: &str, at: usize, place: usize) -> Result<usize, Stop> {
        value_end(line.as_bytes(), at).map_err(|problem| match problem {
            Problem::Syntax => problem.into(),
            Problem::TooDeep => {
                let name = self.keys.known()[place].name.clone();
                (fault(problem), Some(name)).into()
            }
        })
    }

    fn vals(&mut self, line: &str, mark: Mark, chunker: &mut Chunker) -> Result<(), Stop> {
        let bytes = line.as_bytes();
        let mut at = Self::begin(line)?;
        let mut pending = Pending { bytes, from: at };
        chunker.data().push(b'{');
        let (mut filled, mut expected) = (0, 0);
        let mut more = bytes.get(at) != Some(&b'}');
        while more {
            let begin = at;
            let (place, colon) = self.key(line, at, expected)?;
            expected = place + 1;
            at = blanks_end(bytes, colon);
            let key = &self.keys.known()[place];
            let done = match &key.quick {
                Some(quick) => quickly(quick, line, at),
                None => Quickly::No,
            };
            let mut copies = true;
            let fills = match (done, &key.quick) {
                (Quickly::AsItStands(end, fills), Some(quick)) => {
                    let spelling = &self.spellings[place];
                    if !spelling.same || colon - begin != spelling.length {
                        pending.copy(begin, at, chunker.data());
                        quick.key.append(chunker.data());
                    } else if at != colon {
                        pending.copy(colon, at, chunker.data());
                    }
                    at = end;
                    fills
                }
                (Quickly::False(end, fills), Some(quick)) => {
                    pending.copy(begin, end, chunker.data());
                    quick.key.append(chunker.data());
                    chunker.data().extend_from_slice(b"false");
                    at = end;
                    fills
                }
                _ => {
                    let end = self.value_end(line, at, place)?;
                    pending.copy(begin, end, chunker.data());
                    copies = false;
                    let value = Span::new(&line[at..end]);
                    at = end;
                    !record::write_member(key, &value, chunker)?
                }
            };
            if fills {
                filled |= key.required();
            }
            let end = at;
            at = blanks_end(bytes, end);
            if copies && at != end {
                pending.copy(end, at, chunker.data());
            }
            more = match bytes.get(at) {
                Some(b',') => true,
                Some(b'}') => false,
                _ => return Err(Problem::Syntax.into()),
            };
            // A member that was written has its comma already.
            let comma = at + usize::from(more);
            if !copies {
                pending.from = comma;
            }
            at = blanks_end(bytes, comma);
            if at != comma || !more {
                pending.copy(comma, at, chunker.data());
            }
        }
        Self::end(line, at + 1)?;
        record::end_object(self.keys.layout(), filled, mark, chunker)?;
        Ok(())
    }

    /// The members of an object, each key once.
    fn members<'b>(
        &mut self,
        line: &'b str,
        mut members: Vec<(usize, Span<'b>)>,
    ) -> Result<Vec<(usize, Span<'b>)>, Stop> {
        let bytes = line.as_bytes();
        let mut at = Self::begin(line)?;
        let mut expected = 0;
        let mut more = bytes.get(at) != Some(&b'}');
        while more {
            let (place, colon) = self.key(line, at, expected)?;
            expected = place + 1;
            at = blanks_end(bytes, colon);
            let end = self.value_end(line, at, place)?;
            members.push((place, Span::new(&line[at..end])));
            at = blanks_end(bytes, end);
            more = match bytes.get(at) {
                Some(b',') => true,
                Some(b'}') => false,
                _ => return Err(Problem::Syntax.into()),
            };
            at = if more { blanks_end(bytes, at + 1) } else { at };
        }
        Self::end(line, at + 1)?;
        Ok(members)
    }

    fn load(&mut self, line: &str, chunker: &mut Chunker) -> Result<bool, Stop> {
        let room = std::mem::take(&mut self.members);
        let members = self.members(line, room)?;
        let written = record::write_load(&members, &self.keys, &mut self.load, chunker);
        self.members = emptied(members);
        Ok(written?)
    }

    fn ids(&mut self, line: &str, chunker: &mut Chunker) -> Result<(), Stop> {
        if !line.starts_with('{') {
            let end = value_end(line.as_bytes(), 0)?;
            Self::end(line, end)?;
            let value = Span::new(line);
            return Ok(record::write_bare_id(&value, self.keys.layout(), chunker)?);
        }
        let room = std::mem::take(&mut self.members);
        let members = self.members(line, room)?;
        let written = record::write_ids(&members, &self.keys, chunker);
        self.members = emptied(members);
        Ok(written?)
    }
}

/// Nothing but the allocation, for text that lives longer.
fn emptied(mut members: Vec<(usize, Span<'_>)>) -> Vec<(usize, Span<'static>)> {
    members.clear();
    let nothing = members.into_iter();
    nothing.map(|(key, _)| (key, Span::new(""))).collect()
}
