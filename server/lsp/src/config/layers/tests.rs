//! Layers in, settings and problems out. A fixture has one section per layer, opened by `//- NAME`.

use expect_test::{Expect, expect};

use super::hint::distance;
use super::*;
use crate::config::keys::{KEYS, Shape};

/// Resolves a fixture and renders every value that some layer set, then every problem.
fn check(fixture: &str, expected: Expect) {
    expected.assert_eq(&render(&layers(fixture).resolve()));
}

fn layers(fixture: &str) -> Layers {
    let mut layers = Layers {
        home: Some("/home/ada".into()),
        ..Layers::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for section in fixture.split("//- ").skip(1) {
        let (name, text) = section.split_once('\n').unwrap();
        // What the user file and the workspace file are called does not depend on the machine.
        let file = |layer: Layer| {
            let path = folder.path().join("file.toml");
            std::fs::write(&path, text).unwrap();
            read::file(&path, layer).unwrap()
        };
        match name {
            "user" => layers.user = Some(file(Layer::User("/home/ada/config.toml".into()))),
            "workspace" => {
                let layer = Layer::Workspace("/project/.foretoken.toml".into());
                layers.workspaces.push(file(layer));
            }
            "environment" => layers.set_environment(text.lines().map(|line| {
                let (name, value) = line.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })),
            "initialization" => layers.set_initialization(&serde_json::from_str(text).unwrap()),
            "editor" => layers.set_editor(&serde_json::from_str(text).unwrap()),
            other => panic!("no layer {other}"),
        }
    }
    layers
}

fn render(resolved: &Resolved) -> String {
    let mut text = String::new();
    for key in KEYS {
        if let Some(layer) = resolved.origins.get(key.path) {
            text += &format!(
                "{} = {} ({layer})\n",
                key.path,
                resolved.settings.value(key.path)
            );
        }
    }
    for problem in &resolved.problems {
        text += &format!("! {problem}\n");
    }
    text
}

#[test]
fn a_workspace_file_switches_the_index_off_and_never_on() {
    check(
        "//- user\n[index]\nenabled = false\n//- workspace\n[index]\nenabled = true\n",
        expect![[r#"
            index.enabled = false (/home/ada/config.toml)
        "#]],
    );
    check(
        "//- workspace\n[index]\nenabled = false\n",
        expect![[r#"
            index.enabled = false (/project/.foretoken.toml)
        "#]],
    );
}

#[test]
fn no_layer_gives_the_defaults() {
    let (settings, problems) = Settings::from_layers(&Layers::default());
    assert_eq!((settings, problems), (Settings::default(), Vec::new()));
}

#[test]
fn a_later_layer_wins_key_by_key() {
    check(
        r#"
//- user
[completion]
debounceMs = 10
menu = "never"
[runtime]
threads = 2
[model]
folder = "models/mine"
//- environment
FORETOKEN_COMPLETION_DEBOUNCE_MS=20
FORETOKEN_RUNTIME_DRAFTS=off
FORETOKEN_ONNXRUNTIME=~/lib/libonnxruntime.so
FORETOKEN_LOG=foretoken=debug
FORETOKEN_COMPLETION_EXCLUDE=~/private, *.sql
//- initialization
{"completion": {"debounceMs": 30, "menu": "always"}}
//- editor
{"foretoken": {"completion": {"debounceMs": 40}}}
"#,
        expect![[r#"
            completion.exclude = ["/home/ada/private","*.sql"] (the environment)
            completion.debounceMs = 40 (the editor's settings)
            completion.menu = "always" (the initialization options)
            model.folder = "/home/ada/models/mine" (/home/ada/config.toml)
            runtime.onnxruntime = "/home/ada/lib/libonnxruntime.so" (the environment)
            runtime.threads = 2 (/home/ada/config.toml)
            runtime.drafts = false (the environment)
            log.filter = "foretoken=debug" (the environment)
        "#]],
    );
}

#[test]
fn the_editor_may_send_any_form_and_nothing() {
    for value in [
        "null",
        "{}",
        "[]",
        "[{}]",
        r#"{"foretoken": null}"#,
        r#"{"foretoken": {}}"#,
    ] {
        let (settings, _) = Settings::from_layers(&layers(&format!("//- editor\n{value}")));
        assert_eq!(settings, Settings::default(), "{value}");
    }
    for value in [
        r#"{"foretoken": {"completion": {"enabled": false}}}"#,
        r#"{"completion": {"enabled": false}}"#,
        r#"{"foretoken.completion.enabled": false}"#,
        r#"{"foretoken": {"completion.enabled": false}}"#,
    ] {
        let (settings, problems) = Settings::from_layers(&layers(&format!("//- editor\n{value}")));
        assert!(!settings.completion.enabled, "{value}");
        assert_eq!(problems, [], "{value}");
    }
}

#[test]
fn the_editor_cannot_name_files_that_are_loaded() {
    check(
        r#"
//- editor
{"model": {"folder": "/project/evil"}, "runtime": {"onnxruntime": "/project/evil.so", "threads": 2}}
"#,
        expect![[r#"
            runtime.threads = 2 (the editor's settings)
            ! `model.folder`, `runtime.onnxruntime` in the editor's settings are ignored, because these settings could come from a workspace; your own config.toml may set them.
        "#]],
    );
}

#[test]
fn bare_settings_of_a_whole_editor_are_not_ours_to_judge() {
    check(
        r#"
//- editor
{"rust-analyzer": {"cargo": {}}, "python": {}, "complettion": {"enabled": false}}
//- initialization
{"editor": "helix", "status": true, "editorInfo": {"name": "x"}}
"#,
        expect![[r#"
            ! `complettion` in the editor's settings is no setting and is ignored; did you mean completion?
        "#]],
    );
}

#[test]
fn unknown_keys_and_bad_values_are_reported_and_spoil_nothing() {
    check(
        r#"
//- user
debounceMs = 3
[completion]
debounce = 5
debounceMs = "soon"
menu = "sometimes"
minimumProbability = 1.5
enabled = false
disabledLanguages = ["python", "klingon"]
exclude = ["*.sql", "a["]
[runtime]
threads = 0
[model]
folder = ""
//- environment
FORETOKEN_RUNTIME_THREDS=3
FORETOKEN_COMPLETION_ENABLED=maybe
FORETOKEN_BUILD_THING=1
FORETOKEN_LOG=a=b=c
FORETOKEN_RUNTIME_THREADS=
"#,
        expect![[r#"
            completion.enabled = false (/home/ada/config.toml)
            completion.disabledLanguages = ["python"] (/home/ada/config.toml)
            completion.exclude = ["*.sql"] (/home/ada/config.toml)
            ! `debounceMs` in /home/ada/config.toml is no setting and is ignored; did you mean completion.debounceMs?
            ! `completion.debounce` in /home/ada/config.toml is no setting and is ignored; did you mean completion.debounceMs?
            ! `completion.disabledLanguages` in /home/ada/config.toml names the unknown language "klingon"; known are rust, python, javascript, typescript, tsx, go, java, c, cpp, csharp, ruby, php, kotlin, swift, scala, zig, lua, bash, html, css, markdown, json, toml, yaml, text.
            ! The pattern "a[" of `completion.exclude` in /home/ada/config.toml is ignored: unclosed character class; missing ']'.
            ! `completion.debounceMs` in /home/ada/config.toml must be a whole number of milliseconds from 0 to 10000, not "soon"; the value is ignored.
            ! `completion.menu` in /home/ada/config.toml must be "auto", "always" or "never", not "sometimes"; the value is ignored.
            ! `completion.minimumProbability` in /home/ada/config.toml must be a number from 0 to 1, not 1.5; the value is ignored.
            ! `model.folder` in /home/ada/config.toml must be the path of a folder, not ""; the value is ignored.
            ! `runtime.threads` in /home/ada/config.toml must be a whole number from 1 to 64, not 0; the value is ignored.
            ! The environment variable FORETOKEN_RUNTIME_THREDS is no setting; did you mean FORETOKEN_RUNTIME_THREADS?
            ! `FORETOKEN_COMPLETION_ENABLED` in the environment must be true or false, not "maybe"; the value is ignored.
            ! `FORETOKEN_LOG` in the environment must be a log filter such as "foretoken=debug", not "a=b=c"; the value is ignored.
        "#]],
    );
}

#[test]
fn a_section_that_is_none_is_reported() {
    check(
        "//- user\ncompletion = 3\nlog = []\n",
        expect![[r#"
        ! `completion` in /home/ada/config.toml must be a section of settings, not 3; it is ignored.
        ! `log` in /home/ada/config.toml must be a section of settings, not []; it is ignored.
    "#]],
    );
}

#[test]
fn a_broken_file_is_ignored_with_its_line() {
    check(
        "//- user\n[completion]\nenabled = false\nmenu = \n",
        expect![[r#"
            ! /home/ada/config.toml is ignored: line 3: string values must be quoted, expected literal string. Correct the file and restart the server.
        "#]],
    );
    check(
        "//- workspace\ncompletion.enabled\n",
        expect![[r#"
        ! /project/.foretoken.toml is ignored: line 1: key with no value, expected `=`. Correct the file.
    "#]],
    );
}

#[test]
fn a_workspace_can_only_forbid() {
    check(
        r#"
//- user
[completion]
disabledLanguages = ["c"]
exclude = ["*.sql"]
//- workspace
[completion]
enabled = true
disabledLanguages = ["python"]
exclude = ["/generated"]
debounceMs = 0
minimumProbability = 0.0
[model]
folder = "evil"
"#,
        expect![[r#"
            completion.disabledLanguages = ["python","c"] (/project/.foretoken.toml)
            completion.exclude = ["*.sql","/generated"] (/project/.foretoken.toml)
            ! `completion.debounceMs`, `completion.minimumProbability`, `model.folder` in /project/.foretoken.toml are ignored, because a workspace file can only forbid; your own config.toml may set them.
        "#]],
    );
    check(
        r#"
//- user
completion.enabled = false
//- workspace
completion.enabled = true
"#,
        expect![[r#"
            completion.enabled = false (/home/ada/config.toml)
        "#]],
    );
}

#[test]
fn a_bad_value_of_the_editor_keeps_its_good_one() {
    let mut layers = layers(
        r#"//- editor
{"completion": {"debounceMs": 25}}"#,
    );
    layers.set_editor(&serde_json::json!({"completion": {"debounceMs": "x", "menu": "never"}}));
    let resolved = layers.resolve();
    assert_eq!(resolved.settings.value("completion.debounceMs"), 25);
    assert_eq!(resolved.settings.value("completion.menu"), "never");
    assert_eq!(resolved.problems.len(), 1);
    layers.set_editor(&serde_json::json!({}));
    assert_eq!(layers.resolve().settings, Settings::default());
}

#[test]
fn the_list_of_keys_is_the_schema() {
    let schema: Value = serde_json::from_str(&crate::config::schema::text()).unwrap();
    let mut paths = Vec::new();
    for (section, value) in schema["properties"].as_object().unwrap() {
        let name = value["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let keys = schema["$defs"][name]["properties"].as_object().unwrap();
        paths.extend(keys.keys().map(|key| format!("{section}.{key}")));
    }
    let mut keys: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    keys.sort_unstable();
    paths.sort();
    assert_eq!(paths, keys);
    // Each key is read by the merge, shown by `value`, and set by its variable.
    for key in KEYS {
        let text = match key.shape {
            Shape::Flag => "false",
            Shape::Number => "1",
            Shape::List => "go",
            Shape::Json => "[]",
            Shape::Text if key.path == "remote.level" => "local",
            Shape::Text if matches!(key.path, "completion.context" | "completion.governor") => {
                "off"
            }
            Shape::Text if matches!(key.path, "audit.prompt" | "audit.answer") => "full",
            Shape::Text if key.path == "completion.menu" => "never",
            Shape::Text if key.path == "log.filter" => "info",
            Shape::Text if key.path == "reports.dsn" => "https://k@reports.example/1",
            Shape::Text if key.path == "reports.proxy" => "environment",
            Shape::Text => "/x",
        };
        let mut layers = Layers::default();
        layers.set_environment([(key.variable.to_owned(), text.to_owned())]);
        let resolved = layers.resolve();
        assert_eq!(
            resolved.origins.get(key.path),
            Some(&Layer::Environment),
            "{}",
            key.path
        );
        let shown = resolved.settings.value(key.path);
        let expected = read::parse(key, text);
        assert!(
            shown == expected || shown.as_f64() == expected.as_f64(),
            "{}: {shown}",
            key.path
        );
    }
}

#[test]
fn a_workspace_file_only_narrows_what_may_go_out() {
    let folder = tempfile::tempdir().unwrap();
    let user = "[remote]\nlevel = \"in-house\"\ndailyBudget = 2.0\nlocalOnly = [\"*.sql\"]\n\
                endpoints = [{ name = \"a\", baseUrl = \"https://a\", models = [{ name = \"m\" }] }]\n";
    let path = folder.path().join("config.toml");
    std::fs::write(&path, user).unwrap();
    let workspace = "[remote]\nenabled = true\nlevel = \"public\"\ndailyBudget = 5.0\nlocalOnly = [\"*.key\"]\n\
                     endpoints = [{ name = \"evil\", baseUrl = \"https://evil\", models = [{ name = \"m\" }] }]\n";
    let project = folder.path().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join(WORKSPACE_FILE), workspace).unwrap();
    let mut layers = Layers {
        user: read::file(&path, Layer::User(path.clone())),
        ..Layers::default()
    };
    layers.set_editor(&serde_json::json!({"foretoken": {"remote": {"level": "public", "endpoints": [{"name": "evil", "baseUrl": "https://evil", "models": [{"name": "m"}]}]}}}));
    layers.set_workspaces(&[project]);
    let resolved = layers.resolve();
    let remote = &resolved.settings.remote;
    assert_eq!(remote.level.code(), "in-house");
    assert_eq!(
        remote.daily_budget.map(|limit| limit.0),
        Some(2_000_000_000)
    );
    assert_eq!(remote.endpoints.names().collect::<Vec<_>>(), ["a"]);
    assert_eq!(remote.local_only.patterns().count(), 2);
    // One warning for each layer that tried.
    let warned = |key: &str| {
        resolved
            .problems
            .iter()
            .filter(|p| p.sentence.contains(key))
            .count()
    };
    assert_eq!(warned("`remote.endpoints`"), 2, "{:?}", resolved.problems);
}

#[test]
fn where_reports_go_is_said_by_the_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let evil = "[reports]\ndsn = \"https://k@evil.example/1\"\nproxy = \"https://evil.example\"\ncaFile = \"x\"\n";
    std::fs::write(folder.path().join(WORKSPACE_FILE), evil).unwrap();
    let pushed = serde_json::json!({"foretoken": {"reports": {"dsn": "https://k@evil.example/1"}}});
    let with = |user: &str| {
        std::fs::write(&path, user).unwrap();
        let mut layers = Layers {
            user: read::file(&path, Layer::User(path.clone())),
            ..Layers::default()
        };
        layers.set_initialization(&pushed);
        layers.set_editor(&pushed);
        layers.set_workspaces(&[folder.path().to_owned()]);
        layers.resolve()
    };
    let nobody = with("");
    assert_eq!(nobody.settings.reports, Settings::default().reports);
    assert_eq!(nobody.problems.len(), 3, "{:?}", nobody.problems);
    let own =
        with("[reports]\ndsn = \"https://k@house.example/1\"\ncaFile = \"ca.pem\"\n").settings;
    let origin = own.reports.dsn.map(|dsn| dsn.origin().to_string());
    assert_eq!(origin.as_deref(), Some("https://house.example"));
    assert_eq!(own.reports.ca_file, Some(folder.path().join("ca.pem")));
    let bad = with("[reports]\ndsn = \"http://k@house.example/1\"\n");
    assert_eq!(bad.settings.reports.dsn, None);
    let said = bad.problems[0].to_string();
    assert!(
        said.contains("plain http") && said.ends_with("nothing is reported."),
        "{said}"
    );
}

#[test]
fn files_that_are_no_configuration_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(WORKSPACE_FILE);
    let mut layers = Layers::default();
    let mut sentence = || {
        layers.set_workspaces(&[folder.path().to_owned()]);
        layers
            .resolve()
            .problems
            .iter()
            .map(ToString::to_string)
            .collect::<String>()
    };
    assert_eq!(sentence(), "");
    std::fs::create_dir(&file).unwrap();
    assert!(sentence().contains("not a regular file"));
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, "#".repeat(300 * 1024)).unwrap();
    assert!(sentence().contains("longer than 256 kB"));
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(sentence().contains("is ignored"));
}

#[test]
fn the_distance_counts_edits() {
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("menu", "menu"), 0);
    assert_eq!(distance("complettion", "completion"), 1);
    assert_eq!(distance("kitten", "sitting"), 3);
}
