//! What a request says besides the prompt: the model's name, a number of the installation, its trace.

use super::{Candidate, Question, Shared};
use crate::endpoint::Origin;
use crate::wire::ChatRequest;

impl Shared {
    /// The question as this candidate is asked it.
    pub(super) fn request(
        &self,
        question: &Question,
        candidate: &Candidate,
        origin: &Origin,
    ) -> ChatRequest {
        let mut request = question.request.clone();
        request.model.clone_from(&candidate.model);
        let model = candidate.endpoint.model(&candidate.model);
        if !model.is_some_and(|model| model.tools) {
            request.tools.clear();
        }
        // Each origin sees another number, so that no two of them can put theirs together.
        let origin = origin.to_string();
        let number = |key| blake3::keyed_hash(&key, origin.as_bytes()).to_hex()[..32].to_owned();
        request.user = self.installation.map(number);
        request
    }
}

/// Headers of ours.
pub(super) fn headers(question: &Question, candidate: &Candidate) -> Vec<(&'static str, String)> {
    let hex = blake3::hash(question.id.as_bytes()).to_hex();
    // W3C Trace Context: version, trace, span, sampled.
    let trace = format!("00-{}-{}-01", &hex[..32], &hex[32..48]);
    let mut headers = vec![("traceparent", trace)];
    if candidate.endpoint.litellm {
        headers.push(("x-litellm-tags", format!("feature:{}", question.task)));
    }
    headers
}
