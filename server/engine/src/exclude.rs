//! Files of secrets by their usual names: what never enters a prompt, an index, a cache or a log. One
//! function for all of them, so that no door is left open beside another.
//!
//! Names are compared without regard to case, since `SERVER.PEM` holds what `server.pem` holds, and on
//! every part of a path, since what lies in `.ssh` is secret whatever it is called.

use std::path::Path;

/// The names. `*` stands for any characters and stands once at most; a `/` at the end makes a folder,
/// which covers all that lies below it.
///
/// Sources: the documentation of each program for the file that it keeps its keys in (OpenSSH, GnuPG,
/// npm, pip, Git, Docker, AWS, Google Cloud, Kubernetes, Terraform, Vault, Java's keytool, PuTTY, KeePass,
/// PostgreSQL, MySQL, Apache).
pub const SECRETS: &[&str] = &[
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.ppk",
    "*.kdb",
    "*.kdbx",
    "*.agekey",
    "*.pkcs12",
    "*.bcfks",
    "*.ovpn",
    "*.keychain",
    "*.keychain-db",
    "*.publishsettings",
    "*.tfstate",
    "*.tfstate.backup",
    "*.tfvars",
    "*.tfvars.json",
    ".terraformrc",
    "terraform.rc",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "secring.*",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".pgpass",
    "pgpass.conf",
    ".my.cnf",
    ".mylogin.cnf",
    ".databrickscfg",
    "htpasswd",
    ".htpasswd",
    ".htdigest",
    ".vault-token",
    ".dockercfg",
    ".dockerconfigjson",
    ".s3cfg",
    ".boto",
    "kubeconfig",
    "kube.config",
    "*.kubeconfig",
    "wallet.dat",
    "local.settings.json",
    "service-account*.json",
    "service_account*.json",
    "serviceaccount*.json",
    "client_secret*.json",
    "*credentials.json",
    "credentials",
    "credentials.*",
    ".credentials",
    "secrets",
    "secrets.*",
    "secret.*",
    ".secrets",
    ".ssh/",
    ".gnupg/",
    ".aws/",
    ".azure/",
    ".kube/",
    ".docker/",
    ".password-store/",
    "secrets/",
    ".secrets/",
];

/// What is no secret although a name above covers it: templates, which show the variables of a project
/// and, by their convention, no value that is worth anything.
const TEMPLATES: &[&str] = &[
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "example.env",
    "sample.env",
    "template.env",
];

/// Endings of source code and prose. A module may be called `credentials.rs` and a package `secrets`: what
/// is a secret there stands in the code, where the detector of secrets looks for it.
const SOURCE: &[&str] = &[
    "c", "cc", "cpp", "cs", "css", "cxx", "dart", "ex", "exs", "go", "h", "hh", "hpp", "html",
    "java", "js", "jsx", "kt", "kts", "lua", "md", "mjs", "mts", "php", "py", "pyi", "rb", "rs",
    "rst", "scala", "scss", "svelte", "swift", "ts", "tsx", "vue", "zig",
];

/// The names among [`SECRETS`] that source code may have too.
const WORDS: &[&str] = &["credentials.*", "secrets.*", "secret.*", "secrets/"];

/// Endings that editors and people put behind the name of a copy: `id_rsa.bak`, `server.pem~`.
const COPIES: &[&str] = &[
    "~", ".bak", ".backup", ".old", ".orig", ".save", ".swp", ".tmp",
];

/// Whether a file at this path is one of secrets, by its name or by a folder that it lies in.
pub fn is_secret(path: &Path) -> bool {
    let parts: Vec<String> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().to_lowercase())
        .collect();
    let Some(written) = parts.last() else {
        return false;
    };
    let name = original(written);
    if TEMPLATES.contains(&name) {
        return false;
    }
    let is_source = name
        .rsplit_once('.')
        .is_some_and(|(_, end)| SOURCE.contains(&end));
    SECRETS
        .iter()
        .filter(|pattern| !(is_source && WORDS.contains(pattern)))
        .any(|pattern| match pattern.strip_suffix('/') {
            Some(folder) => parts.iter().any(|part| fits(folder, part)),
            None => fits(pattern, name) || fits(pattern, written),
        })
}

