//! The ways in which an answer is spoilt.

use crate::support::{AT, ED, Passkey, sha256};
use crate::world::{Answer, ORIGIN, RP_ID, Subject, World, object, quoted, render};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).expect("small")).expect("small")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Spoils bytes, anywhere, in one of the ways of which one or more are chosen.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, random.byte()),
            3 if !bytes.is_empty() => drop(bytes.remove(at)),
            4 if !bytes.is_empty() => bytes[at] = random.of::<u8>(&[&0, &0xff, &b' ', &b'"', &b'\\', &0x7f]).to_owned(),
            5 => bytes.truncate(at),
            _ => bytes.push(random.byte()),
        }
    }
}

fn spoil_any_field(random: &mut Random, answer: &mut Answer) {
    let field = match random.below(5) {
        0 => &mut answer.credential_id,
        1 => &mut answer.client_data,
        2 => &mut answer.data,
        3 => &mut answer.signature,
        _ => &mut answer.user_handle,
    };
    spoil(random, field);
}

/// Puts a field in another's place, or takes one from another subject's answer.
fn swap_fields(random: &mut Random, answer: &mut Answer, other: &Answer) {
    match random.below(9) {
        0 => std::mem::swap(&mut answer.client_data, &mut answer.data),
        1 => std::mem::swap(&mut answer.data, &mut answer.signature),
        2 => std::mem::swap(&mut answer.signature, &mut answer.client_data),
        3 => std::mem::swap(&mut answer.credential_id, &mut answer.user_handle),
        4 => answer.credential_id.clone_from(&other.credential_id),
        5 => answer.data.clone_from(&other.data),
        6 => answer.signature.clone_from(&other.signature),
        7 => answer.user_handle.clone_from(&other.user_handle),
        _ => {
            answer.credential_id.clone_from(&other.credential_id);
            answer.user_handle.clone_from(&other.user_handle);
        }
    }
}

