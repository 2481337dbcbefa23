//! `[warm]`: the tier that all gateways share.

use super::Faults;
use crate::config::file::FileWarm;
use crate::config::{Redis, RedisTls, Warm};
use aldgate_core::warm::redis::Address;
use std::net::IpAddr;

const PREFIX: &str = "aldgate:";
const PREFIX_BYTES_MAX: usize = 64; // It stands before every key.

pub(super) fn warm(file: &FileWarm, faults: &mut Faults) -> Warm {
    match file.kind.as_deref() {
        None | Some("embedded") => {
            of_redis_alone(file, faults);
            Warm::Embedded
        }
        Some("redis") => Warm::Redis(redis(file, faults)),
        Some(other) => {
            faults.add("warm.kind", format!("must be \"embedded\" or \"redis\", not {other:?}"));
            Warm::Embedded
        }
    }
}

/// A key that has no effect is a mistake: somebody believes that they have set up Redis.
fn of_redis_alone(file: &FileWarm, faults: &mut Faults) {
    let FileWarm { kind: _, addresses, cluster, tls, ca, user, password_file, prefix } = file;
    let set = [
        ("warm.addresses", addresses.is_some()),
        ("warm.cluster", cluster.is_some()),
        ("warm.tls", tls.is_some()),
        ("warm.ca", ca.is_some()),
        ("warm.user", user.is_some()),
        ("warm.password_file", password_file.is_some()),
        ("warm.prefix", prefix.is_some()),
    ];
    for (key, _) in set.iter().filter(|(_, is_set)| *is_set) {
        faults.add(key, "needs warm.kind = \"redis\"");
    }
}

fn redis(file: &FileWarm, faults: &mut Faults) -> Redis {
    let addresses = addresses(file.addresses.as_deref().unwrap_or_default(), faults);
    let tls = file.tls.unwrap_or(false);
    if !tls && !addresses.iter().all(is_loopback) {
        faults.add(
            "warm.tls",
            "must be true where a server is not on this machine (127.0.0.1 or [::1]): the password would cross the network",
        );
    }
    if !tls && file.ca.is_some() {
        faults.add("warm.ca", "needs warm.tls = true");
    }
    if file.user.is_some() && file.password_file.is_none() {
        faults.add("warm.password_file", "is missing: a user has a password");
    }
    let prefix = file.prefix.clone().unwrap_or_else(|| PREFIX.into());
    if prefix.len() > PREFIX_BYTES_MAX || !prefix.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'{' | b'}')) {
        faults.add("warm.prefix", "must be at most 64 visible ASCII characters without braces");
    }
    Redis {
        addresses,
        cluster: file.cluster.unwrap_or(false),
        tls: tls.then(|| RedisTls { ca: file.ca.as_ref().map(Into::into) }),
        user: file.user.clone(),
        password_file: file.password_file.as_ref().map(Into::into),
        prefix,
    }
}

fn addresses(texts: &[String], faults: &mut Faults) -> Vec<Address> {
    if texts.is_empty() {
        faults.add("warm.addresses", "must name at least one server, such as [\"127.0.0.1:6379\"]");
    }
    let parsed = texts.iter().enumerate().filter_map(|(at, text)| {
        let address = text.parse().map_err(|_| format!("{text:?} is not host:port, such as \"127.0.0.1:6379\""));
        faults.keep(&format!("warm.addresses[{at}]"), address)
    });
    parsed.collect()
}

fn is_loopback(address: &Address) -> bool {
    address.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
