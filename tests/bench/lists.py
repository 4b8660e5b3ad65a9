"""The lists that all proxies refuse, in the form that each of them reads. What takes minutes is kept."""

import hashlib
import pathlib
import random
import re
import shutil
import subprocess
import sys

# Where the accounts of other proxies may read.
KEPT = pathlib.Path("/var/cache/octroi-bench")
# What the stand-in has when no lists are given: a category to each name, of so many names.
GENERATED = {"adult": 150_000, "phishing": 40_000, "malware": 10_000}
ADULT = "adult"
REFUSED = 500
HOST = re.compile(rb"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+")
ADDRESS = re.compile(rb"[0-9.]+")


class Lists:
    """A folder of UT1's form and what was made of it."""

    def __init__(self, kept):
        self.ut1 = kept / "ut1"
        # Every name of a refused category, one a line, none below another.
        self.names = kept / "names"
        # The same with a dot in front.
        self.dotted = kept / "dotted"
        # Some of them, that the built-in charter refuses.
        self.refused = (kept / "refused").read_text().split() if (kept / "refused").exists() else []
        self.guard = kept / "squidguard"

    def categories(self):
        """The folders that are categories to refuse: those whose `usage` says black, or that have none."""
        for folder in sorted(self.ut1.iterdir()):
            if folder.is_symlink() or not (folder / "domains").exists():
                continue
            usage = folder / "usage"
            if not usage.exists() or "black" in usage.read_text(errors="replace").split():
                yield folder.name

    def count(self):
        with open(self.names, "rb") as names:
            return sum(block.count(b"\n") for block in iter(lambda: names.read(2**20), b""))


def prepare(given):
    """Lists of these files and folders, or generated ones. What was prepared before is used again."""
    mark = hashlib.sha256()
    for path in given:
        state = path.stat()
        mark.update(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}".encode())
    kept = KEPT / (mark.hexdigest()[:12] if given else "generated")
    if not (kept / "whole").exists():
        shutil.rmtree(kept, ignore_errors=True)
        (kept / "ut1").mkdir(parents=True)
        say("preparing the lists, once: about a minute")
        for path in given:
            unpack(path, kept / "ut1")
        if not given:
            generate(kept / "ut1")
        flatten(Lists(kept))
        (kept / "whole").touch()
    return Lists(kept)


def say(what):
    print(what, file=sys.stderr, flush=True)


def unpack(path, into):
    """A folder or an archive in UT1's form; NAME.domains[.zst], and CATEGORY-NAME.domains[.zst], are one category's."""
    if path.is_dir():
        shutil.copytree(path, into, symlinks=True, dirs_exist_ok=True)
        return
    packed = {".zst": ["zstd", "-dc"], ".gz": ["gzip", "-dc"], ".tgz": ["gzip", "-dc"]}.get(path.suffix, ["cat"])
    unpacked = subprocess.Popen([*packed, path], stdout=subprocess.PIPE)
    if ".domains" in path.suffixes:
        category = into / path.name.split(".")[0].split("-")[0]
        category.mkdir(exist_ok=True)
        with open(category / "domains", "wb") as domains:
            shutil.copyfileobj(unpacked.stdout, domains)
    else:
        subprocess.run(["tar", "-x", "-C", into, "--strip-components=1", "--no-same-owner"], stdin=unpacked.stdout, check=True)
    if unpacked.wait():
        sys.exit(f"{path} cannot be unpacked")
    # What nobody may write cannot be changed for a reload.
    subprocess.run(["chmod", "-R", "u+rwX,go+rX", into], check=True)


def generate(into):
    chance = random.Random(4)
    syllables = [a + b for a in "bcdfghjklmnprstvw" for b in "aeiou"]
    endings = ["test", "example", "invalid"]
    for category, count in GENERATED.items():
        names = set()
        while len(names) < count:
            name = "".join(chance.choices(syllables, k=chance.randint(2, 6)))
            names.add(f"{name}{len(names) % 100}.{category}.{chance.choice(endings)}")
        (into / category).mkdir()
        (into / category / "domains").write_text("\n".join(sorted(names)) + "\n")


def flatten(lists):
    names = set()
    for category in lists.categories():
        with open(lists.ut1 / category / "domains", "rb") as domains:
            names.update(line.strip().lower() for line in domains)
    names = {name for name in names if HOST.fullmatch(name) and not ADDRESS.fullmatch(name)}

    def covered(name):
        while b"." in name:
            name = name.partition(b".")[2]
            if name in names:
                return True
        return False

    kept = sorted(name for name in names if not covered(name))
    lists.names.write_bytes(b"\n".join(kept) + b"\n")
    lists.dotted.write_bytes(b"".join(b"." + name + b"\n" for name in kept))
    with open(lists.ut1 / ADULT / "domains", "rb") as domains:
        adult = {line.strip().lower() for line in domains}
    # Names of other lists are let through, or masked, for reasons of their own: those of this one are refused. Some names
    # are none, by IDNA or by DNS, and are answered otherwise.
    chosen = [name.decode() for name in kept if name in adult and b"_" not in name and b"xn--" not in name and len(name) < 60]
    chosen = random.Random(1).sample(chosen, min(REFUSED, len(chosen)))
    (lists.names.parent / "refused").write_text("\n".join(chosen) + "\n")


def guard(lists, owner):
    """squidGuard's databases and its configuration, once."""
    if not (lists.guard / "whole").exists():
        shutil.rmtree(lists.guard, ignore_errors=True)
        lists.guard.mkdir()
        say("compiling squidGuard's databases, once: some minutes")
        parts, passed = [f"dbhome {lists.guard}", f"logdir {lists.guard}"], []
        for category in lists.categories():
            name = category.replace("-", "_")
            lines = []
            for kind, word in (("domains", "domainlist"), ("urls", "urllist")):
                source = lists.ut1 / category / kind
                if source.exists() and source.stat().st_size:
                    (lists.guard / category).mkdir(exist_ok=True)
                    shutil.copy(source, lists.guard / category / kind)
                    lines.append(f"  {word} {category}/{kind}")
            if lines:
                parts += [f"dest {name} {{", *lines, "}"]
                passed.append(f"!{name}")
        parts += ["acl {", " default {", f"  pass {' '.join(passed)} all", "  redirect 302:http://127.0.0.1/refused", " }", "}", ""]
        (lists.guard / "squidGuard.conf").write_text("\n".join(parts))
        subprocess.run(["squidGuard", "-c", lists.guard / "squidGuard.conf", "-C", "all"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["chown", "-R", owner, lists.guard], check=True)
        (lists.guard / "whole").touch()
    return lists.guard / "squidGuard.conf"
