#!/usr/bin/python3
"""Proves an Octroi bundle without Octroi: verify_bundle.py BUNDLE.zip [TRUSTED-PUBLIC-KEY.pem] [--password PASSWORD]"""
import base64, bisect, csv, datetime, hashlib, hmac, io, json, re, struct, sys, zipfile, zlib
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

FIELDS = ("id node opened_at closed_at user auth client_ip method scheme host port tls_name masked path destination_ip status "
          "bytes_sent bytes_received action outcome rule article category charter").split()
OWN = ["records.csv", "records.json", "proofs.jsonl", "seals.jsonl", "key.pem"]
COMMENT = re.compile(rb"octroi-bundle 1 ([0-9a-f]{16}) ([A-Za-z0-9+/]{86}==)")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def check(holds, what):
    if not holds:
        raise ValueError(what)


def verifies(public, signature, text):
    """Whether a signature in base 64, in its one spelling, is that of a text."""
    raw = base64.b64decode(signature)
    try:
        public.verify(raw, text)
    except Exception:
        return False
    return base64.b64encode(raw).decode() == signature


def entry(archive, name, password):
    """An entry as it was before it was packed, and hidden under a password (WinZip AE-2)."""
    info = archive.getinfo(name)
    if not info.flag_bits & 1:
        return archive.read(info)
    check(password is not None, f"{name}: it is hidden under a password, and none was given")
    archive.fp.seek(info.header_offset)
    name_length, extra = struct.unpack("<26xHH", archive.fp.read(30))
    archive.fp.seek(name_length + extra, io.SEEK_CUR)
    data = archive.fp.read(info.compress_size)
    salt, verifier, hidden, code = data[:16], data[16:18], data[18:-10], data[-10:]
    keys = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 1000, 66)
    check(keys[64:] == verifier, f"{name}: it is hidden under another password")
    check(hmac.digest(keys[32:64], hidden, "sha1")[:10] == code, f"{name}: it was changed")
    counters = b"".join(count.to_bytes(16, "little") for count in range(1, len(hidden) // 16 + 2))
    stream = Cipher(algorithms.AES(keys[:32]), modes.ECB()).encryptor().update(counters)[:len(hidden)]
    packed = (int.from_bytes(hidden, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(hidden), "big")
    return zlib.decompress(packed, -15)


def root(size, leaves, hashes, where):
    """The root of a tree (RFC 9162, section 2.1.1) of which these leaves are known, by their places, and these hashes, each the
    root of a part without any, left before right."""
    places, hashes = sorted(leaves), iter(map(bytes.fromhex, hashes))

    def part(begin, end, first, last):
        if first == last:
            return next(hashes, b"")
        if end - begin == 1:
            return leaves[begin]
        half = begin + (1 << (end - begin - 1).bit_length() - 1)
        middle = bisect.bisect_left(places, half, first, last)
        left = part(begin, half, first, middle)
        return hashlib.sha256(b"\1" + left + part(half, end, middle, last)).digest()

    check(all(0 <= place < size for place in places), f"{where}: a record stands beyond the end")
    whole = part(0, size, 0, len(places))
    check(next(hashes, None) is None, f"{where}: there is more in its proof than belongs to it")
    return whole


def instant(text):
    return (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // datetime.timedelta(microseconds=1)


def leaf(record):
    """The leaf of a record: its salt, then its canonical form."""
    form = b""
    for name in FIELDS:
        value = record[name]
        value = instant(value) if name.endswith("_at") and value is not None else value
        text = None if value is None else str(value).encode()
        length = 0 if text is None else len(text) + 1
        while length >= 128:
            form, length = form + bytes((length & 127 | 128,)), length >> 7
        form += bytes((length,)) + (text or b"")
    return hashlib.sha256(b"\0" + bytes.fromhex(record["proof"]["salt"]) + form).digest()


def prove_day(proof, records, seal, public):
    """Proves the records of a day by its seal."""
    day = proof["day"]
    text, signature = re.fullmatch(r'\{"entry":(.*),"signature":"(.*)"\}', seal).groups()
    said = json.loads(text)
    check(verifies(public, signature, text.encode()), f"the seal of {day}: changed, or signed by another key")
    check((said["kind"], said["day"]) == ("seal", day), f"{day}: its seal is another day's")
    check(hashlib.sha256(text.encode()).hexdigest() == proof["seal"], f"{day}: its seal is another")
    spots = [(record["proof"].get("block"), record["proof"]["row" if "blocks" in said else "place"]) for record in records]
    leaves = {}
    for record, (block, row) in zip(records, spots):
        check(leaves.setdefault(block, {}).setdefault(row, made := leaf(record)) is made, f"record {record['id']}: there twice")
    if "blocks" not in said:  # sealed by an earlier version
        tree = proof["places"]
        check(tree["size"] == said["records"] and leaves.keys() == {None}, f"{day}: its proof is of another tree")
        made, sealed = root(tree["size"], leaves[None], tree["hashes"], day), said["root"]
    else:
        tree, roots = proof["blocks"], {}
        for each in tree["each"]:
            over = root(each["size"], leaves.pop(each["block"], {}), each["hashes"], day)
            roots[each["block"]] = hashlib.sha256(b"\0" + each["size"].to_bytes(8, "big") + over).digest()
        check(not leaves, f"{day}: a record is of a block that is not proved")
        made, sealed = root(tree["size"], roots, tree["hashes"], day), said["blocks"]
    check(made.hex() == sealed, f"{day}: one of its records, or its proof, is not what was sealed")


def cells(record):
    """A record as records.csv has it."""
    for name in FIELDS:
        text = "" if record[name] is None else str(record[name])
        yield "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and text else text
        if name == "opened_at":
            yield record["opened_at_local"]


def verify(file, trusted, password):
    whole = open(file, "rb").read()
    check(not whole.startswith(b"age-encryption.org/v1"), "it is hidden for a recipient: decrypt it first, with age")
    archive = zipfile.ZipFile(io.BytesIO(whole))
    signed = COMMENT.fullmatch(archive.comment)
    check(signed and whole.endswith(archive.comment), "it is no bundle, or its end was changed")
    pem = entry(archive, "key.pem", None)
    public = load_pem_public_key(pem)
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    trusted = trusted or pem
    check(load_pem_public_key(trusted).public_bytes(Encoding.Raw, PublicFormat.Raw) == raw, "it was signed by another key")
    key = hashlib.sha256(raw).hexdigest()[:16]
    before = hashlib.sha256(whole[:-len(archive.comment)]).hexdigest()
    check(signed[1].decode() == key, "its end names another key")
    check(verifies(public, signed[2].decode(), f"octroi-bundle 1 {key} {before}".encode()), "it was changed")

    manifest = json.loads(entry(archive, "manifest.json", password))
    listed = manifest["entries"]
    check([info.filename for info in archive.infolist()] == ["manifest.json", *(each["name"] for each in listed)]
          and [each["name"] for each in listed][-5:] == OWN, "manifest.json: it does not list the entries that there are")
    own = {}
    for each in listed:
        data = entry(archive, each["name"], password)
        check((len(data), hashlib.sha256(data).hexdigest()) == (each["bytes"], each["sha256"]),
              f"{each['name']}: it is not what the manifest says of it")
        own.update({each["name"]: data.decode()} if each["name"] in OWN else {})

    records = json.loads(own["records.json"])
    header, *rows = csv.reader(io.StringIO(own["records.csv"], newline=""))
    check(header == list(cells({name: name for name in [*FIELDS, "opened_at_local"]})), "records.csv: its first line")
    check(len(rows) == len(records), "records.csv: as many lines as there are records")
    for record, row in zip(records, rows):
        check(list(cells(record)) == row, f"records.csv, record {record['id']}: it is not what records.json says")
        check(instant(record["opened_at_local"]) == instant(record["opened_at"]), f"record {record['id']}: its local time")
    proofs = [json.loads(line) for line in own["proofs.jsonl"].splitlines()]
    seals, proved = iter(own["seals.jsonl"].split("\n")), 0
    by_day = {}
    for record in records:
        by_day.setdefault(record["day"], []).append(record)
    check([proof["day"] for proof in proofs] == sorted(by_day), "proofs.jsonl: its days are not those of the records")
    for proof in proofs:
        of_day = by_day[proof["day"]]
        check(all((record["proof"] is None) == (proof["seal"] is None) for record in of_day),
              f"{proof['day']}: it is sealed and a record has no proof, or the reverse")
        if proof["seal"] is not None:
            prove_day(proof, of_day, next(seals, ""), public)
            proved += len(of_day)
    check(list(seals) == [""], "seals.jsonl: there is more in it")
    counts = len(proofs), len(records), proved
    check((manifest["days"], manifest["records"], manifest["proved"]) == counts, "manifest.json: it counts otherwise")
    return counts


if __name__ == "__main__":
    arguments = sys.argv[1:]
    word = arguments.index("--password") if "--password" in arguments else len(arguments)
    (_, secret), paths = (arguments[word:word + 2] or (None, None)), arguments[:word] + arguments[word + 2:]
    try:
        trust = open(paths[1], "rb").read() if len(paths) > 1 else None
        print("%d days, %d records, %d of them proved: all hold" % verify(paths[0], trust, secret))
    except Exception as why:
        sys.exit(f"{why}")
