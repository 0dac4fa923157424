//! The readers of a run, with bytes that nobody wrote: those that are fuzzed, with damaged files.

use std::sync::LazyLock;

use adepts::contract::Tensors;
use adepts::data::{Catalogue, Histories, Rows, Titles, Vocabulary};
use proptest::prelude::*;

#[path = "../../../../fuzz/fuzz_targets/readers.rs"]
mod fuzzed;

/// A whole file for each reader, after the byte that chooses it.
static WHOLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let ids = || Vocabulary::Text(vec!["a".into(), "b".into(), "c".into()]);
    let mut tensors = Tensors::default();
    tensors.insert("one", &[2, 3], vec![1.0; 6]);
    tensors.insert("two", &[1], vec![2.0]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tensors");
    tensors.write(&path).unwrap();
    let catalogue = Catalogue { ids: ids(), users: vec![1, 2, 3], order: vec![2, 0, 1] };
    let items = Rows::from_lists(vec![vec![0, 4], vec![], vec![2]]);
    let seen = Rows::from_lists(vec![vec![1], vec![0, 2], vec![]]);
    let histories = Histories { users: ids(), learns: vec![true, false, true], items, seen };
    let (users, of_users) = (histories.users_to_bytes().unwrap(), histories.items_to_bytes().unwrap());
    let at = (256 * users.len()).div_ceil(users.len() + of_users.len()) as u8;
    let manifest = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compat/format-1/run/manifest.json"));
    let files = [
        std::fs::read(path).unwrap(),
        catalogue.to_bytes().unwrap(),
        Titles::new(&[Some("A"), None, Some("C")]).to_bytes().unwrap(),
        [vec![at], users, of_users].concat(),
        manifest.unwrap(),
        br#"{"history": [1, "b"], "n": 5, "allow": ["x"], "explain": true}"#.to_vec(),
        br#"{"domain": "a", "candidates": [{"x": 1.5, "y": [1, "b"]}], "n": 3}"#.to_vec(),
        br#"{"domain": "a", "context": {"x": 1.5, "y": [1, "b"]}, "n": 3}"#.to_vec(),
    ];
    files.into_iter().enumerate().map(|(which, file)| [vec![which as u8], file].concat()).collect()
});

#[test]
fn whole_files_are_read() {
    let bytes = |which: usize| &WHOLE[which][1..];
    let path = std::path::Path::new("whole");
    assert_eq!(Tensors::parse(path, bytes(0)).unwrap().names().count(), 2);
    assert_eq!(Catalogue::from_bytes(path, bytes(1).to_vec().into(), 3).unwrap().users, [1, 2, 3]);
    assert_eq!(Titles::from_bytes(path, bytes(2).to_vec().into(), 3).unwrap().known(), 2);
    serde_json::from_slice::<adepts::history::run::HistoryRunManifest>(bytes(4)).unwrap();
}

/// What is done to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Put(prop::sample::Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1_u8..).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        index().prop_map(Damage::Cut),
        (index(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Put(at, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_an_error_or_a_value(which in 0_usize..8, damages in prop::collection::vec(damage(), 1..4)) {
        let mut bytes = WHOLE[which].clone();
        for damage in damages {
            match damage {
                Damage::Flip(at, mask) if bytes.len() > 1 => {
                    let at = 1 + at.index(bytes.len() - 1);
                    bytes[at] ^= mask;
                }
                Damage::Cut(at) => bytes.truncate(1 + at.index(bytes.len())),
                Damage::Put(at, new) => {
                    let at = 1 + at.index(bytes.len());
                    let at = at.min(bytes.len());
                    bytes.splice(at..at, new);
                }
                Damage::Flip(..) => {}
            }
        }
        fuzzed::readers(&bytes);
    }

    #[test]
    fn bytes_that_nobody_wrote_are_an_error_or_a_value(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzed::readers(&bytes);
    }

    #[test]
    fn arrays_come_back_as_they_went_in(sizes in prop::collection::vec((0_usize..4, 0_usize..5), 0..5)) {
        let mut tensors = Tensors::default();
        for (nth, (rows, columns)) in sizes.iter().enumerate() {
            let values = (0..rows * columns).map(|i| i as f32 * 0.5 - nth as f32).collect();
            tensors.insert(format!("array {nth}"), &[*rows, *columns], values);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tensors");
        tensors.write(&path).unwrap();
        prop_assert_eq!(Tensors::read(&path).unwrap(), tensors);
    }
}
