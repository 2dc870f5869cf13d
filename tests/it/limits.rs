//! The index where the machine gives no more: a disk that takes no more bytes, a folder without an end, a
//! memory with one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use foretoken_tests::process::{Home, program};

/// The program under limits of the system, which this shell sets before it becomes the program.
fn limited(home: &Home, limits: &str, arguments: &[&str]) -> (i32, String, String) {
    let inner = home.command(arguments);
    let mut command = program("sh");
    command
        .arg("-c")
        // Writing past the limit is to be an error, as on a full disk, and no signal.
        .arg(format!("trap '' XFSZ; {limits}; exec \"$0\" \"$@\""))
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(home.path())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().expect("no signal ended it"),
        text(&output.stdout),
        text(&output.stderr),
    )
}

const INDEX: [&str; 3] = ["index", "--dir", "project"];

fn found(home: &Home, word: &str) -> String {
    let output = home.run(&["search", "--dir", "project", word]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(unix)]
#[test]
fn a_full_disk_keeps_what_is_there_and_it_goes_on_when_there_is_room() {
    let home = Home::default();
    home.write("project/old.rs", "fn walrus() {}\n");
    assert_eq!(limited(&home, "true", &INDEX).0, 0);
    let source = |at: usize| -> String {
        let function =
            |part: usize| format!("fn narwhal_{at}_{part}() {{\n    swim({part});\n}}\n\n");
        (0..40).map(function).collect()
    };
    for at in 0..40 {
        home.write(&format!("project/new{at}.rs"), source(at));
    }
    for kilobytes in [0, 1, 4] {
        // Blocks of 512 bytes, as POSIX has it.
        let limits = format!("ulimit -f {}", 2 * kilobytes);
        let (code, _, err) = limited(&home, &limits, &INDEX);
        assert_eq!(code, 2, "{kilobytes} kB: {err}");
        assert!(err.contains("There is no index: "), "{err}");
        assert!(!err.contains("panicked"), "{err}");
        // Nothing is written here either, and it answers all the same: with what it has in memory.
        let search = ["search", "--dir", "project", "walrus"];
        let (code, out, err) = limited(&home, &limits, &search);
        assert_eq!(code, 0, "{kilobytes} kB: {err}");
        assert!(out.starts_with("old.rs:1"), "{out}");
    }
    let (code, out, err) = limited(&home, "true", &INDEX);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("41 files, "), "{out}");
    assert!(found(&home, "walrus").starts_with("old.rs:1"));
    assert!(found(&home, "narwhal_7_3").starts_with("new7.rs:"));
}

/// `RUN_SLOW_TESTS=1` makes it a million files in one folder.
#[cfg(unix)]
#[test]
fn a_folder_without_an_end_is_given_up_in_bounded_time_and_memory() {
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let home = Home::default();
    let project = home.path().join("project");
    std::fs::create_dir(&project).unwrap();
    // The folder's own limit is 200,000 files; fewer are all read.
    let files = if slow { 1_000_000 } else { 2_000 };
    for at in 0..files {
        std::fs::File::create(project.join(format!("f{at}.rs"))).unwrap();
    }
    let begun = Instant::now();
    // Of address space, in kilobytes.
    let (code, _, err) = limited(&home, "ulimit -v 2000000", &INDEX);
    assert!(begun.elapsed() < Duration::from_secs(120));
    if slow {
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("more than 200000 files"), "{err}");
    } else {
        assert_eq!(code, 0, "{err}");
    }
}
