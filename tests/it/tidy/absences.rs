//! What is not there. An absence cannot be seen in code, so each one is a test.

use foretoken_tests::process::root;

use super::source::{self, Source};

/// Words that must not stand in the plain code below a folder, except in some of its files.
struct Absence {
    below: &'static str,
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence {
        below: "server/engine/src",
        except: &[],
        words: &[
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "std::thread",
            "std::io",
            "Instant",
            "SystemTime",
            "tokio",
            "async fn",
            "static mut",
            "OnceLock",
            "LazyLock",
            "thread_local",
            "Mutex",
            "tower_lsp",
            "ort::",
            "tracing",
            "println",
        ],
        why: "the engine has no async, I/O, threads, clock, randomness, environment, global state, LSP types or model",
    },
    Absence {
        below: "grammars/src",
        except: &[],
        words: &[
            "std::fs",
            "std::env",
            "Instant",
            "SystemTime",
            "tokio",
            "async fn",
            "static mut",
            "tracing",
            "println",
        ],
        why: "the grammars are data",
    },
    Absence {
        below: "server/infer/src",
        except: &[],
        words: &["tower_lsp", "Document", "Position", "ropey"],
        why: "infer knows no document and no LSP",
    },
    Absence {
        below: "server/infer/src",
        except: &[],
        words: &["TensorRef"],
        why: "a borrowed tensor may outlive what it points at; inputs are owned",
    },
    // The shell's own files speak the protocol's types; what decides and what computes does not.
    Absence {
        below: "server/lsp/src",
        except: &[
            "backend.rs",
            "capabilities.rs",
            "edge.rs",
            "flight.rs",
            "handlers/",
            "main_loop.rs",
            "outbox.rs",
            "outbox/asks.rs",
            "proto.rs",
            "proto/",
            "serve.rs",
            "session.rs",
        ],
        words: &["tower_lsp"],
        why: "LSP types stop at the shell's edge and the values that it answers with",
    },
    Absence {
        below: "server/lsp/src/pipeline",
        except: &[],
        words: &["crate::proto", "tower_lsp", "serde_json"],
        why: "pipelines know no protocol",
    },
    Absence {
        below: "server",
        except: &[
            "lsp/src/proto.rs",
            "lsp/src/proto/",
            "lsp/src/config.rs",
            "lsp/src/config/",
            "lsp/src/cli/",
            "lsp/src/edge.rs",
            "lsp/src/frames.rs",
            "lsp/src/backend.rs",
            "lsp/src/outbox.rs",
            "lsp/src/main_loop.rs",
            "lsp/src/session.rs",
            "lsp/src/client.rs",
            "lsp/src/handlers/",
            "remote/src/wire/",
            "remote/tests/",
            // What other people's models say of themselves.
            "infer/src/package/config.rs",
            "infer/src/tokenizer/patterns.rs",
        ],
        words: &["serde_json::Value", "LspAny", "LSPAny"],
        why: "untyped JSON stops at the wire, the settings, the files of foreign models and the command line",
    },
    Absence {
        below: "server/lsp/src",
        except: &["pipeline/cache.rs"],
        words: &["dashmap", "DashMap"],
        why: "the cache is the one concurrent map",
    },
    Absence {
        below: "server",
        // What is listened to is a page on loopback, in a process that the user starts for it.
        except: &[
            "remote/src/egress.rs",
            "remote/src/egress/get.rs",
            "remote/src/egress/post.rs",
            "remote/tests/",
            "lsp/src/metrics/listen.rs",
        ],
        words: &[
            "TcpListener",
            "TcpStream",
            "UdpSocket",
            "UnixStream",
            "UnixListener",
            "reqwest",
            "hyper::",
        ],
        why: "one file opens sockets",
    },
    Absence {
        below: "server/lsp/src",
        except: &["cli/", "cli.rs", "main.rs"],
        words: &[
            "println!",
            "print!",
            "eprintln!",
            "std::io::stdout",
            "io::stdout",
        ],
        why: "in LSP mode stdout carries the protocol and nothing else",
    },
    Absence {
        below: "",
        except: &["server/infer/src/", "tests/it/tidy/"],
        words: &["unsafe "],
        why: "unsafe exists in infer only",
    },
    Absence {
        below: "",
        except: &["tests/it/tidy/"],
        words: &[
            "#[allow(",
            "#![allow(",
            "#[ignore",
            "#[should_panic",
            "todo!(",
            "unimplemented!(",
        ],
        why: "write #[expect(.., reason)]; tests run; nothing is left to do",
    },
];

