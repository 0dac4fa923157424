//! Which experts serve which domain.

use adepts_eval::{AlikeExperts, ExpertSummary, RunSummary, SelectedSummary};

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{count, counted, decimals, exact, listed, percent, quantity};
use crate::heat::heat_map;
use crate::look::Look;
use crate::view::View;

use super::by_size;

/// A grid of more domains than this is not legible; the table holds them all.
const MOST: usize = 24;
/// Below this part of what is possible, domains use the experts alike.
const ALIKE: f64 = 0.02;

pub(super) fn section(view: &View) -> Option<Section> {
    let gated = || view.runs().iter().filter_map(|run| Some((&run.summary, run.summary.experts.as_ref()?)));
    let mut figures: Vec<Figure> = gated().filter_map(|(run, experts)| figure(view, run, experts)).collect();
    if figures.is_empty() {
        return None;
    }
    figures.extend(gated().filter_map(|(run, experts)| by_selected(run, experts)));
    let text = "A gate decides which experts serve a row. The grids show the share that each expert has in the rows of each domain: a \
                row of the grid adds up to 100 %. If the rows of the grid look alike, all domains use the same experts; if each domain \
                has dark cells of its own, experts have specialised. Whether that helps is a question for the figures by \
                domain, not for these grids.";
    let blocks = vec![
        Block::Text(text.into()),
        Block::Points(gated().map(|(run, experts)| in_words(&run.name, experts)).collect()),
        Block::Plots(Plots { legend: Vec::new(), figures }),
        Block::More(gated().flat_map(|(run, experts)| tables(view, run, experts)).collect()),
    ];
    Some(Section { id: "experts", title: "Which experts serve which domain", blocks })
}

fn in_words(run: &str, experts: &ExpertSummary) -> String {
    let all = experts.experts as f64;
    let used = if experts.selected >= 0.999 * all {
        format!("every row uses all {} experts", count(experts.experts))
    } else {
        format!("a row uses {} of {} experts", decimals(experts.selected, 1), count(experts.experts))
    };
    let (bound, known) = (experts.mutual_information_bound, experts.mutual_information);
    let information = if bound > 0.0 {
        let alike = if known / bound < ALIKE { ", so all domains use the experts alike" } else { "" };
        format!(
            "; domain and expert share {} nats of information, {} of the most that is possible{alike}",
            decimals(known, 3),
            percent(known / bound)
        )
    } else {
        String::new()
    };
    let numbers: Vec<String> = experts.dead.iter().map(|expert| (expert + 1).to_string()).collect();
    let dead = match numbers.as_slice() {
        [] => String::new(),
        [one] => format!("; expert {one} serves nobody"),
        some if some.len() <= 8 => format!("; experts {} serve nobody", listed(some)),
        many => format!("; {} experts serve nobody", many.len()),
    };
    format!("{run}: {used}{information}{dead}{}.", duplicates(experts))
}

/// Which experts say the same.
fn duplicates(experts: &ExpertSummary) -> String {
    if experts.compared_rows == 0 || experts.experts < 2 {
        return String::new();
    }
    let over = format!("over {}", counted(experts.compared_rows, "row"));
    let pair = |of: &AlikeExperts| format!("{} and {} ({})", of.first + 1, of.second + 1, decimals(of.correlation, 2));
    match experts.duplicates.as_slice() {
        [] => format!("; {over} no two experts say the same (no correlation of outputs reaches 0.95)"),
        some if some.len() <= 4 => {
            let pairs: Vec<String> = some.iter().map(pair).collect();
            format!(
                "; {over} the outputs of these experts go together, so that one of them would do: {}",
                listed(&pairs)
            )
        }
        [most, ..] => format!(
            "; {over} {} pairs of experts say nearly the same, most of all {}",
            experts.duplicates.len(),
            pair(most)
        ),
    }
}

/// The domains with their loads, the largest first.
fn loads<'a>(view: &View<'a>, run: &RunSummary, experts: &'a ExpertSummary) -> Vec<(&'a str, &'a [f64])> {
    let place = |name: &str| run.domains.iter().position(|domain| domain.name == name);
    let load = |name: &str| experts.load.get(place(name)?).map(Vec::as_slice);
    by_size(view).iter().filter_map(|domain| Some((domain.name, load(domain.name)?))).collect()
}

