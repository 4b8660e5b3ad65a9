-- A day file of the second form: the records of one UTC day, hidden under the day's key. What stands here in the clear
-- says nothing about anybody. `docs/RECORDS.md` specifies what the texts and blobs hold. Never edit a statement: every file
-- is held to their text.

-- What is the same for the whole day: `day`, `key`, `state` (open or sealed); of a sealed day also `records`, `first_id`,
-- `last_id`, `first_opened`, `last_opened`, `seal`.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Of an open day: records as they were filed, in that order.
CREATE TABLE batch (
    number INTEGER PRIMARY KEY,
    data   BLOB NOT NULL
);

-- The minutes' checkpoints: how many records were settled, and what was signed of it.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    line TEXT NOT NULL
);

-- Of a sealed day: records clustered by person and time. `user` and `last_user` are places in the day's list of accounts,
-- itself hidden in `part`.
CREATE TABLE block (
    user      INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    last_user INTEGER NOT NULL,
    data      BLOB    NOT NULL,
    PRIMARY KEY (user, opened_at, id)
) WITHOUT ROWID;

-- Of a sealed day: the list of accounts (`users`), the checkpoints packed (`checkpoints`), the leaves of records that
-- were erased (`erased`).
CREATE TABLE part (
    name TEXT PRIMARY KEY,
    data BLOB NOT NULL
) WITHOUT ROWID;
