//! The plain average of the scores of several trained models: what a mixture has to beat to be worth its gate.

use adepts_core::{ClosedForm, Fit, FitError, HistoryBatch, HistoryModel, Probe, Tensors, TensorsError};
use adepts_data::{Progress, Rows};

use crate::error::Error;
use crate::run::Run;

/// Several trained models as one: the score of an item is the mean of theirs.
struct Average {
    parts: Vec<Box<dyn HistoryModel>>,
}

impl Run {
    /// The average of the models of finished runs on the same data, in place of the first one's model.
    pub fn average(runs: Vec<Self>) -> Result<Self, Error> {
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
        first.experiment.name = format!("average of {}", others.len() + 1);
        first.experiment.model.insert("kind".into(), "average".into());
        let own = std::mem::replace(&mut first.model, Box::new(Average { parts: Vec::new() }));
        let parts = std::iter::once(own).chain(others.into_iter().map(|run| run.model)).collect();
        first.model = Box::new(Average { parts });
        Ok(first)
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
    use adepts_core::{Batcher, ProbeSplit, Sizes};
    use adepts_data::Rows;
    use burn::tensor::Device;

    #[test]
    fn the_average_of_two_models_scores_the_mean() {
        let sizes = Sizes { users: 3, items: 4, pairs: 6, batch: 3 };
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
        let both = scores(&Average { parts: vec![part(1), part(2)] });
        for ((a, b), mean) in one.iter().zip(&two).zip(&both) {
            assert!((0.5 * (a + b) - mean).abs() < 1e-6);
        }
        assert_ne!(one, two);
    }
}
