//! What `foretoken doctor` finds on this machine besides the model: our directories, the index, and the user's editors.

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::Finding;
use crate::cli::Context;
use crate::cli::setup::found;
use crate::metrics::file::seconds;
use crate::paths;
use crate::reports::folder::Folder;

/// Whether failures are reported, and to whom.
pub(super) fn reports(context: &Context) -> Finding {
    let origin = context.settings.reports.dsn.as_ref();
    let origin = origin.map(|dsn| dsn.origin().to_string());
    let waiting = context.paths.as_ref().map_or(0, |paths| {
        let now = seconds(SystemTime::now());
        Folder::of(paths).waiting(now).len()
    });
    let sentence = match &origin {
        Some(origin) => format!("on, to {origin}; {waiting} wait, see `foretoken reports show`"),
        None => "off; nothing that fails is told to anybody".to_owned(),
    };
    Finding {
        part: "reports",
        well: true,
        sentence,
        details: json!({"to": origin, "waiting": waiting}),
    }
}

/// The editors on PATH, each with the command that connects it.
pub(super) fn editors() -> Finding {
    let found = found::on(&std::env::var_os("PATH").unwrap_or_default());
    let lines: Vec<String> = found
        .iter()
        .map(|editor| {
            let program = editor.program.display();
            format!(
                "{} at {program}: foretoken setup {}",
                editor.name, editor.argument
            )
        })
        .collect();
    let details: Vec<Value> = found
        .iter()
        .map(
            |editor| json!({"name": editor.name, "path": editor.program, "setup": editor.argument}),
        )
        .collect();
    Finding {
        part: "editors",
        well: true,
        sentence: if lines.is_empty() {
            "none on PATH; `foretoken setup --help` lists those that are known".to_owned()
        } else {
            lines.join("\n")
        },
        details: details.into(),
    }
}

/// Our directories: writable by us, closed to others. What is open is closed here and said.
pub(super) fn directories(context: &Context) -> Finding {
    let part = "directories";
    let Some(paths) = &context.paths else {
        let sentence = "There is no home directory, so no settings and no logs.".to_owned();
        return Finding {
            part,
            well: true,
            sentence,
            details: Value::Null,
        };
    };
    let (mut well, mut lines, mut details) = (true, Vec::new(), serde_json::Map::new());
    for (name, path) in paths.named() {
        let (fine, state) = directory(path);
        well &= fine;
        lines.push(format!("{name:<7}{} ({state})", path.display()));
        details.insert(
            name.to_owned(),
            json!({"path": path, "ok": fine, "state": state}),
        );
    }
    Finding {
        part,
        well,
        sentence: lines.join("\n"),
        details: details.into(),
    }
}

/// The indexes of workspaces, and the one of the folder that this is asked in.
pub(super) fn index(context: &Context) -> Finding {
    let part = "index";
    let finding = |sentence: String, details| Finding {
        part,
        well: true,
        sentence,
        details,
    };
    if !context.settings.index.enabled {
        let sentence = "switched off by index.enabled".to_owned();
        return finding(sentence, json!({"enabled": false}));
    }
    let here = std::env::current_dir().ok();
    let (Some(paths), Some(here)) = (&context.paths, here) else {
        let sentence = "none is kept, as there is no home directory".to_owned();
        return finding(sentence, Value::Null);
    };
    let foretoken_index::Usage { workspaces, bytes } = foretoken_index::usage(&paths.cache);
    let has = foretoken_index::exists(&here, &paths.cache);
    let megabytes = bytes as f64 / 1e6;
    let this = match has {
        true => "this folder has one",
        false => "this folder has none; `foretoken index` makes one",
    };
    finding(
        format!("of {workspaces} workspaces, {megabytes:.1} MB; {this}"),
        json!({"enabled": true, "workspaces": workspaces, "bytes": bytes, "here": has}),
    )
}

/// How one of them is, and whether that is fine.
fn directory(path: &Path) -> (bool, String) {
    let Ok(metadata) = std::fs::metadata(path) else {
        return (true, "not there yet".to_owned());
    };
    if !metadata.is_dir() {
        return (false, "this is no directory; move it away".to_owned());
    }
    if metadata.permissions().readonly() {
        return (false, "not writable; change its permissions".to_owned());
    }
    match (paths::open_to_others(path), paths::tighten(path)) {
        (Some(mode), Ok(_)) => (true, format!("closed to others now, it was {mode:03o}")),
        (Some(mode), Err(error)) => (
            false,
            format!("open to others ({mode:03o}), and that cannot be changed: {error}"),
        ),
        (None, _) => (true, "fine".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_judged_and_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        assert_eq!(directory(&path), (true, "not there yet".to_owned()));
        std::fs::write(&path, "").unwrap();
        assert!(!directory(&path).0);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let (fine, state) = directory(&path);
            assert_eq!(
                (fine, state.as_str()),
                (true, "closed to others now, it was 755")
            );
        }
        assert_eq!(directory(&path), (true, "fine".to_owned()));
    }
}
