//! Values in, plans out.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::privacy::Reach;

fn signals() -> Signals {
    Signals {
        task: Task::Explain,
        class: Class::Deep,
        level: Level::Public,
        prompt_tokens: 1_000,
        output_cap: 600,
        target_lines: 20,
        nesting: 1,
        diagnostics: 0,
        trace: false,
        files: 1,
        deeper: false,
        rejected: false,
        needs: Features::default(),
        region: None,
        variant: None,
    }
}

fn offer(name: &str, tier: Tier, dollars_per_million: u64) -> Offer {
    let (endpoint, model) = name.split_once('/').unwrap();
    let price = NanoUsd(dollars_per_million * 1_000_000_000);
    Offer {
        endpoint: endpoint.to_owned(),
        model: model.to_owned(),
        reach: Reach::Public,
        consent: true,
        region: None,
        tasks: Vec::new(),
        window: 128_000,
        features: Features::default(),
        tier,
        price: Some(Price {
            input: price,
            cached_input: price,
            output: price,
        }),
        first_byte: None,
    }
}

fn policy() -> Policy {
    Policy {
        offers: vec![
            offer("cloud/large", Tier::Large, 10),
            offer("cloud/small", Tier::Small, 1),
            offer("other/small", Tier::Small, 2),
        ],
        local: Some(LocalModel { window: 4_096 }),
        ..Policy::default()
    }
}

fn name(to: &Destination) -> String {
    match to {
        Destination::Remote { endpoint, model } => format!("{endpoint}/{model}"),
        Destination::Local => "local".to_owned(),
        Destination::Digest => "digest".to_owned(),
    }
}

fn render(plan: &Plan) -> String {
    let mut text = format!(
        "{} {} points, {}",
        plan.class.code(),
        plan.complexity,
        plan.tier.code()
    );
    if let Some(budget) = plan.budget {
        write!(text, ", {budget:?}").unwrap();
    }
    text.push('\n');
    for candidate in &plan.candidates {
        let first = candidate
            .first_byte
            .map_or("patient".to_owned(), |d| format!("{d:?}"));
        let (to, reserved) = (name(&candidate.to), candidate.reserved);
        writeln!(text, "{to}: {first} of {:?}, {reserved}", candidate.total).unwrap();
    }
    for left in &plan.left_out {
        writeln!(text, "- {}: {}", name(&left.who), left.reason.code()).unwrap();
    }
    text
}

fn check(signals: &Signals, policy: &Policy, health: &Health, totals: &Totals, expected: Expect) {
    expected.assert_eq(&render(&route(signals, policy, health, totals)));
}