/// Edits client data member by member.
fn edit_client_data(random: &mut Random, answer: &mut Answer) {
    let text = String::from_utf8(answer.client_data.clone()).expect("UTF-8");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let challenge = value["challenge"].as_str().expect("a challenge").to_owned();
    let with = |name: &str, value: String| {
        let old = match name {
            "type" => r#""type":"webauthn.get""#.to_owned(),
            "challenge" => format!(r#""challenge":"{challenge}""#),
            "origin" => format!(r#""origin":"{ORIGIN}""#),
            _ => r#""crossOrigin":false"#.to_owned(),
        };
        text.replace(&old, &value)
    };
    let more = |members: &str| format!("{},{members}}}", text.strip_suffix('}').expect("an object"));
    let edited = match random.below(18) {
        0 => {
            with("type", format!(r#""type":"{}""#, random.of(&["webauthn.create", "webauthn.Get", "", "payment.get"])))
        }
        1 | 2 => {
            let tail = random.of(&["=", "==", "A", "", " "]);
            let head = &challenge[..challenge.len() - random.below(2)];
            with("challenge", format!(r#""challenge":"{head}{tail}""#))
        }
        3 => {
            let mut bytes = URL_SAFE_NO_PAD.decode(&challenge).expect("base64url");
            spoil(random, &mut bytes);
            with("challenge", format!(r#""challenge":{}"#, quoted(&bytes)))
        }
        4..=6 => {
            let origin = random.of(&[
                "https://LOGIN.example.org",
                "HTTPS://login.example.org",
                "https://login.example.org:443",
                "https://login.example.org:8443",
                "https://login.example.org/",
                "https://login.example.org/path?query#fragment",
                "https://user:word@login.example.org",
                "https:login.example.org",
                "https://login.example.org.",
                "https://login.example.org.evil.example",
                "https://evil.login.example.org",
                "https://example.org",
                "http://login.example.org",
                "https://login.example.org@evil.example",
                "https://evil.example",
                "null",
                "",
            ]);
            with("origin", format!(r#""origin":"{origin}""#))
        }
        7 => {
            with("crossOrigin", format!(r#""crossOrigin":{}"#, random.of(&["true", "null", "1", "\"true\"", "false"])))
        }
        8 => {
            let top = random.of(&[ORIGIN, "https://elsewhere.example", "null", ""]);
            more(&format!(r#""topOrigin":"{top}""#))
        }
        9 => more(random.of(&[
            r#""topOrigin":"https://a.example","topOrigin":"https://b.example""#,
            r#""topOrigin":7"#,
            r#""topOrigin":null"#,
        ])),
        10 => {
            let again = random.of(&["type", "challenge", "origin", "crossOrigin"]);
            more(&format!(r#""{again}":{}"#, value[again]))
        }
        11 => more(random.of(&[
            r#""more":"of it""#,
            r#""more":{"type":"webauthn.create","origin":["x"]},"more":1.5e3"#,
            r#""":"","\u0000":"\u0000""#,
            r#""tokenBinding":{"status":"supported"}"#,
        ])),
        12 => more(random.of(&[
            r#""tokenBinding":"supported""#,
            r#""tokenBinding":{"id":"AA"}"#,
            r#""more":1e999"#,
            r#""more":"\ud800""#,
        ])),
        13 => format!("\u{feff}{text}"),
        14 => format!("{}{}{}", random.of(&["", " ", "\n", "\u{feff}\u{feff}", "\0"]), text.replace(',', " ,\t"), " "),
        15 => {
            let mut members: Vec<_> = text[1..text.len() - 1].split(',').collect();
            if random.one_in(2) {
                members.remove(random.below(members.len()));
            }
            members.reverse();
            format!("{{{}}}", members.join(","))
        }
        16 => random
            .of(&[
                text.replace("webauthn.get", "webauthn\\u002eget").as_str(),
                text.replace("\"type\"", "\"ty\\u0070e\"").as_str(),
                text.replace("https://", "https:\\/\\/").as_str(),
                format!("[{text}]").as_str(),
                format!(r#"["webauthn.get","{challenge}","{ORIGIN}",false]"#).as_str(),
            ])
            .to_owned(),
        _ if random.one_in(4) => more(&format!(r#""more":"{}""#, "a".repeat(5_000))),
        _ => {
            let mut bytes = text.clone().into_bytes();
            spoil(random, &mut bytes);
            answer.client_data = bytes;
            return;
        }
    };
    answer.client_data = edited.into_bytes();
}

/// Edits authenticator data part by part.
fn edit_data(random: &mut Random, answer: &mut Answer, stored: u32, attested: &[u8]) {
    let data = &mut answer.data;
    match random.below(12) {
        0..=2 => data[32] = random.byte() & !(AT | ED),
        3 => data[32] ^= 1 << random.below(8),
        4 | 5 => {
            let counts = [0, 1, stored.wrapping_sub(1), stored, stored + 1, u32::MAX, 0x8000_0000];
            data[33..37].copy_from_slice(&counts[random.below(counts.len())].to_be_bytes());
        }
        6 => {
            let rp_id = random.of(&["example.org", ORIGIN, "LOGIN.example.org", "evil.example"]);
            data[..32].copy_from_slice(&sha256(rp_id.as_bytes()));
        }
        7 => (0..=random.below(40)).for_each(|_| data.push(random.byte())),
        8 => {
            data[32] |= ED;
            data.extend_from_slice(random.of::<[u8]>(&[
                &[0xa0],
                &[0xa1, 0x61, b'x', 0x01],
                &[0xa1, 0x61, b'x', 0x01, 0x00],
                &[0xbf, 0x61, b'x', 0x01, 0xff],
                &[0xa2, 0x61, b'x', 0x01, 0x61, b'x', 0x02],
                &[0xa1, 0x01, 0x01],
                &[0x80],
                &[0xa1, 0x61, b'x'],
                &[],
            ]));
        }
        9 => {
            data[32] |= AT;
            data.extend_from_slice(attested);
        }
        10 => {
            data[32] |= AT;
            let mut attested = attested.to_vec();
            spoil(random, &mut attested);
            data.extend_from_slice(&attested);
        }
        _ => spoil(random, data),
    }
}

/// Edits the JSON around the fields.
fn edit_envelope(random: &mut Random, answer: &Answer) -> Vec<u8> {
    let (mut outer, mut inner) = answer.members();
    let is_outer = random.one_in(2);
    let members = if is_outer { &mut outer } else { &mut inner };
    let at = random.below(members.len());
    match random.below(11) {
        0 => drop(members.remove(at)),
        1 => {
            let again = members[at].clone();
            members.push(again);
        }
        2 => members[at].1 = random.of(&["null", "7", "\"\"", "[]", "{}", "true"]).to_owned(),
        3 | 4 => {
            let text = members[at].1.trim_matches('"').to_owned();
            members[at].1 = format!("\"{text}{}\"", "=".repeat(1 + random.below(2)));
        }
        5 => {
            let other = random.below(members.len());
            let value = members[other].1.clone();
            members[at].1 = value;
        }
        6 => outer[2].1 = random.of(&["\"Public-Key\"", "\"password\"", "\"\"", "null"]).to_owned(),
        7 => outer[0].1 = random.of(&["\"\"", "\"AAAA\"", "\"not base64!\""]).to_owned(),
        8 => {
            outer[4].1 = random.of(&["null", "7", "[]", r#"{"appid":7}"#, r#"{"appid":true}"#, r#"{"x":1}"#]).to_owned()
        }
        9 => outer.push((random.of(&["more", "extensions", "response", "ID"]).to_owned(), "{}".into())),
        _ => {
            let values: Vec<_> = inner.iter().map(|(_, value)| value.as_str()).collect();
            outer.push(("response".into(), format!("[{}]", values.join(","))));
            return object(&outer).into_bytes();
        }
    }
    render(&outer, &inner)
}

/// Edits the signature as only someone who knows what it is would.
fn edit_signature(random: &mut Random, answer: &mut Answer, other: &Passkey) {
    let signature = &mut answer.signature;
    match random.below(8) {
        0 => signature.insert(0, 0),
        1 => signature.push(0),
        2 => signature.clear(),
        3 => signature.fill(0),
        4 => *signature = vec![random.byte(); 1024],
        5 => *signature = other.sign(&answer.data, &answer.client_data),
        6 if signature.len() < 80 => {
            if let Ok(raw) = p256::ecdsa::Signature::from_der(signature) {
                *signature = raw.to_bytes().to_vec();
            }
        }
        _ => {
            let at = random.below(signature.len().min(6));
            signature[at] = signature[at].wrapping_add(1);
        }
    }
}

/// One spoilt answer: its body.
pub(crate) fn mutation(world: &mut World, random: &mut Random) -> Vec<u8> {
    let subject = if random.one_in(50) { 4 } else { random.below(4) };
    let other = (subject + 1 + random.below(3)) % 4;
    let mut answer = world.subjects[subject].good.clone();
    let of_other = world.subjects[other].good.clone();
    match random.below(16) {
        0..=3 => spoil_any_field(random, &mut answer),
        4 => swap_fields(random, &mut answer, &of_other),
        5 => edit_signature(random, &mut answer, &world.subjects[other].passkey),
        6..=8 => {
            edit_client_data(random, &mut answer);
            world.sign(subject, &mut answer);
        }
        9 | 10 => {
            let Subject { passkey, record, .. } = &world.subjects[subject];
            let attested = passkey.registration_data(RP_ID, 0, &[0; 16])[37..].to_vec();
            edit_data(random, &mut answer, record.sign_count, &attested);
            world.sign(subject, &mut answer);
        }
        11 => {
            spoil(random, &mut answer.client_data);
            world.sign(subject, &mut answer);
        }
        12 | 13 => return edit_envelope(random, &answer),
        14 => {
            let mut body = answer.body();
            spoil(random, &mut body);
            return body;
        }
        _ => {
            edit_client_data(random, &mut answer);
            if random.one_in(2) {
                world.sign(subject, &mut answer);
                spoil_any_field(random, &mut answer);
            }
        }
    }
    answer.body()
}
