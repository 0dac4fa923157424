//! The final form of every history model: trained on all, with the run's settings and epochs, and honest about its figures.

use std::path::Path;

use adepts::contract::{Fit, Probe};
use adepts::data::{GroupBy, HistoryDataset, Rows, SplitConfig, mainstream_scores, progress};
use adepts::family::Settings as _;
use adepts::finalize::Finalized;
use adepts::history::record::Record;
use adepts::history::report::outline;
use adepts::history::request::{ProbeChoice, Request};
use adepts::history::titles::{TitleFile, attach};
use adepts::serve::Answerer as _;
use adepts::train::{Observer, Progress};
use adepts::work::Work;
use adepts::{Artefact, Error, HistoryExperiment, HistoryRun, RunError, finalize};
use burn::tensor::Device;

use crate::support::{
    COMMUNITY, How, RUNS, community_log, copied, dataset, experiment, files, learners, log, model_bytes, run, timeless,
    trained, with_stops, working,
};

fn finalized(source: &Path, folder: &Path, how: How) -> (Result<Finalized, Error>, usize) {
    working(how, |work| finalize::run(source, None, folder, work))
}

/// All items of each user, whatever part they are in.
fn everything(data: &HistoryDataset) -> Rows {
    let of = |user: usize| [data.train.row(user), data.validation.row(user), data.test.row(user)].concat();
    Rows::from_lists((0..data.users.len()).map(of))
}

fn sole(folder: &Path) -> String {
    std::fs::read_to_string(folder).unwrap()
}

#[test]
fn every_model_is_finalized_on_all_pairs_and_repeats_the_figures_of_its_run() {
    let home = tempfile::tempdir().unwrap();
    let all = everything(&COMMUNITY);
    for trained in RUNS.iter() {
        let name = trained.spec.name;
        let folder = home.path().join(format!("{name}-final"));
        let made = finalized(&trained.folder, &folder, How::default()).0.unwrap();
        let (evaluated, last) = (HistoryRun::open(&trained.folder).unwrap(), HistoryRun::open(&folder).unwrap());
        // On everything, and on nothing else.
        assert_eq!((made.rows, last.manifest.pairs), (all.pairs() as u64, all.pairs()), "{name}");
        assert!(last.data.train == all && last.data.validation.pairs() == 0 && last.data.test.pairs() == 0, "{name}");
        assert!(last.data.learns.iter().all(|learns| *learns), "{name}");
        assert_eq!(last.data.mainstream, mainstream_scores(&all, COMMUNITY.items.len(), 1).0, "{name}");
        // As the run was trained, for the epochs with which it did best.
        assert_eq!(
            (last.experiment.split.clone(), &*last.experiment.name),
            (SplitConfig::All {}, &*format!("{name}-final"))
        );
        assert_eq!(last.experiment.seed, evaluated.experiment.seed);
        let best = evaluated.manifest.epochs.map(|(best, _)| best);
        assert_eq!((made.epochs, last.manifest.epochs), (best, best.map(|best| (best, best))), "{name}");
        assert_eq!(log(&folder).len(), best.unwrap_or(0), "{name}: an epoch a line");
        assert!(log(&folder).iter().all(|epoch| epoch.validation.is_empty()), "{name}: nothing was validated");
        let config = sole(&folder.join("config.toml"));
        assert!(config.contains("kind = \"all\"") && !config.contains("patience"), "{config}");
        // Held-out items are looked at by nobody.
        assert!(!config.contains("probe = \"validation\""), "{name}: {config}");
        let looked = evaluated.model.probe() == Some(Probe::Validation);
        assert_eq!(last.model.probe(), evaluated.model.probe().map(|_| Probe::History), "{name}");
        // The figures are those of the run, when its gate looks where this one does.
        let probe = if looked { ProbeChoice::At(Probe::History) } else { ProbeChoice::AsTrained };
        let request = Request { probe, ..Request::default() };
        let expected = evaluated.evaluate(request, &mut progress::silent).unwrap().summary;
        assert_eq!(timeless(finalize::figures(&folder).unwrap()), timeless(expected), "{name}");
        let of = last.manifest.final_of.clone().unwrap();
        let called = trained.experiment.name.as_str();
        assert_eq!((of.run.as_str(), of.folder), (called, trained.folder.display().to_string()));
        assert_eq!(of.manifest, Artefact::open(&trained.folder).unwrap().hash);
        assert_eq!(of.probe.as_deref(), looked.then_some("validation"));
        // What answers go by.
        let answers = Artefact::open(&folder).unwrap();
        assert_eq!(answers.histories.unwrap().items, all, "{name}");
        let page = sole(&folder.join("report.html"));
        for text in ["A final model", "not measured with", &of.manifest, &format!("{called} (evaluated)")] {
            assert!(page.contains(text), "{name}: `{text}` is not on the page");
        }
        assert!(!files(&folder).iter().any(|file| file.contains("checkpoint") || file.starts_with('.')));
    }
}

