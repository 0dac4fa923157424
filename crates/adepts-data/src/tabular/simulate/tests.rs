use super::*;
use crate::progress::silent;

fn small() -> DomainsConfig {
    DomainsConfig { rows: 20_000, users: 300, items: 200, ..DomainsConfig::default() }
}

fn simulated(config: &DomainsConfig, name: &str) -> (Vec<u8>, DomainsSummary) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let summary = simulate_domains(config, &path, &mut silent).unwrap();
    (std::fs::read(&path).unwrap(), summary)
}

#[test]
fn equal_configs_give_equal_bytes_for_any_number_of_threads() {
    for name in ["a.csv", "a.csv.gz", "a.parquet"] {
        let expected = simulated(&small(), name);
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| simulated(&small(), name)), expected, "{name}");
        }
        assert_ne!(simulated(&DomainsConfig { seed: 1, ..small() }, name).0, expected.0);
    }
}

#[test]
fn domains_are_as_unequal_as_configured() {
    let config = DomainsConfig { rows: 200_000, ..small() };
    let (bytes, summary) = simulated(&config, "a.csv");
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().next(), Some("user,item,category,tags,hour,price,domain,label"));
    assert_eq!(text.lines().count(), 200_001);
    assert_eq!(summary.domains.iter().map(|domain| domain.rows).sum::<u64>(), 200_000);
    for (nth, (domain, share)) in summary.domains.iter().zip(config.shares()).enumerate() {
        assert_eq!(domain.name, format!("domain-{}", nth + 1));
        assert!((domain.rows as f64 / 2e5 - share).abs() < 0.005, "{domain:?} for {share}");
        let rate = config.rate(nth);
        // The error of chance, and that of the rows by which the bias was set.
        let error = 5.0 * (rate * (1.0 - rate) / domain.rows as f64).sqrt() + 0.02 * rate;
        assert!((domain.base_rate - rate).abs() < error, "{domain:?} for {rate}");
    }
    assert!((config.rate(0) - 0.01).abs() < 1e-12 && (config.rate(4) - 0.6).abs() < 1e-12);
    let priceless = text.lines().filter(|line| line.split(',').nth(5) == Some("")).count();
    assert!((priceless as f64 / 2e5 - 0.05).abs() < 0.005);
}

#[test]
fn shared_effects_suffice_where_domains_are_alike_and_nowhere_else() {
    let config = DomainsConfig { rows: 200_000, alike: 2, ..small() };
    let (_, summary) = simulated(&config, "a.csv");
    for (nth, domain) in summary.domains.iter().enumerate() {
        let (best, shared) = (domain.best_auc.unwrap(), domain.shared_auc.unwrap());
        assert_eq!(domain.own, nth >= 2);
        assert!(if nth < 2 { best == shared } else { best > shared + 0.05 }, "{domain:?}");
        assert!(shared > 0.6 && best < 0.95, "{domain:?}");
    }
}

#[test]
fn a_field_out_of_range_is_named() {
    let error = simulate_domains(&DomainsConfig { fall: 0.0, ..small() }, Path::new("a.csv"), &mut silent).unwrap_err();
    assert_eq!(error.to_string(), "simulate: `fall` is 0, expected 0.01 to 1");
    let error = simulate_domains(&small(), Path::new("a.txt"), &mut silent).unwrap_err();
    assert!(error.to_string().contains("expected .csv, .csv.gz or .parquet"), "{error}");
}
