//! Graphs as their inputs and outputs: what is recognised, and what is refused in which words.

use super::{Element, Graph, KV_BYTES, Mode, Names, Rows, Shape};
use crate::package::{Dim, Facts, Port};

/// `"b,2,past,64"`: numbers are fixed, all else is a name.
fn port(name: &str, element: u64, shape: &str) -> Port {
    let dims = shape.split(',').filter(|dim| !dim.is_empty());
    Port {
        name: name.into(),
        element,
        shape: Some(
            dims.map(|dim| {
                dim.parse()
                    .map_or_else(|_| Dim::Named(dim.into()), Dim::Fixed)
            })
            .collect(),
        ),
    }
}

/// Optimum's graph of so many layers, whose past has this shape.
fn optimum(layers: usize, past: &str) -> Facts {
    let mut facts = Facts {
        inputs: vec![
            port("input_ids", 7, "b,s"),
            port("attention_mask", 7, "b,t"),
        ],
        outputs: vec![port("logits", 1, "b,s,512")],
        ..Facts::default()
    };
    for layer in 0..layers {
        for part in ["key", "value"] {
            facts
                .inputs
                .push(port(&format!("past_key_values.{layer}.{part}"), 1, past));
            facts
                .outputs
                .push(port(&format!("present.{layer}.{part}"), 1, past));
        }
    }
    facts
}

fn read(facts: &Facts) -> Result<Graph, String> {
    Graph::read(facts, &Names::default(), Shape::default(), 64).map_err(|error| error.to_string())
}

fn refused(facts: &Facts, part: &str) {
    let error = read(facts).expect_err(part);
    assert!(error.contains(part), "{error}");
}

const USUAL: &str = "b,2,past,16";

#[test]
fn an_export_of_optimum_is_carried_on_by_concatenation() {
    let graph = read(&optimum(11, USUAL)).expect("known");
    assert_eq!(graph.mode, Mode::Concat);
    assert_eq!(graph.rows, Rows::All);
    assert_eq!((graph.vocabulary, graph.pasts.len()), (Some(512), 22));
    assert!(graph.mask.is_some() && graph.positions_input.is_none() && graph.branch.is_none());
    // The tenth layer is the tenth, not the second.
    assert_eq!(graph.pasts[20].input, "past_key_values.10.key");
    assert_eq!(graph.pasts[20].output, "present.10.key");
    assert_eq!(graph.pasts[0].shape_of(7), [1, 2, 7, 16]);
    assert_eq!(graph.pasts[0].stretches(), (16, 2));
    assert_eq!(graph.slot_bytes(), 22 * 2 * 64 * 16 * 4);
}

#[test]
fn grouped_attention_shares_its_buffers() {
    let mut facts = optimum(2, USUAL);
    facts.operators.insert("GroupQueryAttention".into());
    assert_eq!(read(&facts).expect("known").mode, Mode::Shared);
    facts.rotary = vec![48];
    assert_eq!(
        read(&facts).expect("known").positions,
        48,
        "the table of positions ends there"
    );
}

#[test]
fn optional_inputs_are_given_exactly_when_asked_for() {
    let mut facts = optimum(1, USUAL);
    facts.inputs.push(port("position_ids", 7, "b,s"));
    facts.inputs.push(port("num_logits_to_keep", 7, ""));
    facts.inputs.push(port("use_cache_branch", 9, "1"));
    let graph = read(&facts).expect("known");
    assert!(graph.positions_input.is_some_and(|numbers| numbers.wide));
    assert_eq!(graph.branch.as_deref(), Some("use_cache_branch"));
    assert!(matches!(graph.rows, Rows::Asked(_, 0)));
    facts.inputs[0] = port("input_ids", 6, "b,s");
    assert!(!read(&facts).expect("known").ids.wide);
}

#[test]
fn a_pruned_head_and_half_precision_are_seen() {
    let mut facts = optimum(1, USUAL);
    facts.outputs[0] = port("logits", 10, "b,1,512");
    for port in facts.inputs.iter_mut().skip(2) {
        port.element = 10;
    }
    let graph = read(&facts).expect("known");
    assert_eq!(
        (graph.rows, graph.logits_element),
        (Rows::Last, Element::F16)
    );
    assert_eq!(graph.pasts[0].bytes(10), 2 * 10 * 16 * 2);
}

#[test]
fn a_past_of_fixed_length_needs_an_operator_that_says_where_it_writes() {
    let mut facts = optimum(1, "1,2,32,16");
    refused(&facts, "fixed length");
    facts.operators.insert("GroupQueryAttention".into());
    let graph = read(&facts).expect("known");
    assert_eq!((graph.positions, graph.fixed_positions), (32, Some(32)));
    facts.inputs[3] = port("past_key_values.0.value", 1, "1,2,8,16");
    refused(&facts, "cannot be rewound");
}

