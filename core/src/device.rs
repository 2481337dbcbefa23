//! What kind of browser a session was opened with, for the person's own list of sessions.
//!
//! Two closed enums in two bytes: the User-Agent text itself is never stored. It is a courtesy, not a credential:
//! no rule depends on it.

use std::fmt;

/// A browser and the system that it runs on, as far as the User-Agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Device {
    browser: u8,
    system: u8,
}

/// Order matters: Edge and Opera also call themselves Chrome, Chrome also calls itself Safari.
const BROWSERS: [(&str, &str); 8] = [
    ("", ""),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("", ""),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
];

fn first_match(table: &[(&str, &str); 8], text: &str) -> u8 {
    let found = table.iter().skip(1).position(|(mark, _)| text.contains(mark));
    found.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
}

fn name(table: &[(&'static str, &'static str); 8], index: u8) -> &'static str {
    table.get(usize::from(index)).map_or("", |(_, name)| name)
}

impl Device {
    /// Reads a User-Agent header; anything unknown gives the unknown device.
    pub fn from_user_agent(text: &str) -> Self {
        Self { browser: first_match(&BROWSERS, text), system: first_match(&SYSTEMS, text) }
    }

    /// The browser and the system; each is empty where it is unknown.
    pub fn names(self) -> (&'static str, &'static str) {
        (name(&BROWSERS, self.browser), name(&SYSTEMS, self.system))
    }

    /// The two bytes of a record.
    pub const fn to_bytes(self) -> [u8; 2] {
        [self.browser, self.system]
    }

    /// From the two bytes of a record; an unknown number reads as unknown.
    pub const fn from_bytes([browser, system]: [u8; 2]) -> Self {
        Self { browser, system }
    }
}

impl fmt::Display for Device {
    /// "Chrome on Windows", or as much of it as is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names() {
            ("", "") => f.write_str("Unknown browser"),
            ("", system) => write!(f, "A browser on {system}"),
            (browser, "") => f.write_str(browser),
            (browser, system) => write!(f, "{browser} on {system}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_named() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(Device::from_user_agent(edge).to_string(), "Edge on Windows");
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1";
        assert_eq!(Device::from_user_agent(iphone).to_string(), "Safari on iPhone");
        assert_eq!(Device::from_user_agent("curl/8").to_string(), "Unknown browser");
        assert_eq!(Device::from_bytes([200, 200]).to_string(), "Unknown browser");
    }
}
