//! What a user sees: Neovim in a terminal, with the package that `foretoken setup` writes. The driver reads the
//! editor's own account of its screen; here the screen itself is read, and pictures of it are made.

use foretoken_tests::faultd::{self, Faultd};
use foretoken_tests::process::Home;
use foretoken_tests::terminal::Terminal;

use super::{neovim, say};

/// Columns that line numbers take.
const NUMBERS: usize = 4;

/// Ends where a call is begun that stands above it three times.
const CALLS: &str = "\
def report(rows):
    total = 0
    print_table_row(\"alpha\", rows[\"alpha\"], width=20)
    print_table_row(\"alpha\", rows[\"alpha\"], width=20)
    print_table_row(\"alpha\", rows[\"alpha\"], width=20)

    return total
";

const EXPLAINED: [&str; 3] = [
    "`report` prints the same row three times [S2].\n\n",
    "Nothing is ever added to `total`, so it returns 0 [S2].\n\n",
    "- The width is 20 in each call.\n- `rows` is only read.\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ghost_text_and_an_answer_on_the_screen() {
    let Some(neovim) = neovim() else { return };
    if !Terminal::available() {
        return say("SKIP the screen of Neovim: tmux is not on PATH");
    }
    let provider = Faultd::start(vec![faultd::streamed(&faultd::openai(&EXPLAINED))]).await;
    let home = Home::default();
    assert!(home.run(&["setup", "neovim", "--write"]).status.success());
    let file = home.write("project/calls.py", CALLS);
    home.write("project/.git/HEAD", "ref: refs/heads/main\n");
    home.allow(&provider.url(), file.parent().unwrap());
    home.write(
        ".config/nvim/init.lua",
        "vim.o.number = true\nvim.o.swapfile = false\nvim.g.loaded_python3_provider = 0\n\
         vim.o.statusline = '%f %m %= %{v:lua.require(\"foretoken\").statusline()} '\n",
    );
    let terminal = Terminal::start(
        "neovim",
        file.parent().unwrap(),
        &home.editor_environment(),
        &[neovim.program.to_str().unwrap(), "-i", "NONE", "calls.py"],
    );
    let masks = [(home.path().to_str().unwrap(), "~")];
    terminal
        .until("the server is ready", |screen| {
            let bar = screen.lines().find(|line| line.starts_with("calls.py"));
            bar.is_some_and(|bar| bar.trim_end().ends_with(" Foretoken"))
        })
        .await;

    terminal.press(&["5gg", "A", "Enter"]);
    terminal.write("print_t");
    // How far the text goes is the model's and the machine's business; exactly what is drawn is inserted.
    let sixth = |screen: &str| {
        let line = screen.lines().find_map(|line| line.strip_prefix("  6 "));
        line.unwrap_or_default().trim_end().to_owned()
    };
    let screen = terminal
        .until("ghost text", |screen| {
            sixth(screen).len() > "    print_t".len()
        })
        .await;
    let drawn = sixth(&screen);
    terminal.picture("neovim/ghost", "Neovim with ghost text", &masks);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), CALLS);
    terminal.press(&["C-f"]);
    // Neovim takes the text once the key is handled, and not any more where another has left insert mode by then.
    terminal
        .until("the cursor behind the taken text", |screen| {
            let taken = sixth(screen).chars().count();
            taken > "    print_t".len()
                && terminal
                    .cursor()
                    .is_some_and(|(column, _)| column == NUMBERS + taken)
        })
        .await;
    terminal.press(&["Escape"]);
    terminal.write(":write");
    terminal.press(&["Enter"]);
    terminal
        .until("the accepted line is on disk", |_| {
            let text = std::fs::read_to_string(&file).unwrap();
            text.lines()
                .nth(5)
                .is_some_and(|line| line.starts_with("    print_table"))
        })
        .await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().nth(5), Some(drawn.as_str()));

    terminal.write(":Foretoken explain");
    terminal.press(&["Enter"]);
    terminal
        .until("the answer with its sources", |screen| {
            screen.contains("prints the same row") && screen.contains("Sources")
        })
        .await;
    terminal.picture(
        "neovim/answer",
        "Neovim with an answer beside the code",
        &masks,
    );
    terminal.write(":quitall!");
    terminal.press(&["Enter"]);
}
