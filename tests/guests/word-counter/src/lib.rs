//! Counts words, for components in other languages.

wit_bindgen::generate!({ path: "../../../examples/polyglot/wit", world: "rust" });

use exports::composer::polyglot::counting::{Guest, WordCount};

struct Counter;
export!(Counter);

impl Guest for Counter {
    fn count(text: String) -> Vec<WordCount> {
        let mut counts: Vec<WordCount> = Vec::new();
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for word in words.map(str::to_lowercase) {
            match counts.iter_mut().find(|count| count.word == word) {
                Some(count) => count.times += 1,
                None => counts.push(WordCount { word, times: 1 }),
            }
        }
        counts
    }
}
