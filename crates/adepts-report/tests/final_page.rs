//! The page of a final model.

mod synthetic;

use adepts_report::{FinalForm, ReportInput, page};

#[test]
fn the_page_of_a_final_model_says_first_whose_figures_it_repeats() {
    let evil = "<img src=x>";
    let form = FinalForm {
        name: "prod".into(),
        model: "tall".into(),
        run: evil.into(),
        folder: "runs/tall".into(),
        manifest: "c0ffee".into(),
        split: "temporal".into(),
        parts: [700, 100, 200],
        of: "interaction",
        trained: 1000,
        knows: Some((30, 20)),
        epochs: Some((12, 27)),
        probe: Some("validation".into()),
    };
    let runs = synthetic::input().runs[..1].to_vec();
    let shown = |final_form| {
        page(&ReportInput { runs: runs.clone(), final_form: Some(final_form), ..ReportInput::default() }).unwrap()
    };
    let html = shown(form.clone());
    assert!(html.find("<section id=\"final\"").unwrap() < html.find("<section id=\"found\"").unwrap());
    for text in [
        "runs/tall",
        "c0ffee",
        "all 1,000 interactions of 30 users with 20 items",
        "(700), its validation part (100) and its test part (200)",
        "for 12 epochs",
        "of the 27 that",
        "evaluate --probe history",
        "not measured with prod",
        "split temporal",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains(evil) && html.contains("&#60;img src=x"));
    let closed = shown(FinalForm { epochs: None, probe: None, ..form });
    assert!(closed.contains("fitted at once") && !closed.contains("--probe"));
    assert!(!page(&synthetic::input()).unwrap().contains("<section id=\"final\""));
}
