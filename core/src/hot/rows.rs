//! The map of sessions: rows of sixteen seats, and each session in one of the seats of one row.
//!
//! Sessions are what there are millions of, and every request asks for another. So an entry lies in the map itself, in
//! two lines of the processor's cache; a hash of its handle names its row and the seat that it has if that was empty
//! when it came, and the row's first line says where it is if not. A hit reads these three lines, which lie close
//! together, whatever the number of sessions.
//!
//! - **Capacity in bytes, exactly.** There are as many rows as fit, and never more. They are made in chunks, each when
//!   the first session comes that belongs there: a process that few people use takes little.
//! - **One order for a key.** Whoever writes holds the row's lock: [`Rows::settle`], [`Rows::remove`], [`Rows::touch`].
//! - **Readers take no lock.** They read a row's version, the entry, and the version again (a *seqlock*: H.-J. Boehm,
//!   "Can seqlocks get along with programming language memory models?", 2012). If somebody wrote meanwhile they take
//!   the lock once. All that they read are atomic words, so a torn entry is seen, and thrown away.
//! - **Eviction is a row's own affair**, after S3-FIFO: whoever comes is let in, on trial; who is used once more while
//!   on trial stays, and leaves when not used for long. A row whose sessions happen to be many loses one early, while
//!   others have room: of as many sessions as there are seats a tenth, of half as many one in a thousand. A hash with a
//!   seed of this process's own decides, so nobody can choose whose row they share.

use super::copies::Map;
use super::dense::Held;
use super::session::{HotSession, WORDS, Words};
use crate::id::SessionId;
use crate::time::Timestamp;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Seats of a row: so many that one row's bad luck is rare, so few that their tags fit the row's first line.
const SEATS: usize = 16;

/// Seats of a full row that are for whoever is on trial: a quarter, so that a new session has time to be used a second
/// time, and no flood takes more than that.
const TRIAL_SEATS: usize = SEATS / 4;

/// Rows of a chunk at the least: 64 KiB, which is a size class of the allocator.
const CHUNK_ROWS_MIN: usize = 31;

/// Chunks at the most, so that the list of them stays in the processor's own cache.
const CHUNKS_MAX: usize = 4_096;

/// What an entry takes, in bytes: a seat's part of its row, used or not.
pub(super) const SEAT_BYTES: u64 = (size_of::<Row>() / SEATS) as u64;

/// Tags of four seats lie in one word.
const TAGS_A_WORD: usize = 4;
const LOWEST_BITS: u64 = 0x0001_0001_0001_0001;
const HIGHEST_BITS: u64 = 0x8000_8000_8000_8000;

/// No tag: the seat is empty.
const EMPTY: u16 = 0;

// How an entry has been used.
const ON_TRIAL: u8 = 0;
const IN_USE: u8 = 1;
/// The hand went by since the last use.
const PASSED_BY: u8 = 2;

/// A row. Its first line is all but the seats.
#[repr(align(64))]
struct Row {
    /// Odd while the seats or their tags are being written.
    version: AtomicU32,
    /// The lock of writers, and where the next search for a seat begins.
    hand: Mutex<u8>,
    tags: [AtomicU64; SEATS / TAGS_A_WORD],
    uses: [AtomicU8; SEATS],
    seats: [[AtomicU64; WORDS]; SEATS],
}

const _: () = assert!(size_of::<Row>() == 64 + SEATS * WORDS * 8, "the first line holds all but the seats");

/// A handle as it is compared, its tag, and its home: the seat that it takes if that is empty. Most sit there, and there
/// the processor reads the entry beside the tags, not after them.
#[derive(Clone, Copy)]
struct Key {
    words: [u64; 2],
    tag: u16,
    home: usize,
}

impl Row {
    const fn new() -> Self {
        Self {
            version: AtomicU32::new(0),
            hand: Mutex::new(0),
            tags: [const { AtomicU64::new(0) }; SEATS / TAGS_A_WORD],
            uses: [const { AtomicU8::new(ON_TRIAL) }; SEATS],
            seats: [const { [const { AtomicU64::new(0) }; WORDS] }; SEATS],
        }
    }

    fn lock(&self) -> MutexGuard<'_, u8> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what no writer changes meanwhile.
    fn steadily<T>(&self, read: impl Fn() -> T) -> T {
        let version = self.version.load(Ordering::Acquire);
        let found = read();
        fence(Ordering::Acquire);
        if version & 1 == 0 && self.version.load(Ordering::Relaxed) == version {
            return found;
        }
        let _nobody_writes = self.lock();
        read()
    }

