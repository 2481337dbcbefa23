//! Notices that are written down with the fact they tell of, and sent afterwards: neither a browser that hangs up nor a mail
//! relay that is down keeps an account's owner from hearing of it.
//!
//! What waits is what there is to say and to whom, sealed by the store; it is put into words when it is sent. It may be
//! sent twice, when nobody knows how the first time ended: better than never.
//!
//! A link that works for a day or an hour is made when the message is sent, so that a message which was late does not bring
//! a dead one. The link by which somebody says that it was not they works for a week from what was done: what was added
//! since then is what it takes away.

use super::notice::Token;
use super::{Changed, NotSent, Notice, Post, Recipient};
use crate::deliveries::{Deliverer, Undelivered};
use crate::fault::Fault;
use crate::link_token::{LinkTokens, Power};
use crate::model::EmailAddress;
use crate::model::telephone::PhoneNumber;
use crate::store::ChangeId;
use crate::store::delivery::{Due, Kind, Outgoing};
use crate::words::Words;
use aldgate_core::id::AccountId;
use aldgate_core::language::Language;
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What it is delivered as.
const NOTICE: Kind = Kind("notice-2");

/// As versions before this one have written it, all links made. Whoever runs beside them must not be given what they cannot
/// read, and what they have left is still sent.
const NOTICE_WITH_LINKS: Kind = Kind("notice");

/// How long it is tried: a relay may be down over a week-end.
const TRIED_FOR: Duration = Duration::from_hours(4 * 24);

/// A fact that somebody is told of.
#[derive(Debug)]
pub(crate) enum Fact {
    /// The account was changed; the token is for saying that it was not they.
    Changed(Changed, Token),
    /// A way to reach an account's owner was changed, and this goes to the old one.
    ContactChanged {
        /// Whose.
        account: AccountId,
        /// What the change is called.
        change: ChangeId,
    },
    /// An account was locked, and its password is gone; this goes to the address that it has now.
    Locked {
        /// Whose.
        account: AccountId,
    },
    /// An account was closed.
    Closed,
}

/// A notice as it waits.
#[derive(Serialize, Deserialize)]
struct Written {
    to: To,
    language: String,
    say: Say,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum To {
    Email(String),
    Phone(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Say {
    Changed(Changed, String),
    TakeBack {
        account: String,
        change: ChangeId,
    },
    WayBack {
        account: String,
    },
    Closed,
    /// Of [`NOTICE_WITH_LINKS`] alone.
    ContactChanged(String),
    /// The same.
    Locked(String),
}

impl Written {
    fn of(fact: &Fact, to: Recipient<'_>, words: Words) -> Self {
        let say = match fact {
            Fact::Changed(what, token) => Say::Changed(*what, token.expose().clone()),
            Fact::ContactChanged { account, change } => Say::TakeBack { account: account.to_string(), change: *change },
            Fact::Locked { account } => Say::WayBack { account: account.to_string() },
            Fact::Closed => Say::Closed,
        };
        let to = match to {
            Recipient::Email(email) => To::Email(email.as_str().to_owned()),
            Recipient::Phone(number) => To::Phone(number.as_str().to_owned()),
        };
        Self { to, language: words.lang().to_owned(), say }
    }
}

impl Fact {
    /// The word of it, to be written with it.
    pub(crate) fn later(&self, to: Recipient<'_>, words: Words, now: Timestamp) -> Result<Outgoing, Fault> {
        let written = Written::of(self, to, words);
        let payload = serde_json::to_vec(&written).map_err(|_| Fault::Invariant("a notice is JSON"))?;
        Ok(Outgoing { kind: NOTICE, payload: Zeroizing::new(payload), at: now, lifetime: TRIED_FOR })
    }
}

/// Where a message goes, read again.
enum Address {
    Email(EmailAddress),
    Phone(PhoneNumber),
}

impl Address {
    fn read(to: &To) -> Result<Self, &'static str> {
        match to {
            To::Email(text) => EmailAddress::parse(text).map(Self::Email).map_err(|_| "its address is none"),
            To::Phone(text) => PhoneNumber::parse(text).map(Self::Phone).map_err(|_| "its number is none"),
        }
    }

    const fn recipient(&self) -> Recipient<'_> {
        match self {
            Self::Email(email) => Recipient::Email(email),
            Self::Phone(number) => Recipient::Phone(number),
        }
    }
}

/// Sends what was written.
pub(crate) struct Notices {
    post: Arc<Post>,
    links: Arc<LinkTokens>,
    kind: Kind,
}

impl Notices {
    /// Sends by this, with links of these: what this version has written, and what those before it have.
    pub(crate) fn all(post: &Arc<Post>, links: &Arc<LinkTokens>) -> [Arc<dyn Deliverer>; 2] {
        [NOTICE, NOTICE_WITH_LINKS].map(|kind| -> Arc<dyn Deliverer> {
            Arc::new(Self { post: Arc::clone(post), links: Arc::clone(links), kind })
        })
    }

    /// What is said, with a link that works from now on.
    fn notice(&self, say: Say, to: &Address, now: Timestamp) -> Result<Notice, &'static str> {
        let account = |text: &str| text.parse::<AccountId>().map_err(|_| "its account is none");
        Ok(match say {
            Say::Changed(what, token) => Notice::Changed(what, Secret::new(token)),
            Say::TakeBack { account: of, change } => {
                Notice::ContactChanged(self.links.mint(Power::CancelChange, &account(&of)?, change, now))
            }
            Say::WayBack { account: of } => {
                let Address::Email(email) = to else { return Err("a way back goes by mail") };
                Notice::Locked(self.links.mint_way_back(&account(&of)?, email, now))
            }
            Say::Closed => Notice::Closed,
            Say::ContactChanged(token) => Notice::ContactChanged(Secret::new(token)),
            Say::Locked(token) => Notice::Locked(Secret::new(token)),
        })
    }
}

#[async_trait]
impl Deliverer for Notices {
    fn kind(&self) -> Kind {
        self.kind
    }

    async fn deliver(&self, due: &Due, now: Timestamp) -> Result<(), Undelivered> {
        let never = |why: &str| Undelivered::Never(why.to_owned());
        let written: Written = serde_json::from_slice(&due.payload).map_err(|_| never("it is of another version"))?;
        let to = Address::read(&written.to).map_err(never)?;
        let notice = self.notice(written.say, &to, now).map_err(never)?;
        let words = Words(Language::of_tag(&written.language).unwrap_or_default());
        let sent = self.post.send(&notice, to.recipient(), words, now).await;
        sent.map_err(|failed| match failed {
            NotSent::Refused(_) => Undelivered::Never(failed.to_string()),
            NotSent::Io(_) | NotSent::Unreachable(_) | NotSent::Busy(_) => Undelivered::NotNow(failed.to_string()),
        })
    }
}
