//! Finding ONNX Runtime. The search looks at absolute paths in a fixed order and says of every
//! candidate why it was passed over; never the working directory, never a workspace. A candidate's
//! version is read before the binding sees its path, because the first library that the binding
//! loads stays for the life of the process.

use std::env;
use std::error::Error as _;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::logging::LogLevel;

/// The version that a build obtains, and the folder of the data directory it puts it in.
pub const VERSION: &str = env!("ONNXRUNTIME_VERSION");

/// How the library's file is called, most likely first.
#[cfg(target_os = "windows")]
const NAMES: [&str; 1] = ["onnxruntime.dll"];
#[cfg(target_os = "macos")]
const NAMES: [&str; 3] = [
    "libonnxruntime.dylib",
    concat!("libonnxruntime.", env!("ONNXRUNTIME_VERSION"), ".dylib"),
    "libonnxruntime.1.dylib",
];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const NAMES: [&str; 3] = [
    "libonnxruntime.so",
    concat!("libonnxruntime.so.", env!("ONNXRUNTIME_VERSION")),
    "libonnxruntime.so.1",
];

/// Where a system's own library may lie. None on Windows, which carries an old `onnxruntime.dll` of
/// its own in the system folder.
#[cfg(target_os = "windows")]
const SYSTEM: [&str; 0] = [];
#[cfg(target_os = "macos")]
const SYSTEM: [&str; 2] = ["/opt/homebrew/lib", "/usr/local/lib"];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const SYSTEM: [&str; 5] = [
    "/usr/local/lib",
    "/usr/lib64",
    #[cfg(target_arch = "aarch64")]
    "/usr/lib/aarch64-linux-gnu",
    #[cfg(not(target_arch = "aarch64"))]
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib",
    "/opt/onnxruntime/lib",
];

/// Where to look. `Places::of_process` is what the program uses; tests state their own.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `FORETOKEN_ONNXRUNTIME`: a file, or a folder that holds it.
    pub variable: Option<PathBuf>,
    /// The user file's setting, likewise.
    pub setting: Option<PathBuf>,
    /// `ORT_DYLIB_PATH`, likewise.
    pub dylib_path: Option<PathBuf>,
    /// The folder of the executable.
    pub executable: Option<PathBuf>,
    /// The user's data directory.
    pub data_dir: Option<PathBuf>,
    /// Whether to look into the system's library folders.
    pub system: bool,
}

/// The library to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Absolute.
    pub path: PathBuf,
    /// Such as `1.31.0`.
    pub version: String,
    /// Which place of the search it came from.
    pub place: &'static str,
    /// What was looked at before it.
    pub passed: Vec<Passed>,
}

/// A candidate that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which place of the search it came from.
    pub place: &'static str,
    /// The file or folder looked at.
    pub path: PathBuf,
    /// Why not, as the end of a sentence.
    pub reason: String,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.path.display(),
            self.place,
            self.reason
        )
    }
}

impl Places {
    /// The places of this process: environment, executable, data directory and system.
    pub fn of_process(setting: Option<&Path>, data_dir: Option<&Path>) -> Places {
        let variable = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Places {
            variable: variable("FORETOKEN_ONNXRUNTIME"),
            setting: setting.map(Path::to_owned),
            dylib_path: variable("ORT_DYLIB_PATH"),
            executable: env::current_exe()
                .ok()
                .and_then(|path| path.parent().map(Path::to_owned)),
            data_dir: data_dir.map(Path::to_owned).or_else(default_data_dir),
            system: true,
        }
    }

