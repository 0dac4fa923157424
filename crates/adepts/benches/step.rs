//! One training step of TALL (loss, gradient of gate and experts, Adam) against the matrix products that it cannot do
//! without, in one run: `cargo bench --workspace --bench step [-- EXPERTS…]`.
#![expect(clippy::print_stdout, reason = "a benchmark prints times")]

mod steps;

#[global_allocator]
static ALLOCATOR: adepts::allocator::MiMalloc = adepts::allocator::MiMalloc;

fn main() {
    adepts::allocator::keep_memory();
    // As the binary: on a thread of the pool.
    rayon::scope(|_| run());
}

fn run() {
    let asked: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let asked = if asked.is_empty() { vec![100] } else { asked };
    let items = 3260;
    println!("{} threads, {} items, batch {}", rayon::current_num_threads(), items, steps::BATCH);
    for experts in asked {
        let timed = steps::by_turns("tall", experts, items);
        println!(
            "tall, {experts} experts: step {:.3} s, products alone {:.3} s, ratio {:.2}",
            timed.step, timed.products, timed.ratio
        );
    }
    let timed = steps::by_turns("multvae", 1, items);
    println!(
        "multvae: step {:.1} ms, products alone {:.1} ms, ratio {:.2}",
        timed.step * 1e3,
        timed.products * 1e3,
        timed.ratio
    );
}
