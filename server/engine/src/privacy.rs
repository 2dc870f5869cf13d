//! How far a text may travel. A prompt is as strict as its strictest section, and no rule ever loosens a level.
//!
//! Levels belong to texts, *reaches* belong to endpoints: where the one meets the other, [`Level::may_reach`] decides.
//! What nobody declared is taken as the worse of both: a text is [`Level::Local`], an endpoint is [`Reach::Public`].

/// How far a text may travel, from the loosest to the strictest; the order of the variants is the order of strictness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Level {
    /// To any endpoint with consent.
    Public,
    /// To endpoints that the user declared in-house or local.
    InHouse,
    /// To endpoints on this machine, the embedded model, the local index.
    #[default]
    Local,
    /// Nowhere: into no prompt, index, cache, log or export.
    Never,
}

/// Where an endpoint may be, as its owner declared it; never inferred from an address, because a proxy on this machine
/// usually forwards outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Reach {
    /// Anywhere: what nothing was declared about.
    #[default]
    Public,
    /// Within the user's organisation.
    InHouse,
    /// On this machine.
    Local,
}

impl Level {
    /// All levels, the loosest first.
    pub const ALL: [Level; 4] = [Level::Public, Level::InHouse, Level::Local, Level::Never];

    /// The name in settings, logs and audit rows.
    pub fn code(self) -> &'static str {
        match self {
            Level::Public => "public",
            Level::InHouse => "in-house",
            Level::Local => "local",
            Level::Never => "never",
        }
    }

    /// The level of this name. `None` for anything else: the caller reports it and keeps what it had.
    pub fn from_code(code: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.code() == code)
    }

    /// The stricter of both. The only way to combine levels, so that a further rule can tighten and nothing else.
    #[must_use]
    pub fn tightened(self, by: Level) -> Level {
        self.max(by)
    }

    /// The strictest of the levels; of none [`Level::Local`], since what nobody judged stays here.
    pub fn strictest(levels: impl IntoIterator<Item = Level>) -> Level {
        levels.into_iter().max().unwrap_or_default()
    }

    /// Whether a text of this level may go to an endpoint of that reach. Consent is asked for besides.
    pub fn may_reach(self, reach: Reach) -> bool {
        match self {
            Level::Public => true,
            Level::InHouse => reach != Reach::Public,
            Level::Local => reach == Reach::Local,
            Level::Never => false,
        }
    }
}

impl Reach {
    /// All reaches, the widest first.
    pub const ALL: [Reach; 3] = [Reach::Public, Reach::InHouse, Reach::Local];

    /// The name in settings and audit rows.
    pub fn code(self) -> &'static str {
        match self {
            Reach::Public => "public",
            Reach::InHouse => "in-house",
            Reach::Local => "local",
        }
    }

    /// The reach of this name.
    pub fn from_code(code: &str) -> Option<Reach> {
        Reach::ALL.into_iter().find(|reach| reach.code() == code)
    }
}

/// What was seen in a text that makes it stricter than its path says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ContentSignals {
    /// Secrets that were found.
    pub secrets: usize,
    /// A block with a private key among them.
    pub private_key: bool,
}

/// From so many secrets on, a text is a store of secrets and stays here even when all that were found are replaced.
pub const SECRETS_OF_A_STORE: usize = 8;

impl ContentSignals {
    /// The level after a look at the content: never looser than before.
    pub fn tighten(self, level: Level) -> Level {
        match self.private_key || self.secrets >= SECRETS_OF_A_STORE {
            true => level.tightened(Level::Local),
            false => level,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_level() -> impl Strategy<Value = Level> {
        prop::sample::select(Level::ALL.to_vec())
    }

    #[test]
    fn each_level_reaches_what_it_says() {
        let reaches = |level: Level| Reach::ALL.map(|reach| level.may_reach(reach));
        assert_eq!(reaches(Level::Public), [true, true, true]);
        assert_eq!(reaches(Level::InHouse), [false, true, true]);
        assert_eq!(reaches(Level::Local), [false, false, true]);
        assert_eq!(reaches(Level::Never), [false, false, false]);
    }

    #[test]
    fn what_nobody_declared_is_taken_as_the_worse() {
        assert_eq!(Level::default(), Level::Local);
        assert_eq!(Reach::default(), Reach::Public);
        assert!(!Level::default().may_reach(Reach::default()));
        assert_eq!(Level::strictest([]), Level::Local);
    }

    #[test]
    fn names_are_read_exactly() {
        for level in Level::ALL {
            assert_eq!(Level::from_code(level.code()), Some(level));
        }
        for reach in Reach::ALL {
            assert_eq!(Reach::from_code(reach.code()), Some(reach));
        }
        for typo in ["Public", "in_house", "", "never "] {
            assert_eq!(Level::from_code(typo), None);
        }
    }

    #[test]
    fn a_key_or_many_secrets_keep_a_text_here() {
        let signals = |secrets, private_key| ContentSignals {
            secrets,
            private_key,
        };
        assert_eq!(signals(7, false).tighten(Level::Public), Level::Public);
        assert_eq!(signals(8, false).tighten(Level::Public), Level::Local);
        assert_eq!(signals(1, true).tighten(Level::InHouse), Level::Local);
        assert_eq!(signals(0, false).tighten(Level::InHouse), Level::InHouse);
        assert_eq!(signals(9, true).tighten(Level::Never), Level::Never);
    }

    proptest! {
        /// The strictest reaches no more than any of its parts, in whatever order they come.
        #[test]
        fn combining_only_tightens(mut levels in prop::collection::vec(any_level(), 1..8)) {
            let all = Level::strictest(levels.clone());
            levels.reverse();
            prop_assert_eq!(Level::strictest(levels.clone()), all);
            for reach in Reach::ALL {
                prop_assert_eq!(all.may_reach(reach), levels.iter().all(|l| l.may_reach(reach)));
            }
            let folded = levels.iter().fold(Level::Public, |so_far, level| so_far.tightened(*level));
            prop_assert_eq!(folded, all);
        }

        #[test]
        fn content_never_loosens(level in any_level(), secrets in 0usize..20, private_key: bool) {
            let signals = ContentSignals { secrets, private_key };
            prop_assert!(signals.tighten(level) >= level);
        }
    }
}
