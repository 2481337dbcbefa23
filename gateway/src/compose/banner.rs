//! What the program says in its terminal.

use super::place::Role;
use aldgate_backend::{Message, OnMessage};
use aldgate_gateway::config::{AccessLog, Config};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// What to open, where metrics are, how to stop; where messages are, if this process sends any.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn ready(config: &Config, role: Role, took: Duration) {
    let data = config.data.display();
    println!("Aldgate is ready ({:.1} s).", took.as_secs_f64());
    println!();
    println!("  Open      {}", config.issuer);
    if let Some(address) = config.edge.https {
        println!("  TLS       https://{}:{}", config.login_host, address.port());
    }
    if config.demo.is_some() {
        println!("  Demo      {}/demo/   (a service behind the gate)", config.issuer);
    }
    println!("  Metrics   http://{}/metrics   (also /livez, /readyz)", config.edge.private);
    println!("  Data      {data}");
    if role == Role::Backend {
        println!("  Messages  {data}/outbox");
    }
    if let AccessLog::File(path) = &config.access_log {
        println!("  Log       {}", path.display());
    }
    println!("  Stop      Ctrl-C");
    println!();
}

/// Where a backend alone listens, and how to stop.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn backend_ready(config: &Config, took: Duration) {
    let data = config.data.display();
    println!("Aldgate's backend is ready ({:.1} s).", took.as_secs_f64());
    println!();
    println!("  Gateways  {} and {}", config.backend_socket().display(), config.cold_socket().display());
    println!("  Data      {data}");
    println!("  Messages  {data}/outbox");
    println!("  Stop      Ctrl-C");
    println!();
}

/// Messages that wait to be shown. More than a person can read are dropped: each is in the outbox.
const MESSAGES_MAX: usize = 64;

/// Shows each message that was put into the outbox, so that nobody has to look for the code. A terminal that is stopped
/// or gone holds up this thread and nobody else.
///
/// # Errors
/// When the thread cannot be started.
pub(crate) fn show_messages() -> std::io::Result<OnMessage> {
    let (sender, messages) = sync_channel::<Message>(MESSAGES_MAX);
    std::thread::Builder::new().name("terminal".into()).spawn(move || {
        for message in messages {
            let indented: String = message.body.lines().map(|line| format!("  | {line}\n")).collect();
            let text = format!("Message to {}: {}\n{indented}\n", message.to, message.subject);
            let _ = std::io::stdout().write_all(text.as_bytes()); // Nobody looks: nothing is lost by that.
        }
    })?;
    Ok(Arc::new(move |message| drop(sender.try_send(message.clone()))))
}

/// The end.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn stopped() {
    println!("Aldgate has stopped.");
}
