#!/usr/bin/python3
"""Tampers with a register, as somebody would who has its keys: tamper.py REGISTER KEYS CASE. For tests."""
import base64, hashlib, ipaddress, json, os, pathlib, sqlite3, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dayfile import Block, DayFile

REGISTER, KEYS = map(pathlib.Path, sys.argv[1:3])
SEALS, AUDIT, TERMS = (REGISTER / f"{name}.jsonl" for name in ("seals", "audit", "terms"))
DAYS = sorted(REGISTER.glob("????-??-??.sqlite"))


def leb128(number):
    return bytes((number,)) if number < 128 else bytes((number & 127 | 128,)) + leb128(number >> 7)


def differences(numbers):
    steps = [number - before for before, number in zip([0, *numbers], numbers)]
    return b"".join(leb128(step << 1 if step >= 0 else (-step << 1) - 1) for step in steps)


def written(rows):
    """A block of rows, each with its 24 fields as the canonical form has them, its place and how its leaf begins."""
    plain = lambda field: int(field[1:]) if field != b"\0" else None
    columns = []
    for at in range(24):
        values = [row["fields"][at] for row in rows]
        if at in (0, 2):
            columns.append(differences([plain(value) for value in values]))
        elif at == 3:
            columns.append(b"".join(leb128(plain(row["fields"][3]) - plain(row["fields"][2]) + 1) for row in rows))
        elif at in (16, 17):
            columns.append(b"".join(leb128(plain(value)) for value in values))
        else:
            if at in (6, 14):
                octets = lambda value: ipaddress.ip_address(value[1:].decode()).packed
                values = [field(octets(value)) if value != b"\0" else value for value in values]
            # Every row has the next value: that some are the same needs not be said.
            places = bytes(len(rows)) if len(rows) > 1 else b""
            columns.append(leb128(len(rows)) + b"".join(values) + places)
    columns.append(differences([row["place"] - plain(row["fields"][0]) for row in rows]))
    columns.append(b"".join(row["check"] for row in rows))
    return b"\1" + leb128(len(rows)) + b"".join(leb128(len(column)) + b"\0" + column for column in columns)


def forge(change, checks=True):
    """Writes the first block of the first day again, its rows changed; `checks`: as whoever knows the format would."""
    file = DAYS[0]
    day = DayFile(file, KEYS)
    key, data = day.database.execute("SELECT id, data FROM block ORDER BY user, opened_at, id LIMIT 1").fetchone()
    block = Block(day.unhide("records", data))
    proofs = zip(zip(*block.fields), block.places, block.checks)
    rows = [{"fields": list(fields), "place": place, "check": check} for fields, place, check in proofs]
    change(rows)
    if checks:
        leaves = Block(written(rows)).leaves(day.salts, 0)
        for row, (_, leaf, _, _) in zip(rows, leaves):
            row["check"] = leaf[:2]
    nonce = os.urandom(12)
    hidden = nonce + AESGCM(day.hidden).encrypt(nonce, written(rows), f"octroi records {day.day}".encode())
    execute(file, "UPDATE block SET data=? WHERE id=?", hidden, key)


def execute(file, statement, *values):
    database = sqlite3.connect(file)
    assert database.execute(statement, values).rowcount > 0, statement
    database.commit()
    database.close()


def field(text):
    return leb128(len(text) + 1) + text


def changed(rows):
    rows[1]["fields"][9] = field(b"innocent.example")


def inserted(rows):
    last = max(row["place"] for row in rows)
    copy = dict(rows[0], fields=[field(b"999999"), *rows[0]["fields"][1:]])
    rows.append(dict(copy, place=last + 1000))


def moved(rows):
    rows[0]["place"], rows[1]["place"] = rows[1]["place"], rows[0]["place"]


def seals(change):
    lines = SEALS.read_text().splitlines()
    SEALS.write_text("".join(f"{line}\n" for line in change(lines)))


def signed_by_another(line, admitted):
    """A seal as somebody would sign it who has taken the folder of the register, and not that of the keys."""
    key = Ed25519PrivateKey.generate()
    said = json.loads(line)["entry"]
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if admitted:
        said["key"] = hashlib.sha256(public).hexdigest()[:16]
    entry = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    return f'{{"entry":{entry},"signature":"{base64.b64encode(key.sign(entry.encode())).decode()}"}}'


