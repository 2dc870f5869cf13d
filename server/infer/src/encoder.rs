//! Runs a package that reads: one text at a time, since on a processor a batch gains nothing, so that whoever
//! asks can stop between two. The graph's inputs are told by name; one that is not known is a refusal.

use std::fmt;
use std::path::Path;

use ort::session::SessionInputValue;
use ort::session::builder::SessionBuilder;
use ort::value::Tensor;
use tokenizers::Tokenizer;

use crate::library::{self, Places};
use crate::package::PackageError;
use crate::package::encoder::{EncoderManifest, EncoderPackage, Pooling, Purpose};
use crate::state::Unavailable;

/// How far a golden number may be off: another processor rounds otherwise, and int8 kernels differ.
const TOLERANCE: f32 = 0.02;

/// What a text is to an embedder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// What is asked.
    Question,
    /// What may answer it.
    Passage,
}

/// One loaded package with its session, which one thread at a time may ask.
pub struct Encoder {
    manifest: EncoderManifest,
    tokenizer: Tokenizer,
    session: ort::session::Session,
    inputs: Vec<Input>,
    output: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Input {
    fn named(name: &str) -> Option<Input> {
        match name {
            "input_ids" => Some(Input::Ids),
            "attention_mask" => Some(Input::Mask),
            "token_type_ids" => Some(Input::Types),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Input::Ids => "input_ids",
            Input::Mask => "attention_mask",
            Input::Types => "token_type_ids",
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("manifest", &self.manifest)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Loads a package from a folder and asks it what its manifest says that it answers. One thread, which
    /// does not spin.
    ///
    /// # Errors
    /// A code and a sentence: no library, a package that is none or of another purpose, a graph that does not
    /// run or answers otherwise.
    pub fn load(folder: &Path, purpose: Purpose, places: &Places) -> Result<Encoder, Unavailable> {
        let package = EncoderPackage::open(folder, purpose)?;
        let mut tokenizer = Tokenizer::from_bytes(&package.tokenizer)
            .map_err(|error| PackageError::unreadable("tokenizer.json", &error.to_string()))?;
        // Source text that spells a control token stays text.
        tokenizer.set_encode_special_tokens(true);
        let (environment, _) = library::load(places).map_err(|sentence| Unavailable {
            code: "no-library",
            sentence,
        })?;
        let build = || {
            SessionBuilder::new(&environment)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .with_intra_op_spinning(false)?
                .with_inter_op_spinning(false)?
                .commit_from_memory(&package.graph)
        };
        let session = build().map_err(failed)?;
        let mut inputs = Vec::new();
        for input in session.inputs() {
            let known = Input::named(input.name()).ok_or_else(|| {
                PackageError::unsupported(&format!("it wants an input \"{}\"", input.name()))
            })?;
            inputs.push(known);
        }
        let output = session
            .outputs()
            .first()
            .map(|output| output.name().to_owned());
        let output = output.ok_or_else(|| PackageError::unsupported("it gives nothing"))?;
        let mut encoder = Encoder {
            manifest: package.manifest,
            tokenizer,
            session,
            inputs,
            output,
        };
        encoder.check()?;
        Ok(encoder)
    }

    /// What the package says of itself.
    pub fn manifest(&self) -> &EncoderManifest {
        &self.manifest
    }

    /// The vector of a text, `[dimension]`, of unit length; `None` of a text that has none.
    ///
    /// # Errors
    /// Those of the runtime, and an answer of another shape, as a sentence.
    pub fn embed(&mut self, text: &str, role: Role) -> Result<Option<Vec<f32>>, String> {
        let reading = &self.manifest.reading;
        let prefix = match role {
            Role::Question => &reading.query_prefix,
            Role::Passage => &reading.document_prefix,
        };
        let text = format!("{prefix}{text}");
        let encoding = self
            .tokenizer
            .encode(text, true)
            .map_err(|e| e.to_string())?;
        let (pooling, dimension) = (reading.pooling, reading.dimension);
        let (shape, numbers) = self.run(encoding.get_ids(), encoding.get_type_ids())?;
        let pooled = pool(&shape, &numbers, pooling).filter(|vector| vector.len() == dimension);
        let mut vector = pooled.ok_or_else(|| {
            format!("it answers with the shape {shape:?}, not with vectors of {dimension} numbers")
        })?;
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !length.is_finite() || length <= 0.0 {
            return Ok(None);
        }
        vector.iter_mut().for_each(|x| *x /= length);
        Ok(Some(vector))
    }

    /// How well a text answers a question, by the package's own measure: more is better.
    ///
    /// # Errors
    /// Those of the runtime, and an answer that is not one finite number, as a sentence.
    pub fn score(&mut self, question: &str, text: &str) -> Result<f32, String> {
        let pair = (question.to_owned(), text.to_owned());
        let encoding = self
            .tokenizer
            .encode(pair, true)
            .map_err(|e| e.to_string())?;
        let (shape, numbers) = self.run(encoding.get_ids(), encoding.get_type_ids())?;
        match numbers.as_slice() {
            [score] if score.is_finite() => Ok(*score),
            _ => Err(format!(
                "it answers with the shape {shape:?}, not with one number"
            )),
        }
    }

    /// The first output of a text's ids, its shape before it. Of a long text the end is left out, but for the
    /// mark that ends it.
    fn run(&mut self, ids: &[u32], types: &[u32]) -> Result<(Vec<i64>, Vec<f32>), String> {
        let most = self.manifest.reading.max_tokens;
        let cut = |ids: &[u32]| -> Vec<i64> {
            let kept = ids.len().min(most);
            let mut kept: Vec<i64> = ids[..kept].iter().map(|id| i64::from(*id)).collect();
            if let (true, Some(last), Some(end)) = (ids.len() > most, kept.last_mut(), ids.last()) {
                *last = i64::from(*end);
            }
            kept
        };
        let ids = cut(ids);
        let count = ids.len();
        if count == 0 {
            return Err("a text without a token".to_owned());
        }
        let mut given: Vec<(&str, SessionInputValue<'_>)> = Vec::new();
        for input in &self.inputs {
            let values = match input {
                Input::Ids => ids.clone(),
                Input::Mask => vec![1; count],
                Input::Types => cut(types),
            };
            let tensor = Tensor::from_array(([1, count], values)).map_err(|e| e.to_string())?;
            given.push((input.name(), tensor.into()));
        }
        let outputs = self
            .session
            .run(given)
            .map_err(|e| e.message().to_owned())?;
        let output = outputs.get(self.output.as_str()).ok_or("it gave nothing")?;
        let (shape, numbers) = output
            .try_extract_tensor::<f32>()
            .map_err(|e| e.message().to_owned())?;
        Ok((shape.to_vec(), numbers.to_vec()))
    }

    /// Asks what the manifest knows the answer of.
    fn check(&mut self) -> Result<(), Unavailable> {
        for golden in self.manifest.golden.clone() {
            let answer = match self.manifest.purpose {
                Purpose::Embed => self
                    .embed(&golden.text, Role::Passage)
                    .map(Option::unwrap_or_default),
                Purpose::Rerank => self
                    .score(&golden.question, &golden.text)
                    .map(|one| vec![one]),
            };
            let answer = answer.map_err(|error| PackageError::unsupported(&error))?;
            // What is no number is as far as can be.
            let far = |(a, b): (&f32, &f32)| (a - b).is_nan() || (a - b).abs() > TOLERANCE;
            if answer.len() < golden.numbers.len() || answer.iter().zip(&golden.numbers).any(far) {
                return Err(PackageError::unsupported(
                    "it does not answer as its manifest says that it does",
                )
                .into());
            }
        }
        Ok(())
    }
}

/// One vector of states `[1, tokens, numbers]`; a graph that pools by itself gives `[1, numbers]`.
fn pool(shape: &[i64], states: &[f32], pooling: Pooling) -> Option<Vec<f32>> {
    let width = usize::try_from(*shape.last()?)
        .ok()
        .filter(|width| *width > 0)?;
    let rows: Vec<&[f32]> = states.chunks_exact(width).collect();
    match (shape.len(), pooling) {
        (2, _) if rows.len() == 1 => Some(rows[0].to_vec()),
        (3, Pooling::Cls) => Some(rows.first()?.to_vec()),
        (3, Pooling::Last) => Some(rows.last()?.to_vec()),
        (3, Pooling::Mean) if !rows.is_empty() => {
            let mut sum = vec![0.0; width];
            for row in &rows {
                for (sum, x) in sum.iter_mut().zip(*row) {
                    *sum += x;
                }
            }
            Some(sum.into_iter().map(|x| x / rows.len() as f32).collect())
        }
        _ => None,
    }
}

fn failed(error: ort::Error) -> Unavailable {
    Unavailable {
        code: "session-failed",
        sentence: format!("The package could not be started ({}).", error.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_become_one_vector() {
        let states = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let pooled = |shape: &[i64], pooling| pool(shape, &states, pooling);
        assert_eq!(pooled(&[1, 3, 2], Pooling::Mean), Some(vec![3.0, 4.0]));
        assert_eq!(pooled(&[1, 3, 2], Pooling::Cls), Some(vec![1.0, 2.0]));
        assert_eq!(pooled(&[1, 3, 2], Pooling::Last), Some(vec![5.0, 6.0]));
        assert_eq!(pooled(&[1, 6], Pooling::Mean), Some(states.to_vec()));
        for shape in [&[][..], &[6], &[1, 3, 0], &[3, 2], &[1, 1, 3, 2]] {
            assert_eq!(pooled(shape, Pooling::Mean), None, "{shape:?}");
        }
    }
}
