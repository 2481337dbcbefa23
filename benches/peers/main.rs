//! Aldgate beside what people use today: CPU time a request, side by side in one run.
//!
//! HAProxy as a bare proxy, nginx bare and with `auth_request`, and the gate in each of its roles stand on one machine,
//! one worker thread each, in front of the same service. [`aldgate-loadtest`] sends each the same open-loop load in
//! turn, round after round; what counts is the CPU time of all of a side's processes a request, the median of the rounds,
//! and its ratio to another side in the same rounds. Then full TLS 1.3 handshakes, by `openssl s_time`.
//!
//! Run it on an idle machine:
//!
//! ```sh
//! cargo build --profile dist -p aldgate-gateway && cargo build --release -p aldgate-loadtest
//! cargo bench -p aldgate-benches --bench peers -- --rounds 7
//! ```
//!
//! nginx, HAProxy and openssl are Debian's (`scripts/packages nginx haproxy openssl`). Nothing is asserted: the table says
//! which aims are met.
#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot be set up has no result")]

mod ground;
mod handshake;
mod load;
mod side;
mod table;

use ground::Ground;
use side::Side;
use std::path::PathBuf;

/// What the command line says.
struct Options {
    rounds: usize,
    /// Requests a second.
    rate: u32,
    /// Seconds that each side is measured in each round.
    seconds: u32,
    /// Sides whose name contains this; all of them without it.
    only: Option<String>,
    /// The gate's binary.
    aldgate: PathBuf,
    /// The load generator's.
    loadtest: PathBuf,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            rounds: 5,
            rate: 12_000,
            seconds: 3,
            only: None,
            aldgate: ground::built("dist", "aldgate"),
            loadtest: ground::built("release", "aldgate-loadtest"),
        };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
                "--rate" => options.rate = value().parse().expect("requests a second"),
                "--seconds" => options.seconds = value().parse().expect("a number of seconds"),
                "--only" => options.only = Some(value()),
                "--aldgate" => options.aldgate = value().into(),
                "--loadtest" => options.loadtest = value().into(),
                other => {
                    panic!("{other} is no option; there are --rounds --rate --seconds --only --aldgate --loadtest")
                }
            }
        }
        options
    }
}

fn main() {
    let options = Options::read();
    let ground = Ground::lay(&options.aldgate, &options.loadtest);
    let wanted = |side: &Side| options.only.as_deref().is_none_or(|part| side.name.contains(part));
    let sides: Vec<Side> = side::all(&ground).into_iter().filter(wanted).collect();
    let mut costs = vec![Vec::new(); sides.len()];
    for round in 1..=options.rounds {
        for (side, costs) in sides.iter().zip(&mut costs) {
            eprintln!("round {round} of {}: {}", options.rounds, side.name);
            costs.push(load::measure(&ground, side, options.rate, options.seconds, round));
        }
    }
    let named: Vec<_> = sides.iter().map(|side| side.name).zip(costs).collect();
    println!("{}", table::requests(&named, options.rate, options.seconds));
    if options.only.is_none() {
        println!("{}", table::handshakes(&handshake::measure(&ground, options.rounds)));
    }
}
