//! Files that no answer may change, wherever they lie in a workspace: what they hold is run by editors, shells, version
//! control or build servers without anybody's question.

use crate::redact::is_invisible;

/// Why a path is no target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Denied {
    /// Not below the workspace: absolute, with `..`, or of another kind than a path.
    Outside,
    /// A device, a stream of a file, a short form: another file than it seems to be.
    Disguised,
    /// On the list.
    Listed,
}

/// Folders whose content nobody may change.
const FOLDERS: [&str; 25] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".vscode",
    ".idea",
    ".helix",
    ".zed",
    ".fleet",
    ".vs",
    ".nvim",
    ".devcontainer",
    ".husky",
    ".githooks",
    ".github",
    ".gitlab",
    ".circleci",
    ".buildkite",
    ".woodpecker",
    ".ci",
    ".ssh",
    ".gnupg",
    ".aws",
    ".claude",
    ".cursor",
];
/// Files that nobody may change.
const FILES: [&str; 47] = [
    ".foretoken.toml",
    ".nvim.lua",
    ".nvimrc",
    ".exrc",
    ".vimrc",
    ".envrc",
    ".dir-locals.el",
    ".gitconfig",
    ".gitmodules",
    ".gitattributes",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pnpmfile.cjs",
    ".pypirc",
    ".netrc",
    ".gitlab-ci.yml",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker.yml",
    ".cirrus.yml",
    "appveyor.yml",
    ".appveyor.yml",
    "jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    "config.fish",
    ".inputrc",
    ".xinitrc",
    ".xprofile",
    ".direnvrc",
];
/// The same, known by their folder.
const PATHS: [[&str; 2]; 2] = [[".cargo", "config.toml"], [".cargo", "config"]];
/// Names that mean a device wherever they stand, with any extension (Windows, "Naming Files, Paths, and Namespaces").
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why the file at a workspace-relative path may not be changed; `None` if it may. Case does not count, nor do signs that
/// some file systems overlook.
pub fn denied(path: &str) -> Option<Denied> {
    let path = path.replace('\\', "/");
    if path.is_empty() || path.starts_with(['/', '~']) {
        return Some(Denied::Outside);
    }
    if path.contains(':') {
        let drive = path.as_bytes().get(1) == Some(&b':') || path.contains("://");
        return Some(if drive {
            Denied::Outside
        } else {
            Denied::Disguised
        });
    }
    if path.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Some(Denied::Disguised);
    }
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(folded)
        .collect();
    if parts.is_empty() || parts.iter().any(|part| part == "..") {
        return Some(Denied::Outside);
    }
    if parts.iter().any(|part| is_disguised(part)) {
        return Some(Denied::Disguised);
    }
    let file = parts.last().map_or("", String::as_str);
    let listed = parts.iter().any(|part| FOLDERS.contains(&part.as_str()))
        || FILES.contains(&file)
        || parts
            .windows(2)
            .any(|two| PATHS.iter().any(|path| two == path));
    listed.then_some(Denied::Listed)
}

/// Small letters; through capitals, so that signs with one capital in common are one.
fn folded(part: &str) -> String {
    part.to_uppercase().to_lowercase()
}

fn is_disguised(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    let numbered = ["com", "lpt"].iter().any(|device| {
        let rest = stem.strip_prefix(device).unwrap_or_default();
        rest.chars().count() == 1 && rest.chars().all(|c| c.is_numeric())
    });
    let short = part
        .split_once('~')
        .is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered || short || DEVICES.contains(&stem) || part.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_hostile_targets_are_refused() {
        let outside = [
            "../../.bashrc",
            "/etc/passwd",
            "C:\\Windows\\x",
            "c:/x",
            "~/.ssh/config",
            "a/../../b",
            "file:///etc/passwd",
            "\\\\server\\share",
            "",
            ".",
            "..",
            "\\\\?\\C:\\x",
        ];
        for path in outside {
            assert_eq!(denied(path), Some(Denied::Outside), "{path}");
        }
        let disguised = [
            "src/x.rs::$DATA",
            "x.rs:stream",
            "NUL",
            "src/con.rs",
            "aux",
            "COM1.txt",
            "lpt\u{b9}",
            "GIT~1/config",
            ".git./config",
            "src /x.rs ",
            ".g\u{200c}it/config",
            "a\nb",
            "x.rs\0",
        ];
        for path in disguised {
            assert_eq!(denied(path), Some(Denied::Disguised), "{path:?}");
        }
        let listed = [
            ".vscode/settings.json",
            ".VSCODE/tasks.json",
            ".git/hooks/pre-commit",
            "sub/.Git/config",
            ".idea/x.xml",
            ".helix/config.toml",
            ".nvim.lua",
            ".cargo/config.toml",
            "deep/.cargo/config",
            ".envrc",
            ".foretoken.toml",
            ".FORETOKEN.TOML",
            ".github/workflows/ci.yml",
            ".gitlab-ci.yml",
            "Jenkinsfile",
            ".zshrc",
            "x/./.git/config",
            ".ci/run",
            ".vſcode/x.json",
            ".\\.git\\config",
        ];
        for path in listed {
            assert_eq!(denied(path), Some(Denied::Listed), "{path}");
        }
    }

    #[test]
    fn ordinary_files_are_targets() {
        for path in [
            "src/main.rs",
            "README.md",
            ".gitignore",
            "build.rs",
            "a/b/c.py",
            "größe/名前.rs",
            "config.toml",
            ".cargo/README.md",
            "git/config",
            "src/console.rs",
            "nullable.ts",
            "com/example/App.java",
            "a~b.txt",
            ".env.example",
            "vscode/settings.json",
            "..hidden/x",
            "comx.c",
        ] {
            assert_eq!(denied(path), None, "{path}");
        }
    }
}