#[test]
fn the_final_form_of_a_closed_form_is_its_fit_to_all_bit_for_bit() {
    let home = tempfile::tempdir().unwrap();
    let whole = COMMUNITY.whole(2024);
    let mut closed_forms = 0;
    for trained in RUNS.iter() {
        let (_, recipe) = trained.experiment.recipe().unwrap();
        let mut model =
            recipe.build(&adepts::history::run::sizes(&trained.experiment, &whole), 2024, &Device::flex().autodiff());
        let Fit::Closed(closed) = model.fit() else { continue };
        closed.fit(&everything(&COMMUNITY), &mut progress::silent).unwrap();
        let file = home.path().join("direct");
        model.save().write(&file).unwrap();
        let folder = home.path().join(trained.spec.name);
        finalized(&trained.folder, &folder, How::default()).0.unwrap();
        assert!(std::fs::read(&file).unwrap() == model_bytes(&folder), "{}", trained.spec.name);
        closed_forms += 1;
    }
    assert!(closed_forms >= 3);
}

#[test]
fn equal_seeds_give_equal_final_models_also_if_they_were_stopped() {
    let home = tempfile::tempdir().unwrap();
    for spec in learners() {
        let source = &trained(spec.name).folder;
        let of = |name: &str, stops: &[usize]| {
            let folder = home.path().join(format!("{}-{name}", spec.name));
            let figures = with_stops(stops, |how| {
                let (made, steps) = finalized(source, &folder, how);
                (made.map(|made| made.figures), steps)
            });
            // Finished is finished.
            let again = finalized(source, &folder, How { resume: true, ..How::default() });
            assert_eq!(
                (again.1, again.0.unwrap().epochs),
                (0, HistoryRun::open(source).unwrap().manifest.epochs.map(|e| e.0))
            );
            (model_bytes(&folder), log(&folder), figures)
        };
        let whole = of("whole", &[]);
        for (name, stops) in [("again", &[][..]), ("stopped", &[2, 2])] {
            let other = of(name, stops);
            assert!(whole.0 == other.0, "{} {name}: other parameters", spec.name);
            assert_eq!((&whole.1, &whole.2), (&other.1, &other.2), "{} {name}", spec.name);
        }
        assert!(whole.0 != model_bytes(source), "{}: there is more to learn from", spec.name);
    }
}

#[test]
fn users_who_were_held_out_are_learned_from_in_the_end() {
    let split = SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known: 0.0, seed: Some(5) };
    let data = dataset(community_log(), &split);
    let home = tempfile::tempdir().unwrap();
    let (source, folder) = (home.path().join("wl"), home.path().join("wl-final"));
    let mut experiment = experiment(trained("wl").spec, &["train.epochs=3"]);
    experiment.eval.groups = vec![GroupBy::Newness { parts: 2 }, GroupBy::Mainstream { parts: 2 }];
    run(&experiment, &data, &source, How::default()).unwrap();
    let made = finalized(&source, &folder, How::default()).0.unwrap();
    assert_eq!((made.of.split.as_str(), made.of.parts[0]), ("users", data.train.pairs() as u64));
    let last = HistoryRun::open(&folder).unwrap();
    assert!(last.data.train == everything(&data) && last.data.learns.iter().all(|learns| *learns));
    assert!(data.learns.iter().any(|learns| !learns));
}

#[test]
fn a_final_model_is_not_evaluated_compared_or_finalized_and_says_whose_figures_there_are() {
    let home = tempfile::tempdir().unwrap();
    let (source, folder) = (&trained("ease").folder, home.path().join("prod"));
    finalized(source, &folder, How::default()).0.unwrap();
    let last = HistoryRun::open(&folder).unwrap();
    let told = |error: Error| {
        let told = error.to_string();
        assert!(matches!(error, Error::Run(RunError::Final { .. })), "{told}");
        assert!(told.contains("trained on all data") && told.contains(&source.display().to_string()), "{told}");
    };
    told(last.evaluate(Request::default(), &mut progress::silent).unwrap_err());
    told(<Record>::open(&folder).unwrap_err());
    told(outline(&folder, &[]).unwrap_err());
    told(finalized(&folder, &home.path().join("again"), How::default()).0.unwrap_err());
    let page = home.path().join("page.html");
    told(adepts::any::write_page(&page, "", &[source.clone(), folder.clone()]).unwrap_err());
    // Its own page can be written anew.
    adepts::any::write_page(&page, "", std::slice::from_ref(&folder)).unwrap();
    assert!(sole(&page).contains("A final model"));
    // Data of which nothing is held out is nothing to train and evaluate on.
    let mut on_all = experiment(trained("ease").spec, &[]);
    on_all.data.source = folder.join("data").display().to_string();
    let error =
        working(How::default(), |work| adepts::history::experiment::run(&on_all, &home.path().join("b"), work)).0;
    assert!(error.unwrap_err().to_string().contains("adepts finalize RUN --out DIR"));
}