    /// Writes seats and tags. The lock is the caller's.
    fn write(&self, _lock: &MutexGuard<'_, u8>, write: impl FnOnce()) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        write();
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The first seat with a tag that passes.
    fn seat_tagged(&self, tag: u16, passes: impl Fn(usize) -> bool) -> Option<usize> {
        let wanted = LOWEST_BITS.wrapping_mul(u64::from(tag));
        self.tags.iter().enumerate().find_map(|(at, tags)| {
            // A tag that is equal becomes zero, and a zero's highest bit is set here. One above a zero may be set too.
            let other = tags.load(Ordering::Relaxed) ^ wanted;
            let mut equal = other.wrapping_sub(LOWEST_BITS) & !other & HIGHEST_BITS;
            while equal != 0 {
                let seat = at * TAGS_A_WORD + equal.trailing_zeros() as usize / 16;
                if passes(seat) {
                    return Some(seat);
                }
                equal &= equal.wrapping_sub(1);
            }
            None
        })
    }

    fn seat_of(&self, key: Key) -> Option<usize> {
        let is_its = |seat: &[AtomicU64; WORDS]| {
            seat[0].load(Ordering::Relaxed) == key.words[0] && seat[1].load(Ordering::Relaxed) == key.words[1]
        };
        if self.seats.get(key.home).is_some_and(is_its) && self.tag_of(key.home) == key.tag {
            return Some(key.home);
        }
        self.seat_tagged(key.tag, |seat| self.seats.get(seat).is_some_and(is_its))
    }

    fn tag_of(&self, seat: usize) -> u16 {
        let tags = self.tags.get(seat / TAGS_A_WORD).map_or(0, |tags| tags.load(Ordering::Relaxed));
        ((tags >> (seat % TAGS_A_WORD * 16)) & 0xffff) as u16
    }

    fn words(&self, seat: usize) -> Option<Words> {
        let seat = self.seats.get(seat)?;
        Some(std::array::from_fn(|at| seat.get(at).map_or(0, |word| word.load(Ordering::Relaxed))))
    }

    fn session(&self, key: Key) -> Option<(usize, HotSession)> {
        let seat = self.seat_of(key)?;
        Some((seat, HotSession::from_words(self.words(seat)?)?))
    }

    fn seat(&self, lock: &MutexGuard<'_, u8>, seat: usize, tag: u16, words: &Words) {
        self.write(lock, || {
            self.tag(seat, tag);
            for (word, new) in self.seats.get(seat).into_iter().flatten().zip(words) {
                word.store(*new, Ordering::Relaxed);
            }
        });
    }

    /// Under the lock only.
    fn tag(&self, seat: usize, tag: u16) {
        let shift = seat % TAGS_A_WORD * 16;
        if let Some(tags) = self.tags.get(seat / TAGS_A_WORD) {
            let others = tags.load(Ordering::Relaxed) & !(0xffff << shift);
            tags.store(others | (u64::from(tag) << shift), Ordering::Relaxed);
        }
    }

    fn use_of(&self, seat: usize) -> u8 {
        self.uses.get(seat).map_or(ON_TRIAL, |uses| uses.load(Ordering::Relaxed))
    }

    /// A use may be noted on whoever took the seat a moment ago: they stay a little longer, and no harm is done.
    fn note_use(&self, seat: usize, new: u8) {
        if let Some(uses) = self.uses.get(seat)
            && uses.load(Ordering::Relaxed) != new
        {
            uses.store(new, Ordering::Relaxed);
        }
    }

    /// The seat for a newcomer: its home if that is empty, else another that is; else one of whoever is on trial, if these
    /// have their part of the row, in the order in which they came; else of whoever was not used since the hand went by
    /// last.
    fn seat_for_newcomer(&self, hand: &mut u8, home: usize) -> usize {
        if self.tag_of(home) == EMPTY {
            return home;
        }
        if let Some(empty) = self.seat_tagged(EMPTY, |_| true) {
            return empty;
        }
        let on_trial = (0..SEATS).filter(|seat| self.use_of(*seat) == ON_TRIAL).count();
        let by_trial = on_trial >= TRIAL_SEATS;
        for _ in 0..2 * SEATS {
            let seat = usize::from(*hand) % SEATS;
            *hand = hand.wrapping_add(1);
            match self.use_of(seat) {
                ON_TRIAL if by_trial => return seat,
                PASSED_BY if !by_trial => return seat,
                IN_USE if !by_trial => self.note_use(seat, PASSED_BY),
                _ => {}
            }
        }
        usize::from(*hand) % SEATS // All were used while the hand went round.
    }
}

/// A bounded map of sessions.
pub(super) struct Rows {
    chunks: Box<[OnceLock<Box<[Row]>>]>,
    chunk_rows: usize,
    seed: [u64; 2],
    entries: AtomicU64,
}

impl Rows {
    /// An empty map for `capacity` bytes, of which it takes none yet.
    pub(super) fn new(capacity: u64) -> Self {
        let rows = usize::try_from(capacity).unwrap_or(usize::MAX) / size_of::<Row>();
        let chunks = rows.div_ceil(CHUNK_ROWS_MIN.max(rows.div_ceil(CHUNKS_MAX))).max(1);
        let random = RandomState::new();
        Self {
            chunks: (0..chunks).map(|_| OnceLock::new()).collect(),
            chunk_rows: (rows / chunks).max(1),
            seed: [random.hash_one(0), random.hash_one(1)],
            entries: AtomicU64::new(0),
        }
    }

