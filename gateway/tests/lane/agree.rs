//! One answer through the lane's reader and through the one in `reference.rs`, for the tests and for `gateway/fuzz`.

use super::reference::{self, Read};
use aldgate_gateway::lane::body::Step;
use aldgate_gateway::lane::head::{Asked, HeadReader};
use bytes::BytesMut;

/// What the two make of an answer that comes in these pieces: they have to be equal.
pub fn both(answer: &[u8], pieces: &[&[u8]], head_only: bool) -> (Read, Read) {
    let expected = reference::read(answer, head_only);
    let mut got = lane(pieces, if head_only { Asked::Head } else { Asked::Other });
    if let (Read::Whole { keeps: expected, length, .. }, Read::Whole { keeps, .. }) = (&expected, &mut got)
        && *length < answer.len()
    {
        *keeps = *expected; // Which cannot be asked while something is left.
    }
    (expected, got)
}

/// The lane's reader, fed with these pieces.
fn lane(pieces: &[&[u8]], asked: Asked) -> Read {
    let mut pieces = pieces.iter();
    let (mut come, mut reader) = (BytesMut::new(), HeadReader::default());
    let total: usize = pieces.clone().map(|piece| piece.len()).sum();
    let (status, mut body) = loop {
        match reader.take(&mut come, asked) {
            Ok(Some(head)) => break (head.header.status.as_u16(), head.body),
            Ok(None) => {}
            Err(_) => return Read::Bad,
        }
        let Some(piece) = pieces.next() else { return Read::More };
        come.extend_from_slice(piece);
    };
    let until_close = body.is_until_close();
    let mut said = Vec::new();
    loop {
        match body.step(&mut come) {
            Ok(Step::Piece(piece)) => {
                assert!(!piece.is_empty());
                said.extend_from_slice(&piece);
            }
            Ok(Step::Ended) => break,
            Ok(Step::More) => {
                assert!(come.len() < 17 * 1024, "nothing is gathered beyond its bound");
                let Some(piece) = pieces.next() else {
                    let ends = body.closed();
                    assert_eq!(ends.is_ok(), until_close);
                    assert!(body.reusable(b"").is_none(), "no connection that ended is used again");
                    return if until_close { Read::UntilClose { status, body: said } } else { Read::More };
                };
                come.extend_from_slice(piece);
            }
            Err(_) => return Read::Bad,
        }
    }
    let left = come.len() + pieces.map(|piece| piece.len()).sum::<usize>();
    let clean = come.is_empty();
    // Asked as if nothing were left, it says whether the head keeps the connection; asked truly, never with bytes left.
    let keeps = if clean {
        body.reusable(&come).is_some()
    } else {
        assert!(body.reusable(&come).is_none(), "no connection with something left on it is used again");
        true
    };
    Read::Whole { status, body: said, length: total - left, keeps }
}
