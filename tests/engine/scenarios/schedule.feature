Feature: Schedule
  # DSL reference, "Schedule": every runs again and again, with no input.
  Scenario: A definition runs every so often
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: every, version: '1.0.0' }
    schedule: { every: { seconds: 1 } }
    do:
      - told: { set: '${ { input: . } }' }
    """
    When the definition is saved
    When the execution number 1 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    input: null
    """
    When the execution number 2 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    input: null
    """

  # DSL reference, "Schedule": cron; with a sixth field in front, for seconds.
  Scenario: A definition runs by a cron expression
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: cron, version: '1.0.0' }
    schedule: { cron: '* * * * * *' }
    do:
      - told: { set: '${ { input: . } }' }
    """
    When the definition is saved
    When the execution number 1 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    input: null
    """
    When the execution number 2 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    input: null
    """

  # DSL reference, "Schedule": every runs whether or not the run before has ended; here, none ever does by itself.
  Scenario: Every does not wait for the run before
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: overlapping, version: '1.0.0' }
    schedule: { every: { seconds: 1 } }
    do:
      - await: { listen: { to: { one: { with: { type: go } } } } }
    """
    When the definition is saved
    And the execution number 2 of its schedule has begun
    And the event is published:
    """yaml
    type: go
    data: 1
    """
    When the execution number 1 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    - 1
    """
    When the execution number 2 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    - 1
    """

  # DSL reference, "Schedule": after starts again once a run has completed, or failed, and the delay has passed.
  Scenario: After runs again when the run before has ended
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: after, version: '1.0.0' }
    schedule: { after: PT1S }
    do:
      - stop: { raise: { error: { type: 'https://example.com/stop', status: 500 } } }
    """
    When the definition is saved
    When the execution number 1 of its schedule ends
    Then the workflow should fault
    When the execution number 2 of its schedule ends
    Then the workflow should fault

  # DSL, "Event-driven scheduling": the input is the array of events that triggered the run; data is read by default.
  Scenario: An event starts an execution
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: on, version: '1.0.0' }
    schedule: { on: { one: { with: { type: heartbeat, data: '${ .bpm < 50 }' } } } }
    do:
      - told: { set: '${ { first: $workflow.input[0], count: (. | length) } }' }
    """
    When the definition is saved
    And the event is published:
    """yaml
    type: heartbeat
    data: { bpm: 60 }
    """
    And the event is published:
    """yaml
    type: heartbeat
    data: { bpm: 40 }
    """
    And the event is published:
    """yaml
    type: heartbeat
    data: { bpm: 30 }
    """
    When the execution number 1 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    first: { bpm: 40 }
    count: 1
    """
    When the execution number 2 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    first: { bpm: 30 }
    count: 1
    """

  # DSL reference, "Schedule", read: the events may be read with their envelopes; all collects one of each.
  Scenario: Several events start one execution
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: on-all, version: '1.0.0' }
    schedule:
      on: { all: [ { with: { type: a } }, { with: { type: b } } ] }
      read: envelope
    do:
      - told: { set: '${ { types: map(.type) } }' }
    """
    When the definition is saved
    And the event is published:
    """yaml
    type: b
    """
    And the event is published:
    """yaml
    type: b
    """
    And the event is published:
    """yaml
    type: a
    """
    When the execution number 1 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    types: [ b, a ]
    """

  # DSL reference, "Event Consumption Strategy": until collects events for one execution.
  Scenario: Events are collected until there are enough
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: on-until, version: '1.0.0' }
    schedule: { on: { any: [ { with: { type: t } } ], until: '( . | length ) == 2' } }
    do:
      - told: { set: '${ { events: . } }' }
    """
    When the definition is saved
    And the event is published:
    """yaml
    type: t
    data: 1
    """
    And the event is published:
    """yaml
    type: t
    data: 2
    """
    And the event is published:
    """yaml
    type: t
    data: 3
    """
    And the event is published:
    """yaml
    type: t
    data: 4
    """
    When the execution number 2 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    events: [ 3, 4 ]
    """

  # DSL reference, "Schedule": triggers stand side by side; an event need not wait for the time.
  Scenario: A definition may have several triggers
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: both, version: '1.0.0' }
    schedule: { every: { hours: 1 }, on: { one: { with: { type: now } } } }
    do:
      - told: { set: '${ { input: . } }' }
    """
    When the definition is saved
    And the event is published:
    """yaml
    type: now
    data: 1
    """
    When the execution number 1 of its schedule ends
    Then the workflow should complete with output:
    """yaml
    input: [ 1 ]
    """
