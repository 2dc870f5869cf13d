//! Suggestions in a real Helix, in a terminal: its configuration is written by `foretoken setup`, keys are
//! pressed, the screen and the saved file are read. Needs Helix 25.07 and tmux; says `SKIP` without them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use foretoken_tests::editors::{self, Editor};
use foretoken_tests::process::{Home, binary};
use foretoken_tests::terminal::Terminal;

mod answers;

/// Ends where a call is begun that stands above it three times; characters of four bytes left of the cursor.
const CALLS: &str = "\
def report(rows):
    total = 0
    print_table_row(\"😀é\", rows[\"alpha\"], width=20)
    print_table_row(\"😀é\", rows[\"alpha\"], width=20)
    print_table_row(\"😀é\", rows[\"alpha\"], width=20)
    return total
";

/// The editor, or `None` after saying why not.
fn helix() -> Option<Editor> {
    let found = editors::helix().and_then(|helix| {
        let there = Terminal::available();
        there
            .then_some(helix)
            .ok_or("tmux is not on PATH".to_owned())
    });
    match found {
        Ok(helix) => {
            say(&format!("helix {}", helix.version));
            Some(helix)
        }
        Err(why) if editors::required("helix") => panic!("{why}"),
        Err(why) => {
            say(&format!("SKIP helix: {why}"));
            None
        }
    }
}

/// A home with the configuration that `foretoken setup helix --write` makes, and no other.
fn configured() -> Home {
    let home = Home::default();
    let output = home.run(&["setup", "helix", "--write"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    home
}

fn open(helix: &Editor, home: &Home, name: &str) -> (Terminal, PathBuf) {
    let file = home.write("project/calls.py", CALLS);
    let command = [helix.program.to_str().unwrap(), file.to_str().unwrap()];
    let folder = file.parent().unwrap();
    let terminal = Terminal::start(name, folder, &home.editor_environment(), &command);
    (terminal, file)
}

/// Types into a new line behind the third call until the menu shows our row first.
async fn offered(terminal: &Terminal) -> String {
    terminal.press(&["5gg", "o"]);
    terminal
        .until("insert mode", |screen| screen.contains(" INS "))
        .await;
    terminal.write("print_t");
    terminal
        .until("the menu holds our row", |screen| {
            screen
                .lines()
                .any(|line| line.contains("print_table_row(") && line.contains("snippet"))
        })
        .await
}

/// The text of a line of the file as the screen shows it, behind its number.
fn shown(screen: &str, number: usize) -> Option<&str> {
    let mark = format!("{number:>5}  ");
    screen.lines().find_map(|line| line.strip_prefix(&mark))
}

/// Leaves insert mode, saves, and reads a line of the file.
async fn saved(terminal: &Terminal, file: &Path, expected: &str) {
    // In normal mode an Escape would become one with the key that follows it.
    if terminal.screen().contains(" INS ") {
        terminal.press(&["Escape"]);
    }
    terminal
        .until("normal mode", |screen| screen.contains(" NOR "))
        .await;
    terminal.write(":w");
    terminal.press(&["Enter"]);
    let line = || {
        std::fs::read_to_string(file)
            .unwrap()
            .lines()
            .nth(5)
            .map(str::to_owned)
    };
    terminal
        .until(&format!("the file holds {expected:?}"), |_| {
            line().as_deref() == Some(expected)
        })
        .await;
}

#[tokio::test]
async fn a_suggestion_in_a_real_helix() {
    let Some(helix) = helix() else { return };
    let home = configured();
    let (terminal, file) = open(&helix, &home, "typing");
    terminal
        .until("the file is shown", |screen| {
            screen.contains("return total")
        })
        .await;

    // The first row is ours, Tab previews it, Enter keeps it; undo takes it back in one step.
    let screen = offered(&terminal).await;
    let first = screen
        .lines()
        .find(|line| line.contains(" snippet") || line.contains(" word"));
    assert!(
        first.is_some_and(|line| line.contains("snippet")),
        "{screen}"
    );
    terminal.press(&["Tab"]);
    // A slow machine cuts a text short; exactly what is previewed is kept.
    let screen = terminal
        .until("the preview", |screen| {
            shown(screen, 6).is_some_and(|line| line.starts_with("    print_table_row("))
        })
        .await;
    let call = shown(&screen, 6)
        .unwrap()
        .split(" snippet")
        .next()
        .unwrap()
        .trim_end()
        .to_owned();
    terminal.picture("helix/menu", "Helix with a suggestion in its menu", &[]);
    terminal.press(&["Enter"]);
    saved(&terminal, &file, &call).await;
    terminal.press(&["u"]);
    saved(&terminal, &file, "    print_t").await;
    terminal.press(&["u"]);

    // Escape leaves what was typed.
    offered(&terminal).await;
    saved(&terminal, &file, "    print_t").await;
    terminal.press(&["u"]);

    // Killed, the server costs nothing but its suggestions; a command brings it back.
    let pid = server(&home).expect("a server runs");
    end(pid);
    terminal
        .until("the server is gone", |_| server(&home).is_none())
        .await;
    terminal.write(":lsp-restart");
    terminal.press(&["Enter"]);
    terminal
        .until("another server runs", |_| {
            server(&home).is_some_and(|other| other != pid)
        })
        .await;
    offered(&terminal).await;
    saved(&terminal, &file, "    print_t").await;

    // It ends with its editor.
    terminal.write(":q!");
    terminal.press(&["Enter"]);
    terminal
        .until("no server outlives the editor", |_| server(&home).is_none())
        .await;
}

/// Helix accepts our file for every language of it, and has the servers by itself that ours are appended to.
#[test]
fn helix_takes_every_language_of_the_file() {
    let Some(helix) = helix() else { return };
    let (ours, none) = (configured(), Home::default());
    let file = std::fs::read_to_string(ours.path().join(".config/helix/languages.toml")).unwrap();
    let names: Vec<&str> = file
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    assert!(names.len() >= 10, "{file}");
    for name in names {
        let mut expected = servers(&helix, &none, name);
        assert!(!expected.is_empty(), "{name}");
        expected.push("foretoken".to_owned());
        assert_eq!(servers(&helix, &ours, name), expected, "{name}");
    }
}

/// The servers of a language by Helix's own word: lines such as `  ✘ ruff: 'ruff' not found in $PATH`.
fn servers(helix: &Editor, home: &Home, language: &str) -> Vec<String> {
    let mut command = editors::program(&helix.program);
    command
        .args(["--health", language])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME");
    let output = command.output().expect("a Helix that was found starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let plain: String = text
        .split('\u{1b}')
        .enumerate()
        .map(|(at, part)| {
            if at == 0 {
                part
            } else {
                part.split_once('m').map_or("", |(_, rest)| rest)
            }
        })
        .collect();
    let lines = plain
        .lines()
        .skip_while(|line| !line.starts_with("Configured language servers"))
        .skip(1);
    lines
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| {
            Some(
                line.trim()
                    .trim_start_matches(['✓', '✘'])
                    .split_once(':')?
                    .0
                    .trim()
                    .to_owned(),
            )
        })
        .collect()
}

/// The process of our program whose home this is.
fn server(home: &Home) -> Option<u32> {
    let wanted = format!("HOME={}", home.path().display());
    let pids = std::fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid: &u32| {
            let program = std::fs::read_link(format!("/proc/{pid}/exe"));
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            program.is_ok_and(|path| path == binary())
                && environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == wanted.as_bytes())
        })
}

/// Ends a process without a word to it.
fn end(pid: u32) {
    let status = editors::program("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

/// Written past the capture of the test harness, so that a skipped editor is seen.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
