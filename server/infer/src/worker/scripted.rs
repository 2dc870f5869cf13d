//! A worker without a network: a script answers its jobs, everything around them is the real thing.
//! Only in builds with the feature `scripted-model`, so that servers can be compared on the same work.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use super::{Handle, Infer, OnState, Shared};
use crate::decode::Script;
use crate::queue::Queue;
use crate::session::Running;
use crate::state::{ModelInfo, Options, State, Unavailable};

impl Infer {
    /// Starts a worker that lets `script` answer each job. It is ready as soon as its thread runs and
    /// says of itself what `info` says; `on_state` is called as by [`Infer::start`].
    pub fn scripted(mut script: Script, info: ModelInfo, on_state: OnState) -> Infer {
        let shared = Arc::new(Shared {
            options: Options::default(),
            queue: Queue::default(),
            state: Mutex::new(State::Loading {
                stage: "starting",
                percent: 0,
            }),
            on_state,
            tokens: OnceLock::new(),
            running: Running::default(),
        });
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("foretoken-script".into())
            .spawn(move || worker.play(&mut script, info));
        if let Err(error) = &thread {
            shared.give_up(Unavailable {
                code: "session-failed",
                sentence: format!("The system gave no thread for the script ({error})."),
            });
        }
        Infer {
            handle: Arc::new(Handle {
                shared,
                thread: Mutex::new(thread.ok()),
            }),
        }
    }
}

impl Shared {
    /// The thread's whole life.
    fn play(&self, script: &mut Script, info: ModelInfo) {
        self.enter(State::Ready(Arc::new(info)));
        while let Some(mut run) = self.queue.take() {
            let end = run.follow(script, &|class| self.queue.verdict(class));
            run.finish(end);
        }
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::time::Duration;

    use foretoken_engine::prompt::{Budget, Prompt, Section};
    use foretoken_engine::suggestion::{Gate, Logistic};

    use super::*;
    use crate::job::{Class, Drafts, End, Flow, Job, Limits, Watch};

    fn info() -> ModelInfo {
        let sure = Logistic {
            a: 6.0,
            b: 1.0,
            c: 0.0,
        };
        ModelInfo {
            name: "script".into(),
            version: "0".into(),
            sha256: String::new(),
            dialect: "foretoken".into(),
            format: Arc::default(),
            budget: Budget::default(),
            gate: Gate {
                line: sure,
                word: sure,
                show: 0.5,
            },
            max_positions: 512,
            pieces: true,
            exact_reuse: true,
            vocabulary: 0,
            slots: 0,
            kv_bytes: 0,
            device: crate::Device::Cpu,
            fallback: None,
            library: PathBuf::new(),
            library_version: String::new(),
            load: Duration::ZERO,
        }
    }

    fn job(text: &str, max_tokens: usize, watch: Watch) -> Job {
        Job {
            class: Class::Request,
            prompt: Prompt {
                sections: vec![Section::Text(text.to_owned())],
            },
            limits: Limits {
                max_tokens,
                budget: Duration::from_secs(60),
            },
            drafts: Drafts::default(),
            stop: Box::new(|| false),
            watch,
        }
    }

    /// Spells the prompt's text backwards, one character a token.
    fn backwards() -> Script {
        Box::new(|prompt, heard| {
            let Some(Section::Text(text)) = prompt.sections.last() else {
                return;
            };
            for c in text.chars().rev() {
                if !heard(None) || !heard(Some(c.encode_utf8(&mut [0; 4]))) {
                    return;
                }
            }
        })
    }

    #[test]
    fn a_script_answers_within_the_limits_of_a_job() {
        let infer = Infer::scripted(backwards(), info(), Box::new(|_| {}));
        let ask = |text, most, watch: Watch| {
            let outcome = infer.submit(job(text, most, watch)).blocking_recv();
            let outcome = outcome.expect("an outcome");
            assert_eq!(outcome.tokens.len(), outcome.counts.generated);
            (outcome.text, outcome.end)
        };
        let all = || -> Watch { Box::new(|_| Flow::Continue) };
        assert_eq!(ask("abc", 9, all()), ("cba".into(), End::Eom));
        assert_eq!(ask("abc", 2, all()), ("cb".into(), End::Budget));
        assert_eq!(ask("abc", 0, all()), (String::new(), End::Budget));
        let until_b: Watch = Box::new(|progress| match progress.text.ends_with('b') {
            true => Flow::Stop,
            false => Flow::Continue,
        });
        assert_eq!(ask("abc", 9, until_b), ("cb".into(), End::Watched));
        infer.shutdown();
        assert!(matches!(infer.state(), State::Unavailable(_)));
    }

    #[test]
    fn a_newer_job_ends_one_that_waits_for_its_token() {
        let (began, begun) = mpsc::channel();
        let script: Script = Box::new(move |prompt, heard| {
            let slow = prompt.sections == [Section::Text("slow".into())];
            let _ = began.send(slow);
            while slow && heard(None) {
                thread::yield_now();
            }
            if !slow {
                heard(Some("quick"));
            }
        });
        let infer = Infer::scripted(script, info(), Box::new(|_| {}));
        let slow = infer.submit(job("slow", 9, Box::new(|_| Flow::Continue)));
        assert_eq!(begun.recv(), Ok(true));
        let quick = infer.submit(job("quick", 9, Box::new(|_| Flow::Continue)));
        assert_eq!(
            slow.blocking_recv().expect("an outcome").end,
            End::Superseded
        );
        assert_eq!(quick.blocking_recv().expect("an outcome").text, "quick");
    }
}
