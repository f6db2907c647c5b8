"""BPF programs of somebody else, which do nothing, and what is attached to a device; with bpf(2) alone."""

import ctypes
import json
import os
import platform
import struct
import subprocess

_NUMBER = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
_PROG_LOAD, _PROG_QUERY, _LINK_CREATE = 5, 16, 28
SCHED_CLS, XDP = 3, 6
XDP_ATTACH, TCX_INGRESS = 37, 46
XDP_DRIVER_MODE = 4
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attribute):
    """Zeros are of no meaning, however long the kernel's struct is."""
    buffer = ctypes.create_string_buffer(attribute, 144)
    result = _libc.syscall(_NUMBER, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def load(kind):
    """A program that passes every packet on; a descriptor."""
    passes = 2 if kind == XDP else -1  # XDP_PASS, TC_ACT_UNSPEC
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, passes, 0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    return _bpf(_PROG_LOAD, struct.pack("=IIQQ", kind, 2, ctypes.addressof(code),
                                        ctypes.addressof(licence)))[0]


def link(program, ifindex, attach_type):
    """A link, which ends when its descriptor is closed."""
    flags = XDP_DRIVER_MODE if attach_type == XDP_ATTACH else 0
    return _bpf(_LINK_CREATE, struct.pack("=IIII", program, ifindex, attach_type, flags))[0]


def tcx(ifindex):
    """The ids of programs in its tcx; None: this kernel has none."""
    ids = (ctypes.c_uint32 * 16)()
    try:
        _, answer = _bpf(_PROG_QUERY, struct.pack("=IIIIQI", ifindex, TCX_INGRESS, 0, 0,
                                                  ctypes.addressof(ids), len(ids)))
    except OSError as error:
        if error.errno == 2:  # ENOENT: none attached
            return []
        return None
    return list(ids[:struct.unpack_from("=I", answer, 24)[0]])


def _json(*command):
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text) if text.strip() else []


def xdp(name):
    """{mode: id}"""
    of_link = _json("ip", "-j", "-d", "link", "show", "dev", name)[0].get("xdp", {})
    return {of_link.get("mode"): of_link["prog"]["id"]} if "prog" in of_link else {}


def filters(name):
    """Names of BPF filters and kinds of others, at ingress."""
    return [entry["options"].get("bpf_name", entry["kind"])
            for entry in _json("tc", "-j", "filter", "show", "dev", name, "ingress")
            if "options" in entry]


def has_clsact(name):
    return any(entry["kind"] == "clsact"
               for entry in _json("tc", "-j", "qdisc", "show", "dev", name))
