//! Provides ONNX Runtime to whoever builds from source: if no library lies where the program looks,
//! a pinned one is obtained with the Python or Node package client at hand, compared with a pinned
//! SHA-256, and put into the user's data directory by one rename, so that two builds at once do no
//! harm. `FORETOKEN_NO_FETCH=1` forbids it. Whatever goes wrong is a warning, never a failed build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sha256;

/// The release in the Python package `onnxruntime`.
const VERSION: &str = "1.31.0";
/// The newest release in the Node package `onnxruntime-node`, as old as the program accepts.
const NODE_VERSION: &str = "1.30.0";

/// One platform's library in one package.
struct Pinned {
    /// `CARGO_CFG_TARGET_OS` and `CARGO_CFG_TARGET_ARCH`.
    target: (&'static str, &'static str),
    /// What the package client calls the platform: a wheel's tag, or a folder of the Node package.
    platform: &'static str,
    /// The file's name, in the package and where it is put.
    file: &'static str,
    /// Of that file.
    sha256: &'static str,
}

/// From the wheels for CPython 3.12, November 2026. The library does not depend on the Python.
const WHEELS: [Pinned; 4] = [
    Pinned {
        target: ("linux", "x86_64"),
        platform: "manylinux_2_28_x86_64",
        file: "libonnxruntime.so.1.31.0",
        sha256: "21901b1b02233484b80888c16f4f5473742f796bf5528d5d0c4073dbe9802001",
    },
    Pinned {
        target: ("linux", "aarch64"),
        platform: "manylinux_2_28_aarch64",
        file: "libonnxruntime.so.1.31.0",
        sha256: "b79d2fcf36b8870f4b2da95784a6ad846c47f05511ffa7be409c79a44f9dc9a4",
    },
    Pinned {
        target: ("macos", "aarch64"),
        platform: "macosx_14_0_arm64",
        file: "libonnxruntime.1.31.0.dylib",
        sha256: "ff52828ce7c6dd1aea99a5e9f5da9e2786e3d03e467fbf8b6893a4b624334920",
    },
    Pinned {
        target: ("windows", "x86_64"),
        platform: "win_amd64",
        file: "onnxruntime.dll",
        sha256: "aa7737cc5c987286f09f6f12304fa786ea697b11b4ca7ab59a027ff4ce343a9c",
    },
];

/// From the Node package, November 2026: 114 MB for all platforms, hence the second choice.
const NODE: [Pinned; 4] = [
    Pinned {
        target: ("linux", "x86_64"),
        platform: "linux/x64",
        file: "libonnxruntime.so.1",
        sha256: "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
    },
    Pinned {
        target: ("linux", "aarch64"),
        platform: "linux/arm64",
        file: "libonnxruntime.so.1",
        sha256: "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
    },
    Pinned {
        target: ("macos", "aarch64"),
        platform: "darwin/arm64",
        file: "libonnxruntime.1.dylib",
        sha256: "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d",
    },
    Pinned {
        target: ("windows", "x86_64"),
        platform: "win32/x64",
        file: "onnxruntime.dll",
        sha256: "508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67",
    },
];

/// Copies one file out of a zip archive; wheels are zip archives.
const UNZIP: &str = "import shutil, sys, zipfile\n\
with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:\n    \
shutil.copyfileobj(source, target)\n";

