//! CSV as spreadsheets and databases write it: quotes, doubled quotes, line breaks inside quotes, any line ending.
use crate::chunk::{Block, RawFormat};
use crate::chunker::Chunker;
use crate::error::Error;
use crate::layout::{Layout, Shape};
use crate::reject::Fault;
use crate::rowset::{RowSet, Skipped};
use crate::source::input::Input;
use crate::source::text::Text;
use std::ops::Range;

/// How a CSV file is written.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells that hold a delimiter, a quote or a line break.
    pub quote: u8,
    /// Ends a record: `\n`, before which a `\r` may stand, or `\r` in files that have no other.
    pub newline: u8,
}

/// One cell of a record, within the record's bytes.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: usize,
    stop: usize,
    /// It holds doubled quotes, or text after the closing one: its text has to be put together.
    composed: bool,
}

/// What a scan of the buffer found.
enum Scan {
    /// A whole record: bytes to consume, line ending included.
    Record(usize),
    /// The buffer ends within a record.
    More,
    /// The input ends within quotes.
    Open,
}

/// Reads a CSV file.
pub struct CsvSource {
    text: Text,
    dialect: Dialect,
    header: Vec<String>,
    cells: Vec<Cell>,
    next_row: u64,
    max_record_bytes: usize,
}

impl CsvSource {
    /// Open a file and read its header. Without a delimiter, the commonest of `, ; tab |` in the header is taken.
    ///
    /// # Errors
    /// It cannot be read, is empty, or its header is not text.
    pub fn open(
        path: &str,
        delimiter: Option<u8>,
        quote: u8,
        encoding: &str,
        max_record_bytes: usize,
    ) -> Result<Self, Error> {
        Self::new(
            Input::open(path, encoding)?,
            delimiter,
            quote,
            max_record_bytes,
        )
    }

