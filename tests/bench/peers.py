"""The proxies that are measured, each as it would be set up for the work that its row says."""

import dataclasses
import os
import pathlib
import shutil
import subprocess

import lists as prepared
from machine import Failed, ROOT, gate

PROXY = 3128
ORIGIN = 8000
# Of HAProxy, the door that takes connections as they are.
DOOR = 3129
NAMES = "127.0.0.1"
HOSTS = 2_000
ALLOWED = "origin.bench.test"
# Room for the tunnels of the longest row and what comes beside.
CONNECTIONS = 60_000


@dataclasses.dataclass
class Peer:
    """A proxy: what it is called, what it needs, what it can."""

    name: str
    title: str
    tools: dict
    prepare: object
    # Of the rows: get, tunnel, refuse, reload.
    can: set
    # What it answers when it refuses.
    refusal: int = 403
    port: int = PROXY
    # It leads to one origin, and takes no CONNECT.
    direct: bool = False
    version: tuple = ()
    # What has the running proxy read its files again, given its process and its folder.
    reload: object = None
    # Whose account it works under, when it isn't ours.
    owner: str = ""


def charter(lists, rules=0):
    """The built-in charter with these lists in place of those it would fetch, and whatever else they hold refused.

    What it promises about single sites is left out: other lists than UT1's would not keep it, and it would refuse a reload.
    """
    text = (ROOT / "policy/builtin/charte.toml").read_text()
    text = text[: text.index("[[expect]]")]
    source = next(line for line in text.splitlines() if line.startswith("source") and "https://" in line)
    text = text.replace(source, f'source = "{lists.ut1}"').replace('refresh = "24h"\n', "")
    names = ", ".join(f'"ut1:{category}"' for category in lists.categories())
    text += f"""
[categories.others]
label = {{ fr = "Autres", en = "Others" }}
lists = [{names}]

[[rule]]
id = "others"
article = "3"
action = "block"
categories = ["others"]
"""
    return text + more_rules(rules)


def more_rules(count):
    """Rules that are each looked at for every request and match none of ours: for other machines, or for refused categories."""
    text = ""
    for n in range(count):
        condition = f'networks = ["10.1.{n // 256}.{n % 256}/32"]' if n % 2 else 'categories = ["others"]'
        text += f'\n[[rule]]\nid = "more-{n}"\narticle = "3"\naction = "block"\n{condition}\n'
    return text


def octroi(folder, lists, rules=0, text=None, more=""):
    (folder / "charter.toml").write_text(text or charter(lists, rules))
    (folder / "octroi.toml").write_text(
        f"""
data_dir = "data"
[listen]
proxy = ["127.0.0.1:{PROXY}"]
console = "127.0.0.1:{PROXY + 52}"
[destinations]
connect_ports = [443, {ORIGIN}]
allow_private = ["127.0.0.0/8"]
[dns]
servers = ["{NAMES}"]
[limits]
connections = {CONNECTIONS}
connections_per_client = {CONNECTIONS}
{more}"""
    )
    compiled = subprocess.run([gate(), "lists", "compile", "--config", folder / "octroi.toml"], capture_output=True, text=True)
    if compiled.returncode == 2:
        raise Failed(compiled.stderr[-500:])
    return [gate(), "run", "--config", folder / "octroi.toml"]


