//! The same for programs: one object on one line.

use std::fmt::Write as _;

use ntp::client::{Mark, SourceView, View, off_by};
use ntp::history::Point;
use ntp::time::Raw;

use super::Beyond;
use crate::json::write_string;

/// Everything there is. Times are in seconds, frequencies in parts per million, what is not known
/// is null.
pub(in super::super) fn object<'a>(
    view: &View,
    beyond: &Beyond,
    history: impl Iterator<Item = &'a Point>,
    now: Raw,
) -> String {
    let mut object = String::from("{");
    text(&mut object, "state", Some(view.state));
    text(&mut object, "sentence", Some(&view.sentence));
    let _ = write!(object, "\"synchronised\":{},", view.is_synchronised);
    number(&mut object, "offset", view.offset.map(|(offset, _)| offset.seconds()));
    number(&mut object, "sd", view.offset.map(|(_, sd)| sd));
    text(&mut object, "clock", view.offset.map(|(offset, _)| off_by(offset)).as_deref());
    number(&mut object, "bound", view.distance);
    number(&mut object, "frequency_ppm", view.frequency.map(|it| it.ratio * 1e6));
    number(&mut object, "frequency_sd_ppm", view.frequency.map(|it| it.sd * 1e6));
    let _ = write!(object, "\"stratum\":{},", view.reference.stratum);
    number(&mut object, "root_delay", Some(view.reference.root_delay));
    number(&mut object, "root_dispersion", Some(view.reference.root_dispersion));
    let _ = write!(object, "\"steers\":{},", view.authority == ntp::client::Authority::Steer);
    let _ = write!(object, "\"steps\":{},", beyond.steps);
    text(&mut object, "last_step", beyond.last_step.as_deref());
    let ready = beyond.ready.map_or("null", |ready| if ready { "true" } else { "false" });
    let _ = write!(object, "\"ready\":{ready},");
    text(&mut object, "rival", beyond.rival.as_deref());
    text(&mut object, "cure", beyond.cure.as_deref());
    list(&mut object, "unresolved", view.unresolved.iter(), |name| {
        let mut element = String::new();
        write_string(&mut element, name);
        element
    });
    list(&mut object, "sources", view.sources.iter(), source);
    list(&mut object, "history", history, |point| {
        let mut element = String::from("{");
        number(&mut element, "ago", Some((now - point.at).seconds()));
        number(&mut element, "offset", Some(point.offset));
        number(&mut element, "sd", Some(point.sd));
        element.pop();
        element.push('}');
        element
    });
    object.pop();
    object.push_str("}\n");
    object
}

fn source(source: &SourceView) -> String {
    let mut element = String::from("{");
    text(&mut element, "server", Some(&source.label));
    text(&mut element, "mark", Some(word(source.mark)));
    text(&mut element, "why", Some(&source.why));
    let stratum = source.stratum.map_or_else(|| "null".to_owned(), |stratum| stratum.to_string());
    let _ = write!(element, "\"stratum\":{stratum},\"reach\":{},", source.reach);
    let heard = source.age.is_some();
    number(&mut element, "poll", Some(source.interval.seconds()));
    number(&mut element, "age", source.age.map(ntp::time::Span::seconds));
    number(&mut element, "offset", source.offset.map(ntp::time::Span::seconds));
    number(&mut element, "delay", heard.then_some(source.delay));
    number(&mut element, "jitter", heard.then_some(source.jitter));
    let _ = write!(element, "\"interleaved\":{}", source.interleaved);
    element.push('}');
    element
}

fn word(mark: Mark) -> &'static str {
    match mark {
        Mark::Best => "best",
        Mark::Agrees => "agrees",
        Mark::False => "false",
        Mark::Young => "young",
        Mark::Silent => "silent",
    }
}

fn text(object: &mut String, key: &str, value: Option<&str>) {
    let _ = write!(object, "\"{key}\":");
    match value {
        Some(value) => write_string(object, value),
        None => object.push_str("null"),
    }
    object.push(',');
}

/// JSON has no way to say that a number is none.
fn number(object: &mut String, key: &str, value: Option<f64>) {
    match value.filter(|value| value.is_finite()) {
        Some(value) => {
            let _ = write!(object, "\"{key}\":{value:.9},");
        }
        None => {
            let _ = write!(object, "\"{key}\":null,");
        }
    }
}

fn list<T>(
    object: &mut String,
    key: &str,
    values: impl Iterator<Item = T>,
    element: impl Fn(T) -> String,
) {
    let elements: Vec<String> = values.map(element).collect();
    let _ = write!(object, "\"{key}\":[{}],", elements.join(","));
}
