//! The configuration files beside a graph: `config.json`, `generation_config.json`,
//! `tokenizer_config.json` (huggingface/transformers) and `genai_config.json` (microsoft/
//! onnxruntime-genai `src/config.h`). All of it is optional, and read only for what the graph leaves
//! open; unknown keys are passed over, and a value of another type than it should have counts as absent.

use std::path::Path;

use serde_json::Value;

use super::{PackageError, files};
use crate::graph::{Names, Shape};

/// Bytes of one configuration file.
pub(super) const CONFIG_BYTES: u64 = 1 << 20;
/// All of them.
pub(super) const NAMES: [&str; 4] = [
    "config.json",
    "genai_config.json",
    "generation_config.json",
    "tokenizer_config.json",
];

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Configs {
    /// `model_type`.
    pub(super) kind: Option<String>,
    pub(super) shape: Shape,
    /// Positions that the model was trained for.
    pub(super) positions: Option<usize>,
    /// Ids that end a text.
    pub(super) eos: Vec<u32>,
    /// The token that begins a text: `Some("")` for none, `None` where nothing is said.
    pub(super) bos: Option<String>,
    /// Names of inputs and outputs, and the graph's file.
    pub(super) genai: Option<(Names, String)>,
    /// Whether it is a model of two halves.
    pub(super) is_encoder_decoder: bool,
}

/// Reads what is there.
///
/// # Errors
/// `TooLarge`, `Forbidden` and `Missing` for a file that is there and cannot be read; `Unreadable` for
/// one that is no JSON object.
pub(super) fn read(folder: &Path) -> Result<Configs, PackageError> {
    let json = |name: &str| -> Result<Value, PackageError> {
        let Some(bytes) = files::optional(folder, name, CONFIG_BYTES)? else {
            return Ok(Value::Null);
        };
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| PackageError::unreadable(name, &error.to_string()))?;
        match value.is_object() {
            true => Ok(value),
            false => Err(PackageError::unreadable(name, "it is no JSON object")),
        }
    };
    let mut configs = Configs::default();
    configs.take_model(&json("config.json")?);
    configs.take_genai(&json("genai_config.json")?);
    configs.take_eos(&json("generation_config.json")?["eos_token_id"]);
    configs.take_tokenizer(&json("tokenizer_config.json")?);
    configs.eos.sort_unstable();
    configs.eos.dedup();
    Ok(configs)
}

impl Configs {
    /// How the graph names its inputs and outputs.
    pub(super) fn names(&self) -> Names {
        let genai = self.genai.as_ref();
        genai.map_or_else(Names::default, |(names, _)| names.clone())
    }

    fn take_model(&mut self, config: &Value) {
        self.kind = config["model_type"].as_str().map(str::to_owned);
        self.is_encoder_decoder = config["is_encoder_decoder"].as_bool() == Some(true);
        self.take_eos(&config["eos_token_id"]);
        // A model of several parts keeps the language model's own in a part.
        let config = match config["text_config"].is_object() {
            true => &config["text_config"],
            false => config,
        };
        let number = |names: &[&str]| names.iter().find_map(|name| count(&config[*name]));
        let heads = number(&["num_attention_heads", "n_head"]);
        let single = config["multi_query"].as_bool() == Some(true);
        let hidden = number(&["hidden_size", "n_embd"]);
        let divided = hidden
            .zip(heads)
            .map(|(hidden, heads)| hidden / heads.max(1));
        self.shape = Shape {
            heads: number(&["num_key_value_heads"])
                .or(single.then_some(1))
                .or(heads),
            head_size: number(&["head_dim"]).or(divided),
            vocabulary: number(&["vocab_size"]),
        };
        self.positions = number(&["max_position_embeddings", "n_positions", "n_ctx"]);
    }

    fn take_genai(&mut self, config: &Value) {
        let model = &config["model"];
        if !model.is_object() {
            return;
        }
        self.kind = self
            .kind
            .take()
            .or(model["type"].as_str().map(str::to_owned));
        self.take_eos(&model["eos_token_id"]);
        self.is_encoder_decoder |= model["encoder"].is_object();
        let decoder = &model["decoder"];
        let shape = Shape {
            heads: count(&decoder["num_key_value_heads"]),
            head_size: count(&decoder["head_size"]),
            vocabulary: count(&model["vocab_size"]),
        };
        self.shape = Shape {
            heads: shape.heads.or(self.shape.heads),
            head_size: shape.head_size.or(self.shape.head_size),
            vocabulary: shape.vocabulary.or(self.shape.vocabulary),
        };
        self.positions = count(&model["context_length"]).or(self.positions);
        let file = decoder["filename"].as_str().unwrap_or("model.onnx");
        self.genai = Some((genai_names(decoder), file.to_owned()));
    }

    fn take_eos(&mut self, value: &Value) {
        let ids = match value {
            Value::Array(ids) => &ids[..],
            one => std::slice::from_ref(one),
        };
        let ids = ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok());
        self.eos.extend(ids);
    }

    fn take_tokenizer(&mut self, config: &Value) {
        let bos = &config["bos_token"];
        let spelled = bos.as_str().or(bos["content"].as_str());
        self.bos = match config["add_bos_token"].as_bool() {
            Some(true) => spelled.map(str::to_owned),
            Some(false) => Some(String::new()),
            None => None,
        };
    }
}