/// The name that a file or its copy is made of. Windows drops dots and blanks at a name's end and reads what stands
/// behind a colon as a stream of the same file, so `server.pem.` and `server.pem::$DATA` are `server.pem`.
fn original(name: &str) -> &str {
    let mut name = name.split(':').next().unwrap_or_default();
    loop {
        let shorter = name.trim_end_matches(['.', ' ']);
        let shorter = COPIES
            .iter()
            .find_map(|copy| shorter.strip_suffix(copy))
            .unwrap_or(shorter);
        // A name that is nothing but an ending is no copy of anything.
        if shorter.is_empty() || shorter == name {
            return name;
        }
        name = shorter;
    }
}

/// Whether a name fits a pattern; both are in lower case.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_secrets_stay_out_however_they_are_written() {
        for path in [
            ".env",
            ".ENV",
            "app/.env.production",
            "a.env",
            "SERVER.PEM",
            "tls/Server.Key",
            "ID_RSA",
            "id_ed25519",
            "credentials",
            "Credentials.json",
            "gcp-credentials.json",
            "config/secrets.yaml",
            "secrets.yml",
            "secret.toml",
            "store.jks",
            "release.keystore",
            "terraform.tfvars",
            "prod.auto.tfvars.json",
            "terraform.tfstate",
            "terraform.tfstate.backup",
            "wallet.kdbx",
            "kube.config",
            "kubeconfig",
            ".npmrc",
            ".pypirc",
            ".git-credentials",
            ".netrc",
            ".htpasswd",
            ".vault-token",
            "service-account-prod.json",
            "client_secret_123.json",
            "/home/ada/.aws/config",
            "/home/ada/.ssh/known_hosts",
            "/home/ada/.SSH/notes.md",
            "/home/ada/.gnupg/trustdb.gpg",
            "deploy/secrets/db.txt",
            "deploy/secrets",
            "key.ppk",
            "id_rsa.bak",
            "server.pem~",
            "server.pem.old.bak",
            "server.pem. ",
            "server.pem::$DATA",
            "copy:server.pem",
            ".env~",
            "credentials.json.orig",
            "/home/ada/.docker/config.json",
            "htpasswd",
        ] {
            assert!(is_secret(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn files_that_only_sound_like_it_stay_in() {
        for path in [
            "settings.json",
            "config.json",
            "env.rs",
            "environment.ts",
            "src/env/mod.rs",
            ".env.example",
            "deploy/.env.sample",
            "example.env",
            "keys.py",
            "keyboard.rs",
            "monkey",
            "credentials.rs",
            "credentials_test.go",
            "src/secrets/store.py",
            "secret_santa.rs",
            "secrets.md",
            "id_map.rs",
            "id_rsa.pub",
            "netrc.go",
            "pem.rs",
            "openssh.md",
            "aws/client.go",
            "kube/config.go",
            "tfvars.go",
            "notes.bak",
            "main.rs~",
            "docker/config.json",
            ".env.example.bak",
            "..",
            ".bak",
            "~",
            "",
            "/",
        ] {
            assert!(!is_secret(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn every_pattern_is_in_the_form_that_is_matched() {
        for pattern in SECRETS {
            assert_eq!(*pattern, pattern.to_lowercase());
            assert!(pattern.matches('*').count() <= 1, "{pattern}");
            let folder = pattern.trim_end_matches('/');
            assert!(!folder.is_empty() && !folder.contains('/'), "{pattern}");
        }
        for word in WORDS {
            assert!(SECRETS.contains(word));
        }
    }
}
