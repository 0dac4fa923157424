//! The drawn noise is normal, reproducible, and follows its key.

use adepts_ops::Level;
use adepts_ops::latent::kernel::sample;
use adepts_ops::normal::Noise;

const HIDDEN: usize = 100;
const ROWS: usize = 10_000;

fn draw(level: Level, key: u8, scale: f32) -> Vec<f32> {
    sample(level, &vec![0.0; ROWS * 2 * HIDDEN], HIDDEN, &Noise::Drawn { key: [key; 32], scale })
}

/// Mean, variance, skewness and kurtosis.
fn moments(values: &[f32]) -> [f64; 4] {
    let mean_of = |f: &dyn Fn(f64) -> f64| values.iter().map(|x| f(f64::from(*x))).sum::<f64>() / values.len() as f64;
    let mean = mean_of(&|x| x);
    let variance = mean_of(&|x| (x - mean).powi(2));
    let skewness = mean_of(&|x| (x - mean).powi(3)) / variance.powf(1.5);
    [mean, variance, skewness, mean_of(&|x| (x - mean).powi(4)) / (variance * variance)]
}

#[test]
fn a_million_draws_are_normal() {
    let draws = draw(Level::best(), 1, 1.0);
    assert_eq!(draws.len(), 1_000_000);
    // Five standard errors: 1, √2, √6 and √24 thousandths.
    let [mean, variance, skewness, kurtosis] = moments(&draws);
    assert!(mean.abs() < 5e-3, "mean {mean}");
    assert!((variance - 1.0).abs() < 7.1e-3, "variance {variance}");
    assert!(skewness.abs() < 12.3e-3, "skewness {skewness}");
    assert!((kurtosis - 3.0).abs() < 24.5e-3, "kurtosis {kurtosis}");
    let largest = draws.iter().fold(0.0f32, |top, x| top.max(x.abs()));
    assert!((4.4..5.8).contains(&largest), "largest {largest}");
    // One draw in 15,787 is beyond four standard deviations.
    let beyond = draws.iter().filter(|x| x.abs() > 4.0).count();
    assert!((25..105).contains(&beyond), "{beyond} beyond four standard deviations");
}

#[test]
fn draws_do_not_follow_from_their_neighbours() {
    let draws = draw(Level::best(), 2, 1.0);
    for lag in [1, 2, 16, 32, 64, HIDDEN, 128 * HIDDEN] {
        let pairs = draws.iter().zip(&draws[lag..]);
        let products: f64 = pairs.clone().map(|(a, b)| f64::from(a * b)).sum();
        let squares: f64 = pairs.map(|(a, b)| f64::from((a * a - 1.0) * (b * b - 1.0))).sum();
        let count = (draws.len() - lag) as f64;
        assert!((products / count).abs() < 5e-3, "lag {lag}: {}", products / count);
        assert!((squares / count).abs() < 10e-3, "lag {lag}, squared: {}", squares / count);
    }
}

#[test]
fn a_key_gives_the_same_noise_and_another_key_another() {
    let draws = draw(Level::best(), 3, 1.0);
    assert_eq!(draws, draw(Level::best(), 3, 1.0));
    let other = draw(Level::best(), 4, 1.0);
    let same = draws.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!(same < 100, "{same} of a million are the same");
}

#[test]
fn instruction_sets_draw_the_same_noise_but_for_rounding() {
    let want = draw(Level::PORTABLE, 5, 1.0);
    for level in Level::available() {
        for (got, want) in draw(level, 5, 1.0).iter().zip(&want) {
            assert!((got - want).abs() <= 1e-5, "{}: {got}, not {want}", level.name());
        }
    }
}

#[test]
fn the_scale_and_the_variance_stretch_the_noise_around_the_mean() {
    let (rows, hidden) = (300, 7);
    let h: Vec<f32> = (0..rows).flat_map(|_| [[2.0f32; 7], [4.0f32.ln(); 7]].concat()).collect();
    let of = |h: &[f32], scale| sample(Level::best(), h, hidden, &Noise::Drawn { key: [6; 32], scale });
    let unit = of(&vec![0.0; rows * 2 * hidden], 1.0);
    for (z, eps) in of(&h, 0.01).iter().zip(&unit) {
        assert!((z - (2.0 + 0.02 * eps)).abs() < 1e-6, "{z} for {eps}");
    }
    assert!(of(&h, 0.0).iter().all(|z| *z == 2.0));
}

#[test]
fn a_row_keeps_its_noise_when_rows_are_added() {
    let of = |rows: usize| sample(Level::best(), &vec![0.0; rows * 14], 7, &Noise::Drawn { key: [7; 32], scale: 1.0 });
    let all = of(300);
    for rows in [1, 127, 128, 129, 256] {
        assert_eq!(of(rows), all[..rows * 7]);
    }
    assert_ne!(all[..7], all[128 * 7..129 * 7]);
}
