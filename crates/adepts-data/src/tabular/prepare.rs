//! From raw rows to a prepared folder: one pass cuts and counts, a second one writes codes.

use std::ops::ControlFlow;
use std::path::Path;

use super::batch::NO_USER;
use super::catalogue::Collecting;
use super::coder::Coder;
use super::config::{TabularConfig, TabularSplit, Transform};
use super::count::{Count, Found, number, some_rows};
use super::folder::{self, note, write_manifest, write_vocabulary};
use super::item_file::ItemFile;
use super::listed::Listed;
use super::manifest::{CATALOGUE, Coding, PARTS, SEEN, SeenNote, TabularManifest, file_name, origin_name};
use super::origin::OriginWriter;
use super::raw_files::RawFiles;
use super::read::{Need, Needs, Row, Wanted};
use super::seen::SeenPairs;
use super::set::TabularDataset;
use super::split::Cutter;
use super::write::{GROUP, PartWriter};
use crate::error::TabularError;
use crate::error::{DataError, SplitError};
use crate::progress::Progress;
use crate::source::{At, Source};

impl TabularDataset {
    /// Prepares rows in a folder, and opens it. A folder of prepared tabular data that is there is replaced.
    ///
    /// The source is read twice (three times with the split `temporal`, which keeps 8 bytes a row of it): to cut and
    /// count, then to write. What is kept of a row is nothing; memory goes to the distinct values of fields and users, to
    /// a sample of a million values for each field of quantiles, and to a row group of each part. Vocabularies and
    /// statistics come from the training rows alone. For retrieval with users 8 to 16 bytes are kept of each pair that was only
    /// seen ([`TabularDataset::seen`]). `seed` stands in where the split has none of its own.
    ///
    /// # Errors
    /// Everything that can be wrong with the configuration, the source and the place; see [`DataError`] and
    /// [`TabularError`].
    pub fn prepare(
        config: &TabularConfig,
        split: &TabularSplit,
        seed: u64,
        folder: &Path,
        progress: Progress,
    ) -> Result<Self, DataError> {
        if *split == (TabularSplit::All {}) {
            return Err(SplitError::All.into());
        }
        Self::prepare_as(config, &split.resolved(seed), seed, folder, progress)
    }

    /// As [`TabularDataset::prepare`], with nothing held out: every row is a training row, and vocabularies and statistics come
    /// from all of them. It is what a final model is trained on.
    ///
    /// # Errors
    /// As [`TabularDataset::prepare`].
    pub fn prepare_whole(
        config: &TabularConfig,
        seed: u64,
        folder: &Path,
        progress: Progress,
    ) -> Result<Self, DataError> {
        Self::prepare_as(config, &TabularSplit::All {}, seed, folder, progress)
    }

    fn prepare_as(
        config: &TabularConfig,
        split: &TabularSplit,
        seed: u64,
        folder: &Path,
        progress: Progress,
    ) -> Result<Self, DataError> {
        folder::check_place(folder)?;
        folder::replace(folder, |new| prepare(config, split, seed, new, GROUP, progress))?;
        Self::open(folder)
    }
}

