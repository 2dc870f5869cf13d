//! `faultd NAME [PORT]`: one fault of a provider, by hand. Without a name it lists them. `faultd play FILE [PORT]`
//! answers as the file says (see `played`).
//!
//! Point an endpoint at the address that it prints and ask something.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its user"
)]

use std::process::ExitCode;
use std::time::Duration;

use foretoken_tests::faultd::{
    Faultd, OPENAI_END, Script, Step, anthropic, json, openai, openai_text, stream_head, streamed,
    whole,
};

mod played;

/// Long enough to look at.
const MINUTE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    if name == "play" {
        let file = arguments.next().unwrap_or_default();
        return match played::read(&file) {
            Ok(scripts) => serve(arguments.next(), scripts, "as the file says", true),
            Err(why) => {
                eprintln!("faultd: {why}");
                ExitCode::from(2)
            }
        };
    }
    let all = catalogue();
    let Some((_, says, scripts)) = all.iter().find(|(n, ..)| *n == name) else {
        for (name, says, _) in &all {
            eprintln!("{name:12} {says}");
        }
        return ExitCode::from(2);
    };
    serve(arguments.next(), scripts.clone(), says, false)
}

/// Serves until it is ended; with `tells` it also says what it is asked.
fn serve(port: Option<String>, scripts: Vec<Script>, says: &str, tells: bool) -> ExitCode {
    let port = port.and_then(|p| p.parse().ok()).unwrap_or(0);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        let server = Faultd::start_on(port, scripts).await;
        println!("{} {says}", server.url());
        match tells {
            true => tokio::select! {
                () = played::tell(&server) => {}
                () = played::end_of_input() => {}
            },
            false => std::future::pending::<()>().await,
        }
    });
    // A thread may still wait for input.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

type Fault = (&'static str, &'static str, Vec<Script>);

fn catalogue() -> Vec<Fault> {
    let good = streamed(&openai(&["The loop ", "ends one ", "too early."]));
    let other = streamed(&anthropic(&["The loop ", "ends one too early."]));
    let flapping = vec![
        refusal(503, "overloaded_error"),
        vec![Step::Reset],
        good.clone(),
    ];
    let mut all = vec![
        ("good", "answers in OpenAI's dialect", vec![good]),
        ("anthropic", "answers in Anthropic's dialect", vec![other]),
        ("flapping", "fails twice, then answers", flapping),
    ];
    all.extend(
        streams()
            .map(|(name, says, steps)| (name, says, vec![[vec![stream_head()], steps].concat()])),
    );
    all.extend(answers().map(|(name, says, step)| (name, says, vec![vec![step]])));
    all
}

/// What can go wrong behind the head of a stream.
fn streams() -> impl Iterator<Item = (&'static str, &'static str, Script)> {
    let send = |text: &str| Step::Send(text.as_bytes().to_vec());
    let first = || text("The loop ");
    let tenth = Step::Pause(Duration::from_millis(100));
    let overloaded = format!("data: {}\n\n", error("overloaded_error"));
    [
        (
            "cut",
            "breaks off behind the first text",
            vec![first(), Step::Close],
        ),
        (
            "half",
            "breaks off inside an event",
            vec![first(), send("data: {\"cho"), Step::Close],
        ),
        (
            "reset",
            "resets the connection",
            vec![first(), tenth, Step::Reset],
        ),
        (
            "stall",
            "says no more behind the first text",
            vec![first(), Step::Hold],
        ),
        (
            "crumbs",
            "writes byte by byte",
            vec![
                Step::Bytewise(openai(&["Grüße ", "🌍"]).into_bytes()),
                Step::Close,
            ],
        ),
        (
            "line",
            "writes one line without an end",
            vec![send("data: "), Step::Forever(vec![b'x'; 1 << 16], MINUTE)],
        ),
        (
            "endless",
            "never stops",
            vec![Step::Forever(
                openai_text("and so on, ").into_bytes(),
                MINUTE,
            )],
        ),
        (
            "overloaded",
            "fails in mid-stream",
            vec![first(), send(&overloaded), Step::Close],
        ),
        (
            "unclean",
            "ends with [DONE] alone",
            vec![first(), send("data: [DONE]\n\n"), Step::Close],
        ),
        (
            "slow",
            "begins after 5 s",
            vec![
                Step::Pause(Duration::from_secs(5)),
                text("late"),
                send(OPENAI_END),
                Step::Close,
            ],
        ),
    ]
    .into_iter()
}

/// Answers that are no stream.
fn answers() -> impl Iterator<Item = (&'static str, &'static str, Step)> {
    let typed = |status, kind: &str| json(status, &error(kind));
    let packed = [
        ("content-type", "text/event-stream"),
        ("content-encoding", "gzip"),
    ];
    let limited = [("retry-after", "20"), ("content-type", "application/json")];
    let elsewhere = [("location", "http://127.0.0.1:9/elsewhere")];
    let html = [("content-type", "text/html")];
    [
        ("silent", "takes the request and says nothing", Step::Hold),
        (
            "page",
            "answers with a login page",
            whole(200, &html, "<html>Sign in</html>"),
        ),
        (
            "redirect",
            "sends the client elsewhere",
            whole(307, &elsewhere, ""),
        ),
        (
            "packed",
            "answers compressed",
            whole(200, &packed, "\u{1f}"),
        ),
        (
            "limited",
            "wants to be asked again in 20 s",
            whole(429, &limited, &error("rate_limit_error")),
        ),
        (
            "budget",
            "says that the budget is used up",
            typed(400, "budget_exceeded"),
        ),
        ("key", "refuses the key", typed(401, "auth_error")),
    ]
    .into_iter()
}

fn error(kind: &str) -> String {
    format!(r#"{{"error":{{"type":"{kind}","message":"as asked for"}}}}"#)
}

fn refusal(status: u16, kind: &str) -> Script {
    vec![json(status, &error(kind))]
}

fn text(text: &str) -> Step {
    Step::Send(openai_text(text).into_bytes())
}
