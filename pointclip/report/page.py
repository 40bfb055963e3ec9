"""The template of a report: a single HTML file with embedded style and scripts; it escapes all names."""

from pointclip.errors import escaped

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1c2026; --soft: #5b6470; --line: #dfe3e8;
  --accent: #0072b2; --track: #e9edf1; --note: #fff6e0; --note-line: #e69f00; --good: #00694d; --bad: #b04a00; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --card: #1d2126; --ink: #e7eaee; --soft: #a3acb8;
  --line: #343a42; --accent: #56b4e9; --track: #2c323a; --note: #30290f; --good: #4fc9a4; --bad: #f39a5b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .4rem 0; }
.soft, caption, figcaption { color: var(--soft); font-size: .9rem; }
.card, .note { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem;
  margin: 0 0 1.25rem; }
.note { background: var(--note); border-color: var(--note-line); border-left-width: 6px; overflow-wrap: anywhere;
  padding: .45rem 1rem; margin-bottom: .4rem; }
.note + :not(.note) { margin-top: 1.25rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .4rem 1.75rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; }
tr > :last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: .9rem; vertical-align: bottom; }
tbody th { font-weight: 500; overflow-wrap: break-word; }
.text { text-align: left; }
td.bar { width: 45%; min-width: 4rem; }
.bar div { background: var(--track); border-radius: 4px; height: .65rem; }
.bar span { display: block; background: var(--accent); border-radius: 4px; height: 100%; }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1.5rem; margin-bottom: .25rem; }
.right, .wrong { font-weight: 600; white-space: nowrap; }
.right { color: var(--good); }
.wrong { color: var(--bad); }
figure { margin: .75rem 0 0; }
img { display: block; max-width: 100%; height: auto; border-radius: 8px; background: #fff; margin: .75rem auto 1rem; }
.guesses { max-width: 34rem; margin-top: .5rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: .6rem 0; }
.legend i { display: inline-block; width: .85rem; height: .85rem; border-radius: 50%; margin-right: .4rem;
  vertical-align: -.08rem; }
.clouds { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.cloud { height: 24rem; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; cursor: grab; }
.turn { display: flex; gap: .4rem; margin-top: .6rem; flex-wrap: wrap; }
button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--track); border: 1px solid var(--line);
  border-radius: 6px; padding: .15rem .6rem; cursor: pointer; }