def reload_octroi(_, folder, lists):
    """The whole list is read, sorted and written again: a name is new."""
    with open(lists.ut1 / prepared.ADULT / "domains", "a") as domains:
        domains.write(f"new-{os.getpid()}-{os.urandom(4).hex()}.bench.test\n")
    subprocess.run([gate(), "reload", "--config", folder / "octroi.toml"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def hang_up(child, *_):
    os.kill(child.pid, 1)


def squid(folder, lists, listed=False, guarded=False, more=()):
    rules = ["acl here src 127.0.0.0/8", *more]
    if listed:
        rules += [f'acl listed dstdomain "{lists.dotted}"', "http_access deny listed"]
    if guarded:
        configuration = prepared.guard(lists, "proxy:proxy")
        rules += [
            f"url_rewrite_program /usr/bin/squidGuard -c {configuration}",
            "url_rewrite_children 16 startup=8 idle=4 concurrency=0",
            'url_rewrite_extras "%>a/- %un %>rm"',
        ]
    (folder / "squid.conf").write_text(
        "\n".join(
            [
                f"http_port 127.0.0.1:{PROXY}",
                *rules,
                "http_access allow here",
                "http_access deny all",
                f"access_log daemon:{folder}/access.log squid",
                f"cache_log {folder}/cache.log",
                f"pid_filename {folder}/squid.pid",
                f"coredump_dir {folder}",
                f"dns_nameservers {NAMES}",
                "cache_effective_user proxy",
                "visible_hostname bench.test",
                "cache deny all",
                "cache_mem 8 MB",
                "via off",
                "forwarded_for delete",
                "client_db off",
                "pinger_enable off",
                "max_filedescriptors 19900",
                "shutdown_lifetime 0 seconds",
                "client_idle_pconn_timeout 5 minutes",
                "read_timeout 20 minutes",
                "client_lifetime 1 day",
                "",
            ]
        )
    )
    return ["squid", "-N", "-n", f"bench{os.getpid()}", "-f", folder / "squid.conf"]


def e2guardian(folder, lists):
    settings = folder / "e2guardian"
    shutil.copytree("/etc/e2guardian", settings, symlinks=True)
    (settings / "log").mkdir()
    for path in settings.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_text(path.read_text(errors="surrogateescape").replace("/etc/e2guardian", str(settings)), errors="surrogateescape")
    change(
        settings / "e2guardian.conf",
        filterip="127.0.0.1", filterports=PROXY, transparenthttpsport=0, httpworkers=9500, proxytimeout=30, pcontimeout=300, proxyexchange=300,
        loglevel=3, weightedphrasemode=0, logconnectionhandlingerrors="off", loglocation=f"'{settings}/log/access.log'",
        pidfilename=f"'{settings}/pid'", serverlocation=f"'{settings}'", daemonuser="'root'", daemongroup="'root'",
    )
    change(settings / "e2guardianf1.conf", disablecontentscan="on", naughtynesslimit=5000)
    # What it looks for in names and bodies beside the list, the others don't.
    for name in ("bannedextensionlist", "bannedmimetypelist", "bannedphraselist", "weightedphraselist", "exceptionphraselist", "bannedregexpurllist"):
        (settings / "lists" / name).write_text("")
    for name in ("bannedsitelist", "bannedsslsitelist"):
        (settings / "lists" / name).write_text(f".Include<{lists.names}>\n")
    return ["e2guardian", "-N", "-c", settings / "e2guardian.conf"]


def change(path, **values):
    """Sets `name = value` lines, or adds them; a port of 0 takes the line away."""
    kept = [line for line in path.read_text().splitlines() if line.partition("=")[0].strip() not in values]
    path.write_text("\n".join(kept + [f"{name} = {value}" for name, value in values.items() if value != 0]) + "\n")


def privoxy(folder, _):
    (folder / "privoxy.conf").write_text(
        f"confdir /etc/privoxy\nlogdir {folder}\nlogfile access.log\ndebug 512\nlisten-address 127.0.0.1:{PROXY}\ntoggle 1\n"
        "enable-remote-toggle 0\nenable-edit-actions 0\nmax-client-connections 20000\nlisten-backlog 4096\nkeep-alive-timeout 300\n"
        "connection-sharing 1\ntolerate-pipelining 1\nsocket-timeout 900\n"
    )
    return ["privoxy", "--no-daemon", folder / "privoxy.conf"]


def tinyproxy(folder, _):
    (folder / "tinyproxy.conf").write_text(
        f'Port {PROXY}\nListen 127.0.0.1\nUser root\nGroup root\nTimeout 900\nMaxClients 20000\nAllow 127.0.0.0/8\nLogLevel Connect\nLogFile "{folder}/access.log"\n'
    )
    return ["tinyproxy", "-d", "-c", folder / "tinyproxy.conf"]


def haproxy(folder, _):
    (folder / "haproxy.cfg").write_text(
        f"""
global
  nbthread 1
  maxconn 9300
  maxpipes 500
  tune.pipesize 262144
defaults
  timeout connect 5s
  timeout client 900s
  timeout server 900s
  option splice-auto
listen http
  mode http
  bind 127.0.0.1:{PROXY}
  http-reuse always
  server origin 127.0.0.1:{ORIGIN}
listen tcp
  mode tcp
  bind 127.0.0.1:{DOOR}
  server origin 127.0.0.1:{ORIGIN}
"""
    )
    return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]


def settle(work):
    """The loopback interface, and names that only the bench's own server tells."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    (work / "resolv.conf").write_text(f"nameserver {NAMES}\noptions ndots:0\n")
    (work / "hosts").write_text("127.0.0.1 localhost\n")
    for name in ("resolv.conf", "hosts"):
        subprocess.run(["mount", "--bind", work / name, f"/etc/{name}"], check=True)


SQUID = {"squid": "squid-openssl"}
SQUID_VERSION = ("squid", "-v")
HAPROXY = {"haproxy": "haproxy"}
ALL = {"get", "tunnel", "refuse"}
PEERS = [
    Peer("octroi", "ours: the built-in charter, the full list, the register", {}, octroi, ALL | {"reload"}, reload=reload_octroi),
    Peer("squid", "access log, no list", SQUID, squid, {"get", "tunnel"}, version=SQUID_VERSION, owner="proxy"),
    Peer(
        "squid-list", "access log, the list as dstdomain", SQUID, lambda f, l: squid(f, l, listed=True), ALL | {"reload"},
        version=SQUID_VERSION, reload=hang_up, owner="proxy",
    ),
    Peer(
        "squid-guard", "access log, the list in squidGuard", SQUID | {"squidGuard": "squidguard"}, lambda f, l: squid(f, l, guarded=True), ALL,
        refusal=302, version=SQUID_VERSION, owner="proxy",
    ),
    # It refuses with a page that says 200.
    Peer(
        "e2guardian", "log, the list, no search in bodies", {"e2guardian": "e2guardian"}, e2guardian, ALL | {"reload"},
        refusal=200, version=("e2guardian", "-v"), reload=hang_up,
    ),
    Peer("privoxy", "log, no list: it compares every pattern", {"privoxy": "privoxy"}, privoxy, {"get", "tunnel"}, version=("privoxy", "--version")),
    Peer("tinyproxy", "log, no list: it compares every pattern", {"tinyproxy": "tinyproxy"}, tinyproxy, {"get", "tunnel"}, version=("tinyproxy", "-v")),
    Peer("haproxy", "mode http, one origin, no log: the floor", HAPROXY, haproxy, {"get"}, version=("haproxy", "-v")),
    Peer("haproxy-tcp", "mode tcp, splice, one origin, no CONNECT: the floor", HAPROXY, haproxy, {"tunnel"}, port=DOOR, direct=True, version=("haproxy", "-v")),
]


def folder_for(peer, work):
    folder = pathlib.Path(work) / peer.name
    folder.mkdir()
    if peer.owner:
        shutil.chown(folder, peer.owner, peer.owner)
    return folder
