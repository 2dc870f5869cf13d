//! The VS Code package against the server: its settings are made from the server's, its versions agree.
//! `FORETOKEN_BLESS=1` writes both files anew. The real editor is driven by the test binary `vscode`.

use std::path::PathBuf;

use foretoken::config::keys::{KEYS, Key, Shape};
use foretoken_tests::process::root;
use serde_json::{Map, Value, json};

fn folder() -> PathBuf {
    root().join("editors/vscode")
}

fn read(path: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Whatever names a file, a library or an address, and all that goes to the network, belongs to the
/// machine: a workspace cannot set it.
fn of_the_machine(key: &Key) -> bool {
    !key.editor || key.path.starts_with("remote.")
}

/// Replaces `$ref` by what it names; titles and formats mean nothing to the editor.
fn resolved<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix('#'))
    {
        Some(path) => schema.pointer(path).expect("a reference names something"),
        None => value,
    }
}

/// The value with every reference in it replaced: the editor follows none.
fn inlined(schema: &Value, value: &Value) -> Value {
    match resolved(schema, value) {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), inlined(schema, value)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().map(|item| inlined(schema, item)).collect(),
        other => other.clone(),
    }
}

/// One setting as the editor wants it described.
fn property(schema: &Value, key: &Key) -> Value {
    let (section, name) = key.path.split_once('.').expect("a section and a name");
    let section = resolved(schema, &schema["properties"][section]);
    let property = resolved(schema, &section["properties"][name]);
    let mut made = Map::new();
    let choices: Vec<&Value> = property["oneOf"].as_array().into_iter().flatten().collect();
    if choices.is_empty() {
        for field in ["type", "items", "minimum", "maximum", "default"] {
            if let Some(value) = property.get(field) {
                made.insert(field.to_owned(), inlined(schema, value));
            }
        }
    } else {
        made.insert("type".to_owned(), json!("string"));
        let texts = |field: &str| -> Value { choices.iter().map(|c| c[field].clone()).collect() };
        made.insert("enum".to_owned(), texts("const"));
        made.insert("enumDescriptions".to_owned(), texts("description"));
        made.insert("default".to_owned(), property["default"].clone());
    }
    if !made.contains_key("default") {
        // What is not set, is said to be so: the editor would else show a zero.
        match made["type"].as_str() {
            Some("string") => made.insert("default".to_owned(), json!("")),
            Some("array") => made.insert("default".to_owned(), json!([])),
            _ => {
                let kind = made["type"].clone();
                made.insert("type".to_owned(), json!([kind, "null"]));
                made.insert("default".to_owned(), Value::Null)
            }
        };
    }
    let about = &resolved(schema, &section["properties"][name])["description"];
    made.insert("markdownDescription".to_owned(), about.clone());
    let scope = if of_the_machine(key) {
        "machine"
    } else {
        "window"
    };
    made.insert("scope".to_owned(), json!(scope));
    made.into()
}

/// The settings of the package: its own two, then the server's in their order.
fn properties() -> Map<String, Value> {
    let schema = read(&root().join("server/lsp/config.schema.json"));
    let mut properties = Map::new();
    properties.insert("foretoken.path".to_owned(), json!({
        "type": "string",
        "default": "",
        "markdownDescription": "The server's program, as an absolute path. Not set: the one in this package, else `foretoken` on PATH.",
        "scope": "machine",
    }));
    properties.insert("foretoken.trace.server".to_owned(), json!({
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "markdownDescription": "Writes the messages to and from the server into the log. `verbose` holds your text.",
        "scope": "machine",
    }));
    for key in KEYS {
        properties.insert(format!("foretoken.{}", key.path), property(&schema, key));
    }
    properties
}

/// What the extension does with each: told as a setting, or put into the environment of the process.
fn routes() -> Value {
    let (told, environment): (Vec<&Key>, Vec<&Key>) = KEYS.iter().partition(|key| key.editor);
    let told: Vec<&str> = told.iter().map(|key| key.path).collect();
    let environment: Vec<Value> = environment
        .iter()
        .map(|key| json!({"key": key.path, "variable": key.variable, "list": key.shape == Shape::List}))
        .collect();
    json!({"editor": told, "environment": environment})
}

#[test]
fn the_settings_of_the_package_are_those_of_the_server() {
    let (manifest_path, routes_path) = (
        folder().join("package.json"),
        folder().join("src/settings.json"),
    );
    let mut manifest = read(&manifest_path);
    let wanted = properties();
    // In a folder that is not trusted none of its settings counts, whatever it is.
    let restricted: Vec<String> = wanted
        .iter()
        .filter(|(_, property)| property["scope"] != "machine")
        .map(|(name, _)| name.clone())
        .collect();
    if std::env::var_os("FORETOKEN_BLESS").is_some() {
        manifest["contributes"]["configuration"]["properties"] = wanted.clone().into();
        manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] =
            json!(restricted);
        std::fs::write(&manifest_path, format!("{manifest:#}\n")).unwrap();
        std::fs::write(&routes_path, format!("{:#}\n", routes())).unwrap();
    }
    let advice = "run the test again with FORETOKEN_BLESS=1 and commit editors/vscode";
    assert_eq!(
        manifest["contributes"]["configuration"]["properties"],
        Value::from(wanted),
        "{advice}"
    );
    assert_eq!(
        manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"],
        json!(restricted),
        "{advice}"
    );
    assert_eq!(read(&routes_path), routes(), "{advice}");
}

/// A workspace must not name a program, a file, a library or an address.
#[test]
fn what_could_be_loaded_or_reached_belongs_to_the_machine() {
    let properties = properties();
    for (name, property) in &properties {
        let words = [
            "path",
            "folder",
            "library",
            "onnxruntime",
            "remote",
            "log",
            "endpoint",
            "trace",
        ];
        let dangerous = words.iter().any(|word| name.to_lowercase().contains(word));
        assert!(
            !dangerous || property["scope"] == "machine",
            "{name}: {}",
            property["scope"]
        );
    }
    assert_eq!(
        properties["foretoken.completion.enabled"]["scope"],
        "window"
    );
}

#[test]
fn the_package_carries_the_version_of_the_server_and_no_name_twice() {
    let manifest = read(&folder().join("package.json"));
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let titles: Vec<&str> = manifest["contributes"]["commands"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|command| command["title"].as_str())
        .collect();
    let mut once = titles.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), titles.len());
    // The oldest editor that is promised is the one whose interface is compiled against.
    let engine = manifest["engines"]["vscode"].as_str().unwrap();
    let types = manifest["devDependencies"]["@types/vscode"]
        .as_str()
        .unwrap();
    assert_eq!(engine.trim_start_matches('^'), types);
}

/// Lock files name packages and their hashes, never a host: each client has its own registry.
#[test]
fn lock_files_name_no_registry() {
    for file in [
        "editors/vscode/package-lock.json",
        "tests/protocol/package-lock.json",
        "tests/vscode/package-lock.json",
    ] {
        let lock = read(&root().join(file));
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 10, "{file}");
        for (name, package) in packages {
            assert!(package.get("resolved").is_none(), "{file}: {name}");
            let ours = name.is_empty();
            assert!(
                ours || package.get("integrity").is_some(),
                "{file}: {name} has no hash"
            );
        }
    }
}
