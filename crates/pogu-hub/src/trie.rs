//! A trie of patterns by token: which patterns match a topic, without looking at the others.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;

use crate::selector::Pattern;
use crate::topic::Topic;

/// Values by pattern. Topics have a table of their own beside it: one look-up instead of one per token.
pub(crate) struct Trie<V> {
    nodes: Slab<Node<V>>,
    root: usize,
}

struct Node<V> {
    literals: HashMap<Box<str>, usize, RandomState>,
    star: Option<usize>,
    /// Of the pattern that ends here.
    here: Option<V>,
    /// Of the pattern that ends with a `>` below here.
    tail: Option<V>,
}

impl<V> Trie<V> {
    pub(crate) fn new() -> Trie<V> {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::new());
        Trie { nodes, root }
    }

    /// The place of a pattern, made if it is not there. The caller fills it.
    pub(crate) fn entry(&mut self, pattern: &Pattern) -> &mut Option<V> {
        let mut at = self.root;
        for token in pattern.tokens() {
            if token == ">" {
                return &mut self.nodes[at].tail;
            }
            at = match self.nodes[at].child(token) {
                Some(child) => child,
                None => {
                    let child = self.nodes.insert(Node::new());
                    let node = &mut self.nodes[at];
                    match token {
                        "*" => node.star = Some(child),
                        _ => drop(node.literals.insert(token.into(), child)),
                    }
                    child
                }
            };
        }
        &mut self.nodes[at].here
    }

    /// Takes a pattern out, with the nodes that only it needed.
    pub(crate) fn remove(&mut self, pattern: &Pattern) -> Option<V> {
        let mut path = Vec::new();
        let mut at = self.root;
        let mut tail = false;
        for token in pattern.tokens() {
            if token == ">" {
                tail = true;
                break;
            }
            let child = self.nodes[at].child(token)?;
            path.push((at, token));
            at = child;
        }
        let node = &mut self.nodes[at];
        let removed = if tail { node.tail.take() } else { node.here.take() };
        while let Some((parent, token)) = path.pop() {
            if !self.nodes[at].is_empty() {
                break;
            }
            self.nodes.remove(at);
            match token {
                "*" => self.nodes[parent].star = None,
                _ => drop(self.nodes[parent].literals.remove(token)),
            }
            at = parent;
        }
        removed
    }

    /// Calls `found` for each pattern that matches. Visits no node twice and goes as deep as the topic has tokens (128).
    pub(crate) fn matching(&self, topic: &Topic, mut found: impl FnMut(&V)) {
        if !self.nodes[self.root].is_empty() {
            self.visit(self.root, topic, !topic.is_reserved(), &mut found);
        }
    }

    fn visit(&self, at: usize, rest: &str, wild: bool, found: &mut impl FnMut(&V)) {
        let node = &self.nodes[at];
        if wild && let Some(value) = &node.tail {
            found(value);
        }
        let (token, rest) = match rest.split_once('.') {
            Some((token, rest)) => (token, Some(rest)),
            None => (rest, None),
        };
        let star = if wild { node.star } else { None };
        for child in [node.literals.get(token).copied(), star].into_iter().flatten() {
            match rest {
                Some(rest) => self.visit(child, rest, true, found),
                None => self.nodes[child].here.iter().for_each(&mut *found),
            }
        }
    }
}

impl<V> Node<V> {
    fn new() -> Node<V> {
        Node {
            literals: HashMap::default(),
            star: None,
            here: None,
            tail: None,
        }
    }

    fn child(&self, token: &str) -> Option<usize> {
        match token {
            "*" => self.star,
            _ => self.literals.get(token).copied(),
        }
    }

    fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.star.is_none() && self.here.is_none() && self.tail.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::selector::Selector;

    fn pattern(text: &str) -> Pattern {
        match text.parse() {
            Ok(Selector::Pattern(pattern)) => pattern,
            other => panic!("{text} is no pattern: {other:?}"),
        }
    }

    fn matching(trie: &Trie<String>, topic: &str) -> Vec<String> {
        let mut found = Vec::new();
        trie.matching(&topic.parse().expect(topic), |value| found.push(value.clone()));
        found.sort();
        found
    }

    proptest! {
        /// Whatever is put in and taken out, the trie finds what asking each pattern would, and leaves nothing behind.
        #[test]
        fn finds_what_a_scan_finds(
            patterns in prop::collection::vec("(\\$a|a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?|>", 1..24),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            topics in prop::collection::vec("(\\$a|a|b)(\\.(a|b)){0,4}", 1..8),
        ) {
            let mut trie = Trie::new();
            let mut plain: Vec<String> =
                patterns.into_iter().filter(|text| text.contains(['*', '>'])).collect();
            plain.sort();
            plain.dedup();
            for text in &plain {
                *trie.entry(&pattern(text)) = Some(text.clone());
            }
            for index in removed {
                if !plain.is_empty() {
                    let text = plain.remove(index.index(plain.len()));
                    prop_assert_eq!(trie.remove(&pattern(&text)), Some(text.clone()));
                    prop_assert_eq!(trie.remove(&pattern(&text)), None);
                }
            }
            for topic in &topics {
                let parsed: Topic = topic.parse().expect("a topic");
                let expect: Vec<String> =
                    plain.iter().filter(|text| pattern(text).matches(&parsed)).cloned().collect();
                prop_assert_eq!(matching(&trie, topic), expect);
            }
            for text in &plain {
                prop_assert_eq!(trie.entry(&pattern(text)), &mut Some(text.clone()));
                trie.remove(&pattern(text));
            }
            prop_assert!(trie.nodes[trie.root].is_empty());
            prop_assert_eq!(trie.nodes.len(), 1);
        }
    }

    #[test]
    fn the_deepest_topic() {
        let deep = ["a"; 128].join(".");
        let mut trie = Trie::new();
        let stars = ["*"; 128].join(".");
        *trie.entry(&pattern(&stars)) = Some("stars".to_owned());
        *trie.entry(&pattern("a.>")) = Some("tail".to_owned());
        assert_eq!(matching(&trie, &deep), ["stars", "tail"]);
        assert_eq!(matching(&trie, &deep[2..]), ["tail"]);
    }
}
