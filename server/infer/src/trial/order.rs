//! Which of a vocabulary's formats the model was trained on: the one under which known middles are
//! likeliest. Names and tokens leave that open where two families share their tokens.

use std::sync::Arc;

use foretoken_engine::prompt::Format;
use foretoken_engine::prompt::dialect::{self, Order};

use super::{cheaper_first, last_row, text};
use crate::load::Model;
use crate::package::Package;
use crate::sample;
use crate::state::Unavailable;
use crate::tokenizer::{self, Speech, Tokens};

/// Tokens of a middle that are looked at.
const LOOKED_AT: usize = 12;
/// Nats per token by which an order that costs less per key may be worse. Start value.
const LOSS: f32 = 0.05;

/// How likely known middles are under one format.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The dialect's name.
    pub dialect: String,
    /// Its order.
    pub order: Order,
    /// Mean log-probability of a token of the middles, nats.
    pub logp: f32,
}

/// Scores of all candidates, the one to use first. None where there is nothing to choose.
pub(super) fn scores(
    model: &mut Model,
    package: &Package,
    candidates: &[Format],
) -> Result<Vec<Score>, Unavailable> {
    if candidates.len() < 2 {
        return Ok(Vec::new());
    }
    let own = Arc::clone(&model.tokens);
    let mut scores = Vec::new();
    for format in candidates {
        let inner = tokenizer::open(&package.tokenizer)?;
        let fim = &package.manifest.fim;
        let speech = Speech {
            format: format.clone(),
            eos: fim.eos.clone(),
            bos: fim.bos.clone(),
        };
        // A vocabulary may lack a token of one candidate.
        let Ok(tokens) = Tokens::new(inner, &speech) else {
            continue;
        };
        model.tokens = Arc::new(tokens);
        let logp = score(model, format);
        model.tokens = Arc::clone(&own);
        scores.push(Score {
            dialect: format.name.clone().into_owned(),
            order: format.order,
            logp: logp.map_err(super::broken)?,
        });
    }
    Ok(best_first(scores))
}

/// Of those that are nearly as likely as the likeliest the cheapest first, then the others by likelihood.
fn best_first(mut scores: Vec<Score>) -> Vec<Score> {
    scores.sort_by(|a, b| b.logp.total_cmp(&a.logp));
    let Some(likeliest) = scores.first().map(|score| score.logp) else {
        return scores;
    };
    let near = |score: &Score| score.logp >= likeliest - LOSS;
    let cheapest = (0..scores.len())
        .filter(|&at| near(&scores[at]))
        .min_by_key(|&at| cheaper_first(scores[at].order));
    if let Some(at) = cheapest {
        let best = scores.remove(at);
        scores.insert(0, best);
    }
    scores
}

/// Mean log-probability of a token of the known middles.
fn score(model: &mut Model, format: &Format) -> ort::Result<f32> {
    let (mut sum, mut count) = (0.0, 0_u16);
    for (prefix, middle, suffix) in text::PLACES {
        let tokens = Arc::clone(&model.tokens);
        let prompt = dialect::between(format, prefix, suffix);
        let mut ids: Vec<u32> = tokens.front(&prompt.sections).into_iter().collect();
        ids.extend(tokens.assemble(&prompt.sections));
        if ids.len() + LOOKED_AT >= model.info.max_positions {
            continue;
        }
        for next in tokens.encode(middle).into_iter().take(LOOKED_AT) {
            let row = last_row(model, &ids)?;
            sum += logp(&row, next);
            count += 1;
            ids.push(next);
        }
    }
    Ok(sum / f32::from(count.max(1)))
}

/// The log-probability of one id.
fn logp(row: &[f32], id: u32) -> f32 {
    match (sample::pick(row, None), row.get(id as usize)) {
        (Some((best, logp)), Some(logit)) => logp - (row[best as usize] - logit),
        _ => f32::NEG_INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use foretoken_engine::prompt::dialect::Order;

    use super::{Score, best_first};

    fn order(scores: &[(Order, f32)]) -> Order {
        let scores = scores.iter().map(|&(order, logp)| Score {
            dialect: "any".into(),
            order,
            logp,
        });
        best_first(scores.collect())[0].order
    }

    #[test]
    fn the_likeliest_wins_unless_a_cheaper_one_is_as_good() {
        use Order::{Psm, PsmHead, Spm};
        assert_eq!(order(&[(Spm, -2.0), (Psm, -1.0), (PsmHead, -1.5)]), Psm);
        assert_eq!(order(&[(Psm, -1.0), (PsmHead, -1.04)]), PsmHead);
        assert_eq!(order(&[(Psm, -1.0), (PsmHead, -1.06)]), Psm);
        assert_eq!(order(&[(Psm, -1.0), (PsmHead, -1.0), (Spm, -1.03)]), Spm);
        assert_eq!(order(&[(Psm, f32::NEG_INFINITY), (Spm, -9.0)]), Spm);
    }
}
