//! Why a graph cannot be used, in a sentence that says what it is.

use crate::package::{PackageError, Port};

/// Parts of names that tell what a graph is, with that as the end of a sentence.
const KNOWN: [(&[&str], &str); 4] = [
    (
        &[
            "past_conv",
            "past_ssm",
            "past_recurrent",
            "conv_state",
            "ssm_state",
            "cache_params",
            "recurrent_state",
        ],
        "its layers keep a state that cannot be rewound to an earlier place of the text",
    ),
    (
        &[
            "encoder_hidden_states",
            "encoder_attention_mask",
            "decoder_input_ids",
            "encoder_outputs",
            ".encoder.",
        ],
        "it is the half of an encoder-decoder model, and only models of one part are run",
    ),
    (
        &[
            "inputs_embeds",
            "pixel_values",
            "image",
            "audio",
            "per_layer_inputs",
        ],
        "it is one part of a model that takes more than text, and it needs the others",
    ),
    (
        &["beam", "cache_indirection"],
        "it was exported for a search with several beams; export it for one",
    ),
];

/// An input that is not known.
pub(super) fn unknown(input: &Port) -> PackageError {
    let what = KNOWN
        .iter()
        .find(|(names, _)| names.iter().any(|name| input.name.contains(name)));
    let known = what.map(|(_, what)| format!("{what}; "));
    PackageError::unsupported(&format!(
        "{}its graph has the input {input}",
        known.unwrap_or_default()
    ))
}

/// A past whose shape leaves open which dimension is the position.
pub(super) fn shape(input: &Port) -> PackageError {
    PackageError::unsupported(&format!(
        "the shape of its input {input} leaves heads, positions or head size open, and no config.json \
         beside it tells them"
    ))
}
