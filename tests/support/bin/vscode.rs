//! What npm holds: VS Code as its server build, a browser for it, and the protocol's types. Nothing is compiled and no script of
//! a package runs: what these packages would build is not needed to edit files.

use std::fs;
use std::path::{Path, PathBuf};

use foretoken_tests::editors::{self, program};
use foretoken_tests::process::root;
use foretoken_tests::schema;

use crate::{at, run};

/// Installs what `tests/vscode/package-lock.json` names into a folder, and the tools that build the
/// extension beside its sources.
pub(crate) fn fetch(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    for file in ["package.json", "package-lock.json"] {
        let from = root().join("tests/vscode").join(file);
        fs::copy(&from, folder.join(file)).map_err(|error| at(&from, &error))?;
    }
    npm(&["ci"], folder)?;
    // The package brings a list of versions for its own dependencies, which npm does not look at.
    npm(
        &["install", "--omit=dev"],
        &folder.join("node_modules/code-server/lib/vscode"),
    )?;
    npm(&["ci"], &root().join("editors/vscode"))?;
    // The browser needs libraries of the system; where they are missing there is no editor to drive.
    let mut browser = program("node");
    browser
        .args(["-e", START, editors::BROWSER_STARTS])
        .current_dir(folder);
    run(&mut browser).map(drop)
}

/// Starts the browser once, and says so in a file.
const START: &str = "(async () => {
  const { chromium } = require('playwright-core');
  const executablePath = process.env.FORETOKEN_CHROMIUM ?? (await require('@sparticuz/chromium').default.executablePath());
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  require('node:fs').writeFileSync(process.argv[1], browser.version());
  await browser.close();
})().catch((error) => { console.error(error.message); process.exit(1); });";

/// Installs the protocol's types into a folder and makes a schema of them.
pub(crate) fn fetch_protocol(folder: PathBuf) -> Result<(), String> {
    fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    for file in schema::FILES {
        let from = root().join("tests/protocol").join(file);
        fs::copy(&from, folder.join(file)).map_err(|error| at(&from, &error))?;
    }
    npm(&["ci"], &folder)?;
    let mut make = program("node");
    make.args(["check.mjs", "--schema"]).current_dir(&folder);
    run(&mut make).map(drop)
}

fn npm(arguments: &[&str], folder: &Path) -> Result<(), String> {
    let mut command = program("npm");
    command
        .args(arguments)
        .args(["--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder);
    run(&mut command).map(drop)
}
