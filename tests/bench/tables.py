"""What was measured, as Markdown for docs/performance.md: ours beside Squid and HAProxy, then every proxy."""

import statistics

GET = {f"get-{size}-{n}": f"GET {name}, {n} {'client' if n == 1 else 'clients'}" for size, name in (("1k", "1 KiB"), ("64k", "64 KiB")) for n in (1, 32, 256)}
TITLES = GET | {
    "hosts": "GET 1 KiB, 32 clients, 2,000 hosts",
    "connect-1": "CONNECT, one exchange, end; 1 client",
    "connect-32": "CONNECT, one exchange, end; 32 clients",
    "refuse-1": "a refusal, 1 client",
    "refuse-32": "a refusal, 32 clients",
}
FLAT = {"flat-10-rules": "10 rules more", "flat-1000-rules": "1,000 rules more", "flat-1000-names": "1,000 names, one rule", "flat-all-names": "all names, one rule"}
IDLE = {"idle": "opened", "idle-used": "used once"}


class Measures:
    """All measures of a row and a proxy, whatever the run."""

    def __init__(self, runs):
        self.of = {}
        for run in runs:
            for result in run["results"]:
                self.of.setdefault((result["row"], result["peer"]), []).append(result)
        self.peers = [name for name in runs[0]["about"]["titles"] if any(peer == name for _, peer in self.of)]

    def median(self, row, peer, what):
        found = [result[what] for result in self.of.get((row, peer), []) if what in result]
        return statistics.median(found) if found else None

    def spread(self, row, peer, what):
        found = [result[what] for result in self.of.get((row, peer), []) if what in result]
        return f"{number(min(found))}–{number(max(found))}" if len(found) > 1 else ""

    def failures(self, row, peer):
        kinds = {}
        for result in self.of.get((row, peer), []):
            for kind, count in result.get("failures", {}).items():
                kinds[kind] = kinds.get(kind, 0) + count
        return "; ".join(f"{count:,} × {kind}" for kind, count in kinds.items())

    def has(self, row):
        return any(measured == row for measured, _ in self.of)

    def ratio(self, row, peer, other, what="cpu"):
        ours, theirs = self.median(row, peer, what), self.median(row, other, what)
        return f"{ours / theirs:.2f}" if ours is not None and theirs else ""


def number(value):
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def squid(row):
    """The Squid that does no more than the row asks for."""
    return "squid-list" if row.startswith(("refuse", "reload")) else "squid"


def haproxy(row):
    return "haproxy-tcp" if row.startswith(("connect", "bulk", "idle")) else "haproxy"


def table(head, lines):
    """Names at the left, figures at the right."""
    figures = ["---" if column in ("proxy", "row", "failed", "with") else "---:" for column in head]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in [head, figures, *lines])