@media (max-width: 36rem) { main { padding: 1.25rem .75rem; } .card { padding: .85rem; } .cloud { height: 18rem; } }
@media (max-width: 26rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print { .card { break-inside: avoid; } .turn { display: none; } }
"""

# Clouds are drawn only while near the visible part of the page: browsers allow about 16 of them at once.
TURNING = """
"use strict";
const options = {displayModeBar: false, scrollZoom: false, responsive: true};
for (const group of document.querySelectorAll(".shape")) {
  const panes = [...group.querySelectorAll(".cloud")];
  const figures = new Map(panes.map(pane => [pane, JSON.parse(pane.nextElementSibling.textContent)]));
  const home = figures.get(panes[0]).layout.scene.camera;
  let camera = home, held = null;

  function look(next, source) {
    camera = next;
    for (const pane of panes)
      if (pane !== source && pane.drawn) Plotly.relayout(pane, {"scene.camera": camera});
  }
  function follow(pane, event) {
    if (pane === held && event["scene.camera"]) look(event["scene.camera"], pane);
  }
  function release(pane, event) {
    if (pane !== held) return;
    follow(pane, event);
    held = null;
    // the cloud may move one frame beyond its last event: set all to the same camera
    setTimeout(() => { if (!held) look(camera, null); }, 60);
  }
  async function draw(pane) {
    const {data, layout} = figures.get(pane);
    await Plotly.newPlot(pane, data, {...layout, scene: {...layout.scene, camera}}, options);
    pane.drawn = true;
    pane.on("plotly_relayouting", event => follow(pane, event));
    pane.on("plotly_relayout", event => release(pane, event));
  }
  const near = new IntersectionObserver(entries => entries.forEach(({target, isIntersecting}) => {
    if (isIntersecting && !target.drawn) draw(target);
    if (!isIntersecting && target.drawn) { target.drawn = false; Plotly.purge(target); }
  }), {rootMargin: "200px"});
  for (const pane of panes) {
    for (const name of ["pointerdown", "touchstart"])
      pane.addEventListener(name, () => { held = pane; }, {capture: true, passive: true});
    near.observe(pane);
  }

  const turned = (angle, zoom) => {
    const {x, y, z} = camera.eye, c = Math.cos(angle), s = Math.sin(angle);
    return {...camera, eye: {x: (c * x - s * y) * zoom, y: (s * x + c * y) * zoom, z: z * zoom}};
  };
  const moves = {left: () => turned(-Math.PI / 6, 1), right: () => turned(Math.PI / 6, 1),
    closer: () => turned(0, 0.8), further: () => turned(0, 1.25), reset: () => home};
  for (const button of group.querySelectorAll("button"))
    button.addEventListener("click", () => { held = null; look(moves[button.dataset.move](), null); });
}
"""

BAR = """
{% macro bar(percent) %}<div><span style="width: {{ '%.1f' % percent }}%"></span></div>{% endmacro %}
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<style>{{ style | safe }}{{ more_style | safe }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% for note in notes %}<p class="note" role="note">{{ note }}</p>
{% endfor %}
{% if facts %}<div class="card"><dl>{% for name, value in facts.items() %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl></div>{% endif %}

{% if table.rows %}<h2>{{ table.title }}</h2>
<div class="card scroll"><table><caption>{{ table.caption }}</caption>
<thead><tr>{% for column in table.columns %}
<th scope="col"{% if column.text %} class="text"{% endif %}>{{ column.name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}
<tr>{% for cell in row %}{% set column = table.columns[loop.index0] %}{% if loop.first %}
<th scope="row" class="text">{{ cell }}</th>{% elif column.bar %}
<td class="bar">{% if cell is not none %}{{ bar(cell) }}{% endif %}</td>{% else %}
<td{% if column.text %} class="text"{% endif %}>{{ cell }}</td>{% endif %}{% endfor %}</tr>{% endfor %}
</tbody></table></div>{% endif %}

{% if matrix or confusions %}<h2>Confusion matrix</h2>
<div class="card">{% if matrix %}<p class="soft">Each row is a true class, each column a predicted one; the colour is
the share of the row.</p>
<a href="{{ matrix }}"><img src="{{ matrix }}" alt="Confusion matrix of {{ classes }} classes"></a>
{% else %}<p class="soft">With {{ classes }} classes it is too large to draw.</p>
{% endif %}{% if confusions %}<div class="scroll"><table><caption>Most common confusions</caption>
<thead><tr><th scope="col" class="text">truth</th><th scope="col" class="text">predicted</th><th scope="col">shapes</th>
<th scope="col">% of the class</th></tr></thead>
<tbody>{% for truth, prediction, count, share in confusions %}
<tr><th scope="row" class="text">{{ truth }}</th><td class="text">{{ prediction }}</td><td>{{ count }}</td>
<td>{{ '%.1f' % share }}</td></tr>{% endfor %}</tbody></table></div>{% endif %}</div>{% endif %}

{% for heading, explanation, cases in sections if cases %}<h2>{{ heading }}</h2>
<p class="soft">{{ explanation }}</p>
{% for case in cases %}{{ draw(case, bar) }}{% endfor %}{% endfor %}
</main>
{% if plotly %}<script>{{ plotly | safe }}</script>
<script>{{ turning | safe }}</script>{% endif %}
{% if script %}<script>{{ script | safe }}</script>{% endif %}
</body>
</html>
"""


def render(case: str = "", plotly: str = "", script: str = "", more_style: str = "", **content) -> str:
    """The whole page.

    Args:
        case: a Jinja template that renders one case of a section, the variable `case`; it may call `bar(percent)`.
        plotly: the library's source, if clouds are shown.
        script, more_style: of this kind of page alone.
        content: title, facts, notes, table, matrix, classes, confusions and sections, all but the title optional.
    """
    import jinja2  # imported here since it is slow and often not needed

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown)
    bar = environment.from_string(BAR).module.bar
    macro = f"{{% macro draw(case, bar) %}}\n{case}\n{{% endmacro %}}"
    draw = environment.from_string(macro).module.draw
    empty = {"notes": (), "facts": {}, "table": {}, "sections": ()}
    return environment.from_string(PAGE).render(
        **(empty | content),
        style=STYLE,
        turning=TURNING,
        plotly=plotly,
        script=script,
        more_style=more_style,
        bar=bar,
        draw=draw,
    )


def _shown(value: object) -> object:
    """A value as a page shows it: control characters except line ends are escaped; our own markup is kept."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "\n".join(map(escaped, value.split("\n")))
