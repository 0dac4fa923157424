//! The plain average of the scores of several trained models: what a mixture has to beat to be worth its gate.

use adepts_core::{ClosedForm, Fit, FitError, HistoryBatch, HistoryModel, Probe, Tensors, TensorsError};
use adepts_data::{Progress, Rows};

use super::run::HistoryRun;
use crate::error::Error;

/// What is averaged of several models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// For each user the scores of each model less their mean, divided by their standard deviation, both over the items that are not
    /// in the history. Without it a model whose scores spread more decides alone: scores of EASE lie within tenths, logits of a
    /// `MultVAE` spread by units, and popularity counts users.
    #[default]
    Standardised,
    /// The scores as they are, which is fair only between models of one kind and training.
    Raw,
}

/// Several trained models as one: the score of an item is the mean of theirs.
struct Average {
    parts: Vec<Box<dyn HistoryModel>>,
    scale: Scale,
}

impl HistoryRun {
    /// The average of the models of finished runs on the same data, in place of the first one's model.
    pub fn average(runs: Vec<Self>, scale: Scale) -> Result<Self, Error> {
        let mut runs = runs.into_iter();
        let Some(mut first) = runs.next() else {
            return Err(Error::Request("an average needs at least one run".into()));
        };
        let others: Vec<Self> = runs.collect();
        if let Some(other) = others.iter().find(|run| run.manifest.data != first.manifest.data) {
            let (one, two) = (first.folder.display(), other.folder.display());
            return Err(Error::Request(format!(
                "{one} and {two} were trained on different data; an average needs the same"
            )));
        }
        let probed = |run: &&Self| run.model.gate_probe().is_some();
        let looking: Vec<&Self> = std::iter::once(&first).chain(&others).filter(probed).collect();
        if let Some(pair) = looking.windows(2).find(|pair| pair[0].model.gate_probe() != pair[1].model.gate_probe()) {
            let of = |run: &Self| {
                let probe = run.model.gate_probe().map_or("", Probe::name);
                format!("{} looks at `{probe}`", run.folder.display())
            };
            return Err(Error::Request(format!(
                "{} and {}, but models that are averaged are shown one batch; average runs whose gates look at the same",
                of(pair[0]),
                of(pair[1])
            )));
        }
        let raw = if scale == Scale::Raw { "raw " } else { "" };
        first.experiment.name = format!("{raw}average of {}", others.len() + 1);
        first.experiment.model.insert("kind".into(), "average".into());
        let own = std::mem::replace(&mut first.model, Box::new(Average { parts: Vec::new(), scale }));
        let parts = std::iter::once(own).chain(others.into_iter().map(|run| run.model)).collect();
        first.model = Box::new(Average { parts, scale });
        Ok(first)
    }
}

/// Gives the scores of a user mean 0 and deviation 1 over the items that are not in his history (ascending). Scores that are all
/// equal say nothing and become 0; −∞, which keeps an item out of the list, stays.
fn standardise(scores: &mut [f32], history: &[u32]) {
    let counted = |item: usize, score: f32| score.is_finite() && history.binary_search(&(item as u32)).is_err();
    let open = || scores.iter().enumerate().filter(|(item, score)| counted(*item, **score)).map(|(_, s)| f64::from(*s));
    let count = open().count().max(1) as f64;
    let mean = open().fold(0.0, |sum, score| sum + score) / count;
    let deviation = (open().fold(0.0, |sum, score| sum + (score - mean).powi(2)) / count).sqrt();
    // What rounding leaves of equal scores is no deviation.
    let scale = if deviation > 1e-9 * mean.abs() { 1.0 / deviation } else { 0.0 };
    for score in scores.iter_mut().filter(|score| score.is_finite()) {
        *score = ((f64::from(*score) - mean) * scale) as f32;
    }
}

impl HistoryModel for Average {
    fn items(&self) -> usize {
        self.parts.first().map_or(0, |part| part.items())
    }

    fn probe(&self) -> Option<Probe> {
        self.parts.iter().find_map(|part| part.gate_probe())
    }

    fn score(&self, batch: &HistoryBatch, scores: &mut [f32], _: &mut [f32]) {
        scores.fill(0.0);
        let share = 1.0 / self.parts.len() as f32;
        let mut own = vec![0.0; scores.len()];
        for part in &self.parts {
            part.score(batch, &mut own, &mut []);
            if self.scale == Scale::Standardised {
                for (row, scores) in own.chunks_exact_mut(self.items().max(1)).enumerate() {
                    standardise(scores, batch.input.row(row));
                }
            }
            scores.iter_mut().zip(&own).for_each(|(sum, score)| *sum += share * score);
        }
    }

