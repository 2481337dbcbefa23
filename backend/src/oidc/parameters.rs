//! The parameters of an OAuth request, read once: each name stands once (RFC 6749, section 3.1), but for those few that
//! may stand several times, and one without a value counts as left out.

use std::fmt;

/// Most parameters that are read; a request has about fifteen.
const PARAMETERS_MAX: usize = 40;

/// Those that may stand several times (RFC 8707, section 2; RFC 8693, section 2.1).
const REPEATED: [&str; 2] = ["resource", "audience"];

/// The parameters of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// Why parameters cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadParameters {
    /// One stands twice. The name is one of ours, or nothing is said.
    Twice(String),
    /// One is not UTF-8, or holds a control character.
    Text,
    /// There are too many.
    TooMany,
}

impl fmt::Display for BadParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(name) => write!(f, "{name} is given more than once"),
            Self::Text => f.write_str("a parameter is not text"),
            Self::TooMany => f.write_str("there are too many parameters"),
        }
    }
}

impl Parameters {
    /// Takes pairs that were decoded.
    pub(crate) fn read(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, BadParameters> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            let text = |bytes| String::from_utf8(bytes).map_err(|_| BadParameters::Text);
            let (name, value) = (text(name)?, text(value)?);
            if name.contains(char::is_control) || value.contains(char::is_control) {
                return Err(BadParameters::Text);
            }
            if !Self::may_repeat(&name) && all.iter().any(|(other, _)| *other == name) {
                return Err(BadParameters::Twice(shown(&name)));
            }
            if all.len() == PARAMETERS_MAX {
                return Err(BadParameters::TooMany);
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// Whether one of this name may stand several times.
    pub(crate) fn may_repeat(name: &str) -> bool {
        REPEATED.contains(&name)
    }

    /// The same with one parameter set.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a parameter, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// The values of a parameter that may stand several times.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }
}

/// A name as a message may hold it (RFC 6749, section 5.2, `error_description`).
fn shown(name: &str) -> String {
    let plain = !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { name.to_owned() } else { "a parameter".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Parameters, BadParameters> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Parameters::read(pairs.iter().map(|(name, value)| (bytes(name), bytes(value))))
    }

    #[test]
    fn a_parameter_without_a_value_is_left_out() {
        let parameters = read(&[("a", "1"), ("b", "")]).expect("read");
        assert_eq!((parameters.get("a"), parameters.get("b"), parameters.get("c")), (Some("1"), None, None));
    }

    #[test]
    fn a_few_may_stand_several_times() {
        let parameters = read(&[("resource", "a:b"), ("x", "1"), ("resource", ""), ("resource", "a:c")]).expect("read");
        assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["a:b", "a:c"]);
        assert_eq!(parameters.all("audience").count(), 0);
    }

    #[test]
    fn doubled_unreadable_and_countless_parameters_are_refused() {
        assert_eq!(read(&[("a", "1"), ("a", "1")]), Err(BadParameters::Twice("a".into())));
        assert_eq!(read(&[("\"x", "1"), ("\"x", "")]), Err(BadParameters::Twice("a parameter".into())));
        assert_eq!(read(&[("a", "x\r\ny")]), Err(BadParameters::Text));
        assert_eq!(Parameters::read([(vec![0xff], vec![])]), Err(BadParameters::Text));
        let many: Vec<_> = (0..=PARAMETERS_MAX).map(|n| (n.to_string().into_bytes(), Vec::new())).collect();
        assert_eq!(Parameters::read(many), Err(BadParameters::TooMany));
    }
}
