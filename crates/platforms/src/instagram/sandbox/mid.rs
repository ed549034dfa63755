//! Message ids in the form that decoded samples have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posta_core::chance::Chance;
use posta_core::time::Timestamp;

/// Makes the id of a new message. Time and chance keep it apart from those of earlier runs.
pub(super) fn mint(account: &str, scoped_id: &str, at: Timestamp, chance: &Chance) -> String {
    let millis = at.as_millis();
    let digits = chance.below(10_000_000_000_000_000_000);
    encode(account, scoped_id, &format!("327{millis:013}{digits:019}"))
}

/// Returns the id of the conversation of an account with somebody, which is always the same.
pub(super) fn thread(account: &str, scoped_id: &str) -> String {
    escape(&format!("ig_dm_thread:1:IGMessageThread:{account}:{}", number(scoped_id)))
}

fn encode(account: &str, scoped_id: &str, item: &str) -> String {
    escape(&format!("ig_dm_item:1:IGMessageID:{account}:{}:{item}", number(scoped_id)))
}

fn number(scoped_id: &str) -> String {
    let tail = &scoped_id[scoped_id.len().saturating_sub(15)..];
    format!("340282366841710301244259{tail:0>15}")
}

fn escape(plain: &str) -> String {
    // `Z` escapes itself and the three characters that a URL would not take.
    let mut id = String::new();
    for character in STANDARD.encode(plain).chars() {
        match character {
            'Z' => id.push_str("ZA"),
            '+' => id.push_str("ZB"),
            '/' => id.push_str("ZC"),
            '=' => id.push_str("ZD"),
            other => id.push(other),
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_of_the_held_ones() {
        let item = "32700000000000000000000000000000001";
        assert_eq!(
            encode("17841499900000001", "101", item),
            "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDk5OTAwMDAwMDAxOjM0MDI4MjM2Njg0MTcxMDMwMTI0NDI1OTAwMDAwMDAwMDAwMDEwMTozMjcwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMQZDZD"
        );
    }

    #[test]
    fn ids_differ_and_keep_their_lengths() {
        let (now, chance) = (Timestamp::from_millis(1_767_182_410_000), Chance::seeded(1));
        let mint = || mint("17841499900000001", "1099900000000101", now, &chance);
        let (one, other) = (mint(), mint());
        assert_ne!(one, other);
        let plain = one.replace("ZD", "=").replace("ZC", "/").replace("ZB", "+").replace("ZA", "Z");
        let plain = String::from_utf8(STANDARD.decode(plain).unwrap()).unwrap();
        let parts: Vec<&str> = plain.split(':').collect();
        assert_eq!(parts[..4], ["ig_dm_item", "1", "IGMessageID", "17841499900000001"]);
        assert_eq!((parts[4].len(), parts[5].len()), (39, 35));
        assert!((150..=190).contains(&one.len()));
    }
}
