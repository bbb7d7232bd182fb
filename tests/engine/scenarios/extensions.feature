Feature: Extensions
  # DSL reference, "Extension": `exit` in `before` bypasses the extended task.
  Scenario: An extension stands in for a call
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-mock, version: '1.0.0' }
    use:
      extensions:
        - mock:
            extend: call
            when: '${ $task.with.endpoint.uri | startswith("https://mocked.example.org") }'
            before:
              - respond: { set: { mocked: true }, then: exit }
    do:
      - ask: { call: http, with: { method: get, endpoint: { uri: https://mocked.example.org/x } } }
      - also: { set: { mocked: '${ .mocked }', after: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mocked: true
    after: true
    """

  # DSL reference, "Extension": `when` decides whether it applies.
  Scenario: An extension that does not apply changes nothing
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-when, version: '1.0.0' }
    use:
      extensions:
        - mock:
            extend: set
            when: '${ $task.name == "second" }'
            before:
              - respond: { raise: { error: { type: https://example.org/errors/no, status: 409 } } }
    do:
      - first: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  # DSL, "Extensions": steps before and after; what they give leaves the task's data alone.
  Scenario: An extension before and after a step sees its task and leaves its data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-around, version: '1.0.0' }
    use:
      extensions:
        - log:
            extend: set
            before:
              - note: { do: [ { x: { wait: { milliseconds: 1 } } } ], export: { as: '${ { seen: (($context.seen // []) + ["before " + $task.reference]) } }' } }
            after:
              - note: { do: [ { x: { wait: { milliseconds: 1 } } } ], export: { as: '${ { seen: (($context.seen // []) + ["after \($task.name) \($output.n)"]) } }' } }
    do:
      - one: { set: { n: 1 } }
      - two: { do: [ { three: { set: { n: '${ .n + 1 }' } } } ], output: { as: '${ { n: .n, seen: $context.seen } }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 2
    seen: [ before /do/0/one, after one 1, before /do/1/two/do/0/three, after three 2 ]
    """

  # DSL reference, "Extension": `all` is any non-extension task.
  Scenario: Extensions do not extend each other
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-all, version: '1.0.0' }
    use:
      extensions:
        - one: { extend: all, before: [ { note: { set: { x: 1 }, export: { as: '${ { count: (($context.count // 0) + 1) } }' } } } ] }
        - two: { extend: all, after: [ { note: { set: { x: 1 }, export: { as: '${ { count: (($context.count // 0) + 10) } }' } } } ] }
    do:
      - only: { set: { n: 1 }, output: { as: '${ { count: $context.count } }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    count: 11
    """

  # DSL reference, "Extension": `composite` is a task made of others.
  Scenario: An extension of composites extends them alone
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-composite, version: '1.0.0' }
    use:
      extensions:
        - skip: { extend: composite, before: [ { instead: { set: { skipped: true }, then: exit } } ] }
    do:
      - first: { set: { n: 1 } }
      - second: { do: [ { third: { set: { n: 2 } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    skipped: true
    """

  # DSL reference, "Extension" and "Errors": what fails in an extension fails the task.
  Scenario: A fault in an extension is the task's
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-fault, version: '1.0.0' }
    use:
      extensions:
        - check:
            extend: set
            before:
              - refuse: { raise: { error: { type: https://example.org/errors/no, status: 409 } } }
    do:
      - guarded: { set: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/no
    status: 409
    instance: /use/extensions/0/check/before/0/refuse
    """

  # DSL reference, "Extension": before and after take their time, and may do several things.
  Scenario: An extension waits before and after a list of steps
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: extension-calm, version: '1.0.0' }
    use:
      extensions:
        - calm:
            extend: composite
            before: [ { b: { wait: { milliseconds: 10 } } }, { bb: { set: { seen: before }, export: { as: '${ [.seen] }' } } } ]
            after: [ { a: { wait: { milliseconds: 10 } } }, { aa: { set: { seen: after }, export: { as: '${ $context + [.seen] }' } } } ]
    do:
      - work:
          do:
            - one: { wait: { milliseconds: 10 } }
            - two: { set: { a: 1 }, export: { as: '${ $context + ["work"] }' } }
      - tell: { set: { a: '${ .a }', order: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    order: [ before, work, after ]
    """
