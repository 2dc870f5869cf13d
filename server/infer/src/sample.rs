//! From one row of logits to one token: greedy, optionally among an allowed few, with the logarithm
//! of its probability there. Ties go to the lowest id, so that equal bits give equal text.

/// The best token of a row and its log-probability (natural logarithm) among the allowed tokens.
/// `row` is `[vocabulary]`; `allowed` holds ids inside it. `None` when no allowed logit is a number.
pub(crate) fn pick(row: &[f32], allowed: Option<&[u32]>) -> Option<(u32, f32)> {
    match allowed {
        None => best(row.iter().copied().enumerate()),
        Some(ids) => best(
            ids.iter()
                .filter_map(|&id| Some((id as usize, *row.get(id as usize)?))),
        ),
    }
}

/// Maximum first, then the sum of exponentials below it, which cannot overflow.
fn best(logits: impl Iterator<Item = (usize, f32)> + Clone) -> Option<(u32, f32)> {
    let (mut id, mut top) = (0, f32::NEG_INFINITY);
    for (at, logit) in logits.clone() {
        if logit > top || (logit == top && at < id) {
            (id, top) = (at, logit);
        }
    }
    if !top.is_finite() {
        return None;
    }
    let sum: f32 = logits
        .map(|(_, logit)| logit - top)
        .filter(|below| below.is_finite())
        .map(f32::exp)
        .sum();
    Some((u32::try_from(id).ok()?, -sum.ln()))
}

#[cfg(test)]
mod tests {
    use super::pick;

    #[test]
    fn takes_the_largest_and_the_lowest_id_of_equals() {
        assert_eq!(pick(&[0.0, 2.0, 2.0, 1.0], None).map(|p| p.0), Some(1));
        assert_eq!(
            pick(&[0.0, 2.0, 2.0, 1.0], Some(&[3, 2])).map(|p| p.0),
            Some(2)
        );
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
        assert_eq!(pick(&[f32::NAN, 1.0], None).map(|p| p.0), Some(1));
    }
}