def of(runs):
    """Everything."""
    measures = Measures(runs)
    parts = [about(runs, measures), summary(measures)]
    parts += [detail(measures, row, title) for row, title in TITLES.items() if measures.has(row)]
    parts += [start(measures), bulk(measures), idle(measures), reload(measures), flat(measures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def about(runs, measures):
    lines = []
    for told in {run["about"]["machine"]: run["about"] for run in runs}.values():
        versions = {name: version for run in runs for name, version in run["about"]["versions"].items()}
        lines.append(f"{told['machine']}; " + "; ".join(f"{name}: {version}" for name, version in versions.items()) + ".")
        rounds = "one round" if told["rounds"] == 1 else f"medians of {told['rounds']} rounds, and their spread from the smallest to the largest"
        lines.append(f"{told['names']:,} names ({told['lists']}), {told['seconds']:g} s a measure, {rounds}.")
    lines.append("")
    lines += [f"- {name}: {runs[0]['about']['titles'][name]}" for name in measures.peers]
    missing = {name: packages for run in runs for name, packages in run["about"]["missing"].items()}
    lines += [f"- NOT MEASURED: {name}, for want of {', '.join(packages)}" for name, packages in missing.items()]
    failed = [(peer, result["why"]) for (row, peer), results in measures.of.items() if row == "failed" for result in results]
    lines += [f"- NOT MEASURED in a round: {peer}: {why}" for peer, why in failed]
    return "\n".join(lines)


def summary(measures):
    lines = []
    for row, title in [*TITLES.items(), ("bulk", "1 GiB down a tunnel, in CPU s")]:
        if measures.median(row, "octroi", "cpu") is None:
            continue
        others = {peer: measures.median(row, peer, "p99") for peer in measures.peers if peer not in ("octroi", "haproxy", "haproxy-tcp")}
        best = min(((value, peer) for peer, value in others.items() if value is not None), default=None)
        lines.append(
            [
                title,
                number(measures.median(row, "octroi", "cpu")),
                number(measures.median(row, squid(row), "cpu")),
                number(measures.median(row, haproxy(row), "cpu")),
                measures.ratio(row, "octroi", squid(row)),
                measures.ratio(row, "octroi", haproxy(row)),
                number(measures.median(row, "octroi", "p99")),
                f"{number(best[0])} ({best[1]})" if best else "",
                number(measures.median(row, haproxy(row), "p99")),
            ]
        )
    head = ["row", "CPU µs: octroi", "Squid", "HAProxy", "÷ Squid", "÷ HAProxy", "p99 ms: octroi", "best that filters or logs", "HAProxy"]
    return table(head, lines) if lines else ""


def detail(measures, row, title):
    def columns(row, peer):
        for what in ("ops", "p50", "p99", "cpu"):
            yield number(measures.median(row, peer, what))
        yield measures.spread(row, peer, "cpu")
        yield measures.ratio(row, peer, squid(row))
        yield measures.ratio(row, peer, haproxy(row))
        yield number(measures.median(row, peer, "pss"))
        yield measures.failures(row, peer)

    head = ["proxy", "op/s", "p50 ms", "p99 ms", "CPU µs an op", "spread", "÷ Squid", "÷ HAProxy", "PSS MiB", "failed"]
    return titled(title, head, lines_of(measures, row, columns))


def start(measures):
    columns = lambda row, peer: (number(measures.median(row, peer, what)) for what in ("took", "own", "mapped"))
    head = ["proxy", "to the first answer, s", "memory of its own, MiB", "mapped, MiB"]
    return titled("A start", head, lines_of(measures, "start", columns))


def lines_of(measures, row, columns):
    """A line for each proxy of which the row was measured."""
    return [[peer, *columns(row, peer)] for peer in measures.peers if (row, peer) in measures.of]


def bulk(measures):
    def columns(row, peer):
        yield number(measures.median(row, peer, "cpu"))
        yield measures.spread(row, peer, "cpu")
        yield number(1 / measures.median(row, peer, "seconds"))
        yield measures.ratio(row, peer, "squid")
        yield measures.ratio(row, peer, "haproxy-tcp")
        yield measures.failures(row, peer)

    head = ["proxy", "CPU s", "spread", "GiB/s", "÷ Squid", "÷ HAProxy", "failed"]
    return titled("1 GiB down a tunnel", head, lines_of(measures, "bulk", columns))


def idle(measures):
    def columns(row, peer):
        yield IDLE[row]
        yield number(measures.median(row, peer, "open"))
        yield number(measures.median(row, peer, "kib"))
        yield measures.spread(row, peer, "kib")
        yield measures.ratio(row, peer, "squid", "kib")
        yield measures.ratio(row, peer, "haproxy-tcp", "kib")
        yield number(measures.median(row, peer, "busy"))
        yield measures.failures(row, peer)

    head = ["proxy", "with", "tunnels", "KiB each", "spread", "÷ Squid", "÷ HAProxy", "CPU % at rest", "failed"]
    return titled("Idle tunnels", head, [line for row in IDLE for line in lines_of(measures, row, columns)])


def reload(measures):
    def columns(row, peer):
        yield number(measures.median(row, peer, "without"))
        yield number(measures.median(row, peer, "during"))
        yield measures.spread(row, peer, "during")
        yield number(statistics.median(result["during"] - result["without"] for result in measures.of[row, peer]))
        yield number(measures.median(row, peer, "took"))
        yield number(measures.median(row, peer, "cpu"))
        yield measures.failures(row, peer)

    head = ["proxy", "longest wait without, ms", "with, ms", "spread", "longer by, ms", "reload, s", "its CPU, s", "failed"]
    return titled("The list read again, at 1,000 requests a second", head, lines_of(measures, "reload", columns))


def flat(measures):
    lines = []
    for row, title in FLAT.items():
        if (row, "octroi") in measures.of:
            figures = number(measures.median(row, "octroi", "cpu")), measures.spread(row, "octroi", "cpu"), number(measures.median(row, "octroi", "p99"))
            lines.append([title, *figures, measures.failures(row, "octroi")])
    return titled("GET 1 KiB, 32 clients, ours alone", ["with", "CPU µs an op", "spread", "p99 ms", "failed"], lines)


def titled(title, head, lines):
    return f"{title}:\n\n{table(head, lines)}" if lines else ""
