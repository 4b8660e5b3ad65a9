#!/usr/bin/python3
"""Tampers with a bundle, as whoever has the register's signing key could: tamper_bundle.py KEYS BUNDLE CASE. For tests."""
import base64, hashlib, io, json, pathlib, sys, zipfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def sub(name, old, new):
    def change(entries):
        text = entries[name].decode()
        assert old in text, f"{old} in {name}"
        entries[name] = text.replace(old, new, 1).encode()
    return change


def both(*changes):
    return lambda entries: [change(entries) for change in changes]


def first_line_again(name):
    def change(entries):
        first = entries[name].splitlines(keepends=True)[0]
        entries[name] = first + entries[name]
    return change


CASES = {
    "nothing": lambda entries: None,
    "a value": both(sub("records.json", '"port":13,', '"port":14,'), sub("records.csv", ",13,", ",14,")),
    "a value in one of two files": sub("records.json", '"port":13,', '"port":14,'),
    "a value in the other": sub("records.csv", ",13,", ",14,"),
    "a salt": sub("records.json", '"salt":"', '"salt":"00'),
    "a place": sub("records.json", '"row":', '"row":1'),
    "a hash": sub("proofs.jsonl", '"hashes":["', '"hashes":["' + "00" * 32 + '","'),
    "a size": sub("proofs.jsonl", '"size":', '"size":1'),
    "a day": sub("proofs.jsonl", '"day":"2026-03-02"', '"day":"2026-03-01"'),
    "a seal": sub("seals.jsonl", '"records":', '"records":1'),
    "a seal twice": first_line_again("seals.jsonl"),
    "a proof twice": first_line_again("proofs.jsonl"),
    "the local time": sub("records.json", "+01:00", "+02:00"),
    "an entry more": lambda entries: entries.update({"z.txt": b"z"}),
}


def sign(entries, key):
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    name = hashlib.sha256(public).hexdigest()[:16]
    manifest = json.loads(entries["manifest.json"])
    for each in manifest["entries"]:
        data = entries[each["name"]]
        each.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    entries["manifest.json"] = json.dumps(manifest).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
        archive.comment = b" " * 121
    whole = out.getvalue()[:-121]
    said = f"octroi-bundle 1 {name} "
    signature = key.sign((said + hashlib.sha256(whole).hexdigest()).encode())
    return whole + said.encode() + base64.b64encode(signature)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print("\n".join(CASES))
    else:
        keys, bundle = map(pathlib.Path, sys.argv[1:3])
        with zipfile.ZipFile(bundle) as archive:
            content = {info.filename: archive.read(info) for info in archive.infolist()}
        CASES[sys.argv[3]](content)
        bundle.write_bytes(sign(content, Ed25519PrivateKey.from_private_bytes((keys / "seal.key").read_bytes())))
