Feature: Timeouts, errors, waits
  # DSL reference, "Timeout": a workflow's own timeout ends it.
  Scenario: A workflow takes no longer than it says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-workflow, version: '1.0.0' }
    timeout: { after: { milliseconds: 60 } }
    do:
      - slow: { wait: PT20S }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    """

  # DSL reference, "Timeout": a step's timeout is an error at that step.
  Scenario: A step takes no longer than it says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-step, version: '1.0.0' }
    do:
      - quick: { wait: { milliseconds: 10 } }
      - slow: { wait: PT20S, timeout: { after: PT0.05S } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/1/slow
    """

  # DSL reference, "Timeout": a timeout may be one of use.timeouts.
  Scenario: A timeout by name is the same for all that name it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-named, version: '1.0.0' }
    use: { timeouts: { short: { after: { milliseconds: 50 } } } }
    do:
      - list: { do: [ { slow: { wait: PT20S } } ], timeout: short }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/list
    """

  # DSL reference, "Timeout": a duration may be an expression.
  Scenario: A timeout may come from the data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-expression, version: '1.0.0' }
    do:
      - slow: { wait: PT20S, timeout: { after: '${ .limit }' } }
    """
    And given the workflow input is:
    """yaml
    limit: PT0.05S
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/slow
    """

  # DSL reference, "Timeout": it is an error like any other, and can be caught.
  Scenario: A timeout is caught by its type
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-caught, version: '1.0.0' }
    do:
      - attempt:
          try: [ { slow: { wait: PT20S, timeout: { after: PT0.05S } } } ]
          catch:
            errors: { with: { type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout' } }
            as: problem
            do: [ { told: { set: { status: '${ $problem.status }', at: '${ $problem.instance }' } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { status: 408, at: /do/0/attempt/try/0/slow }
    """

  # DSL reference, "Timeout": a limit around a try covers its retries.
  Scenario: A timeout around a try ends its retries
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-retries, version: '1.0.0' }
    do:
      - attempt:
          try: [ { fails: { raise: { error: { type: 'https://example.org/errors/no', status: 503 } } } } ]
          catch: { retry: { delay: { milliseconds: 30 } } }
          timeout: { after: { milliseconds: 100 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/attempt
    """

  # DSL reference, "Timeout": a limit around a loop covers all of its rounds.
  Scenario: A timeout around a loop covers all rounds
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-loop, version: '1.0.0' }
    do:
      - loop:
          for: { in: '[ range(100) ]', each: n }
          do: [ { pause: { wait: { milliseconds: 30 } } } ]
          timeout: { after: { milliseconds: 100 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/loop
    """

  # DSL reference, "Wait": an object of units.
  Scenario: A wait passes on what came
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-wait, version: '1.0.0' }
    do:
      - pause: { wait: { seconds: 0, milliseconds: 20 } }
      - after: { set: { was: '${ .a }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    was: 1
    """

  # DSL reference, "Duration": an expression may give a duration in either form.
  Scenario: A wait may come from the data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-wait-expression, version: '1.0.0' }
    do:
      - text: { wait: '${ .text }' }
      - units: { wait: '${ .units }' }
    output: { as: .units.milliseconds }
    """
    And given the workflow input is:
    """yaml
    { text: PT0.01S, units: { milliseconds: 15 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    15
    """

  # DSL reference, "Duration": what is no duration cannot be waited.
  Scenario: A wait for what is no duration is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-wait-bad, version: '1.0.0' }
    do:
      - pause: { wait: '${ .text }' }
    """
    And given the workflow input is:
    """yaml
    text: soon
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/pause
    """

  # DSL reference, "Raise": an error has expressions in its members.
  Scenario: An error is raised with what the data says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-raise, version: '1.0.0' }
    do:
      - fail: { raise: { error: { type: 'https://example.org/errors/none-left', status: 409, title: '${ "No " + .what }', detail: '${ "wanted \(.n)" }' } } }
    """
    And given the workflow input is:
    """yaml
    { what: tea, n: 3 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/none-left
    status: 409
    title: No tea
    detail: wanted 3
    instance: /do/0/fail
    """

  # DSL reference, "Raise": an error may be one of use.errors, with an instance of its own.
  Scenario: An error by name keeps the instance it has
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-raise-named, version: '1.0.0' }
    use: { errors: { gone: { type: 'https://example.org/errors/gone', status: 410, instance: /elsewhere } } }
    do:
      - fail: { raise: { error: gone } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/gone
    status: 410
    instance: /elsewhere
    """

  # DSL reference, "Catch": what the filter does not fit is not caught.
  Scenario: An error of another status passes a catch
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-uncaught, version: '1.0.0' }
    do:
      - attempt:
          try: [ { fails: { raise: { error: { type: 'https://example.org/errors/no', status: 500 } } } } ]
          catch: { errors: { with: { status: 404 } }, do: [ { never: { set: { a: 1 } } } ] }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/no
    status: 500
    instance: /do/0/attempt/try/0/fails
    """

  # DSL reference, "Catch": when and exceptWhen look at the error.
  Scenario: An error that the exception fits passes a catch
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-except, version: '1.0.0' }
    do:
      - attempt:
          try: [ { fails: { raise: { error: { type: 'https://example.org/errors/no', status: 500, title: Final } } } } ]
          catch: { when: '$error.status == 500', exceptWhen: '$error.title == "Final"', do: [ { never: { set: { a: 1 } } } ] }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/no
    status: 500
    instance: /do/0/attempt/try/0/fails
    """

  # DSL reference, "Catch": then says where the flow goes after an error.
  Scenario: A caught error may lead elsewhere
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-then, version: '1.0.0' }
    do:
      - attempt:
          try: [ { fails: { raise: { error: { type: 'https://example.org/errors/no', status: 500 } } } } ]
          catch: { do: [ { mend: { set: { mended: true } } } ], then: last }
      - never: { set: { mended: false } }
      - last: { set: { was: '${ .mended }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    was: true
    """

  # DSL reference, "Catch": an error in the handler is an error like any other.
  Scenario: A handler that fails is caught by the try around it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeouts-nested, version: '1.0.0' }
    do:
      - outer:
          try:
            - inner:
                try: [ { one: { raise: { error: { type: 'https://example.org/errors/one', status: 500 } } } } ]
                catch: { do: [ { two: { raise: { error: { type: 'https://example.org/errors/two', status: 501 } } } } ] }
          catch: { as: e, do: [ { told: { set: { type: '${ $e.type }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: https://example.org/errors/two
    """
