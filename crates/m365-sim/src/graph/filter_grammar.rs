//! The grammar of `$filter`: tokens, then recursive descent.

use jiff::Timestamp;

use crate::call::Problem;

use super::filter::{Filter, Function, Literal, Operator};

/// `known` are the filterable properties.
pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Filter, Problem> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, variable: None, known };
    let filter = parser.or()?;
    if parser.at < tokens.len() {
        return Err(invalid("Syntax error in the filter."));
    }
    Ok(filter)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '\'' => quoted(rest)?,
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "(),'".contains(c))
                    .unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// A string literal; a quote inside it is doubled.
fn quoted(text: &str) -> Result<(Token, usize), Problem> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            value.push(character);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Ok((Token::Text(value), at + 1));
        }
    }
    Err(invalid("There is an unterminated string literal."))
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The name of the element inside `any`.
    variable: Option<String>,
    known: &'a [&'a str],
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, Problem> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, Problem> {
        let mut left = self.unary()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Filter, Problem> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.unary()?)));
        }
        if self.next_is(&Token::Open) {
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        let word = self.take_word()?;
        let lower = word.to_ascii_lowercase();
        if let Some(function) = Function::of(&lower) {
            return self.text_function(function);
        }
        if let Some(collection) = lower.strip_suffix("/any") {
            return self.any(&word[..collection.len()]);
        }
        let path = if lower == "cast" { self.cast()? } else { self.path(&word)? };
        self.comparison(path)
    }

    fn comparison(&mut self, path: String) -> Result<Filter, Problem> {
        let operator = match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Operator::of(word),
            _ => None,
        };
        let Some(operator) = operator else {
            let literal = Literal::Boolean(true);
            return Ok(Filter::Compare { path, operator: Operator::Equal, literal });
        };
        self.at += 1;
        let literal = self.literal()?;
        Ok(Filter::Compare { path, operator, literal })
    }

    fn text_function(&mut self, function: Function) -> Result<Filter, Problem> {
        self.expect(&Token::Open)?;
        let word = self.take_word()?;
        let path = self.path(&word)?;
        self.expect(&Token::Comma)?;
        let Literal::Text(argument) = self.literal()? else {
            return Err(invalid("The function needs a string."));
        };
        self.expect(&Token::Close)?;
        if self.word("eq") && !self.word("true") {
            return Err(invalid("A function can only be compared with true."));
        }
        Ok(Filter::Text { function, path, argument })
    }

    /// `cast(ep/value, Edm.Int32)`
    fn cast(&mut self) -> Result<String, Problem> {
        self.expect(&Token::Open)?;
        let word = self.take_word()?;
        let path = self.path(&word)?;
        self.expect(&Token::Comma)?;
        self.take_word()?;
        self.expect(&Token::Close)?;
        Ok(path)
    }

    fn any(&mut self, collection: &str) -> Result<Filter, Problem> {
        if !["categories", "singleValueExtendedProperties"].contains(&collection) {
            return Err(invalid("The query filter contains one or more invalid nodes."));
        }
        self.expect(&Token::Open)?;
        let word = self.take_word()?;
        let (variable, first) =
            word.split_once(':').ok_or_else(|| invalid("A lambda needs a variable."))?;
        self.variable = Some(variable.to_owned());
        let rest: Vec<Token> =
            (!first.is_empty()).then(|| Token::Word(first.to_owned())).into_iter().collect();
        let tokens = [&rest, &self.tokens[self.at..]].concat();
        let mut inner =
            Parser { tokens: &tokens, at: 0, variable: self.variable.take(), known: self.known };
        let filter = inner.or()?;
        self.at += inner.at - rest.len();
        self.expect(&Token::Close)?;
        Ok(Filter::Any { collection: collection.to_owned(), inner: Box::new(filter) })
    }

    fn path(&self, word: &str) -> Result<String, Problem> {
        if let Some(variable) = &self.variable {
            let member =
                word.strip_prefix(variable.as_str()).map(|rest| rest.trim_start_matches('/'));
            return member.map(str::to_owned).ok_or_else(|| invalid("Unknown range variable."));
        }
        let first = word.split('/').next().unwrap_or_default();
        if !self.known.contains(&first) {
            return Err(invalid("The query filter contains one or more invalid nodes."));
        }
        Ok(word.to_owned())
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) => literal(&word),
            _ => Err(invalid("A literal is missing.")),
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self) -> Result<String, Problem> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(invalid("Syntax error in the filter.")),
        }
    }

    fn next_is(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), Problem> {
        if self.next_is(token) { Ok(()) } else { Err(invalid("Syntax error in the filter.")) }
    }
}

fn literal(word: &str) -> Result<Literal, Problem> {
    if let Ok(time) = word.parse::<Timestamp>() {
        return Ok(Literal::Time(time));
    }
    if let Ok(number) = word.parse::<f64>() {
        return Ok(Literal::Number(number));
    }
    if let Ok(day) = word.parse::<jiff::civil::Date>() {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| invalid("Bad date."))?;
        return Ok(Literal::Time(midnight.timestamp()));
    }
    match word {
        "true" => Ok(Literal::Boolean(true)),
        "false" => Ok(Literal::Boolean(false)),
        "null" => Ok(Literal::Null),
        _ => Err(invalid("A literal is not valid.")),
    }
}

fn invalid(text: &str) -> Problem {
    Problem::bad("ErrorInvalidUrlQueryFilter", text)
}
