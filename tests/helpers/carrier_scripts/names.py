"""Sends datagrams, in hexadecimal in a file, to the name server; writes what comes back."""

import contextlib
import json
import socket
import sys
from pathlib import Path

messages = [bytes.fromhex(each) for each in json.loads(Path(sys.argv[1]).read_text())]
answers = []
for message in messages:
    # A socket of its own for each: nothing that comes late is taken for another's answer.
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(float(sys.argv[2]))
        client.connect(("127.0.0.1", 53))
        client.send(message)
        answered = ""
        with contextlib.suppress(TimeoutError):
            answered = client.recv(4096).hex()
        answers.append(answered)
print(json.dumps(answers))
