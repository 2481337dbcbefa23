//! `[store]`: the backend's database.

use super::{Faults, count};
use crate::config::file::FileStore;
use crate::config::{Postgres, Store, Warm};

const CONNECTIONS: i64 = 16; // A transaction takes a few milliseconds: some thousand a second.
const CONNECTIONS_MAX: i64 = 500; // PostgreSQL has a process for each.

pub(super) fn store(file: &FileStore, warm: &Warm, faults: &mut Faults) -> Store {
    let Some(url) = &file.url else {
        of_postgres_alone(file, faults);
        return Store::Embedded;
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        faults.add("store.url", "must be postgres://user@host/database; without this key the database is a file");
    }
    if *warm == Warm::Embedded {
        faults.add(
            "warm.kind",
            "must be \"redis\" where store.url names PostgreSQL: the embedded warm tier is in an SQLite file",
        );
    }
    let connections = count("store.connections", file.connections, CONNECTIONS, CONNECTIONS_MAX, faults);
    Store::Postgres(Postgres {
        url: url.clone(),
        password_file: file.password_file.as_ref().map(Into::into),
        ca: file.ca.as_ref().map(Into::into),
        connections: u32::try_from(connections).unwrap_or(1),
    })
}

/// A key that has no effect is a mistake: somebody believes that they have set up PostgreSQL.
fn of_postgres_alone(file: &FileStore, faults: &mut Faults) {
    let FileStore { url: _, password_file, ca, connections } = file;
    let set = [
        ("store.password_file", password_file.is_some()),
        ("store.ca", ca.is_some()),
        ("store.connections", connections.is_some()),
    ];
    for (key, _) in set.iter().filter(|(_, is_set)| *is_set) {
        faults.add(key, "needs store.url");
    }
}
