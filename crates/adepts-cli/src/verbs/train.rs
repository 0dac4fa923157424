//! `adepts train`: an experiment, from the log to a finished run.

use std::path::{Path, PathBuf};

use adepts::answers::forget_histories;
use adepts::any::AnyExperiment;
use adepts::data::store::is_prepared;
use adepts::data::tabular::{TabularConfig, TabularDataset};
use adepts::eval::Summary;
use adepts::files::{CONFIG, DATA, MANIFEST};
use adepts::finalize::Begun;
use adepts::history::titles::{TitleFile, attach};
use adepts::history::{experiment, run};
use adepts::overrides::UNNAMED;
use adepts::page::{mostly_at_floor, nothing_learned};
use adepts::{Error, finalize, folder, tabular};
use clap::Args;

use crate::options::{EXAMPLES, LogOptions, WorkOptions, planned_on, quoted, with_work};
use crate::output::{self, tables};
use crate::progress::Terminal;
use crate::signals::{Again, typed};
use crate::verbs::finalize::{FINISHED, described, places};
use crate::verbs::titles;

/// Train a model on a log, evaluate it and leave a run folder.
#[derive(Args)]
#[command(after_help = "\
Examples:
  adepts train experiments/tall-ml-1m.toml --out runs/tall
  adepts train experiments/tall-ml-1m.toml --set train.epochs=2 --out /tmp/try
  adepts train --model ease --data prepared --out runs/ease
  adepts train --model multvae --data log.csv --user customer --item sku --set train.epochs=50
  adepts train --resume runs/tall                    continue; the folder has the settings
  adepts train --model ease --data books.csv --titles titles.csv --out runs/ease
  adepts train --model ease --data prepared --out runs/ease --final runs/ease-final     and then the model to use, on all data
  adepts train experiments/cesaa-ml-1m.toml --out runs/cesaa       a tabular model

`adepts models tall` prints the settings of a model, each of which can be given with --set model.…")]
pub(crate) struct Options {
    /// The experiment file (TOML); with --resume, a run folder
    #[arg(value_name = "CONFIG", conflicts_with = "model")]
    config: Option<PathBuf>,
    /// Train this model with its default settings, without an experiment file
    #[arg(long, value_name = "NAME", requires = "data")]
    model: Option<String>,
    /// The log or the prepared folder; overrides data.source of the file
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Override a key of the experiment, such as train.batch=256; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The run folder [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Then also train the final model to use: on all data, with the best number of epochs (adepts finalize)
    #[arg(long = "final", value_name = "DIR")]
    final_model: Option<PathBuf>,
    /// For history models: a table of items with titles (CSV, JSON lines, Parquet), which answers then include
    #[arg(long, value_name = "FILE")]
    titles: Option<String>,
    /// For history models: strip all data of single users from the run (ids, histories, held-out items, figures). It then
    /// only answers for histories that are sent, and cannot be evaluated or compared again
    #[arg(long)]
    without_histories: bool,
    /// Print the evaluation as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    work: WorkOptions,
    #[command(flatten)]
    log: LogOptions,
}

impl Options {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<()> {
        // A final model that was stopped knows what it is made of.
        let resumed = self.out.as_ref().or_else(|| self.config.as_ref().filter(|path| path.is_dir()));
        if let Some(out) = resumed.filter(|_| self.work.resume)
            && let Some(Begun { run, log, .. }) = finalize::begun(out)?
        {
            terminal.go_on_with(self.again(out));
            let made = with_work(terminal, self.work, |work| finalize::run(&run, log.as_deref(), out, work))?;
            if self.without_histories {
                forget_histories(out)?;
            }
            terminal.clear();
            return output::text(&format!("{}\n{}", described(&made, &run), places(out, false)));
        }
        let named = self.model.is_none() && self.config.as_ref().is_none_or(|path| path.is_dir());
        if let Some(out) = resumed.filter(|out| self.work.resume && named && finalize::is_final(out)) {
            if self.without_histories {
                forget_histories(out)?;
            }
            return output::text(&places(out, true));
        }
        let continued = self.continued()?;
        let file = continued.as_ref().map(|run| run.join(CONFIG)).or_else(|| self.config.clone());
        if file.is_none() && self.model.is_none() {
            let missing = "which model? Give an experiment file (CONFIG) or --model NAME, such as --model ease; `adepts models` lists them";
            return Err(Error::Request(missing.into()).into());
        }
        let mut sets = Vec::new();
        if let Some(model) = &self.model {
            let own = self.out.as_ref().and_then(|out| out.file_name()).map(|name| name.to_string_lossy());
            sets.push(format!("name={}", quoted(own.as_deref().unwrap_or(model))));
            sets.push(format!("model.kind={}", quoted(model)));
        }
        sets.extend(self.data.as_ref().map(|data| format!("data.source={}", quoted(data))));
        sets.extend(self.set.iter().cloned());
        let mut planned = planned_on(file.as_ref(), &sets, &self.log)?;
        let name = match &mut planned {
            AnyExperiment::History(experiment) => &mut experiment.name,
            AnyExperiment::Tabular(experiment) => &mut experiment.name,
        };
        // Runs that are compared are told apart by their names.
        if let Some(folder) = self.out.as_ref().and_then(|out| out.file_name()).filter(|_| name == UNNAMED) {
            *name = folder.to_string_lossy().into_owned();
        }
        let (name, source) = match &planned {
            AnyExperiment::History(experiment) => (&experiment.name, &experiment.data.source),
            AnyExperiment::Tabular(experiment) => (&experiment.name, &experiment.data.source),
        };
        if let AnyExperiment::Tabular(experiment) = &planned
            && experiment.data == (TabularConfig { source: source.clone(), ..TabularConfig::default() })
            && !TabularDataset::is_prepared(Path::new(source))
            && !is_prepared(Path::new(source))
        {
            let missing = format!("which columns of {source} are the label, the domain and the fields? {EXAMPLES}");
            return Err(Error::Request(missing).into());
        }
        if source.is_empty() {
            let missing = "data.source is not set; name the log there, or with --data";
            return Err(Error::Request(missing.into()).into());
        }
        if matches!(planned, AnyExperiment::Tabular(_)) && (self.titles.is_some() || self.without_histories) {
            let wrong = "--titles and --without-histories are for history models";
            return Err(Error::Request(wrong.into()).into());
        }
        let out = continued.or_else(|| self.out.clone()).unwrap_or_else(|| PathBuf::from("runs").join(name));
        // Held over all steps, so that nobody comes in between.
        let _lock = folder::lock(&out)?;
        let finished = self.work.resume && out.join(MANIFEST).exists();
        terminal.go_on_with(self.again(&out));
        if let Some(folder) = &self.final_model {
            // What would end in an error after hours of training ends in one now.
            finalize::check(&out, folder, self.work.resume, self.work.overwrite)?;
        }
        let summary = with_work(terminal, self.work, |work| match &planned {
            AnyExperiment::History(experiment) => experiment::run(experiment, &out, work),
            AnyExperiment::Tabular(experiment) => tabular::experiment::run(experiment, &out, work),
        })?;
        if let Some(source) = self.titles.clone() {
            let attached = attach(&out, &TitleFile::new(source), &mut terminal.progress())?;
            terminal.note(&titles::told(attached, &out));
        }
        // A run whose histories were forgotten keeps the page that it has.
        if run::manifest(&out).map_or(true, |manifest| manifest.histories) {
            adepts::any::write_page(&out.join(adepts::files::PAGE), "", std::slice::from_ref(&out))?;
        }
        let made = match &self.final_model {
            Some(folder) => {
                let finished = self.work.resume && finalize::is_final(folder);
                if !finished {
                    terminal.note(&format!("{} is evaluated; the final model follows", out.display()));
                }
                let made = with_work(terminal, self.work, |work| finalize::run(&out, None, folder, work))?;
                Some((folder, made, finished))
            }
            None => None,
        };
        match &self.final_model {
            Some(folder) if self.without_histories => finalize::forget_histories(&out, folder)?,
            None if self.without_histories => forget_histories(&out)?,
            _ => {}
        }
        terminal.clear();
        if matches!(planned, AnyExperiment::Tabular(_)) {
            let manifest = TabularDataset::manifest_of(&out.join(DATA)).map_err(Error::from)?;
            for line in output::lost_tabular(&manifest) {
                terminal.note(&line);
            }
            if let Some(warning) = nothing_learned(&adepts::manifest::epochs(&out)?) {
                terminal.note(&format!("warning: {warning}"));
            }
        }
        if let Some(warning) = mostly_at_floor(&adepts::manifest::epochs(&out)?) {
            terminal.note(&format!("warning: {warning}"));
        }
        let summary = Summary { runs: vec![summary] };
        if self.json {
            return output::json(&summary);
        }
        let page = out.join(adepts::files::PAGE);
        let state = if finished { FINISHED } else { "" };
        let mut text = format!("{}\nrun:    {}{state}\nreport: {}", tables(&summary), out.display(), page.display());
        if let Some((folder, made, finished)) = &made {
            text = format!("{text}\n\n{}\n{}", described(made, &out), places(folder, *finished));
        }
        output::text(&text)
    }

