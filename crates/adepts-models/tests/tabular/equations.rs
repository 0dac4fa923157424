//! Scores, losses and every gradient of each model against its equations in plain arithmetic.

use adepts_core::{Step, tensors};

use crate::plain::{Plain, Rows, add, arrays, beside, each, softmax};
use crate::support::{DOMAINS, ROWS, assert_close, gradients, model, random_rows, schema, scores};

const TOLERANCE: f64 = 3e-5;
const STEP: f64 = 1e-6;

/// A forward pass: logits, and what is added to the mean cross-entropy.
type Forward = fn(&Plain<'_>) -> (Rows, f64);

/// Checks scores, loss and every gradient; `loss` turns the rows' cross-entropies into one number.
fn check_with(name: &str, settings: &str, forward: Forward, loss_of: fn(&Plain<'_>, &[f64]) -> f64) {
    let (schema, context) = (schema(), format!("{name} {settings}"));
    let batch = random_rows(&schema, ROWS);
    let mut model = model(name, settings, &schema);
    let mut plain = Plain { arrays: arrays(&model.save()), batch: &batch, predict: true, still: None };
    let want: Vec<f64> = forward(&plain).0.iter().map(|x| 1.0 / (1.0 + (-x[0]).exp())).collect();
    assert_close(&format!("{context}: scores"), &scores(&*model, &batch), &want, TOLERANCE);

    plain.predict = false;
    plain.still = Some(plain.z(false, false)).filter(|_| name == "epnet");
    let value = |plain: &Plain<'_>| {
        let (logits, terms) = forward(plain);
        loss_of(plain, &plain.losses(&logits)) + terms
    };
    let loss = model.learner().loss(&batch, &Step { seed: 1, epoch: 1, taken: 0 });
    assert_close(&format!("{context}: loss"), &tensors::values(&loss.total), &[value(&plain)], TOLERANCE);
    let found = loss.total.backward();
    for (parameter, got) in gradients(&mut *model, &found) {
        let mut want = Vec::new();
        for at in 0..got.len() {
            let mut ahead = |by: f64| {
                plain.arrays.get_mut(&parameter).unwrap().1[at] += by;
                value(&plain)
            };
            let difference = ahead(STEP) - ahead(-2.0 * STEP);
            ahead(STEP);
            want.push(difference / (2.0 * STEP));
        }
        assert_close(&format!("{context}: gradient of {parameter}"), &got, &want, TOLERANCE);
    }
}

fn mean(_: &Plain<'_>, losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

fn check(name: &str, settings: &str, forward: Forward) {
    check_with(name, settings, forward, mean);
}

#[test]
fn mlp_is_its_equations() {
    let forward: Forward = |p| (p.one("layers", 0, &p.z(true, false), true), 0.0);
    check("mlp", "embedding = 3\nhidden = [5, 4]", forward);
    check("mlp", "embedding = 3\nhidden = []", forward);
    check("mlp", "embedding = 3\nhidden = [5, 4]\nnorm = \"batch\"", forward);
}

#[test]
fn single_is_a_model_for_each_domain_and_its_loss_the_sum_of_their_means() {
    let forward: Forward = |p| (p.bank("layers", &p.z(false, true), &p.own(), true), 0.0);
    let sum_of_means = |p: &Plain<'_>, losses: &[f64]| {
        let of = |domain: u32| losses.iter().zip(&p.batch.domain).filter(move |(_, d)| **d == domain);
        (0..DOMAINS as u32).map(|d| of(d).map(|(loss, _)| loss).sum::<f64>() / of(d).count() as f64).sum()
    };
    check_with("single", "embedding = 3\nhidden = [5, 4]", forward, sum_of_means);
    check_with("single", "embedding = 2\nhidden = [4]\nnorm = \"batch\"", forward, sum_of_means);
}

#[test]
fn shared_bottom_is_its_equations() {
    let forward: Forward = |p| {
        let h = p.one("bottom", 0, &p.z(false, false), false);
        (p.bank("towers", &h, &p.own(), true), 0.0)
    };
    check("shared_bottom", "embedding = 3\nhidden = [5, 4]\ntower = [3]", forward);
    check("shared_bottom", "embedding = 2\nhidden = [4]\ntower = []\nnorm = \"batch\"", forward);
}

#[test]
fn mmoe_is_its_equations() {
    let forward: Forward = |p| {
        let (z, own) = (p.z(false, false), p.own());
        let h = p.bank("experts", &z, &each(&p.bank("gates", &z, &own, true), softmax), false);
        (p.bank("towers", &h, &own, true), 0.0)
    };
    check("mmoe", "embedding = 3\nexperts = 4\nhidden = [5, 4]\ntower = [3]", forward);
    check("mmoe", "embedding = 2\nexperts = 2\nhidden = [4]\ntower = [3]\nnorm = \"batch\"", forward);
}

/// One expert's output, or one gate's shares, for all rows.
fn weighted(outputs: &[Rows], shares: &Rows, which: &[usize]) -> Rows {
    let of = |(j, expert): (usize, &usize)| -> Rows {
        outputs[*expert].iter().zip(shares).map(|(x, s)| x.iter().map(|x| x * s[j]).collect()).collect()
    };
    which.iter().enumerate().map(of).reduce(|a, b| add(&a, &b)).unwrap()
}

/// PLE with two experts of each domain and one shared one.
fn ple(p: &Plain<'_>) -> (Rows, f64) {
    let (own, common) = (2, DOMAINS * 2);
    let levels = (0..9).take_while(|l| p.arrays.contains_key(&format!("experts.{l}.0.weight"))).count();
    let (mut domains, mut shared) = (vec![p.z(false, false); DOMAINS], p.z(false, false));
    for level in 0..levels {
        let name = |what: &str| format!("{what}.{level}");
        let input = |expert: usize| if expert < common { &domains[expert / own] } else { &shared };
        // In the last level a row meets the experts of its domain and the shared ones, whose statistics are of such rows.
        let met = |expert: usize, row: usize| {
            level + 1 < levels || expert == common || expert / own == p.batch.domain[row] as usize
        };
        let output = |expert: usize| {
            let gates = |row| (0..=common).map(|e| f64::from(u8::from(e == expert && met(e, row)))).collect();
            p.bank(&name("experts"), input(expert), &(0..p.batch.rows()).map(gates).collect(), false)
        };
        let outputs: Vec<Rows> = (0..=common).map(output).collect();
        let of = |d: usize| {
            let shares = each(&p.one(&name("gates"), d, &domains[d], true), softmax);
            weighted(&outputs, &shares, &[d * own, d * own + 1, common])
        };
        let mixed = (0..DOMAINS).map(of).collect();
        if level + 1 < levels {
            let shares = each(&p.one(&name("shared_gate"), 0, &shared, true), softmax);
            shared = weighted(&outputs, &shares, &(0..=common).collect::<Vec<_>>());
        }
        domains = mixed;
    }
    let h: Rows = p.batch.domain.iter().enumerate().map(|(row, d)| domains[*d as usize][row].clone()).collect();
    (p.bank("towers", &h, &p.own(), true), 0.0)
}

#[test]
fn ple_is_its_equations_for_any_number_of_levels() {
    for levels in 1..=3 {
        check("ple", &format!("embedding = 2\nlevels = {levels}\nhidden = [4]\ntower = [3]"), ple);
    }
    check("ple", "embedding = 2\nhidden = [5, 4]\ntower = []", ple);
    for levels in 1..=2 {
        check("ple", &format!("embedding = 2\nlevels = {levels}\nhidden = [4]\ntower = [3]\nnorm = \"batch\""), ple);
    }
}

#[test]
fn star_is_its_equations() {
    let forward: Forward = |p| {
        let (z, own) = (p.z(false, false), p.own());
        let mut normed = z.clone();
        for domain in 0..DOMAINS {
            let met: Vec<bool> = p.batch.domain.iter().map(|d| *d as usize == domain).collect();
            let of_domain = p.normalised("norm.running", domain, &z, &met, 1e-6);
            let at = |name: &str, c: usize| {
                let (shape, values) = &p.arrays[name];
                values[if shape[0] == 1 { c } else { domain * shape[1] + c }]
            };
            for (row, _) in met.iter().enumerate().filter(|(_, met)| **met) {
                let of = |(c, x): (usize, &f64)| {
                    x * at("norm.scale", c) * at("norm.scales", c) + at("norm.shift", c) + at("norm.shifts", c)
                };
                normed[row] = of_domain[row].iter().enumerate().map(of).collect();
            }
        }
        let mut both = p.clone();
        for (name, (shape, values)) in &p.arrays {
            if let Some(layer) = name.strip_prefix("domains.") {
                let other = p.arrays.get(&format!("shared.{layer}"));
                let other = |at: usize| other.map(|(_, values)| values[at % values.len()]);
                let of = |(at, x): (usize, &f64)| match other(at) {
                    Some(y) if layer.ends_with("weight") => x * y,
                    Some(y) => x + y,
                    None => *x,
                };
                let values = values.iter().enumerate().map(of).collect();
                both.arrays.insert(format!("both.{layer}"), (shape.clone(), values));
            }
        }
        let auxiliary = p.one("auxiliary", 0, &beside(&z, &p.by_domain("domain")), true);
        (add(&both.bank("both", &normed, &own, true), &auxiliary), 0.0)
    };
    check("star", "embedding = 3\nhidden = [5, 4]\nauxiliary = [3]", forward);
    check("star", "embedding = 2\nhidden = [4]\nauxiliary = []\nnorm = \"batch\"", forward);
}

#[test]
fn epnet_is_its_equations_and_no_gradient_flows_from_its_gate_into_the_fields() {
    let forward: Forward = |p| {
        let z = p.z(false, false);
        let seen = p.still.clone().unwrap_or_else(|| z.clone());
        let gate = p.one("gate", 0, &beside(&seen, &p.by_domain("domain")), true);
        let scaled =
            |(z, gate): (&Vec<f64>, &Vec<f64>)| z.iter().zip(gate).map(|(z, g)| z * 2.0 / (1.0 + (-g).exp())).collect();
        (p.one("layers", 0, &z.iter().zip(&gate).map(scaled).collect(), true), 0.0)
    };
    check("epnet", "embedding = 3\nhidden = [5, 4]\ngate = { hidden = 4 }", forward);
    check("epnet", "embedding = 2\nhidden = [4]\ngate = { hidden = 3 }\nnorm = \"batch\"", forward);
}

#[test]
fn a_factorisation_machine_is_a_sum_over_all_pairs_of_fields() {
    let forward: Forward = |p| {
        let mut fields = p.fields(false);
        fields.push(p.by_domain("domain_embedding"));
        for (n, vector) in p.arrays["dense"].1.chunks(4).enumerate() {
            fields.push(each(&p.dense(), |x| vector.iter().map(|v| v * x[n]).collect()));
        }
        let of = |row: usize| {
            let mut logit = p.arrays["bias"].1[0];
            for (f, field) in fields.iter().enumerate() {
                logit += field[row][3];
                for other in &fields[..f] {
                    logit += (0..3).map(|c| field[row][c] * other[row][c]).sum::<f64>();
                }
            }
            vec![logit]
        };
        ((0..p.batch.rows()).map(of).collect(), 0.0)
    };
    check("fm", "embedding = 3", forward);
}

/// CESAA without noise and with a balance of 0.2; what gate and tower see follows from the shapes of their weights.
pub(crate) fn cesaa(p: &Plain<'_>, k: usize) -> (Rows, f64) {
    let z = p.z(false, false);
    let embedded = p.arrays.get("domain").map_or(0, |(shape, _)| shape[1]);
    let q = match p.arrays["gate.weight"].0[0] {
        width if width == z[0].len() => z.clone(),
        width if width == embedded => p.by_domain("domain"),
        _ => beside(&z, &p.by_domain("domain")),
    };
    let clean = p.times(&q, "gate.weight");
    let (chosen, all) = (clean[0].len(), p.arrays["experts.0.bias"].0[0]);
    let gates = each(&clean, |c| {
        let mut order: Vec<usize> = (0..chosen).collect();
        order.sort_by(|a, b| c[*b].total_cmp(&c[*a]));
        let kept = &order[..k];
        let top = if k == 1 { c.to_vec() } else { kept.iter().map(|e| c[*e]).collect() };
        let mut gates = vec![0.0; chosen];
        for (j, expert) in kept.iter().enumerate() {
            gates[*expert] = softmax(&top)[if k == 1 { *expert } else { j }];
        }
        gates.resize(all, 1.0);
        gates
    });
    let h = p.bank("experts", &z, &gates, false);
    let busy: Vec<f64> = (0..chosen).map(|e| gates.iter().map(|gates| gates[e]).sum()).collect();
    let mean = busy.iter().sum::<f64>() / chosen as f64;
    let variation = busy.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / chosen as f64 / (mean * mean);
    let rows = p.batch.rows() as f64;
    let mut joint = vec![vec![0.0; chosen]; DOMAINS];
    for (row, c) in clean.iter().enumerate() {
        let own = &mut joint[p.batch.domain[row] as usize];
        own.iter_mut().zip(softmax(c)).for_each(|(joint, p)| *joint += p / rows);
    }
    let mut information = 0.0;
    for of_domain in &joint {
        for (expert, both) in of_domain.iter().enumerate() {
            let alone = of_domain.iter().sum::<f64>() * joint.iter().map(|row| row[expert]).sum::<f64>();
            information += both * (both / alone).ln();
        }
    }
    let seen = if p.arrays["tower.0.weight"].0[1] == h[0].len() { h } else { beside(&h, &p.by_domain("domain")) };
    let mut logit = p.one("tower", 0, &seen, true);
    if p.arrays.contains_key("tower.domain") {
        logit = add(&logit, &p.by_domain("tower.domain"));
    }
    (logit, 0.2 * variation - 0.3 * information)
}

#[test]
fn cesaa_without_noise_is_its_equations() {
    let base = "embedding = 3\nexperts = 5\nhidden = [4, 3]\ntower = [3]\nnoise = 0.0\nmi = 0.3\nbalance = 0.2";
    for input in ["domain", "features", "both"] {
        for shared in [0, 2] {
            let settings = format!("{base}\nshared = {shared}\ngate = {{ input = \"{input}\" }}");
            check("cesaa", &format!("{settings}\nk = 1"), |p| cesaa(p, 1));
            check("cesaa", &format!("{settings}\nk = 2"), |p| cesaa(p, 2));
        }
    }
    check("cesaa", &format!("{base}\nk = 5"), |p| cesaa(p, 5));
    check("cesaa", &format!("{base}\nk = 2\nnorm = \"batch\""), |p| cesaa(p, 2));
    for tower in ["none", "bias", "embedding"] {
        for input in ["domain", "features", "both"] {
            let settings = format!("{base}\nk = 2\ntower_domain = \"{tower}\"\ngate = {{ input = \"{input}\" }}");
            check("cesaa", &settings, |p| cesaa(p, 2));
        }
    }
    let bare = base.replace("tower = [3]", "tower = []");
    check("cesaa", &format!("{bare}\nk = 2\ntower_domain = \"embedding\""), |p| cesaa(p, 2));
}