    /// Read from an input.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn new(
        input: Input,
        delimiter: Option<u8>,
        quote: u8,
        max_record_bytes: usize,
    ) -> Result<Self, Error> {
        let mut source = Self {
            text: Text::new(input),
            dialect: Dialect {
                delimiter: delimiter.unwrap_or(b','),
                quote,
                newline: b'\n',
            },
            header: Vec::new(),
            cells: Vec::new(),
            next_row: 0,
            max_record_bytes,
        };
        source.detect_newline()?;
        if delimiter.is_none() {
            source.dialect.delimiter = source.detect_delimiter();
        }
        source.read_header()?;
        Ok(source)
    }

    /// The column names.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// How the file is written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Bytes of the file, where it is one.
    pub fn size(&self) -> Option<u64> {
        self.text.size()
    }

    /// Bytes of the file read so far.
    pub fn position(&self) -> u64 {
        self.text.position()
    }

    /// Read the first line, and see what ends it.
    fn detect_newline(&mut self) -> Result<(), Error> {
        while memchr::memchr(b'\n', self.text.rest()).is_none() {
            if self.text.rest().len() >= 1 << 16 || !self.text.more()? {
                if memchr::memchr(b'\r', self.text.rest()).is_some() {
                    self.dialect.newline = b'\r';
                }
                break;
            }
        }
        Ok(())
    }

    fn detect_delimiter(&self) -> u8 {
        // The header alone decides: cells of later lines hold commas of their own.
        let text = self.text.rest();
        let end = memchr::memchr(self.dialect.newline, text);
        let line = &text[..end.unwrap_or(text.len())];
        let mut counts = [0usize; 4];
        let mut quoted = false;
        for &byte in line {
            if byte == self.dialect.quote {
                quoted = !quoted;
            } else if !quoted
                && let Some(at) = b",;\t|".iter().position(|&candidate| candidate == byte)
            {
                counts[at] += 1;
            }
        }
        let best = (0..4).max_by_key(|&at| (counts[at], 4 - at)).unwrap_or(0);
        b",;\t|"[best]
    }

    fn read_header(&mut self) -> Result<(), Error> {
        let Some(length) = self.next_record()? else {
            return Err(Error::Empty);
        };
        let record = self.text.last(length);
        let text = simdutf8::basic::from_utf8(record)
            .map_err(|_| self.text.encoding_error(None, length))?;
        if text.contains('\0') {
            let message =
                "the first line holds a NUL character: is it UTF-16? name the file's encoding";
            return Err(Error::Config(message.into()));
        }
        self.header = self
            .cells
            .iter()
            .map(|cell| text_of(text, *cell, self.dialect.quote).trim().to_owned())
            .collect();
        Ok(())
    }

    /// Find the next record that is not a blank line, and its cells; it is consumed.
    /// Its length, line ending included; `None` at the end.
    fn next_record(&mut self) -> Result<Option<usize>, Error> {
        loop {
            let (rest, at_end) = (self.text.rest(), self.text.at_end());
            match scan(rest, self.dialect, at_end, &mut self.cells) {
                Scan::Record(length) => {
                    self.text.consume(length);
                    if self.cells.is_empty() {
                        continue;
                    }
                    return Ok(Some(length));
                }
                Scan::More if rest.is_empty() && at_end => return Ok(None),
                Scan::Open => {
                    return Err(Error::OpenQuote {
                        row: self.next_row,
                        offset: self.text.offset(),
                    });
                }
                Scan::More if rest.len() > self.max_record_bytes => {
                    return Err(Error::RecordTooLong {
                        row: self.next_row,
                        offset: self.text.offset(),
                        limit: self.max_record_bytes,
                        hint: "is a quote left open?",
                    });
                }
                Scan::More => {
                    self.text.more()?;
                }
            }
        }
    }

    /// The next block; `None` at the end of the input. Rows in `skip` are counted and left out.
    ///
    /// # Errors
    /// Reading cannot go on; blocks that were read before are good.
    pub fn read(
        &mut self,
        layout: &Layout,
        max_rows: usize,
        max_bytes: usize,
        skip: Option<&RowSet>,
    ) -> Result<Option<Block>, Error> {
        let Dialect {
            delimiter,
            quote,
            newline,
        } = self.dialect;
        let mut chunker = Chunker::new(
            self.next_row,
            max_rows,
            max_bytes,
            RawFormat::Csv {
                delimiter,
                quote,
                newline,
            },
        );
        if layout.shape() == Shape::Load {
            chunker.set_fields(layout.fields().clone());
        }
        let mut skipped = Skipped::new(skip);
        let mut texts: Vec<&'static str> = Vec::new();
        while chunker.has_room() {
            let Some(length) = self.next_record()? else {
                break;
            };
            let row = self.next_row;
            self.next_row += 1;
            if skipped.has(row) {
                chunker.skip();
                continue;
            }
            let Ok(text) = simdutf8::basic::from_utf8(self.text.last(length)) else {
                return Err(self.text.encoding_error(Some(row), length));
            };
            texts = self.write(text, layout, &mut chunker, texts);
        }
        let block = chunker.finish();
        Ok((block.read > 0).then_some(block))
    }

    /// Read on to the end and count the records: whether all of the input can be read is known before any is sent.
    ///
    /// # Errors
    /// It cannot: a broken encoding, a record that is too long, a quote left open.
    pub fn count(&mut self) -> Result<u64, Error> {
        let before = self.next_row;
        while let Some(length) = self.next_record()? {
            if simdutf8::basic::from_utf8(self.text.last(length)).is_err() {
                return Err(self.text.encoding_error(Some(self.next_row), length));
            }
            self.next_row += 1;
        }
        Ok(self.next_row - before)
    }

    /// Write one record's row. `texts` is an allocation that records share; it comes back empty.
    fn write<'b>(
        &self,
        text: &'b str,
        layout: &Layout,
        chunker: &mut Chunker,
        texts: Vec<&'static str>,
    ) -> Vec<&'static str> {
        let raw = text.trim_end_matches(['\r', '\n']).as_bytes();
        if memchr::memchr(0, text.as_bytes()).is_some() {
            let mark = chunker.mark();
            let reject = Fault::new(
                "nul",
                "holds a NUL character, which PostgreSQL cannot store",
            )
            .at(chunker.next_row(), None);
            chunker.reject(mark, reject, raw);
            return texts;
        }
        let mut texts: Vec<&'b str> = texts;
        if self.cells.iter().any(|cell| cell.composed) {
            let owned: Vec<String> = self
                .cells
                .iter()
                .map(|cell| text_of(text, *cell, self.dialect.quote))
                .collect();
            let cells: Vec<&str> = owned.iter().map(String::as_str).collect();
            layout.write_cells(&cells, raw, chunker);
        } else {
            texts.extend(self.cells.iter().map(|cell| &text[cell.start..cell.stop]));
            layout.write_cells(&texts, raw, chunker);
        }
        texts.clear();
        // The vector is empty: only its allocation is kept, under the lifetime that outlives every record.
        texts.into_iter().map(|_| "").collect()
    }
}

