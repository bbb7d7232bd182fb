from __future__ import annotations

from pathlib import Path

import pytest

from bin.devtools.conformance.gherkin import scenarios
from bin.devtools.conformance.kit import run
from bin.devtools.fakes.https_server import fake_server
from bin.devtools.stack.servers import Stack

pytestmark = pytest.mark.stack


FEATURE = '''Feature: The harness itself
  Scenario: What is true passes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: pet, version: '1.0.0' }
    do:
      - getPet:
          call: http
          with: { method: get, endpoint: "https://petstore.swagger.io/v2/pet/{id}" }
      - nameIt:
          set: { called: "${ .name }" }
    """
    And given the workflow input is:
    """yaml
    id: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    called: Tom
    """
    And nameIt should run after getPet

  Scenario: What is false fails
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: one, version: '1.0.0' }
    do:
      - one:
          set: { n: 1 }
    """
    When the workflow is executed
    Then the workflow should fault

  Scenario: What is not known fails
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: one, version: '1.0.0' }
    do:
      - one:
          set: { n: 1 }
    """
    When the workflow is executed
    Then the moon should rise'''


async def test_the_harness_tells_right_from_wrong(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.feature"
    path.write_text(FEATURE)
    with fake_server() as server:
        assert await run(scenarios(path), stack.temporal_address, server) == (1, 3)
    said = capsys.readouterr().out
    assert "ok    own: What is true passes" in said
    assert "status is 'completed', not 'failed'" in said
    assert "the harness does not know: the moon should rise" in said
