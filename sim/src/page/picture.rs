//! The timeline of a run as a picture: time runs to the right; from top to bottom the heights of the chain, the
//! faults, the validators.
//!
//! ```text
//!  height │        ____/‾‾‾      a line that climbs with every height
//!  faults │   ▒▒▓▓▓▓             light: planned, dark: in effect
//!  0      │ ██│█│█│█   █│█│█     a bar while it is up, a stroke for each height that it finalized
//! ```

use super::{escape, seconds};
use crate::timeline::{Lane, Timeline, Window};

/// Width of the picture and of the names at its left, in units of the picture.
const WIDTH: u64 = 1_200;
const LEFT: u64 = 230;
const RIGHT: u64 = 20;
/// Height of the part with the line, of a row, and of what is above and below.
const CHAIN: u64 = 130;
const ROW: u64 = 22;
const TOP: u64 = 30;
/// Most strokes in a row, and most corners of the line; a longer run shows every second, third, … of them.
const STROKES_MAX: usize = 1_000;
/// Rough number of marks on the axis.
const MARKS: u64 = 10;

/// The picture.
pub(super) fn timeline(timeline: &Timeline) -> String {
    let rows = u64::try_from(timeline.faults.len() + timeline.lanes.len()).unwrap_or(0);
    let height = TOP + CHAIN + 44 + rows * ROW + 50;
    let scale = Scale { end_ms: timeline.end_ms.max(1) };
    let label = "heights, faults and validators over time";
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\">\n");
    axis(&mut svg, &scale, height - 30);
    chain(&mut svg, &scale, &timeline.decided_ms);
    let mut y = TOP + CHAIN + 32;
    title(&mut svg, y, "faults");
    for fault in &timeline.faults {
        window(&mut svg, &scale, y + 8, fault);
        y += ROW;
    }
    y += 28;
    title(&mut svg, y, "validators");
    for lane in &timeline.lanes {
        bars(&mut svg, &scale, y + 8, lane);
        y += ROW;
    }
    let healed = scale.x(timeline.healed_ms);
    let bottom = height - 30;
    svg.push_str(&format!(
        "<line class=\"healed\" x1=\"{healed}\" y1=\"{TOP}\" x2=\"{healed}\" y2=\"{bottom}\"/>\n\
         <text class=\"soft\" x=\"{healed}\" y=\"{}\" text-anchor=\"middle\">last fault over</text>\n</svg>\n",
        TOP - 10
    ));
    svg
}

struct Scale {
    end_ms: u64,
}

impl Scale {
    /// Where a time is, with one digit after the point.
    fn x(&self, ms: u64) -> String {
        let tenths = LEFT * 10 + ms.min(self.end_ms).saturating_mul((WIDTH - LEFT - RIGHT) * 10) / self.end_ms;
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// How wide a span is, one unit at least so that it can be seen.
    fn width(&self, from_ms: u64, to_ms: u64) -> String {
        let span = to_ms.min(self.end_ms).saturating_sub(from_ms);
        let tenths = (span.saturating_mul((WIDTH - LEFT - RIGHT) * 10) / self.end_ms).max(10);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

fn title(svg: &mut String, y: u64, text: &str) {
    svg.push_str(&format!("<text class=\"soft\" x=\"12\" y=\"{y}\">{text}</text>\n"));
}

fn axis(svg: &mut String, scale: &Scale, bottom: u64) {
    let steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400];
    let wanted = scale.end_ms / 1_000 / MARKS;
    let step_ms = steps.into_iter().find(|step| *step >= wanted).unwrap_or(28_800) * 1_000;
    let mut mark = 0;
    while mark <= scale.end_ms {
        let x = scale.x(mark);
        let text = if mark < 120_000 { format!("{} s", mark / 1_000) } else { seconds(mark) };
        svg.push_str(&format!(
            "<line class=\"grid\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{bottom}\"/>\n\
             <text class=\"soft\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{text}</text>\n",
            bottom + 18
        ));
        mark += step_ms;
    }
}

fn chain(svg: &mut String, scale: &Scale, decided_ms: &[u64]) {
    let (top, bottom) = (TOP + 6, TOP + CHAIN);
    let highest = u64::try_from(decided_ms.len()).unwrap_or(0).max(1);
    let y = |height: u64| bottom - height * (bottom - top) / highest;
    title(svg, TOP + 14, "heights of the chain");
    let before = LEFT - 8;
    svg.push_str(&format!(
        "<text class=\"soft\" x=\"{before}\" y=\"{}\" text-anchor=\"end\">{highest}</text>\n\
         <text class=\"soft\" x=\"{before}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\n\
         <line class=\"grid\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\"/>\n",
        top + 6,
        WIDTH - RIGHT
    ));
    let step = decided_ms.len().div_ceil(STROKES_MAX).max(1);
    let mut path = format!("M{LEFT} {bottom}");
    let mut last = 0;
    for (height, ms) in (1..).zip(decided_ms).step_by(step) {
        path.push_str(&format!("H{}V{}", scale.x(*ms), y(height)));
        last = height;
    }
    path.push_str(&format!("H{}", WIDTH - RIGHT));
    svg.push_str(&format!("<path class=\"chain\" d=\"{path}\"><title>up to height {last}</title></path>\n"));
}

fn window(svg: &mut String, scale: &Scale, y: u64, fault: &Window) {
    let (from, to) = fault.planned;
    let text = escape(&fault.text);
    let rect = |class: &str, from: u64| {
        format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"><title>{text}, {} to {}\
             </title></rect>\n",
            scale.x(from),
            y + 3,
            scale.width(from, to),
            ROW - 8,
            seconds(from),
            seconds(to)
        )
    };
    name(svg, y, &text);
    svg.push_str(&rect("planned", from));
    if let Some(since) = fault.since_ms {
        svg.push_str(&rect("fault", since));
    }
}

fn bars(svg: &mut String, scale: &Scale, y: u64, lane: &Lane) {
    name(svg, y, &escape(&lane.name));
    for (from, to) in &lane.up {
        svg.push_str(&format!(
            "<rect class=\"up\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>up, {} to {}</title></rect>\n",
            scale.x(*from),
            y + 3,
            scale.width(*from, *to),
            ROW - 8,
            seconds(*from),
            seconds(*to)
        ));
    }
    let step = lane.finalized.len().div_ceil(STROKES_MAX).max(1);
    let mut strokes = String::new();
    for (ms, _) in lane.finalized.iter().step_by(step) {
        strokes.push_str(&format!("M{} {}v{}", scale.x(*ms), y + 5, ROW - 12));
    }
    let last = lane.finalized.last().map_or(0, |(_, height)| *height);
    svg.push_str(&format!("<path class=\"tick\" d=\"{strokes}\"><title>up to height {last}</title></path>\n"));
}

fn name(svg: &mut String, y: u64, text: &str) {
    svg.push_str(&format!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{text}</text>\n", LEFT - 10, y + 15));
}