    /// The run that is continued, where its folder says what is trained.
    fn continued(&self) -> Result<Option<PathBuf>, Error> {
        let named = self.config.as_ref().filter(|path| path.is_dir());
        let run = match (self.work.resume, named, &self.out) {
            (false, Some(folder), _) => {
                let folder = folder.display();
                return Err(Error::Request(format!(
                    "{folder} is a folder, expected an experiment file; `adepts train --resume {folder}` continues a run"
                )));
            }
            (true, Some(run), None) => run,
            (true, Some(run), Some(out)) => {
                if run.canonicalize().ok() != out.canonicalize().ok() {
                    let (run, out) = (run.display(), out.display());
                    let told =
                        format!("{run} is continued where it is, and --out names {out}; leave one of the two out");
                    return Err(Error::Request(told));
                }
                run
            }
            (true, None, Some(out)) if self.config.is_none() && self.model.is_none() => out,
            (true, None, None) if self.config.is_none() && self.model.is_none() => {
                return Err(Error::Request("which run is to be continued? `adepts train --resume RUN`".into()));
            }
            (_, None, _) => return Ok(None),
        };
        if !run.join(CONFIG).is_file() {
            let run = run.display();
            return Err(Error::Request(format!(
                "{run} holds no run that was begun: it has no {CONFIG}; begin one with `adepts train CONFIG --out {run}`"
            )));
        }
        Ok(Some(run.clone()))
    }

    /// What continues the training if it is interrupted.
    fn again(&self, out: &Path) -> Again {
        let mut words = ["adepts", "train", "--resume"].map(str::to_owned).to_vec();
        words.push(out.display().to_string());
        words.extend(self.titles.iter().flat_map(|titles| ["--titles".to_owned(), titles.clone()]));
        words.extend(self.without_histories.then(|| "--without-histories".to_owned()));
        let last = self.final_model.iter().filter(|folder| *folder != out);
        words.extend(last.flat_map(|folder| ["--final".to_owned(), folder.display().to_string()]));
        Again { once: out.join(CONFIG), verb: "continue with", command: typed(words) }
    }
}
