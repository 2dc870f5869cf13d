//! `faultd play FILE [PORT]`: answers that a test of another language wrote down, and what was asked for them.
//! The file holds a list of answers, each a list of steps: `{"text": …}` writes a piece as OpenAI's servers do,
//! `{"pauseMs": …}` waits, `{"hold": true}` says no more until the client hangs up; an answer that does not hold
//! ends properly. Each request becomes a line of JSON on stdout, and so does a client that hangs up in its middle.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use foretoken_tests::faultd::{Faultd, OPENAI_END, Script, Step, openai_text, stream_head};
use serde_json::{Value, json};

/// Between two looks at what was asked.
const LOOK: Duration = Duration::from_millis(20);

/// The answers of a file.
///
/// # Errors
/// It cannot be read, or holds something else.
pub(crate) fn read(path: &str) -> Result<Vec<Script>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let answers: Vec<Vec<Value>> =
        serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    answers.iter().map(|steps| script(steps)).collect()
}

fn script(steps: &[Value]) -> Result<Script, String> {
    let mut script = vec![stream_head()];
    for step in steps {
        script.push(match step {
            step if step["text"].is_string() => {
                let text = step["text"].as_str().unwrap_or_default();
                Step::Send(openai_text(text).into_bytes())
            }
            step if step["pauseMs"].is_u64() => {
                Step::Pause(Duration::from_millis(step["pauseMs"].as_u64().unwrap_or(0)))
            }
            step if step["hold"] == true => Step::Hold,
            other => return Err(format!("{other} is no step")),
        });
    }
    script.push(Step::Send(OPENAI_END.as_bytes().to_vec()));
    script.push(Step::Close);
    Ok(script)
}

/// Tells what is asked, until nobody reads it any more.
pub(crate) async fn tell(server: &Faultd) {
    let (mut asked, mut left) = (0, Vec::new());
    loop {
        let requests = server.requests();
        for (number, seen) in requests.iter().enumerate() {
            let line = if number >= asked {
                asked = number + 1;
                json!({"request": number, "authorization": seen.header("authorization"), "body": seen.body})
            } else if seen.hung_up.is_some() && !left.contains(&number) {
                left.push(number);
                json!({"hungUp": number})
            } else {
                continue;
            };
            let mut out = std::io::stdout().lock();
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns when whoever started this program has gone.
pub(crate) async fn end_of_input() {
    let read = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(read).await;
}
