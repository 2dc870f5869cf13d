//! Tells the crate whether a model package is there to be compiled in, and sees to it that an ONNX
//! Runtime lies where the program will look for it. Neither is needed for the build to succeed.

#[path = "build/onnxruntime.rs"]
mod onnxruntime;
#[path = "build/package.rs"]
mod package;

use sha2::{Digest, Sha256};

/// SHA-256 as 64 lower-case hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    package::embed();
    onnxruntime::provide();
}
