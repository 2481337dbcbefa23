//! Reads once more, by other code than core's, that what was accepted says what an authentication has to say.

use crate::support::{AT, BE, BS, ED, UP, UV, sha256};
use crate::world::{Answer, ORIGIN, RP_ID, World};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

impl World {
    /// Panics unless the answer's parts say what they must.
    pub(crate) fn oracle(&self, read: &Answer) {
        let subject = self.subjects.iter().find(|subject| subject.passkey.credential_id == read.credential_id);
        let subject = subject.expect("a credential of ours");
        assert_eq!(read.user_handle, subject.passkey.account.as_bytes());
        let text = std::str::from_utf8(&read.client_data).expect("UTF-8").trim_start_matches('\u{feff}');
        let members = top_level(text).expect("an object");
        let named = |name: &str| -> Vec<Value> {
            let values = members.iter().filter(|(member, _)| *member == name).map(|(_, value)| value);
            values.map(|value| serde_json::from_str(value).expect("JSON")).collect()
        };
        assert_eq!(named("type"), ["webauthn.get"]);
        assert_eq!(named("challenge"), [URL_SAFE_NO_PAD.encode(self.challenge.bytes())]);
        assert_eq!(named("origin"), [ORIGIN]);
        assert!(matches!(named("crossOrigin").as_slice(), [] | [Value::Null | Value::Bool(false)]));
        assert!(matches!(named("topOrigin").as_slice(), [] | [Value::Null]));
        assert_eq!(read.data[..32], sha256(RP_ID.as_bytes()));
        let (flags, count) = (read.data[32], u32::from_be_bytes(read.data[33..37].try_into().expect("4 bytes")));
        assert_eq!(flags & (UP | UV), UP | UV);
        assert_eq!(flags & BE != 0, subject.record.backup_eligible);
        assert!(flags & (BE | BS) != BS);
        assert!(count > subject.record.sign_count || (count, subject.record.sign_count) == (0, 0));
        assert!(read.data.len() == 37 || flags & (AT | ED) != 0);
    }
}

/// The members of one JSON object by a scan of our own: names unescaped, values as they are written. Every member is
/// kept, also one that is named twice.
pub(crate) fn top_level(text: &str) -> Option<Vec<(String, String)>> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut parts, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for c in inside.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            ',' | ':' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("a part").push(c);
    }
    let pairs = parts.chunks_exact(2);
    (pairs.remainder().is_empty() && depth == 0 && !quoted).then_some(())?;
    pairs.map(|pair| Some((serde_json::from_str(&pair[0]).ok()?, pair[1].clone()))).collect()
}
