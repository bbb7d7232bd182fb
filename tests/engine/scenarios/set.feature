Feature: Set
  # DSL reference, "Set": the task's output is what is set, and nothing of what came in.
  Scenario: Set replaces the data whole
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: set-replaces, version: '1.0.0' }
    do:
      - first: { set: { a: 1, b: 2 } }
      - second: { set: { c: '${ .a + .b }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    c: 3
    """

  # DSL reference, "Set": it may be one expression, whose value is the output.
  Scenario: Set takes an expression for the whole
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: set-expression, version: '1.0.0' }
    do:
      - whole: { set: '${ { sum: (.numbers | add) } }' }
    """
    And given the workflow input is:
    """yaml
    numbers: [ 1, 2, 3 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 6
    """

  # DSL, "Runtime expressions": what stands in the data is data, whatever it looks like.
  Scenario: An expression in the input is not evaluated
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: set-data, version: '1.0.0' }
    do:
      - copy: { set: { copied: '${ .told }' } }
    """
    And given the workflow input is:
    """yaml
    told: '${ 1 + 1 }'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    copied: '${ 1 + 1 }'
    """
