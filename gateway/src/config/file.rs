//! What the file may say: TOML, every key optional, no other key allowed.
//!
//! Values are read as they stand here and judged in [`super::check`]. Unknown keys are collected by hand rather than
//! by serde's `deny_unknown_fields`, which stops at the first: a person who mends a file wants to see all of it.

use super::fault::Fault;
use serde::Deserialize;
use toml::Value;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileConfig {
    /// `[data]`
    pub data: FileData,
    /// `[edge]`
    pub edge: FileEdge,
    /// `[relying_party]`
    pub relying_party: FileRelyingParty,
    /// `[session]`
    pub session: FileSession,
    /// `[hot]`
    pub hot: FileHot,
    /// `[password]`
    pub password: FilePassword,
    /// `[demo]`
    pub demo: FileDemo,
    /// `[log]`
    pub log: FileLog,
    /// `[[service]]`
    pub service: Vec<FileService>,
    /// `[[route]]`
    pub route: Vec<FileRoute>,
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<$type>,)*
        }

        impl $name {
            const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    };
}

table!(
    /// `[data]`: where things are kept.
    FileData {
        /// The directory.
        dir: String,
    }
);
table!(
    /// `[edge]`: the listeners.
    FileEdge {
        /// Address of the plain HTTP listener; empty for none.
        http: String,
        /// Address of the TLS listener; empty for none.
        https: String,
        /// Address of the private listener.
        private: String,
        /// Threads that serve.
        threads: i64,
        /// How long requests under way are waited for at the end.
        drain: String,
        /// Certificate chain, PEM.
        certificate: String,
        /// Private key, PEM.
        private_key: String,
    }
);
table!(
    /// `[relying_party]`: for whom passkeys are made.
    FileRelyingParty {
        /// RP ID.
        id: String,
        /// Name that authenticators show.
        name: String,
        /// Exact origins; the first is where people sign in.
        origins: Vec<String>,
        /// Exact origins of pages that may embed the log-in page.
        embedders: Vec<String>,
        /// "required" or "preferred".
        user_verification: String,
    }
);
table!(
    /// `[session]`: how long sessions last.
    FileSession {
        /// How long one may lie unused.
        idle: String,
        /// How long one may last in all.
        absolute: String,
    }
);
table!(
    /// `[hot]`: how much is kept in memory.
    FileHot {
        /// Sessions.
        sessions: i64,
        /// Passkeys.
        credentials: i64,
    }
);
table!(
    /// `[password]`
    FilePassword {
        /// Threads that hash.
        threads: i64,
    }
);
table!(
    /// `[demo]`: the built-in demonstration service.
    FileDemo {
        /// Whether it runs.
        enabled: bool,
        /// Where it listens.
        listen: String,
    }
);
table!(
    /// `[log]`
    FileLog {
        /// "off", "stdout" or a path.
        access: String,
    }
);
table!(
    /// `[[service]]`: something behind the gate.
    FileService {
        /// Its name; the audience of its assertions.
        name: String,
        /// `host:port` as a socket address, or `unix:/path`.
        upstream: String,
    }
);
table!(
    /// `[[route]]`: who may reach what.
    FileRoute {
        /// Host, without port.
        host: String,
        /// Path: with a slash at the end everything below it, without one itself alone.
        path: String,
        /// The service's name.
        service: String,
        /// "public", "optional" or "session".
        access: String,
        /// `[route.demand]`
        demand: FileDemand,
    }
);
table!(
    /// `[route.demand]`: what the session must show.
    FileDemand {
        /// "P0", "P5" or "P9".
        identity: String,
        /// "password" or "passkey".
        authenticator: String,
        /// How long ago the person may have signed in.
        max_age: String,
    }
);

const TABLES: [(&str, &[&str]); 8] = [
    ("data", FileData::KEYS),
    ("edge", FileEdge::KEYS),
    ("relying_party", FileRelyingParty::KEYS),
    ("session", FileSession::KEYS),
    ("hot", FileHot::KEYS),
    ("password", FilePassword::KEYS),
    ("demo", FileDemo::KEYS),
    ("log", FileLog::KEYS),
];

const LISTS: [(&str, &[&str]); 2] = [("service", FileService::KEYS), ("route", FileRoute::KEYS)];

impl FileConfig {
    /// Reads the text.
    ///
    /// # Errors
    /// One fault if the text is not TOML; else one for every unknown key and every value of the wrong kind.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| vec![syntax_fault(text, &error)])?;
        let faults = unknown_keys(&table);
        if !faults.is_empty() {
            return Err(faults);
        }
        Self::deserialize(Value::Table(table)).map_err(|error| vec![Fault::new("file", error.message())])
    }
}

fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
    Fault::new(&format!("line {}", before.matches('\n').count() + 1), error.message())
}

fn unknown_keys(file: &toml::Table) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, value) in file {
        let in_table = TABLES.iter().find(|(name, _)| name == key);
        let in_list = LISTS.iter().find(|(name, _)| name == key);
        match (in_table, in_list, value) {
            (Some((_, keys)), _, Value::Table(table)) => unknown_in(key, table, keys, &mut faults),
            (Some(_), _, _) => faults.push(Fault::new(key, "must be a table: [").with_name(key)),
            (_, Some((_, keys)), Value::Array(rows)) => {
                for (at, row) in rows.iter().enumerate() {
                    let path = format!("{key}[{at}]");
                    match row {
                        Value::Table(table) => unknown_in(&path, table, keys, &mut faults),
                        _ => faults.push(Fault::new(&path, "must be a table")),
                    }
                }
            }
            (_, Some(_), _) => faults.push(Fault::new(key, "must be a list of tables: [[").with_name(key)),
            (None, None, _) => faults.push(Fault::new(key, "is not a key that Aldgate knows")),
        }
    }
    faults
}

impl Fault {
    fn with_name(mut self, name: &str) -> Self {
        let close = if self.message.ends_with("[[") { "]]" } else { "]" };
        self.message.push_str(name);
        self.message.push_str(close);
        self
    }
}

fn unknown_in(path: &str, table: &toml::Table, known: &[&str], faults: &mut Vec<Fault>) {
    for (key, value) in table {
        let key_path = format!("{path}.{key}");
        if !known.contains(&key.as_str()) {
            faults
                .push(Fault::new(&key_path, &format!("is not a key that Aldgate knows; known: {}", known.join(", "))));
        } else if let (true, "demand", Value::Table(demand)) = (path.starts_with("route"), key.as_str(), value) {
            unknown_in(&key_path, demand, FileDemand::KEYS, faults);
        }
    }
}
