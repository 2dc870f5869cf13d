//! What the router made of the recorded questions: who answered how many at what cost, beside what each of the
//! user's models alone would have cost for the same tokens. Shares are read from here and never configured.
//!
//! A *policy of one model* is priced row by row with that model's own price, so each row is rounded as a
//! request of its own would have been. How long its answers had been instead, nobody knows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use foretoken_engine::route::{NanoUsd, Price};
use foretoken_remote::endpoint::Endpoint;
use foretoken_remote::ledger::Paid;
use serde_json::{Value, json};

/// See the module's header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Routes {
    /// Rows that are compared.
    answers: u64,
    /// Rows of which the provider told no tokens, or whose model had no price; they are in no sum.
    left_out: u64,
    /// Nano-USD, of the rows that are compared.
    cost: u64,
    /// By model, the most asked first.
    split: Vec<Share>,
    /// By the user's models, the cheapest first.
    alone: Vec<Alone>,
}

#[derive(Debug, Clone, PartialEq)]
struct Share {
    /// `endpoint/model`.
    model: String,
    answers: u64,
    cost: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Alone {
    model: String,
    cost: u64,
}

/// Compares the rows with every model that has a price.
pub(super) fn of<'a>(rows: &[Paid], endpoints: impl Iterator<Item = &'a Endpoint>) -> Routes {
    let prices: Vec<(String, Price)> = endpoints
        .flat_map(|endpoint| {
            endpoint.models.iter().filter_map(|model| {
                Some((format!("{}/{}", endpoint.name, model.name), model.price?))
            })
        })
        .collect();
    // A row that cost nothing was of a model without a price: it would be set against what is not known.
    let counted = |row: &&Paid| row.input.is_some() && row.output.is_some() && row.cost > 0;
    let compared: Vec<&Paid> = rows.iter().filter(counted).collect();
    let mut split: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for row in &compared {
        let share = split.entry(row.model.as_str()).or_default();
        share.0 += 1;
        share.1 += row.cost;
    }
    let mut split: Vec<Share> = split
        .into_iter()
        .map(|(model, (answers, cost))| Share {
            model: model.to_owned(),
            answers,
            cost,
        })
        .collect();
    split.sort_by_key(|share| std::cmp::Reverse(share.answers));
    let alone = prices.into_iter().map(|(model, price)| {
        let tokens = |count: Option<u64>| count.unwrap_or(0);
        let cost = compared
            .iter()
            .map(|row| {
                price
                    .of(tokens(row.input), tokens(row.cached), tokens(row.output))
                    .0
            })
            .sum();
        Alone { model, cost }
    });
    let mut alone: Vec<Alone> = alone.collect();
    alone.sort_by_key(|model| model.cost);
    Routes {
        answers: compared.len() as u64,
        left_out: (rows.len() - compared.len()) as u64,
        cost: compared.iter().map(|row| row.cost).sum(),
        split,
        alone,
    }
}

impl Routes {
    pub(super) fn is_empty(&self) -> bool {
        self.answers == 0
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{} answers, {}", self.answers, NanoUsd(self.cost));
        if self.left_out > 0 {
            let _ = write!(
                text,
                "; {} without tokens or price are left out",
                self.left_out
            );
        }
        text.push('\n');
        for share in &self.split {
            let percent = 100.0 * share.answers as f64 / self.answers as f64;
            let (model, answers, cost) = (&share.model, share.answers, NanoUsd(share.cost));
            let _ = writeln!(text, "  {model:<30} {answers:>6} {percent:>5.1} %  {cost}");
        }
        if !self.alone.is_empty() {
            text.push_str("had one model answered all of them, with as many tokens:\n");
        }
        for alone in &self.alone {
            let times = alone.cost as f64 / self.cost.max(1) as f64;
            let (model, cost) = (&alone.model, NanoUsd(alone.cost));
            let _ = writeln!(text, "  {model:<30} {times:>12.2} x  {cost}");
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let split = self.split.iter().map(|share| {
            json!({"model": share.model, "answers": share.answers, "costNanoUsd": share.cost})
        });
        let alone = self
            .alone
            .iter()
            .map(|alone| json!({"model": alone.model, "costNanoUsd": alone.cost}));
        json!({
            "answers": self.answers,
            "leftOut": self.left_out,
            "costNanoUsd": self.cost,
            "split": split.collect::<Vec<_>>(),
            "oneModel": alone.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn row(model: &str, tokens: (u64, u64, u64), cost: u64) -> Paid {
        let (input, cached, output) = tokens;
        Paid {
            model: model.to_owned(),
            input: Some(input),
            cached: Some(cached),
            output: Some(output),
            cost,
        }
    }

    fn check(rows: &[Paid], expected: Expect) {
        let endpoint: Endpoint = toml::from_str(
            "name = 'house'\nbaseUrl = 'https://house.example/v1'\n\
             models = [\
             { name = 'small', price = { input = 0.15, cached = 0.075, output = 0.6 } },\
             { name = 'large', price = { input = 2.5, output = 10.0 } },\
             { name = 'unpriced' }]",
        )
        .unwrap();
        let routes = of(rows, [endpoint].iter());
        expected.assert_eq(&routes.to_text());
        let json = routes.to_json();
        assert_eq!(json["costNanoUsd"], routes.cost);
        assert_eq!(
            routes.split.iter().map(|s| s.cost).sum::<u64>(),
            routes.cost
        );
    }

    #[test]
    fn the_realised_split_beside_each_model_alone_to_the_nano_dollar() {
        // 1,000 + 100 tokens of the small model: 150,000 + 60,000 nano-USD; with 400 cached: 90,000 + 30,000
        // + 60,000. One token read and one written: 150 + 600.
        let rows = [
            row("house/small", (1_000, 0, 100), 210_000),
            row("house/small", (1_000, 400, 100), 180_000),
            row("house/small", (1, 0, 1), 750),
            row("house/large", (2_000, 0, 500), 10_000_000),
        ];
        check(
            &rows,
            expect![[r#"
                4 answers, $0.01039075
                  house/small                         3  75.0 %  $0.00039075
                  house/large                         1  25.0 %  $0.01
                had one model answered all of them, with as many tokens:
                  house/small                            0.10 x  $0.00099075
                  house/large                            1.64 x  $0.0170125
            "#]],
        );
    }

    #[test]
    fn what_cannot_be_compared_is_left_out_and_counted() {
        let silent = Paid {
            input: None,
            ..row("house/small", (0, 0, 10), 6_000)
        };
        let rows = [
            silent,
            row("house/unpriced", (10, 0, 20), 0),
            row("house/small", (10, 0, 20), 13_500),
        ];
        check(
            &rows,
            expect![[r#"
                1 answers, $0.0000135; 2 without tokens or price are left out
                  house/small                         1 100.0 %  $0.0000135
                had one model answered all of them, with as many tokens:
                  house/small                            1.00 x  $0.0000135
                  house/large                           16.67 x  $0.000225
            "#]],
        );
        assert!(of(&[], [].iter()).is_empty());
    }
}
