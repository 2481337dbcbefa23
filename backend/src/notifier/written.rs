//! Notices that are written down with the fact they tell of, and sent afterwards: neither a browser that hangs up nor a mail
//! relay that is down keeps an account's owner from hearing of it.
//!
//! What waits is what there is to say and to whom, sealed by the store; it is put into words when it is sent. It may be
//! sent twice, when nobody knows how the first time ended: better than never.

use super::{Changed, NotSent, Notice, Post, Recipient};
use crate::deliveries::{Deliverer, Undelivered};
use crate::fault::Fault;
use crate::model::EmailAddress;
use crate::model::telephone::PhoneNumber;
use crate::store::delivery::{Due, Kind, Outgoing};
use crate::words::Words;
use aldgate_core::language::Language;
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What it is delivered as.
const NOTICE: Kind = Kind("notice");

/// How long it is tried: a relay may be down over a week-end, and the links in it work for a week.
const TRIED_FOR: Duration = Duration::from_hours(4 * 24);

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
    ContactChanged(String),
    Locked(String),
    Closed,
}

impl Written {
    /// Those that tell of a fact can wait; whoever asked for a code or a link waits for it themselves.
    fn of(notice: &Notice, to: Recipient<'_>, words: Words) -> Option<Self> {
        let say = match notice {
            Notice::Changed(what, token) => Say::Changed(*what, token.expose().clone()),
            Notice::ContactChanged(token) => Say::ContactChanged(token.expose().clone()),
            Notice::Locked(token) => Say::Locked(token.expose().clone()),
            Notice::Closed => Say::Closed,
            Notice::Code { .. } | Notice::AlreadyRegistered | Notice::Reset(_) | Notice::NoAccount => return None,
        };
        let to = match to {
            Recipient::Email(email) => To::Email(email.as_str().to_owned()),
            Recipient::Phone(number) => To::Phone(number.as_str().to_owned()),
        };
        Some(Self { to, language: words.lang().to_owned(), say })
    }

    fn notice(self) -> (Notice, To, Words) {
        let notice = match self.say {
            Say::Changed(what, token) => Notice::Changed(what, Secret::new(token)),
            Say::ContactChanged(token) => Notice::ContactChanged(Secret::new(token)),
            Say::Locked(token) => Notice::Locked(Secret::new(token)),
            Say::Closed => Notice::Closed,
        };
        (notice, self.to, Words(Language::of_tag(&self.language).unwrap_or_default()))
    }
}

impl Notice {
    /// This one, to be written with the fact that it tells of.
    pub(crate) fn later(&self, to: Recipient<'_>, words: Words, now: Timestamp) -> Result<Outgoing, Fault> {
        let written = Written::of(self, to, words).ok_or(Fault::Invariant("a notice that waits tells of a fact"))?;
        let payload = serde_json::to_vec(&written).map_err(|_| Fault::Invariant("a notice is JSON"))?;
        Ok(Outgoing { kind: NOTICE, payload: Zeroizing::new(payload), at: now, lifetime: TRIED_FOR })
    }
}

/// Sends what was written.
pub(crate) struct Notices {
    /// By this.
    pub(crate) post: Arc<Post>,
}

#[async_trait]
impl Deliverer for Notices {
    fn kind(&self) -> Kind {
        NOTICE
    }

    async fn deliver(&self, due: &Due, now: Timestamp) -> Result<(), Undelivered> {
        let never = |why: &str| Undelivered::Never(why.to_owned());
        let written: Written = serde_json::from_slice(&due.payload).map_err(|_| never("it is of another version"))?;
        let (notice, to, words) = written.notice();
        let sent = match &to {
            To::Email(text) => {
                let email = EmailAddress::parse(text).map_err(|_| never("its address is none"))?;
                self.post.send(&notice, Recipient::Email(&email), words, now).await
            }
            To::Phone(text) => {
                let number = PhoneNumber::parse(text).map_err(|_| never("its number is none"))?;
                self.post.send(&notice, Recipient::Phone(&number), words, now).await
            }
        };
        sent.map_err(|failed| match failed {
            NotSent::Refused(_) => Undelivered::Never(failed.to_string()),
            NotSent::Io(_) | NotSent::Unreachable(_) | NotSent::Busy(_) => Undelivered::NotNow(failed.to_string()),
        })
    }
}
