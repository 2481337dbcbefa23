//! That the keys of the deployment's own OpenID provider have changed, as the feed tells it: a key that was withdrawn is
//! believed for no longer than it takes to fetch the key set, and not until that is due.

use aldgate_core::warm::change::{Change, Feed, Follower};
use tokio::sync::Notify;

/// Who hears it. However often it is told before somebody asks, it is heard once.
#[derive(Debug, Default)]
pub struct KeyNews(Notify);

impl KeyNews {
    /// Waits until the keys may have changed.
    pub async fn heard(&self) {
        self.0.notified().await;
    }
}

impl Follower for KeyNews {
    fn apply(&self, change: &Change) {
        if *change == Change::ProviderKeysChanged {
            self.0.notify_one();
        }
    }

    /// What was missed may have been that.
    fn feed(&self, feed: Feed) {
        if feed == Feed::Gap {
            self.0.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::id::TokenDigest;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn it_is_heard_once_and_nothing_else_is_taken_for_it() {
        let news = KeyNews::default();
        assert_eq!(news.heard().now_or_never(), None);
        news.apply(&Change::TokenRevoked(TokenDigest::of(b"token")));
        news.feed(Feed::Live);
        assert_eq!(news.heard().now_or_never(), None);
        (0..3).for_each(|_| news.apply(&Change::ProviderKeysChanged));
        assert_eq!(news.heard().now_or_never(), Some(()));
        assert_eq!(news.heard().now_or_never(), None);
        news.feed(Feed::Gap);
        assert_eq!(news.heard().now_or_never(), Some(()));
    }
}
