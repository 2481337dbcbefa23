//! Messages to people: what they say, and how they leave the backend.
//!
//! Everything that is sent is one of the sentences in [`Notice`], by mail, as a text message or spoken. A link in one
//! leads to the deployment's own origin, as the configuration has it: a forged `Host` header can poison none.

mod govuk_notify;
mod link;
#[cfg(test)]
mod listener;
mod notice;
mod outbox;
mod per_minute;
mod retrying;
mod smtp;
mod webhook;
mod written;

pub use govuk_notify::GovUkNotify;
pub(crate) use link::Links;
pub(crate) use notice::{Changed, Notice};
pub(crate) use outbox::FileOutbox;
pub use smtp::{Smtp, SmtpSecurity};
pub use webhook::Webhook;
pub(crate) use written::{Fact, Notices};

use crate::model::EmailAddress;
use crate::model::telephone::{PhoneKind, PhoneNumber};
use crate::words::Words;
use aldgate_core::language::Language;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use govuk_notify::{BadNotify, NotifyNotifier};
use retrying::Retrying;
use smtp::{BadSmtp, SmtpNotifier};
use std::sync::Arc;
use webhook::{BadWebhook, WebhookNotifier};

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// As mail.
    Email,
    /// As a text message.
    Text,
    /// Read out in a call.
    Voice,
}

/// A message that is on its way.
#[derive(Clone)]
pub struct Message {
    /// How it travels.
    pub channel: Channel,
    /// The address or number that it goes to.
    pub to: String,
    /// The language that it is in.
    pub language: Language,
    /// Its subject; a text message and a call show none.
    pub subject: String,
    /// Its text, in lines.
    pub body: String,
    /// The one-time code that it carries, for whoever shows codes on a developer's machine.
    pub code: Option<String>,
}

/// Why a message was not handed over. The text may go into the log: it names nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSent {
    /// Something of this machine.
    #[error("a message could not be written: {0}")]
    Io(#[from] std::io::Error),
    /// Whatever carries messages cannot be reached, or is broken; it may pass.
    #[error("{0} cannot be reached")]
    Unreachable(&'static str),
    /// Too many are sent at once; it passes.
    #[error("{0} takes no more messages now")]
    Busy(&'static str),
    /// It will not be carried, however often it is tried.
    #[error("a message was not taken: {0}")]
    Refused(&'static str),
}

/// Whatever carries messages away.
#[async_trait]
pub(crate) trait Notifier: Send + Sync {
    /// Hands a message over. When this returns, it will not be lost.
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent>;
}

/// Whoever listens to what is sent, such as a terminal that shows codes.
pub(crate) type OnMessage = Arc<dyn Fn(&Message) + Send + Sync>;

/// Who carries what.
pub(crate) struct Carriers {
    /// Mail.
    pub(crate) email: Arc<dyn Notifier>,
    /// Text messages.
    pub(crate) text: Arc<dyn Notifier>,
    /// Calls.
    pub(crate) voice: Arc<dyn Notifier>,
}

/// Who carries what, as a deployment decides it.
#[derive(Debug, Clone)]
pub enum Carrier {
    /// The folder, from which somebody else takes it.
    Outbox,
    /// A mail relay; of mail alone.
    Smtp(Smtp),
    /// GOV.UK Notify; of mail and text messages.
    GovUkNotify(GovUkNotify),
    /// Whoever takes them over HTTPS; of text messages and calls.
    Webhook(Webhook),
}

/// Why messages cannot be sent as the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum BadCarrier {
    /// The mail relay.
    #[error(transparent)]
    Smtp(#[from] BadSmtp),
    /// GOV.UK Notify.
    #[error(transparent)]
    Notify(#[from] BadNotify),
    /// The webhook.
    #[error(transparent)]
    Webhook(#[from] BadWebhook),
}

impl Carriers {
    /// The carriers of a configuration.
    pub(crate) fn new(
        email: Carrier,
        text: Carrier,
        voice: Carrier,
        outbox: &Arc<dyn Notifier>,
    ) -> Result<Self, BadCarrier> {
        let carrier = |carrier| -> Result<Arc<dyn Notifier>, BadCarrier> {
            Ok(match carrier {
                Carrier::Outbox => Arc::clone(outbox),
                Carrier::Smtp(smtp) => Arc::new(Retrying(Arc::new(SmtpNotifier::new(smtp)?))),
                Carrier::GovUkNotify(service) => Arc::new(Retrying(Arc::new(NotifyNotifier::new(service)?))),
                Carrier::Webhook(webhook) => Arc::new(Retrying(Arc::new(WebhookNotifier::new(webhook)?))),
            })
        };
        Ok(Self { email: carrier(email)?, text: carrier(text)?, voice: carrier(voice)? })
    }
}

/// To whom a message goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Recipient<'a> {
    /// To an address.
    Email(&'a EmailAddress),
    /// To a telephone.
    Phone(&'a PhoneNumber),
}

impl Recipient<'_> {
    /// How it is reached.
    pub(crate) fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(number) => match number.kind() {
                PhoneKind::Mobile => Channel::Text,
                PhoneKind::Landline => Channel::Voice,
            },
        }
    }

    /// The address or number by which messages to it are counted.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Self::Email(email) => email.canonical(),
            Self::Phone(number) => number.as_str().to_owned(),
        }
    }

    fn address(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }
}

/// The post office: its carriers, and whoever listens.
pub(crate) struct Post {
    carriers: Carriers,
    links: Links,
    on_message: Option<OnMessage>,
}

impl Post {
    /// Sends by `carriers`.
    pub(crate) fn new(carriers: Carriers, links: Links, on_message: Option<OnMessage>) -> Self {
        Self { carriers, links, on_message }
    }

    /// Sends a notice, in the language of `words`.
    pub(crate) async fn send(
        &self,
        notice: &Notice,
        to: Recipient<'_>,
        words: Words,
        now: Timestamp,
    ) -> Result<(), NotSent> {
        let channel = to.channel();
        let (subject, body) = notice.texts(channel, &self.links, words);
        let code = notice.code().map(str::to_owned);
        let (to, language) = (to.address().to_owned(), words.0);
        let message = Message { channel, to, language, subject, body, code };
        let carrier = match channel {
            Channel::Email => &self.carriers.email,
            Channel::Text => &self.carriers.text,
            Channel::Voice => &self.carriers.voice,
        };
        carrier.send(&message, now).await?;
        if let Some(listen) = &self.on_message {
            listen(&message);
        }
        Ok(())
    }
}
