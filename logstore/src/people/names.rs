//! Names of accounts and persons, as they are typed.

/// Longest name of an account or a person, in characters.
pub const NAME_CHARS: usize = 256;

/// A name that can be nobody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// There is none.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name has {0} characters, {NAME_CHARS} at most")]
    TooLong(usize),
    /// It holds something that is not seen, or turns the writing around.
    #[error("the name holds the invisible character U+{:04X}: type it again without", u32::from(*.0))]
    Invisible(char),
}

/// A name as it is typed, without blanks around it.
pub fn name(text: &str) -> Result<String, NotAName> {
    let text = text.trim();
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    match (text.chars().count(), text.chars().find(|c| unseen(*c))) {
        (0, _) => Err(NotAName::Empty),
        (_, Some(c)) => Err(NotAName::Invisible(c)),
        (long, None) if long > NAME_CHARS => Err(NotAName::TooLong(long)),
        _ => Ok(text.to_owned()),
    }
}
