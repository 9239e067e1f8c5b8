#!/usr/bin/env python3
"""An extension of a layer: it registers, and does what its file's name says."""

import http.client
import json
import os
import sys
import time
from pathlib import Path

NAME = Path(sys.argv[0]).name
MODE = NAME.partition(".")[0]
SEEN = Path("/tmp/seen.jsonl")
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
identifier = ""


def request(method, path, body=None, **headers):
    sent = {"Lambda-Extension-Identifier": identifier} if identifier else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, json.dumps(body) if body is not None else None, sent)
    response = connection.getresponse()
    return response.status, dict(response.headers), response.read().decode()


def note(**what):
    with SEEN.open("a") as file:
        file.write(json.dumps({"extension": NAME, **what}) + "\n")


def register(events=("INVOKE", "SHUTDOWN"), name=NAME, **headers):
    global identifier
    body = {"events": list(events)}
    path = "/2020-01-01/extension/register"
    status, answered, text = request("POST", path, body, Lambda_Extension_Name=name, **headers)
    identifier = answered.get("Lambda-Extension-Identifier", "")
    return status, text


def next_event():
    status, headers, text = request("GET", "/2020-01-01/extension/event/next")
    return status, headers, json.loads(text)


def error(path):
    return request(
        "POST",
        f"/2020-01-01/extension/{path}/error",
        {"errorMessage": "no licence", "errorType": "Licence", "stackTrace": ["licence.py:3"]},
        Lambda_Extension_Function_Error_Type="Extension.NoLicence",
    )


def main():
    print("extension", NAME, "starts", flush=True)
    if MODE == "crash_at_start":
        sys.exit(7)
    if MODE == "never_registers":
        time.sleep(60)
    if MODE == "slow":
        time.sleep(0.4)
    refused = register(name="another-name") if MODE == "wrong" else None
    status, text = register(Lambda_Extension_Accept_Feature="accountId")
    note(registered=status, answer=json.loads(text), refused=refused, directory=str(Path.cwd()))
    if MODE == "init_error":
        note(told=error("init"))
        time.sleep(60)
    if MODE == "crash_after_registering":
        sys.exit(7)
    if MODE == "telemetry":
        destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"}
        body = {"schemaVersion": "2022-12-13", "types": ["platform"], "destination": destination}
        status, _, text = request("PUT", "/2022-07-01/telemetry", body)
        note(subscribed=status, answer=text)
    while True:
        status, headers, event = next_event()
        note(status=status, event=event, has_id="Lambda-Extension-Event-Identifier" in headers)
        if event["eventType"] == "SHUTDOWN":
            return
        if MODE == "crash_with_an_event":
            sys.exit(7)
        if MODE == "exit_error":
            error("exit")
            time.sleep(60)


main()
