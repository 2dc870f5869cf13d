//! What was recorded is found, what was changed is noticed, what was deleted is gone.

use super::*;

/// Made of parts, so that no key-shaped text stands in the repository.
fn canary() -> String {
    ["canary", "7d1f", "of the prompt"].join("-")
}

fn audit(modes: Modes) -> (tempfile::TempDir, Audit) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("state/books.sqlite")).unwrap();
    (home, Audit::new(store, modes).unwrap())
}

const FULL: Modes = Modes {
    prompt: Keep::Full,
    answer: Keep::Full,
};

fn entry(n: u64) -> Entry {
    Entry {
        request: format!("r{n}"),
        time: n * 1_000,
        task: "explain".to_owned(),
        sections: vec![("target".to_owned(), n)],
        answered: Some("work/m".to_owned()),
        ..Entry::default()
    }
}

fn filled(modes: Modes, rows: u64) -> (tempfile::TempDir, Audit) {
    let (home, audit) = audit(modes);
    for n in 1..=rows {
        audit
            .record(entry(n), &format!("{} {n}", canary()), "the answer")
            .unwrap();
    }
    (home, audit)
}

fn bytes(home: &tempfile::TempDir) -> Vec<u8> {
    let files = std::fs::read_dir(home.path().join("state")).unwrap();
    files
        .flat_map(|f| std::fs::read(f.unwrap().path()).unwrap())
        .collect()
}

fn holds(home: &tempfile::TempDir, text: &str) -> bool {
    bytes(home)
        .windows(text.len())
        .any(|w| w == text.as_bytes())
}

#[test]
fn rows_are_found_by_request_and_newest_first() {
    let (_home, audit) = filled(FULL, 5);
    let rows = audit.show("r3").unwrap();
    assert_eq!((rows.len(), &rows[0].entry), (1, &entry(3)));
    assert_eq!(rows[0].prompt, Some(format!("{} 3", canary())));
    assert_eq!(rows[0].answer.as_deref(), Some("the answer"));
    let newest: Vec<String> = audit
        .newest(2)
        .unwrap()
        .into_iter()
        .map(|r| r.entry.request)
        .collect();
    assert_eq!(newest, ["r5", "r4"]);
    assert_eq!(audit.verify().unwrap(), Ok(5));
}

#[test]
fn content_is_kept_as_its_mode_says() {
    for (keep, hashed, kept) in [
        (Keep::Off, false, false),
        (Keep::Hash, true, false),
        (Keep::Full, true, true),
    ] {
        let (home, audit) = filled(
            Modes {
                prompt: keep,
                answer: Keep::Off,
            },
            1,
        );
        assert_eq!(audit.show("r1").unwrap()[0].prompt.is_some(), kept);
        assert_eq!(holds(&home, &canary()), kept, "{keep:?}");
        assert_eq!(holds(&home, "\"prompt\":null"), !hashed, "{keep:?}");
        assert_eq!(audit.verify().unwrap(), Ok(1));
    }
}

#[test]
fn hashes_of_one_text_differ_between_installations() {
    let hash = |audit: &Audit| audit.store.read(|t| Ok(keyed(&key(t)?, "x"))).unwrap();
    let ((_a, one), (_b, two)) = (audit(FULL), audit(FULL));
    assert_ne!(hash(&one), hash(&two));
    assert_eq!(hash(&one), hash(&one));
}

