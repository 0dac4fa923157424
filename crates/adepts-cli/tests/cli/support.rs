//! Running the binary, and data to run it on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

pub(crate) fn adepts<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adepts"));
    command.args(arguments).env_remove("ADEPTS_DATA").env("COLUMNS", "100");
    command
}

/// What a call printed and how it ended.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Failed with this code, saying all of this, and printed no result.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, saying: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        for text in saying {
            assert!(self.err.contains(text), "`{text}` is not in: {}", self.err);
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs `adepts` with the words of a line, in which `{}` stands for the paths in turn.
#[track_caller]
pub(crate) fn run(line: &str, paths: &[&Path]) -> Done {
    // An evaluation is kept in the run, which several tests share.
    static EVALUATION: Mutex<()> = Mutex::new(());
    let _alone = line.starts_with("evaluate").then(|| EVALUATION.lock().unwrap_or_else(PoisonError::into_inner));
    Done::of(&adepts(words(line, paths)).output().unwrap())
}

pub(crate) fn words(line: &str, paths: &[&Path]) -> Vec<String> {
    let mut paths = paths.iter();
    let word = |word: &str| match word {
        "{}" => paths.next().expect("a path for each {}").display().to_string(),
        word => word.to_owned(),
    };
    line.split_whitespace().map(word).collect()
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A folder for this process, with those of ended ones removed.
fn shared() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for entry in fs::read_dir(parent).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.strip_prefix("cli-").is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                fs::remove_dir_all(entry.path()).ok();
            }
        }
        let folder = parent.join(format!("cli-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    })
}

/// A simulated log.
pub(crate) fn log() -> &'static Path {
    static LOG: OnceLock<PathBuf> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = shared().join("log.csv");
        run("simulate --users 300 --items 120 --set interactions=20 --out {} -q", &[&log]).ok();
        log
    })
}

/// The same, prepared.
pub(crate) fn prepared() -> &'static Path {
    static PREPARED: OnceLock<PathBuf> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let data = shared().join("prepared");
        run("prepare --input {} --user user --item item --group community --out {} -q", &[log(), &data]).ok();
        data
    })
}

/// Finished runs on it: popularity, EASE and a small TALL.
pub(crate) fn runs() -> &'static [PathBuf; 3] {
    static RUNS: OnceLock<[PathBuf; 3]> = OnceLock::new();
    RUNS.get_or_init(|| {
        ["popularity", "ease", "tall"].map(|model| {
            let folder = shared().join(model);
            let small = if model == "tall" { SMALL_TALL } else { "" };
            run(&format!("train --model {model} --data {{}} --out {{}} -q {small}"), &[prepared(), &folder]).ok();
            folder
        })
    })
}

/// Three experts that are trained in a moment.
pub(crate) const SMALL_TALL: &str = "--set model.experts=3 --set model.hidden=[8] --set model.weights.gap=2 \
     --set train.batch=64 --set train.epochs=4 --set eval.metrics=[\"ndcg@20\",\"recall@20\",\"coverage@20\"]";

/// The training log without what the clock says.
pub(crate) fn epochs(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("epochs.jsonl")).unwrap();
    let mut epochs: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for epoch in &mut epochs {
        let epoch = epoch.as_object_mut().unwrap();
        assert!(epoch.remove("train_seconds").unwrap().as_f64().unwrap() >= 0.0);
        assert!(epoch.remove("eval_seconds").unwrap().as_f64().unwrap() >= 0.0);
    }
    epochs
}

/// The evaluation without what the clock says.
pub(crate) fn report(run: &Path) -> Value {
    let mut report: Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    report["runs"][0].as_object_mut().unwrap().remove("seconds").unwrap();
    report
}

/// The same model, log and evaluation, bit for bit.
#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path) {
    assert_eq!(epochs(one), epochs(other));
    let model = |run: &Path| fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(one) == model(other), "the parameters differ");
    assert_eq!(report(one), report(other));
}