/// Fills the new folder `dir`; `split` has its seed, `seed` is for samples, `group` is the size of row groups.
fn prepare(
    config: &TabularConfig,
    split: &TabularSplit,
    seed: u64,
    dir: &Path,
    group: usize,
    progress: Progress,
) -> Result<(), DataError> {
    config.check(split)?;
    let mut files = RawFiles::from(config);
    let source = files.open(config.columns(), progress)?;
    let config = &TabularConfig { delimiter: files.delimiter, header: files.header, ..config.clone() };
    let temporal = matches!(split, TabularSplit::Temporal { .. });
    // Who is cut by users must have one; otherwise the user serves measures alone.
    let by_user = matches!(split, TabularSplit::Users { .. });
    let user = if by_user { Need::Always } else { Need::IfThere };
    let items = ItemFile::read(config, progress)?;
    let wanted = Wanted::new(&source, config, Needs { label: Need::Always, user, time: temporal }, items)?;
    check_names(config, &wanted)?;

    let listed = || Listed::new(config);
    let times = if temporal { Some(times(config, &source, &wanted, progress)?) } else { None };
    let mut cutter = Cutter::new(split, times.clone());
    let mut count = Count::new(config, &wanted, seed);
    let named = &mut |_: &str, done: u64, total: Option<u64>| progress("count", done, total);
    let mut of_config = listed();
    let mut counted = |at: At<'_>, row: &Row<'_>| count.row(at, row, &mut cutter).map(ControlFlow::Continue);
    let first = wanted.pass(&source, config.bad_rows, &mut of_config, &mut counted, named)?;
    of_config.check()?;
    count.check(split, &first)?;

    let Found { mut manifest, vocabularies, mut users, items } = count.finish(config, split, &first)?;
    let mut ids = Vec::new();
    let mut nth_vocabulary = vocabularies.into_iter();
    for field in &manifest.fields {
        if let Coding::Vocabulary { file, .. } = &field.coding {
            let (vocabulary, counts) = nth_vocabulary.next().expect("a vocabulary for each field that has one");
            write_vocabulary(&dir.join(file), &vocabulary, &counts)?;
            ids.push(vocabulary);
        }
    }
    let coder = Coder::new(&manifest, &ids);
    let mut catalogue = items.as_ref().map(|(ids, _)| Collecting::new(ids, coder.schema()));
    if let Some((catalogue, items)) = catalogue.as_mut().zip(wanted.items()) {
        catalogue.meet_all(items, &coder);
    }
    let changed = |second: u64| TabularError::Changed { origin: config.source.clone(), first: first.all(), second };
    let mut cutter = Cutter::new(split, times);
    let (mut parts, mut origins, mut seen) = (Vec::new(), Vec::new(), SeenPairs::default());
    let negatives_seen = config.negatives_seen();
    for part in PARTS {
        parts.push(PartWriter::new(&dir.join(file_name(part)), coder.schema(), group)?);
        let origin = origin_name(part).map(|name| OriginWriter::new(&dir.join(name), config.user.is_some(), group));
        origins.push(origin.transpose()?);
    }
    let named = &mut |_: &str, done: u64, total: Option<u64>| progress("write", done, total);
    let mut write = |at: At<'_>, row: &Row<'_>| {
        let item = match &mut catalogue {
            Some(catalogue) => Some(catalogue.meet(row, &coder).ok_or_else(|| changed(row.number))?),
            None => None,
        };
        if let Some(item) = item.filter(|_| row.label == 0.0) {
            // Nothing is known of users without a positive row, so nobody needs what they have seen.
            let user = row.user.filter(|_| negatives_seen).and_then(|id| users.find(id));
            if let Some(user) = user {
                seen.push(cutter.part_of_seen(row.time), user, item);
            }
            return Ok(ControlFlow::Continue(()));
        }
        let user = number(&mut users, at, row)?;
        let part = cutter.part(row.time, user);
        let Some(domain) = coder.domain(row.domain) else {
            manifest.left_out.add(part, 1);
            if let Some(((user, _), item)) = user.zip(item) {
                seen.push(part, user, item);
            }
            return Ok(ControlFlow::Continue(()));
        };
        manifest.rows.add(part, 1);
        let of_domain = &mut manifest.domains[domain as usize];
        of_domain.rows.add(part, 1);
        of_domain.positives.add(part, u64::from(row.label > 0.0));
        if let Some(origin) = &mut origins[part as usize] {
            origin.push(row.number, user.map(|(_, id)| id))?;
        }
        let number = user.map(|(number, _)| number);
        if manifest.users > 0 && number.is_none() {
            manifest.without_user.add(part, 1);
        }
        let writer = &mut parts[part as usize];
        coder.push(row, domain, number.or((manifest.users > 0).then_some(NO_USER)), &mut writer.waiting);
        writer.waiting.batch.item.extend(item);
        writer.appended().map(ControlFlow::Continue)
    };
    let second = wanted.pass(&source, config.bad_rows, &mut listed(), &mut write, named)?;
    if first != second || users.len() != manifest.users {
        return Err(changed(second.all()).into());
    }
    origins.into_iter().flatten().try_for_each(OriginWriter::finish)?;
    let of_catalogue = match (catalogue, &items) {
        (Some(catalogue), Some((ids, counts))) => {
            Some(catalogue.write(dir, ids, counts, group)?.ok_or_else(|| changed(second.all()))?)
        }
        _ => None,
    };
    finish(dir, parts, manifest, of_catalogue, seen)
}

