//! Keys from each source, to their own origin only, and in no text.

use std::io::Write;

use super::*;

/// Made of parts, so that no key-shaped text stands in the repository.
fn canary() -> String {
    ["sk", "canary", "0123456789abcdef"].join("-")
}

fn origin(text: &str) -> Origin {
    Origin::parse(text).unwrap()
}

fn file(text: &str, mode: u32) -> (tempfile::TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    (folder, Keys::new(path))
}

#[test]
fn a03_a_key_of_the_file_goes_to_its_origin_only() {
    let text = format!("\"https://api.example.com\" = {:?}\n", canary());
    let (_folder, keys) = file(&text, 0o600);
    let found = |address: &str| {
        keys.get(&KeySource::File, &origin(address))
            .map(|k| k.unwrap().expose().to_owned())
    };
    assert_eq!(found("https://api.example.com/v1"), Ok(canary()));
    assert_eq!(
        found("https://API.example.com.:443"),
        Ok(canary()),
        "another spelling"
    );
    for other in [
        "https://api.example.com:8443",
        "http://api.example.com",
        "https://example.com",
        "https://аpi.example.com",
    ] {
        let failure = found(other).unwrap_err();
        assert_eq!(
            failure.kind,
            crate::failure::Kind::Refused(Refusal::Key),
            "{other}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_refused_with_what_to_do() {
    for mode in [0o640, 0o604, 0o660, 0o644] {
        let (_folder, keys) = file(&format!("\"https://a.example\" = {:?}", canary()), mode);
        let failure = keys
            .get(&KeySource::File, &origin("https://a.example"))
            .unwrap_err();
        assert!(failure.said.contains("chmod 600"), "{}", failure.said);
    }
}

#[test]
fn a18_no_error_and_no_debug_text_holds_a_key() {
    let mut sinks = Vec::new();
    for broken in [
        format!("{}\n", canary()),
        format!("k = {}", canary()),
        format!("\"a\" = [{:?}]", canary()),
    ] {
        let (_folder, keys) = file(&broken, 0o600);
        let failure = keys
            .get(&KeySource::File, &origin("https://a.example"))
            .unwrap_err();
        sinks.push(format!("{failure:?} {}", failure.sentence("a")));
    }
    let unprintable = format!("{}\u{7}x", canary());
    sinks.push(format!(
        "{:?}",
        Key::new(&unprintable, origin("https://a.example")).unwrap_err()
    ));
    let key = Key::new(&canary(), origin("https://a.example")).unwrap();
    sinks.push(format!("{key:?} {key:#?}"));
    sinks.push(
        toml::from_str::<crate::endpoint::Endpoint>(&format!(
            "baseUrl = 'https://a.example'\nkey = {:?}",
            canary()
        ))
        .map_err(|e| e.message().to_owned())
        .unwrap_err(),
    );
    for sink in sinks {
        assert!(
            !sink.contains("canary") && !sink.contains("0123456789"),
            "{sink}"
        );
    }
}

#[test]
fn a_variable_by_name() {
    let keys = Keys::new(PathBuf::new());
    let path = keys.get(
        &KeySource::Environment("CARGO_PKG_NAME".to_owned()),
        &origin("https://a.example"),
    );
    assert_eq!(path.unwrap().unwrap().expose(), "foretoken-remote");
    let failure = keys
        .get(
            &KeySource::Environment("FORETOKEN_NO_SUCH_KEY".to_owned()),
            &origin("https://a.example"),
        )
        .unwrap_err();
    assert!(failure.said.contains("FORETOKEN_NO_SUCH_KEY"));
    assert!(
        keys.get(&KeySource::None, &origin("https://a.example"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_key_is_put_into_the_file_in_place_of_the_old_one() {
    let home = tempfile::tempdir().unwrap();
    let keys = Keys::new(home.path().join("keys.toml"));
    let put = |address: &str, secret: &str| {
        keys.store_in_file(&Key::new(secret, origin(address)).unwrap())
    };
    let get = |address: &str| {
        keys.get(&KeySource::File, &origin(address))
            .map(|k| k.unwrap().expose().to_owned())
    };
    let odd = r#"a"b\c'd#=]"#;
    put("https://a.example", odd).unwrap();
    put("http://127.0.0.1:4000", "local-key").unwrap();
    put("https://A.example.", &canary()).unwrap();
    assert_eq!(get("https://a.example"), Ok(canary()));
    put("https://a.example", odd).unwrap();
    assert_eq!(get("https://a.example"), Ok(odd.to_owned()));
    assert_eq!(get("http://127.0.0.1:4000"), Ok("local-key".to_owned()));
    let text = std::fs::read_to_string(home.path().join("keys.toml")).unwrap();
    assert_eq!((text.lines().count(), text.contains("canary")), (2, false));
    std::fs::write(home.path().join("keys.toml"), "not a table").unwrap();
    assert!(put("https://a.example", "new").is_err());
    assert_eq!(
        std::fs::read_to_string(home.path().join("keys.toml")).unwrap(),
        "not a table",
        "as it was"
    );
}

#[test]
fn a_key_is_taken_out_of_the_file_and_the_others_stay() {
    let home = tempfile::tempdir().unwrap();
    let keys = Keys::new(home.path().join("keys.toml"));
    assert_eq!(keys.in_the_file(), Ok(Vec::new()), "there is none yet");
    assert_eq!(
        keys.remove_from_file(&origin("https://a.example")),
        Ok(false)
    );
    for address in ["https://a.example", "https://b.example"] {
        let key = Key::read(format!("{}\r\n", canary()).as_bytes(), origin(address)).unwrap();
        keys.store_in_file(&key).unwrap();
    }
    assert_eq!(
        keys.remove_from_file(&origin("https://A.example.")),
        Ok(true)
    );
    assert_eq!(keys.in_the_file(), Ok(vec![origin("https://b.example")]));
    for wrong in ["", "two words", "a\nb", &"x".repeat(LONGEST + 1)] {
        let failure = Key::read(wrong.as_bytes(), origin("https://a.example")).unwrap_err();
        assert!(
            failure.said.contains("characters that no key has"),
            "{}",
            failure.said
        );
    }
    let entered = Key::entered(canary(), origin("https://a.example")).unwrap();
    assert_eq!(entered.expose(), canary());
}

/// The real store of this system, where it has one that works without a person.
#[test]
fn the_systems_keychain_keeps_a_key_for_its_origin() {
    let own = origin("https://keychain-test.example");
    let key = Key::new(&canary(), own.clone()).unwrap();
    if let Err(failure) = store_in_keychain(&key) {
        println!("SKIP keychain: {}", failure.said);
        return;
    }
    let keys = Keys::new(PathBuf::new());
    let found = keys.get(&KeySource::Keychain, &own);
    remove_from_keychain(&own).unwrap();
    assert_eq!(found.unwrap().unwrap().expose(), canary());
    assert!(
        keys.get(&KeySource::Keychain, &own).is_err(),
        "it was taken out"
    );
}
