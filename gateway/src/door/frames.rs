//! HTTP/2 as seen from outside: how long what was begun may take, and how often what asks for nothing may come.
//!
//! The HTTP/2 library bounds the size of a header block, the number of streams and the resets that it has not yet seen
//! through. It has no clock: a header block may come a byte at a time for hours, and frames that cost the sender nine bytes
//! may come without end (RFC 9113, section 10.5; CVE-2023-44487, CVE-2019-9512, -9515, -9518). So the frames' headers are
//! read in passing, nothing is kept of them but where the next one begins:
//!
//! - the preface, a frame, and a header block from HEADERS to END_HEADERS have [`WHOLE`] from their first byte to their last;
//! - RST_STREAM, PING, SETTINGS, PRIORITY, empty DATA, tiny WINDOW_UPDATEs and unknown frames each cost a token of
//!   [`ODD_FRAMES`], which come back one each [`TOKEN_EVERY`]: who runs out is cut.

use super::stream::wraps_stream;
use pingora::protocols::Stream;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long the preface, a frame or a header block may take. A frame has at most 16 KiB.
const WHOLE: Duration = Duration::from_secs(10);

/// Frames that ask for nothing, at once: whoever leaves a page resets its dozens of streams.
const ODD_FRAMES: u32 = 200;
const TOKEN_EVERY: Duration = Duration::from_millis(50);

/// A window is opened by less only by what keeps a stream alive.
const TINY_WINDOW: u32 = 64;

const PREFACE_BYTES: u32 = 24;
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Where in the frames a connection is.
struct Frames {
    /// Bytes that still belong to the preface or to the payload of a frame.
    left: u32,
    head: [u8; HEAD_BYTES],
    /// How much of the head is there.
    of_head: usize,
    /// Whether a header block has begun and not ended.
    in_block: bool,
    /// The increment of a WINDOW_UPDATE, while it is read.
    window: Option<u32>,
    /// Frames that ask for nothing, since it was looked last.
    odd: u32,
}

impl Frames {
    const fn new() -> Self {
        Self { left: PREFACE_BYTES, head: [0; HEAD_BYTES], of_head: 0, in_block: false, window: None, odd: 0 }
    }

    /// Whether something was begun that has not ended.
    const fn within(&self) -> bool {
        self.left > 0 || self.of_head > 0 || self.in_block
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            if self.left > 0 {
                let n = bytes.len().min(self.left as usize);
                let (payload, rest) = bytes.split_at(n);
                self.left -= u32::try_from(n).unwrap_or(u32::MAX).min(self.left);
                self.payload(payload);
                bytes = rest;
                continue;
            }
            self.head[self.of_head] = byte;
            self.of_head += 1;
            bytes = &bytes[1..];
            if self.of_head == HEAD_BYTES {
                self.of_head = 0;
                self.begin();
            }
        }
    }

    fn payload(&mut self, payload: &[u8]) {
        let Some(window) = self.window.as_mut() else { return };
        *window = payload.iter().fold(*window, |sum, byte| sum << 8 | u32::from(*byte));
        if self.left == 0 {
            self.odd += u32::from(*window < TINY_WINDOW);
            self.window = None;
        }
    }

    /// A frame begins, whose head is complete.
    fn begin(&mut self) {
        let [a, b, c, kind, flags, ..] = self.head;
        self.left = u32::from_be_bytes([0, a, b, c]);
        match kind {
            HEADERS | CONTINUATION => self.in_block = flags & END_HEADERS == 0,
            DATA => self.odd += u32::from(self.left == 0),
            WINDOW_UPDATE if self.left == 4 => self.window = Some(0),
            _ => self.odd += 1,
        }
    }
}

/// An HTTP/2 connection whose reads fail when its frames are too slow, or too many of them ask for nothing.
pub(super) struct FramedIo {
    inner: Stream,
    frames: Frames,
    tokens: u32,
    filled: Instant,
    /// Runs only while something that was begun is waited for.
    deadline: Option<Pin<Box<Sleep>>>,
}

wraps_stream!(FramedIo, write);

impl FramedIo {
    /// A connection on which nothing has been read.
    pub(super) fn new(inner: Stream) -> Self {
        let filled = Instant::now();
        Self { inner, frames: Frames::new(), tokens: ODD_FRAMES, filled, deadline: None }
    }

