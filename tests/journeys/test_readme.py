import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.platform import Platform

pytestmark = pytest.mark.journey


README = Path(__file__).parent.parent.parent / "README.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines under test are curl's")
def test_the_curl_lines_of_the_readme_run_as_printed(platform: Platform) -> None:
    (script,) = re.findall(r"```sh\n(EMAIL=.*?)```", README.read_text(), flags=re.DOTALL)
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | {"API_URL": platform.api_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"success":true' in result.stdout.replace(" ", "")
    assert '"entityId":"theme"' in result.stdout.replace(" ", "")
    assert '"status":"draft"' in result.stdout.replace(" ", "")
