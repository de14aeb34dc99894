//! The bytes of an input, decompressed and as UTF-8, with their place in the file.
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use crate::error::Error;

/// How much is asked of the operating system at once.
const READ_BYTES: usize = 1 << 18;

/// Counts the bytes that were read from the file itself.
struct Counting<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// An open input.
pub struct Input {
    reader: Box<dyn Read + Send>,
    /// Bytes already read while its kind was told.
    head: Vec<u8>,
    decoder: Option<Decoder>,
    encoding: &'static Encoding,
    undecoded: Vec<u8>,
    /// Bytes of the decompressed input given to the decoder.
    decoded: u64,
    count: Arc<AtomicU64>,
    size: Option<u64>,
    ended: bool,
}

impl Input {
    /// Open a file, or standard input for `-`. Compression is told by the first bytes, a byte order mark wins over
    /// `label`.
    ///
    /// # Errors
    /// It cannot be opened, or the encoding's label is not known.
    pub fn open(path: &str, label: &str) -> Result<Self, Error> {
        let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            Error::Config(format!(
                "{label:?} is not the name of an encoding (utf-8, windows-1252 …)"
            ))
        })?;
        let (raw, size): (Box<dyn Read + Send>, _) = if path == "-" {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(Path::new(path))?;
            let facts = file.metadata()?;
            if facts.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder").into());
            }
            (Box::new(file), facts.is_file().then_some(facts.len()))
        };
        Self::from_reader(raw, encoding, size)
    }

    /// Read from anything.
    ///
    /// # Errors
    /// Its first bytes cannot be read.
    pub fn from_reader(
        raw: Box<dyn Read + Send>,
        encoding: &'static Encoding,
        size: Option<u64>,
    ) -> Result<Self, Error> {
        let count = Arc::new(AtomicU64::new(0));
        let mut counting = Counting {
            inner: raw,
            count: Arc::clone(&count),
        };
        let head = read_some(&mut counting, 4)?;
        let gzip = head.starts_with(&[0x1f, 0x8b]);
        let zstd = head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        if head.starts_with(b"PK\x03\x04") || head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            let message =
                "is a spreadsheet or a zip archive: save the sheet as CSV (UTF-8), or unpack it";
            return Err(Error::Config(message.into()));
        }
        let whole = io::Cursor::new(head).chain(counting);
        let mut reader: Box<dyn Read + Send> = if gzip {
            Box::new(flate2::read::MultiGzDecoder::new(whole))
        } else if zstd {
            Box::new(zstd::Decoder::new(whole)?)
        } else {
            Box::new(whole)
        };
        let mut head = read_some(&mut reader, 3)?;
        let mut encoding = encoding;
        let mut decoded = 0;
        if let Some((marked, length)) = Encoding::for_bom(&head) {
            encoding = marked;
            head.drain(..length);
            decoded = length as u64;
        }
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        Ok(Self {
            reader,
            head,
            decoder,
            encoding,
            undecoded: Vec::new(),
            decoded,
            count,
            size,
            ended: false,
        })
    }

    /// The encoding it is read in.
    pub fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// Bytes of the file, where it is one.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Bytes of the file read so far.
    pub fn position(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Bytes of the text before the first that [`Self::fill`] gives (a byte order mark).
    pub fn text_offset(&self) -> u64 {
        if self.decoder.is_none() {
            self.decoded
        } else {
            0
        }
    }

    /// Append more text to `out`; `false` at the end. What is appended is UTF-8, unless the input is UTF-8 itself:
    /// then it is checked record by record by the caller, who can name the row.
    ///
    /// # Errors
    /// The operating system refuses, or the bytes are not in the encoding.
    pub fn fill(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        if self.decoder.is_none() {
            if !self.head.is_empty() {
                out.append(&mut self.head);
                return Ok(true);
            }
            let begin = out.len();
            out.resize(begin + READ_BYTES, 0);
            let count = read_retrying(&mut self.reader, &mut out[begin..]);
            out.truncate(begin + *count.as_ref().unwrap_or(&0));
            self.ended = count? == 0;
            return Ok(!self.ended);
        }
        self.fill_decoded(out)
    }

    fn fill_decoded(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(false);
        };
        let begin = self.undecoded.len();
        if self.head.is_empty() {
            self.undecoded.resize(begin + READ_BYTES, 0);
            let count = read_retrying(&mut self.reader, &mut self.undecoded[begin..]);
            self.undecoded
                .truncate(begin + *count.as_ref().unwrap_or(&0));
            self.ended = count? == 0;
        } else {
            self.undecoded.append(&mut self.head);
        }
        let mut taken = 0;
        loop {
            let source = &self.undecoded[taken..];
            let room = decoder
                .max_utf8_buffer_length_without_replacement(source.len())
                .unwrap_or(source.len() * 3 + 16);
            let at = out.len();
            out.resize(at + room, 0);
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(source, &mut out[at..], self.ended);
            out.truncate(at + written);
            taken += read;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    let offset = self.decoded + taken as u64 - u64::from(length) - u64::from(after);
                    return Err(Error::Encoding {
                        row: None,
                        offset,
                        encoding: self.encoding.name(),
                    });
                }
            }
        }
        self.decoded += taken as u64;
        self.undecoded.drain(..taken);
        Ok(!self.ended)
    }
}

fn read_retrying(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Up to `count` bytes, fewer at the end.
fn read_some(reader: &mut dyn Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut have = 0;
    while have < count {
        match read_retrying(reader, &mut bytes[have..])? {
            0 => break,
            more => have += more,
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}
