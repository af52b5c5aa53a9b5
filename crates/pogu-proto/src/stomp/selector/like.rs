//! LIKE.

use super::TEXT_MAX;
use super::error::Wrong;

/// A pattern of LIKE as an automaton: in state `n` the first `n` characters of the pattern, `%` not counted, have been matched.
///
/// The states are bits, and all are moved at once for each character of a value. So a match takes time in proportion to the value, whatever
/// the pattern, where trying again from every place takes the product of their lengths.
#[derive(Debug)]
pub(super) struct Like {
    /// The characters of the pattern, each once, in order.
    characters: Box<[char]>,
    /// For each of `characters`, and then for all others, in which states a character leads on: `words` words each.
    leads: Box<[u64]>,
    /// The states that any character leads back to, a `%` standing there.
    stays: Box<[u64]>,
    /// The state in which all is matched.
    last: usize,
}

/// Words of 64 states, of which a pattern has one more than characters.
const WORDS_MAX: usize = TEXT_MAX / 64 + 1;

#[derive(Clone, Copy, PartialEq)]
enum Step {
    One(char),
    Any,
}

impl Like {
    pub(super) fn new(pattern: &str, escape: Option<char>) -> Result<Self, Wrong> {
        let mut steps = Vec::new();
        let mut stays = vec![0; WORDS_MAX];
        let mut rest = pattern.chars();
        while let Some(character) = rest.next() {
            match character {
                _ if Some(character) == escape => {
                    steps.push(Step::One(rest.next().ok_or(Wrong::EscapeLast)?));
                }
                '%' => set(&mut stays, steps.len()),
                '_' => steps.push(Step::Any),
                _ => steps.push(Step::One(character)),
            }
        }
        let words = steps.len() / 64 + 1;
        stays.truncate(words);
        let mut characters: Vec<char> = steps
            .iter()
            .filter_map(|step| match step {
                Step::One(character) => Some(*character),
                Step::Any => None,
            })
            .collect();
        characters.sort_unstable();
        characters.dedup();
        let mut leads = vec![0; (characters.len() + 1) * words];
        for (row, masks) in leads.chunks_mut(words).enumerate() {
            for (state, step) in steps.iter().enumerate() {
                if *step == Step::Any || characters.get(row).map(|one| Step::One(*one)) == Some(*step) {
                    set(masks, state);
                }
            }
        }
        Ok(Self {
            characters: characters.into(),
            leads: leads.into(),
            stays: stays.into(),
            last: steps.len(),
        })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let words = self.stays.len();
        let mut all_states = [0_u64; WORDS_MAX];
        let states = &mut all_states[..words];
        states[0] = 1;
        for character in value.chars() {
            if is_set(states, self.last) && is_set(&self.stays, self.last) {
                return true;
            }
            let row = self
                .characters
                .binary_search(&character)
                .unwrap_or(self.characters.len());
            let leads = &self.leads[row * words..][..words];
            let (mut carry, mut live) = (0, 0);
            for ((states, leads), stays) in states.iter_mut().zip(leads).zip(&self.stays) {
                let led = *states & leads;
                *states = led << 1 | carry | *states & stays;
                carry = led >> 63;
                live |= *states;
            }
            if live == 0 {
                return false;
            }
        }
        is_set(states, self.last)
    }
}

fn set(bits: &mut [u64], at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}

fn is_set(bits: &[u64], at: usize) -> bool {
    bits[at / 64] >> (at % 64) & 1 == 1
}
