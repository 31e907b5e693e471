"""Run a command in which no process may look up a name: `python no_network.py COMMAND ...`.

A seccomp filter kills each process, also native code in it and whatever it starts, that opens an internet datagram
socket, as every resolver does before anything can be sent to a host by name. It needs no privileges and no tool. The
exit code is the command's, or 159 (128 + SIGSYS) where a process was killed, one in the background as well.
"""

import ctypes
import os
import platform
import signal
import socket
import struct
import subprocess
import sys

PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 22, 36, 38
SECCOMP_MODE_FILTER, KILL_PROCESS, ALLOW = 2, 0x80000000, 0x7FFF0000
LOAD, EQUAL, MASK, RETURN = 0x20, 0x15, 0x54, 0x06  # of linux/bpf_common.h: LD|W|ABS, JMP|JEQ|K, ALU|AND|K, RET|K
SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine(), -1)
"""The number of the system call."""

AVAILABLE = sys.platform == "linux" and SOCKET >= 0 and sys.byteorder == "little"
KILLED = 128 + signal.SIGSYS


def _filter() -> bytes:
    """The program: a call of `socket` with an internet family and the type SOCK_DGRAM ends the process."""
    number, family, kind = 0, 16, 24  # offsets in `struct seccomp_data`
    steps = [
        (LOAD, 0, 0, number),
        (EQUAL, 0, 6, SOCKET),
        (LOAD, 0, 0, family),
        (EQUAL, 1, 0, socket.AF_INET),
        (EQUAL, 0, 3, socket.AF_INET6),
        (LOAD, 0, 0, kind),
        (MASK, 0, 0, 0xF),  # the other bits are flags such as SOCK_CLOEXEC
        (EQUAL, 1, 0, socket.SOCK_DGRAM),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL_PROCESS),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def close() -> None:
    """Put the filter in force for this process and all that it starts, for good."""
    program = _filter()
    code = ctypes.create_string_buffer(program, len(program))
    library = ctypes.CDLL(None, use_errno=True)
    given = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, given, 0, 0)):
        if library.prctl(*[ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_ulong(one) for one in call]):
            raise OSError(ctypes.get_errno(), f"prctl({call[0]})")


def main() -> int:
    """Run the command, wait for all that it left behind, and say what became of it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)  # orphans become children of this one
    code = subprocess.run(sys.argv[1:], preexec_fn=close, check=False).returncode
    code = KILLED if code == -signal.SIGSYS else code
    while True:
        try:
            _, status = os.wait()
        except ChildProcessError:
            return code
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
            code = KILLED


if __name__ == "__main__":
    sys.exit(main())
