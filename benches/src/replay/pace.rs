//! How fast the keys come. Only a real pace says what somebody at a keyboard sees; a quick one is for
//! many keys in little time, and leaves the server no pauses to work ahead in.

use std::time::Duration;

/// See the module's header.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// The gaps of a person around these medians in ms, trace by trace in turn, divided by `speed`.
    Real {
        /// Medians, ms.
        medians: Vec<f64>,
        /// 1 is a person.
        speed: f64,
    },
    /// The next key follows the answer at once, or comes when there is none after this time.
    Quick {
        /// Longest wait for an answer.
        within: Duration,
    },
}

impl Pace {
    /// The gap after a key of a person, ms, at this pace; `None` where the answer sets it.
    #[must_use]
    pub fn gap(&self, of_person: f64) -> Option<Duration> {
        match self {
            Pace::Real { speed, .. } => Some(Duration::from_secs_f64(of_person / speed / 1000.0)),
            Pace::Quick { .. } => None,
        }
    }

    /// The median of the trace with this number, ms.
    #[must_use]
    pub fn median(&self, number: usize) -> f64 {
        match self {
            Pace::Real { medians, .. } => medians[number % medians.len()],
            Pace::Quick { .. } => 130.0,
        }
    }

    /// What the report says.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Pace::Real { medians, speed } => {
                let medians: Vec<String> = medians.iter().map(f64::to_string).collect();
                let speed = match speed {
                    1.0 => String::new(),
                    speed => format!(", {speed} times as fast as a person"),
                };
                format!("real pace, median gaps {} ms{speed}", medians.join(" and "))
            }
            Pace::Quick { within } => format!(
                "QUICK pace: each key follows the answer to the one before at once, after {} ms at most; no gap of a person in which a server could work ahead",
                within.as_millis()
            ),
        }
    }
}
