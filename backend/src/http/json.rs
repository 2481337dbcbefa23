//! A JSON body that means one thing: an object, each name in it once.

use aldgate_core::token::strict_json;
use serde_json::{Map, Value};

/// The body is no such object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body must be a JSON object in which each name stands once")]
pub(super) struct NotAnObject;

/// The members of a body.
///
/// # Errors
/// [`NotAnObject`].
pub(super) fn json_object(body: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    strict_json::object(body).map_err(|_| NotAnObject)
}
