//! What the producer is doing, and what its errors mean then.

use std::time::Duration;

use crate::kafka::client::TRANSACTION_TIMEOUT;
use crate::runtime::log::Error;

/// A transaction that is open for so long may have been ended by the coordinator. Less than its timeout, since it is the coordinator's clock that
/// counts.
const OVERDUE: Duration = TRANSACTION_TIMEOUT.saturating_sub(Duration::from_secs(1));
/// How long a spent producer is left alone. Another process may have taken its name after all: a static member hears that by its
/// heartbeat, every 3 s by default, and the stage ends. Taking the name back before would fence that process.
const REST: Duration = Duration::from_secs(5);

/// What the producer is doing. Times are those of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No transaction is open.
    Idle,
    /// A transaction was begun.
    Open { since: Duration },
    /// Its transaction was ended by the coordinator, and it can do nothing any more.
    Spent { since: Duration },
    /// It is new, and asks the coordinator to take over from a spent one.
    Starting,
}

impl State {
    /// What an error means now: to a transaction that was open for too long the coordinator says the same whether it ended it by its timeout or
    /// a newer producer took over.
    pub(super) fn judge(self, error: Error, now: Duration) -> Error {
        match (self, error) {
            (Self::Open { since }, Error::Fenced { action, detail })
                if now.saturating_sub(since) >= OVERDUE =>
            {
                Error::Abortable { action, detail }
            }
            (_, error) => error,
        }
    }

    /// Whether a producer that was spent at `since` has been left alone for long enough.
    pub(super) fn has_rested(since: Duration, now: Duration) -> bool {
        now.saturating_sub(since) >= REST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Duration = Duration::from_secs(100);

    fn fenced() -> Error {
        Error::Fenced { action: "commit transaction", detail: "_FENCED".into() }
    }

    fn judged(state: State, after_secs: u64, error: Error) -> &'static str {
        state.judge(error, SINCE + Duration::from_secs(after_secs)).kind()
    }

    #[test]
    fn a_transaction_that_is_open_for_too_long_was_ended_rather_than_fenced() {
        let open = State::Open { since: SINCE };
        assert_eq!(judged(open, 0, fenced()), "fenced");
        assert_eq!(judged(open, 8, fenced()), "fenced");
        assert_eq!(judged(open, 9, fenced()), "abortable");
        assert_eq!(judged(open, 3600, fenced()), "abortable");
    }

    #[test]
    fn without_an_open_transaction_nothing_can_have_ended_it() {
        for state in [State::Idle, State::Spent { since: SINCE }, State::Starting] {
            assert_eq!(judged(state, 3600, fenced()), "fenced", "{state:?}");
        }
    }

    #[test]
    fn being_overdue_excuses_nothing_else() {
        let fatal = Error::Fatal { action: "produce", detail: "denied".into() };
        assert_eq!(judged(State::Open { since: SINCE }, 3600, fatal), "fatal");
    }

    #[test]
    fn a_spent_producer_rests_for_longer_than_a_heartbeat() {
        assert!(!State::has_rested(SINCE, SINCE + Duration::from_secs(3)));
        assert!(State::has_rested(SINCE, SINCE + Duration::from_secs(5)));
    }
}
