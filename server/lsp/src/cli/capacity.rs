//! `foretoken capacity`: what remote answers for a whole company would need, as arithmetic on the numbers that are given. Nothing is
//! measured here and no price is known: what comes out is as good as what goes in, so all of it is printed.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::{Context, Failure, OK};

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Reckon load, streams and money of remote answers for a number of people.
///
/// The defaults are an example, not a forecast: give your own numbers. `foretoken stats` and `foretoken audit costs` have those of
/// one person.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// People.
    #[arg(long, default_value_t = 100_000)]
    users: u64,
    /// Questions of each a day.
    #[arg(long, default_value_t = 10.0)]
    calls: f64,
    /// Tokens that a question sends.
    #[arg(long, default_value_t = 1_000)]
    input: u64,
    /// Tokens that an answer has.
    #[arg(long, default_value_t = 1_000)]
    output: u64,
    /// The busiest second, as a multiple of the average one.
    #[arg(long, default_value_t = 3.0)]
    peak: f64,
    /// Dollars for a million tokens sent. Without it, the price that your settings give the first model with one.
    #[arg(long)]
    price_in: Option<f64>,
    /// Dollars for a million tokens answered.
    #[arg(long)]
    price_out: Option<f64>,
    /// Tokens a second of one answer.
    #[arg(long, default_value_t = 40.0)]
    tps: f64,
    /// Answers at once on one device, as you measured it; without it no devices are reckoned.
    #[arg(long)]
    streams_per_gpu: Option<f64>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What follows from the arguments.
#[derive(Debug, Clone, PartialEq)]
struct Load {
    calls_per_day: f64,
    calls_per_second: f64,
    peak_calls_per_second: f64,
    tokens_per_day: f64,
    tokens_per_second: f64,
    peak_tokens_per_second: f64,
    /// Until an answer has ended, seconds, of its tokens alone.
    answer_seconds: f64,
    /// Answers at once at the peak (Little's law: arrivals a second times the time of one).
    peak_streams: f64,
    devices: Option<f64>,
}

impl Load {
    fn of(arguments: &Arguments) -> Load {
        let calls_per_day = arguments.users as f64 * arguments.calls;
        let tokens_per_day = calls_per_day * (arguments.input + arguments.output) as f64;
        let calls_per_second = calls_per_day / DAY;
        let peak_calls_per_second = calls_per_second * arguments.peak;
        let answer_seconds = arguments.output as f64 / arguments.tps;
        let peak_streams = peak_calls_per_second * answer_seconds;
        Load {
            calls_per_day,
            calls_per_second,
            peak_calls_per_second,
            tokens_per_day,
            tokens_per_second: tokens_per_day / DAY,
            peak_tokens_per_second: tokens_per_day / DAY * arguments.peak,
            answer_seconds,
            peak_streams,
            devices: arguments
                .streams_per_gpu
                .map(|streams| (peak_streams / streams).ceil()),
        }
    }
}

/// Dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Money {
    input_per_day: f64,
    output_per_day: f64,
}

impl Money {
    fn of(arguments: &Arguments, (price_in, price_out): (f64, f64)) -> Money {
        let calls = arguments.users as f64 * arguments.calls;
        Money {
            input_per_day: calls * arguments.input as f64 * price_in / 1e6,
            output_per_day: calls * arguments.output as f64 * price_out / 1e6,
        }
    }

    fn per_day(&self) -> f64 {
        self.input_per_day + self.output_per_day
    }
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    check(arguments)?;
    let load = Load::of(arguments);
    let prices = prices(context, arguments);
    let money = prices
        .as_ref()
        .map(|(prices, _)| Money::of(arguments, *prices));
    if arguments.json {
        let answer = json!({
            "callsPerDay": load.calls_per_day,
            "callsPerSecond": load.calls_per_second,
            "peakCallsPerSecond": load.peak_calls_per_second,
            "tokensPerDay": load.tokens_per_day,
            "tokensPerSecond": load.tokens_per_second,
            "peakTokensPerSecond": load.peak_tokens_per_second,
            "answerSeconds": load.answer_seconds,
            "peakStreams": load.peak_streams,
            "devices": load.devices,
            "dollarsPerDay": money.map(|money| money.per_day()),
            "dollarsPer30Days": money.map(|money| money.per_day() * 30.0),
        });
        writeln!(out, "{answer}")?;
    } else {
        let priced = money.zip(prices.map(|(_, source)| source));
        out.write_all(text(arguments, &load, priced).as_bytes())?;
    }
    Ok(OK)
}

/// Numbers that make no sense are told by name.
fn check(arguments: &Arguments) -> Result<(), Failure> {
    let positive = [
        ("--calls", Some(arguments.calls)),
        ("--peak", Some(arguments.peak)),
        ("--tps", Some(arguments.tps)),
        ("--streams-per-gpu", arguments.streams_per_gpu),
    ];
    for (name, value) in positive {
        if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
            return Err(Failure(format!("{name} must be a number above 0.")));
        }
    }
    for (name, value) in [
        ("--price-in", arguments.price_in),
        ("--price-out", arguments.price_out),
    ] {
        if value.is_some_and(|value| !(value.is_finite() && value >= 0.0)) {
            return Err(Failure(format!("{name} must be 0 or more dollars.")));
        }
    }
    Ok(())
}

