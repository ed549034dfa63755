//! What a draft becomes, and what of it is refused.

use posta_core::capability::{CardLimit, MediaLimit, QuickReplyLimit, TextLimit, TextUnit};

use super::*;

fn limits() -> Limits {
    Limits {
        text: TextLimit { max: 20, unit: TextUnit::Bytes },
        reply_window: None,
        media: &[
            MediaLimit { kind: MediaKind::Image, max_bytes: 8, types: &["image/png"] },
            MediaLimit { kind: MediaKind::Video, max_bytes: 8, types: &["video/mp4"] },
        ],
        images_per_message: 2,
        quick_replies: Some(QuickReplyLimit {
            max: 2,
            title: 5,
            has_image: false,
            below_media: false,
        }),
        buttons: Some(ButtonLimit { max: 2, title: 5, text: 10, has_phone: false }),
        cards: Some(CardLimit { max: 2, text: 5, buttons: 1 }),
        request_life: None,
        private_reply: None,
        shares: true,
        stickers: &["heart"],
        rates: &[],
    }
}

fn attached(kind: MediaKind) -> Attached {
    let source = MediaSource::Uploaded("1".into());
    let (kind_param, source_param) = ("attachmentType".into(), "attachmentUrl".into());
    Attached { kind, source, kind_param, source_param }
}

fn reply(title: &str) -> QuickReply {
    QuickReply { title: title.into(), payload: "P".into(), image_url: None }
}

fn button(title: &str) -> Button {
    Button { title: title.into(), action: ButtonAction::Postback("P".into()) }
}

fn card(title: &str) -> Card {
    let subtitle = Some("s".to_owned());
    Card { title: title.into(), subtitle, image_url: None, buttons: Vec::new() }
}

fn saying(text: &str) -> Draft {
    Draft { text: Some(text.into()), ..Draft::default() }
}

fn forms(draft: &Draft) -> Vec<&'static str> {
    let form = |content: &Content| match content {
        Content::Text { quick_replies, .. } if quick_replies.is_empty() => "text",
        Content::Text { .. } => "text with replies",
        Content::Media { items, .. } if items.len() > 1 => "pictures",
        Content::Media { .. } => "media",
        Content::Buttons { .. } => "buttons",
        Content::Cards { .. } => "cards",
        Content::Share { .. } => "share",
        Content::Sticker { .. } => "sticker",
    };
    messages(&limits(), "Network", draft).unwrap().iter().map(form).collect()
}

fn refused(draft: &Draft) -> (Code, String) {
    let error = messages(&limits(), "Network", draft).unwrap_err();
    assert!(!error.message.is_empty());
    (error.code, error.param)
}

#[test]
fn a_draft_becomes_as_many_messages_as_the_platform_needs() {
    use MediaKind::{Image, Video};
    assert_eq!(forms(&saying("Hi")), ["text"]);
    let attachments = vec![attached(Image)];
    assert_eq!(forms(&Draft { attachments, ..saying("Hi") }), ["media", "text"]);
    let attachments = [Image, Image, Image, Video, Image].map(attached).to_vec();
    let mixed = Draft { attachments, ..Draft::default() };
    assert_eq!(forms(&mixed), ["pictures", "media", "media", "media"]);
    let quick_replies = vec![reply("Yes")];
    let asking = Draft { quick_replies, is_split: true, ..saying("one two three four five six") };
    assert_eq!(forms(&asking), ["text", "text with replies"]);
    assert_eq!(forms(&Draft { buttons: vec![button("Go")], ..saying("Hi") }), ["buttons"]);
    assert_eq!(forms(&Draft { cards: vec![card("a")], ..saying("Hi") }), ["cards", "text"]);
    assert_eq!(forms(&Draft { share: Some("17".into()), ..Draft::default() }), ["share"]);
    assert_eq!(forms(&Draft { sticker: Some("heart".into()), ..saying(" ") }), ["sticker"]);
}

#[test]
fn what_the_platform_does_not_take_is_refused_by_its_field() {
    use Code::{InvalidFieldValue, MissingRequiredField, PlatformNotSupported, TextTooLong};
    let phone = Button { title: "Call".into(), action: ButtonAction::Phone("+49".into()) };
    let many = |count| (0..count).map(|_| reply("Yes")).collect::<Vec<_>>();
    let buttons = |buttons| Draft { buttons, ..saying("Hi") };
    let cards = |cards| Draft { cards, ..Draft::default() };
    let bare = Card { subtitle: None, ..card("a") };
    let with_buttons = Card { buttons: vec![button("a"), button("b")], ..card("a") };
    let cases = [
        (saying("  "), MissingRequiredField, "message"),
        (saying(&"é".repeat(11)), TextTooLong, "message"),
        (Draft { is_split: true, ..saying(&"é".repeat(201)) }, TextTooLong, "message"),
        (Draft { quick_replies: many(3), ..saying("Hi") }, InvalidFieldValue, "quickReplies"),
        (Draft { quick_replies: many(1), ..Draft::default() }, MissingRequiredField, "message"),
        (
            Draft { quick_replies: vec![reply("Yes"), reply("Surely")], ..saying("Hi") },
            InvalidFieldValue,
            "quickReplies[1].title",
        ),
        (
            Draft { quick_replies: many(1), buttons: vec![button("a")], ..saying("Hi") },
            InvalidFieldValue,
            "quickReplies",
        ),
        (buttons(vec![button("a"), button("b"), button("c")]), InvalidFieldValue, "buttons"),
        (buttons(vec![button("")]), InvalidFieldValue, "buttons[0].title"),
        (buttons(vec![button("a"), phone]), PlatformNotSupported, "buttons[1].type"),
        (Draft { text: None, ..buttons(vec![button("a")]) }, MissingRequiredField, "message"),
        (
            Draft { text: Some("far too long".into()), ..buttons(vec![button("a")]) },
            TextTooLong,
            "message",
        ),
        (
            Draft { cards: vec![card("a")], ..buttons(vec![button("a")]) },
            InvalidFieldValue,
            "buttons",
        ),
        (cards(vec![card("a"), card("b"), card("c")]), InvalidFieldValue, "template.elements"),
        (cards(vec![card("longer")]), InvalidFieldValue, "template.elements[0].title"),
        (cards(vec![card("a"), bare]), InvalidFieldValue, "template.elements[1]"),
        (cards(vec![with_buttons]), InvalidFieldValue, "template.elements[0].buttons"),
        (
            Draft { attachments: vec![attached(MediaKind::File)], ..Draft::default() },
            PlatformNotSupported,
            "attachmentType",
        ),
        (Draft { share: Some("x".into()), ..Draft::default() }, InvalidFieldValue, "sharedMediaId"),
        (Draft { share: Some("17".into()), ..saying("Hi") }, InvalidFieldValue, "sharedMediaId"),
        (Draft { sticker: Some("star".into()), ..Draft::default() }, InvalidFieldValue, "sticker"),
        (Draft { sticker: Some("heart".into()), ..saying("Hi") }, InvalidFieldValue, "sticker"),
    ];
    for (draft, code, param) in cases {
        assert_eq!(refused(&draft), (code, param.to_owned()), "{draft:?}");
    }
}
