//! Whether one route takes everything that another one is for.

use super::{Parameter, Part, RouteValues, Segment, Template};

impl Template {
    /// Whether every path that matches `other` matches this template, too. Where the templates do not tell, no.
    pub(in crate::host::http) fn covers(&self, other: &Self) -> bool {
        // Segments at the end may be absent: each number of them that a path can have.
        let least = other
            .segments
            .iter()
            .rposition(|segment| !segment.may_be_absent())
            .map_or(0, |index| index + 1);
        (least..=other.segments.len()).all(|count| covers(&self.segments, &other.segments[..count]))
    }
}

fn covers(ours: &[Segment], theirs: &[Segment]) -> bool {
    let Some((first, rest)) = ours.split_first() else {
        return theirs.is_empty();
    };
    if first.single().is_some_and(|parameter| parameter.catch_all) {
        return first.single().is_some_and(|parameter| parameter.constraints.is_empty());
    }
    match theirs.split_first() {
        None => first.may_be_absent() && covers(rest, &[]),
        Some((other, others)) => first.covers(other) && covers(rest, others),
    }
}

impl Segment {
    /// The parameter that is the whole segment.
    fn single(&self) -> Option<&Parameter> {
        match self.parts.as_slice() {
            [Part::Parameter(parameter)] => Some(parameter),
            _ => None,
        }
    }

    fn may_be_absent(&self) -> bool {
        self.single()
            .is_some_and(|parameter| parameter.optional || parameter.catch_all || parameter.default.is_some())
    }

    /// Whether every text that `other` takes is taken by this one. This one is no catch-all.
    fn covers(&self, other: &Self) -> bool {
        if other.single().is_some_and(|parameter| parameter.catch_all) {
            return false;
        }
        match (self.parts.as_slice(), other.parts.as_slice()) {
            (_, [Part::Literal(text)]) => self.matches(text, &mut RouteValues::new()).is_some(),
            ([Part::Parameter(ours)], [Part::Parameter(theirs)]) => ours.is_as_wide_as(theirs),
            ([Part::Parameter(ours)], _) => ours.constraints.is_empty(),
            (ours, theirs) => {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|pair| match pair {
                        (Part::Literal(ours), Part::Literal(theirs)) => ours.eq_ignore_ascii_case(theirs),
                        (Part::Parameter(ours), Part::Parameter(theirs)) => {
                            ours.is_as_wide_as(theirs) && (ours.optional || !theirs.optional)
                        }
                        _ => false,
                    })
            }
        }
    }
}

impl Parameter {
    fn is_as_wide_as(&self, other: &Self) -> bool {
        let mut constraints = self.constraints.iter();
        constraints.all(|constraint| other.constraints.contains(constraint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_covers_another_if_nothing_is_left_to_it() {
        let covers = |ours: &str, theirs: &str| {
            let parse = |text| Template::parse(text).unwrap();
            parse(ours).covers(&parse(theirs))
        };
        for (ours, theirs) in [
            ("x/{id}", "x/literal"),
            ("x/{id}", "X/{name}"),
            ("x/{id}", "x/{name:int}"),
            ("x/{id:int}", "x/{name:int:min(3)}"),
            ("x/{id:int}", "x/5"),
            ("x/{id}", "x/{a}-{b}"),
            ("x/{*rest}", "x"),
            ("x/{*rest}", "x/{a}/{b?}"),
            ("{*rest}", "{*all}"),
            ("x/{id?}", "x/{name?}"),
            ("x/{id?}", "x"),
            ("x/{id=5}", "x/{name}"),
            ("x/{name}.{ext?}", "x/{a}.{b}"),
            ("x/{name}.{ext}", "x/a.b"),
        ] {
            assert!(covers(ours, theirs), "{ours} {theirs}");
        }
        for (ours, theirs) in [
            ("x/literal", "x/{id}"),
            ("x/{id:int}", "x/{id}"),
            ("x/{id:int}", "x/a"),
            ("x/{id}", "x/{name?}"),
            ("x/{id}", "x/{*rest}"),
            ("x/{*rest:alpha}", "x/{a}"),
            ("x/{a}.{b}", "x/{c}"),
            ("x/{a}.{b}", "x/{c}.{d?}"),
            ("x/{id}", "y/{id}"),
            ("x/{id}", "x/a/b"),
            ("{a}/x", "y/{b}"),
        ] {
            assert!(!covers(ours, theirs), "{ours} {theirs}");
        }
    }
}
