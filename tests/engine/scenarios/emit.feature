Feature: Emit
  # DSL reference, "Event Properties": id, source and time are filled in; the source is the workflow's identity.
  Scenario: Emit completes an event
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: filled-in, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: com.example.greeted, data: { to: '${ .name }' } } } } }
      - told:
          set: '${ { attributes: keys, source, specversion, data, timed: (.time | test("^[0-9-]+T[0-9:.]+Z$")), named: (.id | length) } }'
    """
    And given the workflow input is:
    """yaml
    name: Ada
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    attributes: [ data, id, source, specversion, time, type ]
    source: /own/filled-in/1.0.0
    specversion: '1.0'
    data: { to: Ada }
    timed: true
    named: 36
    """

  # DSL reference, "Event Properties": what the author says takes precedence, and extension attributes may be added.
  Scenario: Emit keeps what the author says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: given, version: '1.0.0' }
    do:
      - tell:
          emit:
            event:
              with:
                id: '${ "order-\(.order)" }'
                source: https://example.com/shops/{shop}
                type: placed
                time: '2026-01-02T03:04:05Z'
                subject: '${ .order | tostring }'
                priority: 3
                data: '${ . }'
    """
    And given the workflow input is:
    """yaml
    { order: 7, shop: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    specversion: '1.0'
    id: order-7
    source: https://example.com/shops/4
    type: placed
    time: '2026-01-02T03:04:05Z'
    subject: '7'
    priority: 3
    data: { order: 7, shop: 4 }
    """

  # CloudEvents 1.0.2, section "Context Attributes": what expressions give must make an event.
  Scenario: An emitted event must be one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: invalid, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: '${ .kind }' } } } }
    """
    And given the workflow input is:
    """yaml
    kind: 7
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    detail: the event's type must be a non-empty string
    instance: /do/0/tell
    """

  # DSL, "Events": one workflow emits what another one listens for.
  Scenario: What one workflow emits reaches another one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [ { with: { type: greeted } } ], until: '( . | length ) == 3' } } }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: teller, version: '1.0.0' }
    do:
      - thrice:
          for: { in: '${ [ 1, 2, 3 ] }' }
          do:
            - tell: { emit: { event: { with: { type: greeted, data: '${ $item }' } } } }
    """
    And the workflow is executed
    Then the workflow should complete
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3 ]
    """

  # DSL, "Events": what has been emitted is emitted, whatever happens to the workflow afterwards.
  Scenario: A fault does not take back what was emitted
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: listener, version: '1.0.0' }
    do:
      - await: { listen: { to: { one: { with: { type: begun } } } } }
    """
    When the workflow is started
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: faulty, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: begun, data: 1 } } } }
      - stop: { raise: { error: { type: 'https://example.com/stop', status: 500 } } }
    """
    And the workflow is executed
    Then the workflow should fault
    When the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 1
    """

  # DSL, "Events": a workflow may hear itself.
  Scenario: A workflow may listen for what it has emitted
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: itself, version: '1.0.0' }
    do:
      - tell: { emit: { event: { with: { type: own, data: { n: 1 } } } } }
      - await: { listen: { to: { one: { with: { type: own } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - { n: 1 }
    """