    /// The place of a key: its chunk, its row there, and what it is known by in the row.
    fn place(&self, session: &SessionId) -> (usize, usize, Key) {
        let (halves, _) = session.as_bytes().as_chunks::<8>();
        let [first, second] = halves else { return (0, 0, Key { words: [0; 2], tag: EMPTY, home: 0 }) };
        let words = [u64::from_le_bytes(*first), u64::from_le_bytes(*second)];
        let product = u128::from(words[0] ^ self.seed[0]).wrapping_mul(u128::from(words[1] ^ self.seed[1]));
        let hash = (product >> 64) as u64 ^ product as u64;
        let scale = |bits: u64, count: usize| ((bits.wrapping_mul(count as u64)) >> 32) as usize;
        let (chunk, row) = (scale(hash >> 32, self.chunks.len()), scale(hash & 0xffff_ffff, self.chunk_rows));
        (chunk, row, Key { words, tag: hash as u16 | 1, home: (hash >> 16) as usize % SEATS })
    }

    /// The row of a key, if any session has come to its chunk.
    fn row(&self, session: &SessionId) -> Option<(&Row, Key)> {
        let (chunk, row, key) = self.place(session);
        Some((self.chunks.get(chunk)?.get()?.get(row)?, key))
    }

    fn row_for_newcomer(&self, session: &SessionId) -> Option<(&Row, Key)> {
        let (chunk, row, key) = self.place(session);
        let chunk = self.chunks.get(chunk)?.get_or_init(|| (0..self.chunk_rows).map(|_| Row::new()).collect());
        Some((chunk.get(row)?, key))
    }

    /// Notes a use at `now`. True if the time should be written to warm; whoever is told so does it alone. `None` if the
    /// session is not there.
    pub(super) fn touch(&self, session: &SessionId, now: Timestamp) -> Option<bool> {
        self.change(session, |here| here.touch(now))
    }

    /// Notes that the last time of use was not written to warm after all.
    pub(super) fn touch_again(&self, session: &SessionId) {
        let _ = self.change(session, HotSession::touch_again); // Evicted: then whoever asks next looks it up.
    }

    /// Changes what is there, word by word.
    fn change<T>(&self, session: &SessionId, change: impl FnOnce(&mut HotSession) -> T) -> Option<T> {
        let (row, key) = self.row(session)?;
        let _lock = row.lock();
        let (seat, mut here) = row.session(key)?;
        let changed = change(&mut here);
        for (word, new) in row.seats.get(seat)?.iter().zip(here.to_words()) {
            if word.load(Ordering::Relaxed) != new {
                word.store(new, Ordering::Relaxed); // Each word makes sense by itself: readers need not look again.
            }
        }
        Some(changed)
    }
}

impl Map<SessionId> for Rows {
    type Value = HotSession;

    fn get(&self, session: &SessionId) -> Option<HotSession> {
        let (row, key) = self.row(session)?;
        let (seat, words) = row.steadily(|| {
            let seat = row.seat_of(key)?;
            Some((seat, row.words(seat)?))
        })?;
        row.note_use(seat, IN_USE);
        HotSession::from_words(words)
    }

    fn has(&self, session: &SessionId) -> bool {
        self.row(session).is_some_and(|(row, key)| row.steadily(|| row.seat_of(key).is_some()))
    }