/// Dollars for a million tokens, sent and answered, and who says so.
fn prices(context: &Context, arguments: &Arguments) -> Option<((f64, f64), String)> {
    if let (Some(input), Some(output)) = (arguments.price_in, arguments.price_out) {
        return Some(((input, output), "as given".to_owned()));
    }
    let mut endpoints = context.settings.remote.endpoints.iter();
    let (name, price) = endpoints.find_map(|endpoint| {
        let mut models = endpoint.models.iter();
        models.find_map(|model| Some((format!("{}/{}", endpoint.name, model.name), model.price?)))
    })?;
    let dollars = |nano: u64| nano as f64 / 1e9;
    let prices = (
        arguments.price_in.unwrap_or(dollars(price.input.0)),
        arguments.price_out.unwrap_or(dollars(price.output.0)),
    );
    Some((prices, format!("of {name} in your settings")))
}

fn text(arguments: &Arguments, load: &Load, money: Option<(Money, String)>) -> String {
    let mut lines = vec![
        format!(
            "Taken: {} people × {} questions a day × ({} tokens in + {} out), peak {} ×, {} tokens/s an answer",
            whole(arguments.users as f64),
            arguments.calls,
            whole(arguments.input as f64),
            whole(arguments.output as f64),
            arguments.peak,
            arguments.tps
        ),
        format!("questions a day        {}", whole(load.calls_per_day)),
        format!(
            "questions a second     {:.1} on average, {:.1} at the peak",
            load.calls_per_second, load.peak_calls_per_second
        ),
        format!(
            "tokens a second        {} on average, {} at the peak ({} a day)",
            whole(load.tokens_per_second),
            whole(load.peak_tokens_per_second),
            whole(load.tokens_per_day)
        ),
        format!(
            "one answer             {:.1} s after its first token",
            load.answer_seconds
        ),
        format!("answers at once, peak  {}", whole(load.peak_streams)),
    ];
    lines.push(match load.devices {
        Some(devices) => format!("devices at the peak    {}", whole(devices)),
        None => "devices                not reckoned: give --streams-per-gpu as you measured it"
            .to_owned(),
    });
    match money {
        Some((money, source)) => lines.push(format!(
            "money                  ${} in + ${} out = ${} a day, ${} in 30 days, at prices {source}",
            whole(money.input_per_day),
            whole(money.output_per_day),
            whole(money.per_day()),
            whole(money.per_day() * 30.0)
        )),
        None => lines.push(
            "money                  not reckoned: give --price-in and --price-out, dollars for a million tokens".to_owned(),
        ),
    }
    lines.push(
        "A limit on the time to an answer must hold for its first text: all of it takes as long as its tokens do."
            .to_owned(),
    );
    lines.join("\n") + "\n"
}

/// Rounded, with a comma at each thousand.
fn whole(value: f64) -> String {
    super::number(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use expect_test::expect;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(line: &str) -> Arguments {
        let words = std::iter::once("capacity").chain(line.split_whitespace());
        Line::parse_from(words).arguments
    }

    fn reckoned(line: &str) -> String {
        let arguments = arguments(line);
        let money = arguments.price_in.zip(arguments.price_out);
        let money = money.map(|prices| (Money::of(&arguments, prices), "as given".to_owned()));
        text(&arguments, &Load::of(&arguments), money)
    }

    #[test]
    fn a_hundred_thousand_people() {
        expect![[r#"
            Taken: 100,000 people × 10 questions a day × (1,000 tokens in + 1,000 out), peak 3 ×, 40 tokens/s an answer
            questions a day        1,000,000
            questions a second     11.6 on average, 34.7 at the peak
            tokens a second        23,148 on average, 69,444 at the peak (2,000,000,000 a day)
            one answer             25.0 s after its first token
            answers at once, peak  868
            devices                not reckoned: give --streams-per-gpu as you measured it
            money                  $3,000 in + $10,000 out = $13,000 a day, $390,000 in 30 days, at prices as given
            A limit on the time to an answer must hold for its first text: all of it takes as long as its tokens do.
        "#]].assert_eq(&reckoned("--price-in 3 --price-out 10"));
    }

    #[test]
    fn quicker_answers_are_fewer_at_once() {
        let at = |tps: &str| {
            let load = Load::of(&arguments(&format!("--tps {tps} --streams-per-gpu 100")));
            (load.answer_seconds, load.peak_streams.round(), load.devices)
        };
        assert_eq!(at("40"), (25.0, 868.0, Some(9.0)));
        assert_eq!(at("150").1, 231.0);
        assert_eq!(at("300").1, 116.0);
    }

    #[test]
    fn what_is_not_known_is_not_reckoned() {
        let text = reckoned("--users 10");
        assert!(
            text.contains("money                  not reckoned"),
            "{text}"
        );
        assert!(
            text.contains("devices                not reckoned"),
            "{text}"
        );
    }

    #[test]
    fn numbers_without_sense_are_refused() {
        for line in ["--tps 0", "--peak NaN", "--calls -1", "--price-in -3"] {
            let line = line.replacen(' ', "=", 1);
            assert!(check(&arguments(&line)).is_err(), "{line}");
        }
    }
}
