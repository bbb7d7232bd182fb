Feature: Flow directives
  # DSL reference, "Flow Directive": a name leads to that step of the same list, also back.
  Scenario: A jump backwards makes a loop
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-back, version: '1.0.0' }
    do:
      - start: { set: { n: 0 } }
      - count: { set: { n: '${ .n + 1 }' } }
      - again: { switch: [ { more: { when: '.n < 5', then: count } }, { done: { then: continue } } ] }
      - told: { set: { counted: '${ .n }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    counted: 5
    """

  # DSL reference, "Flow Directive": a name leads to that step of the same list.
  Scenario: A jump forwards leaves out what is between
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-forward, version: '1.0.0' }
    do:
      - first: { set: { a: 1 }, then: third }
      - second: { set: { b: 2 } }
      - third: { set: { a: '${ .a }', c: 3 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { a: 1, c: 3 }
    """

  # DSL reference, "Flow Directive": exit completes the scope it stands in.
  Scenario: Exit leaves the list and no more
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-exit, version: '1.0.0' }
    do:
      - within:
          do:
            - in: { set: { in: 1 }, then: exit }
            - never: { set: { in: 2 } }
      - after: { set: { after: '${ .in }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: 1
    """

  # DSL reference, "Flow Directive": end concludes the workflow.
  Scenario: End leaves every list there is
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-end, version: '1.0.0' }
    do:
      - within:
          do:
            - deeper:
                for: { in: '[ 1, 2, 3 ]', each: x }
                do:
                  - last: { set: { x: '${ $x }' }, then: end }
      - after: { set: { after: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    x: 1
    """

  # DSL reference, "Flow Directive": exit in the main list completes the workflow.
  Scenario: Exit in the main list ends the workflow
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-exit-main, version: '1.0.0' }
    do:
      - only: { set: { a: 1 }, then: exit }
      - never: { set: { a: 2 } }
    output: { as: '{ given: . }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    given: { a: 1 }
    """

  # DSL reference, "Flow Directive": continue after the last step concludes the list.
  Scenario: Continue after the last step is the end
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-continue, version: '1.0.0' }
    do:
      - only: { set: { a: 1 }, then: continue }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  # DSL reference, "Task": a step whose condition does not hold is not run.
  Scenario: A step that is passed over passes on what came, and not where it leads
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-if, version: '1.0.0' }
    do:
      - first: { set: { a: 1 } }
      - passed: { if: '.a > 1', set: { a: 2 }, then: end }
      - last: { set: { a: '${ .a + 10 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 11
    """

  # DSL reference, "Task": the condition is a runtime expression on the raw input.
  Scenario: A condition sees what came, before the step's own filter
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-if-raw, version: '1.0.0' }
    do:
      - first: { set: { outer: { a: 1 } } }
      - second: { if: '.outer.a == 1', input: { from: .outer }, set: { seen: '${ .a }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: 1
    """

  # DSL reference, "Switch": without a case that holds the flow goes on.
  Scenario: A switch that no case fits goes on
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-switch-none, version: '1.0.0' }
    do:
      - choose: { switch: [ { big: { when: '.n > 10', then: end } } ] }
      - after: { set: { after: '${ .n }' } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: 1
    """

  # DSL reference, "Switch Case": a case without when is the default.
  Scenario: The default is the last resort, wherever it stands
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-switch-default, version: '1.0.0' }
    do:
      - choose: { switch: [ { otherwise: { then: other } }, { small: { when: '.n < 10', then: small } } ] }
      - other: { set: { was: other }, then: end }
      - small: { set: { was: small } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    was: small
    """

  # DSL reference, "Fork": with compete the first to succeed sets the output.
  Scenario: The first branch that succeeds wins, whatever fails before it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-compete, version: '1.0.0' }
    do:
      - race:
          fork:
            compete: true
            branches:
              - fails: { raise: { error: { type: 'https://example.org/errors/no', status: 400 } } }
              - slow: { do: [ { pause: { wait: PT20S } }, { s: { set: { won: slow } } } ] }
              - quick: { do: [ { pause: { wait: { milliseconds: 20 } } }, { s: { set: { won: quick } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    won: quick
    """

  # DSL reference, "Fork": the output is that of the branches, in declared order.
  Scenario: Branches give their outputs in declared order
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-fork, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - slow: { do: [ { pause: { wait: { milliseconds: 60 } } }, { s: { set: { a: 1 } } } ] }
              - quick: { set: { b: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - { a: 1 }
    - { b: 2 }
    """

  # DSL reference, "Fork": a branch that fails fails the step.
  Scenario: A branch that fails cancels the others
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-fork-fault, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - slow: { wait: PT20S }
              - fails: { raise: { error: { type: 'https://example.org/errors/no', status: 418 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/no
    status: 418
    instance: /do/0/both/fork/branches/1/fails
    """

  # DSL reference, "For": while says whether another round is begun.
  Scenario: A loop ends when its condition no longer holds
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-while, version: '1.0.0' }
    do:
      - start: { set: { sum: 0 } }
      - loop:
          for: { each: n, in: '[ 1, 2, 3, 4, 5 ]', at: i }
          while: .sum < 5
          do: [ { add: { set: { sum: '${ .sum + $n }', at: '${ $i }' } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 6, at: 2 }
    """

  # DSL reference, "For": item and index are the names by default.
  Scenario: A loop over an inline array has its names by default
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-for-inline, version: '1.0.0' }
    do:
      - start: { set: { seen: [] } }
      - loop:
          for: { in: [ { v: a }, { v: b } ] }
          do: [ { add: { set: { seen: '${ .seen + [ { ($item.v): $index } ] }' } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ { a: 0 }, { b: 1 } ]
    """

  # DSL reference, "For": what is no array cannot be gone through.
  Scenario: A loop over what is no array is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: directives-for-text, version: '1.0.0' }
    do:
      - loop: { for: { in: .n, each: x }, do: [ { s: { set: { a: 1 } } } ] }
    """
    And given the workflow input is:
    """yaml
    n: text
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/loop
    """
