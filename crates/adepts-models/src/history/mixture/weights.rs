//! How rows are weighted.

use adepts_core::Known;

use super::config::{Signal, Weights};

/// The least weight (the published code's).
pub const FLOOR: f32 = 1e-8;

/// The weights of all users in the coming epoch; `None` for equal weights.
#[must_use]
pub fn row_weights(weights: &Weights, known: &Known<'_>) -> Option<Vec<f32>> {
    match *weights {
        Weights::Uniform {} => None,
        Weights::Mainstream { exponent } => Some(by_mainstream(exponent, known)),
        Weights::Adaptive { signal, gap, alpha, window, .. } => {
            // Before epoch 3 there is no loss change.
            if known.epoch <= gap.max(2) { None } else { Some(adaptive(signal, alpha, window, known)) }
        }
    }
}

/// w = r / mean(r), r = ((max MS − MS) / (max MS − min MS))^exponent (Zhu & Caverlee 2022).
fn by_mainstream(exponent: f64, known: &Known<'_>) -> Vec<f32> {
    let scores = || known.learners.iter().map(|user| f64::from(known.mainstream[*user as usize]));
    let (low, high) = scores().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), s| (l.min(s), h.max(s)));
    let mut weights = vec![1.0; known.mainstream.len()];
    if high <= low {
        return weights;
    }
    let rescaled = |score: f64| ((high - score) / (high - low)).max(0.0).powf(exponent);
    let mean = scores().map(rescaled).sum::<f64>() / known.learners.len() as f64;
    for &user in known.learners {
        weights[user as usize] = (rescaled(f64::from(known.mainstream[user as usize])) / mean) as f32;
    }
    weights
}

/// w = max((m − mean m + 2α) / 2α, floor), m the mean signal over the window (TALL, arXiv 2404.08887). A user without a
/// probe has weight 1, and loss change 0.
fn adaptive(signal: Signal, alpha: f64, window: usize, known: &Known<'_>) -> Vec<f32> {
    let users = known.mainstream.len();
    let past: Vec<&[f32]> = known.signals.iter().map(Vec::as_slice).collect();
    let mean_of = |user: usize| -> f64 {
        match signal {
            Signal::Loss => {
                let last = &past[past.len().saturating_sub(window)..];
                last.iter().map(|epoch| f64::from(epoch[user])).sum::<f64>() / last.len() as f64
            }
            Signal::LossChange => {
                let last = &past[past.len().saturating_sub(window + 1)..];
                // The changes of consecutive epochs telescope, but rounding follows the published definition better so.
                let changes = last.windows(2).map(|pair| f64::from(pair[0][user]) - f64::from(pair[1][user]));
                changes.sum::<f64>() / (last.len() - 1) as f64
            }
        }
    };
    let means: Vec<(u32, f64)> = known.learners.iter().map(|user| (*user, mean_of(*user as usize))).collect();
    let (mut sum, mut count) = (0.0, 0usize);
    for (_, mean) in &means {
        if mean.is_finite() {
            sum += mean;
            count += 1;
        } else if signal == Signal::LossChange {
            count += 1;
        }
    }
    let center = sum / count.max(1) as f64;
    let mut weights = vec![1.0; users];
    for (user, mean) in means {
        if mean.is_finite() {
            weights[user as usize] = (((mean - center + 2.0 * alpha) / (2.0 * alpha)) as f32).max(FLOOR);
        }
    }
    weights
}
