#!/usr/bin/python3
"""Proves an Octroi register without Octroi: verify.py REGISTER KEYS [TRUSTED-PUBLIC-KEY.pem]"""
import base64, itertools, json, multiprocessing, pathlib, re, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from dayfile import DayFile, Tree, check, sha256

ENTRY = re.compile(r'^\{"entry":(.*),"signature":"(.*)"\}(?:\n|\Z)', re.M)


def chain(kind, text, erased={}):
    """What the entries of a chain say, by hash: each signed, each following on what stands before it, or on what was erased."""
    entries, previous, (*parts, end), gone = {}, "0" * 64, ENTRY.split(text), 0
    first = json.loads(parts[1]) if parts and not parts[0].strip() else {"previous": ""}
    if (through := erased.get(first["previous"])) and first["number"] == through + 1:
        previous, gone = first["previous"], through
    for loose, entry, signature in zip(parts[::3], parts[1::3], parts[2::3]):
        said, before = json.loads(entry), sha256(loose) if loose.strip() else previous  # loose: torn by a crash
        where = f"{kind} {len(entries) + 1} ({said.get('day') or said.get('at')})"
        try:
            PUBLIC.verify(base64.b64decode(signature), entry.encode())
        except Exception as why:
            check(False, f"{where}: changed, or signed by another key: {why!r}")
        check((said["kind"], said["number"], said["previous"]) == (kind, gone + len(entries) + 1, before), f"{where}: not the next")
        entries[previous := sha256(entry)] = said
    check(not end.strip() or not entries, f"{kind} {len(entries) + 1}: no entry")
    return entries


def prove(job):
    """Proves a day by its seal, or while it has none by its checkpoints: how many records."""
    name, (hash, seal) = job
    day = DayFile(REGISTER / f"{name}.sqlite", KEYS)
    check(hash == (day.seal and sha256(ENTRY.split(day.seal)[1])), f"{name}: its file is not the one that was sealed")
    leaves = Tree(day.erased())
    for block in day.blocks():
        for id, leaf, place, beginning in block.leaves(day.salts, len(leaves)):
            check(leaf.startswith(beginning), f"{name}, record {id}: changed, or in another's place")
            check(leaves.setdefault(place, leaf) is leaf, f"{name}, record {id}: inserted, or there twice")
    hole = next(place for place in itertools.count() if place not in leaves)
    proofs = [said for said in chain("checkpoint", day.checkpoints()).values() if "replaces" not in seal]
    for said in proofs + [seal] * bool(seal):
        size, where = said.get("size", said.get("records")), f"{name}, {said['kind']} of {said.get('at', name)}"
        check(size <= hole, f"{where}: it counts {size} records, and the one in place {hole} was removed")
        check(leaves.root(size) == said["root"], f"{where}: a record that it counts was changed or moved")
    check(not seal or len(leaves) == size, f"{name}: a record was inserted")
    check("blocks" not in seal or day.proves_blocks(seal["blocks"]), f"{name}: its blocks were changed, or moved")
    return size if proofs or seal else 0  # what no seal and no checkpoint counts is not proved


def prove_all():
    texts = {file.stem: file.read_bytes().decode(errors="replace") for file in REGISTER.glob("*.jsonl")}
    names = {"seal": "seals", "certificate": "certificates", "term": "terms"}
    seals, certificates, _ = (chain(kind, texts.get(name, "")) for kind, name in names.items())
    gone = [said["acts"] for said in certificates.values() if "acts" in said]
    acts = chain("act", texts.get("audit", ""), {acts["hash"]: acts["through"] for acts in gone})
    for ledger in sorted(REGISTER.glob("ledgers/*.jsonl")):
        chain(ledger.stem, ledger.read_bytes().decode(errors="replace"))
    days = {file.stem: ("", {}) for file in sorted(REGISTER.glob("????-??-??.sqlite"))}
    known = {day["day"]: ("", {}) for said in certificates.values() for day in said["days"]} | days
    for hash, seal in seals.items():
        check(seal["day"] in known, f"{seal['day']}: it is sealed, it is gone, and no certificate says why")
        check(seal.get("replaces", "") == known[seal["day"]][0], f"seal of {seal['day']}: the second, and it doesn't say so")
        known[seal["day"]] = hash, seal
    cut = {act["scope"]["seal"] for act in acts.values() if act["act"] == "seal"} - seals.keys()
    check(not cut, f"seals {cut}: the audit trail knows them, and their chain has them no more")
    with multiprocessing.Pool() as pool:
        return len(days), sum(pool.imap(prove, [(day, known[day]) for day in days])), len(seals)


if __name__ == "__main__":
    REGISTER, KEYS, *trusted = map(pathlib.Path, sys.argv[1:])
    PUBLIC = load_pem_public_key((trusted or [KEYS / "seal.pub"])[0].read_bytes())
    try:
        print("%d days, %d records, %d seals: all hold" % prove_all())
    except Exception as why:
        sys.exit(f"{why}")
