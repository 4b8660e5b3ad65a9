// Node's own HTTP/2 client, driven by tests/e2e/listeners.rs and life.rs:
//
//   node http2.js GATE CA SCENARIO ARGUMENTS...
//
// What happened is printed as JSON, one value a line.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');

const [gate, ca, scenario, ...rest] = process.argv.slice(2);
const session = http2.connect(`https://${gate}`, { ca: fs.readFileSync(ca) });
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');
session.on('error', (error) => say({ session: error.code }));

// One request, whatever comes of it.
function ask({ fields, body }) {
  return new Promise((resolve) => {
    const stream = session.request(fields, { endStream: body === undefined });
    const answer = { status: 0, fields: {}, body: '', reset: 0, interim: [] };
    stream.on('headers', (fields) => answer.interim.push(fields[':status']));
    stream.on('response', (fields) => Object.assign(answer, { status: fields[':status'], fields }));
    stream.on('data', (data) => { answer.body += data.toString('latin1'); });
    stream.on('error', () => {});
    stream.on('close', () => resolve(Object.assign(answer, { reset: stream.rstCode })));
    if (body !== undefined) stream.end(body);
  });
}

// A tunnel that stands.
function tunnel(authority) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'CONNECT', ':authority': authority }, { endStream: false });
    stream.on('error', reject);
    stream.on('response', (fields) => (fields[':status'] === 200 ? resolve(stream) : reject(fields[':status'])));
  });
}

// Sends and reads back from a service that echoes.
function echoed(stream, text) {
  return new Promise((resolve) => {
    let got = '';
    const listen = (data) => {
      got += data;
      if (got.length >= text.length) { stream.off('data', listen); resolve(got === text); }
    };
    stream.on('data', listen);
    stream.write(text);
  });
}

const scenarios = {
  // Requests one after the other, on one connection.
  async ask(requests) {
    for (const request of JSON.parse(requests)) say(await ask(request));
  },

  // Requests all at once.
  async together(requests) {
    for (const answer of await Promise.all(JSON.parse(requests).map(ask))) say(answer);
  },

  // So many tunnels at once, each of which must give back its own.
  async tunnels(authority, count) {
    const one = async (n) => {
      const stream = await tunnel(authority);
      const same = await echoed(stream, `tunnel ${n} `.repeat(1000));
      const ended = new Promise((resolve) => stream.on('close', () => resolve(stream.rstCode === 0)));
      stream.end();
      stream.resume();
      return same && await ended;
    };
    const all = await Promise.all([...Array(Number(count)).keys()].map(one));
    say(all.filter(Boolean).length);
  },

  // So many bytes up a tunnel and back, then the end of both sides.
  async bulk(authority, bytes) {
    const stream = await tunnel(authority);
    const [sent, got] = [crypto.createHash('sha256'), crypto.createHash('sha256')];
    let [left, back] = [Number(bytes), 0];
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.on('data', (data) => { got.update(data); back += data.length; });
    while (left > 0) {
      const chunk = crypto.randomBytes(Math.min(left, 65536));
      sent.update(chunk);
      left -= chunk.length;
      if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
    await ended;
    say({ back, same: sent.digest('hex') === got.digest('hex'), reset: stream.rstCode });
  },

  // A tunnel that is reset from this side.
  async reset(authority) {
    const stream = await tunnel(authority);
    await echoed(stream, 'hello');
    const closed = new Promise((resolve) => stream.on('close', resolve));
    stream.on('error', () => {});
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await closed;
    const other = await tunnel(authority);
    say(await echoed(other, 'still here'));
    other.close();
  },

  // A tunnel that outlives the gate's goodbye.
  async goaway(authority) {
    const stream = await tunnel(authority);
    await echoed(stream, 'before');
    const told = new Promise((resolve) => session.on('goaway', (code) => resolve(code)));
    say('open');
    say({ goaway: await told });
    say(await echoed(stream, 'behind'));
    const closed = new Promise((resolve) => session.on('close', resolve));
    stream.end();
    stream.resume();
    await closed;
    say('closed');
  },

  // A connection that does nothing.
  async idle() {
    const told = new Promise((resolve) => session.on('goaway', (code) => resolve(code)));
    await new Promise((resolve) => session.on('remoteSettings', resolve));
    say('open');
    say({ goaway: await told });
  },
};

scenarios[scenario](...rest).then(() => session.close(), (why) => { say({ failed: String(why) }); session.destroy(); });
