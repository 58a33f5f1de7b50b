//! A workload's figures as horizontal bars.

use super::table::{Outcome, Table, figure, is_limit, is_ours};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// Bars are cut off at this many times the shortest that is no limit, or the others could not be told apart.
const LONGEST: f64 = 12.0;

// Of a brightness that can be read on white as on black: the background is left open.
const TEXT: RGBColor = RGBColor(118, 126, 137);
const OURS: RGBColor = RGBColor(224, 108, 32);
const PEER: RGBColor = RGBColor(91, 134, 184);
const LIMIT: RGBColor = RGBColor(150, 156, 164);

const WIDTH: i32 = 810;
/// Where the bars begin; the names stand to the left of it.
const LEFT: i32 = 300;
/// Where the longest bar ends; the figures stand to the right of their bars.
const RIGHT: i32 = 690;
const TOP: i32 = 44;
const ROW: i32 = 26;
const FONT: &str = "system-ui, sans-serif";

/// The chart as an SVG document.
pub(super) fn svg(table: &Table) -> Result<String, String> {
    let mut document = String::new();
    draw(table, &mut document).map_err(|error| format!("cannot draw {:?}: {error}", table.name))?;
    Ok(document)
}

fn draw(table: &Table, document: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let height = TOP + ROW * table.rows.len() as i32 + 8;
    let area = SVGBackend::with_string(document, (WIDTH as u32, height as u32)).into_drawing_area();
    let text = |size: f64, side| (FONT, size).into_font().color(&TEXT).pos(Pos::new(side, VPos::Center));
    let (unit, scale) = table.unit();
    let title = format!("{} ({unit}, less is better)", table.name);
    area.draw(&Text::new(title, (WIDTH / 2, TOP / 2), text(16.0, HPos::Center)))?;

    let measured = table.rows.iter().filter_map(|(peer, outcome)| match outcome {
        Outcome::Measured(quartiles) => Some((peer.as_str(), *quartiles)),
        Outcome::Failed(_) => None,
    });
    let peers = measured.clone().filter(|(peer, _)| !is_limit(peer));
    let shortest = peers.map(|(_, [_, median, _])| median).fold(f64::INFINITY, f64::min);
    let longest = measured.map(|(_, [_, _, high])| high).fold(0.0, f64::max).min(LONGEST * shortest);
    let x = |value: f64| LEFT + (f64::from(RIGHT - LEFT) * (value / longest).min(1.0)) as i32;

    for (row, (peer, outcome)) in table.rows.iter().enumerate() {
        let middle = TOP + ROW * row as i32 + ROW / 2;
        area.draw(&Text::new(peer.as_str(), (LEFT - 8, middle), text(13.0, HPos::Right)))?;
        match outcome {
            Outcome::Measured([low, median, high]) => {
                let colour = match peer {
                    peer if is_ours(peer) => OURS,
                    peer if is_limit(peer) => LIMIT,
                    _ => PEER,
                };
                let bar = [(LEFT, middle - 8), (x(*median), middle + 8)];
                area.draw(&Rectangle::new(bar, colour.mix(0.75).filled()))?;
                for (from, to) in
                    [((x(*low), 0), (x(*high), 0)), ((x(*low), -4), (x(*low), 4)), ((x(*high), -4), (x(*high), 4))]
                {
                    let line = [from, to].map(|(x, y)| (x, middle + y));
                    area.draw(&PathElement::new(line, TEXT.stroke_width(1)))?;
                }
                let cut = if *median > longest { "→ " } else { "" };
                let label = format!("{cut}{}", figure(median / scale));
                area.draw(&Text::new(label, (x(*high) + 8, middle), text(13.0, HPos::Left)))?;
            }
            Outcome::Failed(why) => area.draw(&Text::new(why.as_str(), (LEFT, middle), text(13.0, HPos::Left)))?,
        }
    }
    area.present()?;
    Ok(())
}
