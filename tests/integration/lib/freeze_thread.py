#!/usr/bin/python3
"""freeze_thread.py PID NAME - stop the thread of that name, and no other of its process.

SIGSTOP stops a whole process, so this acts as a debugger. Prints "frozen"; the thread continues
when this program ends.
"""

import ctypes
import os
import sys

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # waitpid() for a thread, not a child


def thread(pid, name):
    for tid in os.listdir("/proc/%s/task" % pid):
        with open("/proc/%s/task/%s/comm" % (pid, tid), encoding="ascii") as comm:
            if comm.read().strip() == name:
                return int(tid)
    raise SystemExit("process %s has no thread %s" % (pid, name))


def _has_ended(status):
    return os.WIFSIGNALED(status) or os.WIFEXITED(status)


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    tid = thread(*sys.argv[1:])
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, tid, None, None) != 0:
            raise SystemExit("ptrace: " + os.strerror(ctypes.get_errno()))
    os.waitpid(tid, WALL)
    print("frozen", flush=True)
    # Reap it, or its process remains.
    while not _has_ended(os.waitpid(tid, WALL)[1]):
        pass


if __name__ == "__main__":
    main()
