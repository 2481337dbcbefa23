//! The name that a passkey has until its owner gives it another.
//!
//! The authenticator's model (AAGUID) names password managers that everybody knows, and whatever else is in the list of
//! models, where there is one ([`super::metadata`]); without attestation it is only a hint, and so is the name. Otherwise
//! the transports tell a security key from a device, and the browser says which, in the language of whoever makes it.

use crate::words::Words;
use aldgate_core::device::Device;

/// Longest name of a passkey, in characters: one line of the list.
pub(crate) const NAME_CHARS_MAX: usize = 64;

/// A name as a person may give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyName(String);

/// Why a name is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRefused {
    /// Nothing but white space.
    Empty,
    /// More than [`NAME_CHARS_MAX`] characters.
    TooLong,
    /// A character that cannot be shown.
    Control,
}

impl PasskeyName {
    /// Reads what a person typed.
    pub(crate) fn parse(text: &str) -> Result<Self, NameRefused> {
        let text = text.trim();
        if text.is_empty() {
            Err(NameRefused::Empty)
        } else if text.chars().count() > NAME_CHARS_MAX {
            Err(NameRefused::TooLong)
        } else if text.chars().any(is_unseen) {
            Err(NameRefused::Control)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The name of a model, as far as it fits and can be seen.
    pub(super) fn shortened(text: &str) -> Option<Self> {
        let seen: String = text.trim().chars().filter(|c| !is_unseen(*c)).take(NAME_CHARS_MAX).collect();
        Self::parse(&seen).ok()
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Controls, and the marks that change the direction of what follows.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Models that people know by a name.
const MODELS: [(u128, &str); 14] = [
    (0xfbfc3007_154e_4ecc_8c0b_6e020557d7bd, "Apple Passwords"),
    (0xdd4ec289_e01d_41c9_bb89_70fa845d4bf2, "Apple Passwords"),
    (0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4, "Google Password Manager"),
    (0xadce0002_35bc_c60a_648b_0b25f1f05503, "Chrome on Mac"),
    (0x08987058_cadc_4b81_b6e1_30de50dcbe96, "Windows Hello"),
    (0x9ddd1817_af5a_4672_a2b9_3e3dd95000a9, "Windows Hello"),
    (0x6028b017_b1d4_4c02_b4b3_afcdafc96bb2, "Windows Hello"),
    (0xbada5566_a7aa_401f_bd96_45619a55120d, "1Password"),
    (0xd548826e_79b4_db40_a3d8_11116f7e8349, "Bitwarden"),
    (0x531126d6_e717_415c_9320_3d9aa6981239, "Dashlane"),
    (0x50726f74_6f6e_5061_7373_50726f746f6e, "Proton Pass"),
    (0xfdb141b2_5d84_443e_8a35_4698c205a502, "KeePassXC"),
    (0x53414d53_554e_4700_0000_000000000000, "Samsung Pass"),
    (0xb5397666_4885_aa6b_cebf_e52262a439a2, "Chromium browser"),
];

/// The name of a new passkey; that of its model in the list of models before all others.
pub(crate) fn first_name(
    listed: Option<PasskeyName>,
    aaguid: [u8; 16],
    transports: &[String],
    device: Device,
    words: Words,
) -> PasskeyName {
    if let Some(listed) = listed {
        return listed;
    }
    let model = u128::from_be_bytes(aaguid);
    let has = |names: &[&str]| transports.iter().any(|transport| names.contains(&transport.as_str()));
    PasskeyName(if let Some((_, name)) = MODELS.iter().find(|(known, _)| *known == model) {
        (*name).to_owned()
    } else if has(&["usb", "nfc", "smart-card"]) && !has(&["internal", "hybrid"]) {
        words.security_key().to_owned()
    } else if device == Device::default() {
        words.a_passkey().to_owned()
    } else {
        words.passkey_made_on(&words.device(device))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::language::Language;

    #[test]
    fn a_new_passkey_is_named_after_its_model_its_kind_or_its_device() {
        let firefox = Device::from_user_agent("Firefox/130.0 Linux");
        let transports = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let named_in =
            |aaguid, names: &[&str], device, words| first_name(None, aaguid, &transports(names), device, words).0;
        let name = |aaguid, names: &[&str], device| named_in(aaguid, names, device, Words::ENGLISH);
        assert_eq!(name(0xbada5566_a7aa_401f_bd96_45619a55120d_u128.to_be_bytes(), &[], firefox), "1Password");
        assert_eq!(name([0; 16], &["usb", "nfc"], firefox), "Security key");
        assert_eq!(name([0; 16], &["internal", "usb"], firefox), "Passkey made on Firefox on Linux");
        assert_eq!(name([0; 16], &[], Device::default()), "Passkey");
        let welsh = |names: &[&str], device| named_in([0; 16], names, device, Words(Language::Welsh));
        assert_eq!(welsh(&["internal"], firefox), "Allwedd mynediad a grëwyd ar Firefox ar Linux");
        assert_eq!(welsh(&["usb"], firefox), "Allwedd ddiogelwch");
        assert_eq!(welsh(&[], Device::default()), "Allwedd mynediad");
        let listed = PasskeyName::shortened(" \u{202e}YubiKey 5 Series with NFC ");
        let aaguid = 0xbada5566_a7aa_401f_bd96_45619a55120d_u128.to_be_bytes();
        assert_eq!(first_name(listed, aaguid, &[], firefox, Words::ENGLISH).0, "YubiKey 5 Series with NFC");
        assert_eq!(PasskeyName::shortened(&"x".repeat(100)).map(|name| name.0.len()), Some(NAME_CHARS_MAX));
        assert_eq!(PasskeyName::shortened("\n"), None);
    }

    #[test]
    fn names_are_short_and_can_be_seen() {
        assert_eq!(PasskeyName::parse(" My phone ").map(|name| name.0), Ok("My phone".to_owned()));
        assert_eq!(PasskeyName::parse(" \t"), Err(NameRefused::Empty));
        assert_eq!(PasskeyName::parse("a\u{0}b"), Err(NameRefused::Control));
        assert_eq!(PasskeyName::parse("a\u{202e}b"), Err(NameRefused::Control));
        assert!(PasskeyName::parse(&"é".repeat(64)).is_ok());
        assert_eq!(PasskeyName::parse(&"é".repeat(65)), Err(NameRefused::TooLong));
    }
}
