//! HTTP/1 requests as they come over the wire, read strictly (RFC 9112): where each one begins and ends.
//!
//! Pingora forgives much: it takes both framing headers, mends a request line, lets a line end in LF alone and skips
//! what stands in a chunk's extension. A proxy before the gate may read such bytes otherwise, and then each of the two
//! sees another next request (request smuggling, RFC 9112, section 11.2). This reader stands on the connection itself,
//! sees every byte before Pingora does and forgives nothing; whatever it does not understand is refused and ends the
//! connection. It holds no more than a header that is not complete yet, and lets no more of one through.

mod chunk;
mod head;

use chunk::Chunks;
use head::Head;

/// Longest header that is read, and most that is given out of one that is broken already: Pingora would take a
/// megabyte, and reads it from its beginning at every packet.
const HEAD_BYTES_MAX: usize = 64 * 1024; // Twice what `admit` lets pass.

/// Why bytes are no request that means one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The request line.
    #[error("the request line is malformed")]
    RequestLine,
    /// A header's name, or the lack of one: white space before the colon, a folded line, no colon.
    #[error("a header line is malformed")]
    FieldLine,
    /// A control character: NUL, CR or LF alone, and the like.
    #[error("the header has a control character")]
    Control,
    /// The length of the body is said twice, in two ways, or not as a number.
    #[error("the length of the body is ambiguous")]
    Length,
    /// A body where there may be none.
    #[error("this request may have no body")]
    Body,
    /// Two hosts.
    #[error("the host is ambiguous")]
    Host,
    /// `Connection` names a header that is not the connection's own.
    #[error("the header Connection names what it must not")]
    Connection,
    /// Another expectation than `100-continue`.
    #[error("the expectation is unknown")]
    Expect,
    /// A chunk that is none.
    #[error("the body is not in well-formed chunks")]
    Chunk,
    /// Bytes behind a request to switch protocols, before anybody has agreed to that.
    #[error("bytes came before the protocol was switched")]
    Early,
    /// The header is longer than any that is taken.
    #[error("the header is too long")]
    TooLong,
    /// What was read as a header is not what came.
    #[error("the header was read in two ways")]
    Disagreement,
}

/// Where on the connection the reader is.
enum Place {
    Head,
    Length(u64),
    Chunks(Chunks),
    /// The request is complete; what follows is not looked at before it has been answered.
    End,
    /// What follows is no HTTP any more, if the upstream agrees.
    Switching,
    /// In a header or in what came with its end, or later.
    Broken {
        fault: Fault,
        in_head: bool,
    },
}

/// Reads one connection.
pub struct Reader {
    place: Place,
    partial: Vec<u8>,
    /// The header's length; of one that is broken, how much has come since.
    head_bytes: usize,
    behind_head: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { place: Place::Head, partial: Vec::new(), head_bytes: 0, behind_head: Vec::new() }
    }
}

