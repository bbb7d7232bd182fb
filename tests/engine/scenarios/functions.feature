Feature: Functions
  # DSL reference, "Call": `with` maps the parameters; they are the function's input.
  Scenario: A function is called with parameters
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-parameters, version: '1.0.0' }
    use:
      functions:
        add: { set: { sum: '${ .a + .b }' } }
    do:
      - first: { call: add, with: { a: '${ .n }', b: 2 } }
      - second: { call: add, with: { a: '${ .sum }', b: 10 } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 13
    """

  # DSL reference, "Call": without `with` there are no parameters.
  Scenario: A function without parameters gets none
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-bare, version: '1.0.0' }
    use:
      functions:
        look: { set: { seen: '${ . }' } }
    do:
      - call: { call: look }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: {}
    """

  # DSL, "Creating a Custom Function": a function documents its input, which is validated.
  Scenario: A function validates its parameters
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-schema, version: '1.0.0' }
    use:
      functions:
        half:
          input: { schema: { document: { type: object, required: [ n ], properties: { n: { type: integer } } } } }
          set: { half: '${ .n / 2 }' }
    do:
      - bad: { call: half, with: { n: four } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /use/functions/half
    """

  # DSL reference, "Use": a function is any task, also one made of others; and may call another.
  Scenario: A function calls another
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-nested, version: '1.0.0' }
    use:
      functions:
        twice:
          do:
            - once: { call: add, with: { a: '${ .n }', b: '${ .n }' } }
            - tell: { set: { doubled: '${ .sum }' } }
        add: { set: { sum: '${ .a + .b }' } }
    do:
      - each:
          for: { each: n, in: '${ .numbers }' }
          do:
            - call: { call: twice, with: { n: '${ $n }' }, export: { as: '${ ($context.all // []) as $all | { all: ($all + [.doubled]) } }' } }
      - last: { set: { all: '${ $context.all }' } }
    """
    And given the workflow input is:
    """yaml
    numbers: [ 1, 2, 3 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    all: [ 2, 4, 6 ]
    """

  # DSL, "Errors": what a function raises can be caught where it is called.
  Scenario: What a function raises is caught by its caller
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-raises, version: '1.0.0' }
    use:
      errors: { no: { type: https://example.org/errors/no, status: 409 } }
      functions:
        refuse: { raise: { error: no } }
    do:
      - guarded:
          try:
            - call: { call: refuse }
          catch:
            errors: { with: { status: 409 } }
            as: problem
            do:
              - tell: { set: { at: '${ $problem.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    at: /use/functions/refuse
    """

  # DSL reference, "Task": what surrounds a call applies to a call of a function too.
  Scenario: The call's output is shaped after the function's
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-shaped, version: '1.0.0' }
    use:
      functions:
        pair: { set: { a: 1, b: 2 }, output: { as: '${ [.a, .b] }' } }
    do:
      - call: { call: pair, output: { as: '${ { total: add } }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    total: 3
    """

  # DSL reference, "Use": a function is a task; one that calls itself never ends.
  Scenario: A function that calls itself is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-round, version: '1.0.0' }
    use:
      functions:
        ping: { do: [ { over: { call: pong } } ] }
        pong: { call: ping }
    do: [ { start: { call: ping } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /use/functions/pong, detail: 'a function calls itself, by way of others or not' }
    """

  # DSL reference, "Call": a name that nothing has.
  Scenario: A function by a wrong name is refused with the nearest one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-slip, version: '1.0.0' }
    use: { functions: { greet: { set: { a: 1 } } } }
    do: [ { start: { call: gret } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/start/call, detail: 'use.functions has no such name, and it is neither name:version@catalog nor an address; did you mean greet?' }
    """

  # DSL reference, "Use": what is declared is checked, whether it is called or not.
  Scenario: A function that nobody calls is checked all the same
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-unused, version: '1.0.0' }
    use: { functions: { greet: { sett: { a: 1 } } } }
    do: [ { s: { set: { a: 1 } } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /use/functions/greet/sett, detail: 'unknown property; did you mean set?' }
    """

  # DSL reference, "Call": a function is any task, of many steps and waits too.
  Scenario: A function of many steps is called in each round
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-slow, version: '1.0.0' }
    use:
      functions:
        slow:
          do:
            - first: { wait: { milliseconds: 10 } }
            - second: { set: { got: '${ .n * 10 }' }, input: { from: '${ $task.input }' } }
            - third: { wait: { milliseconds: 10 } }
    do:
      - each:
          for: { each: n, in: '[1, 2]' }
          do:
            - one: { call: slow, with: { n: '${ $n }' }, export: { as: '${ ($context // []) + [.got] }' } }
      - tell: { set: { got: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: [ 10, 20 ]
    """

  # DSL, "Timeouts": a call of a function is a task like others.
  Scenario: A function that takes too long
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: function-late, version: '1.0.0' }
    use: { functions: { slow: { do: [ { nap: { wait: PT20S } } ] } } }
    do: [ { start: { call: slow, timeout: { after: { milliseconds: 100 } } } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/start
    """
