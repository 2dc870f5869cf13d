//! A program in a terminal of its own, played by tmux: keys go in, the screen comes out. Nothing waits for a
//! time to pass; the screen is read until it shows what is expected, or the limit is up.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::editors::program;
use crate::picture;
use crate::process::root;

/// How long something may take to be seen. A busy machine is slow.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(40);

/// Columns and lines.
const SIZE: (usize, usize) = (100, 30);

/// One terminal of 100 columns and 30 lines. It ends with the value, and so does what runs in it.
#[derive(Debug)]
pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// Whether tmux is here.
    #[must_use]
    pub fn available() -> bool {
        let output = program("tmux").arg("-V").stdin(Stdio::null()).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// Starts a command in a folder, with nothing in the environment but these and PATH.
    ///
    /// # Panics
    /// When tmux does not start it.
    #[must_use]
    pub fn start(
        name: &str,
        folder: &Path,
        environment: &[(&str, String)],
        command: &[&str],
    ) -> Terminal {
        let terminal = Terminal {
            socket: format!("foretoken-{}-{name}", std::process::id()),
        };
        let mut tmux = terminal.tmux();
        let (columns, lines) = (SIZE.0.to_string(), SIZE.1.to_string());
        tmux.args(["-f", "/dev/null", "new-session", "-d"]);
        tmux.args(["-x", &columns, "-y", &lines]);
        tmux.arg("-c")
            .arg(folder)
            .args(["--", "env", "-i", "TERM=xterm-256color"])
            .arg("COLORTERM=truecolor");
        if let Some(path) = std::env::var_os("PATH")
            && !environment.iter().any(|(name, _)| *name == "PATH")
        {
            tmux.arg(format!("PATH={}", path.to_string_lossy()));
        }
        tmux.args(
            environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        let status = tmux.args(command).status().expect("tmux starts");
        assert!(status.success(), "tmux: {status}");
        terminal
    }

    fn tmux(&self) -> std::process::Command {
        let mut command = program("tmux");
        command.args(["-L", &self.socket]).stdin(Stdio::null());
        command
    }

    /// Presses keys by their names, such as `Escape` or `5gg`.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn press(&self, keys: &[&str]) {
        let status = self.tmux().arg("send-keys").args(keys).status();
        assert!(
            status.expect("tmux runs").success(),
            "{keys:?}: the terminal is gone"
        );
    }

    /// Types a text as it stands.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn write(&self, text: &str) {
        let status = self.tmux().args(["send-keys", "-l", "--", text]).status();
        assert!(
            status.expect("tmux runs").success(),
            "{text:?}: the terminal is gone"
        );
    }

    /// What stands on the screen; empty when the program has ended.
    #[must_use]
    pub fn screen(&self) -> String {
        self.read(&["capture-pane", "-p"])
    }

    /// Column and row of the cursor, from 0; `None` where none is drawn.
    #[must_use]
    pub fn cursor(&self) -> Option<(usize, usize)> {
        let place = self.read(&[
            "display-message",
            "-p",
            "#{cursor_x} #{cursor_y} #{cursor_flag}",
        ]);
        let place: Vec<usize> = place
            .split_whitespace()
            .filter_map(|n| n.parse().ok())
            .collect();
        match place[..] {
            [column, row, 1] => Some((column, row)),
            _ => None,
        }
    }

    fn read(&self, arguments: &[&str]) -> String {
        let output = self.tmux().args(arguments).output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    /// Makes the screen a picture of the documents, `editors/pictures/<name>.svg`, where `FORETOKEN_BLESS` is set.
    /// `masks` are texts that differ from run to run, each with what stands in its place.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn picture(&self, name: &str, title: &str, masks: &[(&str, &str)]) {
        if std::env::var_os("FORETOKEN_BLESS").is_none() {
            return;
        }
        let mut captured = self.read(&["capture-pane", "-e", "-N", "-p"]);
        for (text, mask) in masks {
            // As wide as before, so that what follows keeps its place.
            let width = text.chars().count();
            captured = captured.replace(text, &format!("{mask:width$}"));
        }
        let cursor = self.cursor();
        let path = root().join(format!("editors/pictures/{name}.svg"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        std::fs::write(&path, picture::svg(title, &captured, SIZE, cursor))
            .expect("a file can be written");
    }

    /// Waits until the screen is as expected, and returns it.
    ///
    /// # Panics
    /// When it is not within the limit; the message shows the screen.
    pub async fn until(&self, what: &str, expected: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if expected(&screen) {
                return screen;
            }
            assert!(
                begun.elapsed() < LIMIT,
                "not within {LIMIT:?}: {what}\n{screen}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self
            .tmux()
            .arg("kill-server")
            .stderr(Stdio::null())
            .status();
    }
}
