//! What dismissals do to the gate. A user who puts suggestions away sees fewer of them for a while: each dismissal raises
//! the probability that a text needs to be shown, an accept takes a part of that back, and time takes the rest.
//!
//! A *dismissal* is a key pressed to put ghost text away. Typing something else is none: the gate is fitted for how often
//! that happens, and would be counted twice.

use std::time::Duration;

/// What one dismissal adds to the probability that is needed. Start value.
const STEP: f32 = 0.05;
/// The most that dismissals add. Start value.
pub const MOST: f32 = 0.2;
/// What an accept leaves of it. Value of microsoft/vscode-copilot-chat (next-edit suggestions).
const ACCEPTED: f32 = 0.8;
/// So long after the last dismissal or accept nothing is left. Value of the same.
const FADES: Duration = Duration::from_secs(600);

/// How careful the gate is beyond what was fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Caution {
    raise: f32,
    since: Duration,
}

impl Caution {
    /// The user put a suggestion away. `at` counts from any fixed moment.
    pub fn dismissed(&mut self, at: Duration) {
        self.set((self.raise(at) + STEP).min(MOST), at);
    }

    /// The user accepted something.
    pub fn accepted(&mut self, at: Duration) {
        self.set(self.raise(at) * ACCEPTED, at);
    }

    /// What is added to the least probability at this moment, 0 to [`MOST`]. It fades evenly.
    pub fn raise(&self, at: Duration) -> f32 {
        let age = at.saturating_sub(self.since).as_secs_f32() / FADES.as_secs_f32();
        self.raise * (1.0 - age).max(0.0)
    }

    fn set(&mut self, raise: f32, at: Duration) {
        *self = Caution { raise, since: at };
    }
}

/// What no caution asks more than.
const CERTAIN: f32 = 0.95;

/// The least probability to show: the one that was fitted, with this raise. However often the user dismissed, a text that
/// is almost certain is still shown.
pub fn raised(show: f32, raise: f32) -> f32 {
    (show + raise).min(CERTAIN.max(show))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn close(one: f32, other: f32) -> bool {
        (one - other).abs() < 1e-4
    }

    #[test]
    fn dismissals_add_up_to_a_limit() {
        let mut caution = Caution::default();
        assert_eq!(raised(0.6, caution.raise(at(0))), 0.6);
        caution.dismissed(at(1));
        assert!(close(raised(0.6, caution.raise(at(1))), 0.65));
        for _ in 0..9 {
            caution.dismissed(at(1));
        }
        assert!(close(caution.raise(at(1)), MOST));
        assert!(close(raised(0.9, caution.raise(at(1))), CERTAIN));
        assert_eq!(raised(0.97, MOST), 0.97, "never below the fitted one");
    }

    #[test]
    fn accepts_and_time_take_it_back() {
        let mut caution = Caution::default();
        caution.dismissed(at(0));
        caution.dismissed(at(0));
        caution.accepted(at(0));
        assert!(close(caution.raise(at(0)), 0.08));
        assert!(close(caution.raise(at(300)), 0.04));
        assert_eq!(caution.raise(at(600)), 0.0);
        assert_eq!(caution.raise(at(6_000)), 0.0);
        caution.dismissed(at(300));
        assert!(close(caution.raise(at(300)), 0.09));
        let mut untouched = Caution::default();
        untouched.accepted(at(5));
        assert_eq!(untouched.raise(at(5)), 0.0);
    }
}