/// Names by `model.decoder.inputs` and `.outputs`; what is not said is as everywhere.
fn genai_names(decoder: &Value) -> Names {
    let usual = Names::default();
    let (inputs, outputs) = (&decoder["inputs"], &decoder["outputs"]);
    let name = |value: &Value, usual: &str| value.as_str().unwrap_or(usual).to_owned();
    let parts = ["key", "value"].map(|part| {
        let past = name(
            &inputs[format!("past_{part}_names")],
            &format!("past_key_values.%d.{part}"),
        );
        let present = name(
            &outputs[format!("present_{part}_names")],
            &format!("present.%d.{part}"),
        );
        (past, present)
    });
    let combined = inputs["past_names"].as_str().map(|past| {
        let present = name(&outputs["present_names"], "present_%d");
        (past.to_owned(), present)
    });
    Names {
        ids: name(&inputs["input_ids"], &usual.ids),
        mask: name(&inputs["attention_mask"], &usual.mask),
        positions: name(&inputs["position_ids"], &usual.positions),
        logits: name(&outputs["logits"], &usual.logits),
        pasts: parts.into_iter().chain(combined).collect(),
    }
}

/// A positive whole number.
fn count(value: &Value) -> Option<usize> {
    value
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Configs, read};

    fn of(files: &[(&str, &str)]) -> Configs {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("write");
        }
        read(folder.path()).expect("readable")
    }

    #[test]
    fn heads_and_their_size_come_from_whichever_keys_a_family_uses() {
        let qwen = of(&[(
            "config.json",
            r#"{"model_type": "qwen2", "hidden_size": 896, "num_attention_heads": 14, "num_key_value_heads": 2,
                "max_position_embeddings": 32768, "vocab_size": 151936, "eos_token_id": 151643}"#,
        )]);
        assert_eq!(
            (qwen.shape.heads, qwen.shape.head_size),
            (Some(2), Some(64))
        );
        assert_eq!((qwen.positions, qwen.eos), (Some(32768), vec![151_643]));
        let bigcode = of(&[(
            "config.json",
            r#"{"model_type": "gpt_bigcode", "n_embd": 768, "n_head": 12, "multi_query": true, "n_positions": 8192}"#,
        )]);
        assert_eq!(
            (bigcode.shape.heads, bigcode.shape.head_size),
            (Some(1), Some(64))
        );
        let gemma = of(&[(
            "config.json",
            r#"{"num_attention_heads": 8, "head_dim": 256, "hidden_size": 2048}"#,
        )]);
        assert_eq!(
            (gemma.shape.heads, gemma.shape.head_size),
            (Some(8), Some(256))
        );
    }

    #[test]
    fn ends_are_united_and_the_begin_is_said_or_not() {
        let files = |bos: &'static str| {
            [
                ("config.json", r#"{"eos_token_id": 2}"#),
                (
                    "generation_config.json",
                    r#"{"eos_token_id": [5, 2, -1, "x"]}"#,
                ),
                ("tokenizer_config.json", bos),
            ]
        };
        let said = of(&files(
            r#"{"add_bos_token": true, "bos_token": {"content": "<s>"}}"#,
        ));
        assert_eq!((said.eos, said.bos.as_deref()), (vec![2, 5], Some("<s>")));
        assert_eq!(
            of(&files(r#"{"add_bos_token": false}"#)).bos.as_deref(),
            Some("")
        );
        assert_eq!(of(&files("{}")).bos, None);
    }

    #[test]
    fn genai_names_what_it_names_otherwise() {
        let config = r#"{"model": {"type": "qwen2", "context_length": 4096, "eos_token_id": [1, 2], "decoder": {
            "filename": "decoder.onnx", "head_size": 16, "num_key_value_heads": 2,
            "inputs": {"input_ids": "ids", "past_key_names": "past_%d_k", "past_names": "past_%d"},
            "outputs": {"logits": "out", "present_key_names": "present_%d_k"}}}}"#;
        let genai = of(&[("genai_config.json", config)]);
        let (names, file) = genai.genai.expect("there");
        assert_eq!(
            (names.ids.as_str(), names.mask.as_str()),
            ("ids", "attention_mask")
        );
        assert_eq!(
            (names.logits.as_str(), file.as_str()),
            ("out", "decoder.onnx")
        );
        assert_eq!(names.pasts[0], ("past_%d_k".into(), "present_%d_k".into()));
        assert_eq!(names.pasts[1].0, "past_key_values.%d.value");
        assert_eq!(names.pasts[2], ("past_%d".into(), "present_%d".into()));
        assert_eq!(
            (genai.positions, genai.shape.head_size),
            (Some(4096), Some(16))
        );
    }

    #[test]
    fn what_has_another_type_counts_as_absent() {
        let odd = of(&[
            (
                "config.json",
                r#"{"model_type": 7, "hidden_size": "x", "num_attention_heads": 0, "vocab_size": -4}"#,
            ),
            ("genai_config.json", r#"{"model": []}"#),
        ]);
        assert_eq!(odd, Configs::default());
        let folder = tempfile::tempdir().expect("a folder");
        for content in ["", "[1]", "\u{80}", "{\"a\": "] {
            fs::write(folder.path().join("config.json"), content).expect("write");
            assert_eq!(
                read(folder.path()).expect_err(content).code(),
                "bad-package"
            );
        }
    }
}