#[test]
fn every_tampering_is_found() {
    let tampered = |sql: &str| {
        let (_home, audit) = filled(FULL, 5);
        let count = audit.store.change(|t| Ok(t.execute(sql, [])?)).unwrap();
        assert!(count > 0, "{sql}");
        audit.verify().unwrap()
    };
    assert_eq!(
        tampered("UPDATE audit SET fields = replace(fields, 'explain', 'debug') WHERE id = 3"),
        Err(Broken::Row(3))
    );
    assert_eq!(
        tampered("UPDATE audit SET hash = zeroblob(32) WHERE id = 3"),
        Err(Broken::Row(3))
    );
    assert_eq!(
        tampered("UPDATE audit SET hash = 'short' WHERE id = 3"),
        Err(Broken::Row(3))
    );
    assert_eq!(
        tampered("DELETE FROM audit WHERE id = 3"),
        Err(Broken::Link(4))
    );
    assert_eq!(
        tampered("DELETE FROM audit WHERE id <= 2"),
        Err(Broken::Link(3))
    );
    assert_eq!(
        tampered("DELETE FROM audit WHERE id = 5"),
        Err(Broken::Tail)
    );
    assert_eq!(tampered("DELETE FROM audit"), Err(Broken::Tail));
    assert_eq!(
        tampered("UPDATE audit SET id = 10 WHERE id = 2"),
        Err(Broken::Link(3))
    );
    assert_eq!(
        tampered("UPDATE content SET text = 'else' WHERE audit = 4 AND name = 'answer'"),
        Err(Broken::Content(4))
    );
    assert_eq!(
        tampered("INSERT INTO content VALUES (4, 'other', 'x')"),
        Err(Broken::Content(4))
    );
}

/// Any flipped byte of a row's text.
#[test]
fn one_flipped_byte_fails() {
    let (_home, audit) = filled(FULL, 2);
    let text: String = audit
        .store
        .read(|t| Ok(t.query_row("SELECT fields FROM audit WHERE id = 1", [], |r| r.get(0))?))
        .unwrap();
    for at in (0..text.len()).step_by(7) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let flipped = String::from_utf8(bytes).unwrap();
        let put = |text: &str| {
            audit
                .store
                .change(|t| Ok(t.execute("UPDATE audit SET fields = ?1 WHERE id = 1", [text])?))
        };
        // SQLite itself refuses what is no JSON any more, where a column is taken from it.
        if put(&flipped).is_ok() {
            assert_eq!(audit.verify().unwrap(), Err(Broken::Row(1)), "byte {at}");
            put(&text).unwrap();
        }
    }
    assert_eq!(audit.verify().unwrap(), Ok(2));
}

#[test]
fn deleted_content_is_in_neither_file_nor_journal_and_the_chain_holds() {
    let (home, audit) = filled(FULL, 3);
    assert!(holds(&home, &canary()));
    audit.delete_content(Some("r2")).unwrap();
    assert!(!holds(&home, &format!("{} 2", canary())) && holds(&home, &format!("{} 3", canary())));
    audit.delete_content(None).unwrap();
    assert!(!holds(&home, &canary()));
    assert_eq!(audit.verify().unwrap(), Ok(3));
    assert_eq!(audit.show("r2").unwrap()[0].prompt, None);
}

#[test]
fn old_rows_leave_an_anchor() {
    let (home, audit) = filled(FULL, 6);
    assert_eq!(audit.forget_before(3_000, 9_000).unwrap(), 2);
    assert_eq!(audit.verify().unwrap(), Ok(5), "four rows and the anchor");
    assert!(!holds(&home, &format!("{} 2", canary())) && !holds(&home, "\"r2\""));
    assert_eq!(audit.forget_before(3_000, 9_000).unwrap(), 0);
    assert_eq!(audit.forget_before(5_000, 9_500).unwrap(), 2, "again");
    assert_eq!(audit.verify().unwrap(), Ok(4), "two rows and two anchors");
    audit.record(entry(10), "p", "a").unwrap();
    assert_eq!(
        audit.forget_before(u64::MAX, 10_500).unwrap(),
        5,
        "everything"
    );
    assert_eq!(audit.verify().unwrap(), Ok(1));
    audit.record(entry(11), "p", "a").unwrap();
    assert_eq!(audit.verify().unwrap(), Ok(2));
    let removed = audit.store.change(|t| {
        Ok(t.execute(
            "DELETE FROM audit WHERE json_extract(fields, '$.kind') = 'anchor'",
            [],
        )?)
    });
    assert_eq!(removed.unwrap(), 1);
    assert!(
        audit.verify().unwrap().is_err(),
        "an anchor is a row as any other"
    );
}

#[test]
fn an_empty_audit_is_whole() {
    let (_home, audit) = audit(Modes::default());
    assert_eq!(audit.verify().unwrap(), Ok(0));
    assert_eq!(audit.forget_before(5, 5).unwrap(), 0);
}