    /// All candidates in the order of the search: named ones first, because the user named them.
    fn candidates(&self) -> Vec<(&'static str, PathBuf)> {
        let mut list: Vec<(&'static str, PathBuf)> = Vec::new();
        let mut add = |place, path: Option<PathBuf>| list.extend(path.map(|path| (place, path)));
        add("FORETOKEN_ONNXRUNTIME", self.variable.clone());
        add("runtime.onnxruntime of the settings", self.setting.clone());
        add("ORT_DYLIB_PATH", self.dylib_path.clone());
        if let Some(folder) = &self.executable {
            add("beside the program", Some(folder.clone()));
            add("beside the program", Some(folder.join("../lib/foretoken")));
        }
        for folder in self.data_dir.iter().flat_map(|data| versions(data)) {
            add("data directory", Some(folder));
        }
        if self.system {
            for folder in SYSTEM {
                add("system", Some(folder.into()));
            }
        }
        list
    }
}

/// The first candidate that is an ONNX Runtime of at least the needed version. Each candidate that
/// looks like one is opened for that, and an ONNX Runtime that was opened stays so.
///
/// # Errors
/// Every candidate with the reason it was passed over.
pub fn find(places: &Places) -> Result<Found, Vec<Passed>> {
    let mut passed = Vec::new();
    for (place, candidate) in places.candidates() {
        match inspect(&candidate) {
            Ok((path, version)) => {
                return Ok(Found {
                    path,
                    version,
                    place,
                    passed,
                });
            }
            Err(reason) => passed.push(Passed {
                place,
                path: candidate,
                reason,
            }),
        }
    }
    Err(passed)
}

/// One sentence for a user without the library, and what stood in the way of a candidate that
/// existed but did not serve.
pub fn advice(passed: &[Passed]) -> String {
    let mut text = format!(
        "ONNX Runtime was not found. Install it with `pip install onnxruntime=={VERSION}` and set \
         FORETOKEN_ONNXRUNTIME to the absolute path of the library in its `capi` folder, or build again \
         with Python at hand."
    );
    if let Some(close) = passed.iter().find(|passed| passed.reason != ABSENT) {
        text.push_str(&format!(" Passed over: {close}."));
    }
    text
}

const ABSENT: &str = "not there";

/// The absolute path and version of a candidate, or why it does not serve.
fn inspect(candidate: &Path) -> Result<(PathBuf, String), String> {
    if !candidate.is_absolute() {
        return Err("not an absolute path".into());
    }
    let path = match candidate.is_dir() {
        true => in_folder(candidate),
        false => Some(candidate.to_owned()).filter(|path| path.is_file()),
    };
    let path = path.ok_or(ABSENT)?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let version = version_of(&path)?;
    let minor: Option<u32> = version
        .strip_prefix("1.")
        .and_then(|rest| rest.split('.').next())
        .and_then(|minor| minor.parse().ok());
    match minor {
        Some(minor) if minor >= ort::MINOR_VERSION => Ok((path, version)),
        Some(_) => Err(format!(
            "version {version}, and at least 1.{} is needed",
            ort::MINOR_VERSION
        )),
        None => Err(format!("it calls itself version {version:?}")),
    }
}

/// The library in a folder: under one of its usual names, else under the name of any version.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let usual = NAMES.iter().map(|name| folder.join(name));
    let versions = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            // Not `libonnxruntime_providers_shared.so`.
            name.is_some_and(|name| name.starts_with("libonnxruntime."))
        });
    usual.chain(versions).find(|path| path.is_file())
}

/// The head of the C API's entry structure (microsoft/onnxruntime
/// `include/onnxruntime/core/session/onnxruntime_c_api.h`, `OrtApiBase`), unchanged since 1.0.
#[repr(C)]
struct ApiBase {
    get_api: unsafe extern "C" fn(u32) -> *const std::ffi::c_void,
    get_version_string: unsafe extern "C" fn() -> *const c_char,
}

/// Forbids the runtime to report on this machine, before it is loaded.
///
/// Version 1.31 for Linux keeps a device id and events below `~/.cache/Microsoft` and sends them to its
/// maker from the moment an environment is made; what the API offers to stop that comes after it.
/// The variable's name is the one in the library.
#[expect(unsafe_code, reason = "the runtime reads the environment only")]
fn forbid_reports() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: Rust code reads and writes the environment under the standard library's lock, which this
    // takes too. The C code in this process that reads it is the runtime's, and none is loaded before
    // the first call ends: every library that is loaded has been opened here for its version first.
    ONCE.call_once(|| unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") });
}

/// Opens a library and asks for its version.
#[expect(
    unsafe_code,
    reason = "the version must be known before the binding commits to the library"
)]
fn version_of(path: &Path) -> Result<String, String> {
    forbid_reports();
    // SAFETY: opening a library runs its initialisers. The path is absolute and comes from the user,
    // from this program's own folders or from the system's, never from a workspace; the same library
    // would be opened by the binding next.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
        // The loader's own words are one level below.
        let words = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        format!("the system cannot load it ({words})")
    })?;
    // SAFETY: the C API declares `const OrtApiBase* OrtGetApiBase(void)` with C linkage. A library
    // that exports this name with another meaning is not an ONNX Runtime that anyone could load.
    let entry =
        unsafe { library.get::<unsafe extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase\0") }
            .map_err(|_| "it is a library, but not ONNX Runtime".to_owned())?;
    // SAFETY: as above; the function takes nothing and returns a pointer to a static structure.
    let base = unsafe { entry() };
    if base.is_null() {
        return Err("its entry point gives nothing".into());
    }
    // SAFETY: not null, static, and laid out as `ApiBase`.
    let text = unsafe { ((*base).get_version_string)() };
    if text.is_null() {
        return Err("it states no version".into());
    }
    // SAFETY: a static string ended by a zero byte, as the C API promises; the library is still open.
    let version = unsafe { CStr::from_ptr(text) };
    let version = version.to_string_lossy().into_owned();
    // A C++ library with thread-local state is not safe to unload, and the one that is taken is
    // opened again at once.
    std::mem::forget(library);
    Ok(version)
}

