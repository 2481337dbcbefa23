//! The cookie of somebody who waits, or was let in: a number with a tag. The key is made when the process starts, as is
//! the line, so a ticket of another gateway, or of before a restart, is none.

use super::line::Number;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

const HEAD_BYTES: usize = 9;
const TAG_BYTES: usize = 32;
const BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// What a browser holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticket {
    /// A number in the line.
    Waits(Number),
    /// A place inside.
    In(Number),
}

/// The key of this line's tickets.
pub(super) struct TicketKey(hmac::Key);

impl TicketKey {
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The ticket as the cookie's value.
    pub(super) fn seal(&self, ticket: Ticket) -> String {
        let (kind, Number(number)) = match ticket {
            Ticket::Waits(number) => (0, number),
            Ticket::In(number) => (1, number),
        };
        let mut bytes = [0; BYTES];
        let (head, tag) = bytes.split_at_mut(HEAD_BYTES);
        head.iter_mut().zip([kind].into_iter().chain(number.to_be_bytes())).for_each(|(to, from)| *to = from);
        tag.iter_mut().zip(hmac::sign(&self.0, head).as_ref()).for_each(|(to, from)| *to = *from);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The ticket in a cookie's value, if it is ours.
    pub(super) fn open(&self, value: &[u8]) -> Option<Ticket> {
        let mut bytes = [0; BYTES];
        if URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) != Ok(BYTES) {
            return None;
        }
        let (head, tag) = bytes.split_at(HEAD_BYTES);
        hmac::verify(&self.0, head, tag).ok()?;
        let (kind, number) = head.split_first()?;
        let number = Number(u64::from_be_bytes(number.try_into().ok()?));
        match kind {
            0 => Some(Ticket::Waits(number)),
            1 => Some(Ticket::In(number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_opened_as_it_was_sealed_and_by_its_own_line_only() {
        let key = TicketKey::new(&[1; 32]);
        for ticket in [Ticket::Waits(Number(7)), Ticket::In(Number(u64::MAX))] {
            let sealed = key.seal(ticket);
            assert_eq!(key.open(sealed.as_bytes()), Some(ticket));
            assert_eq!(TicketKey::new(&[2; 32]).open(sealed.as_bytes()), None);
            for at in 0..sealed.len() {
                let mut forged = sealed.clone().into_bytes();
                forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
                assert_eq!(key.open(&forged), None, "character {at}");
                assert_eq!(key.open(&sealed.as_bytes()[..at]), None, "cut at {at}");
            }
        }
    }
}
