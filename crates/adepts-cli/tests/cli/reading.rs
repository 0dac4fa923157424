//! Files that are not as they should be, and inputs that are no files, in every verb that reads some.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::{Done, adepts, folder, log, run, runs, words, write};

/// Runs `adepts` with bytes that come through a pipe.
#[track_caller]
fn piped(line: &str, paths: &[&Path], bytes: &[u8]) -> Done {
    let mut command = adepts(words(line, paths));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    let (mut input, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    // Who does not read to the end is no fault of the writer.
    let writing = std::thread::spawn(move || input.write_all(&bytes).ok());
    let done = Done::of(&child.wait_with_output().unwrap());
    writing.join().unwrap();
    done
}

/// A run of a tabular model whose items are in a catalogue.
fn of_tabular() -> &'static (PathBuf, PathBuf) {
    static MADE: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Box::leak(Box::new(folder())).path();
        let (log, items, config) = (folder.join("log.csv"), folder.join("items.csv"), folder.join("retrieval.toml"));
        let rows: String = (0..400).fold("who,item,site\n".into(), |rows, n| {
            format!("{rows}u{},i{},{}\n", n % 40, (n * 7) % 30, if n % 2 == 0 { "a" } else { "b" })
        });
        write(&log, &rows);
        write(&items, &(0..30).fold("item,kind\n".into(), |rows, n| format!("{rows}i{n},k{}\n", n % 4)));
        let table = format!(
            "[data]\nsource = {:?}\ndomain = \"site\"\nfields = [\"who\", \"item\", \"kind\"]\n\
             item = {{ column = \"item\", fields = [\"kind\"], catalogue = {:?} }}\n\
             [model]\nkind = \"mlp\"\nhidden = [8]\nembedding = 4\n[train]\nepochs = 1\n[eval]\nresamples = 50\n",
            log.display().to_string(),
            items.display().to_string()
        );
        write(&config, &table);
        run("train {} --out {} -q", &[&config, &folder.join("run")]).ok();
        (folder.join("run"), config)
    })
}

#[test]
fn a_pipe_gives_every_row_to_every_verb() {
    let folder = folder();
    let rows = fs::read(log()).unwrap();
    let out = folder.path().join("of-file");
    let from_file = run("prepare --input {} --user user --item item --out {} --json -q", &[log(), &out]).ok().json();
    for input in ["-", "/dev/stdin", "/dev/fd/0"] {
        let out = folder.path().join(input.replace('/', "_"));
        let line = format!("prepare --input {input} --user user --item item --out {{}} --json -q");
        let found = piped(&line, &[&out], &rows).ok().json();
        assert_eq!(
            (&found["content_hash"], &found["steps"]),
            (&from_file["content_hash"], &from_file["steps"]),
            "{input}"
        );
        let seen = piped(&format!("inspect {input} --json"), &[], &rows).ok().json();
        assert_eq!(seen["rows"], from_file["steps"][0]["rows"], "{input}");
    }
    let run = folder.path().join("run");
    let train = "train --model popularity --data - --set data.user=user --set data.item=item --out {} -q";
    piped(train, &[&run], &rows).ok();
    assert!(run.join("report.html").exists());
    let lists = folder.path().join("lists.jsonl");
    let users = b"user,history\n,1|2\n,\"[3, 4]\"\n";
    let done = piped("recommend {} --users - --out {}", &[&runs()[1], &lists], users).ok();
    assert!(done.out.contains("lists for 2 of 2 users"), "{}", done.out);
    piped("inspect -", &[], b"").fails(1, &["stdin is empty"]);
    piped("inspect -", &[], b"\x89PNG\r\n\x1a\n\0").fails(2, &["stdin is a PNG image"]);
}

#[test]
fn a_quote_that_is_never_closed_is_named_by_every_verb_and_costs_one_row() {
    let folder = folder();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        write(&path, text);
        path
    };
    let never = "opens a quote that is never closed";
    let [_, ease, _] = runs();
    let titles = file("titles.csv", "item,title\n1,One\n2,\"Two\n3,Three\n");
    run("titles {} {}", &[ease, &titles]).fails(1, &["titles.csv, line 3", never]);
    let copy = folder.path().join("run");
    run("train --model ease --data {} --out {} -q", &[crate::support::prepared(), &copy]).ok();
    let items = fs::read_to_string(log()).unwrap();
    let known: Vec<&str> = items.lines().skip(1).filter_map(|line| line.split(',').nth(1)).take(3).collect();
    let titles = file("known.csv", &format!("item,title\n{},One\n{},\"Two\n{},Three\n", known[0], known[1], known[2]));
    let done = run("titles {} {} --bad-rows skip", &[&copy, &titles]).ok();
    assert!(done.out.contains("1 row of the file could not be read and was skipped"), "{}", done.out);

    let (users, out) = (file("users.csv", "user,history\n,1|2\n,\"2|3\n,4\n"), folder.path().join("lists.jsonl"));
    run("recommend {} --users {} --out {}", &[ease, &users, &out]).fails(1, &["users.csv, line 3", never]);
    let done = run("recommend {} --users {} --out {} --bad-rows skip --overwrite", &[ease, &users, &out]).ok();
    assert!(done.err.contains("1 row could not be read") && done.out.contains("lists for 2 of 2"), "{}", done.out);

    let (found, config) = of_tabular();
    let new = file("new.csv", "who,site\nu1,a\nu2,\"b\nu3,a\n");
    run("predict {} {} --top 2", &[found, &new]).fails(1, &["new.csv, line 3", never]);
    let done = run("predict {} {} --top 2 --skip-bad-rows", &[found, &new]).ok();
    assert!(done.err.contains("1 row was skipped"), "{}", done.err);

    let items = file("items.csv", "item,kind\ni0,k0\ni1,\"k1\ni2,k2\n");
    let catalogue = format!("--set data.item.catalogue={:?}", items.display().to_string());
    let out = folder.path().join("of-catalogue");
    let line = format!("train {{}} --out {{}} -q {catalogue}");
    run(&line, &[config, &out]).fails(1, &["items.csv, line 3", never]);
}

