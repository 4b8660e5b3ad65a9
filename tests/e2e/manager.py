"""A service manager in small: holds listening sockets, gives them to a program as sd_listen_fds(3) says, and starts it again.

    manager.py ADDRESS,ADDRESS... PROGRAM ARGUMENTS...

For each line on standard input the program is stopped (SIGTERM) and, once it has ended, started again; at the end of the
input it is stopped. Each start is said on standard output, and so is the program's end, with its code.
"""
import os
import signal
import socket
import sys

FIRST = 3


def listening(address):
    host, port = address.rsplit(":", 1)
    bound = socket.create_server((host, int(port)), backlog=512)
    # Out of the way of the numbers they will have.
    return os.dup2(bound.detach(), FIRST + 100 + int(port) % 97, inheritable=False)


def start(sockets, command):
    child = os.fork()
    if child == 0:
        for n, held in enumerate(sockets):
            os.dup2(held, FIRST + n, inheritable=True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
        os.execv(command[0], command)
    print("started", flush=True)
    return child


def stop(child):
    os.kill(child, signal.SIGTERM)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


held = [listening(address) for address in sys.argv[1].split(",")]
child = start(held, sys.argv[2:])
for line in sys.stdin:
    stop(child)
    child = start(held, sys.argv[2:])
stop(child)
