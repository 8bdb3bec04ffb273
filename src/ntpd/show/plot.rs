//! The history of the offset, drawn with letters.

use std::fmt::Write as _;

use ntp::history::Point;
use ntp::time::Raw;

use super::{coarse, signed};

/// Rows above the middle, and as many below.
const ROWS: i32 = 6;

/// What stands before each row: a figure and the axis.
const MARGIN: usize = 13;

/// The narrowest terminal that is drawn for, and the widest.
const WIDTH_MIN: usize = 40;
/// More columns than points would be drawn twice.
const WIDTH_MAX: usize = MARGIN + ntp::history::POINTS_MAX;

/// No scale is finer than a nanosecond: the clock's own.
const SCALE_MIN: f64 = 1e-9;

/// The offsets of `points` up to `now`, for a terminal of `width` columns.
pub(in super::super) fn plot<'a>(
    points: impl Iterator<Item = &'a Point>,
    now: Raw,
    width: usize,
) -> String {
    let points: Vec<&Point> = points.collect();
    let Some(first) = points.first() else { return "no offset is known yet\n".to_owned() };
    let columns = width.clamp(WIDTH_MIN, WIDTH_MAX) - MARGIN;
    let whole = (now - first.at).seconds().max(1.0);
    let scale = points.iter().map(|point| point.offset.abs()).fold(SCALE_MIN, f64::max);
    let mut rows = vec![vec![' '; columns]; usize::try_from(2 * ROWS + 1).unwrap_or(1)];
    for point in &points {
        let share = ((point.at - first.at).seconds() / whole).clamp(0.0, 1.0);
        let column = index(share, columns - 1);
        let up = (1.0 - point.offset / scale) / 2.0;
        let row = index(up, rows.len() - 1);
        if let Some(cell) = rows.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = '*';
        }
    }
    let mut text = String::new();
    for (number, row) in (-ROWS..=ROWS).zip(&rows) {
        let figure = match number {
            0 => "0".to_owned(),
            top if top == -ROWS => signed(scale),
            ROWS => signed(-scale),
            _ => String::new(),
        };
        let axis = if number == 0 { '+' } else { '|' };
        let drawn: String =
            row.iter().map(|&c| if number == 0 && c == ' ' { '-' } else { c }).collect();
        let _ = writeln!(text, "{figure:>11} {axis}{}", drawn.trim_end());
    }
    let ago = format!("{} ago", coarse(whole));
    let gap = columns.saturating_sub(ago.len());
    let _ = writeln!(text, "{:MARGIN$}{ago}{:>gap$}", "", "now");
    let last = points.last().map_or(0.0, |last| last.offset);
    let rms = (points.iter().map(|point| point.offset * point.offset).sum::<f64>()
        / f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX)))
    .sqrt();
    let _ = writeln!(
        text,
        "what the clock lacked since the start or the last step: {} points, rms {}, last {}",
        points.len(),
        super::unsigned(rms),
        signed(last)
    );
    text
}

/// The place of `share`, 0 to 1, among 0 to `last`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "it is between 0 and a few hundred"
)]
fn index(share: f64, last: usize) -> usize {
    (share.clamp(0.0, 1.0) * last as f64).round() as usize
}
