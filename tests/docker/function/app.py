"""A function that does what its event says. It runs inside the containers of the tests."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

replays = 0


def handler(event, context):
    global replays
    replays += 1
    print("replay", replays, event["do"])
    return globals()[event["do"]](event, context)


def timed(call, *arguments):
    began = time.monotonic()
    try:
        result = call(*arguments)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    return {"result": result, "seconds": time.monotonic() - began}


def lines_of(path):
    return Path(path).read_text().splitlines()


def count(event, context):
    return replays


def fail(event, context):
    raise ValueError("no such sku")


def sleep(event, context):
    time.sleep(event["seconds"])
    return "slept"


def exit_runtime(event, context):
    os._exit(event["status"])


def fill_memory(event, context):
    held = []
    while True:
        held.append(bytearray(os.urandom(4096)) * 1024)


def answer_bytes(event, context):
    return "x" * event["bytes"]


def environment(event, context):
    return dict(os.environ)


def identity(event, context):
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "user": subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip(),
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "memory_mb": context.memory_limit_in_mb,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "python": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "files": os.sysconf("SC_OPEN_MAX"),
        "capabilities": [
            line.split()[1]
            for line in lines_of("/proc/self/status")
            if line.startswith(("CapEff", "CapPrm", "CapBnd"))
        ],
        "mounts": [line.split()[1] for line in lines_of("/proc/mounts")],
    }


def read_files(event, context):
    return {path: Path(path).read_text() for path in event["paths"]}


def write(event, context):
    def attempt():
        with Path(event["path"]).open("wb") as file:
            for _ in range(event.get("mb", 1)):
                file.write(bytes(1024 * 1024))
        return "written"

    return timed(attempt)["result"]


def run_from_tmp(event, context):
    path = Path("/tmp/script.sh")
    path.write_text("#!/bin/sh\necho ran\n")
    path.chmod(0o755)
    return subprocess.run([path], capture_output=True, text=True).stdout.strip()


def connect(event, context):
    """What each (host, port) answers to a request, and when."""

    def request(host, port):
        with socket.socket() as client:
            client.settimeout(10)
            client.connect((host, port))
            client.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            return client.recv(100).decode()

    return [timed(request, host, port) for host, port in event["addresses"]]


def resolve(event, context):
    return [timed(socket.getaddrinfo, event["name"], 443) for _ in range(event["times"])]


def send_datagram(event, context):
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            client.sendto(event["text"].encode(), (event["host"], event["port"]))
            return client.recv(100).decode("latin-1")

    return timed(send)


def call_service(event, context):
    import boto3

    return timed(lambda: json.dumps(boto3.client("dynamodb").list_tables()))


def connect_unix(event, context):
    """What each path of a socket answers, abstract ones included (they begin with @)."""

    def request(path):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect("\0" + path[1:] if path.startswith("@") else path)
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            return client.recv(100).decode()

    return [timed(request, path) for path in event["paths"]]


def resolve_all(event, context):
    return [timed(socket.getaddrinfo, name, 443) for name in event["names"]]


def open_queue(event, context):
    """What a message queue of POSIX answers, by its folder and by the system call."""
    import ctypes

    def by_folder():
        Path("/dev/mqueue/left").touch()
        return "made"

    def by_call():
        library = ctypes.CDLL(None, use_errno=True)
        made = library.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o600, None)
        return "made" if made >= 0 else os.strerror(ctypes.get_errno())

    return [timed(by_folder)["result"], timed(by_call)["result"]]


def look_at_carrier(event, context):
    def kill():
        for number in (9, 15, 19, 11):
            os.kill(1, number)
        return "sent"

    paths = ("/lambda-rollback-carrier", "/proc/1/environ", "/proc/1/mem")
    reads = [timed(Path(path).read_bytes)["result"] for path in paths]
    return [*reads, timed(kill)["result"]]
