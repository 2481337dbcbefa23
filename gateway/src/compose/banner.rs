//! What `aldgate up` says in its terminal.

use aldgate_gateway::config::Config;
use std::time::Duration;

/// What to open, where metrics are, how to stop.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn ready(config: &Config, took: Duration) {
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
    println!("  Data      {data}   (messages in {data}/outbox, access log in {data}/log)");
    println!("  Stop      Ctrl-C");
    println!();
}

/// A message that was put into the outbox, so that nobody has to look for the code.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn message(to: &str, subject: &str, body: &str) {
    println!("Message to {to}: {subject}");
    body.lines().for_each(|line| println!("  | {line}"));
    println!();
}

/// The end.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn stopped() {
    println!("Aldgate has stopped.");
}