/// Split one record off the front of `bytes`. A blank line is a record without cells.
fn scan(bytes: &[u8], dialect: Dialect, at_end: bool, cells: &mut Vec<Cell>) -> Scan {
    let Dialect {
        delimiter,
        quote,
        newline,
    } = dialect;
    cells.clear();
    let mut start = 0;
    for at in memchr::memchr3_iter(delimiter, newline, quote, bytes) {
        let byte = bytes[at];
        if byte == delimiter {
            cells.push(Cell {
                start,
                stop: at,
                composed: false,
            });
            start = at + 1;
        } else if byte == newline {
            return end_of_record(bytes, start, at, at + 1, cells);
        } else if at == start {
            return scan_quoted(bytes, dialect, at_end, start, cells);
        }
        // A quote inside an unquoted cell stands for itself, as in Python's csv module.
    }
    if at_end && !bytes.is_empty() {
        return end_of_record(bytes, start, bytes.len(), bytes.len(), cells);
    }
    Scan::More
}

fn end_of_record(
    bytes: &[u8],
    start: usize,
    mut stop: usize,
    consumed: usize,
    cells: &mut Vec<Cell>,
) -> Scan {
    // Several, where a program wrote "\r\n" to a file that makes "\r\n" of "\n".
    while stop > start && bytes[stop - 1] == b'\r' {
        stop -= 1;
    }
    if !(cells.is_empty() && stop == start) {
        cells.push(Cell {
            start,
            stop,
            composed: false,
        });
    }
    Scan::Record(consumed)
}

/// [`scan`] from a cell on that begins with a quote.
fn scan_quoted(
    bytes: &[u8],
    dialect: Dialect,
    at_end: bool,
    from: usize,
    cells: &mut Vec<Cell>,
) -> Scan {
    let Dialect {
        delimiter,
        quote,
        newline,
    } = dialect;
    let mut start = from;
    loop {
        let mut composed = false;
        let mut stop = start;
        if bytes.get(start) == Some(&quote) {
            // Inside quotes: up to a quote that is not doubled.
            let mut at = start + 1;
            let close = loop {
                match memchr::memchr(quote, &bytes[at..]) {
                    Some(found) if bytes.get(at + found + 1) == Some(&quote) => {
                        composed = true;
                        at += found + 2;
                    }
                    Some(found) if at + found + 1 == bytes.len() && !at_end => return Scan::More,
                    Some(found) => break at + found,
                    None if at_end => return Scan::Open,
                    None => return Scan::More,
                }
            };
            stop = close + 1;
        }
        let Some(found) =
            memchr::memchr2(delimiter, newline, &bytes[stop..]).map(|found| stop + found)
        else {
            if !at_end {
                return Scan::More;
            }
            push_cell(bytes, delimiter, start..bytes.len(), stop, composed, cells);
            return Scan::Record(bytes.len());
        };
        push_cell(bytes, delimiter, start..found, stop, composed, cells);
        if bytes[found] == newline {
            return Scan::Record(found + 1);
        }
        start = found + 1;
    }
}

/// Push the cell at `range`, whose quoted part ends at `stop`.
fn push_cell(
    bytes: &[u8],
    delimiter: u8,
    range: Range<usize>,
    stop: usize,
    composed: bool,
    cells: &mut Vec<Cell>,
) {
    let Range { start, mut end } = range;
    let quoted = stop > start;
    let ends_record = bytes.get(end).is_none_or(|&byte| byte != delimiter);
    while ends_record && end > stop && bytes[end - 1] == b'\r' {
        end -= 1;
    }
    if quoted && !composed && end == stop && stop - start >= 2 {
        cells.push(Cell {
            start: start + 1,
            stop: stop - 1,
            composed: false,
        });
    } else {
        cells.push(Cell {
            start,
            stop: end,
            composed: quoted,
        });
    }
}

/// A cell's text; a composed one is put together as Python's csv module does.
fn text_of(record: &str, cell: Cell, quote: u8) -> String {
    let text = &record[cell.start..cell.stop];
    if !cell.composed {
        return text.to_owned();
    }
    let quote = quote as char;
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().skip(1).peekable();
    while let Some(letter) = letters.next() {
        if letter != quote {
            out.push(letter);
        } else if letters.peek() == Some(&quote) {
            letters.next();
            out.push(quote);
        } else {
            // The closing quote: what follows it stands as it is.
            out.extend(letters);
            break;
        }
    }
    out
}

