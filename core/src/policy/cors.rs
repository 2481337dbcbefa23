//! Which pages of other origins may read a route's answers (the CORS protocol of the Fetch standard).

use std::time::Duration;

/// What a route allows to pages of other origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// The exact origins. Never `*`: an answer behind the gate is somebody's.
    pub origins: Vec<String>,
    /// The methods, in upper case.
    pub methods: Vec<String>,
    /// The request headers, in lower case.
    pub headers: Vec<String>,
    /// Whether cookies may be sent along.
    pub credentials: bool,
    /// How long a browser may remember a preflight's answer.
    pub max_age: Duration,
}

impl Cors {
    /// Whether pages of this origin are allowed: compared whole, byte for byte.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }
}
