Feature: Run
  # DSL reference, "Workflow Process": the workflow's output is the task's.
  Scenario: A workflow runs another
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-add, version: '1.0.0' }
    do:
      - add: { set: { sum: '${ .a + .b }' } }
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-one, version: '1.0.0' }
    do:
      - first: { run: { workflow: { namespace: own, name: run-add, version: '1.0.0', input: { a: '${ .n }', b: 2 } } } }
      - second: { set: { total: '${ .sum }' } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    total: 3
    """

  # DSL reference, "Run": what is not awaited gives the task's transformed input.
  Scenario: A workflow that is not waited for
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-fails, version: '1.0.0' }
    do:
      - fail: { raise: { error: { type: https://example.org/errors/no, status: 409 } } }
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-detached, version: '1.0.0' }
    do:
      - start: { run: { workflow: { namespace: own, name: run-fails, version: '1.0.0' }, await: false }, input: { from: '${ { kept: .n } }' } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    kept: 1
    """

  # DSL, "Errors": the other workflow's own error is raised where it was run.
  Scenario: What a workflow raises can be caught by the one that runs it
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-raises, version: '1.0.0' }
    do:
      - fail: { raise: { error: { type: https://example.org/errors/no, status: 409, title: No, detail: '${ .why }' } } }
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-catches, version: '1.0.0' }
    do:
      - guarded:
          try:
            - start: { run: { workflow: { namespace: own, name: run-raises, version: '1.0.0', input: { why: because } } } }
          catch:
            errors: { with: { status: 409 } }
            as: problem
            do:
              - tell: { set: { told: '${ $problem }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    told: { type: https://example.org/errors/no, status: 409, title: No, detail: because, instance: /do/0/fail }
    """

  # DSL reference, "Workflow Process": the version defaults to the latest.
  Scenario: The latest version is run where none is named
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-versions, version: '1.0.0' }
    do: [ { tell: { set: { version: 1 } } } ]
    """
    And given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-versions, version: '1.1.0' }
    do: [ { tell: { set: { version: 2 } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-latest, version: '1.0.0' }
    do:
      - old: { run: { workflow: { namespace: own, name: run-versions, version: '1.0.0' } }, export: { as: '${ { old: .version } }' } }
      - new: { run: { workflow: { namespace: own, name: run-versions } }, output: { as: '${ [$context.old, .version] }' } }
      - tell: { set: { versions: '${ . }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    versions: [ 1, 2 ]
    """

  # DSL reference, "Standard Error Types": what is not there is a matter of configuration.
  Scenario: A workflow that is not there
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-missing, version: '1.0.0' }
    do:
      - start: { run: { workflow: { namespace: own, name: nowhere, version: '1.0.0' } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/start
    """

  # DSL, "Timeouts": a task that takes too long is a timeout, and what it ran is stopped.
  Scenario: A workflow that takes too long
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-slow, version: '1.0.0' }
    do: [ { nap: { wait: PT20S } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-late, version: '1.0.0' }
    do:
      - start: { run: { workflow: { namespace: own, name: run-slow, version: '1.0.0' } }, timeout: { after: { seconds: 1 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/start
    """

  # DSL reference, "Workflow Process": recursion is possible, and ends.
  Scenario: A workflow that runs itself for ever
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-self, version: '1.0.0' }
    do:
      - again: { run: { workflow: { namespace: own, name: run-self, version: '1.0.0' } } }
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-self, version: '1.0.0' }
    do:
      - again: { run: { workflow: { namespace: own, name: run-self, version: '1.0.0' } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    detail: workflows run one another more than 8 deep (runDepth)
    """

  # DSL reference, "Workflow Process": the input may be any value, an expression gives one as well.
  Scenario: A workflow runs on what an expression gives
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-doubles, version: '1.0.0' }
    do: [ { tell: { set: { all: '${ map(. * 2) }' } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-expression, version: '1.0.0' }
    do:
      - start: { run: { workflow: { namespace: own, name: run-doubles, version: '1.0.0', input: '${ .numbers }' } }, output: { as: .all } }
      - tell: { set: { doubled: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    numbers: [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    doubled: [ 2, 4 ]
    """

  # DSL reference, "Workflow Process": without an input there is nothing to run on.
  Scenario: A workflow without an input runs on an empty object
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-empty, version: '1.0.0' }
    do: [ { tell: { set: { given: '${ . }', raw: '${ $workflow.input }' } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-inputless, version: '1.0.0' }
    do: [ { start: { run: { workflow: { namespace: own, name: run-empty, version: '1.0.0' } } } } ]
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    given: {}
    raw: {}
    """

  # DSL, "Data Flow": what the other workflow validates is its own input.
  Scenario: A workflow that refuses its input
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-picky, version: '1.0.0' }
    input: { schema: { format: json, document: { type: object, required: [ n ] } } }
    do: [ { tell: { set: { n: '${ .n }' } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-refused-input, version: '1.0.0' }
    do: [ { start: { run: { workflow: { namespace: own, name: run-picky, version: '1.0.0', input: { m: 1 } } } } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """

  # DSL reference, "For": each round is a run of its own.
  Scenario: A workflow is run in each round of a loop
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-counts, version: '1.0.0' }
    do: [ { pause: { wait: { milliseconds: 10 } } }, { tell: { set: { n: '${ $workflow.input.n + 1 }', id: '${ $workflow.id }' } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-rounds, version: '1.0.0' }
    do:
      - each:
          for: { each: n, in: '[1, 2, 3]' }
          do:
            - start: { run: { workflow: { namespace: own, name: run-counts, version: '1.0.0', input: { n: '${ $n }' } } }, export: { as: '${ { all: (($context.all // []) + [.]) } }' } }
            - keep: { set: { all: '${ $context.all }' }, export: { as: '${ { all: .all } }' } }
      - tell: { set: { all: '${ .all | map(.n) }', executions: '${ .all | map(.id) | unique | length }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    all: [ 2, 3, 4 ]
    executions: 3
    """

  # DSL reference, "Fork": branches run at the same time, and so do the workflows they run.
  Scenario: Two workflows run side by side
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-beside, version: '1.0.0' }
    do: [ { pause: { wait: { milliseconds: 50 } } }, { tell: { set: { n: '${ $workflow.input.n }' } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-forks, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - one: { run: { workflow: { namespace: own, name: run-beside, version: '1.0.0', input: { n: 1 } } } }
              - two: { run: { workflow: { namespace: own, name: run-beside, version: '1.0.0', input: { n: 2 } } } }
      - tell: { set: { both: '${ . }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    both: [ { n: 1 }, { n: 2 } ]
    """

  # DSL reference, "Fork": the first that completes wins, and the others are cancelled.
  Scenario: A workflow that lost a race is stopped
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-loses, version: '1.0.0' }
    do: [ { nap: { wait: PT20S } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-race, version: '1.0.0' }
    do:
      - race:
          fork:
            compete: true
            branches:
              - slow: { run: { workflow: { namespace: own, name: run-loses, version: '1.0.0' } } }
              - fast: { set: { won: fast } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    won: fast
    """

  # DSL reference, "Retry": each try is a run of its own.
  Scenario: A workflow that fails is run again
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-flaky, version: '1.0.0' }
    do: [ { fail: { raise: { error: { type: https://example.org/errors/no, status: 503 } } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-retries, version: '1.0.0' }
    do:
      - again:
          try: [ { start: { run: { workflow: { namespace: own, name: run-flaky, version: '1.0.0' } } } } ]
          catch: { retry: { delay: PT0.01S, limit: { attempt: { count: 2 } } }, as: problem, do: [ { tell: { set: { status: '${ $problem.status }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 503
    """

  # DSL, "Timeouts": a workflow that takes longer than its own timeout fails, and so does what ran it.
  Scenario: A workflow with a timeout of its own
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-short, version: '1.0.0' }
    timeout: { after: { milliseconds: 100 } }
    do: [ { nap: { wait: PT20S } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-shortly, version: '1.0.0' }
    do: [ { start: { run: { workflow: { namespace: own, name: run-short, version: '1.0.0' } } } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    """

  # DSL reference, "Workflow Process": a workflow may run one that runs another.
  Scenario: What is run runs another
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-inner, version: '1.0.0' }
    do: [ { tell: { set: { depth: two } } } ]
    """
    And given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-middle, version: '1.0.0' }
    do: [ { start: { run: { workflow: { namespace: own, name: run-inner, version: '1.0.0' } } } } ]
    """
    And given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-outer, version: '1.0.0' }
    do: [ { start: { run: { workflow: { namespace: own, name: run-middle, version: '1.0.0' } } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    depth: two
    """

  # DSL reference, "Run" and "Workflow Process": what their members may be.
  Scenario: What a run cannot mean is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: run-unmeant, version: '1.0.0' }
    do:
      - one: { run: { workflow: { namespace: own, nam: other, version: '1.0.0' } } }
      - two: { run: { workflow: { namespace: own, name: other, version: '1.0.0' }, await: yes please } }
      - three: { run: { workflow: { namespace: own, name: other, version: '1.0.0' }, return: stdout } }
      - four: { run: { workflows: { namespace: own, name: other } } }
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/one/run/workflow/nam, detail: 'unknown property; did you mean name?' }
    - { pointer: /do/0/one/run/workflow, detail: name is missing }
    - { pointer: /do/1/two/run/await, detail: must be true or false }
    - { pointer: /do/2/three/run/return, detail: is for processes; a workflow returns its output }
    - { pointer: /do/3/four/run/workflows, detail: 'unknown property; did you mean workflow?' }
    - { pointer: /do/3/four/run, detail: 'must have exactly one of container, script, shell, workflow' }
    """
