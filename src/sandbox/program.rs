//! Finding a server's program: on `PATH`, or unpacked in the folder that `fetch-servers.sh` fills.

use super::way_out;
use crate::error::{Error, Kind, Result};
use crate::schema::Flavour;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where servers are that `PATH` of an ordinary user leaves out.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// A server's program, ready to be run.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// What to run: the program, or the loader unpacked beside it with the program as its argument.
    line: Vec<OsString>,
    /// The folder that holds its `share`: `/usr`, or the unpacked one.
    pub(super) base: PathBuf,
    /// Whether it is unpacked, so that the paths compiled into it are wrong.
    pub(super) unpacked: bool,
    /// What it says about its version, as one word that can be part of a file name.
    pub(super) version: String,
}

impl Program {
    /// The program of `flavour`.
    pub(super) fn find(flavour: Flavour) -> Result<Self> {
        let name = executable(flavour);
        for folder in search_path() {
            let path = folder.join(name);
            if path.is_file()
                && let Some(program) = Self::installed(flavour, &path)
            {
                return Ok(program);
            }
        }
        let root = servers_folder().map(|servers| servers.join(folder_name(flavour)));
        if let Some(root) = root.filter(|root| root.join("usr/sbin").join(name).is_file()) {
            return Self::unpacked(flavour, &root);
        }
        Err(Error::new(Kind::Source, format!("there is no {flavour} server on this machine"))
            .hint(way_out(flavour)))
    }

    fn installed(flavour: Flavour, path: &Path) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        let base = real.parent()?.parent()?.to_owned();
        let mut program = Self { line: vec![real.into()], base, unpacked: false, version: String::new() };
        program.version = program.ask_version().ok()?;
        // Debian's `mysqld` is MariaDB's.
        let mariadb = program.version.contains("mariadb");
        (mariadb == (flavour == Flavour::Mariadb)).then_some(program)
    }

    fn unpacked(flavour: Flavour, root: &Path) -> Result<Self> {
        let binary = root.join("usr/sbin").join(executable(flavour));
        // The libraries beside it may be newer than the system's; only their own loader can load them.
        let mut line: Vec<OsString> = Vec::new();
        if let Some(loader) = loader(root) {
            line.push(loader.into());
            line.push("--library-path".into());
            line.push(library_path(root));
        }
        line.push(binary.into());
        let mut program = Self { line, base: root.join("usr"), unpacked: true, version: String::new() };
        program.version = program.ask_version().map_err(|error| {
            error
                .context(format!("the {flavour} unpacked in {}", root.display()))
                .hint(format!("remove {} and let `make servers` fetch it again", root.display()))
        })?;
        Ok(program)
    }

    /// A command that runs it, still without arguments for the server itself.
    pub(super) fn command(&self) -> Command {
        command(&self.line)
    }

    /// The same, ended by the kernel when the thread that starts it ends, where `setpriv` is there to say so.
    pub(super) fn command_that_dies_with_us(&self) -> Command {
        let Some(setpriv) = on_path("setpriv") else { return self.command() };
        let mut line: Vec<OsString> = vec![setpriv.into(), "--pdeathsig".into(), "TERM".into(), "--".into()];
        line.extend(self.line.iter().cloned());
        command(&line)
    }

    /// The folder with the server's SQL files and messages.
    pub(super) fn share(&self) -> PathBuf {
        let shares = ["share/mysql", "share/mariadb", "share"].map(|share| self.base.join(share));
        shares.iter().find(|share| share.join("charsets").is_dir()).unwrap_or(&shares[0]).clone()
    }

    fn ask_version(&self) -> Result<String> {
        let output = self
            .command()
            .args(["--no-defaults", "--version"])
            .output()
            .map_err(|error| Error::new(Kind::Source, "cannot be run").source(error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        version_word(&text).ok_or_else(|| Error::new(Kind::Source, "does not say its version"))
    }
}

fn command(line: &[OsString]) -> Command {
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]);
    command
}

fn executable(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Mariadb => "mariadbd",
        Flavour::Mysql => "mysqld",
    }
}

pub(super) fn folder_name(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Mariadb => "mariadb",
        Flavour::Mysql => "mysql",
    }
}

fn search_path() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    folders.extend(SYSTEM.map(PathBuf::from));
    folders
}

fn on_path(name: &str) -> Option<PathBuf> {
    search_path().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Where `fetch-servers.sh` unpacks to: `BACKFILL_SERVERS_DIR`, else `servers` in cargo's target folder.
pub(super) fn servers_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("BACKFILL_SERVERS_DIR").filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    let mut candidates = Vec::new();
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty()) {
        candidates.push(PathBuf::from(target).join("servers"));
    }
    // `target/debug/backfill`, `target/debug/deps/it-…`: the target folder is above the program.
    if let Ok(program) = std::env::current_exe() {
        candidates.extend(program.ancestors().skip(1).take(4).map(|folder| folder.join("servers")));
    }
    candidates.push("target/servers".into());
    candidates.into_iter().find(|folder| folder.is_dir()).and_then(|folder| std::path::absolute(folder).ok())
}

/// The dynamic loader that was unpacked beside the libraries.
fn loader(root: &Path) -> Option<PathBuf> {
    ["usr/lib64", "lib64", "usr/lib", "lib"].iter().find_map(|folder| {
        let entries = std::fs::read_dir(root.join(folder)).ok()?;
        entries
            .filter_map(Result::ok)
            .find(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with("ld-linux")))
            .map(|entry| entry.path())
            .filter(|path| path.exists())
    })
}

/// `usr/lib/x86_64-linux-gnu` and its like, joined with colons.
fn library_path(root: &Path) -> OsString {
    let mut joined = OsString::new();
    for folder in ["usr/lib", "lib"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_str().is_some_and(|name| name.ends_with("-linux-gnu")) {
                if !joined.is_empty() {
                    joined.push(":");
                }
                joined.push(entry.path());
            }
        }
    }
    joined
}

/// `mysqld  Ver 9.7.4-2 for Linux …` is `9.7.4-2`; anything odd in it becomes a dash.
fn version_word(text: &str) -> Option<String> {
    let word = text.split_whitespace().skip_while(|word| *word != "Ver").nth(1)?;
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    Some(word.chars().map(keep).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_words_for_file_names() {
        for (text, word) in [
            ("/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))", Some("9.7.4-2")),
            (
                "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)",
                Some("10.11.19-mariadb-0-deb12u1"),
            ),
            ("Ver 8.0/../x", Some("8.0-..-x")),
            ("no version here", None),
            ("Ver", None),
        ] {
            assert_eq!(version_word(text).as_deref(), word, "{text}");
        }
    }

    #[test]
    fn an_unpacked_folder_names_its_loader_and_libraries() {
        let root = tempfile::tempdir().unwrap();
        let libraries = root.path().join("usr/lib/x86_64-linux-gnu");
        std::fs::create_dir_all(&libraries).unwrap();
        assert_eq!(loader(root.path()), None);
        std::fs::create_dir_all(root.path().join("usr/lib64")).unwrap();
        std::fs::write(libraries.join("ld-linux-x86-64.so.2"), "").unwrap();
        let link = root.path().join("usr/lib64/ld-linux-x86-64.so.2");
        std::os::unix::fs::symlink("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", &link).unwrap();
        assert_eq!(loader(root.path()), Some(link));
        assert_eq!(library_path(root.path()), libraries.into_os_string());
    }
}
