//! A deadline for the body of a request that goes on to a service.
//!
//! Pingora bounds the wait between two pieces of a body over HTTP/1, and over HTTP/2 nothing: a client that sends a byte
//! now and then would hold a stream, a connection to the upstream and the upstream's own patience for hours. Here the
//! whole body is bounded. A request that is [`Watched`] is dropped when its body is late, which over HTTP/1 closes the
//! connection and over HTTP/2 resets the stream. What is kept of every request is kept of it too
//! ([`crate::phase::record::Unfinished`]).
//!
//! The hooks of the proxy run inside the watched future, so what they say passes through a variable of the thread that
//! polls it: no lock, no allocation, and no timer for a request without a body.

use crate::metrics::Metrics;
use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long the body of a request to a service may take, and how much longer for what has arrived: somebody uploads a
/// photograph from a train.
pub const UPLOAD_DEADLINE: Duration = Duration::from_secs(30);
const UPLOAD_BYTES_PER_SECOND: usize = 4 * 1024;

thread_local! {
    /// Until when the body of the request that is polled here must be complete.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The body of this request is awaited for so long from now on.
pub(crate) fn body_begins(deadline: Duration) {
    UNTIL.set(Some(Instant::now() + deadline));
}

/// So much of an upload has arrived: the rest may come later.
pub(crate) fn upload_goes_on(bytes: usize) {
    let longer = Duration::from_secs(bytes as u64) / u32::try_from(UPLOAD_BYTES_PER_SECOND).unwrap_or(u32::MAX);
    UNTIL.set(UNTIL.get().map(|until| until + longer));
}

/// No body is awaited any more.
pub(crate) fn body_is_over() {
    UNTIL.set(None);
}

/// A future whose body must be in time; nothing comes of it otherwise.
pub(super) struct Watched<F> {
    inner: F,
    until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F> Watched<F> {
    pub(super) const fn new(inner: F) -> Self {
        Self { inner, until: None, timer: None }
    }
}

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        UNTIL.set(self.until);
        let polled = Pin::new(&mut self.inner).poll(context);
        self.until = UNTIL.take();
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Some(output));
        }
        let Some(until) = self.until else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(None)
    }
}

/// An application whose HTTP/2 streams are watched. An HTTP/1 connection is watched as a whole, at the door.
pub struct Watch<A> {
    app: Arc<A>,
    metrics: Arc<Metrics>,
}

impl<A> Watch<A> {
    /// Watches over an application.
    pub const fn new(app: Arc<A>, metrics: Arc<Metrics>) -> Self {
        Self { app, metrics }
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> HttpServerApp for Watch<A> {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if !session.is_http2() {
            return self.app.process_new_http(session, shutdown).await;
        }
        let watched = Watched::new(self.app.process_new_http(session, shutdown)).await;
        if watched.is_none() {
            self.metrics.door.cut();
        }
        watched?
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.app.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.app.server_options()
    }

    async fn http_cleanup(&self) {
        self.app.http_cleanup().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_late_is_cut_and_one_that_is_over_is_not() {
        let began = Instant::now();
        let late = Box::pin(async {
            body_begins(UPLOAD_DEADLINE);
            loop {
                sleep(Duration::from_millis(300)).await;
            }
        });
        assert_eq!(Watched::<Pin<Box<dyn Future<Output = ()>>>>::new(late).await, None);
        assert_eq!(began.elapsed().as_secs(), UPLOAD_DEADLINE.as_secs());
        let in_time = Box::pin(async {
            body_begins(UPLOAD_DEADLINE);
            sleep(UPLOAD_DEADLINE / 2).await;
            body_is_over();
            sleep(UPLOAD_DEADLINE * 9).await;
        });
        assert_eq!(Watched::new(in_time).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_has_longer_the_more_has_arrived() {
        let upload = |bytes: usize, every: Duration| async move {
            let sent = async move {
                body_begins(UPLOAD_DEADLINE);
                for _ in 0..100 {
                    sleep(every).await;
                    upload_goes_on(bytes);
                }
            };
            Watched::new(Box::pin(sent)).await
        };
        assert_eq!(upload(UPLOAD_BYTES_PER_SECOND * 2, Duration::from_secs(2)).await, Some(()), "as slow as may be");
        assert_eq!(upload(1, Duration::from_secs(1)).await, None, "a byte at a time");
    }
}