#[test]
fn what_is_absent_stays_absent() {
    let sources = source::all();
    let mut found = Vec::new();
    for absence in ABSENCES {
        let below: Vec<&Source> = sources
            .iter()
            .filter(|s| s.path.starts_with(absence.below))
            .collect();
        assert!(
            !below.is_empty(),
            "no file below {:?}: a rule that judges nothing",
            absence.below
        );
        for source in below {
            // A test may use what the code that it tests may not.
            if !absence.below.is_empty() && source.path.ends_with("/tests.rs") {
                continue;
            }
            if absence.except.iter().any(|e| {
                source.path[absence.below.len()..]
                    .trim_start_matches('/')
                    .starts_with(e)
            }) {
                continue;
            }
            let code = source.plain_code();
            for (number, line) in code.lines().enumerate() {
                for word in absence.words.iter().filter(|w| whole_word(line, w)) {
                    found.push(format!(
                        "{}:{}: {word}: {}",
                        source.path,
                        number + 1,
                        absence.why
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// `word` stands in `line`, not as a part of a longer name.
fn whole_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts = !word.starts_with(part_of_name) || !before.is_some_and(part_of_name);
        let ends = !word.ends_with(part_of_name) || !after.is_some_and(part_of_name);
        starts && ends
    })
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut found = Vec::new();
    for source in source::all() {
        for block in source.nodes(&["unsafe_block"]) {
            let line = block.start_position().row;
            let above: Vec<&str> = source
                .text
                .lines()
                .skip(line.saturating_sub(6))
                .take(line.min(6) + 1)
                .collect();
            if !above.iter().any(|l| l.contains("SAFETY:")) {
                found.push(format!("{}:{}", source.path, line + 1));
            }
        }
    }
    assert!(
        found.is_empty(),
        "unsafe without a SAFETY comment: {found:?}"
    );
}

/// No file names the host of a package registry: a name and a version are enough, and mirrors exist.
#[test]
fn no_registry_host_is_named() {
    let hosts = [
        ["crates", "io"],
        ["pypi", "org"],
        ["npmjs", "com"],
        ["npmjs", "org"],
        ["pythonhosted", "org"],
    ]
    .map(|p| p.join("."));
    let mut found = Vec::new();
    walk(root(), &mut |path, text| {
        // The lock file is Cargo's.
        if path.ends_with("Cargo.lock") {
            return;
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(host) = hosts.iter().find(|h| line.contains(h.as_str())) {
                found.push(format!("{}:{}: {host}", path.display(), number + 1));
            }
        }
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// No file holds what our own detector takes for a secret: tests draw theirs at run time.
#[test]
fn no_secret_stands_in_the_repository() {
    use foretoken_engine::redact::{Redactor, Scope};
    let mut redactor = Redactor::new().unwrap();
    let mut found = Vec::new();
    walk(root(), &mut |path, text| {
        for finding in redactor.scan(text, Scope::Secrets).unwrap() {
            let line = text[..finding.span.start].lines().count();
            found.push(format!(
                "{}:{line}: {} {}",
                path.display(),
                finding.secret.code(),
                &text[finding.span]
            ));
        }
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Every text file that is ours, of a size that a person may have written.
fn walk(folder: &std::path::Path, see: &mut dyn FnMut(&std::path::Path, &str)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "node_modules", ".venv", "__pycache__"].contains(&name.as_str())
            {
                walk(&path, see);
            }
        } else if entry.metadata().is_ok_and(|m| m.len() < 2_000_000)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            see(&path, &text);
        }
    }
}
