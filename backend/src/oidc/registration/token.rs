//! The registration access token (RFC 7592, section 3): by it a client reads and changes its own registration. It is a
//! keyed tag over the client's name and a generation, so that nothing of it is stored and a forged one costs no look-up.

use aldgate_core::secret::{MasterKey, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

const GENERATION_BYTES: usize = 4;
const TAG_BYTES: usize = 32;
const TOKEN_BYTES: usize = GENERATION_BYTES + TAG_BYTES;

/// Who makes and reads them.
pub(crate) struct RegistrationTokens(hmac::Key);

impl RegistrationTokens {
    /// The deployment's.
    pub(crate) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::RegistrationToken, 0).expose()))
    }

    /// The token of a client, of a generation.
    pub(super) fn write(&self, client: &str, generation: u32) -> String {
        let tag = hmac::sign(&self.0, &said(client, generation));
        URL_SAFE_NO_PAD.encode([&generation.to_be_bytes()[..], tag.as_ref()].concat())
    }

    /// The generation of a token; nothing if it is not this client's.
    pub(super) fn read(&self, client: &str, token: &str) -> Option<u32> {
        let mut bytes = [0; TOKEN_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) {
            Ok(TOKEN_BYTES) => {}
            _ => return None,
        }
        let (generation, tag) = bytes.split_first_chunk::<GENERATION_BYTES>()?;
        let generation = u32::from_be_bytes(*generation);
        hmac::verify(&self.0, &said(client, generation), tag).ok().map(|()| generation)
    }
}

fn said(client: &str, generation: u32) -> Vec<u8> {
    [&generation.to_be_bytes()[..], client.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::world::master_key;

    #[test]
    fn a_token_is_one_clients_of_one_generation() {
        let tokens = RegistrationTokens::of(&master_key());
        let token = tokens.write("rp", 7);
        assert_eq!(tokens.read("rp", &token), Some(7));
        for other in ["rp2", "RP", ""] {
            assert_eq!(tokens.read(other, &token), None, "{other}");
        }
        assert_ne!(token, tokens.write("rp", 8));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.read("rp", &String::from_utf8(forged).expect("text")), None, "character {at}");
        }
        for bad in ["", "x", &token[1..], &format!("{token}A"), &format!("{token}=")] {
            assert_eq!(tokens.read("rp", bad), None, "{bad}");
        }
    }
}
