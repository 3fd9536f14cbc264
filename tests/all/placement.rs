//! Which tests run in both placements, and why the others do not.

use std::collections::BTreeSet;
use std::fs;

use composer_tests::folder;

/// Tests that run isolated alone, a module or a test in a line, and why.
const ISOLATED: &[(&str, &str)] = &[
    // What is told apart only by the component that it is about.
    ("errors", "what errors say of components in stores of their own"),
    ("calls::queued_call_that_a_guest_gives_up_is_withdrawn", "inside there is no inbox"),
    ("calls::started_call_that_a_guest_gives_up_runs_to_its_end", "inside there is no inbox"),
    ("calls::handle_in_a_call_that_a_guest_gives_up_ends_once", "inside there is no inbox"),
    ("calls::trap_names_component_function_and_cause", "a trap ends what is fused as a whole"),
    ("calls::trap_answers_the_other_calls_with_the_same_cause", "it ends what is fused as a whole"),
    ("calls::trap_reaches_the_consumer_with_the_providers_as_its_cause", "it ends both at once"),
    ("calls::host_panic_ends_its_component_with_the_message_and_nothing_else", "it ends all"),
    ("typed::function_of_other_types_is_refused_with_the_path", "names the component"),
    ("typed::trap_in_a_typed_call_names_component_and_function", "names the component"),
    ("typed::owner_says_of_which_component_and_resource_it_is", "names the component"),
    ("typed::function_that_is_somewhere_else_is_found_there", "of names alone"),
    ("typed::what_owns_in_a_reference_is_lent", "of types alone"),
    ("typed::name_that_differs_is_told_and_not_the_whole_type", "of types alone"),
    // Single components end, are limited, replaced or started again.
    ("bounds", "single components are bounded"),
    ("close", "each store ends by itself"),
    ("compiling", "where each component is compiled"),
    ("containment", "failures are contained between stores"),
    ("faults", "single components fail at random"),
    ("instances", "several stores of one component"),
    ("lifetimes", "stores that end before their composition"),
    ("limits", "single components are limited"),
    ("hoarders", "single components meet bounds"),
    ("locks", "interfaces that no component implements, and calls of single components"),
    ("limitations", "of single components, and of what is refused between two"),
    ("replace", "single components are replaced"),
    ("restart", "single components are started again"),
    ("runaway", "single components are interrupted"),
    ("uploads", "single components do harm"),
    ("rules", "what is said of single components"),
    ("trust", "of single components"),
    ("stream_faults", "single components fail at random"),
    ("stream_payloads", "how elements pass between stores"),
    (
        "stream_ends::thousands_of_futures_are_closed_while_they_are_written",
        "how futures pass between stores",
    ),
    ("stream_ends::reader_whose_component_ends_is_told_to_the_writer", "a component is replaced"),
    ("streams::writer_that_traps_is_no_end_of_its_stream", "the reader ends with its writer"),
    ("streams::replaced_writer_lives_as_long_as_its_streams_are_read", "a component is replaced"),
    ("streams::replaced_reader_lets_go_of_its_streams", "a component is replaced"),
    ("streams::stream_that_is_open_is_no_call_in_progress", "what a single component is like"),
    // How calls and handles pass between stores.
    ("deadlocks", "says which component waits for which"),
    ("entries", "compares the placements itself"),
    ("cycles", "a cycle of components cannot be one component"),
    ("in_place", "where calls between stores run"),
    ("insight", "what single components are like, and calls between them"),
    ("layers", "what is between components"),
    ("leaks", "what stores leave behind; counts of handles between them"),
    ("resources::proxy_passed_on_is_not_chained", "counts handles between components"),
    ("resources::instance_that_holds_handles_keeps_them", "counts handles between components"),
    ("resources::lent_handle_cannot_be_moved_or_dropped_until_the_call_ends", "of one component"),
    ("resources::loan_to_a_withdrawn_call_lasts_until_the_guest_is_done", "of one component"),
    ("resources::handles_of_a_component_that_traps_are_given_back", "the holder alone traps"),
    (
        "resources::closing_runs_the_destructor_of_every_handle_held_anywhere",
        "as wasmtime drops a \
        store without running destructors, a fused component's own handles end without them",
    ),
    ("resources::dropping_the_composition_runs_destructors_too", "likewise"),
    ("resources::destructor_has_run_when_the_handle_is_dropped", "exports resources at its root"),
    (
        "resources::dropping_a_handle_of_a_component_that_has_ended_waits_for_nothing",
        "one component ends",
    ),
    ("carried", "what one host has and another gets"),
    ("carried_wasi", "what one host has and another gets"),
    ("http", "compares the placements itself"),
    ("http_outgoing", "what single components send"),
    // What cannot be fused.
    ("api", "components of other engines, given compiled, and instances that run"),
    ("nesting", "compositions that run already"),
    ("provided", "exports that no component implements"),
    ("host", "interfaces that no component implements"),
    (
        "dynamic_streams::rust_in_the_place_of_a_component_reads_and_writes_streams",
        "an interface that no component implements",
    ),
    (
        "codec::garbage_that_a_guest_returns_is_read_or_refused_as_val_does",
        "types exported at the \
        root beside the function that has them; what a WIT world has is imported there or in an \
        interface",
    ),
    (
        "streams::streams_go_on_through_other_components",
        "wasmtime lets no stream of texts come back \
        to the component that wrote it",
    ),
    // What has nothing to do with components in one or several stores.
    ("cases", "compares plans of both placements by itself"),
    ("fuse", "of fusing itself"),
    ("explain", "of planning alone"),
    ("planning", "of planning alone"),
    ("chains::what_is_wrong_is_said_of_the_chain", "of planning alone"),
    ("chains::chain_is_of_compatible_versions", "of planning alone"),
    ("architecture", "of sources alone"),
    ("documents::open_import_comes_from_the_linker_or_from_around", "linkers of single components"),
    ("documents::import_statement_gives_an_open_import_its_name", "interfaces in Rust"),
    ("documents::ids_are_names_of_variables_or_of_packages", "of planning alone"),
    ("documents::packages_have_versions_and_what_is_given_counts", "an interface in Rust"),
    ("documents::configuring_and_filters_reach_each_component", "of planning alone"),
    ("documents::component_of_a_document_is_replaced", "single components are replaced"),
    ("documents::composition_is_a_package_and_parts_of_it_are_taken", "of a composition that runs"),
    ("documents::mistakes_are_told_with_their_place", "of documents alone"),
    ("documents::what_is_wrong_with_packages_is_told_where_they_are_named", "of documents alone"),
    (
        "documents::brackets_as_deep_as_you_like_and_panics_of_the_parser_are_errors",
        "of documents alone",
    ),
    ("book", "of documentation"),
    ("wasi", "what single components are given of the host"),
    ("wit::handle_of_a_composition_without_a_client_says_so", "names the component"),
    ("wit::component_of_another_shape_is_told_with_the_path", "of types alone"),
    ("wit::client_does_not_keep_its_composition", "of the client alone"),
    ("wit::client_of_what_is_not_there_names_every_function", "of types alone"),
    (
        "wit::every_type_crosses_from_a_client_to_a_host_and_back",
        "interfaces that no component implements",
    ),
    ("wit::streams_and_futures_cross_too", "an interface that no component implements"),
    (
        "wit::resources_of_a_host_are_what_its_client_has",
        "an interface that no component implements",
    ),
    (
        "wit::composition_with_clients_lets_go_of_everything",
        "an interface that no component implements",
    ),
    (
        "wit::host_may_wait_and_fail_where_the_options_say_so",
        "an interface that no component implements",
    ),
    (
        "wit::odd_names_and_kinds_are_as_they_are_in_wit",
        "an interface that no component implements",
    ),
    (
        "wit::interface_that_a_world_imports_and_exports_in_different_ways_is_two",
        "an interface that no component implements",
    ),
    (
        "wit::runtime_that_goes_first_leaves_nothing_behind",
        "an interface that no component implements",
    ),
    ("wit::guest_calls_a_host_that_is_made_of_wit", "an interface that no component implements"),
    ("wit::versions_stand_side_by_side_and_known_types_are_used", "of types alone"),
    ("wit::block_takes_everything_from_wit", "of the macro"),
    ("wit::block_in_an_expression_uses_the_modules_of_the_crate", "of the macro"),
    ("wit::host_in_an_expression_is_a_value", "of the macro"),
    ("placement", "this"),
    ("macros", "of the macro; its accessors are tested in both by those that use `placed!`"),
    ("streams::macro_declares_functions_of_streams", "of the macro"),
];

