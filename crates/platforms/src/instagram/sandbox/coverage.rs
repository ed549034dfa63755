//! How much of the platform is pretended, section by section of its description, and the tests that
//! show it.

use crate::sandbox::Covered;
use crate::sandbox::Extent::{All, Part};

const fn row(
    section: &'static str,
    title: &'static str,
    extent: crate::sandbox::Extent,
    tests: &'static [&'static str],
) -> Covered {
    Covered { section, title, extent, tests }
}

/// The sections, in their order.
pub(super) const COVERAGE: &[Covered] = &[
    row(
        "0.1",
        "Two stacks",
        Part("Instagram Login; of Facebook Login only how it tells of comments and mentions"),
        &[
            "guide::hosts_and_versions_lead_to_the_same_place",
            "deeds::comments_under_ads_and_broadcasts_and_mentions_elsewhere",
        ],
    ),
    row(
        "0.2",
        "Identifiers",
        All,
        &["control::made_people_and_accounts_get_ids_of_the_right_form", "guide::the_seven_steps"],
    ),
    row("0.3", "Versions", All, &["guide::hosts_and_versions_lead_to_the_same_place"]),
    row(
        "0.4",
        "Preconditions that silently stop everything",
        All,
        &[
            "access::standard_access_ends_with_people_who_have_a_role",
            "access::the_owners_switch_silences_messages_and_nothing_else",
            "access::nobody_is_told_of_comments_under_a_private_account",
            "webhooks::without_a_subscription_there_is_silence",
            "webhooks::an_unpublished_app_hears_only_its_testers",
            "errors::an_owner_who_shut_the_messages_off_and_a_recipient_without_a_role",
            "reads::requests_that_nobody_answers_are_forgotten_after_thirty_days",
        ],
    ),
    row(
        "1.1",
        "Authorize",
        All,
        &[
            "guide::the_seven_steps",
            "guide::the_owner_may_allow_less_and_only_for_a_professional_account",
            "errors::questions_that_are_not_shown",
        ],
    ),
    row("1.2", "The code", All, &["errors::a_code_is_good_for_an_hour"]),
    row(
        "1.3",
        "Code to short-lived token",
        All,
        &[
            "guide::the_seven_steps",
            "guide::a_multipart_exchange_in_the_documented_shape",
            "errors::codes_that_are_not_taken",
        ],
    ),
    row(
        "1.4",
        "Long-lived token",
        All,
        &["guide::the_seven_steps", "errors::exchanges_that_are_not_made"],
    ),
    row(
        "1.5",
        "Refresh",
        All,
        &["guide::the_seven_steps", "errors::a_refresh_needs_the_basic_permission"],
    ),
    row("1.6", "GET /me", All, &["guide::the_seven_steps"]),
    row(
        "1.7",
        "Deauthorize and data deletion callbacks",
        All,
        &[
            "access::an_owner_removes_the_app_and_it_is_told",
            "access::an_owner_wants_everything_deleted",
        ],
    ),
    row(
        "1.8",
        "Checking a token",
        All,
        &["reads::a_token_is_examined_by_its_app", "errors::bad_tokens"],
    ),
    row(
        "1.9",
        "appsecret_proof",
        All,
        &["reads::a_proof_that_is_given_must_be_right_and_can_be_required"],
    ),
    row(
        "2.1",
        "Verification",
        All,
        &["webhooks::a_callback_that_does_not_know_its_token_stays_inactive"],
    ),
    row(
        "2.2",
        "Signature",
        Part("no client certificates"),
        &[
            "webhooks::a_message_travels_escaped_in_order_and_signed",
            "deeds::an_app_can_have_its_webhooks_signed_by_another_secret",
            "faults::a_wrong_signature_stays_wrong_for_every_try",
        ],
    ),
    row(
        "2.3",
        "Delivery",
        All,
        &[
            "access::in_the_strict_regime_an_hour_of_failures_ends_the_subscription",
            "webhooks::a_failed_webhook_comes_again_with_the_same_bytes",
            "webhooks::a_webhook_is_given_up_after_36_hours",
            "webhooks::held_events_come_in_one_body",
            "faults::webhooks_get_lost_repeated_and_mixed_up",
        ],
    ),
    row(
        "2.4",
        "Subscribing",
        All,
        &[
            "errors::fields_are_accepted_in_every_form_and_a_wrong_one_is_named",
            "webhooks::the_field_of_echoes_can_be_strict",
        ],
    ),
    row(
        "2.5",
        "Envelope",
        All,
        &["webhooks::held_events_come_in_one_body", "deeds::comments_are_told_like_the_held_ones"],
    ),
    row(
        "2.6",
        "The message object",
        All,
        &[
            "deeds::each_kind_of_message_is_told_like_the_held_one",
            "deeds::a_reply_to_a_story_carries_the_story",
            "deeds::stickers_can_be_silent",
            "faults::a_link_to_a_file_can_end_at_any_time",
        ],
    ),
    row(
        "2.7",
        "Other messaging events and content events",
        Part("no opt-ins and no story insights, whose shapes no page prints for this login"),
        &[
            "deeds::what_is_done_besides_writing_is_told_like_the_held_ones",
            "deeds::the_zeroth_edit_comes_with_or_without_a_sender_and_with_or_without_the_message",
            "deeds::a_conversation_changes_hands",
            "deeds::comments_are_told_like_the_held_ones",
        ],
    ),
    row("2.8", "Test sends", All, &["deeds::the_test_button_sends_the_held_sample"]),
    row(
        "2.9",
        "What makes a webhook a repeat",
        Part("it is for receivers to know; repeats can be had"),
        &["faults::webhooks_get_lost_repeated_and_mixed_up"],
    ),
    row(
        "3.1",
        "Request of a send",
        All,
        &[
            "errors::form_fields_that_hold_json_are_as_good_as_json",
            "errors::a_missing_permission_is_403",
        ],
    ),
    row(
        "3.2",
        "Recipient",
        All,
        &["errors::messages_that_are_not_sent", "sends::people_out_of_reach"],
    ),
    row(
        "3.3",
        "Message forms",
        All,
        &[
            "errors::messages_that_are_sent",
            "sends::messages_of_the_wrong_form",
            "sends::a_post_of_its_own_and_a_heart",
            "sends::reactions_are_set_changed_and_taken_back_without_an_echo",
        ],
    ),
    row(
        "3.4",
        "Media limits",
        All,
        &[
            "sends::files_are_fetched_and_shown_at_links_of_the_platform",
            "sends::files_that_are_not_taken",
        ],
    ),
    row(
        "3.5",
        "Behaviour of sends",
        Part("folders of the inbox are not shown"),
        &[
            "webhooks::the_account_hears_its_own_words_once_whoever_wrote_them",
            "faults::the_echo_can_come_before_the_answer",
        ],
    ),
    row(
        "3.6",
        "Quick replies and templates",
        Part("no product templates, which need a Page's catalogue"),
        &[
            "sends::quick_replies_are_cut_and_can_be_tapped_while_they_are_last",
            "sends::templates_come_back_below_their_kind",
        ],
    ),
    row(
        "3.7",
        "Windows",
        All,
        &["errors::the_window_closes_after_a_day_and_for_human_agents_after_a_week"],
    ),
    row("3.8", "Response and id format", All, &["errors::messages_that_are_sent"]),
    row(
        "3.9",
        "Private replies",
        All,
        &[
            "sends::a_comment_is_answered_in_private_once_and_opens_no_window",
            "sends::comments_that_cannot_be_answered_in_private",
        ],
    ),
    row(
        "3.10",
        "Attachment upload",
        All,
        &["sends::what_was_uploaded_is_sent_by_its_id_by_its_owner"],
    ),
    row(
        "3.11",
        "Self messaging",
        All,
        &[
            "deeds::the_account_talks_to_itself",
            "sends::an_account_writes_to_itself_once_it_has_begun",
        ],
    ),
    row(
        "4.1",
        "Envelope of errors",
        All,
        &[
            "errors::bad_tokens",
            "errors::an_unknown_path_or_field",
            "errors::errors_come_in_other_languages_with_the_same_numbers",
        ],
    ),
    row("4.2", "Table of errors", All, &["faults::every_error_of_the_table_can_be_had"]),
    row("4.3", "Sample texts", All, &["errors::an_expired_token_says_when_it_expired"]),
    row(
        "5.1",
        "Limits on messaging",
        Part("one thread has none of its own, for no figure is known"),
        &[
            "limits::sends_are_limited_for_each_account",
            "limits::conversations_are_read_twice_a_second",
        ],
    ),
    row(
        "5.2",
        "Limits on everything else",
        Part("no impressions; a number of calls per hour can be set"),
        &["limits::the_rest_is_free_until_somebody_sets_a_number"],
    ),
    row(
        "5.3",
        "The 200 calls per hour rule",
        Part("for each account, once it is set"),
        &["limits::the_rest_is_free_until_somebody_sets_a_number"],
    ),
    row(
        "5.4",
        "Headers of limits",
        All,
        &["faults::limits_say_how_much_is_used", "limits::answers_can_be_made_to_tell_any_use"],
    ),
    row(
        "6.1",
        "Conversations",
        All,
        &[
            "reads::conversations_are_listed_newest_first_in_pages",
            "reads::only_the_twenty_newest_messages_can_be_read",
            "reads::a_message_shows_what_it_holds_at_fresh_links",
        ],
    ),
    row(
        "6.2",
        "User profile",
        All,
        &["reads::people_are_shown_as_far_as_they_consent", "faults::a_profile_can_be_refused"],
    ),
    row(
        "6.3",
        "Messenger profile",
        All,
        &["reads::menus_are_set_read_tapped_and_deleted", "reads::menus_that_are_not_taken"],
    ),
    row("6.4", "Welcome message flows", All, &["reads::flows_that_greet_whoever_comes_by_an_ad"]),
    row(
        "6.5",
        "ig.me links",
        All,
        &["deeds::what_is_done_besides_writing_is_told_like_the_held_ones"],
    ),
    row(
        "6.6",
        "Comments",
        All,
        &[
            "reads::posts_and_their_comments_are_read",
            "reads::comments_are_answered_hidden_and_deleted",
            "reads::comments_are_paged",
        ],
    ),
    row(
        "6.7",
        "Publishing",
        Part("only the quota is told; nothing can be published"),
        &["reads::plain_answers_about_publishing_and_insights"],
    ),
    row(
        "6.8",
        "Media and insights",
        Part("media; insights have no numbers"),
        &[
            "reads::posts_and_their_comments_are_read",
            "reads::plain_answers_about_publishing_and_insights",
        ],
    ),
    row(
        "6.9",
        "Graph conventions",
        Part("fields expand where a page shows it"),
        &["reads::conversations_are_listed_newest_first_in_pages", "reads::comments_are_paged"],
    ),
    // What makes each of them happen here; that Posta falls into none is shown by stories of its own.
    row(
        "7",
        "What integrators get wrong",
        All,
        &[
            "guide::the_seven_steps",
            "guide::a_multipart_exchange_in_the_documented_shape",
            "webhooks::a_message_travels_escaped_in_order_and_signed",
            "deeds::an_app_can_have_its_webhooks_signed_by_another_secret",
            "faults::the_echo_can_come_before_the_answer",
            "faults::webhooks_get_lost_repeated_and_mixed_up",
            "access::in_the_strict_regime_an_hour_of_failures_ends_the_subscription",
            "deeds::the_zeroth_edit_comes_with_or_without_a_sender_and_with_or_without_the_message",
            "reads::a_story_is_shown_for_a_day",
            "faults::a_link_to_a_file_can_end_at_any_time",
            "errors::messages_that_are_not_sent",
            "faults::a_cut_connection_leaves_no_answer",
            "faults::every_error_of_the_table_can_be_had",
            "faults::a_profile_can_be_refused",
            "access::the_owners_switch_silences_messages_and_nothing_else",
            "deeds::a_conversation_changes_hands",
            "sends::a_comment_is_answered_in_private_once_and_opens_no_window",
            "deeds::comments_are_told_like_the_held_ones",
            "reads::only_the_twenty_newest_messages_can_be_read",
            "errors::errors_come_in_other_languages_with_the_same_numbers",
        ],
    ),
    row(
        "8",
        "Open points",
        Part("all that may be chosen is an option; no test waits for the time to acknowledge"),
        &[
            "guide::a_multipart_exchange_in_the_documented_shape",
            "webhooks::the_field_of_echoes_can_be_strict",
            "deeds::the_zeroth_edit_comes_with_or_without_a_sender_and_with_or_without_the_message",
            "access::in_the_strict_regime_an_hour_of_failures_ends_the_subscription",
            "deeds::stickers_can_be_silent",
            "access::what_opens_the_window_can_be_chosen",
        ],
    ),
];
