//! The whole gate, driven by real clients: the binary, on loopback, with curl, Chromium and bare sockets.

// Plain requests that are let through: bodies, fields, connections, and what goes wrong on the way.
mod passing;

// Where messages end: chunks, trailers, interim answers, expectations, answers without a body, cuts.
mod framing;

// Upgrade and WebSocket on plain requests.
mod upgrade;

// What counts hop by hop: Max-Forwards, Via and loops, fields of one connection.
mod hops;

// Requests that are turned back: the page, its language, its reference, the record.
mod refusing;

// Tunnels: CONNECT, TLS inside, and the name in the ClientHello.
mod connect;

// Tunnels to their end: halves, resets, silence, bulk, thousands at once; plain HTTP inside.
mod tunnels;

// ClientHellos: real ones, in pieces, without a name, encrypted, second ones.
mod hello;

// Where clients come in: TLS, HTTP/2, a tunnel for each stream.
mod listeners;

// HTTP/2 frame by frame: what no stream may ask, windows, floods.
mod streams;

// Certificates renewed, addresses changed, a restart that refuses nobody.
mod life;

// Requests no gate may pass on, and answers none may pass back: the exact status, the connection closed.
mod malformed;

// Addresses the gate doesn't dial, in every spelling and behind every name.
mod guard;

// The way out: name servers and what is remembered of them, addresses raced, parent proxies.
mod upstream;

// Who asks: accounts by Basic, names given to addresses.
mod identity;

// Local accounts: guesses slowed down, files of accounts, passwords that are to be changed first.
mod accounts;

// A load balancer in front, which says whose connection it passes on.
mod balancer;
// The directory: OpenLDAP and Active Directory, people and groups, slow, gone and lying servers.
mod directory;

// Destinations that the register is never told: protected categories, protected persons, guests.
mod masking;

// Bundles: requests for access answered, and proved.
mod export;

// Requisitions: exactly the scope, two persons, nobody else learns of it.
mod requisitions;

// What the gate serves itself: PAC file, health, readiness.
mod pages;

// What the gate measures of itself, for Prometheus.
mod metrics;

// What is decided on again: the address that is dialled, the answer that comes.
mod judged;

// Search engines dialled at their strict hosts.
mod safe_search;

// Category lists: fetched, compiled, agreeing with what is decided; damaged or missing.
mod lists;
// Lists taken over or not: what a server sends that is none, what breaks off, what changes too much; by night, by hand.
mod lists_update;

// A new charter in force without dropping anything; a bad one refused.
mod reload;

// Stopping: what is under way is finished, or cut and recorded so.
mod shutdown;

// `kill -9` at any instant loses no record of a request an origin saw.
mod crash;

// A register that can't be written: the gate stays shut, says why, and opens again by itself.
mod unwritable;

// Starts that must fail, with one clear line.
mod starting;

// Deadlines and bounds on what a client may ask of the gate.
mod limits;

// Fair share: each person's part of a rule's bandwidth and of the line.
mod fair_share;

// The commands, against a gate that runs or not.
mod commands;

// The register verified, its trail, its keys lost or replaced, and what the doctor says of it.
mod register;

// Who sees names: roles, scopes that two persons open, broken glass, undertakings.
mod glass;
mod roles;
mod scopes;
mod settings;

// Records kept beyond their term: grounds, bounds, two persons, what is taken out at a purge, what is destroyed after.
mod holds;

// Tickets of Kerberos: who shows one, over each protocol; what is wrong with one.
mod kerberos;

// Days past their term: erased, attested, never brought back.
mod purging;

// Logs of another proxy taken into the register.
mod imports;

// Figures about nobody: none of fewer than five people, and no way to have one by subtraction.
mod stats;

// What a draft of the charter would have changed on past traffic, without names.
mod replay;
// Requests of persons: receipt, deadlines, letters, what is taken out for them.
mod requests;

// Their other rights: statements beside records, what restricts, masks and erases.
mod rights;

// The register followed live, by several, slow ones among them; never by name.
mod tail;

// Copies of records for a SIEM and in files: pseudonyms, outages, the end of a gate and its death.
mod forwarding;

// The day's seal given to others to keep: syslog, e-mail, time stamp; none forgotten by a restart.
mod anchoring;

// Whom an answer to a request for access is about, and what looks it tells; what was wrong once.
mod answers;

// The register in Squid's form, read by calamaris, sarg and goaccess.
mod readers;

// The guide: its examples pass `octroi check`, its commands exist.
mod guide;

// Warnings of the charter: read, acknowledged, gone on behind; forged, foreign, expired.
mod warning;

// Budgets of the charter: minutes and bytes, used up in the middle, given anew at midnight and not by a restart.
mod budget;

// Temporary exceptions: in force at once, over at once; who may grant them, and what they never reach.
mod exceptions;

// Chromium, set up by the address of the PAC file alone.
mod browser;
