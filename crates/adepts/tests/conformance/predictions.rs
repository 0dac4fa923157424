//! New rows in files of any length: what is said of them does not depend on the blocks in which they are read.

use std::io::Write as _;
use std::path::Path;

use adepts::data::tabular::RawFiles;
use adepts::data::{progress, write_atomically};
use adepts::serve::Exclude;
use adepts::tabular::predict::{Predicted, Retrieved};
use adepts::{Error, TabularRun};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, UInt32Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{How, bits};
use crate::{retrieval, tabular_models};

/// The rows of a log so many times, and what else is to come behind them.
fn repeated(log: &Path, times: usize, behind: &str, to: &Path) -> RawFiles {
    let text = std::fs::read_to_string(log).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let text = format!("{head}\n{}{behind}", rows.repeat(times));
    write_atomically(to, |out| out.write_all(text.as_bytes())).unwrap();
    RawFiles::new(to.display().to_string())
}

/// The scores, and the number of rows in each block.
fn scores(run: &TabularRun, files: &RawFiles) -> (Predicted, Vec<usize>) {
    let (mut all, mut blocks) = (Predicted::default(), Vec::new());
    let each = |block: Predicted| {
        blocks.push(block.rows.len());
        all.rows.extend(block.rows);
        all.scores.extend(block.scores);
        Ok::<(), Error>(())
    };
    let met = run.predict(files, each, &mut progress::silent).unwrap();
    assert_eq!(met.rows, all.rows.len() as u64);
    (all, blocks)
}

/// The lists of so many items, and the number of rows in each block.
fn lists(run: &TabularRun, files: &RawFiles, number: usize) -> (Retrieved, Vec<usize>) {
    let (mut all, mut blocks) = (Retrieved::default(), Vec::new());
    let each = |block: Retrieved| {
        blocks.push(block.rows.len());
        all.rows.extend(block.rows);
        all.lists.extend(block.lists);
        Ok::<(), Error>(())
    };
    let met = run.retrieve(files, number, Exclude::None, each, &mut progress::silent).unwrap();
    assert_eq!(met.rows, all.rows.len() as u64);
    (all, blocks)
}

#[test]
fn rows_in_many_blocks_have_the_scores_that_they_have_in_one() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["fm", "cesaa"] {
        let spec = adepts::models::find_tabular(kind).unwrap();
        let folder = home.path().join(kind);
        let experiment = tabular_models::experiment(spec, &["train.epochs=1"]);
        tabular_models::run_with(&experiment, &tabular_models::DATA.1, &folder, How::default()).unwrap();
        let run = TabularRun::open(&folder).unwrap();
        let (once, blocks) = scores(&run, &RawFiles::new(tabular_models::DATA.0.display().to_string()));
        assert_eq!(blocks, [3_000]);
        let files = repeated(&tabular_models::DATA.0, 7, "", &home.path().join("many.csv"));
        let (many, blocks) = scores(&run, &files);
        assert_eq!((blocks.len(), blocks.iter().sum()), (2, 21_000));
        assert!(many.rows.iter().copied().eq(1..=21_000));
        assert!(many.scores.chunks(3_000).all(|scores| bits(scores) == bits(&once.scores)), "{kind}");

        let out = home.path().join(format!("{kind}.parquet"));
        run.predict_to(&files, &out, &mut progress::silent).unwrap();
        let (mut rows, mut written) = (Vec::new(), Vec::new());
        let file = std::fs::File::open(&out).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap) {
            rows.extend_from_slice(batch["row"].as_primitive::<UInt64Type>().values());
            written.extend_from_slice(batch["score"].as_primitive::<Float32Type>().values());
        }
        assert!(rows == many.rows && bits(&written) == bits(&many.scores), "{kind}");
    }
}

#[test]
fn rows_in_many_blocks_have_the_lists_that_they_have_in_one() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["single", "cesaa"] {
        let folder = home.path().join(kind);
        let experiment = retrieval::experiment(kind, &["train.epochs=1"]);
        tabular_models::run_with(&experiment, &retrieval::DATA.1, &folder, How::default()).unwrap();
        let run = TabularRun::open(&folder).unwrap();
        let (once, blocks) = lists(&run, &RawFiles::new(retrieval::DATA.0.display().to_string()), 9);
        assert_eq!(blocks, [5_000]);
        let files = repeated(&retrieval::DATA.0, 4, "", &home.path().join("many.csv"));
        let (many, blocks) = lists(&run, &files, 9);
        assert_eq!((blocks.len(), blocks.iter().sum()), (2, 20_000));
        assert!(many.rows.iter().copied().eq(1..=20_000));
        assert!(many.lists.chunks(5_000).all(|lists| lists == once.lists), "{kind}");

        let out = home.path().join(format!("{kind}.parquet"));
        run.retrieve_to(&files, 9, Exclude::None, &out, &mut progress::silent).unwrap();
        let mut entries = many.rows.iter().zip(&many.lists).flat_map(|(row, list)| {
            (1u32..).zip(list).map(|(rank, (id, score))| (*row, rank, id.to_string(), score.to_bits()))
        });
        let file = std::fs::File::open(&out).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap) {
            let (rows, ranks) = (batch["row"].as_primitive::<UInt64Type>(), batch["rank"].as_primitive::<UInt32Type>());
            let (items, scores) = (batch["item"].as_string::<i32>(), batch["score"].as_primitive::<Float32Type>());
            for at in 0..batch.num_rows() {
                let found = (rows.value(at), ranks.value(at), items.value(at).to_owned(), scores.value(at).to_bits());
                assert_eq!(Some(found), entries.next(), "{kind}");
            }
        }
        assert_eq!(entries.next(), None, "{kind}");
    }
}

#[test]
fn a_bad_row_behind_the_first_block_is_named_and_leaves_no_file() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    tabular_models::run_with(
        &retrieval::experiment("mlp", &["train.epochs=1"]),
        &retrieval::DATA.1,
        &folder,
        How::default(),
    )
    .unwrap();
    let run = TabularRun::open(&folder).unwrap();
    let files = repeated(&retrieval::DATA.0, 4, "nobody\n", &home.path().join("many.csv"));
    let place = home.path().join("out");
    std::fs::create_dir(&place).unwrap();
    let out = place.join("a.parquet");
    let refused = [
        run.predict_to(&files, &out, &mut progress::silent).unwrap_err().to_string(),
        run.retrieve_to(&files, 3, Exclude::None, &out, &mut progress::silent).unwrap_err().to_string(),
    ];
    assert!(refused.iter().all(|told| told.contains("many.csv, line 20002: ")), "{refused:?}");
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
}
