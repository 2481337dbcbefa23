//! JSON objects that mean one thing: each name once at any depth, and no deeper than anything that is read needs.
//!
//! A parser that keeps the first of two members and another that keeps the last can be told two stories by one signed
//! text (RFC 8725, section 2.4; RFC 7515, section 4). `serde_json` by itself keeps the last, silently.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// How deep objects and lists may stand in one another: a key set needs four, a chain of `act` claims a few more.
const DEPTH_MAX: usize = 8;

/// Not UTF-8, not JSON, no object, a name twice, or too deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object with each name once")]
pub struct NotStrict;

/// Reads one object and nothing after it. The caller has bounded the size.
///
/// # Errors
/// [`NotStrict`].
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, NotStrict> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth_left: DEPTH_MAX }.deserialize(&mut json).map_err(|_| NotStrict)?;
    json.end().map_err(|_| NotStrict)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(NotStrict),
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth_left: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with each name once")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_with_each_name_once_is_read() {
        let members = object(br#" {"a":1,"b":{"a":[1,{"a":null}]},"c":"\u00e9"} "#).expect("an object");
        assert_eq!(members["a"].as_u64(), Some(1));
        assert_eq!(members["c"], "é");
    }

    #[test]
    fn two_stories_are_refused() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
            r#"{"a":1}{"a":1}"#,
            r#"{"a":1} x"#,
            "\u{feff}{}",
            r#"{"a":"\ud800"}"#,
            "[]",
            "1",
            "null",
            "",
            "{\"a\":\"\u{1}\"}",
        ] {
            assert_eq!(object(text.as_bytes()), Err(NotStrict), "{text:?}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(NotStrict), "not UTF-8");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(object(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(object(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(object(nested(100_000).as_bytes()).is_err());
    }
}