    fn fit(&mut self) -> Fit<'_> {
        Fit::Closed(self)
    }

    fn save(&self) -> Tensors {
        let mut all = Tensors::default();
        for (n, part) in self.parts.iter().enumerate() {
            all.extend(&format!("{n}."), part.save());
        }
        all
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        self.parts.iter_mut().enumerate().try_for_each(|(n, part)| part.load(&tensors.under(&format!("{n}."))))
    }
}

impl ClosedForm for Average {
    /// Nothing is left to be found: the parts are trained.
    fn fit(&mut self, _: &Rows, _: Progress<'_>) -> Result<(), FitError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adepts_core::{Batcher, HistorySizes, ProbeSplit};
    use adepts_data::Rows;
    use burn::tensor::Device;

    #[test]
    fn a_user_s_scores_are_standardised_over_the_items_that_he_does_not_have() {
        let mut scores = [100.0, 1.0, 2.0, 3.0, f32::NEG_INFINITY];
        standardise(&mut scores, &[0]);
        let deviation = (2.0f32 / 3.0).sqrt();
        for (score, want) in scores[1..4].iter().zip([-1.0, 0.0, 1.0]) {
            assert!((score - want / deviation).abs() < 1e-6, "{scores:?}");
        }
        assert_eq!(scores[4], f32::NEG_INFINITY);
        let mut equal = [0.1, 0.1, 0.1];
        standardise(&mut equal, &[]);
        assert_eq!(equal, [0.0; 3]);
        standardise(&mut [], &[]);
    }

    /// A model that scores so many times what an item's number is, or the reverse.
    struct Line {
        by: f32,
    }

    impl HistoryModel for Line {
        fn items(&self) -> usize {
            4
        }

        fn score(&self, _: &HistoryBatch, scores: &mut [f32], _: &mut [f32]) {
            scores.iter_mut().enumerate().for_each(|(item, score)| *score = self.by * (item % 4) as f32);
        }

        fn fit(&mut self) -> Fit<'_> {
            panic!("it is not trained")
        }

        fn save(&self) -> Tensors {
            Tensors::default()
        }

        fn load(&mut self, _: &Tensors) -> Result<(), TensorsError> {
            Ok(())
        }
    }

    #[test]
    fn a_model_whose_scores_are_larger_has_no_more_say_unless_they_are_taken_raw() {
        let rows = Rows::from_lists([vec![0]]);
        let batch = Batcher {
            histories: &rows,
            validation: &rows,
            items: 4,
            probe: None,
            seed: 1,
            split: ProbeSplit::default(),
        }
        .batch(&[0]);
        let scores = |scale| {
            let parts: Vec<Box<dyn HistoryModel>> = vec![Box::new(Line { by: 1000.0 }), Box::new(Line { by: -1.0 })];
            let mut scores = vec![0.0; 4];
            Average { parts, scale }.score(&batch, &mut scores, &mut []);
            scores
        };
        assert!(scores(Scale::Standardised).iter().all(|score| score.abs() < 1e-6));
        assert_eq!(scores(Scale::Raw), [0.0, 499.5, 999.0, 1498.5]);
    }

    #[test]
    fn the_raw_average_of_two_models_scores_the_mean() {
        let sizes = HistorySizes { users: 3, items: 4, pairs: 6, batch: 3 };
        let part = |seed| {
            let table = "experts = 1\nhidden = [2]".parse().unwrap();
            let recipe = (adepts_models::registry::find("multvae").unwrap().recipe)(table).unwrap();
            recipe.build(&sizes, seed, &Device::flex().autodiff())
        };
        let rows = Rows::from_lists([vec![0, 1], vec![1, 2], vec![3]]);
        let batch = Batcher {
            histories: &rows,
            validation: &rows,
            items: 4,
            probe: None,
            seed: 1,
            split: ProbeSplit::default(),
        };
        let batch = batch.batch(&[0, 1, 2]);
        let scores = |model: &dyn HistoryModel| {
            let mut scores = vec![0.0; 12];
            model.score(&batch, &mut scores, &mut []);
            scores
        };
        let (one, two) = (scores(&*part(1)), scores(&*part(2)));
        let both = scores(&Average { parts: vec![part(1), part(2)], scale: Scale::Raw });
        for ((a, b), mean) in one.iter().zip(&two).zip(&both) {
            assert!((0.5 * (a + b) - mean).abs() < 1e-6);
        }
        assert_ne!(one, two);
    }
}
