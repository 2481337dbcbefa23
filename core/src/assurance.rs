//! The vocabulary of assurance: how well a person was identified (P0, P5, P9) and with which credential components
//! they signed in (`Cp`, `Cd`, `Ck`, `Cm`), after NHS login's vectors of trust (RFC 8485 form, `P9.Cm`).

use std::fmt;

/// How well the person's identity was verified. Ordered: P9 meets a demand for P5 or P0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum IdentityLevel {
    /// Low: only control of an e-mail address or telephone was shown.
    P0 = 0,
    /// Medium: claimed facts were matched to a record.
    P5 = 5,
    /// High: the person was compared with photographic evidence.
    P9 = 9,
}

impl IdentityLevel {
    /// The level's name, as in a vector of trust.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P5 => "P5",
            Self::P9 => "P9",
        }
    }

    /// From the byte of a record.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::P0),
            5 => Some(Self::P5),
            9 => Some(Self::P9),
            _ => None,
        }
    }
}

impl std::str::FromStr for IdentityLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "P0" => Ok(Self::P0),
            "P5" => Ok(Self::P5),
            "P9" => Ok(Self::P9),
            _ => Err(UnknownLevel),
        }
    }
}

/// Not one of P0, P5, P9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity level must be \"P0\", \"P5\" or \"P9\"")]
pub struct UnknownLevel;

/// A set of credential components that were shown at sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Components(u8);

impl Components {
    /// Nothing was shown, or nothing is demanded.
    pub const NONE: Self = Self(0);
    /// `Cp`: a password.
    pub const PASSWORD: Self = Self(1);
    /// `Cd`: a registered device (one-time code or remembered browser).
    pub const DEVICE: Self = Self(2);
    /// `Ck`: a shared key in a registered device.
    pub const SHARED_KEY: Self = Self(4);
    /// `Cm`: an asymmetric key in a registered device, with user verification: a passkey.
    pub const PASSKEY: Self = Self(8);

    const NAMES: [(Self, &'static str); 4] =
        [(Self::PASSWORD, "Cp"), (Self::DEVICE, "Cd"), (Self::SHARED_KEY, "Ck"), (Self::PASSKEY, "Cm")];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every component of `demanded` is in this set.
    pub const fn meets(self, demanded: Self) -> bool {
        self.0 & demanded.0 == demanded.0
    }

    /// The byte of a record.
    pub const fn as_byte(self) -> u8 {
        self.0
    }

    /// From the byte of a record; `None` if an unknown bit is set.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        if byte & !0x0f == 0 { Some(Self(byte)) } else { None }
    }
}

impl fmt::Display for Components {
    /// As in a vector of trust: `Cp.Cd`. Empty for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(part, _)| self.meets(*part));
        for (i, (_, name)) in names.enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A vector of trust: an identity level and components, all of which must be met (RFC 8485 form, `P9.Cp.Cd`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vector {
    /// The least identity level.
    pub identity: IdentityLevel,
    /// Components that must all have been shown.
    pub components: Components,
}

/// Not a vector of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a vector of trust is an identity level and credential components, such as \"P9.Cm\" or \"P5.Cp.Cd\"")]
pub struct UnknownVector;

impl std::str::FromStr for Vector {
    type Err = UnknownVector;

    fn from_str(text: &str) -> Result<Self, UnknownVector> {
        let mut parts = text.split('.');
        let identity = parts.next().unwrap_or_default().parse().map_err(|_| UnknownVector)?;
        let mut components = Components::NONE;
        for part in parts {
            let named = Components::NAMES.iter().find(|(_, name)| *name == part).ok_or(UnknownVector)?;
            if components.meets(named.0) {
                return Err(UnknownVector); // Twice the same component.
            }
            components = components.with(named.0);
        }
        Ok(Self { identity, components })
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.identity.as_str())?;
        if self.components != Components::NONE {
            write!(f, ".{}", self.components)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_components_join() {
        assert!(IdentityLevel::P9 > IdentityLevel::P5);
        let both = Components::PASSWORD.with(Components::DEVICE);
        assert_eq!(both.to_string(), "Cp.Cd");
        assert!(both.meets(Components::PASSWORD));
        assert!(!Components::PASSWORD.meets(both));
        assert_eq!(Components::from_byte(0x10), None);
    }

    #[test]
    fn a_vector_is_read_as_it_is_written() {
        for text in ["P0", "P9.Cm", "P5.Cp.Cd"] {
            assert_eq!(text.parse::<Vector>().map(|vector| vector.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "P1.Cm", "Cm", "P9.", "P9.Cx", "P9.Cp.Cp", "P9,Cm", "p9.cm"] {
            assert_eq!(text.parse::<Vector>(), Err(UnknownVector), "{text}");
        }
    }
}
