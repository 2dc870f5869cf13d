//! JetBrains IDEs: a template folder for LSP4IJ, which the user imports by hand.

use super::Places;
use super::plan::{Plan, whole};

macro_rules! ours {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!(
                "../../../../../editors/jetbrains/foretoken/",
                $name
            )),
        )
    };
}

/// The folder. `template.json` and the schema are made from the server's own tables; tests compare.
pub(super) const FILES: &[(&str, &str)] = &[
    ours!("README.md"),
    ours!("clientSettings.json"),
    ours!("initializationOptions.json"),
    ours!("installer.json"),
    ours!("settings.json"),
    ours!("settings.schema.json"),
    ours!("template.json"),
];

pub(super) fn plan(places: &Places) -> Plan {
    let folder = places.data.join("foretoken/jetbrains/foretoken");
    let steps = format!(
        "Install the plugin LSP4IJ (0.20.0 or newer). Then Settings > Languages & Frameworks > Language Servers > \
         plus sign > Template > Import from custom template, and choose {}\n",
        folder.display()
    );
    let mut plan = Plan::new(
        "JetBrains IDEs",
        "The folder and the server are tested against LSP4IJ's rules, not in an IDE.",
        format!("`foretoken setup jetbrains --write` writes the template. {steps}"),
    );
    plan.files = whole(&folder, FILES);
    plan.after = steps.trim_end().to_owned();
    plan
}
