//! Bars side by side: the same job done by us and by others.

use std::fmt::Write as _;

/// One job, and a bar for each who did it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Ours first.
    pub(crate) bars: Vec<Bar>,
}

/// How one did.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) figure: f64,
    /// The figure as it is written beside the bar.
    pub(crate) label: String,
}

/// All lengths are pixels.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 20.0;
const BARS_LEFT: f64 = 140.0;
const BARS_WIDTH: f64 = 520.0;
const BAR_STEP: f64 = 20.0;
const BAR_HEIGHT: f64 = 14.0;
const GROUP_GAP: f64 = 34.0;
const TITLE_HEIGHT: f64 = 40.0;

/// Draws groups of horizontal bars, all to one scale, as SVG.
pub(crate) fn draw(title: &str, groups: &[Group]) -> String {
    let bars = groups.iter().flat_map(|group| &group.bars);
    let longest = bars.map(|bar| bar.figure).fold(f64::MIN_POSITIVE, f64::max);
    let mut body = String::new();
    text(&mut body, MARGIN, 28.0, "title", title);
    let mut y = TITLE_HEIGHT;
    for group in groups {
        y += GROUP_GAP;
        text(&mut body, MARGIN, y - 8.0, "group", &group.name);
        for (index, bar) in group.bars.iter().enumerate() {
            let length = (bar.figure / longest * BARS_WIDTH).max(1.0);
            let class = if index == 0 { "ours" } else { "peer" };
            let baseline = y + BAR_HEIGHT - 3.0;
            text(&mut body, MARGIN, baseline, "name", &bar.name);
            let _ = writeln!(
                body,
                "<rect class=\"{class}\" x=\"{BARS_LEFT}\" y=\"{y}\" \
                 width=\"{length:.1}\" height=\"{BAR_HEIGHT}\"/>"
            );
            text(
                &mut body,
                BARS_LEFT + length + 6.0,
                baseline,
                "name",
                &bar.label,
            );
            y += BAR_STEP;
        }
    }
    let height = y + MARGIN;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">
<style>
text {{ font-family: sans-serif; font-size: 12px; fill: #333 }}
.title {{ font-size: 16px; font-weight: bold }}
.group {{ font-weight: bold }}
.page {{ fill: #fff }}
.ours {{ fill: #1f77b4 }}
.peer {{ fill: #b8bcc2 }}
</style>
<rect class="page" width="{WIDTH}" height="{height}"/>
{body}</svg>
"#
    )
}

fn text(body: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        body,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{words}</text>"#
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_as_long_as_there_is_room_and_others_in_proportion() {
        let bar = |name: &str, figure| Bar {
            name: name.to_owned(),
            figure,
            label: format!("{figure} s"),
        };
        let groups = [Group {
            name: "5 M < 6 M".to_owned(),
            bars: vec![bar("ours", 1.0), bar("theirs", 4.0)],
        }];
        let svg = draw("Seconds", &groups);
        assert!(
            svg.contains(r#"class="ours" x="140" y="74" width="130.0""#),
            "{svg}"
        );
        assert!(
            svg.contains(r#"class="peer" x="140" y="94" width="520.0""#),
            "{svg}"
        );
        assert!(svg.contains(">5 M &lt; 6 M</text>"), "{svg}");
    }
}
