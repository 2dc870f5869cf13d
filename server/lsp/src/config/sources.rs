//! Where models may be fetched from, in `model.sources` of the user file. `foretoken models add URL` asks
//! nobody else, so that a line which somebody copies from a page cannot name the place by itself.

use std::fmt;
use std::path::PathBuf;

use foretoken_remote::download;
use foretoken_remote::endpoint::Proxy;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// One place; all folders below it belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// http or https with a host; http only on this machine.
    pub url: String,
    /// How it is reached.
    #[serde(default)]
    pub proxy: Proxy,
    /// PEM file of the only authorities to trust here, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// All of them. Compared by what was written.
#[derive(Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl PartialEq for Sources {
    fn eq(&self, other: &Sources) -> bool {
        self.list == other.list
    }
}

impl Eq for Sources {}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.urls()).finish()
    }
}

impl Sources {
    /// The places of a list, and why others of it are left out. A text is a place without anything more.
    pub fn read(written: Vec<Value>) -> (Sources, Vec<String>) {
        let (mut list, mut problems) = (Vec::new(), Vec::new());
        for (at, value) in written.into_iter().enumerate() {
            let read = match value {
                Value::String(url) => Ok(Source {
                    url,
                    proxy: Proxy::default(),
                    ca_file: None,
                }),
                value => serde_json::from_value::<Source>(value).map_err(|error| error.to_string()),
            };
            let checked = read.and_then(|source| match download::folder(&source.url) {
                Ok(_) => Ok(source),
                Err(failure) => Err(failure.sentence("the source")),
            });
            match checked {
                Ok(source) => list.push(source),
                Err(reason) => {
                    problems.push(format!(
                        "the source number {} is ignored: {reason}.",
                        at + 1
                    ));
                }
            }
        }
        (Sources { list }, problems)
    }

    /// The place that a folder's address belongs to: of the same origin, and above it or the same.
    pub fn covering(&self, address: &str) -> Option<&Source> {
        let (url, origin) = download::folder(address).ok()?;
        self.list.iter().find(|source| {
            let Ok((above, theirs)) = download::folder(&source.url) else {
                return false;
            };
            let above = above.path().trim_end_matches('/');
            let below = url.path().strip_prefix(above);
            theirs == origin && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// As they were written.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|source| source.url.as_str())
    }
}

/// The form of a source in the file, for the schema.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum SourceSchema {
    /// Its address.
    Url(String),
    /// Its address, and how it is reached.
    Table(SourceTable),
}

/// A source with the way to it.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", inline, extend("additionalProperties" = false))]
#[expect(dead_code, reason = "the fields are read by the schema's maker only")]
pub struct SourceTable {
    /// Its address; whatever lies below it belongs to it.
    url: String,
    /// `none`, `environment` for what `HTTPS_PROXY` and its like say, or `{ url = "…" }`. Not set: `none`.
    proxy: Option<Value>,
    /// The file of the only authorities to trust here, instead of the system's, in PEM form.
    ca_file: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_folder_belongs_to_the_place_above_it() {
        let (sources, problems) = Sources::read(vec![
            json!("https://models.example.com/onnx/"),
            json!({"url": "http://127.0.0.1:8000", "proxy": "none"}),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        for inside in [
            "https://models.example.com/onnx",
            "https://MODELS.example.com:443/onnx/qwen/resolve/main",
            "http://127.0.0.1:8000/x",
        ] {
            assert!(sources.covering(inside).is_some(), "{inside}");
        }
        for outside in [
            "https://models.example.com/onnx-other/qwen",
            "https://models.example.com/onnx/../secret",
            "https://models.example.com.evil.example/onnx/qwen",
            "http://models.example.com/onnx/qwen",
            "https://u:p@models.example.com/onnx/qwen",
            "https://models.example.com/onnx/qwen?download=true",
            "http://127.0.0.1:8001/x",
            "qwen",
        ] {
            assert!(sources.covering(outside).is_none(), "{outside}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_asked_is_told_and_left_out() {
        let (sources, problems) = Sources::read(vec![
            json!("http://models.example.com/"),
            json!({"url": "https://a.example", "key": "x"}),
            json!(3),
            json!("https://b.example"),
        ]);
        assert_eq!(sources.urls().collect::<Vec<_>>(), ["https://b.example"]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].contains("plain http"), "{problems:?}");
    }
}
