//! Copies: what live values copy because frozen views of them are on their way, against the budget.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::error::SnapshotError;
use crate::producer::WhenSpent;
use crate::shared::Shared;
use crate::sync::{Condvar, Mutex};

/// The account of one frozen view: what its value copies, to write to, while the view is needed.
///
/// A value that [freezes](crate::Value::freeze) keeps a clone. Before it copies a chunk that the
/// view may still share, it [charges](Self::charge) the bytes; the view gives them
/// [back](Self::release) when it has been encoded past the chunk and nobody else needs that.
/// What was not given back is forgotten when the view has been encoded to its end.
///
/// ```
/// use std::sync::Arc;
///
/// /// A value that changes in place, and the accounts of the views that may share its bytes.
/// struct Counter { digits: Arc<Vec<u8>>, views: Vec<snapshot::Copies> }
///
/// impl Counter {
///     /// Before a change: what a view still needs is copied, and charged to each that may.
///     fn digits_mut(&mut self) -> &mut Vec<u8> {
///         if Arc::strong_count(&self.digits) > 1 {
///             let bytes = self.digits.len();
///             self.views.retain(|view| view.charge(bytes));
///         }
///         Arc::make_mut(&mut self.digits)
///     }
/// }
///
/// let mut counter = Counter { digits: Arc::new(vec![b'1']), views: Vec::new() };
/// let view = Arc::clone(&counter.digits);
/// counter.views.push(snapshot::Copies::uncounted());
/// counter.digits_mut().push(b'0');
/// assert_eq!((counter.digits.len(), view.len()), (2, 1));
/// assert!(counter.views.is_empty(), "nobody waits for the view");
/// ```
#[derive(Clone)]
pub struct Copies {
    // Weak: values may keep it for long after the snapshot. Nothing if nobody keeps the account.
    shared: Weak<Shared>,
    number: u64,
}

impl Copies {
    /// An account that nobody keeps: for views that no snapshot waits for.
    pub fn uncounted() -> Self {
        Self {
            shared: Weak::new(),
            number: 0,
        }
    }

    /// The value is about to copy `bytes`. Says whether the view is still on its way; if not,
    /// this account is of no use any more.
    ///
    /// When the snapshot's budget for copies is spent this waits until a view has been encoded a
    /// little further, or the snapshot fails, as [`Snapshot::when_spent`] says. It does not wait
    /// for views that have not come to the sink's channel yet.
    ///
    /// [`Snapshot::when_spent`]: crate::Snapshot::when_spent
    pub fn charge(&self, bytes: usize) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        let charge = shared.ledger().charge(self.number, bytes);
        if charge == Charge::Overspent {
            shared.fail(SnapshotError::BudgetSpent);
        }
        charge != Charge::Closed
    }

    /// The view has dropped, as its last owner, what `bytes` of were charged.
    pub fn release(&self, bytes: usize) {
        if let Some(shared) = self.shared.upgrade() {
            shared.ledger().release(self.number, bytes);
        }
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Copies").field(&self.number).finish()
    }
}

/// The account of a view that is on its way; closed when it is dropped with the view.
#[derive(Debug)]
pub(crate) struct Account(Copies);

impl Account {
    pub(crate) fn open(shared: &Arc<Shared>) -> Self {
        Self(Copies {
            number: shared.ledger().open(),
            shared: Arc::downgrade(shared),
        })
    }

    pub(crate) fn copies(&self) -> &Copies {
        &self.0
    }

    /// The view is about to go into the sink's channel, from where it will be encoded without
    /// further ado of its shard; so its shard may wait for that.
    pub(crate) fn sent(&self) {
        if let Some(shared) = self.0.shared.upgrade() {
            shared.ledger().sent(self.0.number);
        }
    }

    /// The view has come back: there was no room in the channel.
    pub(crate) fn back(&self) {
        if let Some(shared) = self.0.shared.upgrade() {
            shared.ledger().back(self.0.number);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(shared) = self.0.shared.upgrade() {
            shared.ledger().close(self.0.number);
        }
    }
}

/// The copied bytes of all views of one snapshot that are on their way.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    changed: Condvar,
    limit_bytes: usize,
    when_spent: WhenSpent,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<u64, Entry>,
    opened: u64,
    bytes: usize,
    // The part of `bytes` that waits for nothing but the sink.
    sent_bytes: usize,
    high_water_bytes: usize,
    total_bytes: u64,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Entry {
    bytes: usize,
    is_sent: bool,
}

/// What has become of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Counted,
    /// There was no room, and there must be no waiting.
    Overspent,
    /// The view is not on its way any more.
    Closed,
}

/// What live values have copied for a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) bytes: usize,
    pub(crate) high_water_bytes: usize,
    /// Ever.
    pub(crate) total_bytes: u64,
}

