//! Codes of authenticator apps (TOTP, RFC 6238): SHA-1, six digits, steps of 30 seconds, which is what every app can do.
//!
//! A code of the step before or after is taken too, since telephones' clocks are off. Which step it was is told to the
//! caller, who makes sure that none counts twice (section 5.2).

use crate::model::second_step::{APP_KEY_BYTES, AppKey};
use crate::one_time_code::Code;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::time::Timestamp;
use qrcode::{Color, EcLevel, QrCode};
use totp_rs::{Algorithm, Builder, Secret, Totp};

const STEP_SECS: u64 = 30;

/// Steps before and after the present one whose codes are taken.
const SKEW: u16 = 1;

/// White cells around the code, which readers need (ISO/IEC 18004, section 9.1).
const QUIET_CELLS: usize = 4;

/// A new key.
pub(crate) fn new_key(entropy: &dyn Entropy) -> Result<AppKey, EntropyFailed> {
    entropy.bytes::<APP_KEY_BYTES>().map(AppKey::new)
}

/// The time step whose code this is, if it is one of now.
pub(crate) fn matching_step(key: &AppKey, code: &Code, now: Timestamp) -> Option<u64> {
    totp(key).check(code.expose(), now.as_secs())
}

fn totp(key: &AppKey) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECS)
        .with_skew(SKEW)
        .with_secret(Secret::new(key.expose().to_vec().into_boxed_slice()))
        .build_noncompliant()
}

/// The key as a person types it into an app: base32, in groups of four.
pub(crate) fn as_text(key: &AppKey) -> String {
    let text = Secret::new(key.expose().to_vec().into_boxed_slice()).to_base32();
    let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

/// A picture of cells, for an app's camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Cells along each side, the white ones around it included.
    pub(crate) side: usize,
    /// The dark cells, as the path of an SVG.
    pub(crate) path: String,
}

/// The picture of what an app reads (`otpauth:`, as Google Authenticator's "Key Uri Format" has it).
pub(crate) fn picture(key: &AppKey, issuer: &str, account: &str) -> Option<Picture> {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    let (issuer, account, secret) = (escape(issuer), escape(account), as_text(key).replace(' ', ""));
    let uri = format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}");
    let code = QrCode::with_error_correction_level(uri, EcLevel::M).ok()?;
    let (width, cells) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (at, _) in cells.iter().enumerate().filter(|(_, cell)| **cell == Color::Dark) {
        let (x, y) = (at % width + QUIET_CELLS, at / width + QUIET_CELLS);
        path.push_str(&format!("M{x} {y}h1v1h-1z"));
    }
    Some(Picture { side: width + 2 * QUIET_CELLS, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the key, and the last six digits of its codes.
    const RFC_KEY: &[u8; 20] = b"12345678901234567890";

    fn code(text: &str) -> Code {
        Code::parse(text).expect("six digits")
    }

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        for (secs, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = matching_step(&AppKey::new(*RFC_KEY), &code(digits), Timestamp::from_secs(secs));
            assert_eq!(step, Some(secs / 30), "{digits}");
        }
    }

    #[test]
    fn the_steps_beside_the_present_one_count_and_no_others() {
        let key = AppKey::new(*RFC_KEY);
        let at = |secs| matching_step(&key, &code("050471"), Timestamp::from_secs(secs));
        let step = 1_111_111_111 / 30;
        for off in [-30_i64, 0, 30] {
            assert_eq!(at(1_111_111_111_u64.saturating_add_signed(off)), Some(step), "{off}");
        }
        assert_eq!((at(1_111_111_111 - 90), at(1_111_111_111 + 90)), (None, None));
    }

    #[test]
    fn an_app_is_given_its_key_as_text_and_as_a_picture() {
        let key = AppKey::new(*RFC_KEY);
        assert_eq!(as_text(&key), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let picture = picture(&key, "Aldgate", "ada+x@example.org").expect("a picture");
        assert!(picture.side > 40 && picture.path.starts_with("M4 4h1v1h-1z"), "a finder pattern begins it");
        assert!(picture.path.bytes().all(|b| b"Mhvz- 0123456789".contains(&b)));
    }
}
