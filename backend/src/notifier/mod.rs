//! Messages to people: what they say, and how they leave the backend.
//!
//! Everything that is sent is one of the sentences in [`Notice`]. No message holds a link: people learn that Aldgate
//! never asks them to follow one, and a forged `Host` header can poison none.

mod outbox;

pub(crate) use outbox::FileOutbox;

use crate::model::EmailAddress;
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::sync::Arc;

/// A message that is on its way.
#[derive(Clone)]
pub struct Message {
    /// The address that it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its text, in lines.
    pub body: String,
    /// The one-time code that it carries, for whoever shows codes on a developer's machine.
    pub code: Option<String>,
}

/// The message could not be handed over.
#[derive(Debug, thiserror::Error)]
#[error("a message could not be sent")]
pub(crate) struct NotSent(#[source] pub(crate) std::io::Error);

/// Whatever carries messages away.
#[async_trait]
pub(crate) trait Notifier: Send + Sync {
    /// Hands a message over. When this returns, it will not be lost.
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent>;
}

/// Whoever listens to what is sent, such as a terminal that shows codes.
pub(crate) type OnMessage = Arc<dyn Fn(&Message) + Send + Sync>;

/// The post office: one carrier, and whoever listens.
pub(crate) struct Post {
    carrier: Box<dyn Notifier>,
    on_message: Option<OnMessage>,
}

impl Post {
    /// Sends by `carrier`.
    pub(crate) fn new(carrier: Box<dyn Notifier>, on_message: Option<OnMessage>) -> Self {
        Self { carrier, on_message }
    }

    /// Sends a notice.
    pub(crate) async fn send(&self, notice: &Notice, to: &EmailAddress, now: Timestamp) -> Result<(), NotSent> {
        let message = notice.to(to);
        self.carrier.send(&message, now).await?;
        if let Some(listen) = &self.on_message {
            listen(&message);
        }
        Ok(())
    }
}

/// What there is to say.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Somebody, we hope the owner of the address, wants an account: here is the code.
    RegistrationCode(Secret<String>),
    /// As before, but there is an account already.
    AlreadyRegistered,
    /// The account has one more passkey.
    PasskeyAdded,
    /// The account has one passkey less.
    PasskeyRemoved,
    /// The account has another password, or its first.
    PasswordChanged,
}

const NOT_YOU: &str = "If this was not you, sign in and look at how your account can be opened. Sign out everywhere if \
                       you do not know one of the places where you are signed in.";

impl Notice {
    fn texts(&self) -> (&'static str, String) {
        match self {
            Self::RegistrationCode(code) => (
                "Your Aldgate code",
                format!(
                    "Your code is {}.\n\nEnter it on the page where you asked for it. It lasts 15 minutes and works \
                     once.\n\nIf you did not ask for a code, you do not need to do anything. Never give this code to \
                     anyone: we will not ask you for it.",
                    code.expose()
                ),
            ),
            Self::AlreadyRegistered => (
                "You already have an Aldgate account",
                "Someone, probably you, tried to create an account with this email address. You already have one.\n\n\
                 To use it, choose \"Sign in\" and enter this email address, or use your passkey.\n\nIf this was not \
                 you, you do not need to do anything."
                    .to_owned(),
            ),
            Self::PasskeyAdded => (
                "A passkey was added to your account",
                format!("Your account can be opened with a new passkey.\n\n{NOT_YOU}"),
            ),
            Self::PasskeyRemoved => (
                "A passkey was removed from your account",
                format!("One of your passkeys no longer opens your account.\n\n{NOT_YOU}"),
            ),
            Self::PasswordChanged => (
                "Your password was changed",
                format!("Your account has a new password. You are signed out in all other places.\n\n{NOT_YOU}"),
            ),
        }
    }

    /// The message that says so to `to`.
    pub(crate) fn to(&self, to: &EmailAddress) -> Message {
        let (subject, body) = self.texts();
        let code = match self {
            Self::RegistrationCode(code) => Some(code.expose().clone()),
            _ => None,
        };
        Message { to: to.as_str().to_owned(), subject: subject.to_owned(), body, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_holds_a_link_and_one_alone_holds_a_code() {
        let to = EmailAddress::parse("a@b.example").expect("address");
        for notice in [
            Notice::RegistrationCode(Secret::new("123456".to_owned())),
            Notice::AlreadyRegistered,
            Notice::PasskeyAdded,
            Notice::PasskeyRemoved,
            Notice::PasswordChanged,
        ] {
            let message = notice.to(&to);
            assert!(!message.body.contains("://") && !message.body.contains("www."), "{}", message.body);
            assert_eq!(message.body.contains("123456"), message.code.is_some());
        }
    }
}