fn figure(view: &View, run: &RunSummary, experts: &ExpertSummary) -> Option<Figure> {
    let loads = loads(view, run, experts);
    let (names, shares): (Vec<&str>, Vec<&[f64]>) = loads.iter().take(MOST).copied().unzip();
    let top = |(name, load): &(&str, &[f64])| {
        let (expert, share) = load.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        Some(format!("{name}: expert {} with {}", expert + 1, percent(*share)))
    };
    let said: Vec<String> = loads.iter().filter_map(top).collect();
    let left_out =
        if loads.len() > MOST { " Only the largest domains are drawn; the table below has all." } else { "" };
    Some(Figure {
        title: format!("{}: share of each expert by domain", run.name),
        svg: heat_map(&names, &shares, "expert")?,
        alt: format!("Share of each expert by domain; the largest of each: {}.", said.join("; ")),
        caption: format!(
            "The largest domain first; an equal share would be {}.{left_out}",
            percent(1.0 / experts.experts.max(1) as f64)
        ),
    })
}

/// What more or fewer experts for each row buy and cost.
fn by_selected(run: &RunSummary, experts: &ExpertSummary) -> Option<Figure> {
    let all = &experts.by_selected;
    let (first, last) = (all.first()?, all.last()?);
    let label = format!(
        "experts of a row ({} to {} multiply-adds)",
        quantity(first.multiply_adds),
        quantity(last.multiply_adds)
    );
    let (quality, value): (_, fn(&SelectedSummary) -> f64) = match run.domains.iter().filter(|d| d.rows > 0).count() {
        0 | 1 => ("AUC", |of| of.auc),
        _ => ("AUC, mean of domains", |of| of.auc_macro),
    };
    let y = Range::of(all.iter().map(value))?;
    let mut chart = Chart::new(Range::whole(last.selected), &label, y, quality);
    let at = |of: &SelectedSummary| (of.selected as f64, value(of));
    chart.line(Look::everyone(), &all.iter().map(at).collect::<Vec<_>>());
    let words = |of: &SelectedSummary| {
        format!(
            "{}: AUC {} with {} multiply-adds",
            counted(of.selected, "expert"),
            exact(value(of)),
            quantity(of.multiply_adds)
        )
    };
    let point = |of: &SelectedSummary| (of.selected as f64, value(of), words(of));
    chart.points(Look::everyone(), 4.0, 1.0, all.iter().map(point).collect());
    let trained = all.iter().find(|of| of.trained);
    let said = trained.map_or(String::new(), |of| format!(" The dashed line is at {}, as in training.", of.selected));
    if let Some(of) = trained {
        chart.mark(of.selected as f64);
    }
    Some(Figure {
        title: format!("{}: quality by the number of experts", run.name),
        svg: chart.svg()?,
        alt: format!(
            "{quality}, by the number of experts selected for a row: {}.",
            all.iter().map(words).collect::<Vec<_>>().join("; ")
        ),
        caption: format!(
            "The same model, not trained again, with other numbers of experts selected for a row in prediction, over {}.{said}{}{}",
            counted(first.rows, "row"),
            if y.has_zero() { "" } else { " The axis of quality does not start at zero." },
            if run.protocol.part == "validation" {
                ""
            } else {
                " These are test rows: a number chosen here must be judged on others."
            }
        ),
    })
}

fn tables(view: &View, run: &RunSummary, experts: &ExpertSummary) -> Vec<Table> {
    let head = std::iter::once("Domain".to_owned()).chain((1..=experts.experts).map(|expert| expert.to_string()));
    let row =
        |(name, load): (&str, &[f64])| (name.to_owned(), load.iter().map(|share| Cell::of(percent(*share))).collect());
    let mut tables = vec![Table {
        caption: format!("{}: share of each expert in the rows of a domain", run.name),
        head: head.collect(),
        rows: loads(view, run, experts).into_iter().map(row).collect(),
    }];
    let row = |of: &SelectedSummary| {
        let name = if of.trained { format!("{}, as in training", of.selected) } else { of.selected.to_string() };
        let cells = [exact(of.auc_macro), exact(of.auc), count(of.activated_parameters), quantity(of.multiply_adds)];
        (name, cells.map(Cell::of).into())
    };
    if !experts.by_selected.is_empty() {
        let head = ["Experts of a row", "AUC, mean of domains", "AUC, pooled", "Parameters met", "Multiply-adds"];
        tables.push(Table {
            caption: format!(
                "{}: quality and cost by the number of experts selected for a row in prediction",
                run.name
            ),
            head: head.map(str::to_owned).to_vec(),
            rows: experts.by_selected.iter().map(row).collect(),
        });
    }
    tables
}
