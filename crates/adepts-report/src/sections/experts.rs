//! Expert shares: does the gate choose, or does it mix all experts alike?

use adepts_eval::GateSummary;

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{count, decimals, exact, percent, shortened};
use crate::input::RunInput;
use crate::look::Look;
use crate::view::View;

use super::epochs::{group_names, last, series};

/// Entropy relative to log K above which shares cannot be told from equal ones.
const EQUAL: f64 = 0.999;

pub(super) fn section(view: &View) -> Option<Section> {
    let gated = || view.runs().iter().filter_map(|run| Some((run, run.summary.gate.as_ref()?)));
    let mut figures: Vec<Figure> = gated().filter_map(|(run, gate)| shares(&run.summary.name, gate)).collect();
    figures.extend(view.runs().iter().filter_map(entropy));
    let words: Vec<String> = gated().map(|(run, gate)| in_words(&run.summary.name, gate)).collect();
    if words.is_empty() && figures.is_empty() {
        return None;
    }
    let mut blocks = vec![Block::Text(
        "A mixture holds several experts, and its gate decides how much each has to say for a user. Whether it decides anything \
         is measured by the entropy of the shares relative to its largest possible value: 1 means that every expert has the \
         same share for every user, 0 that each user has one expert alone."
            .into(),
    )];
    if !words.is_empty() {
        blocks.push(Block::Points(words));
    }
    if !figures.is_empty() {
        blocks.push(Block::Plots(Plots { legend: legend(view), figures }));
    }
    let tables: Vec<Table> = gated().filter_map(|(run, gate)| table(&run.summary.name, gate)).collect();
    if !tables.is_empty() {
        blocks.push(Block::More(tables));
    }
    Some(Section { id: "experts", title: "Which experts serve which users", blocks })
}

fn legend(view: &View) -> Vec<crate::blocks::LegendEntry> {
    let names = view.runs().iter().filter(|run| entropy(run).is_some()).map(gated_names).max_by_key(Vec::len);
    let names = names.unwrap_or_default();
    names.iter().enumerate().map(|(i, n)| Look::group(i, names.len()).line_entry(n, false)).collect()
}

fn in_words(run: &str, gate: &GateSummary) -> String {
    let facts = format!(
        "{} experts, entropy {} of the largest possible; a user’s largest share is {} on average{}",
        count(gate.experts),
        decimals(gate.entropy, 5),
        percent(gate.largest_share),
        match gate.never_preferred {
            0 => String::new(),
            n => format!("; {} of the experts are nobody’s first choice", count(n)),
        }
    );
    if gate.entropy > EQUAL {
        format!(
            "{run}: this model mixes all experts equally ({facts}). Its gate distinguishes users so little that it acts as a plain \
             average of its experts."
        )
    } else {
        format!("{run}: {facts}.")
    }
}

fn shares(run: &str, gate: &GateSummary) -> Option<Figure> {
    let groups: Vec<_> = gate.relative_shares.iter().filter(|g| !g.shares.is_empty()).collect();
    let top = groups.iter().flat_map(|g| &g.shares).copied().filter(|s| s.is_finite()).fold(2.0, f64::max);
    let names = groups.iter().map(|g| shortened(&g.group, 20)).collect();
    let mut chart = Chart::rows(Range::between(0.0, top), "share relative to an equal share", names, 34.0);
    chart.mark(1.0);
    for (place, group) in groups.iter().enumerate() {
        let points = group.shares.iter().enumerate().map(|(expert, &share)| {
            // Spread within the row by a fixed pattern, so that equal shares do not hide each other.
            let spread = (expert as f64 * 0.618_033_988_749_895).fract() - 0.5;
            let words = format!("{}, expert {}: {} × an equal share", group.group, expert + 1, decimals(share, 3));
            (share, spread * 0.6 - place as f64, words)
        });
        chart.points(Look::group(place, groups.len()), 3.0, 0.75, points.collect());
    }
    let extent = |shares: &[f64]| {
        let low = shares.iter().copied().fold(f64::INFINITY, f64::min);
        let high = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("from {} to {}", decimals(low, 3), decimals(high, 3))
    };
    let alt: Vec<String> = groups.iter().map(|g| format!("{} {}", g.group, extent(&g.shares))).collect();
    Some(Figure {
        title: format!("{run}: expert shares by group"),
        svg: chart.svg()?,
        alt: format!("Mean share of each expert by group, times the number of experts: {}.", alt.join("; ")),
        caption: "One point per expert (up and down within a row means nothing); the dashed line is an equal share."
            .into(),
    })
}

/// The groups whose gate was followed over the epochs.
fn gated_names(run: &RunInput) -> Vec<String> {
    let followed = |name: &String| series(&run.epochs, name, |g| Some(g.gate.as_ref()?.entropy)).len() > 1;
    group_names(&run.epochs).into_iter().filter(followed).collect()
}

fn entropy(run: &RunInput) -> Option<Figure> {
    let names = gated_names(run);
    let everyone: Vec<(f64, f64)> =
        run.epochs.iter().filter_map(|e| Some((e.epoch as f64, e.gate.as_ref()?.entropy))).collect();
    let mut lines: Vec<(Look, Vec<(f64, f64)>)> = names
        .iter()
        .enumerate()
        .map(|(i, n)| (Look::group(i, names.len()), series(&run.epochs, n, |g| Some(g.gate.as_ref()?.entropy))))
        .collect();
    if lines.is_empty() {
        lines.push((Look::everyone(), everyone));
    }
    let mut chart = Chart::new(Range::whole(last(&run.epochs)), "epoch", Range::between(0.0, 1.0), "relative entropy");
    for (look, line) in &lines {
        chart.line(*look, line);
    }
    let ends = lines.iter().filter_map(|(_, line)| line.iter().rev().map(|p| p.1).find(|y| y.is_finite()));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    Some(Figure {
        title: format!("{}: entropy over the epochs", run.summary.name),
        svg: chart.svg()?,
        alt: format!(
            "Relative entropy of the gate over the epochs; in the last from {} to {}.",
            decimals(low, 5),
            decimals(high, 5)
        ),
        caption: format!("In the last epoch it lies between {} and {}.", decimals(low, 5), decimals(high, 5)),
    })
}

fn table(run: &str, gate: &GateSummary) -> Option<Table> {
    let rows: Vec<(String, Vec<Cell>)> = gate
        .relative_shares
        .iter()
        .filter(|g| !g.shares.is_empty())
        .map(|g| {
            let low = g.shares.iter().copied().fold(f64::INFINITY, f64::min);
            let high = g.shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (g.group.clone(), [decimals(g.entropy, 5), exact(low), exact(high)].map(Cell::of).into())
        })
        .collect();
    let head = ["Group", "Relative entropy", "Smallest share × experts", "Largest share × experts"].map(str::to_owned);
    (!rows.is_empty()).then(|| Table { caption: format!("{run}: the gate by group"), head: head.into(), rows })
}