#[test]
fn a_final_model_takes_no_folder_that_is_in_use_and_goes_on_with_none_but_its_own() {
    let home = tempfile::tempdir().unwrap();
    let (ease, knn) = (&trained("ease").folder, &trained("itemknn").folder);
    for folder in [ease.clone(), ease.join("final"), ease.parent().unwrap().to_owned()] {
        let error = finalized(ease, &folder, How { overwrite: true, ..How::default() }).0.unwrap_err().to_string();
        assert!(error.contains("a folder of its own"), "{error}");
    }
    let folder = home.path().join("prod");
    finalized(ease, &folder, How::default()).0.unwrap();
    let exists = finalized(ease, &folder, How::default()).0.unwrap_err();
    assert!(matches!(exists, Error::Run(RunError::Exists { .. })), "{exists}");
    let other = finalized(knn, &folder, How { resume: true, ..How::default() }).0.unwrap_err().to_string();
    assert!(other.contains("begun with other settings"), "{other}");
    finalized(knn, &folder, How { overwrite: true, ..How::default() }).0.unwrap();
    assert_eq!(HistoryExperiment::of_run(&folder).unwrap().kind(), "itemknn");
    let short = How { available: Some(1), ..How::default() };
    let memory = finalized(ease, &home.path().join("none"), short).0.unwrap_err();
    assert!(matches!(memory, Error::Memory { .. }), "{memory}");
    assert!(!home.path().join("none").exists());
}

/// Takes the titles of a run away while something is trained.
struct Taking<'a>(&'a Path);

impl Observer for Taking<'_> {
    fn step(&mut self, _: &Progress) {
        for file in files(self.0).into_iter().filter(|file| file.starts_with("answers/titles")) {
            std::fs::remove_file(self.0.join(file)).unwrap();
        }
    }
}

#[test]
fn titles_are_those_that_the_run_had_when_the_final_model_was_begun() {
    let home = tempfile::tempdir().unwrap();
    let source = copied(&trained("wl").folder);
    let table = home.path().join("titles.csv");
    let text = format!("item,title\n{},A thing\n", COMMUNITY.items.id(3));
    adepts::data::write_atomically(&table, |out| std::io::Write::write_all(out, text.as_bytes())).unwrap();
    attach(source.path(), &TitleFile::new(table.display().to_string()), &mut progress::silent).unwrap();
    let folder = home.path().join("prod");
    let mut work = Work {
        progress: &mut progress::silent,
        observer: &mut Taking(source.path()),
        stop: &|| false,
        available: None,
        checkpoint_every: 1e9,
        resume: false,
        overwrite: false,
    };
    finalize::run(source.path(), None, &folder, &mut work).unwrap();
    assert!(!files(source.path()).iter().any(|file| file.starts_with("answers/titles")));
    let answerer = Artefact::open(&folder).unwrap().answerer();
    assert_eq!(answerer.item(&COMMUNITY.items.id(3)).unwrap().title.as_deref(), Some("A thing"));
}

#[test]
fn what_is_to_answer_says_that_it_was_trained_on_a_part_unless_it_is_final() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("prod");
    let source = &trained("ease").folder;
    finalized(source, &folder, How::default()).0.unwrap();
    let hint = finalize::hint(source).unwrap();
    let share = 100.0 * COMMUNITY.train.pairs() as f64 / everything(&COMMUNITY).pairs() as f64;
    assert!(hint.contains(&format!("{share:.0} % of its {}", everything(&COMMUNITY).pairs())), "{hint}");
    assert!(hint.contains("adepts finalize ") && hint.contains("ease-final`") && hint.lines().count() == 1, "{hint}");
    assert_eq!(finalize::hint(&folder), None);
    assert_eq!(finalize::hint(home.path()), None);
}
