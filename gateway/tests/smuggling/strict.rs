//! Readers of HTTP/1.1 that are obviously right: they take what RFC 9112 says that a sender writes, and nothing else.

/// A request as a strict server reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer as a strict client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// They may become one.
    Unfinished,
    /// They never will.
    Wrong(String),
}

type Read<T> = Result<T, Unread>;

fn wrong<T>(why: &str, bytes: &[u8]) -> Read<T> {
    Err(Unread::Wrong(format!("{why}: {}", bytes[..bytes.len().min(80)].escape_ascii())))
}

/// One line and what follows it.
fn line(bytes: &[u8]) -> Read<(&[u8], &[u8])> {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return Err(Unread::Unfinished) };
    match bytes[..at].strip_suffix(b"\r") {
        Some(line) if line.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f)) => Ok((line, &bytes[at + 1..])),
        _ => wrong("no line", bytes),
    }
}

type Headers = Vec<(String, String)>;

fn headers(mut bytes: &[u8]) -> Read<(Headers, &[u8])> {
    let mut headers = Vec::new();
    loop {
        let (field, rest) = line(bytes)?;
        bytes = rest;
        if field.is_empty() {
            return Ok((headers, bytes));
        }
        let Some(colon) = field.iter().position(|byte| *byte == b':') else { return wrong("no colon", field) };
        let name = &field[..colon];
        if name.is_empty() || !name.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b)) {
            return wrong("no name", field);
        }
        let value = String::from_utf8_lossy(field[colon + 1..].trim_ascii()).into_owned();
        headers.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value));
    }
}

/// The only value of a header.
pub fn only<'a>(headers: &'a Headers, name: &str) -> Read<Option<&'a str>> {
    let mut values = headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => wrong("twice", name.as_bytes()),
    }
}

fn exactly(length: usize, bytes: &[u8]) -> Read<(Vec<u8>, &[u8])> {
    if bytes.len() < length { Err(Unread::Unfinished) } else { Ok((bytes[..length].to_vec(), &bytes[length..])) }
}

fn chunks(mut bytes: &[u8]) -> Read<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (size, rest) = line(bytes)?;
        if size.is_empty() || size.len() > 8 || !size.iter().all(u8::is_ascii_hexdigit) {
            return wrong("no chunk size", bytes);
        }
        let size = usize::from_str_radix(&String::from_utf8_lossy(size), 16).expect("hexadecimal");
        let (chunk, rest) = exactly(size, rest)?;
        let (end, rest) = line(rest)?;
        if !end.is_empty() {
            return wrong("no end of a chunk, or a trailer", rest);
        }
        bytes = rest;
        body.extend_from_slice(&chunk);
        if size == 0 {
            return Ok((body, bytes));
        }
    }
}

/// The body as the header frames it; `None` where it says nothing.
fn framed<'a>(headers: &Headers, bytes: &'a [u8]) -> Read<Option<(Vec<u8>, &'a [u8])>> {
    match (only(headers, "content-length")?, only(headers, "transfer-encoding")?) {
        (None, None) => Ok(None),
        (Some(length), None) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            exactly(length.parse().expect("a length"), bytes).map(Some)
        }
        (None, Some("chunked")) => chunks(bytes).map(Some),
        _ => wrong("no framing", format!("{headers:?}").as_bytes()),
    }
}

/// The first request, and what follows it.
pub fn request(bytes: &[u8]) -> Read<(Request, &[u8])> {
    let (start, rest) = line(bytes)?;
    let text = String::from_utf8_lossy(start).into_owned();
    let words: Vec<&str> = text.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return wrong("no request line", start) };
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
    if !known || !target.starts_with('/') {
        return wrong("no request line", start);
    }
    let (headers, rest) = headers(rest)?;
    if only(&headers, "host")?.is_none() {
        return wrong("no host", start);
    }
    let (body, rest) = framed(&headers, rest)?.unwrap_or((Vec::new(), rest));
    Ok((Request { method: method.to_owned(), target: target.to_owned(), headers, body }, rest))
}

/// Every request of a connection, and what is left when no more can be read.
pub fn requests(mut bytes: &[u8]) -> (Vec<Request>, Option<Unread>) {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        match request(bytes) {
            Ok((one, rest)) => {
                all.push(one);
                bytes = rest;
            }
            Err(unread) => return (all, Some(unread)),
        }
    }
    (all, None)
}

/// The first answer, and what follows it. `to` is the method that was asked by.
pub fn answer<'a>(bytes: &'a [u8], to: &str) -> Read<(Answer, &'a [u8])> {
    let (start, rest) = line(bytes)?;
    let text = String::from_utf8_lossy(start).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let Some(status) = status else { return wrong("no status line", start) };
    let (headers, rest) = headers(rest)?;
    if status < 200 || status == 204 || status == 304 || to == "HEAD" {
        return Ok((Answer { status, headers, body: Vec::new() }, rest));
    }
    match framed(&headers, rest)? {
        Some((body, rest)) => Ok((Answer { status, headers, body }, rest)),
        None => wrong("an answer that has no length", start),
    }
}

/// Every final answer of a connection, and what is left when no more can be read.
pub fn answers(mut bytes: &[u8], to: &str) -> (Vec<Answer>, Option<Unread>) {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        match answer(bytes, to) {
            Ok((one, rest)) => {
                if one.status >= 200 {
                    all.push(one);
                }
                bytes = rest;
            }
            Err(unread) => return (all, Some(unread)),
        }
    }
    (all, None)
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
