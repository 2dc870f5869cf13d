//! The model as commands need it: started and waited for, and named by `--version`.

use std::io::Write;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use foretoken_infer::package::{self, Manifest};
use foretoken_infer::{Infer, ModelInfo, Options, Source, State, Unavailable, library};

use super::{Context, Failure, OK};

/// Longest wait for a model. Loading takes 0.2 to 0.8 s (measured), a cold disk some more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker and what it loaded, or why there is no model.
pub(super) struct Started {
    pub(super) infer: Infer,
    pub(super) info: Result<Arc<ModelInfo>, Unavailable>,
}

/// Starts the model of the settings and waits until it answers or cannot.
pub(super) fn start(options: Options) -> Started {
    let (sender, states) = mpsc::channel();
    let on_state = move |state| {
        // Nobody listens any more once the model is ready.
        let _ = sender.send(state);
    };
    let infer = Infer::start(options, Box::new(on_state));
    let info = loop {
        match states.recv_timeout(PATIENCE) {
            Ok(State::Loading { .. }) => {}
            Ok(State::Ready(info)) => break Ok(info),
            Ok(State::Unavailable(why)) => break Err(why),
            Err(_) => {
                break Err(Unavailable {
                    code: "session-failed",
                    sentence: format!(
                        "The model was not ready after {} s; try again when the machine is idle.",
                        PATIENCE.as_secs()
                    ),
                });
            }
        }
    };
    Started { infer, info }
}

/// The manifest of a package without loading it.
pub(super) fn manifest(source: &Source) -> Result<Manifest, Unavailable> {
    let package = match source {
        Source::Embedded => package::embedded(),
        Source::Folder(folder) => package::open(folder),
    };
    let why = |error: package::PackageError| Unavailable {
        code: error.code(),
        sentence: error.to_string(),
    };
    package.map(|package| package.manifest).map_err(why)
}

/// Three lines: program, model, ONNX Runtime.
pub(super) fn version(context: &Context, out: &mut dyn Write) -> Result<u8, Failure> {
    writeln!(out, "foretoken {}", env!("CARGO_PKG_VERSION"))?;
    let options = context.settings.infer(context.paths.as_ref());
    match manifest(&options.package) {
        Ok(manifest) => {
            let hash = manifest.graph_hash();
            let short = hash.get(..12).unwrap_or(hash);
            writeln!(
                out,
                "model {} {} (sha256 {short})",
                manifest.name, manifest.version
            )?;
        }
        Err(why) => writeln!(out, "model: none. {why}")?,
    }
    match library::find(&places(&options)) {
        Ok(found) => {
            writeln!(
                out,
                "ONNX Runtime {} ({})",
                found.version,
                found.path.display()
            )?;
        }
        Err(passed) => writeln!(out, "ONNX Runtime: none. {}", library::advice(&passed))?,
    }
    Ok(OK)
}

/// Where these options look for ONNX Runtime.
pub(super) fn places(options: &Options) -> library::Places {
    library::Places::of_process(options.library.as_deref(), options.data_dir.as_deref())
}