impl Reader {
    /// Reads on. A fault in or right behind a header is kept for [`Self::head`], as long as the header is not too long;
    /// one that shows itself later is given at once. What it is given for must go no further.
    ///
    /// # Errors
    /// The fault of a body, or of a header that is too long.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let in_head = match self.place {
            Place::Broken { in_head, .. } => in_head,
            Place::Head => true,
            Place::Length(_) | Place::Chunks(_) | Place::End | Place::Switching => false,
        };
        let read = if matches!(self.place, Place::Head) { self.read_head(bytes) } else { self.read_body(bytes) };
        let Err(fault) = read else { return Ok(()) };
        self.place = Place::Broken { fault, in_head };
        self.partial = Vec::new();
        self.head_bytes += bytes.len();
        let kept = in_head && fault != Fault::TooLong && self.head_bytes <= HEAD_BYTES_MAX;
        if kept { Ok(()) } else { Err(fault) }
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.partial.is_empty() {
            return match head::parse(bytes)? {
                Some((head, length)) => self.begin_body(&head, length, &bytes[length..]),
                None => self.keep(bytes),
            };
        }
        let scanned = self.partial.len().saturating_sub(END.len() - 1);
        self.keep(bytes)?;
        let Some(at) = self.partial[scanned..].windows(END.len()).position(|window| window == END) else {
            return Ok(());
        };
        let whole = std::mem::take(&mut self.partial);
        match head::parse(&whole)? {
            Some((head, length)) if length == scanned + at + END.len() => {
                self.begin_body(&head, length, &whole[length..])
            }
            _ => Err(Fault::FieldLine),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.partial.len() + bytes.len() > HEAD_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn begin_body(&mut self, head: &Head, length: usize, rest: &[u8]) -> Result<(), Fault> {
        self.head_bytes = length;
        self.place = match head.body {
            head::Body::None if head.switches => Place::Switching,
            head::Body::None => Place::End,
            head::Body::Length(length) => Place::Length(length),
            head::Body::Chunked => Place::Chunks(Chunks::default()),
        };
        if matches!(self.place, Place::Switching) && !rest.is_empty() {
            return Err(Fault::Early);
        }
        self.behind_head.extend_from_slice(rest);
        self.read_body(rest)
    }

    fn read_body(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.place {
            Place::Length(left) => {
                *left = left.saturating_sub(bytes.len() as u64);
                if *left == 0 {
                    self.place = Place::End;
                }
            }
            Place::Chunks(chunks) => {
                if chunks.read(bytes)? {
                    self.place = Place::End;
                }
            }
            Place::Broken { fault, .. } => return Err(*fault),
            Place::Head | Place::End | Place::Switching => {}
        }
        Ok(())
    }

    /// The request has been answered: what comes now is the next one. Nothing comes if the body was not read to its
    /// end, since the connection is closed then.
    pub fn next(&mut self) {
        if matches!(self.place, Place::End | Place::Switching) {
            *self = Self::default();
        }
    }

    /// What this reader has found, for somebody who has read a header of so many bytes.
    ///
    /// # Errors
    /// The fault; [`Fault::Disagreement`] if the header has another length than what was sent.
    pub fn head(&self, bytes: usize) -> Result<(), Fault> {
        match &self.place {
            Place::Broken { fault, .. } => Err(*fault),
            Place::Head => Err(Fault::Disagreement),
            _ if self.head_bytes != bytes => Err(Fault::Disagreement),
            _ => Ok(()),
        }
    }

    /// What came in one piece with the end of the header: the beginning of the body, for somebody who reads the request
    /// once more.
    pub fn behind_head(&self) -> &[u8] {
        &self.behind_head
    }

    /// What is wrong with the request, as far as it has come.
    pub const fn fault(&self) -> Option<Fault> {
        match self.place {
            Place::Broken { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

const END: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\n";

    fn read(text: &str) -> Result<(), Fault> {
        let head = text.find("\r\n\r\n").map_or(0, |at| at + 4);
        let mut whole = Reader::default();
        whole.read(text.as_bytes()).expect("a fault behind a header in one piece is kept");
        let mut bytewise = Reader::default();
        let found = text.bytes().try_for_each(|byte| bytewise.read(&[byte])).and_then(|()| bytewise.head(head));
        let early = matches!(whole.head(head), Err(Fault::Early)); // Byte by byte it does not come early.
        assert!(early || found == whole.head(head), "{text:?}: {found:?} bytewise, {:?} whole", whole.head(head));
        whole.head(head)
    }

    #[test]
    fn a_request_is_read_alike_in_one_piece_and_byte_by_byte() {
        assert_eq!(read("GET /a?b HTTP/1.1\r\nhost: a\r\ncookie: \u{e9}=1\r\n\r\n"), Ok(()));
        assert_eq!(read(&format!("{POST}content-length: 5\r\n\r\nhello")), Ok(()));
        assert_eq!(
            read(&format!("{POST}transfer-encoding: Chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nx: y\r\n\r\n")),
            Ok(())
        );
        assert_eq!(read(&format!("{POST}transfer-encoding: chunked\r\n\r\n5\r\nhello!\r\n")), Err(Fault::Chunk));
        assert_eq!(read(&format!("{POST}x: y\n\r\n\r\n")), Err(Fault::Control));
        assert_eq!(read(&format!("{POST}x: y\r\n z\r\n\r\n")), Err(Fault::FieldLine));
        assert_eq!(read("GET /a b HTTP/1.1\r\nhost: a\r\n\r\n"), Err(Fault::RequestLine));
        assert_eq!(read("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"), Err(Fault::RequestLine));
        let upgrade = "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n\r\n";
        assert_eq!(read(upgrade), Ok(()));
        assert_eq!(read(&format!("{upgrade}x")), Err(Fault::Early));
    }

    #[test]
    fn a_header_that_was_mended_is_noticed() {
        let mut reader = Reader::default();
        reader.read(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").expect("no body");
        assert_eq!(reader.head(27), Ok(()));
        assert_eq!(reader.head(29), Err(Fault::Disagreement));
    }

    #[test]
    fn a_connection_carries_many_requests() {
        let mut reader = Reader::default();
        for _ in 0..3 {
            reader.read(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").expect("no body");
            assert_eq!(reader.head(27), Ok(()));
            reader.next();
        }
        reader.read(format!("{POST}content-length: 9\r\n\r\nhello").as_bytes()).expect("half a body");
        reader.next();
        assert_eq!(reader.head(27), Err(Fault::Disagreement), "a body that was not read is no header");
    }

    /// By hand: `cargo test --release -p aldgate-gateway --lib -- --ignored --nocapture reading_costs`.
    #[test]
    #[ignore = "a measurement, not a test"]
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    fn reading_costs() {
        let field = "x-some-header: some value of a usual length\r\n";
        for lines in [2, 8, 20] {
            let head = format!("GET /a/path HTTP/1.1\r\nhost: localhost\r\n{}\r\n", field.repeat(lines));
            let begun = std::time::Instant::now();
            for _ in 0..100_000 {
                let mut reader = Reader::default();
                reader.read(std::hint::black_box(head.as_bytes())).expect("no body");
                assert_eq!(reader.head(head.len()), Ok(()));
            }
            println!("{} bytes in {} lines: {:?}", head.len(), lines + 2, begun.elapsed() / 100_000);
        }
    }

    #[test]
    fn headers_are_bounded() {
        let mut reader = Reader::default();
        let pieces = (0..70).map(|_| reader.read(&[b'x'; 1024])).collect::<Vec<_>>();
        assert_eq!(pieces.iter().position(Result::is_err), Some(64), "kept for the header's end, and no longer");
        assert!(pieces[64..].iter().all(|piece| *piece == Err(Fault::TooLong)));
        assert_eq!(reader.fault(), Some(Fault::TooLong));
        assert!(reader.partial.capacity() == 0);
    }

    #[test]
    fn a_header_that_is_broken_already_is_bounded_too() {
        let mut reader = Reader::default();
        reader.read(b"GET / HTTP/1.1\nhost: a\r\n").expect("kept for the header's end");
        let pieces = (0..70).map(|_| reader.read(&[b'x'; 1024])).collect::<Vec<_>>();
        assert_eq!(pieces.iter().position(Result::is_err), Some(63));
        assert!(pieces[63..].iter().all(|piece| *piece == Err(Fault::Control)));
    }

    #[test]
    fn nothing_of_a_body_is_given_out_after_its_fault() {
        let mut reader = Reader::default();
        reader.read(format!("{POST}transfer-encoding: chunked\r\n\r\n").as_bytes()).expect("a header");
        for piece in ["x\r\n", "0\r\n\r\n", "GET / HTTP/1.1\r\n"] {
            assert_eq!(reader.read(piece.as_bytes()), Err(Fault::Chunk), "{piece:?}");
        }
    }
}