impl Ledger {
    pub(crate) fn new(limit_bytes: usize, when_spent: WhenSpent) -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            limit_bytes,
            when_spent,
        }
    }

    fn open(&self) -> u64 {
        let mut state = self.state.lock();
        state.opened += 1;
        let number = state.opened;
        state.entries.insert(number, Entry::default());
        number
    }

    fn charge(&self, number: u64, bytes: usize) -> Charge {
        let mut state = self.state.lock();
        loop {
            if state.is_over || !state.entries.contains_key(&number) {
                return Charge::Closed;
            }
            // Nobody would give back what no sink has yet: that may wait for this very thread.
            let fits = state.bytes.saturating_add(bytes) <= self.limit_bytes;
            if fits || state.sent_bytes == 0 {
                break;
            }
            match self.when_spent {
                WhenSpent::Wait => state = self.changed.wait_until(state, None),
                WhenSpent::Fail => return Charge::Overspent,
            }
        }
        state.add(number, bytes);
        Charge::Counted
    }

    fn release(&self, number: u64, bytes: usize) {
        self.state.lock().take(number, bytes);
        self.changed.notify_all();
    }

    fn sent(&self, number: u64) {
        self.state.lock().set_sent(number, true);
    }

    fn back(&self, number: u64) {
        self.state.lock().set_sent(number, false);
        self.changed.notify_all();
    }

    fn close(&self, number: u64) {
        let mut state = self.state.lock();
        state.take(number, usize::MAX);
        state.entries.remove(&number);
        drop(state);
        self.changed.notify_all();
    }

    /// Lets everyone go: nothing is counted any more.
    pub(crate) fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    pub(crate) fn copied(&self) -> Copied {
        let state = self.state.lock();
        Copied {
            bytes: state.bytes,
            high_water_bytes: state.high_water_bytes,
            total_bytes: state.total_bytes,
        }
    }
}

impl State {
    fn add(&mut self, number: u64, bytes: usize) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        entry.bytes += bytes;
        self.bytes += bytes;
        if entry.is_sent {
            self.sent_bytes += bytes;
        }
        self.total_bytes += bytes as u64;
        self.high_water_bytes = self.high_water_bytes.max(self.bytes);
    }

    fn take(&mut self, number: u64, bytes: usize) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        // Views of several snapshots may share a chunk that was charged to one of them.
        let bytes = bytes.min(entry.bytes);
        entry.bytes -= bytes;
        self.bytes -= bytes;
        if entry.is_sent {
            self.sent_bytes -= bytes;
        }
    }

    fn set_sent(&mut self, number: u64, is_sent: bool) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        match (entry.is_sent, is_sent) {
            (false, true) => self.sent_bytes += entry.bytes,
            (true, false) => self.sent_bytes -= entry.bytes,
            _ => {}
        }
        entry.is_sent = is_sent;
    }
}

#[cfg(all(test, not(feature = "sim")))]
mod tests {
    use std::time::Duration;

    use shard_runtime::spawn_named;

    use super::*;

    fn ledger(when_spent: WhenSpent) -> Arc<Ledger> {
        Arc::new(Ledger::new(100, when_spent))
    }

    #[test]
    fn charges_are_forgotten_with_the_view() {
        let ledger = ledger(WhenSpent::Wait);
        let view = ledger.open();
        assert_eq!(ledger.charge(view, 60), Charge::Counted);
        ledger.release(view, 20);
        assert_eq!(ledger.copied().bytes, 40);
        ledger.close(view);
        assert_eq!(ledger.charge(view, 60), Charge::Closed);
        let copied = ledger.copied();
        assert_eq!((copied.bytes, copied.high_water_bytes), (0, 60));
        assert_eq!(copied.total_bytes, 60);
    }

    #[test]
    fn no_more_is_given_back_than_was_charged() {
        let ledger = ledger(WhenSpent::Wait);
        let [one, other] = [ledger.open(), ledger.open()];
        ledger.charge(one, 10);
        ledger.charge(other, 10);
        ledger.release(one, 500);
        assert_eq!(ledger.copied().bytes, 10);
    }

    #[test]
    fn who_copies_too_much_waits_for_views_that_are_sent() {
        let ledger = ledger(WhenSpent::Wait);
        let view = ledger.open();
        // Nobody would ever give it back: the view waits for this very thread to send it.
        assert_eq!(ledger.charge(view, 300), Charge::Counted);
        ledger.sent(view);
        let waiting = spawn_named("writer", {
            let ledger = Arc::clone(&ledger);
            move || ledger.charge(view, 50)
        });
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(ledger.copied().bytes, 300, "it did not wait");
        ledger.release(view, 250);
        assert_eq!(waiting.join().unwrap(), Charge::Counted);
        assert_eq!(ledger.copied().bytes, 100);
    }

    #[test]
    fn end_and_return_of_the_view_let_go_of_who_waits() {
        for end in [Ledger::end as fn(&Ledger), |ledger| ledger.back(1)] {
            let ledger = ledger(WhenSpent::Wait);
            let view = ledger.open();
            ledger.sent(view);
            ledger.charge(view, 100);
            let waiting = spawn_named("writer", {
                let ledger = Arc::clone(&ledger);
                move || ledger.charge(view, 1)
            });
            std::thread::sleep(Duration::from_millis(20));
            end(&ledger);
            waiting.join().unwrap();
        }
    }

    #[test]
    fn who_must_not_wait_overspends() {
        let ledger = ledger(WhenSpent::Fail);
        let view = ledger.open();
        ledger.sent(view);
        assert_eq!(ledger.charge(view, 100), Charge::Counted);
        assert_eq!(ledger.charge(view, 1), Charge::Overspent);
    }
}
