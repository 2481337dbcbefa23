//! Settles log-ins: what gateways settled on a shared tier without the backend, it writes down here when it can.
//!
//! The shared tier keeps every log-in until it is told that it is settled. Reading, writing and forgetting are three
//! steps, and after a crash between them a log-in is read again; which number a lane has been settled up to is written
//! with the log-ins themselves, so each counts once. Log-ins do not wait for any of this: with the backend down for an
//! hour, people sign in, and its list of log-ins is an hour late.

use crate::fault::Fault;
use crate::store::Store;
use aldgate_core::id::Lane;
use aldgate_core::warm::login_event::LoginEvents;
use std::sync::Arc;
use std::time::Duration;

/// Most log-ins of one transaction: some ten milliseconds of the writer's time.
const BATCH_MAX: usize = 500;

/// How long to rest when nothing is left, and when something fails: a person who has just signed in and looks at their
/// account sees it there.
const REST: Duration = Duration::from_millis(500);

/// Settles what a tier keeps in a store.
pub(crate) struct Settler {
    pub(crate) store: Store,
    pub(crate) log_ins: Arc<dyn LoginEvents>,
}

impl Settler {
    /// Settles for as long as it is polled.
    pub(crate) async fn run(self) {
        let mut failing = false;
        loop {
            let settled = self.settle_all().await;
            match &settled {
                Err(error) if !failing => {
                    tracing::warn!(%error, "log-ins wait to be written down; nobody who signs in waits for it");
                }
                Ok(_) if failing => tracing::warn!("log-ins are written down again"),
                _ => {}
            }
            failing = settled.is_err();
            if !settled.is_ok_and(|log_ins| log_ins > 0) {
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// One batch of each lane, also of those after one that fails. Gives how many log-ins were new.
    pub(crate) async fn settle_all(&self) -> Result<usize, Fault> {
        let mut settled = Ok(0);
        for lane in Lane::all() {
            settled = match (settled, self.settle(lane).await) {
                (Ok(before), Ok(new)) => Ok(before + new),
                (Err(fault), _) | (Ok(_), Err(fault)) => Err(fault),
            };
        }
        settled
    }

    async fn settle(&self, lane: Lane) -> Result<usize, Fault> {
        let through = self.store.settled_through(lane).await?;
        let events = self.log_ins.login_events(lane, through, BATCH_MAX).await?;
        let Some((last, _)) = events.last() else { return Ok(0) };
        let last = *last;
        let new = self.store.settle_log_ins(lane, events).await?;
        self.log_ins.forget_login_events(lane, last).await?;
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Creation;
    use crate::store::tests::{Home, with_passkey};
    use aldgate_core::id::{CredentialDigest, SessionId};
    use aldgate_core::testing::authenticator::Authenticator;
    use aldgate_core::testing::world::NOW;
    use aldgate_core::warm::Unavailable;
    use aldgate_core::warm::login_event::{LoginEvent, PasskeyUsed};
    use async_trait::async_trait;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A tier that keeps log-ins, and does not forget them when it is told to forget what it was told.
    #[derive(Default)]
    struct Kept {
        log_ins: Mutex<Vec<(u64, LoginEvent)>>,
        forgetful: AtomicBool,
        lane_down: Mutex<Option<Lane>>,
    }

    #[async_trait]
    impl LoginEvents for Kept {
        async fn login_events(
            &self,
            lane: Lane,
            after: u64,
            max: usize,
        ) -> Result<Vec<(u64, LoginEvent)>, Unavailable> {
            if *self.lane_down.lock().expect("no panic") == Some(lane) {
                return Err(Unavailable("this lane was told to be down".into()));
            }
            let kept = self.log_ins.lock().expect("no panic");
            let of_lane = kept.iter().filter(|(number, event)| event.account.lane() == lane && *number > after);
            Ok(of_lane.take(max).copied().collect())
        }

        async fn forget_login_events(&self, lane: Lane, through: u64) -> Result<(), Unavailable> {
            if self.forgetful.load(Ordering::SeqCst) {
                return Err(Unavailable("told to be".into()));
            }
            let mut kept = self.log_ins.lock().expect("no panic");
            kept.retain(|(number, event)| event.account.lane() != lane || *number > through);
            Ok(())
        }
    }

    fn log_in(user: u64, sign_count: u32) -> LoginEvent {
        let record = Authenticator::derived(1, user).record();
        let number = u8::try_from(sign_count).expect("small");
        LoginEvent {
            account: record.account,
            session: SessionId::from_bytes([number; 16]),
            at: NOW.plus(Duration::from_secs(u64::from(sign_count))),
            passkey: Some(PasskeyUsed {
                credential: record.digest,
                sign_count,
                backup_state: false,
                revision: u64::from(sign_count),
                new_browser: None,
            }),
        }
    }

    async fn settler(home: &Home, log_ins: Arc<Kept>) -> Settler {
        for user in 0..3 {
            assert_eq!(home.store.create_account(&with_passkey(user)).await, Ok(Creation::Created));
        }
        Settler { store: home.store.clone(), log_ins }
    }

    async fn sign_count(store: &Store, digest: &CredentialDigest) -> u32 {
        store.credential(digest).await.expect("read").expect("a passkey").sign_count
    }

    #[tokio::test]
    async fn what_a_tier_settled_is_written_down_and_let_go() {
        let (home, kept) = (Home::new().await, Arc::new(Kept::default()));
        let settler = settler(&home, kept.clone()).await;
        let log_ins = [(5, log_in(0, 1)), (6, log_in(0, 2)), (7, log_in(1, 9)), (8, log_in(0, 3))];
        kept.log_ins.lock().expect("no panic").extend(log_ins);
        assert_eq!(settler.settle_all().await.expect("settled"), 4);
        let digest = Authenticator::derived(1, 0).record().digest;
        assert_eq!(sign_count(&home.store, &digest).await, 3, "the last of several");
        let passkeys = home.store.passkeys(&log_in(0, 1).account).await.expect("read");
        assert_eq!(passkeys[0].last_used, Some(log_in(0, 3).at));
        assert!(kept.log_ins.lock().expect("no panic").is_empty());
        assert_eq!(settler.settle_all().await.expect("settled"), 0);
    }

    #[tokio::test]
    async fn a_log_in_that_is_read_twice_counts_once() {
        let (home, kept) = (Home::new().await, Arc::new(Kept::default()));
        let settler = settler(&home, kept.clone()).await;
        kept.log_ins.lock().expect("no panic").push((5, log_in(0, 4)));
        kept.forgetful.store(true, Ordering::SeqCst);
        assert!(settler.settle_all().await.is_err(), "it was written down, and the tier could not be told");
        kept.forgetful.store(false, Ordering::SeqCst);
        let lane = log_in(0, 4).account.lane();
        let again = kept.log_ins.lock().expect("no panic").clone();
        assert_eq!(home.store.settle_log_ins(lane, again).await, Ok(0));
        assert_eq!(home.store.settled_through(lane).await, Ok(5));
        kept.log_ins.lock().expect("no panic").push((6, log_in(0, 5)));
        assert_eq!(settler.settle_all().await.expect("settled"), 1);
        assert!(kept.log_ins.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn a_lane_that_does_not_answer_holds_up_no_other() {
        let (home, kept) = (Home::new().await, Arc::new(Kept::default()));
        let settler = settler(&home, kept.clone()).await;
        let lane = |user| log_in(user, 1).account.lane();
        assert_ne!(lane(0), lane(2));
        for (down, other) in [(0, 2), (2, 0)] {
            *kept.lane_down.lock().expect("no panic") = Some(lane(down));
            kept.log_ins.lock().expect("no panic").extend([(5 + other, log_in(other, 1))]);
            assert!(settler.settle_all().await.is_err(), "a lane is down");
            let digest = Authenticator::derived(1, other).record().digest;
            assert_eq!(sign_count(&home.store, &digest).await, 1);
        }
    }

    /// A tag proves who wrote a log-in, not when: whoever can write into the tier can put an old one there again.
    #[tokio::test]
    async fn an_old_log_in_that_is_put_there_again_turns_nothing_back() {
        let (home, kept) = (Home::new().await, Arc::new(Kept::default()));
        let settler = settler(&home, kept.clone()).await;
        let mut newer = log_in(0, 9);
        newer.passkey = newer.passkey.map(|used| PasskeyUsed { backup_state: true, ..used });
        kept.log_ins.lock().expect("no panic").extend([(5, log_in(0, 4)), (6, newer)]);
        assert_eq!(settler.settle_all().await.expect("settled"), 2);
        let digest = Authenticator::derived(1, 0).record().digest;
        let before = home.store.credential(&digest).await.expect("read").expect("a passkey");
        assert_eq!((before.sign_count, before.backup_state, before.revision), (9, true, 9));
        kept.log_ins.lock().expect("no panic").push((7, log_in(0, 4)));
        assert_eq!(settler.settle_all().await.expect("settled"), 1);
        assert_eq!(home.store.credential(&digest).await, Ok(Some(before)), "a clone could count on from the old one");
    }

    #[tokio::test]
    async fn a_log_in_with_a_passkey_that_is_gone_stops_nothing() {
        let (home, kept) = (Home::new().await, Arc::new(Kept::default()));
        let settler = settler(&home, kept.clone()).await;
        kept.log_ins.lock().expect("no panic").extend([(1, log_in(77, 1)), (2, log_in(0, 1))]);
        assert_eq!(settler.settle_all().await.expect("settled"), 2);
    }
}
