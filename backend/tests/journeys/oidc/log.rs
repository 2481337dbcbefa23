//! What strangers can make us write into the log.

use super::*;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Counts the lines about clients. Everything in a test here runs on its own thread, and so do the lines.
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("aldgate_backend::http::oidc")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn nobody_fills_the_log_by_being_refused() {
    let world = provider().await;
    let lines = Arc::new(AtomicUsize::new(0));
    let _here = tracing::subscriber::set_default(Lines(lines.clone()));
    for path in ["/token", "/par", "/introspect", "/revoke"] {
        for _ in 0..10 {
            assert_eq!(post(&world, path, "grant_type=authorization_code").await.status, 400, "{path}");
        }
    }
    assert_eq!(lines.load(Ordering::SeqCst), 1);
    world.after(Duration::from_secs(10));
    post(&world, "/token", "grant_type=authorization_code").await;
    assert_eq!(lines.load(Ordering::SeqCst), 2, "and it is said again");
}