#[test]
fn combined_and_renamed_pasts_are_found_by_their_templates() {
    let mut facts = optimum(0, "");
    facts.inputs.push(port("past_0", 1, "2,b,2,t,16"));
    facts.outputs.push(port("present_0", 1, "2,b,2,t,16"));
    let names = Names {
        pasts: vec![("past_%d".into(), "present_%d".into())],
        ..Names::default()
    };
    let graph = Graph::read(&facts, &names, Shape::default(), 64).expect("known");
    assert_eq!(graph.pasts[0].shape_of(5), [2, 1, 2, 5, 16]);
    assert_eq!(graph.pasts[0].stretches(), (16, 4));
    // Old StarCoder exports keep key and value in one row.
    let mut facts = optimum(0, "");
    facts
        .inputs
        .push(port("past_key_values.0.key_value", 1, "b,t,32"));
    facts.outputs.push(port("present.0.key_value", 1, "b,t,32"));
    let graph = read(&facts).expect("known");
    assert_eq!(
        (graph.pasts[0].axis, graph.pasts[0].stretches()),
        (1, (32, 1))
    );
}

#[test]
fn what_a_graph_leaves_open_comes_from_the_configuration() {
    let facts = optimum(1, "b,h,t,d");
    refused(&facts, "config.json");
    let shape = Shape {
        heads: Some(3),
        head_size: Some(8),
        vocabulary: Some(100),
    };
    let graph = Graph::read(&facts, &Names::default(), shape, 64).expect("known");
    assert_eq!(graph.pasts[1].shape_of(4), [1, 3, 4, 8]);
}

#[test]
fn unknown_inputs_are_refused_by_name_type_and_shape() {
    let with = |name: &str, element: u64, shape: &str| {
        let mut facts = optimum(1, USUAL);
        facts.inputs.push(port(name, element, shape));
        facts
    };
    refused(
        &with("token_type_ids", 7, "b,s"),
        "token_type_ids (i64 [b, s])",
    );
    refused(&with("past_conv.0", 1, "b,64,4"), "cannot be rewound");
    refused(
        &with("past_ssm.3", 1, "b,64,4"),
        "past_ssm.3 (f32 [b, 64, 4])",
    );
    refused(
        &with("encoder_hidden_states", 1, "b,s,64"),
        "encoder-decoder",
    );
    refused(&with("inputs_embeds", 1, "b,s,64"), "more than text");
    refused(&with("num_logits_to_keep", 7, "b,s"), "num_logits_to_keep");
    refused(
        &with("past_key_values.1.key", 3, USUAL),
        "past_key_values.1.key",
    );
    let mut flat = optimum(1, USUAL);
    flat.inputs[1] = port("attention_mask", 7, "b,1,s,t");
    refused(&flat, "attention_mask");
    flat.inputs[1] = port("attention_mask", 9, "b,t");
    refused(&flat, "attention_mask (bool [b, t])");
}

#[test]
fn missing_parts_are_named() {
    refused(&optimum(0, ""), "no KV cache");
    let mut facts = optimum(2, USUAL);
    facts.inputs.remove(3);
    refused(&facts, "has no partner");
    let mut facts = optimum(2, USUAL);
    facts.inputs.pop();
    refused(&facts, "lacks a part");
    let mut facts = optimum(2, USUAL);
    facts.outputs.pop();
    refused(&facts, "past_key_values.1.value has no partner");
    let mut facts = optimum(2, USUAL);
    facts.outputs.remove(0);
    refused(&facts, "no logits");
    let mut facts = optimum(2, USUAL);
    facts.inputs.remove(0);
    refused(&facts, "no input_ids");
}

/// `GroupQueryAttention` of so many layers with 2 heads of 64 floats.
fn shared(layers: usize, positions: usize) -> Graph {
    let mut facts = optimum(layers, "b,2,t,64");
    facts.operators.insert("GroupQueryAttention".into());
    Graph::read(&facts, &Names::default(), Shape::default(), positions).expect("known")
}

#[test]
fn slots_are_as_many_as_fit_into_memory() {
    assert_eq!(shared(12, 1536).slot_bytes(), 18_874_368);
    assert_eq!(shared(12, 1536).slots(4, 1536, KV_BYTES), Ok(4));
    assert_eq!(shared(12, 1536).slots(1, 512, KV_BYTES), Ok(1));
    let large = shared(12, 1 << 15);
    let fit = large.slots(9, 1 << 15, KV_BYTES).expect("some fit");
    assert_eq!(fit, KV_BYTES / large.slot_bytes());
    assert!((1..9).contains(&fit));
}

#[test]
fn a_graph_that_takes_all_memory_or_holds_too_little_is_refused() {
    for positions in [1 << 20, usize::MAX] {
        let refusal = shared(12, positions).slots(4, 1536, KV_BYTES);
        let refusal = refusal.expect_err("too large");
        assert!(refusal.to_string().contains("MB of memory"), "{refusal}");
    }
    let refusal = shared(12, 256)
        .slots(4, 512, KV_BYTES)
        .expect_err("too few");
    assert_eq!(
        refusal.to_string(),
        "This model cannot be used: its graph holds 256 positions, and its manifest promises 512."
    );
}

#[test]
fn a_shape_of_a_million_millions_takes_no_memory_to_refuse() {
    let mut facts = optimum(1, "1,2,1000000000000,64");
    facts.operators.insert("GroupQueryAttention".into());
    let graph = read(&facts).expect("well-formed");
    assert!(graph.slots(1, 64, KV_BYTES).is_err());
}
