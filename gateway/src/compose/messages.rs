//! Who carries messages: the configuration, with the secrets that its files hold.

use super::CannotStart;
use aldgate_backend as backend;
use aldgate_backend::model::telephone::Countries;
use aldgate_core::secret::Secret;
use aldgate_gateway::config::fault::Fault;
use aldgate_gateway::config::{Carrier, Config, SmtpSecurity};
use std::path::Path;
use std::sync::Arc;

/// The carrier that the configuration means.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn carrier(config: &Carrier) -> Result<backend::Carrier, CannotStart> {
    Ok(match config {
        Carrier::Outbox => backend::Carrier::Outbox,
        Carrier::Smtp(smtp) => {
            let login = match &smtp.login {
                Some((user, file)) => Some((user.clone(), first_line(file, "messages.smtp.password_file")?)),
                None => None,
            };
            let security = match smtp.security {
                SmtpSecurity::Implicit => backend::SmtpSecurity::Implicit,
                SmtpSecurity::StartTls => backend::SmtpSecurity::StartTls,
                SmtpSecurity::None => backend::SmtpSecurity::None,
            };
            let (host, from) = (smtp.host.clone(), smtp.from.clone());
            backend::Carrier::Smtp(backend::Smtp { host, port: smtp.port, security, login, from })
        }
        Carrier::GovUkNotify(service) => backend::Carrier::GovUkNotify(backend::GovUkNotify {
            url: service.url.clone(),
            api_key: first_line(&service.api_key_file, "messages.govuk_notify.api_key_file")?,
            email_template: service.email_template.clone(),
            text_template: service.text_template.clone(),
            per_minute: service.per_minute,
        }),
        Carrier::Webhook(webhook) => backend::Carrier::Webhook(backend::Webhook {
            url: webhook.url.clone(),
            secret: first_line(&webhook.secret_file, "messages.webhook.secret_file")?,
            per_minute: webhook.per_minute,
        }),
    })
}

/// The countries whose telephones are written to and called.
///
/// # Errors
/// The fault.
pub(crate) fn countries(config: &Config) -> Result<Countries, Vec<Fault>> {
    let Some(codes) = &config.messages.countries else { return Ok(Countries::default()) };
    let read = Countries::parse(codes.iter().map(String::as_str));
    read.map_err(|bad| vec![Fault::new("messages.countries", &bad.to_string())])
}

fn first_line(path: &Path, key: &str) -> Result<Arc<Secret<String>>, CannotStart> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|error| CannotStart::because(&format!("cannot read {} ({key})", path.display()), error))?;
    let text = zeroize::Zeroizing::new(text);
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Arc::new(Secret::new(line.to_owned()))),
        _ => Err(CannotStart(format!("{} ({key}) holds nothing on its first line", path.display()))),
    }
}
