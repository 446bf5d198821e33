#!/usr/bin/env python3
"""Runs PROGRAM with the families of sockets in FAMILIES alone, as RestrictAddressFamilies= of systemd does: socket(2) of
any other family fails with EAFNOSUPPORT. Words of the command line are passed on."""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

# Number of socket(2), and the machine as the kernel's audit names it.
MACHINES = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT
# Where the filter finds them in its input.
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16
NO_NEW_PRIVILEGES, SET_SECCOMP, MODE_FILTER = 38, 22, 2


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def steps(families):
    number, machine = MACHINES[platform.machine()]
    yield LOAD_WORD, 0, 0, MACHINE
    yield JUMP_IF_EQUAL, 1, 0, machine
    yield RETURN, 0, 0, ALLOW
    yield LOAD_WORD, 0, 0, NUMBER
    yield JUMP_IF_EQUAL, 1, 0, number
    yield RETURN, 0, 0, ALLOW
    yield LOAD_WORD, 0, 0, FIRST_ARGUMENT
    for family in families:
        yield JUMP_IF_EQUAL, 0, 1, family
        yield RETURN, 0, 0, ALLOW
    yield RETURN, 0, 0, REFUSE


def main():
    families = [int(getattr(socket, name)) for name in os.environ.pop("FAMILIES").split()]
    filtered = [struct.pack("HBBI", *step) for step in steps(families)]
    program = Program(len(filtered), b"".join(filtered))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in [(NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0)]:
        if libc.prctl(*call) != 0:
            sys.exit(f"the filter was not taken: {os.strerror(ctypes.get_errno())}")
    os.execv(os.environ["PROGRAM"], [os.environ.pop("PROGRAM"), *sys.argv[1:]])


main()