/// Ends the parts and writes the manifest.
fn finish(
    dir: &Path,
    parts: Vec<PartWriter>,
    mut manifest: TabularManifest,
    of_catalogue: Option<blake3::Hash>,
    seen: SeenPairs,
) -> Result<(), DataError> {
    let mut hash = blake3::Hasher::new_derive_key("adepts 1 prepared examples");
    for (part, writer) in PARTS.into_iter().zip(parts) {
        some_rows(manifest.rows.of(part), part, &manifest.split, manifest.rows.total() + manifest.left_out.total())?;
        let (of_part, coded) = writer.finish()?;
        hash.update(of_part.as_bytes());
        for (field, (missing, unknown)) in manifest.fields.iter_mut().zip(coded.missing.iter().zip(&coded.unknown)) {
            field.missing.add(part, *missing);
            field.unknown.add(part, *unknown);
        }
        for (dense, (missing, clipped)) in manifest.dense.iter_mut().zip(coded.dense_missing.iter().zip(&coded.clipped))
        {
            dense.missing.add(part, *missing);
            dense.clipped.add(part, *clipped);
        }
    }
    let vocabularies = manifest.fields.iter().filter_map(|field| match &field.coding {
        Coding::Vocabulary { file, .. } => Some(file.clone()),
        _ => None,
    });
    let names = PARTS.map(|part| file_name(part).to_owned()).into_iter().chain(vocabularies);
    let names: Vec<String> =
        names.chain(CATALOGUE.map(str::to_owned).into_iter().filter(|_| of_catalogue.is_some())).collect();
    if let Some(of_catalogue) = &of_catalogue {
        hash.update(of_catalogue.as_bytes());
    }
    for name in &names {
        let note = note(dir, name)?;
        // Of the parts and the catalogue the content counts, of vocabularies the file.
        if !PARTS.iter().any(|part| file_name(*part) == name) && name != CATALOGUE[1] {
            hash.update(note.hash.as_bytes());
        }
        manifest.files.push(note);
    }
    // Where rows come from changes nothing that is learned or measured.
    for name in PARTS.into_iter().filter_map(origin_name) {
        manifest.files.push(note(dir, name)?);
    }
    manifest.content_hash = hash.finalize().to_hex().to_string();
    if let Some(pairs) = seen.write(dir, &manifest.schema(), manifest.rows)? {
        let note = note(dir, SEEN)?;
        // Without such pairs the hash is that of versions that did not keep them, so that equal data stay comparable.
        let content = hash.update(note.hash.as_bytes()).finalize().to_hex().to_string();
        let content_without = std::mem::replace(&mut manifest.content_hash, content);
        manifest.seen = Some(SeenNote { pairs, content_without });
        manifest.files.push(note);
    }
    write_manifest(dir, &manifest)
}

/// The times of all rows of listed domains that can be read.
fn times(config: &TabularConfig, source: &Source, wanted: &Wanted, progress: Progress) -> Result<Vec<i64>, DataError> {
    let mut times = Vec::new();
    let named = &mut |_: &str, done: u64, total: Option<u64>| progress("times", done, total);
    let mut take = |_: At<'_>, row: &Row<'_>| {
        times.extend(row.time.filter(|_| config.item.is_none() || row.label > 0.0));
        Ok(ControlFlow::Continue(()))
    };
    wanted.pass(source, config.bad_rows, &mut Listed::new(config), &mut take, named)?;
    Ok(times)
}

/// Refuses two fields of one name.
fn check_names(config: &TabularConfig, wanted: &Wanted) -> Result<(), TabularError> {
    let (mut categorical, mut dense) = (wanted.field_names().to_vec(), Vec::new());
    for (field, name) in config.dense.iter().zip(wanted.dense_names()) {
        let of = if field.transform == Transform::Quantile { &mut categorical } else { &mut dense };
        of.push(name.clone());
    }
    for (kind, names) in [("categorical", categorical), ("dense", dense)] {
        let twice = names.iter().enumerate().find(|(nth, name)| names[..*nth].contains(name));
        if let Some((_, column)) = twice {
            return Err(TabularError::Twice { column: column.clone(), kind });
        }
    }
    Ok(())
}
