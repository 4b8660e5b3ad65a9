"""The drawing of a soak: memory, operations a second, waits, over time. A drawing of its own, for light pages and dark ones."""

WIDTH, LEFT, RIGHT = 800, 74, 16
PANEL, GAP, TOP, BOTTOM = 150, 34, 46, 46
POINTS = 360
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-weight: 600; font-size: 14px } .axis { font-weight: 600 }
  .page { fill: #fff } .grid { stroke: #ddd } .frame { stroke: #888; fill: none } .line { fill: none; stroke-width: 1.6 }
  .a { stroke: #0b62c4 } .b { stroke: #1a7f37 } .c { stroke: #b35900 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .page { fill: #161b22 } .grid { stroke: #333b45 } .frame { stroke: #888 }
    .a { stroke: #6cb2ff } .b { stroke: #5bd075 } .c { stroke: #ffab5c }
  }
"""


def draw(path, seconds, samples, asked):
    """Draws `seconds` (the client's) and `samples` (the gate's)."""
    end = max([second["at"] for second in seconds] + [sample["at"] for sample in samples] + [1])
    panels = [
        ("memory of the gate, MiB (PSS)", "a", [(sample["at"], sample["pss"]) for sample in samples], max),
        ("operations a second", "b", [(second["at"], second["ok"]) for second in seconds], mean),
        ("p99 of a GET of 1 KiB, ms", "c", [(second["at"], second["p99_us"] / 1e3) for second in seconds], max),
    ]
    height = TOP + len(panels) * (PANEL + GAP) - GAP + BOTTOM
    title = f"The gate under mixed load for {asked.minutes:g} min, charter and list read again every {asked.reload:g} s"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="20">{title}</text>',
    ]
    for place, (name, colour, points, join) in enumerate(panels):
        top = TOP + place * (PANEL + GAP)
        parts += panel(name, colour, thin(points, end, join), top, end, last=place == len(panels) - 1)
    parts.append("</svg>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n")


def mean(values):
    return sum(values) / len(values)


def thin(points, end, join):
    """At most so many points, each standing for those around it."""
    buckets = {}
    for at, value in points:
        buckets.setdefault(int(at / end * POINTS), []).append((at, value))
    return [(mean([at for at, _ in bucket]), join([value for _, value in bucket])) for bucket in buckets.values()]


def panel(name, colour, points, top, end, last):
    step = nice(max([value for _, value in points] + [1e-9]) / 4)
    highest = step * max(1, -(-max([value for _, value in points] + [0]) // step))
    x = lambda at: LEFT + at / end * (WIDTH - LEFT - RIGHT)
    y = lambda value: top + PANEL - value / highest * PANEL
    parts = [f'<text class="axis" x="{LEFT}" y="{top - 7}">{name}</text>']
    for number in range(int(highest / step + 0.5) + 1):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(number * step):.1f}" y2="{y(number * step):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(number * step) + 4:.1f}" text-anchor="end">{number * step:,.10g}</text>')
    minutes = nice(end / 60 / 8)
    for number in range(int(end / 60 / minutes) + 1):
        at = x(number * minutes * 60)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{top + PANEL}"/>')
        if last:
            parts.append(f'<text x="{at:.1f}" y="{top + PANEL + 16}" text-anchor="middle">{number * minutes:g}</text>')
    if last:
        parts.append(f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{top + PANEL + 36}" text-anchor="middle">minutes since the start</text>')
    parts.append(f'<rect class="frame" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{PANEL}"/>')
    parts.append(f'<polyline class="line {colour}" points="{" ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)}"/>')
    return parts


def nice(value):
    """The next of 1, 2, 2.5, 5 and their tens that is not below."""
    tens = 1e-6
    while True:
        for step in (1, 2, 2.5, 5):
            if step * tens >= value * 0.999:
                return step * tens
        tens *= 10
