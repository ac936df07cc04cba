//! Reads the few elements of HTML that the sign-in pages are made of.

pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<Field>,
}

/// An input or a button.
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_button: bool,
    pub(super) is_checkbox: bool,
}

/// `<name attributes>`, without the brackets.
struct Tag<'a>(&'a str);

pub(super) fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    for tag in tags(html) {
        match tag.name() {
            "form" => forms.push(Form { action: tag.attribute("action"), fields: Vec::new() }),
            "input" | "button" => {
                let field = Field {
                    id: tag.attribute("id"),
                    name: tag.attribute("name"),
                    value: tag.attribute("value"),
                    is_button: tag.name() == "button",
                    is_checkbox: tag.attribute("type") == "checkbox",
                };
                if let Some(form) = forms.last_mut() {
                    form.fields.push(field);
                }
            }
            _ => {}
        }
    }
    forms
}

pub(super) fn has_id(html: &str, id: &str) -> bool {
    tags(html).any(|tag| tag.attribute("id") == id)
}

/// Every value of this attribute, in order.
pub(super) fn attributes(html: &str, name: &str) -> Vec<String> {
    tags(html).map(|tag| tag.attribute(name)).filter(|value| !value.is_empty()).collect()
}

/// The words without the markup, separated by single blanks.
pub(super) fn text(html: &str) -> String {
    let body = html.split_once("<body").map_or(html, |(_, body)| body);
    let body = body.strip_prefix('>').unwrap_or(body);
    let mut words = String::new();
    for piece in body.split('<') {
        let (_, after) = piece.split_once('>').unwrap_or(("", piece));
        words.push_str(&unescaped(after));
        words.push(' ');
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    let pieces = html.split('<').skip(1);
    pieces.filter_map(|piece| piece.split_once('>').map(|(tag, _)| Tag(tag)))
}

impl Tag<'_> {
    fn name(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// Empty if it is not there.
    fn attribute(&self, name: &str) -> String {
        let Some((_, after)) = self.0.split_once(&format!(" {name}=\"")) else {
            return String::new();
        };
        unescaped(after.split('"').next().unwrap_or_default())
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
}
