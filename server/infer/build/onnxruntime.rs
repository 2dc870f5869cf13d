//! Provides ONNX Runtime to whoever builds from source: if no library lies where the program looks,
//! the pinned one is obtained with the Python or Node package client at hand, compared with a pinned
//! SHA-256, and put into the user's data directory by one rename, so that two builds at once do no
//! harm. `FORETOKEN_NO_FETCH=1` forbids it. Whatever goes wrong is a warning, never a failed build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

/// The release of ONNX Runtime that is obtained.
const VERSION: &str = "1.31.0";

/// One platform's library in the Python package.
struct Pinned {
    /// `CARGO_CFG_TARGET_OS` and `CARGO_CFG_TARGET_ARCH`.
    target: (&'static str, &'static str),
    /// The platform tag of the wheel.
    platform: &'static str,
    /// The file's name, inside the wheel's `onnxruntime/capi` and where it is put.
    file: &'static str,
    /// Of that file, whatever Python the wheel is for.
    sha256: &'static str,
}

/// Taken from the wheels of `onnxruntime` 1.31.0 for CPython 3.12, November 2026.
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

/// Prints one file of a zip archive to standard output; wheels are zip archives.
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
    let named = ["FORETOKEN_ONNXRUNTIME", "ORT_DYLIB_PATH"];
    if named.iter().any(|name| is_set(name)) {
        return;
    }
    if let Err(reason) = obtain() {
        println!(
            "cargo:warning=ONNX Runtime {VERSION} was not obtained: {reason}. The program runs without \
             its local model until FORETOKEN_ONNXRUNTIME names the library, which \
             `pip install onnxruntime=={VERSION}` puts into its folder `capi`."
        );
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn obtain() -> Result<(), String> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let target = (
        variable("CARGO_CFG_TARGET_OS"),
        variable("CARGO_CFG_TARGET_ARCH"),
    );
    let pinned = WHEELS
        .iter()
        .find(|pinned| pinned.target == (target.0.as_str(), target.1.as_str()))
        .ok_or_else(|| format!("none is published for {} on {}", target.0, target.1))?;
    let data = directories::ProjectDirs::from("", "", "foretoken")
        .ok_or("this user has no home directory")?
        .data_dir()
        .join("onnxruntime")
        .join(VERSION);
    let goal = data.join(pinned.file);
    if goal.is_file() {
        // So that a build after its removal looks again. A missing path would mean a new build each time.
        println!("cargo:rerun-if-changed={}", goal.display());
        return Ok(());
    }
    if is_set("FORETOKEN_NO_FETCH") || variable("CARGO_NET_OFFLINE") == "true" {
        return Err("this build may not fetch anything".into());
    }
    // Beside the goal, because a rename works within one file system only.
    let work = data.join(format!("obtaining-{}", std::process::id()));
    let result = fs::create_dir_all(&work)
        .map_err(|error| format!("{} cannot be made ({error})", work.display()))
        .and_then(|()| fetch(pinned, &work))
        .and_then(|file| put(&file, &goal));
    // What cannot be removed now lies in a folder of its own and disturbs nobody.
    let _ = fs::remove_dir_all(&work);
    result?;
    println!("cargo:rerun-if-changed={}", goal.display());
    Ok(())
}

/// The verified library in the folder `work`, by the first Python that has a package client.
fn fetch(pinned: &Pinned, work: &Path) -> Result<PathBuf, String> {
    let mut reason = "no Python with pip was found".to_owned();
    for python in ["python3", "python", "py"] {
        let wheel = match download(python, pinned, work) {
            Ok(wheel) => wheel,
            Err(None) => continue,
            Err(Some(words)) => {
                reason = format!("pip of `{python}` failed ({words})");
                continue;
            }
        };
        let file = work.join(pinned.file);
        run(Command::new(python)
            .args(["-c", UNZIP])
            .arg(&wheel)
            .arg(format!("onnxruntime/capi/{}", pinned.file))
            .arg(&file))
        .map_err(|words| {
            format!(
                "the wheel could not be unpacked ({})",
                words.unwrap_or_default()
            )
        })?;
        let bytes =
            fs::read(&file).map_err(|error| format!("the library cannot be read ({error})"))?;
        let found: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        return match found == pinned.sha256 {
            true => Ok(file),
            false => Err(format!(
                "what came has the SHA-256 {found}, not the pinned one, and was thrown away"
            )),
        };
    }
    Err(reason)
}

/// The wheel; `None` as the error when there is no such program.
fn download(python: &str, pinned: &Pinned, work: &Path) -> Result<PathBuf, Option<String>> {
    run(Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args([
            "--no-deps",
            "--only-binary=:all:",
            "--retries",
            "1",
            "--timeout",
            "20",
        ])
        .args(["--platform", pinned.platform, "--python-version", "3.12"])
        .args(["--implementation", "cp", "--abi", "cp312", "--dest"])
        .arg(work)
        .arg(format!("onnxruntime=={VERSION}")))?;
    fs::read_dir(work)
        .ok()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
        .ok_or_else(|| Some("it left no wheel".to_owned()))
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
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    Err(Some(last.unwrap_or("it gave no reason").trim().to_owned()))
}

/// Moves the library to its goal in one step. A build that came first has put the same bytes there.
fn put(file: &Path, goal: &Path) -> Result<(), String> {
    match fs::rename(file, goal) {
        Ok(()) => Ok(()),
        Err(_) if goal.is_file() => Ok(()),
        Err(error) => Err(format!("{} cannot be written ({error})", goal.display())),
    }
}
