//! How far the gate and the lists of a run move when one item is added to a history, for several ways of drawing the probe:
//! `cargo run --release --workspace --example steadiness -- RUN`. Figures of it stand in `docs/decisions/0015-probes.md`.
#![expect(clippy::print_stdout, reason = "a row for the terminal")]

use std::path::Path;
use std::sync::Arc;

use adepts::HistoryRun;
use adepts::contract::batch::split_history;
use adepts::contract::{GateView, HistoryBatch, ProbeSplit};
use adepts::data::seed::stream;
use adepts_ops::Csr;
use adepts_ops::top_k::top_k;
use rand::seq::SliceRandom;

/// Users that are looked at.
const USERS: usize = 2000;
/// Length of a list.
const LIST: usize = 20;

/// What the experts see, and what they are judged by.
type Part = (Vec<u32>, Vec<u32>);

/// Draws one part or several, whose shares are averaged.
type Draw = fn(u64, &[u32]) -> Vec<Part>;

const DRAWS: [(&str, Draw); 5] = [
    ("equal shares", |_, history| vec![(history.to_vec(), Vec::new())]),
    ("by item", |seed, history| vec![split_history(seed, ProbeSplit::ByItem, history)]),
    ("by history", |seed, history| vec![split_history(seed, ProbeSplit::ByHistory, history)]),
    ("by history, mean of 3", |seed, history| draws(seed, history, 3)),
    ("by history, all 5 fifths", fifths),
];

fn draws(seed: u64, history: &[u32], draws: u64) -> Vec<Part> {
    (0..draws).map(|draw| split_history(seed + draw, ProbeSplit::ByHistory, history)).collect()
}

/// Every item is a probe once.
fn fifths(seed: u64, history: &[u32]) -> Vec<Part> {
    if history.len() < 5 {
        return vec![(history.to_vec(), Vec::new())];
    }
    let mut order = history.to_vec();
    order.shuffle(&mut stream(seed, "fifths", &history.iter().map(|item| u64::from(*item)).collect::<Vec<_>>()));
    let part = |n: usize| {
        let in_part = |place: usize| place % 5 == n;
        let side = |wanted: bool| {
            let items = order.iter().enumerate().filter(|(place, _)| in_part(*place) == wanted);
            let mut items: Vec<u32> = items.map(|(_, item)| *item).collect();
            items.sort_unstable();
            items
        };
        (side(false), side(true))
    };
    (0..5).map(part).collect()
}

/// Scores and shares of histories, as means over the parts that are drawn.
fn scored(run: &HistoryRun, draw: Draw, histories: &[Vec<u32>]) -> (Vec<f32>, Vec<f32>) {
    let (items, experts, rows) = (run.model.items(), run.model.experts(), histories.len());
    let drawn: Vec<_> = histories.iter().map(|history| draw(run.experiment.seed, history)).collect();
    let parts = drawn.iter().map(Vec::len).max().unwrap_or(1);
    let (mut scores, mut shares) = (vec![0.0; rows * items], vec![0.0; rows * experts]);
    for part in 0..parts {
        let view = |side: fn(&Part) -> &[u32]| {
            Arc::new(Csr::from_rows(items, drawn.iter().map(|parts| side(parts.get(part).unwrap_or(&parts[0])))))
        };
        let batch = HistoryBatch {
            users: vec![adepts::contract::NOBODY; rows],
            input: Arc::new(Csr::from_rows(items, histories.iter().map(Vec::as_slice))),
            gate: Some(GateView { seen: view(|part| &part.0), probe: view(|part| &part.1) }),
            weights: vec![1.0; rows],
        };
        let (mut now, mut of_experts) = (vec![0.0; rows * items], vec![0.0; rows * experts]);
        run.model.score(&batch, &mut now, &mut of_experts);
        scores.iter_mut().zip(now).for_each(|(sum, x)| *sum += x / parts as f32);
        shares.iter_mut().zip(of_experts).for_each(|(sum, x)| *sum += x / parts as f32);
    }
    (scores, shares)
}

fn list(scores: &[f32], masks: [&[u32]; 2]) -> Vec<u32> {
    let mut scores = scores.to_vec();
    masks.into_iter().flatten().for_each(|item| scores[*item as usize] = f32::NEG_INFINITY);
    let mut list = Vec::new();
    top_k(&scores, LIST, &mut list);
    list
}

fn ndcg(list: &[u32], relevant: &[u32]) -> f64 {
    let gain = |place: usize| 1.0 / ((place + 2) as f64).log2();
    let found = list.iter().enumerate().filter(|(_, item)| relevant.contains(item)).map(|(place, _)| gain(place));
    found.sum::<f64>() / (0..relevant.len().min(LIST)).map(gain).sum::<f64>()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: steadiness RUN")?;
    let run = HistoryRun::open(Path::new(&folder))?;
    let data = &run.data;
    let fits = |user: &usize| data.train.row(*user).len() >= 5 && !data.test.row(*user).is_empty();
    let users: Vec<usize> = (0..data.train.len()).filter(fits).take(USERS).collect();
    println!("{} users; means", users.len());
    println!("{:<30} {:>10} {:>10} {:>10} {:>10} {:>10}", "probe", "shares", "90 %", "list", "largest", "ndcg@20");
    for (name, draw) in DRAWS {
        let (mut moved, mut kept, mut largest, mut found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for block in users.chunks(64) {
            let before: Vec<Vec<u32>> = block.iter().map(|user| data.train.row(*user).to_vec()).collect();
            let after: Vec<Vec<u32>> = block
                .iter()
                .zip(&before)
                .map(|(user, before)| {
                    let mut after = [before.as_slice(), &data.test.row(*user)[..1]].concat();
                    after.sort_unstable();
                    after
                })
                .collect();
            let ((scores, shares), (new_scores, new_shares)) =
                (scored(&run, draw, &before), scored(&run, draw, &after));
            let (items, experts) = (run.model.items(), run.model.experts());
            for (row, user) in block.iter().enumerate() {
                let of = |shares: &[f32]| shares[row * experts..][..experts].to_vec();
                let (old, new) = (of(&shares), of(&new_shares));
                moved.push(old.iter().zip(&new).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 2.0);
                largest.push(f64::from(old.iter().copied().fold(0.0, f32::max)));
                let [one, two] =
                    [&scores, &new_scores].map(|scores| list(&scores[row * items..][..items], [&after[row], &[]]));
                kept.push(one.iter().filter(|item| two.contains(item)).count() as f64 / LIST as f64);
                let masks = [&before[row], data.validation.row(*user)];
                found.push(ndcg(&list(&scores[row * items..][..items], masks), data.test.row(*user)));
            }
        }
        moved.sort_by(f64::total_cmp);
        let high = moved[moved.len() * 9 / 10];
        println!(
            "{name:<30} {:>10.4} {high:>10.4} {:>10.4} {:>10.4} {:>10.4}",
            mean(&moved),
            mean(&kept),
            mean(&largest),
            mean(&found)
        );
    }
    Ok(())
}
