"""Reads the day files of a register without Octroi, from docs/RECORDS.md alone. Needs python3-cryptography."""
import functools, hashlib, hmac, io, ipaddress, itertools, sqlite3, zlib
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def check(holds, what):
    if not holds:
        raise ValueError(what)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def unhide(key, place, hidden):
    """Opens a nonce, a text under AES-256-GCM and its tag."""
    return AESGCM(key).decrypt(hidden[:12], hidden[12:], place.encode())


def day_key(keys, day, name):
    """The key of a day, from its file, where it is hidden under the master key whose name stands there."""
    wrapped = (keys / "days" / f"{day}.{name}").read_bytes()
    masters = [file.read_bytes() for file in (keys / "master", keys / "master.new") if file.exists()]
    named = {hashlib.sha256(b"octroi key name " + master).digest()[:8]: master for master in masters}
    return unhide(named[wrapped[8:16]], f"octroi day key {day}", wrapped[16:])


def derived(key, what, day):
    return hmac.digest(key, f"octroi {what} {day}".encode(), "sha256")


class DayFile:
    """A day file: its tables `meta` and `part`, the key that made its salts, its batches or blocks."""

    def __init__(self, file, keys):
        self.day = file.name.removesuffix(".sqlite")
        self.database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        self.version, = self.database.execute("PRAGMA user_version").fetchone()
        self.meta, self.part = {}, {}
        if self.version == 2:  # the first form is in the clear, and nothing proves it
            self.meta, self.part = (dict(self.database.execute(f"SELECT * FROM {table}")) for table in ("meta", "part"))
            self.key = day_key(keys, self.day, self.meta["key"])
            self.hidden, self.salts = (derived(self.key, what, self.day) for what in ("blocks", "leaves"))
        self.seal, self.roots = self.meta.get("seal", ""), []

    def unhide(self, what, data):
        return unhide(self.hidden, f"octroi {what} {self.day}", data)

    def blocks(self):
        """The batches of an open day in the order in which they were filed."""
        if self.seal:
            yield from self.sealed_blocks()
        elif self.version == 2:
            for number, data in self.database.execute("SELECT number, data FROM batch ORDER BY number"):
                yield self.block(data, f"{self.day}, batch {number}")

    def sealed_blocks(self):
        """The blocks of a sealed day. What searches go by stands in the clear, and must be what the block holds."""
        users = texts(io.BytesIO(self.unhide("users", self.part["users"])), None)
        check(users == sorted(users, key=lambda user: (user != b"\0", bare(user))), f"{self.day}: its accounts, unordered")
        first, last = int(self.meta["first_id"]), int(self.meta["last_id"])
        for user, opened, id, last_user, data in self.database.execute("SELECT * FROM block"):
            where = f"{self.day}, record {id} or one behind it in its block"
            block = self.block(data, where)
            accounts, among = block.fields[4], users[user:last_user + 1]
            check(accounts[:1] == among[:1] and accounts[-1:] == among[-1:] and {*accounts} <= {*among},
                  f"{where}: hidden by user")
            check((id, opened) == (block.ids[0], block.opened[0]), f"{where}: it stands elsewhere")
            check(first <= min(block.ids) and max(block.ids) <= last, f"{where}: hidden by number")
            yield block
            self.roots.append(block_leaf(block.made))

    def proves_blocks(self, root):
        """Whether the tree of blocks, gone through before, has this root, and is what is kept to prove single records by."""
        erased = [leaf for _, leaf in sorted(self.erased().items())]
        roots = self.roots + [block_leaf(erased)] * bool(erased)
        return Tree(enumerate(roots)).root(len(roots)) == root and b"".join(roots) == self.part["roots"]

    def block(self, data, where):
        try:
            return Block(self.unhide("records", data))
        except (InvalidTag, ValueError, LookupError, zlib.error) as why:
            check(False, f"{where}: it was changed: {why!r}")

    def checkpoints(self):
        """The chain of the day's checkpoints."""
        if self.seal:
            return zlib.decompress(self.part["checkpoints"][8:]).decode()
        lines = "SELECT line FROM checkpoint ORDER BY size" if self.version == 2 else "SELECT 1 WHERE 0"
        return "".join(f"{line}\n" for line, in self.database.execute(lines))

    def erased(self):
        """The leaves of erased records, by place."""
        data = self.part.get("erased", b"")
        return {int.from_bytes(data[at:at + 8], "big"): data[at + 8:at + 40] for at in range(0, len(data), 40)}