/// The cells of one record, as it was kept beside a chunk.
pub fn cells_of(record: &str, dialect: Dialect) -> Vec<String> {
    let mut cells = Vec::new();
    scan(record.as_bytes(), dialect, true, &mut cells);
    cells
        .iter()
        .map(|cell| text_of(record, *cell, dialect.quote))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn cells(text: &str) -> Vec<Vec<String>> {
        // As `detect_newline` finds it.
        let newline = if text.contains('\n') { b'\n' } else { b'\r' };
        let dialect = Dialect {
            delimiter: b',',
            quote: b'"',
            newline,
        };
        let mut rest = text.as_bytes();
        let mut records = Vec::new();
        let mut found = Vec::new();
        while let Scan::Record(length) = scan(rest, dialect, true, &mut found) {
            let record = std::str::from_utf8(&rest[..length]).unwrap();
            if !found.is_empty() {
                records.push(
                    found
                        .iter()
                        .map(|cell| text_of(record, *cell, b'"'))
                        .collect(),
                );
            }
            rest = &rest[length..];
        }
        records
    }

    #[test]
    fn records_split_as_pythons_csv_module_splits_them() {
        for (text, wanted) in [
            ("a,b\n", vec![vec!["a", "b"]]),
            ("a,b", vec![vec!["a", "b"]]),
            ("a,\n", vec![vec!["a", ""]]),
            (",\r\n", vec![vec!["", ""]]),
            ("a,b\r\n\r\nc,d\r\n", vec![vec!["a", "b"], vec!["c", "d"]]),
            ("\"a,1\",\"b\"\"q\"\n", vec![vec!["a,1", "b\"q"]]),
            (
                "\"line\nbreak\",x\r\ny,\"\"\n",
                vec![vec!["line\nbreak", "x"], vec!["y", ""]],
            ),
            ("5\" pipe,b\n", vec![vec!["5\" pipe", "b"]]),
            ("\"a\"b,c\n", vec![vec!["ab", "c"]]),
            ("\"a\"\"\",c\r\n", vec![vec!["a\"", "c"]]),
            ("\"\"\n", vec![vec![""]]),
            ("a,b\r\rc,\"d\"\r", vec![vec!["a", "b"], vec!["c", "d"]]),
            ("x,\"quoted\"\r\n", vec![vec!["x", "quoted"]]),
            (
                "a,b\r\r\nc,\"d\"\r\r\n",
                vec![vec!["a", "b"], vec!["c", "d"]],
            ),
        ] {
            assert_eq!(cells(text), wanted, "{text:?}");
        }
    }

    fn source(text: &str, max_record_bytes: usize) -> CsvSource {
        let reader = Box::new(Cursor::new(text.to_owned()));
        let input = Input::from_reader(reader, encoding_rs::UTF_8, None).unwrap();
        CsvSource::new(input, None, b'"', max_record_bytes).unwrap()
    }

    #[test]
    fn carriage_returns_alone_end_records_where_there_is_nothing_else() {
        let mut found = source("a;b\r1;\"x\ry\"\r2;z", 1000);
        assert_eq!(found.header(), ["a", "b"]);
        assert_eq!(found.count().unwrap(), 2);
        assert_eq!(source("a,b\r\n1,2\r3,4\r\n", 1000).count().unwrap(), 1);
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, says) in [
            (&b"n\0a\0m\0e\0\n\0"[..], "UTF-16"),
            (b"PK\x03\x04\x14", "spreadsheet"),
        ] {
            let reader = Box::new(Cursor::new(bytes.to_vec()));
            let error = Input::from_reader(reader, encoding_rs::UTF_8, None)
                .and_then(|input| CsvSource::new(input, None, b'"', 1000))
                .err()
                .unwrap();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_quote_left_open_is_named() {
        let error = source("a,b\n1,2\n3,\"open\n4,5\n", 1000)
            .count()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("row 1, which begins at byte 8"),
            "{error}"
        );
    }

    #[test]
    fn a_record_longer_than_the_limit_is_named() {
        let text = format!("a,b\n1,2\n\"{}", "x".repeat(1 << 20));
        let mut source = source(&text, 1000);
        source.next_record().unwrap();
        source.next_row = 1;
        let error = source.next_record().unwrap_err().to_string();
        assert!(
            error.starts_with("row 1, which begins at byte 8"),
            "{error}"
        );
    }
}