/// Sets `ONNXRUNTIME_VERSION` and, if need be, obtains the library.
pub(crate) fn provide() {
    println!("cargo:rustc-env=ONNXRUNTIME_VERSION={VERSION}");
    for name in [
        "FORETOKEN_ONNXRUNTIME",
        "ORT_DYLIB_PATH",
        "FORETOKEN_NO_FETCH",
    ] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    // A library that the user names is the user's affair, also if it is not there yet.
    if is_set("FORETOKEN_ONNXRUNTIME") || is_set("ORT_DYLIB_PATH") {
        return;
    }
    match obtain() {
        // A build after the library's removal looks again. After a failure it must not, or each build
        // without a network would wait for it and compile this crate anew.
        Ok(goal) => println!("cargo:rerun-if-changed={}", goal.display()),
        Err(reason) => println!(
            "cargo:warning=ONNX Runtime {VERSION} was not obtained: {reason}. The program runs without \
             its local model until FORETOKEN_ONNXRUNTIME names the library, which \
             `pip install onnxruntime=={VERSION}` puts into its folder `capi`."
        ),
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// The library in the data directory, put there if it was not.
fn obtain() -> Result<PathBuf, String> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let target = (
        variable("CARGO_CFG_TARGET_OS"),
        variable("CARGO_CFG_TARGET_ARCH"),
    );
    // The data directory is this machine's, and the file's name does not tell one processor's from
    // another's.
    if variable("TARGET") != variable("HOST") {
        return Err(format!(
            "this build is for another machine ({}), which needs a library of its own",
            variable("TARGET")
        ));
    }
    let of_target = |pinned: &&Pinned| pinned.target == (target.0.as_str(), target.1.as_str());
    let (Some(wheel), Some(node)) = (WHEELS.iter().find(of_target), NODE.iter().find(of_target))
    else {
        return Err(format!("none is pinned for {} on {}", target.0, target.1));
    };
    if variable("CARGO_CFG_TARGET_ENV") == "musl" {
        return Err("those pinned for Linux need the GNU C library".into());
    }
    let root = directories::ProjectDirs::from("", "", "foretoken")
        .ok_or("this user has no home directory")?
        .data_dir()
        .join("onnxruntime");
    let sources = [(wheel, VERSION), (node, NODE_VERSION)]
        .map(|(pinned, version)| (pinned, root.join(version).join(pinned.file)));
    if let Some((_, goal)) = sources.iter().find(|(_, goal)| goal.is_file()) {
        return Ok(goal.clone());
    }
    if is_set("FORETOKEN_NO_FETCH") || variable("CARGO_NET_OFFLINE") == "true" {
        return Err("this build may not fetch anything".into());
    }
    // Beside the goals, because a rename works within one file system only.
    let work = root.join(format!("obtaining-{}", std::process::id()));
    let [(wheel, from_python), (node, from_node)] = sources;
    // What a build of the same number left when it was killed.
    let _ = fs::remove_dir_all(&work);
    let result = fs::create_dir_all(&work)
        .map_err(|error| format!("{} cannot be made ({error})", work.display()))
        .and_then(|()| {
            match python(wheel, &work).and_then(|file| put(&file, wheel, &from_python)) {
                Ok(goal) => Ok(goal),
                Err(first) => npm(node, &work)
                    .and_then(|file| put(&file, node, &from_node))
                    .map_err(|second| format!("{first}; {second}")),
            }
        });
    // What cannot be removed now lies in a folder of its own and disturbs nobody.
    let _ = fs::remove_dir_all(&work);
    result
}

/// The library out of the wheel, by the first Python that has a package client.
fn python(pinned: &Pinned, work: &Path) -> Result<PathBuf, String> {
    let mut reason = "no Python with pip was found".to_owned();
    for python in ["python3", "python", "py"] {
        let wheel = match download(python, pinned, work) {
            Ok(wheel) => wheel,
            Err(None) => continue,
            Err(Some(words)) if words.contains("No module named pip") => {
                reason = format!("`{python}` has no pip");
                continue;
            }
            // Another Python would wait for the same network once more.
            Err(Some(words)) => return Err(format!("pip of `{python}` failed ({words})")),
        };
        let file = work.join(pinned.file);
        let unpacked = run(program(python)
            .args(["-c", UNZIP])
            .arg(&wheel)
            .arg(format!("onnxruntime/capi/{}", pinned.file))
            .arg(&file));
        return match unpacked {
            Ok(()) => Ok(file),
            Err(words) => Err(format!(
                "the wheel could not be unpacked ({})",
                words.unwrap_or_default()
            )),
        };
    }
    Err(reason)
}

/// The wheel; `None` as the error when there is no such program.
fn download(python: &str, pinned: &Pinned, work: &Path) -> Result<PathBuf, Option<String>> {
    run(program(python)
        .args(["-m", "pip", "download", "--quiet"])
        .args(["--disable-pip-version-check", "--no-input"])
        .args(["--no-deps", "--only-binary=:all:"])
        .args(["--retries", "1", "--timeout", "20"])
        .args(["--platform", pinned.platform, "--python-version", "3.12"])
        .args(["--implementation", "cp", "--abi", "cp312", "--dest"])
        .arg(work)
        .arg(format!("onnxruntime=={VERSION}")))?;
    with_ending(work, "whl").ok_or_else(|| Some("it left no wheel".to_owned()))
}

/// The library out of the Node package.
fn npm(pinned: &Pinned, work: &Path) -> Result<PathBuf, String> {
    // On Windows the client is a script, which is found by its whole name only.
    let client = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let fetched = run(program(client)
        .args(["pack", "--loglevel=error"])
        .args(["--fetch-retries=1", "--fetch-timeout=120000"])
        .arg(format!("onnxruntime-node@{NODE_VERSION}"))
        .current_dir(work));
    match fetched {
        Ok(()) => {}
        Err(None) => return Err("no npm was found".into()),
        Err(Some(words)) => return Err(format!("npm failed ({words})")),
    }
    let archive = with_ending(work, "tgz").ok_or("npm left no package")?;
    // By its name alone: some `tar` take a drive's letter for the name of another machine.
    let archive = archive.file_name().ok_or("npm left no package")?;
    let member = format!("package/bin/napi-v6/{}/{}", pinned.platform, pinned.file);
    run(program("tar")
        .arg("-xzf")
        .arg(archive)
        .arg(&member)
        .current_dir(work))
    .map_err(|words| {
        format!(
            "the Node package could not be unpacked ({})",
            words.unwrap_or_default()
        )
    })?;
    Ok(work.join(member))
}

fn with_ending(folder: &Path, ending: &str) -> Option<PathBuf> {
    fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == ending))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a package client is the only way to the library that is the same on every machine"
)]
fn program(name: &str) -> Command {
    Command::new(name)
}

