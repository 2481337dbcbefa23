//! The lane's reader of answers over two hundred thousand mutated ones, cut into pieces at random: it never panics, it
//! agrees with the reader in `reference.rs`, however the pieces fall, and it proves an end only where that one finds it.
//!
//! `gateway/fuzz` runs the same check under a fuzzer that looks for new ways through the code.

use super::agree;
use super::reference::Read;

const CORPUS: [&[u8]; 14] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2;a=b\r\ngo\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"x\"\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
];

/// What a mutation likes to put in.
const WORDS: [&[u8]; 22] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0\r\n",
    b"\r\n\r\n",
    b"chunked",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"ffffffffffffffff",
    b"+1",
    b"-1",
    b"18446744073709551615",
    b"\x80",
    b"X: y\r\n",
];

/// A small generator (splitmix64): the test is the same at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("below the bound")
    }
}

fn mutate(answer: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(answer.len() + 1);
    match numbers.below(6) {
        0 => drop(answer.splice(at..at, WORDS[numbers.below(WORDS.len())].iter().copied())),
        1 if at < answer.len() => drop(answer.remove(at)),
        2 if at < answer.len() => answer[at] = u8::try_from(numbers.below(256)).expect("a byte"),
        3 => answer.truncate(at),
        4 => {
            let end = (at + numbers.below(16)).min(answer.len());
            let copy = answer[at..end].to_vec();
            drop(answer.splice(at..at, copy));
        }
        _ => {
            let other = CORPUS[numbers.below(CORPUS.len())];
            answer.extend_from_slice(&other[numbers.below(other.len())..]);
        }
    }
}

fn cut<'a>(answer: &'a [u8], numbers: &mut Numbers) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = answer;
    while !rest.is_empty() {
        let at = match numbers.below(3) {
            0 => 1,
            1 => rest.len(),
            _ => 1 + numbers.below(rest.len()),
        };
        let (piece, after) = rest.split_at(at);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[test]
fn the_lanes_reader_agrees_with_the_slow_one_over_mutated_answers() {
    let mut numbers = Numbers(4);
    let mut seen = [0_usize; 4];
    for round in 0..200_000 {
        let mut answer = CORPUS[numbers.below(CORPUS.len())].to_vec();
        for _ in 0..numbers.below(5) {
            mutate(&mut answer, &mut numbers);
        }
        let head_only = numbers.below(8) == 0;
        let pieces = cut(&answer, &mut numbers);
        let (expected, got) = agree::both(&answer, &pieces, head_only);
        assert_eq!(expected, got, "round {round}: {}", answer.escape_ascii());
        seen[match got {
            Read::Whole { .. } => 0,
            Read::UntilClose { .. } => 1,
            Read::More => 2,
            Read::Bad => 3,
        }] += 1;
    }
    assert!(seen.iter().all(|kind| *kind > 5_000), "every kind is met: {seen:?}");
}
