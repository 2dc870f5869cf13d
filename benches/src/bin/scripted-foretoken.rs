//! Our server with a scripted endpoint in place of its network: `scripted-foretoken --endpoint URL`,
//! language server on stdin and stdout. Everything between the wire and the network is the real
//! program; the network's tokens come over HTTP as a stream, and each is as certain as can be.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use foretoken::ServeOptions;
use foretoken_benches::peers::script::{MIDDLE, PREFIX, SUFFIX};
use foretoken_engine::prompt::{Control, Prompt, Section};
use foretoken_engine::suggestion::{Gate, Logistic};
use foretoken_infer::{Heard, Infer, ModelInfo, Script, package};
use serde_json::{Value, json};

/// How often a job looks whether it is still wanted; less than a step of the network takes.
const PATIENCE: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(sentence) => {
            // Nobody may be reading, which is no further mistake.
            let _ = writeln!(io::stderr(), "scripted-foretoken: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<u8, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [flag, url] = words.as_slice() else {
        return Err("call it with --endpoint URL".to_owned());
    };
    let address = url.strip_prefix("http://").filter(|_| flag == "--endpoint");
    let address = address.ok_or("call it with --endpoint http://HOST:PORT")?;
    let infer = Infer::scripted(script(address.to_owned()), info()?, Box::new(|_| {}));
    // As many threads as the program has.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .map_err(|error| format!("no threads: {error}"))?;
    let options = ServeOptions {
        model: Some(infer),
        ..ServeOptions::default()
    };
    let served = foretoken::serve(tokio::io::stdin(), tokio::io::stdout(), options);
    let exit = runtime.block_on(served);
    runtime.shutdown_background();
    Ok(exit.code())
}

/// The shipped model's facts, but for its gate: a script has no probabilities, so all of it may be shown.
fn info() -> Result<ModelInfo, String> {
    let manifest = package::embedded()
        .map_err(|error| error.to_string())?
        .manifest;
    let sure = Logistic {
        a: 6.0,
        b: 1.0,
        c: 0.0,
    };
    Ok(ModelInfo {
        name: "scripted".to_owned(),
        version: manifest.version,
        sha256: String::new(),
        dialect: manifest.fim.dialect,
        format: Default::default(),
        budget: manifest.budget,
        gate: Gate {
            line: sure,
            word: sure,
            show: manifest.gate.show,
        },
        max_positions: manifest.max_positions,
        pieces: true,
        exact_reuse: true,
        vocabulary: 0,
        slots: 0,
        kv_bytes: 0,
        device: Default::default(),
        fallback: None,
        library: PathBuf::new(),
        library_version: String::new(),
        load: Duration::ZERO,
    })
}

fn script(address: String) -> Script {
    Box::new(move |prompt, heard| {
        // An endpoint that is gone answers nothing, like a model that has nothing to say.
        let _ = ask(&address, prompt, heard);
    })
}

/// Asks for a stream and passes it on token by token; closes the connection when nobody wants more.
fn ask(address: &str, prompt: &Prompt, heard: Heard<'_>) -> io::Result<()> {
    let (prefix, suffix) = parts(prompt);
    let prompt = format!("{PREFIX}{prefix}{SUFFIX}{suffix}{MIDDLE}");
    let body = json!({"prompt": prompt, "stream": true}).to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /v1/completions HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if !heard(None) {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
        while let Some(end) = seen.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = seen.drain(..=end).collect();
            if let Some(token) = token(&line)
                && !heard(Some(&token))
            {
                return Ok(());
            }
        }
    }
}

/// The token of one line of a stream; headers, blank lines and the end of it hold none.
fn token(line: &[u8]) -> Option<String> {
    let data = line.strip_prefix(b"data: ")?;
    let event: Value = serde_json::from_slice(data).ok()?;
    Some(event["choices"][0]["text"].as_str()?.to_owned())
}

/// What stands before the cursor in a prompt, and what below its line.
fn parts(prompt: &Prompt) -> (String, String) {
    let (mut prefix, mut suffix) = (String::new(), String::new());
    let mut part = Control::Bos;
    for section in &prompt.sections {
        match (section, part) {
            (Section::Control(control), _) => part = *control,
            (Section::Text(text), Control::Suffix) => suffix.push_str(text),
            (Section::Text(text), Control::Prefix | Control::Cursor) => prefix.push_str(text),
            _ => {}
        }
    }
    (prefix, suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_taken_apart() {
        let text = |text: &str| Section::Text(text.to_owned());
        let prompt = Prompt {
            sections: vec![
                Section::Control(Control::Bos),
                Section::Control(Control::File),
                text("a.rs\n"),
                Section::Control(Control::Suffix),
                text("below\n"),
                Section::Control(Control::Prefix),
                text("above\n"),
                Section::Control(Control::Tail),
                text(");"),
                Section::Control(Control::Cursor),
                text("head("),
            ],
        };
        let seen = parts(&prompt);
        assert_eq!(seen, ("above\nhead(".to_owned(), "below\n".to_owned()));
    }

    #[test]
    fn tokens_are_found_in_a_stream() {
        let seen = |line: &str| token(line.as_bytes());
        let event = "data: {\"choices\":[{\"text\":\"ab\"}]}\n";
        assert_eq!(seen(event).as_deref(), Some("ab"));
        assert_eq!(seen("HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(seen("data: [DONE]\n"), None);
        assert_eq!(seen("\n"), None);
    }
}
