//! A sieve for scans: most topics that a pattern does not match are told by one comparison of 32 bits.

use crate::selector::Pattern;
use crate::topic::Topic;

/// Bits of a topic: how many tokens it has (7 bits, of at most 128), and a byte for each of its first three tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape(u32);

/// What the shape of a matching topic has in common with the pattern. It lets all matches through, and some others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sieve {
    mask: u32,
    bits: u32,
}

const TOKENS: usize = 3;
const COUNT_SHIFT: u32 = 8 * TOKENS as u32;
const COUNT_MASK: u32 = 0x7f << COUNT_SHIFT;

impl Shape {
    pub(crate) fn of(topic: &Topic) -> Shape {
        let mut bits = 0;
        let mut count = 0;
        for (at, token) in topic.tokens().enumerate() {
            if at < TOKENS {
                bits |= byte(token) << (8 * at);
            }
            count = at as u32;
        }
        Shape(bits | (count << COUNT_SHIFT) & COUNT_MASK)
    }
}

impl Sieve {
    pub(crate) fn of(pattern: &Pattern) -> Sieve {
        let mut sieve = Sieve {
            mask: COUNT_MASK,
            bits: 0,
        };
        let mut count = 0;
        for (at, token) in pattern.tokens().enumerate() {
            count = at as u32;
            match token {
                ">" => sieve.mask &= !COUNT_MASK,
                "*" => {}
                token if at < TOKENS => {
                    sieve.mask |= 0xff << (8 * at);
                    sieve.bits |= byte(token) << (8 * at);
                }
                _ => {}
            }
        }
        sieve.bits |= (count << COUNT_SHIFT) & sieve.mask;
        sieve
    }

    pub(crate) fn lets_through(&self, shape: Shape) -> bool {
        shape.0 & self.mask == self.bits
    }
}

/// FNV-1a, folded into a byte.
fn byte(token: &str) -> u32 {
    let hash = token.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 8) ^ (hash >> 16) ^ (hash >> 24)) & 0xff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::selector::Selector;

    fn sieve(text: &str) -> (Pattern, Sieve) {
        match text.parse() {
            Ok(Selector::Pattern(pattern)) => (pattern.clone(), Sieve::of(&pattern)),
            other => panic!("{text} is no pattern: {other:?}"),
        }
    }

    proptest! {
        #[test]
        fn every_match_passes(
            pattern in "((a|bb|\\*)\\.){0,4}(\\*|>)",
            topic in "(a|bb|c)(\\.(a|bb|c)){0,5}",
        ) {
            let (pattern, sieve) = sieve(&pattern);
            let topic: Topic = topic.parse().expect("a topic");
            if pattern.matches(&topic) {
                prop_assert!(sieve.lets_through(Shape::of(&topic)), "{pattern:?} {topic:?}");
            }
        }
    }

    #[test]
    fn most_others_do_not() {
        let (_, sieve) = sieve("orders.*.42");
        let through = |topic: &str| sieve.lets_through(Shape::of(&topic.parse().expect(topic)));
        assert!(through("orders.seoul.42"));
        assert!(!through("orders.seoul"));
        assert!(!through("orders.seoul.42.x"));
        assert!(!through("offers.seoul.42"));
        let others = (0..1000).filter(|n| *n != 42 && through(&format!("orders.seoul.{n}")));
        assert!(others.count() < 20);
    }

    #[test]
    fn the_deepest_topic() {
        let deep: Topic = ["a"; 128].join(".").parse().expect("a topic");
        let stars = ["*"; 128].join(".");
        assert!(sieve(&stars).1.lets_through(Shape::of(&deep)));
        assert!(sieve("*.*.>").1.lets_through(Shape::of(&deep)));
        assert!(!sieve("*.*").1.lets_through(Shape::of(&deep)));
    }
}
