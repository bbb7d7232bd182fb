"""What the rules of safe_calls.yaml find, and what they leave alone: read by semgrep, run by nobody."""
# mypy: ignore-errors

import datetime
import os
import subprocess
import time
import urllib.request
from datetime import UTC

import flask
import httpx2
import requests
from flask import request

# ruleid: no-shell
subprocess.run(line, shell=True)
# ruleid: no-shell
subprocess.run(line, shell=asked)
# ruleid: no-shell
os.system(line)
# ok: no-shell
subprocess.run(["ls"], shell=False)
# ok: no-shell
subprocess.run(["ls"])

# ruleid: requests-through-the-guard
httpx2.AsyncClient()
# ruleid: requests-through-the-guard
requests.get(url)
# ruleid: requests-through-the-guard
urllib.request.urlopen(url)
# ok: requests-through-the-guard
httpx2.Request("GET", url)
# ok: requests-through-the-guard
guard.get(url)

# ruleid: no-clock-in-the-engine
at = datetime.datetime.now(UTC)
# ruleid: no-clock-in-the-engine
at = time.time()
# ok: no-clock-in-the-engine
began = time.monotonic()

# ruleid: no-bodies-in-the-log
log.info("asked", body=request.get_data())
# ruleid: no-bodies-in-the-log
_log.warning(flask.request.json)
# ok: no-bodies-in-the-log
log.info("asked", route=request.path)
# ok: no-bodies-in-the-log
_log.warning("refused", status=response.status)