/// `onnxruntime/<version>/` of the data directory, the version of this build first, newer before older.
fn versions(data_dir: &Path) -> Vec<PathBuf> {
    let root = data_dir.join("onnxruntime");
    let mut others: Vec<(Vec<u32>, PathBuf)> = std::fs::read_dir(&root)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let numbers: Option<Vec<u32>> = name.split('.').map(|part| part.parse().ok()).collect();
            (name != VERSION).then_some((numbers?, path.clone()))
        })
        .collect();
    others.sort();
    [root.join(VERSION)]
        .into_iter()
        .chain(others.into_iter().rev().map(|(_, path)| path))
        .collect()
}

/// The user's data directory by the platform's convention; the build puts the library there too.
fn default_data_dir() -> Option<PathBuf> {
    Some(
        directories::ProjectDirs::from("", "", "foretoken")?
            .data_dir()
            .to_owned(),
    )
}

/// One environment serves the process; the first library that is loaded stays.
static LOADED: OnceLock<Result<(Environment, Found), String>> = OnceLock::new();

/// Loads the library for this process, or returns the one that was loaded before.
///
/// # Errors
/// A sentence that says what to do. A failure is not remembered unless the runtime itself failed.
pub(crate) fn load(places: &Places) -> Result<(Environment, Found), String> {
    if LOADED.get().is_none() {
        let found = find(places).map_err(|passed| advice(&passed))?;
        LOADED.get_or_init(|| start(&found).map(|environment| (environment, found)));
    }
    LOADED.get().cloned().unwrap_or_else(|| Err(advice(&[])))
}

/// The runtime that this process runs, once a model was loaded. There can be one only, so what is
/// measured beside a model must run in it.
pub fn loaded() -> Option<Environment> {
    let loaded = LOADED.get()?.as_ref().ok()?;
    Some(loaded.0.clone())
}

/// Starts the runtime: no telemetry, warnings and errors to our own log.
fn start(found: &Found) -> Result<Environment, String> {
    let failed = |error: &ort::Error| {
        format!(
            "ONNX Runtime {} at {} did not start ({error}). Set FORETOKEN_ONNXRUNTIME to another one.",
            found.version,
            found.path.display()
        )
    };
    let environment = ort::init_from(&found.path)
        .map_err(|error| {
            format!(
                "ONNX Runtime at {} could not be loaded ({error}). Set FORETOKEN_ONNXRUNTIME to another \
                 one.",
                found.path.display()
            )
        })?
        .with_telemetry(false)
        .with_logger(std::sync::Arc::new(forward))
        .build()
        .map_err(|error| failed(&error))?;
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

/// The runtime's messages name nodes and files of the model, nothing of the user's text.
fn forward(level: LogLevel, _category: &str, _id: &str, _place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(target: "onnxruntime", "{message}"),
        _ => tracing::debug!(target: "onnxruntime", "{message}"),
    }
}

#[expect(unsafe_code, reason = "the declaration of a function of the C library")]
unsafe extern "C" {
    // C11 7.22.4.5 and POSIX: ends the process without the handlers of `atexit`. Windows has it too.
    fn _exit(code: std::ffi::c_int) -> !;
}

/// Ends the process with this code, without running what libraries registered for its end.
///
/// ONNX Runtime tears its global state down in such a handler; a thread that is just loading a model
/// then works on freed memory, and the process dies by a signal instead of ending with its code (seen in
/// core files of 1.31; a debug build died in 138 of 200 ends right behind `initialized`, in none since).
/// Nothing is flushed: whoever calls this has flushed what was written.
#[expect(
    unsafe_code,
    reason = "the standard library has no end without exit handlers"
)]
pub fn leave(code: u8) -> ! {
    // SAFETY: `_exit` takes any number, touches no memory of ours and does not return.
    unsafe { _exit(std::ffi::c_int::from(code)) }
}
