//! Bodies in chunks (RFC 9112, section 7.1): what is no chunk is refused before the upstream hears of it, and where it
//! comes too late for that, the upstream's request never ends and its connection is never used again.

use super::gate::{BACKEND, Gate, SERVICE, refuse_all};
use super::strict::{self, Unread};
use super::upstream::Heard;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const HEAD: &str = "POST TARGET HTTP/1.1\r\nhost: localhost:8080\r\ntransfer-encoding: chunked\r\n\r\n";

/// Bodies that are no chunks.
const BAD: &[(&str, &str)] = &[
    ("no size", "\r\nhello\r\n0\r\n\r\n"),
    ("no size at the end", "5\r\nhello\r\n\r\n\r\n"),
    ("plus", "+5\r\nhello\r\n0\r\n\r\n"),
    ("minus", "-5\r\nhello\r\n0\r\n\r\n"),
    ("0x", "0x5\r\nhello\r\n0\r\n\r\n"),
    ("a space before the size", " 5\r\nhello\r\n0\r\n\r\n"),
    ("a space behind the size", "5 \r\nhello\r\n0\r\n\r\n"),
    ("a tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n"),
    ("a space in the size", "0 5\r\nhello\r\n0\r\n\r\n"),
    ("an underscore in the size", "0_5\r\nhello\r\n0\r\n\r\n"),
    ("a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("a size of 64 bits", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("a size of 63 bits", "7fffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("a size with many noughts", "00000000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("a word for a size", "five\r\nhello\r\n0\r\n\r\n"),
    ("LF behind the size", "5\nhello\r\n0\r\n\r\n"),
    ("CR behind the size", "5\rhello\r\n0\r\n\r\n"),
    ("CR CR LF behind the size", "5\r\r\nhello\r\n0\r\n\r\n"),
    ("an extension of no name", "5;\r\nhello\r\n0\r\n\r\n"),
    ("LF in an extension", "5;x\ny\r\nhello\r\n0\r\n\r\n"),
    ("LF right behind the semicolon", "5;\nhello\r\n0\r\n\r\n"),
    ("CR in an extension", "5;x\ry\r\nhello\r\n0\r\n\r\n"),
    ("LF in a quoted extension", "5;x=\"\n\"\r\nhello\r\n0\r\n\r\n"),
    ("NUL in an extension", "5;x\0\r\nhello\r\n0\r\n\r\n"),
    ("LF in an extension of the last chunk", "5\r\nhello\r\n0;x\n\r\n\r\n"),
    ("a comma for a semicolon", "5,x\r\nhello\r\n0\r\n\r\n"),
    ("a space before the semicolon", "5 ;x\r\nhello\r\n0\r\n\r\n"),
    ("no end of the data", "5\r\nhello0\r\n\r\n"),
    ("LF behind the data", "5\r\nhello\n0\r\n\r\n"),
    ("CR behind the data", "5\r\nhello\r0\r\n\r\n"),
    ("two letters for CRLF", "5\r\nhelloXX0\r\n\r\n"),
    ("more data than the size", "5\r\nhello, all\r\n0\r\n\r\n"),
    ("less data than the size", "6\r\nhello\r\n0\r\n\r\n"),
    ("LF at the end", "5\r\nhello\r\n0\n\n"),
    ("LF as the last end", "5\r\nhello\r\n0\r\n\n"),
    ("CR at the end", "5\r\nhello\r\n0\r\n\rX"),
    ("a framing trailer", "5\r\nhello\r\n0\r\ncontent-length: 0\r\n\r\n"),
    ("another framing trailer", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("a trailer as CGI names it", "5\r\nhello\r\n0\r\ncontent_length: 0\r\n\r\n"),
    ("a trailer that says a host", "5\r\nhello\r\n0\r\nhost: other\r\n\r\n"),
    ("a trailer in our name", "5\r\nhello\r\n0\r\nAldgate-Identity: x\r\n\r\n"),
    ("a trailer that forwards", "5\r\nhello\r\n0\r\nx_forwarded_for: 1.2.3.4\r\n\r\n"),
    ("a cookie as a trailer", "5\r\nhello\r\n0\r\ncookie: x=y\r\n\r\n"),
    ("a trailer of no colon", "5\r\nhello\r\n0\r\nx\r\n\r\n"),
    ("a folded trailer", "5\r\nhello\r\n0\r\nx: y\r\n z\r\n\r\n"),
    ("LF behind a trailer", "5\r\nhello\r\n0\r\nx: y\n\r\n"),
    ("NUL in a trailer", "5\r\nhello\r\n0\r\nx: \0\r\n\r\n"),
];

#[tokio::test]
async fn bad_chunks_are_refused() {
    let gate = Gate::new().await;
    for (name, body) in BAD {
        refuse_all(&gate, &[(name, &format!("{HEAD}{body}"))], &[400]).await;
    }
}

#[tokio::test]
async fn bad_chunks_in_a_packet_of_their_own_are_refused_too() {
    let gate = Gate::new().await;
    for (name, body) in BAD {
        for target in [SERVICE, BACKEND] {
            let head = HEAD.replace("TARGET", target);
            gate.refuses_in_pieces(&format!("{name} at {target}"), &[head.as_bytes(), body.as_bytes()], &[400]).await;
        }
    }
}

#[tokio::test]
async fn bad_chunks_end_the_connection_where_the_edge_answers_first() {
    let gate = Gate::new().await;
    for path in ["/closed/x", "/nowhere", "/passkey/login", "/session"] {
        for (name, body) in BAD {
            let head =
                HEAD.replace("TARGET", path).replace("chunked\r\n", "chunked\r\ncontent-type: application/json\r\n");
            let name = format!("{name} at {path}");
            gate.refuses(&name, format!("{head}{body}").as_bytes(), &[400]).await;
            let statuses = [400, 401, 404, 405];
            gate.refuses_in_pieces(&name, &[head.as_bytes(), body.as_bytes()], &statuses).await;
        }
    }
}

#[tokio::test]
async fn good_chunks_pass_and_lose_what_no_service_needs() {
    let gate = Gate::new().await;
    let rows = [
        ("an extension", "5;x=y\r\nhello\r\n0\r\n\r\n"),
        ("a quoted extension", "5;x=\"a;b c\"\r\nhello\r\n0;z\r\n\r\n"),
        ("trailers", "5\r\nhello\r\n0\r\nx-checksum: 1\r\ny: z\r\n\r\n"),
        ("noughts before the size", "0005\r\nhello\r\n00\r\n\r\n"),
        ("a chunk a letter", "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n"),
    ];
    for (name, body) in rows {
        for target in [SERVICE, BACKEND] {
            let head = HEAD.replace("TARGET", target).replace("chunked\r\n", "chunked\r\nconnection: close\r\n");
            gate.passes(&format!("{name} at {target}"), format!("{head}{body}").as_bytes(), "POST", "hello").await;
        }
    }
}

#[tokio::test]
async fn a_chunk_that_turns_bad_later_leaves_the_upstream_an_unfinished_request_on_a_connection_of_no_use() {
    let gate = Gate::new().await;
    for (name, body) in BAD {
        let mut client = gate.world.connect();
        client.write_all(HEAD.replace("TARGET", SERVICE).as_bytes()).await.expect("written");
        client.write_all(b"4\r\ngood\r\n").await.expect("written");
        let begun = |heard: &Heard| heard.bytes.ends_with(b"good\r\n") && !heard.ended;
        let connection = until(|| gate.log.heard().iter().position(begun)).await;
        let (behind, _) = gate.innocent();
        client.write_all(format!("{body}{behind}").as_bytes()).await.expect("written");
        let said = gate.hear(&mut client).await;
        assert!(said.ended && said.bytes.starts_with(b"HTTP/1.1 400"), "{name}: {}", said.bytes.escape_ascii());
        let heard = until(|| gate.log.heard().get(connection).filter(|heard| heard.ended).cloned()).await;
        let (requests, left) = strict::requests(&heard.bytes);
        assert_eq!(left, Some(Unread::Unfinished), "{name}: {}", heard.bytes.escape_ascii());
        assert!(requests.iter().all(|request| request.target != SERVICE), "{name}: {requests:?}");
        gate.serves_the_innocent(name).await;
        assert_eq!(gate.log.heard()[connection].bytes, heard.bytes, "{name}: it was used again");
    }
}

/// Waits for something that must come.
async fn until<T>(mut there: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(there) = there() {
            return there;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it did not come")
}

#[tokio::test]
async fn what_was_read_ahead_reaches_the_upstream_once_and_whole() {
    let gate = Gate::new().await;
    for target in [SERVICE, BACKEND] {
        for length in [1, 4_000, 16_000, 40_000, 48_000, 60_000, 65_536, 70_000, 300_000] {
            if target == BACKEND && length > 65_536 {
                continue;
            }
            let body: String = (0..length).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
            let head = format!("POST {target} HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\n");
            let by_length = format!("{head}content-length: {length}\r\n\r\n{body}");
            gate.passes(&format!("{length} bytes at {target}"), by_length.as_bytes(), "POST", &body).await;
            for size in [7, 1_000, 30_000] {
                if length / size > 5_000 {
                    continue;
                }
                let chunks = body.as_bytes().chunks(size);
                let chunks: String =
                    chunks.map(|c| format!("{:x}\r\n{}\r\n", c.len(), String::from_utf8_lossy(c))).collect();
                let request = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
                gate.passes(&format!("{length} bytes by {size} at {target}"), request.as_bytes(), "POST", &body).await;
            }
        }
    }
}
