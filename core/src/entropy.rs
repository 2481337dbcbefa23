//! Randomness as a value that is handed in. A failing source is an error, never a weak identifier.

/// The source of randomness failed; nothing may be made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct EntropyFailed;

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `out` with unpredictable bytes.
    ///
    /// # Errors
    /// When the system's source fails. The content of `out` must not be used then.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed>;
}

impl dyn Entropy + '_ {
    /// `N` unpredictable bytes.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], EntropyFailed> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }
}
