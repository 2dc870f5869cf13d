//! `foretoken index --drift`: whether the texts of a project are still like those that were there when it was first looked at.
//!
//! A chunk's vector counts its terms, hashed onto a few axes with a sign (Weinberger et al. 2009): no model, the same everywhere. The
//! profile of all of them lies beside the index; one of another tokenizer is not compared but replaced.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use foretoken_engine::drift::{Profile, Shift};
use foretoken_engine::terms;
use foretoken_index::Workspace;
use serde::{Deserialize, Serialize};

use crate::metrics::file;
use crate::paths;

/// Axes of a vector.
const AXES: usize = 64;
/// Chunks that are looked at, evenly over the project: resampling more of them would take seconds.
const MOST: usize = 2_000;
/// The profile's name in the folder of the index.
const FILE: &str = "profile.json";

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    /// `2026-11-30`.
    day: String,
    embedder: String,
    count: usize,
    centroid: Vec<f64>,
    norm: (f64, f64),
    bound: f64,
}

/// What a look says, and whether the texts are others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) sentence: String,
    pub(super) shifted: bool,
}

/// Compares the texts of the index with those of the first look, which this one becomes where there is none.
///
/// # Errors
/// The profile cannot be written.
pub(super) fn look(workspace: &Workspace, folder: &Path) -> io::Result<Looked> {
    let now = profile(workspace);
    let path = folder.join(FILE);
    let first = std::fs::read(&path).ok();
    let first = first.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    let shift = first.as_ref().map(|first| first.profile().shift(&now));
    let day = first.map_or(String::new(), |first| first.day);
    let (sentence, shifted) = match shift {
        Some(Shift::None) => (format!("the texts are as they were on {day}"), false),
        Some(Shift::Shifted(times)) => {
            let sentence = format!(
                "the texts are others than on {day}: {times:.1} times as far from them as chance allows"
            );
            (sentence, true)
        }
        Some(Shift::Incomparable) | None => {
            let kept = Kept::of(&now, file::day(SystemTime::now()));
            paths::write(&path, &serde_json::to_vec(&kept)?)?;
            ("this is the first look at the texts".to_owned(), false)
        }
    };
    Ok(Looked { sentence, shifted })
}

fn profile(workspace: &Workspace) -> Profile {
    let mut all = Vec::new();
    workspace.each_chunk(&mut |path, bytes| all.push((path.to_owned(), bytes)));
    let step = all.len().div_ceil(MOST).max(1);
    let mut last: Option<(String, String)> = None;
    let mut vectors = Vec::new();
    for (path, bytes) in all.into_iter().step_by(step) {
        // Chunks of a file stand together.
        if last.as_ref().is_none_or(|(known, _)| *known != path) {
            let text = foretoken_index::read(workspace.root(), Path::new(&path));
            last = Some((path, text.unwrap_or_default()));
        }
        let text = last.as_ref().and_then(|(_, text)| text.get(bytes));
        vectors.extend(text.map(vector));
    }
    let name = format!("terms {}", terms::VERSION);
    // Any seed does; a fixed one gives the same profile for the same texts.
    Profile::of(&name, AXES, &vectors, 1)
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; AXES];
    terms::each_term(text, &mut |term, _| {
        let hash = fnv(term);
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        vector[(hash % AXES as u64) as usize] += sign;
    });
    vector
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo), its bits mixed once more: its low ones are poor.
fn fnv(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Kept {
    fn of(profile: &Profile, day: String) -> Kept {
        let Profile {
            embedder,
            count,
            centroid,
            norm,
            bound,
        } = profile.clone();
        Kept {
            day,
            embedder,
            count,
            centroid,
            norm,
            bound,
        }
    }

    fn profile(&self) -> Profile {
        Profile {
            embedder: self.embedder.clone(),
            count: self.count,
            centroid: self.centroid.clone(),
            norm: self.norm,
            bound: self.bound,
        }
    }
}
