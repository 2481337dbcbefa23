//! Another reader of answers, written from RFC 9112 for the tests: slow, over the whole input at once, by other means than
//! the lane's own. What the two agree on is likely right.

/// What one answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Whole, by its own framing: its status, its body, how many bytes it takes, and whether the connection stays.
    Whole { status: u16, body: Vec<u8>, length: usize, keeps: bool },
    /// It lasts until the connection ends: what there is of it.
    UntilClose { status: u16, body: Vec<u8> },
    /// More has to come.
    More,
    /// Refused.
    Bad,
}

/// Reads the answer at the front of `input`, all of which has come.
pub fn read(input: &[u8], head_only: bool) -> Read {
    let Some(end) = find(input, b"\r\n\r\n") else {
        return if input.len() > 64 * 1024 || bare(input) || input.starts_with(b"\r\n") {
            Read::Bad
        } else {
            Read::More
        };
    };
    let head = &input[..end + 2];
    if head.len() + 2 > 64 * 1024 || bare(head) || head.starts_with(b"\r\n") {
        return Read::Bad;
    }
    let lines: Vec<&[u8]> = split_lines(head);
    let Some((first, fields)) = lines.split_first() else { return Read::Bad };
    let Some((minor, status)) = status_line(first) else { return Read::Bad };
    if fields.len() > 128 {
        return Read::Bad;
    }
    let mut lengths = Vec::new();
    let mut codings = Vec::new();
    let mut closes = minor == 0;
    for line in fields {
        let Some(colon) = line.iter().position(|b| *b == b':') else { return Read::Bad };
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if name.is_empty() || !name.iter().all(|b| tchar(*b)) || !value.iter().all(|b| field_byte(*b)) {
            return Read::Bad;
        }
        match String::from_utf8_lossy(name).to_ascii_lowercase().as_str() {
            "content-length" => lengths.push(value),
            "transfer-encoding" => codings.push(value.to_ascii_lowercase()),
            "connection" => {
                closes |= value.split(|b| *b == b',').any(|option| trim(option).eq_ignore_ascii_case(b"close"));
            }
            _ => {}
        }
    }
    if codings.len() > 1 || lengths.len() > 1 || codings.len() + lengths.len() > 1 {
        return Read::Bad;
    }
    if codings.iter().any(|coding| coding != b"chunked" || minor == 0) || status == 101 {
        return Read::Bad;
    }
    let mut length = None;
    if let Some(text) = lengths.first() {
        if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
            return Read::Bad;
        }
        let Ok(number) = String::from_utf8_lossy(text).parse::<u64>() else { return Read::Bad };
        length = Some(number);
    }
    let rest = &input[end + 4..];
    let whole = |body: Vec<u8>, taken: usize| Read::Whole { status, body, length: end + 4 + taken, keeps: !closes };
    let interim = (100..200).contains(&status);
    if (interim && (!codings.is_empty() || length.is_some()))
        || (status == 204 && (!codings.is_empty() || length.is_some_and(|length| length > 0)))
    {
        return Read::Bad;
    }
    if interim || status == 204 || status == 304 || head_only {
        return whole(Vec::new(), 0);
    }
    if !codings.is_empty() {
        return match chunks(rest) {
            Ok(Some((body, taken))) => whole(body, taken),
            Ok(None) => Read::More,
            Err(()) => Read::Bad,
        };
    }
    match length {
        None => Read::UntilClose { status, body: rest.to_vec() },
        Some(length) => match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(body) => whole(body.to_vec(), body.len()),
            None => Read::More,
        },
    }
}

/// The body and how many bytes it takes with its framing.
fn chunks(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ()> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some((line, next)) = next_line(input, at, 1024)? else { return Ok(None) };
        at = next;
        let (size, extension) = match line.iter().position(|b| !b.is_ascii_hexdigit()) {
            Some(end) => line.split_at(end),
            None => (line, &b""[..]),
        };
        let blanks = extension.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if !extension.is_empty() && extension.get(blanks) != Some(&b';') || extension.iter().any(|b| !field_byte(*b)) {
            return Err(());
        }
        if size.is_empty() || size.len() > 15 {
            return Err(());
        }
        let size = usize::from_str_radix(&String::from_utf8_lossy(size), 16).map_err(|_| ())?;
        if size == 0 {
            break;
        }
        let end = at.checked_add(size).ok_or(())?;
        let Some(data) = input.get(at..end) else { return Ok(None) };
        body.extend_from_slice(data);
        match input.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => at = end + 2,
            [] | [b'\r'] => return Ok(None),
            _ => return Err(()),
        }
    }
    let begin = at;
    loop {
        let left = (16 * 1024_usize).saturating_sub(at - begin);
        let Some((line, next)) = next_line(input, at, left)? else { return Ok(None) };
        at = next;
        if line.is_empty() {
            return Ok(Some((body, at)));
        }
        let colon = line.iter().position(|b| *b == b':').ok_or(())?;
        if colon == 0 || !line[..colon].iter().all(|b| tchar(*b)) || !line[colon..].iter().all(|b| field_byte(*b)) {
            return Err(());
        }
    }
}

/// The line at a place, without its CRLF, and where the next one begins.
fn next_line(input: &[u8], at: usize, most: usize) -> Result<Option<(&[u8], usize)>, ()> {
    let rest = &input[at.min(input.len())..];
    let window = &rest[..rest.len().min(most)];
    match window.iter().position(|b| *b == b'\n') {
        None if rest.len() >= most => Err(()),
        None => Ok(None),
        Some(feed) if feed > 0 && window[feed - 1] == b'\r' => Ok(Some((&window[..feed - 1], at + feed + 1))),
        Some(_) => Err(()),
    }
}

fn find(input: &[u8], what: &[u8]) -> Option<usize> {
    input.windows(what.len()).position(|w| w == what)
}

/// Whether an LF stands there without a CR.
fn bare(input: &[u8]) -> bool {
    input.iter().enumerate().any(|(at, b)| *b == b'\n' && (at == 0 || input[at - 1] != b'\r'))
}

fn split_lines(head: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(end) = find(rest, b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines
}

fn status_line(line: &[u8]) -> Option<(u8, u16)> {
    let minor = match line.get(..8)? {
        b"HTTP/1.1" => 1,
        b"HTTP/1.0" => 0,
        _ => return None,
    };
    let code = line.get(9..12)?;
    let reason = line.get(12..)?;
    let well_formed = line.get(8) == Some(&b' ')
        && code.iter().all(u8::is_ascii_digit)
        && (reason.is_empty() || reason[0] == b' ')
        && reason.iter().all(|b| field_byte(*b));
    let code: u16 = String::from_utf8_lossy(code).parse().ok()?;
    (well_formed && code >= 100).then_some((minor, code))
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    &value[start..end]
}

const fn field_byte(byte: u8) -> bool {
    byte == b'\t' || byte >= 0x20 && byte != 0x7f
}

fn tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
