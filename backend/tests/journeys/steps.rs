//! Second steps, set up by whoever is signed in.

use crate::world::{Browser, World};
use ring::hmac;

/// The code that an app with this key shows (RFC 6238), computed here and not by what is tested.
pub(crate) fn app_code(key: &[u8], secs: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &(secs / 30).to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[19] & 15);
    let value = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", value % 1_000_000)
}

fn base32(text: &str) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0, 0_u32);
    for c in text.bytes().filter(u8::is_ascii_alphanumeric) {
        let value = if c.is_ascii_digit() { c - b'2' + 26 } else { c - b'A' };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    out
}

/// Sets a telephone up as the second step of whoever is signed in.
pub(crate) async fn with_phone(browser: &mut Browser<'_>, world: &World, number: &str) {
    let answer = browser.post("/account/second-step/phone", &[("phone", number)]).await;
    assert_eq!((answer.status, answer.location()), (303, "/account/prove"), "{}", answer.body);
    let answer = browser.post("/account/prove", &[("code", &world.code())]).await;
    assert_eq!(answer.location(), "/account/second-step?done=second-step-set", "{}", answer.body);
}

/// Sets an app up; gives its key.
pub(crate) async fn with_app(browser: &mut Browser<'_>, world: &World) -> Vec<u8> {
    let page = browser.get("/account/second-step/app").await;
    let (_, after) = page.body.split_once("<dt>Key</dt>").expect("a key");
    let text = after.split("<dd>").nth(1).and_then(|rest| rest.split('<').next()).expect("a key");
    let key = base32(text);
    assert_eq!(key.len(), 20, "{text}");
    let code = app_code(&key, world.now().as_secs());
    let answer = browser.post("/account/second-step/app", &[("code", &code)]).await;
    assert_eq!(answer.location(), "/account/second-step?done=second-step-set", "{}", answer.body);
    key
}
