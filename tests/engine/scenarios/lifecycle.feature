Feature: Lifecycle
  # DSL reference, "Task Completed Event": who listens for it hears of every step that ran to its end, by its pointer.
  Scenario: A listener hears of completed steps
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [ { with: { type: io.serverlessworkflow.task.completed.v1 } } ], until: '( . | length ) == 3' } } }
      - told: { set: '${ { tasks: map(.task), workflow: (.[0].workflow | sub("-[0-9a-f-]{36}"; "-ID")), timed: (.[0].completedAt | test("Z$")) } }' }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: subject, version: '1.0.0' }
    do:
      - a: { do: [ { b: { set: { n: 1 } } } ] }
      - skipped: { if: '${ false }', set: { n: 2 } }
      - c: { set: { n: 3 } }
    """
    And the workflow is executed
    Then the workflow should complete
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    tasks: [ /do/0/a/do/0/b, /do/0/a, /do/2/c ]
    workflow: subject-ID.own
    timed: true
    """

  # DSL reference, "Task Created Event", "Task Started Event" and "Task Faulted Event": they come in the order of what happened.
  Scenario: A listener hears of a fault and what came before
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              any: [ { with: { type: io.serverlessworkflow.task.created.v1 } }, { with: { type: io.serverlessworkflow.task.started.v1 } }, { with: { type: io.serverlessworkflow.task.faulted.v1 } } ]
              until: '( . | length ) == 3'
            read: envelope
      - told: { set: '${ { types: map(.type), error: .[2].data.error } }' }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: subject, version: '1.0.0' }
    do:
      - stop: { raise: { error: { type: 'https://example.com/stop', status: 409 } } }
    """
    And the workflow is executed
    Then the workflow should fault
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    types: [ io.serverlessworkflow.task.created.v1, io.serverlessworkflow.task.started.v1, io.serverlessworkflow.task.faulted.v1 ]
    error: { type: 'https://example.com/stop', status: 409, instance: /do/0/stop }
    """

  # DSL reference, "Task Retried Event" and "Task Cancelled Event".
  Scenario: A listener hears of what is tried again, and of what is stopped
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              any: [ { with: { type: io.serverlessworkflow.task.retried.v1 } }, { with: { type: io.serverlessworkflow.task.cancelled.v1 } } ]
              until: '( . | length ) == 2'
            read: envelope
      - told: { set: '${ { told: map(.type, .data.task) } }' }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: subject, version: '1.0.0' }
    do:
      - again:
          try: [ { stop: { raise: { error: { type: 'https://example.com/stop', status: 500 } } } } ]
          catch: { retry: { limit: { attempt: { count: 1 } } }, do: [ { well: { set: { n: 1 } } } ] }
      - race:
          fork: { compete: true, branches: [ { slow: { wait: { seconds: 20 } } }, { quick: { set: { n: 2 } } } ] }
    """
    And the workflow is executed
    Then the workflow should complete
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    told: [ io.serverlessworkflow.task.retried.v1, /do/0/again, io.serverlessworkflow.task.cancelled.v1, /do/1/race/fork/branches/0/slow ]
    """

  # DSL reference, "Task Status Changed Event": the status alone.
  Scenario: A listener hears of changes of status
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [ { with: { type: io.serverlessworkflow.task.status-changed.v1 } } ], until: '( . | length ) == 3' } } }
      - told: { set: '${ { statuses: map(.status) } }' }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: subject, version: '1.0.0' }
    do:
      - a: { set: { n: 1 } }
    """
    And the workflow is executed
    Then the workflow should complete
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    statuses: [ pending, running, completed ]
    """

  # DSL reference, "Workflow Correlation Started Event" and "Workflow Correlation Completed Event": with the keys.
  Scenario: A listener hears of correlation and its keys
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              all:
                - with: { type: io.serverlessworkflow.workflow.correlation-started.v1 }
                - with: { type: io.serverlessworkflow.workflow.correlation-completed.v1 }
      - told: { set: '${ { named: map(.name | sub("-[0-9a-f-]{36}"; "-ID")), keys: .[1].correlationKeys, times: map(has("startedAt"), has("completedAt")) } }' }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: subject, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: paid, data: { order: 7 } } } } }
      - await: { listen: { to: { one: { with: { type: paid }, correlate: { order: { from: .data.order } } } } } }
    """
    And the workflow is executed
    Then the workflow should complete
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    named: [ subject-ID.own, subject-ID.own ]
    keys: { order: 7 }
    times: [ true, false, false, true ]
    """

  # The engine's own rule: who listens for all events hears no lifecycle events, for it would hear its own for ever.
  Scenario: Who listens for everything hears no lifecycle events
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [] } } }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: subject, version: '1.0.0' }
    do:
      - a: { set: { n: 1 } }
      - tell: { emit: { event: { with: { type: t, data: { n: 2 } } } } }
    """
    And the workflow is executed
    Then the workflow should complete
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { n: 2 }
    """
