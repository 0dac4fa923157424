//! Has a model learned anything?

use adepts_core::EpochRecord;

use crate::format::score;

/// A validation AUC up to this is that of guessing.
const GUESSING: f64 = 0.52;

/// What must be said of a training whose best epoch puts rows in an order no better than chance, or whose first epoch was the
/// best of several.
#[must_use]
pub fn nothing_learned(epochs: &[EpochRecord]) -> Option<String> {
    let best = epochs.iter().rev().find(|epoch| epoch.best)?;
    let of = |metric: &str| best.validation.get(metric).copied().filter(|auc| auc.is_finite());
    let pooled = of("auc")?;
    let inside = of("auc_macro").unwrap_or(pooled);
    if inside <= GUESSING && pooled > GUESSING {
        return Some(format!(
            "next to nothing was learned of the rows of one domain: their validation AUC is {} on average, and 0.5 is guessing. The {} \
             over all rows comes of knowing which domains have more positive rows.",
            score(inside),
            score(pooled)
        ));
    }
    if inside <= GUESSING {
        return Some(format!(
            "next to nothing was learned: the validation AUC is {}, and 0.5 is guessing. Are label and fields the right columns? \
             If so, a larger train.optimizer.learning_rate or more data may help.",
            score(inside)
        ));
    }
    (best.epoch == 1 && epochs.len() > 1).then(|| {
        "the first epoch was the best, and every later one is worse on validation rows. A smaller \
         train.optimizer.learning_rate, a larger l2 or a smaller model may learn more."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, auc: f64, best: bool) -> EpochRecord {
        let validation = [("auc".to_owned(), auc), ("stop".to_owned(), auc)].into();
        EpochRecord { epoch, best, validation, ..EpochRecord::default() }
    }

    #[test]
    fn guessing_and_a_first_epoch_that_was_the_best_are_told_and_learning_is_not() {
        let told = |epochs: &[EpochRecord]| nothing_learned(epochs);
        let guessing = told(&[epoch(1, 0.49, true), epoch(2, 0.51, true)]).expect("it learned nothing");
        assert!(guessing.contains("AUC is 0.510"), "{guessing}");
        assert!(
            told(&[epoch(1, 0.7, true), epoch(2, 0.69, false)])
                .expect("it ends at once")
                .starts_with("the first epoch")
        );
        assert_eq!(told(&[epoch(1, 0.7, true), epoch(2, 0.71, true)]), None);
        assert_eq!(told(&[epoch(1, 0.7, true)]), None);
        assert_eq!(told(&[]), None);
        let mut rates_alone = epoch(1, 0.8, true);
        rates_alone.validation.insert("auc_macro".into(), 0.504);
        let rates = told(&[rates_alone]).expect("the domains were learned and nothing else");
        assert!(rates.contains("is 0.504 on average") && rates.contains("The 0.800 over all rows"), "{rates}");
        // Histories have no AUC.
        assert_eq!(told(&[EpochRecord { epoch: 1, best: true, ..EpochRecord::default() }]), None);
    }
}
