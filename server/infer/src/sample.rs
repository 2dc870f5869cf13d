//! From one row of logits to one token: greedy, optionally among an allowed few, with the logarithm
//! of its probability there. Ties go to the lowest id, so that equal bits give equal text.

/// The best token of a row and its log-probability (natural logarithm) among the allowed tokens.
/// `row` is `[vocabulary]`; `allowed` holds ids inside it. `None` when no allowed logit is a number.
pub(crate) fn pick(row: &[f32], allowed: Option<&[u32]>) -> Option<(u32, f32)> {
    match allowed {
        None => best(row),
        Some(ids) => {
            // Ascending, so that a tie is decided as in a whole row.
            let mut ids: Vec<u32> = ids.to_vec();
            ids.sort_unstable();
            ids.retain(|&id| (id as usize) < row.len());
            let few: Vec<f32> = ids.iter().map(|&id| row[id as usize]).collect();
            let (at, logp) = best(&few)?;
            Some((*ids.get(at as usize)?, logp))
        }
    }
}

/// The best `count` tokens, most probable first, as [`pick`] names the first.
pub(crate) fn top(row: &[f32], allowed: Option<&[u32]>, count: usize) -> Vec<(u32, f32)> {
    let Some((first, logp)) = pick(row, allowed) else {
        return Vec::new();
    };
    let highest = row[first as usize];
    let mut found = vec![(first, logp)];
    let ids = 0..u32::try_from(row.len()).unwrap_or(u32::MAX);
    while found.len() < count {
        let further = ids
            .clone()
            .filter(|id| allowed.is_none_or(|allowed| allowed.contains(id)))
            .filter(|id| found.iter().all(|(known, _)| known != id))
            .filter(|&id| row[id as usize].is_finite())
            .reduce(|a, b| {
                if row[b as usize] > row[a as usize] {
                    b
                } else {
                    a
                }
            });
        let Some(id) = further else { break };
        found.push((id, logp - (highest - row[id as usize])));
    }
    found
}

/// Values taken at once: as wide as registers are that every x86-64 and ARM64 has, four times over.
const LANES: usize = 16;

/// Maximum first, then the sum of exponentials below it, which cannot overflow. A row of 8,192 took 50
/// µs with the library's exponential and an iterator, an eighth of a whole step of the embedded model
/// (measured on two cores of an EPYC, November 2026); in lanes it takes 4.
fn best(row: &[f32]) -> Option<(u32, f32)> {
    let mut tops = [f32::NEG_INFINITY; LANES];
    let (lanes, rest) = row.as_chunks::<LANES>();
    for chunk in lanes {
        for (top, &logit) in tops.iter_mut().zip(chunk) {
            // Written so that a NaN, which compares with nothing, never wins.
            *top = if logit > *top { logit } else { *top };
        }
    }
    let highest = |top: f32, &logit: &f32| if logit > top { logit } else { top };
    let top = tops.iter().chain(rest).fold(f32::NEG_INFINITY, highest);
    if !top.is_finite() {
        return None;
    }
    let id = row.iter().position(|&logit| logit == top)?;
    let mut sums = [0.0_f32; LANES];
    for chunk in lanes {
        for (sum, &logit) in sums.iter_mut().zip(chunk) {
            *sum += exp(logit - top);
        }
    }
    let sum: f32 = sums.iter().sum::<f32>() + rest.iter().map(|&l| exp(l - top)).sum::<f32>();
    Some((u32::try_from(id).ok()?, -sum.ln()))
}

/// e^x for x at most 0, without a branch; 0 for what is no number or below every normal value. Splits x
/// into a whole and a broken power of two; the polynomial is the Taylor series of 2^f to the sixth power,
/// whose error on [-1/2, 1/2] is 2e-7.
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which is then in the low bits (1.5 · 2^23).
    const ROUND: f32 = 12_582_912.0;
    /// Below it e^x is no normal number.
    const LEAST: f32 = -87.0;
    let clamped = if x > LEAST { x } else { LEAST };
    let power = clamped * std::f32::consts::LOG2_E;
    let rounded = power + ROUND;
    let f = power - (rounded - ROUND);
    let series = 1.540_353e-4_f32;
    let series = series * f + 1.333_355_8e-3;
    let series = series * f + 9.618_129e-3;
    let series = series * f + 5.550_411e-2;
    let series = series * f + 2.402_265e-1;
    let series = series * f + std::f32::consts::LN_2;
    let series = series * f + 1.0;
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    let scaled = f32::from_bits(series.to_bits().wrapping_add(whole << 23));
    if x > LEAST { scaled } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{exp, pick, top};

    #[test]
    fn takes_the_largest_and_the_lowest_id_of_equals() {
        assert_eq!(pick(&[0.0, 2.0, 2.0, 1.0], None).map(|p| p.0), Some(1));
        assert_eq!(
            pick(&[0.0, 2.0, 2.0, 1.0], Some(&[3, 2])).map(|p| p.0),
            Some(2)
        );
        assert_eq!(pick(&[1.0, 1.0], Some(&[1, 0])).map(|p| p.0), Some(0));
        // In whichever lane it stands, and in the rest behind them.
        for at in 0..40 {
            let mut row = vec![-1.0; 40];
            row[at] = 3.0;
            assert_eq!(pick(&row, None).map(|p| p.0 as usize), Some(at));
        }
    }

    #[test]
    fn probability_is_among_the_allowed() {
        let (_, all) = pick(&[1.0, 1.0, 1.0, 1.0], None).expect("numbers");
        assert!((all - 0.25_f32.ln()).abs() < 1e-6);
        let (_, two) = pick(&[1.0, 1.0, 1.0, 1.0], Some(&[0, 3])).expect("numbers");
        assert!((two - 0.5_f32.ln()).abs() < 1e-6);
        let (_, sure) = pick(&[500.0, -500.0], None).expect("numbers");
        assert_eq!(sure, 0.0);
    }

    #[test]
    fn rows_without_a_number_give_nothing() {
        assert_eq!(pick(&[f32::NAN, f32::NAN], None), None);
        assert_eq!(pick(&[], None), None);
        assert_eq!(pick(&[1.0], Some(&[7])), None);
        assert_eq!(pick(&[f32::INFINITY, 1.0], None), None);
        let (id, logp) = pick(&[f32::NAN, 1.0], None).expect("a number");
        assert_eq!((id, logp), (1, 0.0));
    }

    #[test]
    fn the_exponential_is_the_library_s_but_for_rounding() {
        for step in 0..8_700_u16 {
            let x = -f32::from(step) / 100.0;
            let (ours, theirs) = (exp(x), x.exp());
            // The power of two is as exact as a number of its size can be.
            let digits = 1e-6 - x * f32::EPSILON;
            let near = (ours - theirs).abs() <= digits * theirs;
            assert!(near, "{x}: {ours} {theirs}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NAN), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1000.0), 0.0);
    }

    #[test]
    fn the_best_ones_in_order() {
        let row = [0.0, 3.0, 1.0, 2.0, f32::NAN];
        let ids = |found: Vec<(u32, f32)>| found.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(ids(top(&row, None, 3)), [1, 3, 2]);
        assert_eq!(ids(top(&row, None, 9)), [1, 3, 2, 0]);
        assert_eq!(ids(top(&row, Some(&[0, 2]), 3)), [2, 0]);
        let all = top(&row, None, 9);
        let sum: f32 = all.iter().map(|(_, logp)| logp.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{all:?}");
        assert!(top(&[f32::NAN], None, 3).is_empty());
    }
}