class Block:
    """The records of a batch or block: 24 fields as the canonical form has them, and where each stands in the tree."""

    def __init__(self, data):
        stream, fields, self.made = io.BytesIO(data[1:]), [], []
        self.rows = varint(stream)
        for _ in range(26):
            length, packed = varint(stream), stream.read(1) == b"\1" and varint(stream)
            fields.append(zlib.decompress(stream.read(length)) if packed else stream.read(length))
        self.ids, self.opened = sums(fields[0]), sums(fields[2])
        closed = [began + after - 1 if after else None for began, after in zip(self.opened, varints(fields[3]))]
        numbers = {0: self.ids, 2: self.opened, 3: closed, 16: varints(fields[16]), 17: varints(fields[17])}
        self.fields = [[*map(number, numbers[at])] if at in numbers else self.texts(fields[at], at in (6, 14))
                       for at in range(24)]
        self.places = [place + id for place, id in zip(sums(fields[24]), self.ids)]
        self.checks = [fields[25][at:at + 2] for at in range(0, len(fields[25]), 2)]

    def leaves(self, key, next):
        """Of each settled record its identifier, its leaf, its place (from `next` on, when none is kept) and how its leaf
        begins. The salt is a HMAC-SHA-256, prepared once."""
        inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key.ljust(64, b"\0"))) for pad in (0x36, 0x5C))
        for row, (id, form, outcome) in enumerate(zip(self.ids, map(b"".join, zip(*self.fields)), self.fields[19])):
            if outcome != b"\0":
                salt, hashed = outer.copy(), inner.copy()
                hashed.update(id.to_bytes(8, "big", signed=True))
                salt.update(hashed.digest())
                leaf = hashlib.sha256(b"\0" + salt.digest()[:16] + form).digest()
                self.made.append(leaf)
                yield id, leaf, self.places[row] if self.places else next, self.checks[row] if self.checks else b""
                next += 1

    def texts(self, data, addresses):
        """A field of texts: the values as they appear; then, when there are several, for each record 0 for the next of them
        or how recently its value was met. Addresses stand there as octets."""
        stream, met, all = io.BytesIO(data), [], []
        values = texts(stream, varint(stream))
        if addresses:
            values = [field(str(ipaddress.ip_address(bare(value))).encode()) if value != b"\0" else value for value in values]
        if len(values) == 1:
            return values * self.rows
        for back in varints(stream.read()):
            met.append(met.pop(-back) if back else values[len(met)])
            all.append(met[-1])
        return all


class Tree(dict):
    """The leaves of a day by place, and the roots over the first of them (RFC 9162, section 2.1.1)."""

    def __init__(self, leaves):
        super().__init__(leaves)
        self.over = functools.cache(self.over)

    def root(self, size):
        return self.over(0, size).hex()

    def over(self, begin, end):
        if end - begin < 2:
            return self[begin] if begin < end else hashlib.sha256().digest()
        half = begin + (1 << (end - begin - 1).bit_length() - 1)
        return hashlib.sha256(b"\1" + self.over(begin, half) + self.over(half, end)).digest()


def block_leaf(leaves):
    """A block as a leaf of the tree of blocks."""
    root = bytes.fromhex(Tree(enumerate(leaves)).root(len(leaves)))
    return hashlib.sha256(b"\0" + len(leaves).to_bytes(8, "big") + root).digest()


def number(value):
    """A number as the canonical form has it."""
    return field(b"%d" % value) if value is not None else b"\0"


def field(text):
    """A short text as the canonical form has it."""
    return bytes((len(text) + 1,)) + text


def texts(stream, count):
    """So many texts, or all there are, each as it stands there: its length plus one, then its bytes; zero for none."""
    whole, values = stream.getbuffer(), []
    while len(values) != count and stream.tell() < len(whole):
        begin, length = stream.tell(), varint(stream)
        values.append(bytes(whole[begin:stream.seek(max(length - 1, 0), io.SEEK_CUR)]))
    return values


def bare(value):
    """A text without its length."""
    stream = io.BytesIO(value)
    return stream.read() if varint(stream) else b""


def sums(data):
    """Numbers kept as differences, their sign in the lowest bit."""
    return list(itertools.accumulate(value >> 1 ^ -(value & 1) for value in varints(data)))


def varint(stream):
    """One LEB128 number."""
    byte = stream.read(1)[0]
    return byte if byte < 128 else byte & 127 | varint(stream) << 7


def varints(data):
    """LEB128 numbers to the end of the data."""
    values, value, shift = [], 0, 0
    for byte in data:
        if byte < 128:
            values.append(value | byte << shift)
            value = shift = 0
        else:
            value, shift = value | (byte & 127) << shift, shift + 7
    return values
