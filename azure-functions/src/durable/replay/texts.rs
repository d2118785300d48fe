//! The texts that an episode hands over: inputs of calls, data of events, operations. They lie one behind the other in one piece of
//! memory, since a replay makes as many of them as the history has calls, and none is given back before the episode ends.

/// Where a text lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    start: u32,
    len: u32,
}

impl Text {
    /// The JSON `null`, which every episode has.
    pub(crate) const NULL: Self = Self { start: 0, len: 4 };
}

/// The texts of one episode.
#[derive(Debug)]
pub(crate) struct Texts(String);

impl Texts {
    pub(crate) fn new() -> Self {
        Self("null".to_owned())
    }

    /// Keeps a text; `None` where there is no room: all of them have 4 GiB, which no answer can be as long as.
    pub(crate) fn add(&mut self, text: &str) -> Option<Text> {
        let start = u32::try_from(self.0.len()).ok()?;
        let len = u32::try_from(text.len()).ok()?;
        start.checked_add(len)?;
        self.0.push_str(text);
        Some(Text { start, len })
    }

    /// Bytes of all.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// A text that was added here.
    pub(crate) fn get(&self, text: Text) -> &str {
        let start = text.start as usize;
        self.0.get(start..start + text.len as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were_added() {
        let mut texts = Texts::new();
        let added = ["", "1", "\"é\"", "null", "[]"].map(|text| (text, texts.add(text).unwrap()));
        for (text, place) in added {
            assert_eq!(texts.get(place), text);
        }
        assert_eq!(texts.get(Text::NULL), "null");
    }
}