/// Runs a program to its end; the last line of what it complained of, or `None` if it does not exist.
fn run(command: &mut Command) -> Result<(), Option<String>> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|_| None::<String>)?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    // npm ends with where its log lies, after what went wrong.
    let says =
        |line: &&str| !line.trim().is_empty() && !line.contains("A complete log of this run");
    let last = words.lines().rev().find(says);
    Err(Some(last.unwrap_or("it gave no reason").trim().to_owned()))
}

/// Moves a library to its goal in one step, if it is the pinned one.
fn put(file: &Path, pinned: &Pinned, goal: &Path) -> Result<PathBuf, String> {
    let bytes = fs::read(file).map_err(|error| format!("the library cannot be read ({error})"))?;
    let found = sha256(&bytes);
    if found != pinned.sha256 {
        return Err(format!(
            "{} came with the SHA-256 {found}, not the pinned one, and was thrown away",
            pinned.file
        ));
    }
    let folder = goal.parent().unwrap_or(goal);
    // On the disk before it has its name: what lies under that name is never looked into again.
    let moved = fs::OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::create_dir_all(folder))
        .and_then(|()| fs::rename(file, goal));
    match moved {
        Ok(()) => Ok(goal.to_owned()),
        // A build that came first has put the same bytes there.
        Err(_) if goal.is_file() => Ok(goal.to_owned()),
        Err(error) => Err(format!("{} cannot be written ({error})", goal.display())),
    }
}
