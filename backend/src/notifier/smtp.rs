//! Mail by SMTP (RFC 5321), through the deployment's own relay: `lettre` speaks the protocol, over TLS by rustls.

use super::{Message, NotSent, Notifier};
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::sync::Arc;
use std::time::Duration;

/// How long one step of a conversation may take: a person waits for it.
const STEP: Duration = Duration::from_secs(3);

/// How a relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte (RFC 8314), port 465 as a rule.
    Implicit,
    /// TLS before anything else is said (RFC 3207), port 587 as a rule. A relay that does not offer it is not used.
    StartTls,
    /// None: for a relay on this machine.
    None,
}

/// A relay.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub security: SmtpSecurity,
    /// User and password, if it asks for them.
    pub login: Option<(String, Arc<Secret<String>>)>,
    /// From whom mail is, such as `Aldgate <no-reply@login.example>`.
    pub from: String,
}

/// Why a relay cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSmtp {
    /// The sender is no mailbox.
    #[error("the sender of mail is no address such as \"Aldgate <no-reply@login.example>\"")]
    From,
    /// TLS cannot be set up.
    #[error("TLS to the mail relay cannot be set up")]
    Tls,
}

/// Sends mail through a relay.
pub(crate) struct SmtpNotifier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpNotifier {
    /// A relay that is connected to when there is mail.
    pub(crate) fn new(smtp: Smtp) -> Result<Self, BadSmtp> {
        let from = smtp.from.parse().map_err(|_| BadSmtp::From)?;
        let tls = || TlsParameters::new(smtp.host.clone()).map_err(|_| BadSmtp::Tls);
        let tls = match smtp.security {
            SmtpSecurity::Implicit => Tls::Wrapper(tls()?),
            SmtpSecurity::StartTls => Tls::Required(tls()?),
            SmtpSecurity::None => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host);
        let builder = builder.port(smtp.port).tls(tls).timeout(Some(STEP));
        let builder = match smtp.login {
            Some((user, password)) => builder.credentials(Credentials::new(user, password.expose().clone())),
            None => builder,
        };
        Ok(Self { transport: builder.build(), from })
    }
}

#[async_trait]
impl Notifier for SmtpNotifier {
    async fn send(&self, message: &Message, _: Timestamp) -> Result<(), NotSent> {
        let to = message.to.parse().map_err(|_| NotSent::Refused("the address is none that mail can go to"))?;
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(message.body.clone())
            .map_err(|_| NotSent::Refused("the message is none that mail can carry"))?;
        match self.transport.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(NotSent::Refused("the mail relay refused it")),
            Err(_) => Err(NotSent::Unreachable("the mail relay")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Channel;
    use super::*;
    use aldgate_core::language::Language;
    use aldgate_core::testing::world;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    /// A relay that takes one mail, and gives all that was said to it. It answers `RCPT` with this.
    async fn relay(rcpt: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let said = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("connection");
            let (read, mut write) = stream.into_split();
            let (mut lines, mut said, mut in_data) = (BufReader::new(read).lines(), String::new(), false);
            write.write_all(b"220 relay\r\n").await.expect("written");
            while let Ok(Some(line)) = lines.next_line().await {
                said.push_str(&line);
                said.push('\n');
                let answer = match line.as_str() {
                    "." => {
                        in_data = false;
                        "250 taken\r\n"
                    }
                    _ if in_data => continue,
                    "DATA" => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    "QUIT" => break,
                    line if line.starts_with("RCPT") => rcpt,
                    _ => "250 relay\r\n",
                };
                if write.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
            said
        });
        (port, said)
    }

    fn notifier(port: u16) -> SmtpNotifier {
        let smtp = Smtp {
            host: "127.0.0.1".into(),
            port,
            security: SmtpSecurity::None,
            login: None,
            from: "Aldgate <no-reply@login.example>".into(),
        };
        SmtpNotifier::new(smtp).expect("a notifier")
    }

    fn message() -> Message {
        Message {
            channel: Channel::Email,
            to: "ada@example.org".into(),
            language: Language::Welsh,
            subject: "Eich cod\r\nBcc: eve@example.org".into(),
            body: "Eich cod yw 123456. Mae'n para.".into(),
            code: None,
        }
    }

    #[tokio::test]
    async fn a_message_arrives_at_its_address_alone() {
        let (port, said) = relay("250 ok\r\n").await;
        let sender = notifier(port);
        sender.send(&message(), world::NOW).await.expect("sent");
        drop(sender);
        let said = tokio::time::timeout(Duration::from_secs(5), said).await.expect("in time").expect("said");
        assert!(said.contains("MAIL FROM:<no-reply@login.example>"), "{said}");
        assert_eq!(said.matches("RCPT TO:").count(), 1, "{said}");
        assert!(said.contains("RCPT TO:<ada@example.org>") && said.contains("Eich cod yw 123456."), "{said}");
        assert!(!said.contains("\nBcc:"), "no header is smuggled in: {said}");
    }

    #[tokio::test]
    async fn a_refusal_and_a_relay_that_is_down_are_told_apart() {
        let (port, _said) = relay("550 no such mailbox\r\n").await;
        assert!(matches!(notifier(port).send(&message(), world::NOW).await, Err(NotSent::Refused(_))));
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("port").local_addr().expect("address").port();
        assert!(matches!(notifier(closed).send(&message(), world::NOW).await, Err(NotSent::Unreachable(_))));
    }

    #[test]
    fn a_sender_that_is_none_is_refused_at_the_start() {
        let smtp = Smtp {
            host: "localhost".into(),
            port: 25,
            security: SmtpSecurity::None,
            login: None,
            from: "nobody".into(),
        };
        assert!(matches!(SmtpNotifier::new(smtp), Err(BadSmtp::From)));
    }
}
