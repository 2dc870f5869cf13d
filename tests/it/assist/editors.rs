//! A question in every editor that we know, as its recorded behaviour goes: the answer arrives by the means that
//! the editor has, and each message on the way is one of the published types.

use std::collections::BTreeSet;

use foretoken_tests::schema;

use super::*;

/// Explains the function in one editor, fixes it, and returns the names of the messages that were sent.
async fn explained_and_fixed(mut persona: Persona) -> BTreeSet<String> {
    let name = persona.name.clone();
    let fixed = CODE.replace("sum += row", "sum += *row");
    let desk = Desk::new(vec![
        faultd::streamed(&faultd::openai(&["It adds all rows [S2].\n"])),
        faultd::streamed(&faultd::openai(&["```rust\n", fixed.trim_end(), "\n```\n"])),
    ])
    .await;
    desk.allow();
    let uri = desk.uri("src/sum.rs");
    // Whoever can be asked, agrees; the silent one answers nothing.
    if persona.name != "silent" {
        persona.answers["window/showMessageRequest"] = json!({"title": "Apply"});
        persona.answers["workspace/applyEdit"] = json!({"applied": true});
    }
    let (draws, shows) = (
        persona.can("/experimental/foretoken/assist"),
        persona.can("/window/showDocument/support"),
    );
    let mut session = desk.serve(persona).await;
    let found = actions(&mut session, &uri, json!([])).await;
    choose(&mut session, &found, "foretoken.explain").await;
    let answered = session
        .wait_for(
            0,
            &format!("the answer in {name}"),
            |said| match said["method"].as_str() {
                Some("foretoken/assist") => draws && said["params"]["kind"] == "done",
                Some("window/showDocument") => shows,
                Some("window/showMessage") => {
                    let text = said["params"]["message"].as_str().unwrap_or_default();
                    !draws && !shows && text.contains("The answer is in")
                }
                _ => false,
            },
        )
        .await;
    let params = &answered["params"];
    let place = params["document"]
        .as_str()
        .or(params["uri"].as_str())
        .or(params["message"].as_str())
        .unwrap_or_else(|| panic!("{name}: {answered}"));
    let (_, path) = place.split_once("/").expect("a path");
    let path = format!("/{}", path.trim_start_matches('/').trim_end_matches('.'));
    let document = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {path}: {e}"));
    assert!(document.contains("It adds all rows"), "{name}: {document}");
    assert!(document.contains("src/sum.rs:1-8"), "{name}: {document}");

    let from = session.trace().len();
    let at = json!({"line": 4, "character": 8});
    let diagnostics = json!([{"range": {"start": at, "end": at}, "message": "mismatched types"}]);
    let found = actions(&mut session, &uri, diagnostics).await;
    choose(&mut session, &found, "foretoken.fix").await;
    let asked = session
        .wait_for(from, &format!("the edit in {name}"), |said| {
            let method = said["method"].as_str();
            // Where no edit can be applied, a sentence says where it stands.
            matches!(method, Some("workspace/applyEdit"))
                || (method == Some("window/showMessage")
                    && said["params"]["message"]
                        .to_string()
                        .contains("takes no edits"))
        })
        .await;
    if asked["method"] == "workspace/applyEdit" {
        let edit = asked["params"]["edit"].to_string();
        assert!(edit.contains('*'), "{name}: {asked}");
    }
    let sent = schema::checks(&session.trace().entries());
    // Here the session holds all of it against the rules and the types.
    session.finish().await;
    assert_eq!(desk.provider.requests().len(), 2, "{name}");
    sent.into_iter().map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_and_an_edit_in_every_editor() {
    let mut seen = BTreeSet::new();
    let mut drawing = Persona::named("vscode");
    drawing.initialize["capabilities"]["experimental"] = json!({"foretoken": {"assist": 1}});
    for persona in Persona::all().into_iter().chain([drawing]) {
        seen.append(&mut explained_and_fixed(persona).await);
    }
    for name in [
        "params $/progress",
        "params foretoken/assist",
        "params window/showDocument",
        "params window/showMessage",
        "params window/showMessageRequest",
        "params window/workDoneProgress/create",
        "params workspace/applyEdit",
        "result textDocument/codeAction",
    ] {
        assert!(seen.contains(name), "{name} was never sent: {seen:?}");
    }
}
