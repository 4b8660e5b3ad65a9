"""What benchmarks need of the machine: processes started and ended, what they use, the load client, the origin."""

import contextlib
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = 300
TICK = os.sysconf("SC_CLK_TCK")
# Bodies are this over and over, so that who reads them can compare.
PATTERN = bytes(range(251))


def gate():
    """The binary that is measured."""
    binary = pathlib.Path(os.environ.get("OCTROI_BIN", ROOT / "target/release/octroi")).resolve()
    if not binary.exists():
        sys.exit(f"{binary} is missing: cargo build --release first")
    return binary


def load_client():
    """Builds the load client."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--release", "--package", "load"], cwd=ROOT, check=True)
    return load_client_path()


def load_client_path():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release/load"


def descriptors():
    """As many descriptors as are allowed, for us and all that we start."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def processor():
    names = (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return f"{next(names, platform.machine())}, {os.cpu_count()} cores, {memory / 2**20:.0f} GiB, Linux {platform.release()}"


def until(what, probe, child=None, pause=0.01):
    """Asks again until `probe` says yes; seconds it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < DEADLINE:
        if probe():
            return time.monotonic() - begun
        if child is not None and child.poll() is not None:
            raise Failed(f"{what} ended with status {child.returncode}")
        time.sleep(pause)
    raise Failed(f"waited {DEADLINE} s for {what}, in vain")


class Failed(Exception):
    """What was to be measured can't be."""


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(number):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) == 0


def answers(proxy, url, status, direct=False):
    """Whether the proxy gives this answer to a GET."""
    if direct:
        opener, url = urllib.request.build_opener(urllib.request.ProxyHandler({})), f"http://127.0.0.1:{proxy}/1k"
    else:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{proxy}"}), Stay)
    try:
        with opener.open(url, timeout=DEADLINE) as answer:
            return answer.status == status
    except urllib.error.HTTPError as error:
        return error.code == status
    except OSError:
        return False


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: where a refusal leads is no matter here."""

    def redirect_request(self, *_):
        return None


def fields(pid):
    """What /proc/PID/stat says after the name."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid):
    """The process and all that descend from it."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(fields(entry.name)[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def cpu(pid):
    """Seconds of processor used so far: of the processes that are, and of their children that were."""
    ticks = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in fields(one)[11:15])
    return ticks / TICK


def pss(pid, part="Pss"):
    """MiB of memory, what is shared with others by its share; of a part alone, Pss_Anon or Pss_File."""
    kib = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            lines = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            kib += sum(int(line.split()[1]) for line in lines if line.startswith(f"{part}:"))
    return kib / 1024


def opened(pid):
    """Open descriptors, and threads."""
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


@contextlib.contextmanager
def running(command, folder, core=None, **more):
    """A process, and at the end of the block the end of it and its children."""
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    with open(folder / "output", "ab") as output:
        child = subprocess.Popen([*pinned, *map(str, command)], cwd=folder, **{"stdout": output, "stderr": output, "stdin": subprocess.DEVNULL} | more)
        try:
            yield child
        finally:
            end(child)


def end(child):
    members = tree(child.pid)
    for how in (signal.SIGTERM, signal.SIGKILL):
        for one in members:
            with contextlib.suppress(OSError):
                os.kill(one, how)
        limit = time.monotonic() + 40
        while time.monotonic() < limit:
            child.poll()
            if not any(alive(one) for one in members):
                child.wait()
                return
            time.sleep(0.02)
    child.wait()


def alive(pid):
    try:
        return fields(pid)[0] != "Z"
    except OSError:
        return False


def told(command, core=None):
    """The JSON that the load client ends with."""
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    done = subprocess.run([*pinned, *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        raise Failed(done.stderr.strip())
    return json.loads(done.stdout.splitlines()[-1])


def origin(folder, listen, sizes):
    """nginx with one worker, and documents of these names and sizes."""
    web = folder / "web"
    web.mkdir()
    for name, size in sizes.items():
        with open(web / name, "wb") as document:
            if size > 2**27:
                document.truncate(size)
                continue
            document.write((PATTERN * (size // len(PATTERN) + 1))[:size])
    for path in (folder, web):
        path.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {"user root;" if os.geteuid() == 0 else ""}
        worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[1]};
        events {{ worker_connections {resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100}; }}
        http {{
          access_log off; sendfile on; tcp_nopush on; etag off; open_file_cache max=100;
          keepalive_requests 100000000; keepalive_timeout 1h; client_header_timeout 1h; send_timeout 1h;
          client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
          uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
          server {{ listen 127.0.0.1:{listen} backlog=4096; add_header Cache-Control no-store; root {web}; }}
        }}"""
    )
    return ["nginx", "-e", folder / "nginx.log", "-c", folder / "nginx.conf"]


def missing(tools):
    """The Debian packages of the tools that aren't here."""
    return [package for tool, package in tools.items() if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
