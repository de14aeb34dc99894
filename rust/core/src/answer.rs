//! The usual HTTP answer, cut into its head and its body.
//!
//! Nearly every answer is one of 200 with a length and no encoding. What it takes to read that is done here; of any
//! other one, and of whatever is not strictly as the standard has it (RFC 9112), nothing is said: it is left to a
//! parser that knows all of HTTP.

/// What such an answer's head says.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The media type of the body: lower case, without parameters; empty where there is none.
    pub media_type: String,
    /// Bytes of the body.
    pub length: usize,
    /// Where the body begins.
    pub end: usize,
}

const STATUS: &[u8] = b"HTTP/1.1 200 ";
/// Lines are shorter and fewer than what parsers bound them by.
const LONGEST_LINE: usize = 4096;
const MOST_LINES: usize = 64;

/// The head that an answer begins with; `None` where it is not the usual one, or not there as a whole.
pub fn usual_head(data: &[u8]) -> Option<Head> {
    let status = line(data)?;
    if !status.starts_with(STATUS) || !is_text(status) {
        return None;
    }
    let mut at = status.len() + 2;
    let mut media_type = None;
    let mut length = None;
    for _ in 0..MOST_LINES {
        let line = line(&data[at..])?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some(Head {
                media_type: media_type.unwrap_or_default(),
                length: length?,
                end: at,
            });
        }
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) || !is_text(value) {
            return None;
        }
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        let usual = if is(b"Content-Length") {
            length.replace(number(value)?).is_none()
        } else if is(b"Content-Type") {
            media_type.replace(essence(value)?).is_none()
        } else if is(b"Connection") {
            value.eq_ignore_ascii_case(b"keep-alive")
        } else {
            !(is(b"Transfer-Encoding") || is(b"Content-Encoding") || is(b"Upgrade"))
        };
        if !usual {
            return None;
        }
    }
    None
}

/// What stands before the first line's end.
fn line(data: &[u8]) -> Option<&[u8]> {
    let data = &data[..data.len().min(LONGEST_LINE)];
    data[..memchr::memchr(b'\n', data)?].strip_suffix(b"\r")
}

fn number(value: &[u8]) -> Option<usize> {
    let plain = matches!(value.len(), 1..=9) && value.iter().all(u8::is_ascii_digit);
    plain.then(|| {
        value
            .iter()
            .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
    })
}

fn essence(value: &[u8]) -> Option<String> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let text = std::str::from_utf8(value[..end].trim_ascii()).ok()?;
    text.is_ascii().then(|| text.to_ascii_lowercase())
}

/// No control characters, and none that is not ASCII.
fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &str) -> Option<Head> {
        usual_head(format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn the_usual_answer_is_read() {
        let lines =
            "Server: x\r\nContent-Type: Application/JSON; charset=utf-8\r\ncontent-length:  12\r\n";
        let found = head(lines).unwrap();
        assert_eq!(found.media_type, "application/json");
        assert_eq!(found.length, 12);
        assert_eq!(found.end, "HTTP/1.1 200 OK\r\n".len() + lines.len() + 2);
        assert_eq!(
            head("Content-Length: 0\r\nConnection: Keep-Alive\r\n")
                .unwrap()
                .media_type,
            ""
        );
    }

    #[test]
    fn nothing_is_said_of_any_other() {
        for lines in [
            "",
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: +2\r\n",
            "Content-Length: 2, 2\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: \r\n",
            "Content-Length : 2\r\n",
            " Content-Length: 2\r\n",
            "Content-Length: 2\r\n folded\r\n",
            "Content-Length: 2\r\nno colon\r\n",
            "Content-Length: 2\r\nX: a\rb\r\n",
            "Content-Length: 2\nX: a\r\n",
            "Content-Length: 2\r\nX: a\u{0}b\r\n",
            "Content-Length: 2\r\nX: \u{e9}\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 2\r\nContent-Encoding: gzip\r\n",
            "Content-Length: 2\r\nConnection: close\r\n",
            "Content-Length: 2\r\nconnection: keep-alive, upgrade\r\n",
            "Content-Length: 2\r\nUpgrade: h2c\r\n",
            "Content-Length: 2\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n",
        ] {
            assert_eq!(head(lines), None, "{lines:?}");
        }
        let many = "X: y\r\n".repeat(200);
        assert_eq!(head(&format!("{many}Content-Length: 2\r\n")), None);
        let long = "y".repeat(5000);
        assert_eq!(head(&format!("X: {long}\r\nContent-Length: 2\r\n")), None);
    }

    #[test]
    fn a_head_that_is_not_whole_says_nothing() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(usual_head(&whole[..end]), None, "{end}");
        }
        assert!(usual_head(whole).is_some());
        for other in [
            "HTTP/1.0 200 OK",
            "HTTP/1.1 201 Created",
            "HTTP/1.1 2000 OK",
            "ICY 200 OK",
        ] {
            let text = format!("{other}\r\nContent-Length: 2\r\n\r\n");
            assert_eq!(usual_head(text.as_bytes()), None, "{other}");
        }
    }
}