    fn pay(&mut self) -> io::Result<()> {
        let odd = std::mem::take(&mut self.frames.odd);
        if odd == 0 {
            return Ok(());
        }
        let back = self.filled.elapsed().as_millis() / TOKEN_EVERY.as_millis();
        if back > 0 {
            self.filled = Instant::now();
            self.tokens = self.tokens.saturating_add(u32::try_from(back).unwrap_or(u32::MAX)).min(ODD_FRAMES);
        }
        let paid = self.tokens.checked_sub(odd);
        self.tokens = paid.ok_or_else(|| io::Error::other("too many frames that ask for nothing"))?;
        Ok(())
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if !self.frames.within() {
            return Poll::Pending;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(WHOLE)));
        deadline.as_mut().poll(context).map(|()| io::Error::new(io::ErrorKind::TimedOut, "a frame took too long"))
    }
}

impl AsyncRead for FramedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.deadline.is_some()
            && let Poll::Ready(error) = self.poll_deadline(context)
        {
            return Poll::Ready(Err(error));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if polled.is_pending() {
            return Poll::Ready(Err(ready!(self.poll_deadline(context))));
        }
        let was_in_block = self.frames.in_block;
        let new = &buffer.filled()[before..];
        let one_frame_more = new.len() > self.frames.left as usize;
        self.frames.read(new);
        // What was begun has ended, or it was a whole frame that did, outside a block.
        if !self.frames.within() || one_frame_more && !was_in_block {
            self.deadline = None;
        }
        self.pay()?;
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// Sends these pieces a second apart and reads until the cut: after how long, and why.
    async fn cut_of(first: Vec<u8>, piece: Vec<u8>, pieces: usize) -> Option<(Duration, io::ErrorKind)> {
        let (mut client, server) = duplex(64 * 1024);
        let mut io = FramedIo::new(Box::new(server));
        tokio::spawn(async move {
            let _ = client.write_all(&first).await;
            for _ in 0..pieces {
                sleep(Duration::from_secs(1)).await;
                let _ = client.write_all(&piece).await;
            }
            sleep(Duration::from_secs(60)).await;
        });
        let began = Instant::now();
        let mut piece = [0; 4096];
        let reading = async {
            loop {
                match io.read(&mut piece).await {
                    Ok(0) => return None,
                    Ok(_) => {}
                    Err(error) => return Some((began.elapsed(), error.kind())),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(50), reading).await.unwrap_or(None)
    }

    fn in_ten_seconds(cut: Option<(Duration, io::ErrorKind)>) -> bool {
        cut.is_some_and(|(after, kind)| after <= WHOLE + Duration::from_secs(1) && kind == io::ErrorKind::TimedOut)
    }

    #[tokio::test(start_paused = true)]
    async fn a_preface_a_frame_and_a_header_block_by_drips_are_cut_in_ten_seconds() {
        assert!(in_ten_seconds(cut_of(vec![], vec![], 0).await), "who says nothing");
        assert!(in_ten_seconds(cut_of(PREFACE[..9].to_vec(), b" ".to_vec(), 12).await), "the preface");
        let data = [PREFACE, &frame(DATA, 0, &[7; 100])[..20]].concat();
        assert!(in_ten_seconds(cut_of(data, vec![7], 40).await), "a frame");
        let block = [PREFACE, &frame(HEADERS, 0, b"")].concat();
        assert!(in_ten_seconds(cut_of(block, frame(CONTINUATION, 0, b"x"), 40).await), "CONTINUATION a byte each");
    }

    #[tokio::test(start_paused = true)]
    async fn whole_frames_may_come_as_slowly_as_they_like() {
        let begin = [PREFACE, &frame(HEADERS, END_HEADERS, b"x")].concat();
        assert_eq!(cut_of(begin, frame(DATA, 0, b"a piece"), 40).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_ask_for_nothing_are_few() {
        let window = |by: u32| frame(WINDOW_UPDATE, 0, &by.to_be_bytes());
        for (what, odd) in [
            ("resets", frame(3, 0, &[0; 4])),
            ("pings", frame(6, 0, &[0; 8])),
            ("settings", frame(4, 0, b"")),
            ("empty data", frame(DATA, 0, b"")),
            ("tiny windows", window(1)),
            ("unknown", frame(0xfe, 0, b"x")),
        ] {
            let flood = [PREFACE, &odd.repeat(300)].concat();
            assert!(cut_of(flood, vec![], 0).await.is_some_and(|(after, _)| after < WHOLE), "{what}");
            let some = [PREFACE, &odd.repeat(100)].concat();
            assert_eq!(cut_of(some, odd.repeat(10), 40).await, None, "{what}, as a client may send them");
        }
        let download = [PREFACE, &window(32_768).repeat(5_000)].concat();
        assert_eq!(cut_of(download, vec![], 0).await, None, "who downloads opens windows");
    }
}
