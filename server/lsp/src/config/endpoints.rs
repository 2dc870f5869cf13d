//! The remote models that the user named, in `[[remote.endpoints]]` of the user file. An endpoint with a
//! mistake is left out whole, with a sentence: half an endpoint could send text to the wrong place.

use std::collections::BTreeSet;
use std::fmt;

use foretoken_engine::route::NanoUsd;
use foretoken_remote::endpoint::Endpoint;
use schemars::JsonSchema;
use serde_json::Value;

/// Where models are served, as the user declared it. Compared by what was written.
#[derive(Clone, Default)]
pub struct Endpoints {
    list: Vec<Endpoint>,
    written: Vec<Value>,
}

impl PartialEq for Endpoints {
    fn eq(&self, other: &Endpoints) -> bool {
        self.written == other.written
    }
}

impl fmt::Debug for Endpoints {
    /// Their names only: what was written may hold headers that are as secret as keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Endpoints {
    /// The endpoints of a list, and why others of it are left out.
    pub fn read(written: Vec<Value>) -> (Endpoints, Vec<String>) {
        let (mut list, mut problems) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        for (at, value) in written.iter().enumerate() {
            let name = value.get("name").and_then(Value::as_str);
            let shown = name.map_or(format!("number {}", at + 1), |name| format!("{name:?}"));
            let read = serde_json::from_value::<Endpoint>(value.clone())
                .map_err(|error| error.to_string())
                .and_then(checked);
            match read {
                Ok(endpoint) if !names.insert(endpoint.name.clone()) => {
                    problems.push(format!(
                        "the endpoint {shown} is ignored: its name is taken."
                    ));
                }
                Ok(endpoint) => list.push(endpoint),
                Err(reason) => {
                    problems.push(format!("the endpoint {shown} is ignored: {reason}."));
                }
            }
        }
        (Endpoints { list, written }, problems)
    }

    /// In the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Endpoint> {
        self.list.iter()
    }

    /// Whether there is nobody to ask.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The user's names for them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|endpoint| endpoint.name.as_str())
    }
}

fn checked(endpoint: Endpoint) -> Result<Endpoint, String> {
    if endpoint.name.is_empty() || endpoint.name.contains('/') {
        return Err("its `name` is empty or holds a slash".to_owned());
    }
    if endpoint.models.is_empty() {
        return Err("it has no `models`".to_owned());
    }
    match endpoint.target() {
        Ok(_) => Ok(endpoint),
        Err(failure) => Err(failure
            .sentence(&endpoint.name)
            .trim_end_matches('.')
            .to_owned()),
    }
}

/// Dollars as a whole number of billionths; `None` where they are no price.
pub fn dollars(amount: f64) -> Option<NanoUsd> {
    let fits = (0.0..=1e6).contains(&amount);
    fits.then(|| NanoUsd((amount * 1e9).round() as u64))
}

/// The form of an endpoint in the file, for the schema; `foretoken_remote` reads it.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", extend("additionalProperties" = false))]
#[expect(dead_code, reason = "the fields are read by the schema's maker only")]
pub struct EndpointSchema {
    /// Your name for it.
    name: String,
    /// Its base address, such as `http://127.0.0.1:4000/v1` or `https://api.anthropic.com`.
    base_url: String,
    /// `openai` for chat completions, which vLLM, LiteLLM, Ollama and llama.cpp speak too, or
    /// `anthropic` for messages.
    wire: Option<String>,
    /// Where it is: `public` for anywhere, `in-house` for your organisation's, `local` for this machine.
    /// An address does not say it, since a proxy on this machine usually forwards. Not set: `public`.
    class: Option<String>,
    /// What it serves.
    models: Vec<ModelSchema>,
    /// Where its key comes from: `none`, `env:NAME`, `file` or `keychain`.
    key: Option<String>,
    /// Where it computes, for `remote.region`.
    region: Option<String>,
    /// Headers that are sent with every request, as secret as the key.
    headers: Option<std::collections::BTreeMap<String, String>>,
    /// The file of the only authorities to trust here, instead of the system's, in PEM form.
    ca_file: Option<String>,
    /// How it is reached: `"none"` for directly, whatever the environment says, `"environment"` for what
    /// `HTTPS_PROXY` and its like say, or `{ url = "http://proxy:3128" }`. Not set: `"none"`.
    proxy: Option<ProxySchema>,
    /// What its server does otherwise than most.
    dialect: Option<DialectSchema>,
    /// Milliseconds until its first text, where it thinks first.
    first_text_ms: Option<u64>,
    /// Whether it is a LiteLLM proxy, which then is told the task of each request as a tag.
    litellm: Option<bool>,
}

/// The form of a proxy in the file.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "read by the schema's maker only")]
enum ProxySchema {
    /// Directly.
    None,
    /// By the environment.
    Environment,
    /// Through this address.
    Url(String),
}

/// The form of a dialect in the file.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", inline, extend("additionalProperties" = false))]
#[expect(dead_code, reason = "the fields are read by the schema's maker only")]
struct DialectSchema {
    /// The cap is sent as `max_completion_tokens`, which some models want instead of `max_tokens`.
    max_completion_tokens: Option<bool>,
    /// `stream_options` is left out, which some servers refuse.
    no_stream_options: Option<bool>,
    /// The system text goes in front of the first message, where a template has no system role.
    no_system_role: Option<bool>,
    /// `temperature` is left out, which reasoning models refuse.
    no_temperature: Option<bool>,
    /// The number of the installation is left out.
    no_user: Option<bool>,
}

