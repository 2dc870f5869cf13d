//! The catalogue of faults: each has a test, and none of them is lost by a new name.

/// What a provider can do wrong, and the test of each. `faultd` must be able to do all of it.
const CATALOGUE: &[(&str, &str)] = &[
    (
        "cut after any byte, in a character, in JSON",
        "a26_cut_after_every_byte_keeps_the_text_and_says_so",
    ),
    (
        "cut in a chunk of the transfer",
        "a_cut_inside_a_chunk_of_the_transfer",
    ),
    (
        "a stall between chunks",
        "a_stall_between_chunks_keeps_the_text",
    ),
    ("writes of one byte", "one_byte_writes"),
    (
        "CRLF, comments, data of many lines, no last blank line",
        "crlf_comments_multi_line_data_and_no_last_blank_line",
    ),
    (
        "a line of 100 MB",
        "a27_a_line_of_100_mb_is_cut_at_the_limit",
    ),
    (
        "a stream without end",
        "a27_an_endless_answer_is_cut_at_its_limit",
    ),
    (
        "overloaded_error and an error object in mid-stream",
        "errors_in_mid_stream_keep_the_text",
    ),
    (
        "[DONE] twice, alone, never",
        "no_done_double_done_and_done_alone",
    ),
    ("unknown events and pings", "pings_and_unknown_events"),
    (
        "a login page with 200",
        "a28_a_login_page_with_200_pauses_and_names_the_host",
    ),
    (
        "307 to another origin",
        "a04_redirects_are_errors_and_nothing_is_sent_again",
    ),
    ("a gzip bomb", "a27_a_gzip_bomb_is_never_unpacked"),
    (
        "429 with Retry-After in seconds, as a date, 3600, garbage",
        "too_many_requests_with_every_retry_after",
    ),
    (
        "401 in mid-session",
        "a28_401_in_mid_session_pauses_until_the_key_changes",
    ),
    (
        "a used-up budget as 400, 422, 429",
        "a28_a_used_up_budget_whatever_its_status_pauses_the_endpoint",
    ),
    ("a reset", "a_reset_in_mid_stream_and_before_the_head"),
    ("slow headers", "the_first_text_has_one_whatever_else_comes"),
    ("TLS that is self-signed", "a20_self_signed_is_refused"),
    (
        "TLS that is expired",
        "a20_expired_and_not_yet_valid_are_refused",
    ),
    ("TLS for another name", "a20_a_wrong_name_is_refused"),
    (
        "fails, then answers",
        "the_last_one_is_asked_again_and_a_flapping_one_answers",
    ),
    (
        "the clock of the connection",
        "the_connection_has_a_clock_of_its_own",
    ),
    (
        "the clock of the whole",
        "the_total_ends_an_answer_that_never_stops_talking",
    ),
    ("counters after a script", "counters_equal_the_script"),
];

#[test]
fn every_fault_of_the_catalogue_has_its_test() {
    let sources = [
        include_str!("clocks.rs"),
        include_str!("course.rs"),
        include_str!("refusals.rs"),
        include_str!("streams.rs"),
        include_str!("tls.rs"),
    ];
    for (fault, test) in CATALOGUE {
        let head = format!("#[tokio::test]\nasync fn {test}()");
        let found = sources
            .iter()
            .filter(|source| source.contains(&head))
            .count();
        assert_eq!(found, 1, "{fault}: {test}");
    }
}
