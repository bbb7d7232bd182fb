"""What no definition and no execution may exceed, by the names that errors have for it.

Each number stands beside its rule; here is the list that is published.
"""

from __future__ import annotations

from engine.interpreter import node, pace, sizes, syntax, variables
from engine.interpreter.expressions import child
from engine.interpreter.steps import call_function, fork, loop, run, wait

PUBLISHED: dict[str, float] = {
    "addressCharacters": variables.CHARACTERS_MAX,
    "definitionDepth": syntax.DEPTH_MAX,
    "definitionSteps": node.STEPS_MAX,
    "definitionValues": syntax.NODES_MAX,
    "definitionYamlCpuSeconds": child.DOCUMENT.cpu_seconds,
    "executionDataBytes": sizes.HELD_BYTES_MAX,
    "expressionCharacters": node.PROGRAM_CHARACTERS_MAX,
    "expressionCpuSeconds": child.CPU_SECONDS_MAX,
    "expressionMemoryBytes": child.MEMORY_BYTES_MAX,
    "expressionResultBytes": child.RESULT_BYTES_MAX,
    "forkBranches": fork.BRANCHES_MAX,
    "functionDepth": call_function.DEPTH_MAX,
    "loopIterations": loop.ITERATIONS_MAX,
    "runDepth": run.DEPTH_MAX,
    "stepDataBytes": sizes.DATA_BYTES_MAX,
    "stepDataDepth": sizes.DATA_DEPTH_MAX,
    "stepsNested": sizes.NESTED_MAX,
    "stepsPerMinute": pace.STEPS_PER_MINUTE,
    "stepsWalked": pace.STEPS_WALKED_MAX,
    "waitSeconds": wait.SECONDS_MAX,
}