def flip(file, statement):
    """Changes one bit in the middle of a blob."""
    database = sqlite3.connect(file)
    rowid, data = database.execute(statement).fetchone()
    database.close()
    table = statement.split(" FROM ")[1].split()[0]
    column = statement.split()[1].rstrip(",")
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    execute(file, f"UPDATE {table} SET data=? WHERE {column}=?", bytes(changed), rowid)


def open_day():
    return next(file for file in DAYS if not DayFile(file, KEYS).seal)


def resealed_day():
    return next(file for file in DAYS if DayFile(file, KEYS).erased())


CASES = {
    "nothing": lambda: None,
    "a byte of a block": lambda: flip(DAYS[0], "SELECT id, data FROM block"),
    "a record changed": lambda: forge(changed, checks=False),
    "a record changed, its check too": lambda: forge(changed),
    "a record removed": lambda: forge(lambda rows: rows.pop(1)),
    "the last record removed": lambda: forge(lambda rows: rows.remove(max(rows, key=lambda row: row["place"]))),
    "a record inserted": lambda: forge(inserted),
    "a record twice": lambda: forge(lambda rows: rows.append(rows[0])),
    "records moved": lambda: forge(moved),
    "records moved within their block": lambda: forge(lambda rows: rows.insert(2, rows.pop(1))),
    "what single records are proved by": lambda: flip(DAYS[0], "SELECT name, data FROM part WHERE name='roots'"),
    "a block removed": lambda: execute(DAYS[0], "DELETE FROM block"),
    "a block hidden from searches for its people": lambda: execute(DAYS[0], "UPDATE block SET last_user=-1"),
    "records hidden from searches by number": lambda: execute(DAYS[0], "UPDATE meta SET value='0' WHERE key='last_id'"),
    "the leaf of an erased record": lambda: flip(resealed_day(), "SELECT name, data FROM part WHERE name='erased'"),
    "a seal removed": lambda: seals(lambda lines: lines[:1] + lines[2:]),
    "the first seal removed": lambda: seals(lambda lines: lines[1:]),
    "seals reordered": lambda: seals(lambda lines: [lines[1], lines[0], *lines[2:]]),
    "a seal twice": lambda: seals(lambda lines: [lines[0], *lines]),
    "a seal changed": lambda: seals(lambda lines: [lines[0].replace('"checkpoints":', '"checkpoints":1'), *lines[1:]]),
    "the last seal cut off": lambda: seals(lambda lines: lines[:-1]),
    "all seals gone": SEALS.unlink,
    "the last seal torn": lambda: SEALS.write_text(SEALS.read_text()[:-40]),
    "a seal by another key": lambda: seals(lambda lines: [*lines[:-1], signed_by_another(lines[-1], True)]),
    "a seal by another key under our name": lambda: seals(
        lambda lines: [*lines[:-1], signed_by_another(lines[-1], False)]),
    "the seal in the day file": lambda: execute(
        DAYS[0], "UPDATE meta SET value=replace(value, 'root', 'r00t') WHERE key='seal'"),
    "a day file gone": DAYS[0].unlink,
    "a day file of another day": lambda: DAYS[0].write_bytes(DAYS[1].read_bytes()),
    "the key of a day gone": lambda: next((KEYS / "days").glob(f"{DAYS[0].stem}.*")).unlink(),
    "a batch of the open day cut off": lambda: execute(
        open_day(), "DELETE FROM batch WHERE number=(SELECT max(number) FROM batch)"),
    "a byte of a batch of the open day": lambda: flip(open_day(), "SELECT number, data FROM batch"),
    "a checkpoint of the open day changed": lambda: execute(
        open_day(), "UPDATE checkpoint SET line=replace(line, 'size', 'zise')"),
    "the certificate of a purge gone": (REGISTER / "certificates.jsonl").unlink,
    "an announced term changed": lambda: TERMS.write_text(TERMS.read_text().replace('"days":2000', '"days":3000')),
    "an act gone": lambda: AUDIT.write_text(AUDIT.read_text().split("\n", 1)[1]),
}

if __name__ == "__main__":
    if len(sys.argv) == 3:
        print("\n".join(CASES))
    else:
        CASES[sys.argv[3]]()
