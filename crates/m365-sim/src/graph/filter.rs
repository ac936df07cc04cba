//! `$filter`: the part of OData that Exchange understands on mail.

use jiff::Timestamp;
use serde_json::Value;

use crate::call::Problem;

use super::extended;
use super::filter_grammar;

/// A parsed filter.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare {
        path: String,
        operator: Operator,
        literal: Literal,
    },
    Text {
        function: Function,
        path: String,
        argument: String,
    },
    /// `collection/any(x: …)`; inside, the element is `""` and its members are plain names.
    Any {
        collection: String,
        inner: Box<Self>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
    Time(Timestamp),
    Null,
}

/// Something a filter can look at.
pub(crate) trait Row {
    /// A property by name, as Graph shows it.
    fn value(&self, name: &str) -> Option<Value>;
    /// An extended property by normalised id.
    fn property(&self, id: &str) -> Option<String>;
}

impl Filter {
    /// `known` are the filterable properties.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        filter_grammar::parse(text, known)
    }

    pub(crate) fn matches(&self, row: &dyn Row) -> bool {
        match self {
            Self::And(left, right) => left.matches(row) && right.matches(row),
            Self::Or(left, right) => left.matches(row) || right.matches(row),
            Self::Not(inner) => !inner.matches(row),
            Self::Compare { path, operator, literal } => {
                operator.holds(walk(row, path).as_ref(), literal)
            }
            Self::Text { function, path, argument } => {
                let value = walk(row, path).and_then(|value| value.as_str().map(str::to_lowercase));
                value.is_some_and(|value| function.holds(&value, &argument.to_lowercase()))
            }
            Self::Any { collection, inner } => any(row, collection, inner),
        }
    }

    /// Properties in the order they are named, for the rule about `$orderby`.
    pub(crate) fn properties(&self) -> Vec<String> {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                [left.properties(), right.properties()].concat()
            }
            Self::Not(inner) => inner.properties(),
            Self::Compare { path, .. } | Self::Text { path, .. } => vec![path.clone()],
            Self::Any { collection, .. } => vec![collection.clone()],
        }
    }

    fn wanted_property(&self) -> Option<String> {
        match self {
            Self::And(left, right) => left.wanted_property().or_else(|| right.wanted_property()),
            Self::Compare { path, operator: Operator::Equal, literal: Literal::Text(id) }
                if path == "id" =>
            {
                extended::normalise(id).ok()
            }
            _ => None,
        }
    }
}

struct Element<'a> {
    id: &'a str,
    value: String,
}

impl Row for Element<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        match name {
            "id" => Some(self.id.into()),
            _ => Some(self.value.clone().into()),
        }
    }

    fn property(&self, _: &str) -> Option<String> {
        None
    }
}

fn any(row: &dyn Row, collection: &str, inner: &Filter) -> bool {
    if collection == "singleValueExtendedProperties" {
        let Some(id) = inner.wanted_property() else { return false };
        return row.property(&id).is_some_and(|value| property_matches(inner, &id, value));
    }
    let values =
        row.value(collection).and_then(|value| value.as_array().cloned()).unwrap_or_default();
    values.iter().any(|value| {
        let value = value.as_str().unwrap_or_default().to_owned();
        inner.matches(&Element { id: "", value })
    })
}

/// The id was found already; what is left is about the value.
fn property_matches(inner: &Filter, id: &str, value: String) -> bool {
    match inner {
        Filter::And(left, right) => {
            property_matches(left, id, value.clone()) && property_matches(right, id, value)
        }
        Filter::Compare { path, .. } if path == "id" => true,
        other => other.matches(&Element { id, value }),
    }
}

fn walk(row: &dyn Row, path: &str) -> Option<Value> {
    let mut names = path.split('/');
    let first = row.value(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name).cloned())
}

impl Operator {
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }

    fn holds(self, value: Option<&Value>, literal: &Literal) -> bool {
        let value = value.filter(|value| !value.is_null());
        let order = match (value, literal) {
            (None, Literal::Null) => Some(std::cmp::Ordering::Equal),
            (None, _) | (_, Literal::Null) => None,
            (Some(value), Literal::Boolean(wanted)) => {
                value.as_bool().map(|value| value.cmp(wanted))
            }
            (Some(value), Literal::Number(wanted)) => {
                number(value).and_then(|value| value.partial_cmp(wanted))
            }
            (Some(value), Literal::Time(wanted)) => value
                .as_str()
                .and_then(|text| text.parse::<Timestamp>().ok())
                .map(|value| value.cmp(wanted)),
            (Some(value), Literal::Text(wanted)) => {
                value.as_str().map(|value| value.to_lowercase().cmp(&wanted.to_lowercase()))
            }
        };
        match self {
            Self::Equal => order.is_some_and(|order| order.is_eq()),
            Self::NotEqual => !order.is_some_and(|order| order.is_eq()),
            Self::Greater => order.is_some_and(|order| order.is_gt()),
            Self::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
            Self::Less => order.is_some_and(|order| order.is_lt()),
            Self::LessOrEqual => order.is_some_and(|order| order.is_le()),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

impl Function {
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "startswith" => Self::StartsWith,
            "endswith" => Self::EndsWith,
            "contains" => Self::Contains,
            _ => return None,
        })
    }

    fn holds(self, value: &str, argument: &str) -> bool {
        match self {
            Self::StartsWith => value.starts_with(argument),
            Self::EndsWith => value.ends_with(argument),
            Self::Contains => value.contains(argument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Message;

    impl Row for Message {
        fn value(&self, name: &str) -> Option<Value> {
            json!({
                "isRead": false, "subject": "Let's meet", "receivedDateTime": "2026-01-02T00:00:00Z",
                "categories": ["Blue", "To do"], "from": {"emailAddress": {"address": "Bob@X.example"}},
            })
            .get(name)
            .cloned()
        }

        fn property(&self, id: &str) -> Option<String> {
            (id == "Integer 0x1081").then(|| "102".into())
        }
    }

    #[test]
    fn the_documented_forms_hold_and_fail_where_they_should() {
        let known = ["isRead", "subject", "receivedDateTime", "categories", "from"];
        let holds = |text: &str| Filter::parse(text, &known).unwrap().matches(&Message);
        assert!(holds("isRead eq false and subject eq 'let''s meet'"));
        assert!(holds("receivedDateTime ge 2026-01-02 and not (isRead eq true)"));
        assert!(!holds("receivedDateTime gt 2026-01-02T00:00:00Z"));
        assert!(holds("from/emailAddress/address eq 'bob@x.example'"));
        assert!(holds("categories/any(c:c eq 'To do') or isRead"));
        assert!(!holds("categories/any(c: startswith(c, 'Red'))"));
        assert!(holds(
            "singleValueExtendedProperties/Any(ep: ep/id eq 'Integer 0x1081' and ep/value eq '102')"
        ));
        assert!(holds(
            "singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0x1081' and cast(ep/value, Edm.Int32) gt 101)"
        ));
        assert!(!holds(
            "singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0x1082' and ep/value eq '102')"
        ));
        assert!(Filter::parse("internetMessageHeaders eq 'x'", &known).is_err());
        assert!(Filter::parse("isRead eq", &known).is_err());
    }
}