#[test]
fn every_test_runs_in_both_placements_or_is_listed() {
    let mut unlisted = Vec::new();
    let mut unused: BTreeSet<&str> = ISOLATED.iter().map(|(name, _)| *name).collect();
    for entry in fs::read_dir(folder().join("all")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Its programs run in both placements, and in wasmtime alone.
            continue;
        }
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for test in tests_of_one_placement(&fs::read_to_string(&path).unwrap()) {
            let names = [module.clone(), format!("{module}::{test}")];
            let mut listed = ISOLATED.iter().filter(|(name, _)| names.iter().any(|it| it == name));
            match listed.next() {
                Some((name, _)) => _ = unused.remove(name),
                None => unlisted.push(format!("{module}::{test}")),
            }
        }
    }
    assert!(unlisted.is_empty(), "`run_placed`, or list with a reason: {unlisted:#?}");
    assert!(unused.is_empty(), "listed, and not there or placed: {unused:#?}");
}

/// The tests of a module that do not come to `run_placed`, by themselves or by a function of it.
fn tests_of_one_placement(source: &str) -> Vec<&str> {
    // A function ends where a line closes a brace that the line of its name opened.
    let mut functions = Vec::new();
    for (at, _) in source.match_indices("fn ") {
        let line = source[..at].rfind('\n').map_or(0, |end| end + 1);
        let indent = &source[line..line + source[line..].len() - source[line..].trim_start().len()];
        let Some(name) = source[at + 3..].split(['(', '<']).next() else { continue };
        let end = source[at..].find(&format!("\n{indent}}}")).map_or(source.len(), |end| at + end);
        let is_test = source[..line].trim_end().ends_with("#[test]")
            || source[..line].trim_end().ends_with("#[cfg(feature = \"codec\")]");
        functions.push((name, &source[at..end], is_test));
    }
    let mut placed: BTreeSet<&str> = BTreeSet::from(["run_placed"]);
    loop {
        let calls = |body: &str| placed.iter().any(|name| body.contains(&format!("{name}(")));
        let more: Vec<_> = functions
            .iter()
            .filter(|(name, body, _)| !placed.contains(name) && calls(&body[3 + name.len()..]))
            .map(|(name, ..)| *name)
            .collect();
        if more.is_empty() {
            break;
        }
        placed.extend(more);
    }
    functions
        .into_iter()
        .filter(|(name, _, is_test)| *is_test && !placed.contains(name))
        .map(|(name, ..)| name)
        .collect()
}