    fn settle(
        &self,
        session: &SessionId,
        decide: impl FnOnce(Option<&HotSession>) -> Option<HotSession>,
    ) -> Option<HotSession> {
        let (row, key) = self.row_for_newcomer(session)?;
        let mut lock = row.lock();
        if let Some((seat, here)) = row.session(key) {
            let Some(new) = decide(Some(&here)) else { return Some(here) };
            row.seat(&lock, seat, key.tag, &new.to_words());
            return Some(new);
        }
        let new = decide(None)?;
        let seat = row.seat_for_newcomer(&mut lock, key.home);
        let was_empty = row.tag_of(seat) == EMPTY;
        row.seat(&lock, seat, key.tag, &new.to_words());
        row.note_use(seat, ON_TRIAL);
        self.entries.fetch_add(u64::from(was_empty), Ordering::Relaxed);
        Some(new)
    }

    fn remove(&self, session: &SessionId) {
        let Some((row, key)) = self.row(session) else { return };
        let lock = row.lock();
        if let Some(seat) = row.seat_of(key) {
            row.seat(&lock, seat, EMPTY, &[0; WORDS]);
            self.entries.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn held(&self) -> Held {
        let entries = self.entries.load(Ordering::Relaxed);
        Held { entries, bytes: entries.saturating_mul(SEAT_BYTES) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::feed::Asked;
    use super::*;
    use crate::testing::world::{NOW, session_record};
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    const CAPACITY: u64 = 1024 * 1024;
    const SEATS_IN_ALL: u64 = CAPACITY / SEAT_BYTES;

    /// As random as a handle is (splitmix64), so that what is asserted of numbers hangs on no seed.
    fn id(n: u64) -> SessionId {
        let mixed = |salt: u64| {
            let z = n.wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        SessionId::from_bytes(((u128::from(mixed(1)) << 64) | u128::from(mixed(1 << 40))).to_be_bytes())
    }

    fn session(n: u64) -> HotSession {
        HotSession::new(id(n), session_record(), Asked { gap: 0, at: NOW })
    }

    fn put(rows: &Rows, n: u64) {
        assert_eq!(rows.settle(&id(n), |_| Some(session(n))), Some(session(n)));
    }

    fn left(rows: &Rows, those: std::ops::Range<u64>) -> u64 {
        those.map(|n| u64::from(rows.has(&id(n)))).sum()
    }

    #[test]
    fn the_newest_entry_is_always_let_in() {
        let rows = Rows::new(CAPACITY);
        for n in 0..100_000 {
            put(&rows, n);
            assert_eq!(rows.get(&id(n)), Some(session(n)), "after {n} others");
        }
    }

    #[test]
    fn what_was_used_twice_outlives_a_flood_of_what_was_used_once() {
        let (rows, regulars) = (Rows::new(CAPACITY), SEATS_IN_ALL / 2);
        (0..regulars).for_each(|n| put(&rows, n));
        (0..regulars).for_each(|n| _ = rows.get(&id(n)));
        assert!(left(&rows, 0..regulars) * 1_000 >= regulars * 995, "there is room");
        (regulars..100_000).for_each(|n| put(&rows, n));
        let stayed = left(&rows, 0..regulars);
        assert!(stayed * 100 >= regulars * 95, "{stayed} of {regulars}");
    }

    #[test]
    fn what_is_used_no_more_gives_way_to_what_is() {
        let (rows, old) = (Rows::new(CAPACITY), SEATS_IN_ALL / 2);
        let come = |n| {
            put(&rows, n);
            rows.get(&id(n)); // A page is more than one request.
        };
        (0..old).for_each(come);
        (old..3 * SEATS_IN_ALL).for_each(come);
        let (stayed, latest) = (left(&rows, 0..old), 3 * SEATS_IN_ALL - old..3 * SEATS_IN_ALL);
        assert!(stayed * 100 < old, "{stayed} of {old}");
        assert!(left(&rows, latest) * 100 > old * 90);
    }

    #[test]
    fn a_full_map_of_random_handles_loses_few_early() {
        // What chance leaves a row (Poisson): 999, 979, 940 and 901 of a thousand.
        for (part, least) in [(50, 998), (75, 975), (90, 935), (100, 895)] {
            let (rows, people) = (Rows::new(64 * CAPACITY), 64 * SEATS_IN_ALL * part / 100);
            (0..people).for_each(|n| put(&rows, n));
            let stayed = left(&rows, 0..people) * 1_000 / people;
            println!("{part} % taken: {stayed} of a thousand stay");
            assert!(stayed >= least, "{part} % taken: {stayed} of a thousand stay");
        }
    }

    #[test]
    fn the_capacity_is_held_and_nothing_is_taken_before_somebody_comes() {
        let rows = Rows::new(CAPACITY);
        assert_eq!(rows.chunks.iter().filter(|chunk| chunk.get().is_some()).count(), 0);
        assert!(rows.get(&id(1)).is_none() && !rows.has(&id(1)) && rows.touch(&id(1), NOW).is_none());
        rows.remove(&id(1));
        put(&rows, 1);
        assert_eq!(rows.chunks.iter().filter(|chunk| chunk.get().is_some()).count(), 1);
        (0..100_000).for_each(|n| put(&rows, n));
        let taken = rows.chunks.len() * rows.chunk_rows * size_of::<Row>();
        assert!(taken as u64 <= CAPACITY && taken as u64 > CAPACITY * 95 / 100, "{taken}");
        let held = rows.held();
        assert_eq!(held.entries, left(&rows, 0..100_000));
        assert!(held.bytes <= taken as u64 && held.entries > SEATS_IN_ALL * 9 / 10, "{held:?}");
        (0..100_000).for_each(|n| rows.remove(&id(n)));
        assert_eq!(rows.held(), Held { entries: 0, bytes: 0 });
    }

    #[test]
    fn any_capacity_is_used_and_held() {
        for rows_wanted in [1_u64, 30, 31, 32, 500, 126_976, 126_977, 200_000] {
            let capacity = rows_wanted * size_of::<Row>() as u64;
            let rows = Rows::new(capacity);
            let (chunks, of) = (rows.chunks.len() as u64, rows.chunk_rows as u64);
            assert!(chunks <= CHUNKS_MAX as u64 && chunks * of <= rows_wanted, "{rows_wanted}: {chunks} of {of}");
            assert!(chunks * of * 100 >= rows_wanted * 96, "{rows_wanted}: {chunks} of {of}");
        }
    }

    #[test]
    fn an_undecided_or_removed_key_is_left_without_an_entry() {
        let rows = Rows::new(CAPACITY);
        assert_eq!(rows.settle(&id(1), |_| None), None);
        put(&rows, 2);
        rows.remove(&id(2));
        assert_eq!((rows.get(&id(1)), rows.get(&id(2)), rows.held().entries), (None, None, 0));
    }

    #[test]
    fn two_writers_of_one_key_never_lose_an_update() {
        let rows = Rows::new(CAPACITY);
        let count = |n: u64| {
            rows.settle(&id(n), |here| {
                let mut new = here.copied().unwrap_or_else(|| session(n));
                new.asked.gap += 1;
                Some(new)
            })
        };
        std::thread::scope(|scope| {
            (0..4).for_each(|_| _ = scope.spawn(|| (0..10_000).for_each(|turn| _ = count(turn % 16))));
        });
        assert!((0..16).all(|n| rows.get(&id(n)).is_some_and(|here| here.asked.gap == 2_500)));
    }

    /// One row, so that all meet in it: readers find whole sessions and the right ones, or none.
    #[test]
    fn nobody_reads_half_of_one_session_and_half_of_another() {
        let (rows, done) = (Rows::new(size_of::<Row>() as u64), AtomicBool::new(false));
        let whole = |n: u64| {
            let mut session = session(n);
            session.record.account = crate::id::AccountId::from_bytes(*session.session.as_bytes());
            session.record.opened = Timestamp::from_millis(n);
            session.asked = Asked { gap: n, at: Timestamp::from_millis(n) };
            session
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        for n in 0..40 {
                            let found = rows.get(&id(n));
                            let found =
                                found.map(|here| (here.session, here.record.account, here.record.opened, here.asked));
                            let whole = whole(n);
                            let whole = (whole.session, whole.record.account, whole.record.opened, whole.asked);
                            assert!(found.is_none_or(|found| found == whole), "{n}");
                            rows.touch(&id(n), NOW);
                        }
                    }
                });
            }
            for turn in 0..200_000_u64 {
                let n = turn.wrapping_mul(7) % 40;
                rows.settle(&id(n), |_| Some(whole(n)));
                if turn % 5 == 0 {
                    rows.remove(&id(turn % 40));
                }
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_touch_is_of_the_session_and_of_no_other_in_its_seat() {
        let rows = Rows::new(CAPACITY);
        put(&rows, 1);
        let later = NOW.plus(Duration::from_secs(90));
        assert_eq!((rows.touch(&id(1), later), rows.touch(&id(1), later)), (Some(true), Some(false)));
        assert_eq!(rows.get(&id(1)).map(|here| here.seen()), Some(later));
        rows.remove(&id(1));
        assert_eq!(rows.touch(&id(1), later), None);
        put(&rows, 2);
        assert_eq!(rows.get(&id(2)).map(|here| here.seen()), Some(NOW));
    }
}
