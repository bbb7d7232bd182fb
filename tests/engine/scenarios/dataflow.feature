Feature: Data flow
  # DSL, "Data flow": the workflow's input filter makes what the first step gets; $workflow.input stays raw.
  Scenario: The raw input stays behind the filter
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-raw, version: '1.0.0' }
    input: { from: .order }
    do:
      - show: { set: { got: '${ .id }', asked: '${ $workflow.input.by }' } }
    """
    And given the workflow input is:
    """yaml
    { order: { id: 7 }, by: me }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { got: 7, asked: me }
    """

  # DSL, "Data flow": input is validated before it is transformed.
  Scenario: An input that breaks the workflow's schema is an error before any step
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-schema, version: '1.0.0' }
    input: { schema: { document: { type: object, required: [ id ] } } }
    do:
      - never: { set: { a: 1 } }
    """
    And given the workflow input is:
    """yaml
    { name: x }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    """

  # DSL, "Data flow": a step's input is validated before it is transformed.
  Scenario: An input that breaks a step's schema is that step's error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-step-schema, version: '1.0.0' }
    do:
      - first: { set: { n: text } }
      - second:
          input: { schema: { format: json, document: { type: object, properties: { n: { type: number } } } }, from: .n }
          set: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /do/1/second
    """

  # DSL, "Data flow": output is transformed, then validated.
  Scenario: An output is checked after its filter
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-output, version: '1.0.0' }
    do:
      - first:
          set: { outer: { n: text } }
          output: { as: .outer, schema: { document: { type: object, properties: { n: { type: number } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /do/0/first
    """

  # DSL, "Data flow": what the filter of the output gives is the next step's input.
  Scenario: A step's output filter shapes what the next one gets
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-filter, version: '1.0.0' }
    do:
      - first: { set: { many: [ 3, 1, 2 ] }, output: { as: '{ least: (.many | min) }' } }
      - second: { set: { was: '${ . }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    was: { least: 1 }
    """

  # DSL, "Data flow": export replaces the context, and the next steps see it.
  Scenario: What is exported is seen by all that follow
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-export, version: '1.0.0' }
    do:
      - first: { set: { a: 1 }, export: { as: '{ first: . }' } }
      - second: { set: { b: 2 }, export: { as: '$context + { second: . }' } }
      - third: { set: { all: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    all: { first: { a: 1 }, second: { b: 2 } }
    """

  # DSL, "Data flow": an export is validated against its schema.
  Scenario: An export that breaks its schema is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-export-schema, version: '1.0.0' }
    do:
      - first: { set: { a: 1 }, export: { as: '{ n: .a }', schema: { document: { properties: { n: { type: string } } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /do/0/first
    """

  # DSL, "Data flow": the workflow's output filter has the last word.
  Scenario: The workflow's output is filtered from its last step and the context
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-whole, version: '1.0.0' }
    do:
      - first: { set: { a: 1 }, export: { as: '{ kept: .a }' } }
      - second: { set: { b: 2 } }
    output: { as: '{ last: .b, kept: $context.kept }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { last: 2, kept: 1 }
    """

  # DSL, "Runtime expression arguments": $task describes the step.
  Scenario: A step knows its name, its place, its definition and what came
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-task, version: '1.0.0' }
    do:
      - first: { set: { n: 1 } }
      - second:
          metadata: { colour: blue }
          input: { from: '{ m: .n }' }
          set: { name: '${ $task.name }', at: '${ $task.reference }', colour: '${ $task.definition.metadata.colour }', raw: '${ $task.input }', input: '${ $input }', timed: '${ $task.startedAt | has("iso8601") }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    name: second
    at: /do/1/second
    colour: blue
    raw: { n: 1 }
    input: { m: 1 }
    timed: true
    """

  # DSL, "Runtime expression arguments": $workflow and $runtime.
  Scenario: A step knows its workflow and what runs it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-workflow, version: '1.0.0' }
    do:
      - show: { set: { name: '${ $workflow.definition.document.name }', id: '${ $workflow.id | length }', began: '${ $workflow.startedAt.epoch.seconds > 0 }', by: '${ $runtime.name }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: dataflow-workflow, id: 36, began: true, by: cloud-api }
    """

  # DSL, "Runtime expression arguments": $output is there once there is one.
  Scenario: An export sees the output before and after its filter
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-both, version: '1.0.0' }
    do:
      - first: { set: { a: { b: 1 } }, output: { as: .a }, export: { as: '{ raw: $task.output, shaped: $output, now: . }' } }
      - second: { set: { all: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    all: { raw: { a: { b: 1 } }, shaped: { b: 1 }, now: { b: 1 } }
    """

  # DSL, "Runtime expressions": an expression that fails is an error of its kind.
  Scenario: An expression that fails is an error where it stands
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: dataflow-expression, version: '1.0.0' }
    do:
      - fine: { set: { a: text } }
      - fails: { set: { b: '${ .a + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/1/fails
    """
