//! What a step costs over the number of experts and of items: `cargo bench --workspace --bench scaling [-- FILE.svg]`.
//! Costs are relative to the smallest of each row, so that 1.00 throughout means that they grow linearly.
#![expect(clippy::print_stdout, reason = "a benchmark prints times")]

mod steps;

use kuva::backend::svg::SvgBackend;
use kuva::plot::LinePlot;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

#[global_allocator]
static ALLOCATOR: adepts::allocator::MiMalloc = adepts::allocator::MiMalloc;

/// What is varied, its colour, and the experts and items of each measurement.
type Series = (&'static str, &'static str, [(usize, usize); 4]);

const SERIES: [Series; 2] = [
    ("experts, with 3260 items", "#0072b2", [(10, 3260), (20, 3260), (40, 3260), (80, 3260)]),
    ("items, with 20 experts", "#d55e00", [(20, 2000), (20, 4000), (20, 8000), (20, 16000)]),
];

fn main() {
    adepts::allocator::keep_memory();
    // As the binary: on a thread of the pool.
    rayon::scope(|_| run());
}

fn run() {
    let mut plots = Vec::new();
    let mut most = 0.0_f64;
    for (name, colour, sizes) in SERIES {
        println!("tall, varying {name}");
        let mut points = Vec::new();
        let mut unit = None;
        for (experts, items) in sizes {
            let seconds = steps::step("tall", experts, items);
            let logits = (experts * items) as f64 / 1000.0;
            let per_logit = seconds / logits;
            let relative = per_logit / *unit.get_or_insert(per_logit);
            println!(
                "  {experts:>3} experts, {items:>5} items: {seconds:.3} s, per expert and item {relative:.2} of the first"
            );
            most = most.max(seconds);
            points.push((logits, seconds));
        }
        let line = LinePlot::new().with_data(points).with_color(colour).with_stroke_width(2.0).with_legend(name);
        plots.push(Plot::Line(line));
    }
    if let Some(path) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        let layout = Layout::auto_from_plots(&plots)
            .with_title("A training step of 512 users costs what its logits cost")
            .with_x_label("thousand logits per user (experts × items)")
            .with_y_label("seconds")
            .with_y_axis_min(0.0)
            .with_y_axis_max(1.1 * most);
        let svg = SvgBackend::new().render_scene(&render_multiple(plots, layout));
        let written =
            adepts_data::atomic::write_atomically(path.as_ref(), |out| std::io::Write::write_all(out, svg.as_bytes()));
        written.expect("the plot can be written");
    }
}
