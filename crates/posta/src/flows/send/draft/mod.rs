//! What somebody wants to say, and the messages that it becomes on a platform: the one place that
//! holds a request against what the platform takes.

use posta_core::capability::{ButtonLimit, Limits};
use posta_core::failure::Code;
use posta_core::message::{
    Button, ButtonAction, Card, Content, Media, MediaKind, MediaSource, QuickReply,
};

use super::split::split;
use crate::flows::Invalid;

/// How many messages one request may become.
const MOST: usize = 20;

/// What somebody wants to say.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The text.
    pub text: Option<String>,
    /// What is attached.
    pub attachments: Vec<Attached>,
    /// Answers to choose from.
    pub quick_replies: Vec<QuickReply>,
    /// Buttons below the text.
    pub buttons: Vec<Button>,
    /// Cards.
    pub cards: Vec<Card>,
    /// A post of the account's own, by the platform's id.
    pub share: Option<String>,
    /// A sticker, by name.
    pub sticker: Option<String>,
    /// Whether a text that is too long becomes several messages.
    pub is_split: bool,
}

/// Something attached, and the fields that it came in.
#[derive(Clone, Debug)]
pub struct Attached {
    /// What it is.
    pub kind: MediaKind,
    /// Where the platform gets it.
    pub source: MediaSource,
    /// The field that says what it is.
    pub kind_param: String,
    /// The field that says where the platform gets it.
    pub source_param: String,
}

/// Turns a draft into messages, in their order: what is attached goes first.
///
/// # Errors
/// What the platform does not take, with the field.
pub(in crate::flows) fn messages(
    limits: &Limits,
    title: &str,
    draft: &Draft,
) -> Result<Vec<Content>, Invalid> {
    let draft =
        &Draft { text: draft.text.clone().filter(|text| !text.trim().is_empty()), ..draft.clone() };
    let rules = Rules { limits, title };
    if let Some(alone) = rules.alone(draft)? {
        return Ok(vec![alone]);
    }
    rules.combination(draft)?;
    let mut messages = rules.media(&draft.attachments)?;
    if !draft.cards.is_empty() {
        rules.cards(&draft.cards)?;
        messages.push(Content::Cards { cards: draft.cards.clone() });
    }
    messages.extend(rules.text(draft)?);
    match messages.len() {
        0 => Err(invalid(Code::MissingRequiredField, "message", "message is required")),
        1..=MOST => Ok(messages),
        many => {
            let message = format!("this would become {many} messages, and {MOST} are the most");
            Err(invalid(Code::TextTooLong, "message", message))
        }
    }
}

struct Rules<'a> {
    limits: &'a Limits,
    title: &'a str,
}

