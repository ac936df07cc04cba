//! Keys combined by AND, OR and NOT, as deeply as a client writes them.

/// Kept flat, each operator before what it combines, as the client wrote it: programs put one OR into another for each
/// term of a filter, and no walk through a formula, nor its end, may need stack for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula<K>(Vec<Term<K>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term<K> {
    Key(K),
    /// The next so many must all hold.
    All(usize),
    /// One of the next two must hold.
    Either,
    /// The next one must not hold.
    Not,
}

/// A formula on its way, as it is read from left to right.
#[derive(Debug)]
pub(super) struct Builder<K> {
    /// Begins with the outermost list.
    terms: Vec<Term<K>>,
    /// Keys of the outermost list.
    keys: usize,
    open: Vec<Open>,
}

/// What still waits for keys.
#[derive(Debug)]
enum Open {
    /// The place of its term, and how many it has.
    List { at: usize, keys: usize },
    /// An operator that takes so many more.
    Operator { lacks: usize },
}

/// Where the next key belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// To an operator that lacks it.
    Operand,
    /// To a list, unless that ends.
    InList,
    /// To the outermost list, unless that ends.
    Outermost,
}

// === impl Formula ===

impl<K> From<K> for Formula<K> {
    fn from(key: K) -> Self {
        Self(vec![Term::Key(key)])
    }
}

impl<K> Formula<K> {
    /// All of them must hold; where there are none, that is so.
    pub fn all(parts: Vec<Self>) -> Self {
        let mut terms = vec![Term::All(parts.len())];
        terms.extend(parts.into_iter().flat_map(|part| part.0));
        Self::tidied(terms)
    }

    pub fn either(one: Self, other: Self) -> Self {
        Self([Term::Either].into_iter().chain(one.0).chain(other.0).collect())
    }

    #[must_use]
    pub fn negated(self) -> Self {
        Self([Term::Not].into_iter().chain(self.0).collect())
    }

    /// In the order in which they were written.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().filter_map(|term| match term {
            Term::Key(key) => Some(key),
            Term::All(_) | Term::Either | Term::Not => None,
        })
    }

    /// The same with each key replaced by what it stands for.
    pub fn replaced<C>(&self, mut stands_for: impl FnMut(&K) -> Formula<C>) -> Formula<C> {
        let mut terms = Vec::with_capacity(self.0.len());
        for term in &self.0 {
            match term {
                Term::Key(key) => terms.extend(stands_for(key).0),
                Term::All(parts) => terms.push(Term::All(*parts)),
                Term::Either => terms.push(Term::Either),
                Term::Not => terms.push(Term::Not),
            }
        }
        Formula(terms)
    }

    /// Whether it holds, given what is known of each key; `None` if that does not decide it.
    pub fn holds(&self, mut known: impl FnMut(&K) -> Option<bool>) -> Option<bool> {
        if let [Term::Key(only)] = self.0.as_slice() {
            return known(only);
        }
        // From right to left what an operator combines is there before it.
        let mut values = Vec::new();
        for term in self.0.iter().rev() {
            let value = match term {
                Term::Key(key) => known(key),
                Term::Not => negated(taken(&mut values)),
                Term::Either => {
                    let (one, other) = (taken(&mut values), taken(&mut values));
                    negated(all([negated(one), negated(other)]))
                }
                Term::All(parts) => all(values.drain(values.len().saturating_sub(*parts)..)),
            };
            values.push(value);
        }
        taken(&mut values)
    }

    /// A list of one is that one.
    fn tidied(mut terms: Vec<Term<K>>) -> Self {
        terms.retain(|term| !matches!(term, Term::All(1)));
        Self(terms)
    }
}

fn taken(values: &mut Vec<Option<bool>>) -> Option<bool> {
    values.pop().expect("each operator stands before all that it combines")
}

fn negated(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

/// One "no" decides, whatever is unknown.
fn all(values: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let worst = |one, other| match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (None, _) | (_, None) => None,
        (Some(true), Some(true)) => Some(true),
    };
    values.into_iter().fold(Some(true), worst)
}

// === impl Builder ===

impl<K> Builder<K> {
    pub(super) fn new() -> Self {
        Self { terms: vec![Term::All(0)], keys: 0, open: Vec::new() }
    }

    /// All that comes before its `end_list` must hold.
    pub(super) fn begin_list(&mut self) {
        self.open.push(Open::List { at: self.terms.len(), keys: 0 });
        self.terms.push(Term::All(0));
    }

    /// One of the two that come next must hold.
    pub(super) fn begin_either(&mut self) {
        self.open.push(Open::Operator { lacks: 2 });
        self.terms.push(Term::Either);
    }

    /// What comes next must not hold.
    pub(super) fn begin_not(&mut self) {
        self.open.push(Open::Operator { lacks: 1 });
        self.terms.push(Term::Not);
    }

    pub(super) fn key(&mut self, key: K) -> Next {
        self.terms.push(Term::Key(key));
        self.completed()
    }

    /// Ends the list that `Next::InList` spoke of.
    pub(super) fn end_list(&mut self) -> Next {
        if let Some(Open::List { at, keys }) = self.open.pop() {
            self.terms[at] = Term::All(keys);
        }
        self.completed()
    }

    /// Ends the outermost list, once `Next::Outermost` was said.
    pub(super) fn finish(mut self) -> Formula<K> {
        self.terms[0] = Term::All(self.keys);
        Formula::tidied(self.terms)
    }

    /// Something is complete, and with it every operator that waited for it last.
    fn completed(&mut self) -> Next {
        loop {
            match self.open.last_mut() {
                None => {
                    self.keys += 1;
                    return Next::Outermost;
                }
                Some(Open::List { keys, .. }) => {
                    *keys += 1;
                    return Next::InList;
                }
                Some(Open::Operator { lacks }) if *lacks > 1 => {
                    *lacks -= 1;
                    return Next::Operand;
                }
                Some(Open::Operator { .. }) => drop(self.open.pop()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_no_decides_even_if_the_rest_is_unknown() {
        let both = |one: &'static str, other| Formula::all(vec![one.into(), Formula::from(other)]);
        let known = |key: &&str| match *key {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        assert_eq!(both("?", "no").holds(known), Some(false));
        assert_eq!(both("?", "yes").holds(known), None);
        assert_eq!(both("yes", "yes").holds(known), Some(true));
        let either = |one: &'static str, other| Formula::either(one.into(), Formula::from(other));
        assert_eq!(either("?", "yes").holds(known), Some(true));
        assert_eq!(either("?", "no").negated().holds(known), None);
        assert_eq!(either("no", "no").negated().holds(known), Some(true));
        assert_eq!(Formula::<&str>::all(Vec::new()).holds(known), Some(true));
    }

    #[test]
    fn a_key_is_replaced_in_its_place() {
        let formula = Formula::all(vec![Formula::from(1).negated(), 2.into(), 3.into()]);
        let replaced = formula.replaced(|key| match key {
            1 => Formula::either("a".into(), "b".into()),
            _ => "c".into(),
        });
        let either = Formula::either("a".into(), "b".into()).negated();
        assert_eq!(replaced, Formula::all(vec![either, "c".into(), "c".into()]));
        assert_eq!(replaced.keys().copied().collect::<Vec<_>>(), ["a", "b", "c", "c"]);
    }
}
