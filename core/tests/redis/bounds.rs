//! Nothing is kept for ever, and no log, list or step grows without end.

use crate::server::{Server, eventually};
use crate::tier::{self, Notebook, Told};
use aldgate_core::id::{SingleUse, TokenDigest};
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::{Settlement, Warm as _};
use redis::{Value, cmd, pipe};
use std::sync::Arc;
use std::time::Duration;

/// Entries of a block of a log, which is cut in whole ones.
const BLOCK: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_but_the_logs_of_the_lanes_has_an_end() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let (passkey, retired, unused) = (tier::passkey(1), tier::passkey(2), tier::passkey(3));
    let until = NOW.plus(Duration::from_mins(1));
    for record in [&passkey, &retired, &unused] {
        warm.publish_credential(record).await.expect("published");
    }
    for n in 1..=3 {
        assert_eq!(warm.settle(&tier::login(&passkey, n.into(), n)).await, Ok(Settlement::Settled));
    }
    warm.open_session(&tier::opening(0, 9)).await.expect("opened");
    warm.end_session(&passkey.account, &tier::login(&passkey, 1, 1).opening.session).await.expect("ended");
    warm.retire_credential(&retired.account, &retired.digest).await.expect("retired");
    warm.revoke_token(&TokenDigest::of(b"token"), until).await.expect("revoked");
    let _ = warm.consume(&SingleUse::of(b"value"), until).await.expect("consumed");

    let link = &mut server.link().await;
    let names: Vec<Vec<u8>> = cmd("KEYS").arg("*").query_async(link).await.expect("names");
    assert!(names.len() > 12, "{}", names.len());
    for name in names {
        let left: i64 = cmd("PTTL").arg(&name).query_async(link).await.expect("a time");
        let is_log = [b"}e", b"}f", b"}l"].iter().any(|end| name.ends_with(*end));
        assert_eq!(left == -1, is_log, "{}", String::from_utf8_lossy(&name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lanes_logs_are_cut_at_their_lengths() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let end = async |n| {
        let opening = tier::opening(0, n);
        warm.open_session(&opening).await.expect("opened");
        warm.end_session(&opening.record.account, &opening.session).await.expect("ended");
    };
    end(1).await;
    let set: String = server.ask(&["GET", "aldgate:{04s}e"]).await;
    for (n, log, number, longest) in
        [(2, "aldgate:{04s}f", format!("{set}-*"), 100_000), (3, "aldgate:{04s}l", "*".into(), 250_000)]
    {
        let link = &mut server.link().await;
        for _ in 0..=longest / 10_000 {
            let mut many = pipe();
            for _ in 0..10_000 {
                many.cmd("XADD").arg(log).arg(&number).arg("c").arg("v").ignore();
            }
            many.query_async::<Value>(link).await.expect("written");
        }
        end(n).await;
        let length: usize = cmd("XLEN").arg(log).query_async(link).await.expect("a length");
        assert!((longest..longest + 2 * BLOCK).contains(&length), "{log}: {length}");
    }
    let read = warm.login_events(tier::opening(0, 1).session.lane(), 0, usize::MAX).await.expect("read");
    let read: Vec<_> = read.into_iter().map(|(_, event)| event.session).collect();
    assert_eq!(read, [tier::opening(0, 3).session], "behind all that is not ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_and_one_sessions_of_an_account_the_first_to_expire_goes() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let notebook = Arc::new(Notebook::default());
    warm.follow(notebook.clone());
    let mut first = tier::opening(0, 0);
    first.record.expires = NOW.plus(Duration::from_mins(1));
    warm.open_session(&first).await.expect("opened");
    for n in 1..1_000 {
        warm.open_session(&tier::opening(0, n)).await.expect("opened");
    }
    assert!(!notebook.has(&Told::ended(first.session)));
    warm.open_session(&tier::opening(0, 1_000)).await.expect("opened");
    eventually("it ends", async || notebook.has(&Told::ended(first.session))).await;
    assert_eq!(warm.session(&first.session).await, Ok(None));
    assert_eq!(warm.end_sessions(&first.record.account, None).await, Ok(1_000));
}
