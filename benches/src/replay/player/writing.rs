//! Where a trace stands: its open files, its cursors, and how a stroke changes the editor's copies.

use serde_json::Value;

use crate::replay::client::Client;
use crate::replay::steps::{Step, Stroke};
use crate::replay::traces::Trace;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Writing<'t> {
    trace: &'t Trace,
    pub(super) uris: Vec<String>,
    /// The cursor of each region, in bytes of its document.
    cursors: Vec<usize>,
    /// Bytes of each region's target that are in place.
    ends: Vec<usize>,
    pub(super) region: usize,
}

impl<'t> Writing<'t> {
    /// Opens the trace's files.
    pub(super) fn open(client: &mut Client, trace: &'t Trace, number: usize) -> Writing<'t> {
        let uri = |path: &String| format!("file:///project/{number}/{}", path.replace(' ', "%20"));
        let uris: Vec<String> = trace.documents.iter().map(|d| uri(&d.path)).collect();
        for (uri, document) in uris.iter().zip(&trace.documents) {
            client.open(uri, document.language, &document.text);
        }
        Writing {
            trace,
            uris,
            cursors: trace.regions.iter().map(|region| region.at).collect(),
            ends: vec![0; trace.regions.len()],
            region: 0,
        }
    }

    /// The document in which the cursor is.
    pub(super) fn uri(&self) -> &str {
        &self.uris[self.trace.regions[self.region].document]
    }

    /// The cursor, in bytes of its document.
    pub(super) fn cursor(&self) -> usize {
        self.cursors[self.region]
    }

    /// What is still to be written here.
    pub(super) fn rest(&self) -> &str {
        let target = &self.trace.regions[self.region].target;
        target.get(self.ends[self.region]..).unwrap_or_default()
    }

    /// The stroke that accepts a text which is right.
    pub(super) fn accept(&self, text: &str) -> Option<Stroke> {
        Some(Stroke {
            step: Step::Paste(text.to_owned()),
            end: self.ends[self.region] + text.len(),
            limit: usize::MAX,
        })
    }

    /// What is left to do of a stroke after accepts: all, a part, or nothing.
    pub(super) fn rest_of(&self, stroke: &Stroke) -> Option<Stroke> {
        let Step::Write { text, behind, over } = &stroke.step else {
            return Some(stroke.clone());
        };
        let done = self.ends[self.region];
        let start = stroke.end.saturating_sub(text.len());
        if self.trace.class != crate::replay::traces::Class::Accept || done <= start {
            return Some(stroke.clone());
        }
        let text = text.get(done - start..).filter(|rest| !rest.is_empty())?;
        let step = Step::Write {
            text: text.to_owned(),
            behind: behind.clone(),
            over: *over,
        };
        Some(Stroke {
            step,
            ..stroke.clone()
        })
    }

    /// Does it in the editor's copy; returns the change, where there is one.
    pub(super) fn apply(&mut self, client: &mut Client, stroke: &Stroke) -> Option<Value> {
        let cursor = self.cursor();
        self.ends[self.region] = stroke.end;
        let (range, text, after) = match &stroke.step {
            Step::Write { text, behind, over } => (
                cursor..cursor + over,
                format!("{text}{behind}"),
                cursor + text.len(),
            ),
            Step::Paste(text) => (cursor..cursor, text.clone(), cursor + text.len()),
            Step::Delete(bytes) | Step::Undo(bytes) => {
                (cursor - bytes..cursor, String::new(), cursor - bytes)
            }
            Step::Skip(bytes) => {
                self.cursors[self.region] += bytes;
                return None;
            }
            Step::Jump { .. } => return None,
        };
        let document = self.trace.regions[self.region].document;
        for (region, cursor) in self.trace.regions.iter().zip(&mut self.cursors) {
            if region.document == document && *cursor > range.start {
                *cursor = (*cursor + text.len()).saturating_sub(range.len());
            }
        }
        self.cursors[self.region] = after;
        let uri = self.uris[document].clone();
        Some(client.edit(&uri, range, &text))
    }
}

/// The text that a step writes before the cursor.
pub(super) fn text_of(step: &Step) -> &str {
    match step {
        Step::Write { text, .. } | Step::Paste(text) => text,
        _ => "",
    }
}
