//! Tells the crate whether a model package is there to be compiled in, and sees to it that an ONNX
//! Runtime lies where the program will look for it. Neither is needed for the build to succeed.

#[path = "build/onnxruntime.rs"]
mod onnxruntime;
#[path = "build/package.rs"]
mod package;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    package::embed();
    onnxruntime::provide();
}