#[test]
fn the_tier_first_then_the_cost_then_local_then_the_digest() {
    check(
        &signals(),
        &policy(),
        &Health::default(),
        &Totals::default(),
        expect![[r#"
            deep 0 points, small
            cloud/small: 2s of 90s, $0.0016
            other/small: 2s of 90s, $0.0032
            cloud/large: 2s of 90s, $0.016
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
        "#]],
    );
    let hard = Signals {
        task: Task::Debug,
        trace: true,
        files: 3,
        diagnostics: 3,
        ..signals()
    };
    check(
        &hard,
        &policy(),
        &Health::default(),
        &Totals::default(),
        expect![[r#"
            deep 60 points, large
            cloud/large: 2s of 90s, $0.016
            cloud/small: 2s of 90s, $0.0016
            other/small: 2s of 90s, $0.0032
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
        "#]],
    );
}

#[test]
fn each_filter_says_why() {
    let mut policy = policy();
    let change = |name: &str, how: &dyn Fn(&mut Offer)| {
        let mut offer = offer(name, Tier::Small, 1);
        how(&mut offer);
        offer
    };
    policy.ceiling = Some(NanoUsd(2_000_000));
    policy.local = None;
    policy.offers = vec![
        change("a/fits", &|o| o.region = Some("eu".to_owned())),
        change("b/consent", &|o| o.consent = false),
        change("c/region", &|_| ()),
        change("d/role", &|o| o.tasks = vec![Task::Test]),
        change("e/window", &|o| o.window = 1_599),
        change("f/features", &|o| o.features.json = true),
        change("g/price", &|o| o.price = None),
        change("h/ceiling", &|o| {
            o.price = offer("x/y", Tier::Small, 2).price
        }),
        change("i/breaker", &|_| ()),
        change("j/parked", &|_| ()),
        change("k/key", &|_| ()),
        change("l/thinks", &|o| o.first_byte = Some(Duration::from_secs(9))),
        change("m/slow", &|_| ()),
    ];
    for offer in &mut policy.offers {
        if offer.endpoint != "c" {
            offer.region = Some("eu".to_owned());
        }
        if offer.endpoint != "f" {
            offer.features.tools = true;
        }
    }
    let mut health = Health::default();
    let well = OfferHealth::default();
    health.set(
        "i/breaker",
        OfferHealth {
            breaker_open: true,
            ..well
        },
    );
    health.set(
        "j/parked",
        OfferHealth {
            parked: Duration::from_secs(3),
            ..well
        },
    );
    health.set(
        "k/key",
        OfferHealth {
            paused: Some(Pause::Auth),
            ..well
        },
    );
    health.set(
        "m/slow",
        OfferHealth {
            first_byte_p95: Some(Duration::from_secs(1)),
            tokens_per_second: Some(10),
            ..well
        },
    );
    let signals = Signals {
        class: Class::Brief,
        region: Some("eu".to_owned()),
        needs: Features {
            tools: true,
            json: false,
        },
        ..signals()
    };
    check(
        &signals,
        &policy,
        &health,
        &Totals::default(),
        expect![[r#"
            brief 0 points, small
            a/fits: patient of 20s, $0.0016
            digest: patient of 0ns, $0.00
            - b/consent: consent
            - c/region: region
            - d/role: role
            - e/window: window
            - f/features: features
            - g/price: price
            - h/ceiling: ceiling
            - i/breaker: breaker
            - j/parked: parked
            - k/key: paused
            - l/thinks: first-byte
            - m/slow: slow
            - local: no-local-model
        "#]],
    );
}

#[test]
fn strict_code_goes_only_where_it_may_even_if_nothing_is_left() {
    let mut policy = policy();
    policy.offers[1].reach = Reach::InHouse;
    let signals = |level| Signals { level, ..signals() };
    let (health, totals) = (Health::default(), Totals::default());
    check(
        &signals(Level::InHouse),
        &policy,
        &health,
        &totals,
        expect![[r#"
            deep 0 points, small
            cloud/small: 2s of 90s, $0.0016
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
            - cloud/large: level
            - other/small: level
        "#]],
    );
    // The in-house endpoint is down: refused, not sent elsewhere.
    let mut down = Health::default();
    down.set(
        "cloud/small",
        OfferHealth {
            breaker_open: true,
            ..OfferHealth::default()
        },
    );
    check(
        &signals(Level::InHouse),
        &policy,
        &down,
        &totals,
        expect![[r#"
            deep 0 points, small
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
            - cloud/large: level
            - cloud/small: breaker
            - other/small: level
        "#]],
    );
    check(
        &signals(Level::Never),
        &policy,
        &health,
        &totals,
        expect![[r#"
            deep 0 points, small
            digest: patient of 0ns, $0.00
            - cloud/large: level
            - cloud/small: level
            - other/small: level
            - local: level
        "#]],
    );
}

#[test]
fn limits_of_money() {
    let mut policy = policy();
    policy.soft_day = Some(NanoUsd(1_000_000_000));
    policy.hard_day = Some(NanoUsd(2_000_000_000));
    let hard = Signals {
        deeper: true,
        task: Task::Debug,
        ..signals()
    };
    let spent = |day| Totals {
        day: NanoUsd(day),
        month: NanoUsd(day),
    };
    let health = Health::default();
    check(
        &hard,
        &policy,
        &health,
        &spent(999_999_999),
        expect![[r#"
        deep 60 points, large
        cloud/large: 2s of 90s, $0.016
        cloud/small: 2s of 90s, $0.0016
        other/small: 2s of 90s, $0.0032
        local: patient of 90s, $0.00
        digest: patient of 0ns, $0.00
    "#]],
    );
    check(
        &hard,
        &policy,
        &health,
        &spent(1_000_000_000),
        expect![[r#"
            deep 60 points, small, SoftDay
            cloud/small: 2s of 90s, $0.0016
            other/small: 2s of 90s, $0.0032
            cloud/large: 2s of 90s, $0.016
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
        "#]],
    );
    // Less is left than the large model could cost.
    check(
        &hard,
        &policy,
        &health,
        &spent(1_990_000_000),
        expect![[r#"
            deep 60 points, small, SoftDay
            cloud/small: 2s of 90s, $0.0016
            other/small: 2s of 90s, $0.0032
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
            - cloud/large: budget
        "#]],
    );
    check(
        &hard,
        &policy,
        &health,
        &spent(2_000_000_000),
        expect![[r#"
            deep 60 points, small, HardDay
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
            - cloud/large: budget
            - cloud/small: budget
            - other/small: budget
        "#]],
    );
}

#[test]
fn where_all_are_slow_the_fastest_is_asked() {
    let mut health = Health::default();
    for (name, rate) in [("cloud/large", 3), ("cloud/small", 2), ("other/small", 5)] {
        let slow = OfferHealth {
            first_byte_p95: Some(Duration::from_secs(1)),
            tokens_per_second: Some(rate),
            ..OfferHealth::default()
        };
        health.set(name, slow);
    }
    check(
        &signals(),
        &policy(),
        &health,
        &Totals::default(),
        expect![[r#"
            deep 0 points, small
            other/small: 2s of 90s, $0.0032
            local: patient of 90s, $0.00
            digest: patient of 0ns, $0.00
            - cloud/large: slow
            - cloud/small: slow
        "#]],
    );
}

#[test]
fn a_variant_reorders_what_is_left_and_admits_nothing() {
    let mut policy = policy();
    policy.offers[0].consent = false;
    let order = ["cloud/large", "other/small", "nobody/knows"].map(str::to_owned);
    policy.variants.insert("b".to_owned(), order.to_vec());
    let of = |variant: &str| Signals {
        variant: Some(variant.to_owned()),
        ..signals()
    };
    let (health, totals) = (Health::default(), Totals::default());
    check(
        &of("b"),
        &policy,
        &health,
        &totals,
        expect![[r#"
        deep 0 points, small
        other/small: 2s of 90s, $0.0032
        cloud/small: 2s of 90s, $0.0016
        local: patient of 90s, $0.00
        digest: patient of 0ns, $0.00
        - cloud/large: consent
    "#]],
    );
    assert_eq!(
        route(&of("unknown"), &policy, &health, &totals),
        route(&signals(), &policy, &health, &totals)
    );
}

#[test]
fn points_of_a_question() {
    let points = |signals: Signals| complexity(&signals, &Weights::default());
    assert_eq!(points(signals()), 0);
    let tokens = |prompt_tokens| Signals {
        prompt_tokens,
        ..signals()
    };
    assert_eq!(
        [2_000, 2_001, 5_000, 5_001].map(|n| points(tokens(n))),
        [0, 15, 15, 25]
    );
    let task = |task| points(Signals { task, ..signals() });
    assert_eq!(
        Task::ALL.map(task),
        [0, 20, 15, 0, 10, 0, 0],
        "documenting takes points off, never below none"
    );
    assert_eq!(
        [0, 29, 30, 59, 60].map(Tier::of),
        [
            Tier::Small,
            Tier::Small,
            Tier::Medium,
            Tier::Medium,
            Tier::Large
        ]
    );
}

#[test]
fn money_is_exact() {
    let price = Price {
        input: NanoUsd(150_000_000),
        cached_input: NanoUsd(75_000_000),
        output: NanoUsd(600_000_000),
    };
    assert_eq!(price.of(10, 0, 20), NanoUsd(13_500));
    assert_eq!(price.of(10, 4, 20), NanoUsd(13_200));
    assert_eq!(
        price.of(10, 99, 0),
        price.of(10, 10, 0),
        "no more cached than sent"
    );
    let tiny = Price {
        input: NanoUsd(1),
        ..Price::default()
    };
    assert_eq!(tiny.of(1, 0, 0), NanoUsd(1), "rounded up");
    assert_eq!(
        price.of(u64::MAX, 0, u64::MAX),
        NanoUsd(u64::MAX),
        "too much to express is the most"
    );
    let shown = |n| NanoUsd(n).to_string();
    assert_eq!(
        [0, 13_500, 1_500_000_000, 2_000_000_001].map(shown),
        ["$0.00", "$0.0000135", "$1.50", "$2.000000001"]
    );
}

prop_compose! {
    fn any_offer()(
        endpoint in "[a-c]", model in "[x-z]",
        reach in prop::sample::select(Reach::ALL.to_vec()),
        consent: bool,
        region in prop::option::of("[eu]"),
        window in 500usize..4_000,
        tier in prop::sample::select(Tier::ALL.to_vec()),
        price in prop::option::of(0u64..20),
        thinks in prop::option::of(0u64..3),
    ) -> Offer {
        let mut offer = offer(&format!("{endpoint}/{model}"), tier, price.unwrap_or(0));
        if price.is_none() {
            offer.price = None;
        }
        Offer { reach, consent, region, window, first_byte: thinks.map(Duration::from_secs), ..offer }
    }
}

prop_compose! {
    fn any_policy()(
        offers in prop::collection::vec(any_offer(), 0..8),
        local in prop::option::of(500usize..4_000),
        ceiling in prop::option::of(0u64..20_000_000),
        soft_day in prop::option::of(0u64..20_000_000),
        hard_day in prop::option::of(0u64..20_000_000),
        arm in prop::collection::vec("[a-d]/[x-z]", 0..4),
    ) -> Policy {
        let mut policy = Policy {
            offers,
            local: local.map(|window| LocalModel { window }),
            ceiling: ceiling.map(NanoUsd),
            soft_day: soft_day.map(NanoUsd),
            hard_day: hard_day.map(NanoUsd),
            ..Policy::default()
        };
        policy.variants.insert("arm".to_owned(), arm);
        policy
    }
}

prop_compose! {
    fn any_signals()(
        task in prop::sample::select(Task::ALL.to_vec()),
        class in prop::sample::select(vec![Class::Brief, Class::Deep, Class::Batch]),
        level in prop::sample::select(Level::ALL.to_vec()),
        prompt_tokens in 0usize..4_000,
        region in prop::option::of("[eu]"),
        deeper: bool,
        arm: bool,
    ) -> Signals {
        let variant = arm.then(|| "arm".to_owned());
        Signals { task, class, level, prompt_tokens, region, deeper, variant, ..signals() }
    }
}

prop_compose! {
    fn any_health()(states in prop::collection::vec(("[a-c]/[x-z]", any::<bool>(), 0u64..3, any::<bool>(), prop::option::of(1u32..100)), 0..9)) -> Health {
        let mut health = Health::default();
        for (name, breaker_open, parked, paused, rate) in states {
            health.set(name, OfferHealth {
                breaker_open,
                parked: Duration::from_secs(parked),
                paused: paused.then_some(Pause::Auth),
                first_byte_p95: Some(Duration::from_secs(2)),
                tokens_per_second: rate,
            });
        }
        health
    }
}

proptest! {
    /// Whatever is configured and whatever happened: nobody is asked who may not be, every offer has its place, the
    /// digest comes last, and exactly one model before it is patient.
    #[test]
    fn nobody_is_asked_who_may_not_be(signals in any_signals(), policy in any_policy(), health in any_health(), day in 0u64..30_000_000) {
        let totals = Totals { day: NanoUsd(day), month: NanoUsd(day) };
        let plan = route(&signals, &policy, &health, &totals);
        let (digest, models) = plan.candidates.split_last().unwrap();
        prop_assert_eq!(&digest.to, &Destination::Digest);
        prop_assert_eq!(digest.reserved, NanoUsd::ZERO);
        for candidate in models {
            let Destination::Remote { endpoint, model } = &candidate.to else { continue };
            let offers = policy.offers.iter().filter(|o| o.endpoint == *endpoint && o.model == *model);
            let admitted = offers.filter(|o| {
                o.consent
                    && signals.level.may_reach(o.reach)
                    && signals.region.as_ref().is_none_or(|r| o.region.as_ref() == Some(r))
                    && signals.prompt_tokens + signals.output_cap <= o.window
                    && (!policy.counts_money() || o.price.is_some())
                    && (signals.class != Class::Brief || o.first_byte <= Some(Duration::from_secs(1)))
            });
            prop_assert!(admitted.count() > 0, "{} was asked", name(&candidate.to));
            prop_assert!(policy.ceiling.is_none_or(|ceiling| candidate.reserved <= ceiling));
            prop_assert!(policy.hard_day.is_none_or(|hard| candidate.reserved.0 == 0 || day + candidate.reserved.0 <= hard.0));
            let state = health.of(&name(&candidate.to));
            prop_assert!(state.is_none_or(|s| !s.breaker_open && s.parked.is_zero() && s.paused.is_none()));
        }
        let patient = models.iter().filter(|c| c.first_byte.is_none()).count();
        prop_assert_eq!(patient, usize::from(!models.is_empty()));
        prop_assert!(models.last().is_none_or(|c| c.first_byte.is_none()));
        let local = models.iter().position(|c| c.to == Destination::Local);
        prop_assert!(local.is_none_or(|at| at + 1 == models.len()), "the local model comes behind the remote ones");
        prop_assert_eq!(models.len() + plan.left_out.len(), policy.offers.len() + 1);
        prop_assert_eq!(plan, route(&signals, &policy, &health, &totals));
    }

    /// Without a comparison the order is by tier, then by cost.
    #[test]
    fn the_order_is_by_tier_and_cost(signals in any_signals(), policy in any_policy()) {
        let signals = Signals { variant: None, ..signals };
        let plan = route(&signals, &policy, &Health::default(), &Totals::default());
        let mut keys = Vec::new();
        for candidate in &plan.candidates {
            let Destination::Remote { endpoint, model } = &candidate.to else { continue };
            let tiers: Vec<Tier> = policy.offers.iter()
                .filter(|o| o.endpoint == *endpoint && o.model == *model && reserve(o, &signals) == candidate.reserved)
                .map(|o| o.tier).collect();
            // Two offers of one name cannot be told apart here.
            if tiers.len() == 1 {
                keys.push((plan.tier.distance(tiers[0]), candidate.reserved));
            }
        }
        prop_assert!(keys.is_sorted(), "{keys:?}");
    }
}
