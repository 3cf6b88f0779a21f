//! The layers, held by a test: which top-level module may use which, and what no source file may contain.

use libtest_mimic::Trial;
use std::path::{Path, PathBuf};

/// Module, and the modules of this crate that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &["db"]),
    ("secret", &[]),
    ("sql", &["error", "schema", "sql"]),
    ("schema", &["error", "sql", "schema"]),
    ("plan", &["error", "glob", "schema", "secret", "sql", "wire", "plan"]),
    ("wire", &["error", "schema", "sql", "wire"]),
    ("db", &["error", "schema", "secret", "sql", "wire", "db"]),
    ("config", &["db", "error", "glob", "secret", "config"]),
    ("detect", &[]),
    ("glob", &[]),
    ("scan", &["detect", "error", "plan", "schema", "scan"]),
    ("install", &["config", "error", "schema", "secret", "source", "sql", "install"]),
    ("source", &["random", "db", "error", "fault", "plan", "schema", "spill", "sql", "source"]),
    ("target", &["random", "db", "error", "fault", "plan", "schema", "sql", "wire", "target"]),
    (
        "server",
        &[
            "random", "config", "db", "detect", "error", "fault", "plan", "scan", "schema", "secret",
            "source", "spill", "sql", "wire", "server",
        ],
    ),
    (
        "client",
        &[
            "random", "config", "db", "error", "fault", "plan", "schema", "secret", "sql", "target", "wire",
            "client",
        ],
    ),
    ("sandbox", &["db", "error", "schema", "secret", "sql", "sandbox"]),
    ("random", &["error"]),
    ("fault", &["error"]),
    ("spill", &["error"]),
];

/// What pure modules must not touch.
const IMPURE: &[&str] = &["mysql::Conn", "std::fs", "std::net", "SystemTime", "Instant::now", "getrandom"];

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("arch::modules_use_only_what_is_below_them", || {
            layers();
            Ok(())
        }),
        Trial::test("arch::pure_modules_touch_nothing", || {
            purity();
            Ok(())
        }),
    ]
}

fn layers() {
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_USE {
        for file in files(module) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for used in code.split("crate::").skip(1) {
                    let used: String =
                        used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                    if !used.is_empty() && used != *module && !allowed.contains(&used.as_str()) {
                        wrong.push(format!(
                            "{}:{}: `{module}` must not use `{used}`",
                            file.display(),
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn purity() {
    let mut wrong = Vec::new();
    let modules = ["schema", "sql", "plan", "wire", "scan", "detect"];
    let decided =
        ["env_file", "toml_file", "ignore", "plan", "lines", "grants"].map(|one| format!("install/{one}"));
    for module in modules.map(str::to_owned).iter().chain(&decided) {
        for file in files(module) {
            let text = std::fs::read_to_string(&file).unwrap();
            // Tests may read golden files.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            wrong.extend(
                IMPURE
                    .iter()
                    .filter(|word| code.contains(**word))
                    .map(|word| format!("{}: {word}", file.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn files(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = src.join(format!("{module}.rs"));
    let mut found = if file.exists() { vec![file] } else { Vec::new() };
    let mut folders = vec![src.join(module)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}