#[test]
fn what_unpacks_to_far_more_than_it_is_ends_with_an_error_in_little_memory() {
    let folder = folder();
    let bomb = |name: &str, start: &str, piece: &str| {
        let path = folder.path().join(name);
        let mut out = zstd::Encoder::new(fs::File::create(&path).unwrap(), 3).unwrap();
        out.write_all(start.as_bytes()).unwrap();
        let bytes = piece.repeat(1 << 16);
        for _ in 0..(1_usize << 28) / bytes.len() {
            out.write_all(bytes.as_bytes()).unwrap();
        }
        out.finish().unwrap();
        assert!(path.metadata().unwrap().len() < 1 << 18);
        path
    };
    let line = bomb("line.csv.zst", "user,item,who,site,title,history\n1,2,u1,a,x,3\n3,", "xxxxxxxxxxxxxxxx");
    let wide = bomb("wide.csv.zst", "user,item,", "column,");
    let json = bomb("long.jsonl.zst", "{\"user\":1,\"item\":2}\n{\"user\":1,\"history\":[1", ",1");
    let quote = bomb("quote.csv.zst", "user,item,who,site,title,history\n1,2,u1,a,\"", "xxxxxxxxxxxxxxxx");
    let (found, config) = of_tabular();
    let [_, ease, _] = runs();
    let out = folder.path().join("out.jsonl");
    for file in [&line, &wide, &json, &quote] {
        let catalogue = format!("train {{}} --out {{}} -q --set data.item.catalogue={:?}", file.display().to_string());
        for (verb, paths) in [
            ("inspect {}", vec![file.as_path()]),
            ("prepare --input {} --user user --item item --out {}", vec![file, &out]),
            ("prepare --input {} --user user --item item --bad-rows skip --out {}", vec![file, &out]),
            ("titles {} {}", vec![ease, file]),
            ("recommend {} --users {} --out {} --overwrite", vec![ease, file, &out]),
            ("recommend {} --users {} --bad-rows skip --out {} --overwrite", vec![ease, file, &out]),
            ("predict {} {} --top 2 --skip-bad-rows", vec![found, file]),
            (&catalogue, vec![config, &out]),
        ] {
            let (done, peak) = watched(verb, &paths);
            assert_eq!(done.code, Some(1), "{verb} {}: {}", file.display(), done.err);
            assert!(done.err.contains("longer than 16 MiB"), "{verb} {}: {}", file.display(), done.err);
            assert!(peak < 200 << 10, "{verb} {}: {peak} KiB", file.display());
            assert!(!out.exists());
        }
    }
}

/// Runs `adepts`, and gives the most memory that it had, in KiB.
fn watched(line: &str, paths: &[&Path]) -> (Done, u64) {
    let mut command = adepts(words(line, paths));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let now = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    (Done::of(&child.wait_with_output().unwrap()), peak)
}

#[test]
fn a_log_that_came_through_a_pipe_is_asked_for_when_the_final_model_reads_it_again() {
    let (_, config) = of_tabular();
    let home = folder();
    let log = config.with_file_name("log.csv");
    let rows = fs::read(&log).unwrap();
    let [out, prod, last] = ["out", "prod", "last"].map(|name| home.path().join(name));
    // What this process has read of a pipe it keeps.
    piped("train {} --data - --out {} --final {} -q", &[config, &out, &last], &rows).ok();
    assert!(last.join("manifest.json").exists());
    for name in ["-", "/dev/stdin"] {
        piped(&format!("train {{}} --data {name} --out {{}} --overwrite -q"), &[config, &out], &rows).ok();
        for given in [&rows[..], b""] {
            let refused = piped("finalize {} --out {}", &[&out, &prod], given);
            refused.fails(2, &[&format!("came through a pipe ({name})"), "adepts finalize ", "--data PATH"]);
        }
        assert!(!prod.exists());
    }
    run("finalize {} --out {} --data {} -q", &[&out, &prod, &log]).ok();
    run("finalize {} --out {} --data {} -q --resume", &[&out, &prod, &log]).ok();
}