/// The form of a model in the file.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", inline, extend("additionalProperties" = false))]
#[expect(dead_code, reason = "the fields are read by the schema's maker only")]
struct ModelSchema {
    /// Its name on the wire.
    name: String,
    /// `small`, `medium` or `large`: harder questions go to larger models. Not set: `medium`.
    tier: Option<String>,
    /// Tokens of prompt and answer together. Not set: 32768.
    window: Option<u64>,
    /// US dollars for a million tokens; needed where a budget is set.
    price: Option<PriceSchema>,
    /// Whether it can call tools, which `remote.tools` allows. Not set: false.
    tools: Option<bool>,
}

/// The form of a price in the file.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase", inline, extend("additionalProperties" = false))]
#[expect(dead_code, reason = "the fields are read by the schema's maker only")]
struct PriceSchema {
    /// Of the prompt.
    input: f64,
    /// Of what of the prompt the provider still had.
    cached: Option<f64>,
    /// Of the answer.
    output: f64,
}

#[cfg(test)]
mod tests {
    use foretoken_engine::privacy::Reach;
    use foretoken_engine::route::Tier;
    use foretoken_remote::endpoint::Proxy;
    use foretoken_remote::wire::Wire;
    use serde_json::json;

    use super::*;

    fn from_toml(text: &str) -> (Endpoints, Vec<String>) {
        let table: Value = toml::from_str(text).unwrap();
        Endpoints::read(table["endpoints"].as_array().unwrap().clone())
    }

    #[test]
    fn an_endpoint_in_full_and_in_short() {
        let (endpoints, problems) = from_toml(
            r#"
            [[endpoints]]
            name = "house"
            baseUrl = "https://models.example/v1"
            wire = "anthropic"
            class = "in-house"
            key = "env:HOUSE_KEY"
            region = "eu"
            headers = { x-team = "core" }
            firstTextMs = 4000
            litellm = true
            [[endpoints.models]]
            name = "little"
            tier = "small"
            window = 32000
            price = { input = 0.15, output = 0.6 }
            [[endpoints]]
            name = "ollama"
            baseUrl = "http://127.0.0.1:11434/v1"
            models = [{ name = "coder" }]
            "#,
        );
        assert_eq!(problems, [""; 0]);
        let all: Vec<_> = endpoints.iter().collect();
        assert_eq!(
            (all[0].models[0].tier, all[0].wire),
            (Tier::Small, Wire::Anthropic)
        );
        // What was not declared is taken for the wider.
        assert_eq!((all[1].class, all[1].wire), (Reach::Public, Wire::OpenAi));
        assert_eq!(format!("{endpoints:?}"), r#"["house", "ollama"]"#);
    }

    #[test]
    fn a_mistake_costs_its_endpoint_and_says_what_it_is() {
        let model = json!([{"name": "m"}]);
        let (endpoints, problems) = Endpoints::read(vec![
            json!({"name": "good", "baseUrl": "https://a", "models": model}),
            json!({"name": "good", "baseUrl": "https://b", "models": model}),
            json!({"name": "slip", "baseUrl": "https://b", "modles": model}),
            json!({"baseUrl": "https://c", "models": []}),
            json!({"name": "ftp", "baseUrl": "ftp://c", "models": model}),
            json!({"name": "plain", "baseUrl": "http://models.example", "models": model}),
            json!(7),
        ]);
        assert_eq!(endpoints.names().collect::<Vec<_>>(), ["good"]);
        let words = [
            "taken",
            "modles",
            "number 4",
            "\"ftp\"",
            "\"plain\"",
            "number 7",
        ];
        assert_eq!(problems.len(), words.len());
        for (problem, word) in problems.iter().zip(words) {
            assert!(problem.contains(word), "{problem}");
        }
    }

    /// Every key of the schema is one that is read, and the other way about.
    #[test]
    fn the_schema_names_what_is_read() {
        let schema = schemars::schema_for!(EndpointSchema);
        let mut keys: Vec<&str> = schema.as_value()["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        let error = serde_json::from_value::<Endpoint>(json!({"?": 1})).unwrap_err();
        let said = error.to_string();
        let mut read: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        read.sort_unstable();
        assert_eq!(keys, read);
    }

    #[test]
    fn a_proxy_and_a_dialect_are_read_as_the_schema_says() {
        let (endpoints, problems) = from_toml(
            r#"
            [[endpoints]]
            name = "house"
            baseUrl = "https://models.example/v1"
            models = [{ name = "coder" }]
            proxy = { url = "http://proxy.example:3128" }
            dialect = { maxCompletionTokens = true, noTemperature = true }
            [[endpoints]]
            name = "other"
            baseUrl = "https://models.example/v1"
            models = [{ name = "coder" }]
            proxy = "environment"
            "#,
        );
        assert_eq!(problems, [""; 0]);
        let all: Vec<_> = endpoints.iter().collect();
        let url = Proxy::Url("http://proxy.example:3128".to_owned());
        assert_eq!((&all[0].proxy, &all[1].proxy), (&url, &Proxy::Environment));
        let dialect = all[0].dialect;
        assert!(dialect.max_completion_tokens && dialect.no_temperature && !dialect.no_user);
        let schema = schemars::schema_for!(EndpointSchema);
        let property = |name: &str| schema.as_value()["properties"][name].to_string();
        for (name, words) in [
            ("proxy", &["none", "environment", "url"][..]),
            (
                "dialect",
                &["maxCompletionTokens", "noSystemRole", "noUser"],
            ),
        ] {
            assert!(
                words.iter().all(|word| property(name).contains(word)),
                "{}",
                property(name)
            );
        }
    }
}
