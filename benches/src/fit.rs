//! The constants of a gate, from texts with known outcome: logistic regression with two weights.
//!
//! P(right) = 1 / (1 + e^−(a + b · sum of log-probabilities + c · tokens)), fitted by Newton's method on
//! the log-likelihood with a small ridge, which keeps the weights finite where the classes separate.

use foretoken_engine::suggestion::Logistic;

/// One text that might have been shown.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Sum of the natural log-probabilities of its tokens.
    pub sum: f64,
    /// How many tokens.
    pub tokens: f64,
    /// It was right.
    pub right: bool,
}

/// Strength of the ridge, in examples: with hundreds of them it does not move the third digit.
const RIDGE: f64 = 1e-3;

/// The curve of these examples. With fewer than 20, or with one outcome only, there is nothing to fit.
#[must_use]
pub fn fit(examples: &[Example]) -> Option<Logistic> {
    let right = examples.iter().filter(|e| e.right).count();
    if examples.len() < 20 || right == 0 || right == examples.len() {
        return None;
    }
    let mut weights = [0.0f64; 3];
    for _ in 0..100 {
        let step = newton_step(examples, weights)?;
        // Halved until the likelihood rises: a full step may overshoot far from the optimum.
        let before = likelihood(examples, weights);
        let mut scale = 1.0;
        let next = loop {
            let next: [f64; 3] = std::array::from_fn(|i| weights[i] + scale * step[i]);
            if likelihood(examples, next) >= before || scale < 1e-6 {
                break next;
            }
            scale /= 2.0;
        };
        let moved = (0..3)
            .map(|i| (next[i] - weights[i]).abs())
            .fold(0.0, f64::max);
        weights = next;
        if moved < 1e-9 {
            break;
        }
    }
    let [a, b, c] = weights.map(|w| w as f32);
    Some(Logistic { a, b, c })
}

/// Probability that an example is right, by a curve.
#[must_use]
pub fn probability(example: &Example, curve: Logistic) -> f64 {
    let Logistic { a, b, c } = curve;
    estimated(example, [a, b, c].map(f64::from))
}

/// The constant that, added to the logit of every probability, makes as many right as were (some right,
/// some wrong; else 0), by bisection: the likelihood has its top there.
#[must_use]
pub fn offset(known: &[(f64, bool)]) -> f64 {
    let right = known.iter().filter(|(_, right)| *right).count();
    if right == 0 || right == known.len() {
        return 0.0;
    }
    let expected = |shift: f64| -> f64 {
        let moved = |p: f64| 1.0 / (1.0 + (1.0 / p.clamp(1e-9, 1.0 - 1e-9) - 1.0) * (-shift).exp());
        known.iter().map(|(p, _)| moved(*p)).sum()
    };
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if expected(middle) < right as f64 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

fn features(example: &Example) -> [f64; 3] {
    [1.0, example.sum, example.tokens]
}

fn estimated(example: &Example, weights: [f64; 3]) -> f64 {
    let x = features(example);
    let z: f64 = (0..3).map(|i| weights[i] * x[i]).sum();
    1.0 / (1.0 + (-z).exp())
}

fn likelihood(examples: &[Example], weights: [f64; 3]) -> f64 {
    let ridge: f64 = weights.iter().map(|w| w * w).sum::<f64>() * RIDGE / 2.0;
    let log = |e: &Example| {
        let p = estimated(e, weights).clamp(1e-12, 1.0 - 1e-12);
        if e.right { p.ln() } else { (1.0 - p).ln() }
    };
    examples.iter().map(log).sum::<f64>() - ridge
}

/// Gradient over Hessian, by elimination of a 3 × 3 system.
fn newton_step(examples: &[Example], weights: [f64; 3]) -> Option<[f64; 3]> {
    let mut system = [[0.0f64; 4]; 3];
    for i in 0..3 {
        system[i][i] = RIDGE;
        system[i][3] = -RIDGE * weights[i];
    }
    for example in examples {
        let (x, p) = (features(example), estimated(example, weights));
        for i in 0..3 {
            for j in 0..3 {
                system[i][j] += p * (1.0 - p) * x[i] * x[j];
            }
            system[i][3] += (f64::from(u8::from(example.right)) - p) * x[i];
        }
    }
    for pivot in 0..3 {
        let largest = (pivot..3)
            .max_by(|a, b| system[*a][pivot].abs().total_cmp(&system[*b][pivot].abs()))?;
        system.swap(pivot, largest);
        if system[pivot][pivot].abs() < 1e-12 {
            return None;
        }
        for row in 0..3 {
            if row != pivot {
                let factor = system[row][pivot] / system[pivot][pivot];
                let above = system[pivot];
                for (cell, above) in system[row].iter_mut().zip(above).skip(pivot) {
                    *cell -= factor * above;
                }
            }
        }
    }
    Some(std::array::from_fn(|i| system[i][3] / system[i][i]))
}

#[cfg(test)]
mod tests {
    use foretoken_tests::random::Random;

    use super::*;

    /// Outcomes drawn from a known curve give that curve back.
    #[test]
    fn a_known_curve_is_found_again() {
        let truth = [1.5, 0.8, -0.1];
        let mut random = Random::new(7);
        let examples: Vec<Example> = (0..20_000)
            .map(|_| {
                let mut e = Example {
                    sum: -8.0 * random.unit(),
                    tokens: (1 + random.below(24)) as f64,
                    right: false,
                };
                e.right = random.unit() < estimated(&e, truth);
                e
            })
            .collect();
        let found = fit(&examples).unwrap();
        for (found, truth) in [
            (found.a, truth[0]),
            (found.b, truth[1]),
            (found.c, truth[2]),
        ] {
            assert!(
                (f64::from(found) - truth).abs() < 0.1,
                "{found} for {truth}"
            );
        }
    }

    #[test]
    fn an_offset_makes_the_shares_agree() {
        let known = |right: usize| (0..100).map(|n| (0.5, n < right)).collect::<Vec<_>>();
        assert!(offset(&known(50)).abs() < 1e-6);
        // Logit of 0.75.
        assert!((offset(&known(75)) - 3.0f64.ln()).abs() < 1e-6);
        assert_eq!(offset(&known(0)), 0.0);
        assert_eq!(offset(&[]), 0.0);
    }

    #[test]
    fn nothing_is_fitted_to_one_outcome() {
        let example = Example {
            sum: -1.0,
            tokens: 3.0,
            right: true,
        };
        assert!(fit(&[example; 100]).is_none());
        assert!(fit(&[]).is_none());
    }
}
