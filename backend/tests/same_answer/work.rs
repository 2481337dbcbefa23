//! What the backend does for an answer, as it says itself in its most detailed log.

use crate::world::World;
use std::fmt;
use std::sync::{Mutex, Once, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const STATEMENTS: &str = "aldgate_backend::store::sql::statement";
const HASHES: &str = "aldgate_backend::password::hashing";

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Did {
    /// The statements that ran, in order.
    pub(crate) statements: Vec<String>,
    /// How often a password was hashed.
    pub(crate) hashes: usize,
    /// How many messages went out.
    pub(crate) messages: usize,
}

static DID: Mutex<Did> = Mutex::new(Did { statements: Vec::new(), hashes: 0, messages: 0 });
static ALONE: AsyncMutex<()> = AsyncMutex::const_new(());
static LISTENING: Once = Once::new();

/// Keeps the other tests of this process waiting, and listens.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().await;
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Listener).expect("the only one"));
    alone
}

/// What is given, and what was done for it.
pub(crate) async fn doing<T>(world: &World, given: impl Future<Output = T>) -> (T, Did) {
    let before = world.messages().len();
    *DID.lock().unwrap_or_else(PoisonError::into_inner) = Did::default();
    let given = given.await;
    let mut did = DID.lock().unwrap_or_else(PoisonError::into_inner).clone();
    did.messages = world.messages().len() - before;
    (given, did)
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::TRACE && [STATEMENTS, HASHES].contains(&metadata.target())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut did = DID.lock().unwrap_or_else(PoisonError::into_inner);
        if event.metadata().target() == HASHES {
            did.hashes += 1;
        } else {
            let mut text = Text::default();
            event.record(&mut text);
            did.statements.push(text.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The text of a statement, on one line.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            self.0 = value.split_whitespace().collect::<Vec<_>>().join(" ");
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
