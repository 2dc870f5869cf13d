//! The JSON schema of the settings, made from `options` and kept in `server/lsp/config.schema.json`
//! for editors that check `config.toml` and for the editors' packages. A test compares the two.

use serde_json::Value;

use super::options::Options;

/// The schema as indented JSON with a newline at the end.
pub fn text() -> String {
    let mut schema = schemars::schema_for!(Options).to_value();
    join_lines(&mut schema);
    let mut text = format!("{schema:#}");
    text.push('\n');
    text
}

/// Descriptions come from comments, whose line ends mean nothing.
fn join_lines(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    for (key, value) in map {
        match value {
            Value::String(text) if key == "description" => *text = text.replace('\n', " "),
            value => join_lines(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `FORETOKEN_BLESS=1` in the environment the file is written anew.
    #[test]
    fn the_schema_file_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
        if std::env::var_os("FORETOKEN_BLESS").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        let file = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            file == text(),
            "run the test again with FORETOKEN_BLESS=1 and commit {path}"
        );
    }
}
