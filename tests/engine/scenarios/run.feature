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
    detail: workflows run one another more than 8 deep
    """
