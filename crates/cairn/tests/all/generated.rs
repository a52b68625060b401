//! The description of the API as other people's tools take it: a validator, and clients that are generated from it and go round once.
//!
//! What a machine lacks (Python's or Node's packages) is said and passed over, and is a failure where nothing may be missing. What the clients
//! do is in `generated/`, in their own languages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::app::App;
use crate::instance::finished;

/// The folder in the user's cache in which the project's tools lie.
fn tools() -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    home.map(|home| home.join("cairn-tools"))
}

fn or_skipped<T>(found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        assert!(
            std::env::var_os("CAIRN_TEST_STRICT").is_none(),
            "{what} is missing"
        );
        println!("SKIPPED: {what} is missing; `cargo xtask tools --install` brings it");
    }
    found
}

/// A Python that has these modules.
fn python(modules: &str) -> Option<PathBuf> {
    let candidates = [
        std::env::var_os("CAIRN_TEST_PYTHON").map(PathBuf::from),
        tools().map(|tools| tools.join("venv/bin/python")),
        Some(PathBuf::from("python3")),
    ];
    let has = |python: &PathBuf| {
        let import = Command::new(python)
            .args(["-c", &format!("import {modules}")])
            .output();
        import.is_ok_and(|output| output.status.success())
    };
    let found = candidates.into_iter().flatten().find(has);
    or_skipped(found, &format!("Python's {modules}"))
}

/// The folder of Node's packages that make and check a client, and `node` itself.
fn node_modules() -> Option<PathBuf> {
    let named = std::env::var_os("CAIRN_TEST_NODE_MODULES").map(PathBuf::from);
    let kept = tools().map(|tools| tools.join("node/node_modules"));
    let is_whole = |folder: &PathBuf| {
        ["openapi-typescript", "openapi-fetch", "typescript"]
            .iter()
            .all(|package| folder.join(package).is_dir())
            && Command::new("node")
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
    };
    let found = [named, kept].into_iter().flatten().find(is_whole);
    or_skipped(
        found,
        "Node with openapi-typescript, openapi-fetch and typescript",
    )
}

/// A served house with one person, what it says of its API, and a folder to protect.
fn house() -> (App, PathBuf, PathBuf) {
    let app = App::new();
    let description = app.instance.path("openapi.json");
    let told = app.served.ask("GET", "/api/openapi.json", None, None);
    fs::write(&description, &told.body).unwrap();
    let folder = app.instance.path("live");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("level.dat"), b"level one").unwrap();
    (app, description, folder)
}

fn goes_well(command: &mut Command, what: &str) -> String {
    let run = finished(&command.output().unwrap());
    assert_eq!(run.code, 0, "{what}:\n{}{}", run.out, run.err);
    run.out
}

#[test]
fn the_description_of_the_api_is_valid() {
    let Some(python) = python("openapi_spec_validator") else {
        return;
    };
    let (_app, description, _) = house();
    let mut validate = Command::new(python);
    validate.args(["-m", "openapi_spec_validator"]).arg(&description);
    goes_well(&mut validate, "the validator");
}

#[test]
fn a_client_that_is_generated_in_python_goes_round() {
    let Some(python) = python("openapi_python_client, httpx") else {
        return;
    };
    let (app, description, folder) = house();
    let place = app.instance.path("python");
    fs::create_dir(&place).unwrap();
    let settings = "project_name_override: cairn-client\npackage_name_override: cairn_client\npost_hooks: []\n\
        content_type_overrides:\n  application/gzip: application/octet-stream\n";
    fs::write(place.join("settings.yml"), settings).unwrap();
    let mut generate = Command::new(&python);
    generate
        .current_dir(&place)
        .args(["-m", "openapi_python_client", "generate", "--meta", "none"])
        .args(["--fail-on-warning", "--config", "settings.yml"])
        .args(["--output-path", "cairn_client", "--path"])
        .arg(&description);
    goes_well(&mut generate, "the generator");
    let mut compile = Command::new(&python);
    compile
        .current_dir(&place)
        .args(["-m", "compileall", "-q", "cairn_client"]);
    goes_well(&mut compile, "the generated client");
    fs::write(
        place.join("round_trip.py"),
        include_str!("generated/round_trip.py"),
    )
    .unwrap();
    let mut go = Command::new(&python);
    go.current_dir(&place).arg("round_trip.py");
    let out = goes_well(go.arg(url(&app)).arg(&folder), "the generated client");
    assert_eq!(out.trim(), "done");
}

#[test]
fn a_client_that_is_generated_in_typescript_goes_round() {
    let Some(modules) = node_modules() else {
        return;
    };
    let (app, description, folder) = house();
    let place = app.instance.path("typescript");
    fs::create_dir(&place).unwrap();
    std::os::unix::fs::symlink(&modules, place.join("node_modules")).unwrap();
    fs::write(place.join("package.json"), r#"{"type": "module"}"#).unwrap();
    fs::write(
        place.join("round_trip.ts"),
        include_str!("generated/round_trip.ts"),
    )
    .unwrap();
    let node = |script: &Path| {
        let mut command = Command::new("node");
        command.current_dir(&place).arg(script);
        command
    };
    let mut generate = node(&modules.join("openapi-typescript/bin/cli.js"));
    generate.arg(&description).args(["--output", "schema.ts"]);
    goes_well(&mut generate, "the generator");
    let mut compile = node(&modules.join("typescript/bin/tsc"));
    compile
        .args([
            "--strict",
            "--noUncheckedIndexedAccess",
            "--exactOptionalPropertyTypes",
        ])
        .args(["--target", "es2022", "--module", "nodenext", "--types", "node"])
        .args(["--outDir", "made", "round_trip.ts"]);
    goes_well(&mut compile, "the compiler");
    let mut go = node(Path::new("made/round_trip.js"));
    let out = goes_well(go.arg(url(&app)).arg(&folder), "the generated client");
    assert_eq!(out.trim(), "done");
}

fn url(app: &App) -> String {
    format!("http://{}", app.served.address)
}