impl Rules<'_> {
    /// What can only be sent with nothing beside it.
    fn alone(&self, draft: &Draft) -> Result<Option<Content>, Invalid> {
        let others = [
            draft.text.is_some(),
            !draft.attachments.is_empty(),
            !draft.quick_replies.is_empty(),
            !draft.buttons.is_empty(),
            !draft.cards.is_empty(),
            draft.share.is_some(),
            draft.sticker.is_some(),
        ];
        let is_alone = others.iter().filter(|is_there| **is_there).count() == 1;
        if let Some(post) = &draft.share {
            if !self.limits.shares {
                return Err(self.lacks("sharedMediaId", "sharing of posts"));
            }
            if post.is_empty() || !post.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(bad("sharedMediaId", "must be the id of a post, in digits"));
            }
            return if is_alone {
                Ok(Some(Content::Share { post: post.clone() }))
            } else {
                Err(bad("sharedMediaId", "must be sent alone"))
            };
        }
        let Some(name) = &draft.sticker else {
            return Ok(None);
        };
        if !self.limits.stickers.contains(&name.as_str()) {
            let known = self.limits.stickers.join(", ");
            return Err(bad("sticker", &format!("must be one of: {known}")));
        }
        if is_alone {
            Ok(Some(Content::Sticker { name: name.clone() }))
        } else {
            Err(bad("sticker", "must be sent alone"))
        }
    }

    /// What excludes each other.
    fn combination(&self, draft: &Draft) -> Result<(), Invalid> {
        let has_text = draft.text.is_some();
        if !draft.buttons.is_empty() {
            if !draft.quick_replies.is_empty() {
                return Err(bad("quickReplies", "cannot be sent together with buttons"));
            }
            if !draft.cards.is_empty() {
                return Err(bad("buttons", "cannot be sent together with template"));
            }
            if !has_text {
                let problem = "message is required: buttons stand below a text";
                return Err(invalid(Code::MissingRequiredField, "message", problem));
            }
        }
        if let Some(limit) = self.limits.quick_replies
            && !draft.quick_replies.is_empty()
            && !has_text
            && !limit.below_media
        {
            let problem = "message is required: quick replies stand below a text";
            return Err(invalid(Code::MissingRequiredField, "message", problem));
        }
        Ok(())
    }

    /// Pictures that follow each other travel together, all else goes one by one.
    fn media(&self, attachments: &[Attached]) -> Result<Vec<Content>, Invalid> {
        let most = self.limits.images_per_message.max(1);
        let mut messages: Vec<Vec<Media>> = Vec::new();
        for attached in attachments {
            if !self.limits.media.iter().any(|limit| limit.kind == attached.kind) {
                let kind = format!("{:?}", attached.kind).to_lowercase();
                return Err(self.lacks(&attached.kind_param, &format!("attachment of type {kind}")));
            }
            let media = Media { kind: attached.kind, source: attached.source.clone() };
            let is_image = |media: &Media| media.kind == MediaKind::Image;
            match messages.last_mut() {
                Some(last) if is_image(&media) && is_image(&last[0]) && last.len() < most => {
                    last.push(media);
                }
                _ => messages.push(vec![media]),
            }
        }
        let content = |items| Content::Media { items, quick_replies: Vec::new() };
        Ok(messages.into_iter().map(content).collect())
    }

    fn text(&self, draft: &Draft) -> Result<Vec<Content>, Invalid> {
        self.quick_replies(&draft.quick_replies)?;
        let Some(text) = &draft.text else {
            return Ok(Vec::new());
        };
        if !draft.buttons.is_empty() {
            self.buttons(text, &draft.buttons)?;
            let (text, buttons) = (text.clone(), draft.buttons.clone());
            return Ok(vec![Content::Buttons { text, buttons }]);
        }
        let limit = &self.limits.text;
        let count = limit.count(text);
        if count > limit.max && !draft.is_split {
            let unit = format!("{:?}", limit.unit).to_lowercase();
            let message =
                format!("the text has {count} {unit}; {} takes {} at most", self.title, limit.max);
            return Err(invalid(Code::TextTooLong, "message", message));
        }
        let mut texts: Vec<Content> = split(text, limit).into_iter().map(Content::text).collect();
        if let Some(Content::Text { quick_replies, .. }) = texts.last_mut() {
            quick_replies.clone_from(&draft.quick_replies);
        }
        Ok(texts)
    }

    fn quick_replies(&self, replies: &[QuickReply]) -> Result<(), Invalid> {
        if replies.is_empty() {
            return Ok(());
        }
        let Some(limit) = self.limits.quick_replies else {
            return Err(self.lacks("quickReplies", "quick replies"));
        };
        self.count("quickReplies", replies.len(), limit.max)?;
        for (index, reply) in replies.iter().enumerate() {
            self.length(&format!("quickReplies[{index}].title"), &reply.title, limit.title)?;
        }
        Ok(())
    }

    fn buttons(&self, text: &str, buttons: &[Button]) -> Result<(), Invalid> {
        let Some(limit) = self.limits.buttons else {
            return Err(self.lacks("buttons", "buttons"));
        };
        let count = text.chars().count();
        if count > limit.text {
            let message = format!(
                "the text has {count} characters; above buttons {} takes {} at most",
                self.title, limit.text
            );
            return Err(invalid(Code::TextTooLong, "message", message));
        }
        self.count("buttons", buttons.len(), limit.max)?;
        self.each_button("buttons", buttons, &limit)
    }

    fn each_button(
        &self,
        param: &str,
        buttons: &[Button],
        limit: &ButtonLimit,
    ) -> Result<(), Invalid> {
        for (index, button) in buttons.iter().enumerate() {
            self.length(&format!("{param}[{index}].title"), &button.title, limit.title)?;
            if matches!(button.action, ButtonAction::Phone(_)) && !limit.has_phone {
                let param = format!("{param}[{index}].type");
                return Err(self.lacks(&param, "buttons that call a number"));
            }
        }
        Ok(())
    }

    fn cards(&self, cards: &[Card]) -> Result<(), Invalid> {
        let (Some(limit), Some(buttons)) = (self.limits.cards, self.limits.buttons) else {
            return Err(self.lacks("template", "cards"));
        };
        self.count("template.elements", cards.len(), limit.max)?;
        for (index, card) in cards.iter().enumerate() {
            let param = format!("template.elements[{index}]");
            self.length(&format!("{param}.title"), &card.title, limit.text)?;
            if let Some(subtitle) = &card.subtitle {
                self.length(&format!("{param}.subtitle"), subtitle, limit.text)?;
            }
            self.count(&format!("{param}.buttons"), card.buttons.len(), limit.buttons)?;
            self.each_button(&format!("{param}.buttons"), &card.buttons, &buttons)?;
            let is_bare = card.subtitle.is_none() && card.image_url.is_none();
            if is_bare && card.buttons.is_empty() {
                let problem = "needs a subtitle, an image or a button beside its title";
                return Err(bad(&param, problem));
            }
        }
        Ok(())
    }

    fn count(&self, param: &str, count: usize, most: usize) -> Result<(), Invalid> {
        if count <= most {
            return Ok(());
        }
        Err(bad(param, &format!("has {count} entries; {} takes {most} at most", self.title)))
    }

    fn length(&self, param: &str, text: &str, most: usize) -> Result<(), Invalid> {
        let count = text.chars().count();
        if text.trim().is_empty() {
            return Err(bad(param, "must not be empty"));
        }
        if count <= most {
            return Ok(());
        }
        Err(bad(param, &format!("has {count} characters; {} takes {most} at most", self.title)))
    }

    fn lacks(&self, param: &str, what: &str) -> Invalid {
        let message = format!("{} knows no {what}", self.title);
        invalid(Code::PlatformNotSupported, param, message)
    }
}

fn bad(param: &str, problem: &str) -> Invalid {
    invalid(Code::InvalidFieldValue, param, format!("{param} {problem}"))
}

fn invalid(code: Code, param: &str, message: impl Into<String>) -> Invalid {
    Invalid { code, param: param.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests;
